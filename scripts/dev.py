"""What the Makefile forwards to: set up the environment, then run one target. Standard library only.

    python3 scripts/dev.py TARGET
    TARGET: run, run-services, test, test-fast, test-versions, coverage, coverage-versions, check, docs,
        bench [NAME], chaos, security, security-short, help

The environment is .venv, filled from uv.lock. It is made again only when the lock or pyproject.toml changed.
"""

import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "set-up"
SITE = ROOT / "build" / "site"
COVERAGE = ROOT / "build" / "coverage"
UV = "uv==0.13.9"
OLDEST = (3, 11)
_EXIT_USAGE = 2  # as argparse and make

#: What each set of targets needs of uv.lock: the embedded product, the tools and services, the bench's peers.
_RUN = ("--no-default-groups", "--extra", "huey", "--extra", "reader")
_DEVELOP = (
    "--group",
    "dev",
    *(
        f"--extra={name}"
        for name in (
            "aws",
            "huey",
            "opentelemetry",
            "postgres",
            "reader",
            "reader-ocr",
            "redis",
            "requests",
            "sandbox",
        )
    ),
)
_BENCH = (*_DEVELOP, "--extra", "bench")
#: The site imports the modules whose docstrings it shows; the license gate reads what is installed.
_DOCS = (*_DEVELOP, "--group", "docs")

#: Most tests wait for processes, so three run side by side. Those of one file share its services, and so do
#: those of some folders (tests/conftest.py).
_BESIDE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
#: A test that hangs is named and ends the run; the longest takes less than a minute.
_BOUNDED = ("-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true")

#: A minute without services and browsers, while one writes code. What waits longest comes first, so that the
#: three processes end together.
_FAST = (
    "tests/plugins/queues/huey/test_sqlite.py",
    "tests/plugins/stores/local",
    "tests/plugins/vendors",
    "tests/server/test_bodies.py",
    "tests/server/test_sessions.py",
    "tests/server/test_sockets.py",
    "tests/server/test_trouble.py",
    "tests/core",
    "--ignore=tests/core/cli",
    "--ignore=tests/core/testing",
)
#: What differs between versions of Python shows here: the event loop, its transports, the libraries on it.
_VERSIONS = (
    *_FAST,
    "tests/plugins/stores/redis/test_contract.py",
    "tests/plugins/stores/redis/test_faults.py",
    "tests/plugins/queues/postgres/test_connections.py",
)


def main(arguments: Sequence[str]) -> int:
    """Run the target named first; the rest goes to it."""
    target, *rest = arguments or ["help"]
    targets: dict[str, Callable[[], int]] = {
        "run": lambda: _proofing("run", *rest),
        "run-services": lambda: _python("scripts/services.py", *rest),
        "test": lambda: _pytest(*_BESIDE, *_BOUNDED, *rest),
        "test-fast": lambda: _pytest(*_BESIDE, *_BOUNDED, *_FAST, *rest),
        "test-versions": lambda: _pytest(*_BESIDE, *_BOUNDED, *_VERSIONS, *rest),
        "coverage": lambda: _coverage((), rest),
        "coverage-versions": lambda: _coverage(_VERSIONS, rest, "versions"),
        "check": _check,
        "docs": _docs,
        "bench": lambda: _bench(rest),
        "chaos": lambda: _reported(("measurements", "claims"), "-m", "chaos", "-s", *rest),
        "security": lambda: _reported(("claims",), "-m", "security", *rest),
        "security-short": lambda: _pytest("-k", "security or canary", *rest),
    }
    if target == "help":
        return _help()
    if target not in targets:
        print(f"No such target: {target}. There are: {', '.join([*targets, 'help'])}.", file=sys.stderr)
        return _EXIT_USAGE
    if "MAKELEVEL" in os.environ:
        _end_with_parent()
    _set_up({"run": _RUN, "bench": _BENCH, "check": _DOCS, "docs": _DOCS}.get(target, _DEVELOP))
    return targets[target]()


def _set_up(wanted: Sequence[str]) -> None:
    """Make or refresh the environment, if anything it is made from has changed."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.")
    lock = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml")))
    stamp = f"{lock.hexdigest()} {' '.join(wanted)}"
    made = STAMP.read_text().splitlines() if STAMP.exists() else []
    if stamp in made:
        return
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        print("Making .venv …", flush=True)
        _run(sys.executable, "-m", "venv", str(VENV))
    uv = shutil.which("uv", path=str(BIN))
    if uv is None:
        _run(str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
        uv = str(BIN / "uv")
    print("Installing what uv.lock names …", flush=True)
    # --inexact: uv itself lives in this environment, and would remove itself.
    _run(uv, "sync", "--quiet", "--frozen", "--inexact", *wanted)
    kept = [line for line in made if line.startswith(lock.hexdigest())]
    STAMP.write_text("\n".join([*kept, stamp]))


def _end_with_parent() -> None:
    """Have the kernel end this process, and what it becomes, when its parent is gone; Linux only.

    Our parent is make, or for one of our children this script. Neither passes SIGKILL on, nor does make pass
    on a SIGHUP that was for it alone.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)


def _environment() -> dict[str, str]:
    """Return the variables for children: no other interpreter, our commands first, modules kept compiled."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(VENV), "PATH": path}


def _run(*command: str) -> None:
    """Run one step and stop at its failure."""
    code = _call(*command)
    if code:
        sys.exit(code)


def _call(*command: str) -> int:
    """Run one command in the project's folder and return its exit code."""
    # No thread runs here, so a function before exec is safe.
    before = None if os.name == "nt" else _end_with_parent
    return subprocess.run(command, cwd=ROOT, env=_environment(), check=False, preexec_fn=before).returncode


def _python(*arguments: str) -> int:
    """Run Python of the environment, replacing this process so that signals reach it."""
    return _replace(str(BIN / "python"), *arguments)


def _proofing(*arguments: str) -> int:
    """Run the command line of the product."""
    return _replace(str(BIN / "python"), "-m", "proofing.cli", *arguments)


def _replace(*command: str) -> int:
    """Become *command*; on Windows, wait for it."""
    os.chdir(ROOT)
    if os.name == "nt":
        return _call(*command)
    os.execve(command[0], list(command), _environment())  # noqa: S606 - our own commands
    return 0  # never reached


def _pytest(*arguments: str) -> int:
    """Run the tests."""
    return _replace(str(BIN / "python"), "-m", "pytest", *arguments)


def _coverage(tests: Sequence[str], more: Sequence[str], *bars: str) -> int:
    """Run *tests*, or all, and measure what runs in their processes; then hold each part to its bar."""
    shutil.rmtree(COVERAGE, ignore_errors=True)
    measured = (str(BIN / "python"), "-m", "coverage", "run", "-m", "pytest")
    code = _call(*measured, *_BESIDE, *_BOUNDED, *tests, *more)
    return max(code, _call(str(BIN / "python"), "scripts/coverage_gate.py", *bars))


def _reported(scripts: Sequence[str], *arguments: str) -> int:
    """Run long tests, then the scripts that write pages of the docs from what they found."""
    code = _call(str(BIN / "python"), "-m", "pytest", *arguments)
    return max([code, *(_call(str(BIN / "python"), f"scripts/{script}.py") for script in scripts)])


def _check() -> int:
    """Run every linter, and fail when one of them does."""
    steps = (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("lint-imports",),
        ("python", "-m", "pytest", "-q", "tests/test_layout.py"),
        ("python", "-m", "scripts.terraform.check"),
        ("python", "scripts/licenses.py"),
    )
    codes = [_call(str(BIN / name), *arguments) for name, *arguments in steps]
    return max(codes)


def _docs() -> int:
    """Build the site; a broken link, a page outside of the navigation or an old drawing fails."""
    if code := _call(str(BIN / "python"), "scripts/drawings.py", "--check"):
        return code
    shutil.rmtree(SITE, ignore_errors=True)
    # What is kept between builds would hide warnings of pages that did not change.
    strict = ("--fail-on-warning", "--keep-going", "--fresh-env", "--quiet")
    code = _call(str(BIN / "sphinx-build"), *strict, "-b", "html", "-c", "docs/site", ".", str(SITE))
    if code == 0:
        print(f"The site is in {SITE.relative_to(ROOT)}; open {SITE.relative_to(ROOT) / 'index.html'}.")
    return code


def _bench(names: Sequence[str]) -> int:
    """Run one bench, or all of them one after the other, then write the pages made of the reports."""
    found = sorted(path.parent.name for path in (ROOT / "bench").glob("*/__main__.py"))
    unknown = set(names) - set(found)
    if unknown:
        sys.exit(f"No such bench: {', '.join(sorted(unknown))}. There are: {', '.join(found)}.")
    codes = [_call(str(BIN / "python"), "-m", f"bench.{name}") for name in (names or found)]
    pages = ("measurements", "capacity")
    return max([*codes, *(_call(str(BIN / "python"), f"scripts/{page}.py") for page in pages)])


def _help() -> int:
    """Print every target of the Makefile with its comment."""
    for line in (ROOT / "Makefile").read_text().splitlines():
        if found := re.match(r"([a-z%-]+): ## (.*)", line):
            print(f"  {found[1].replace('%', 'NAME'):<18} {found[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
