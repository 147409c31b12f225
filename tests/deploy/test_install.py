"""The install page, followed word for word: its blocks are run as an ordinary user with an empty home."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from proofing.cli import _parser
from proofing.testing.processes import free_port, start_process

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/install.md").read_text()
_BLOCK = re.compile(r"^```sh ?(server|try|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Where a block is run, "" for both, and the block.
BLOCKS = _BLOCK.findall(PAGE)
UPGRADE = "".join(block for _where, block in _BLOCK.findall((ROOT / "docs/howto/upgrade.md").read_text()))
#: In the place of systemd, which the trial does not need: the processes are jobs of the shell.
_SYSTEMCTL = """
systemctl() {
    [ "$*" = "restart proofing-worker" ]
    worker=${worker:-$(jobs -p | sed -n 3p)}
    kill "$worker"
    wait "$worker" || true
    (enter worker && exec "$opt/venv/bin/proofing" worker) >>"$srv/log/worker.out" 2>&1 &
    worker=$!
    as worker --version
}
"""
#: Root installs, and others run: what an environment has is for everybody to read.
_ALL_READ = 'find "$opt" ! -type l ! -perm -004 -printf "not for others: %p\\n"\n'
_NOBODY = 65534
_SYSTEM_PYTHON = Path("/usr/bin/python3")
#: Folders that an operator has from the wheel, and where.
_OF_AN_OPERATOR = (
    ("deploy/monitoring", "monitoring"),
    ("docs/howto", "docs/howto"),
    ("docs/runbook", "docs/runbook"),
)
_PORTS = ("postgres_port", "redis_port", "web_port", "s3_port", "kms_port")
#: Two to three minutes where nothing else runs, most of it pip.
_PAGE_SECONDS = 1200


def script(where: str) -> str:
    """Return all blocks for the server, or for the trial, in the order of the page."""
    return "".join(block for place, block in BLOCKS if place in ("", where))


def words_after(marker: str) -> list[list[str]]:
    """Return the words after *marker* in each command of the page; lines may be continued."""
    lines = "\n".join(block for _where, block in BLOCKS).replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition(marker)[2], comments=True) for line in lines if marker in line]


def build(source, folder):
    """Build the wheel of *source* as the page says, from what is installed here."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this release."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def next_wheel(tmp_path):
    """The wheel of the release that the page on upgrades installs; only its version is another."""
    release = re.search(r"^release=(.+)$", UPGRADE, re.MULTILINE)[1]
    source = tmp_path / "next"
    source.mkdir()
    for name in ("core", "plugins", "server", "deploy", "docs/howto", "docs/runbook"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, source)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for path in (Path("pyproject.toml"), Path("core/proofing/__init__.py")):
        text = (ROOT / path).read_text()
        assert f'"{version}"' in text
        (source / path).write_text(text.replace(f'"{version}"', f'"{release}"'))
    return build(source, tmp_path / "next-wheel")


@pytest.mark.parametrize("where", ["server", "try", "upgrade"])
def test_bash_can_read_the_blocks(where):
    """All blocks together are a script, and there are some of each kind."""
    text = UPGRADE if where == "upgrade" else script(where)
    read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    assert where == "upgrade" or sum(place == where for place, _block in BLOCKS) >= 5


def test_the_wheel_has_what_the_page_takes_from_it(wheel):
    """The name of the wheel, and each file below share, and the grants."""
    assert f"./{wheel.name}[aws,postgres,redis]" in PAGE
    names = zipfile.ZipFile(wheel).namelist()
    shared = {name.partition("/share/proofing/")[2] for name in names if "/share/proofing/" in name}
    taken = set(re.findall(r'\$share"?/([\w./*-]+)', PAGE))
    assert taken
    for pattern in taken:
        assert any(Path(name).match(pattern) for name in shared), pattern
    assert "proofing_postgres/roles.sql" in names
    # An operator has nothing but the wheel.
    for folder, place in _OF_AN_OPERATOR:
        for path in (ROOT / folder).iterdir():
            assert f"{place}/{path.name}" in shared


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings of *page*, as code hosts and the site give them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_of_what_the_wheel_installs_lead_somewhere(wheel):
    """Alongside the page, on the site, or in the source; also those of the description on a package index."""
    archive = zipfile.ZipFile(wheel)
    texts = {
        name.partition("/share/proofing/")[2]: archive.read(name).decode()
        for name in archive.namelist()
        if "/share/proofing/" in name
    }
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    pages = {name: text for name, text in texts.items() if name.endswith(".md")}
    pages["description"] = archive.read(metadata).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    site, source = project["urls"]["Documentation"], f"{project['urls']['Source']}/blob/v{project['version']}"
    seen = Counter()
    for name, page in pages.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", page):
            target, _, anchor = link.partition("#")
            if target.startswith(f"{site}/"):
                place = target.removeprefix(f"{site}/").removesuffix(".html") + ".md"
                found = (ROOT / place).read_text()
                seen["site"] += 1
            elif target.startswith(f"{source}/"):
                assert (ROOT / target.removeprefix(f"{source}/")).exists(), (name, link)
                seen["source"] += 1
                continue
            elif "://" in target:
                continue
            else:
                found = texts[os.path.normpath(Path(name).parent / target)] if target else page
                seen["wheel"] += 1
            assert not anchor or anchor in anchors(found), (name, link)
    assert min(seen[kind] for kind in ("site", "source", "wheel")) > 5, seen


def test_secrets_are_private_and_nothing_else_becomes_so(tmp_path):
    """Files with secrets are the owner's alone; the rest of the session makes files as before."""
    blocks = [block for where, block in BLOCKS if where == ""]
    first = next(at for at, block in enumerate(blocks) if "owner_password=" in block)
    last = next(at for at, block in enumerate(blocks) if "PROOFING_ENV=" in block)
    for name in ("etc", "srv"):
        (tmp_path / name).mkdir()
    variables = {
        "PATH": os.environ["PATH"],
        "admin": "true",
        "environment": "staging",
        "etc": str(tmp_path / "etc"),
        "postgres_port": "1",
        "redis_port": "2",
        "share": str(ROOT / "deploy"),
        "srv": str(tmp_path / "srv"),
    }
    text = "umask 022\n" + "".join(blocks[first : last + 1]) + "umask\n"
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "0022"), done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "etc").iterdir()}
    public = {"settings-0.1.0.yaml": 0o644, "settings.yaml": 0o644}
    roles = ("migrate", "web", "worker")
    private = [
        "environment",
        *(f"{role}.{kind}" for role in roles for kind in ("environment", "secrets.yaml")),
    ]
    assert modes == public | dict.fromkeys(private, 0o600)


def test_every_command_of_the_page_exists():
    """Arguments of `proofing` and of the stand-ins parse; what the trial installs is what the tests use."""
    parser = _parser()
    markers = ("as web ", "as migrate ", '/venv/bin/proofing" ')
    commands = [words for marker in markers for words in words_after(marker) if words != ["$@"]]
    assert len(commands) >= 6
    for words in commands:
        kept = [word.partition(")")[0].replace("$web_port", "8000") for word in words]
        end = next((at for at, word in enumerate(kept) if word[:1] in ">&"), len(kept))
        parser.parse_args(kept[:end])
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["local"]
    (trial,) = [words for words in words_after('pip" install --quiet ') if len(words) > 1]
    assert set(trial) <= set(group)


def test_every_unit_of_the_page_exists():
    """The units that are enabled are those that are shipped."""
    enabled = {word for words in words_after("systemctl enable --now ") for word in words}
    assert enabled == {path.stem for path in (ROOT / "deploy/systemd").glob("*.service")}


@pytest.fixture
def empty_machine(wheel, next_wheel):
    """Yield an empty folder with the wheels, and what runs a script in it as an ordinary user."""
    as_root = os.geteuid() == 0
    python = _SYSTEM_PYTHON if as_root else Path(sys.executable).resolve()
    if as_root and subprocess.run([python, "-c", "import ensurepip"], check=False).returncode:
        pytest.skip("python3-venv is not installed, and an ordinary user cannot use this interpreter")
    missing = [name for name in ("redis-server", "openssl", "curl") if shutil.which(name) is None]
    if missing or not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("Debian's postgresql, redis-server, openssl and curl are not all installed")
    # Short: the path of PostgreSQL's socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        folder = Path(name)
        shutil.copy(wheel, folder)
        shutil.copytree(ROOT / "devtools", folder / "devtools", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(next_wheel, folder)
        (folder / "home").mkdir()
        prefix = []
        if as_root:
            for path in (folder, *folder.iterdir()):
                os.chown(path, _NOBODY, _NOBODY)
            prefix = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        kept = {key: text for key, text in os.environ.items() if key.startswith(("PIP_", "SSL_CERT_"))}
        environment = {
            **kept,
            **{name: str(free_port()) for name in _PORTS},
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "TMPDIR": str(folder),
        }

        def run(text):
            process = start_process(
                [*prefix, "bash", "-euo", "pipefail", "-c", text],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                output, _ = process.communicate(timeout=_PAGE_SECONDS)
                left = sorted(processes_below(folder).values())
            finally:
                for pid in processes_below(folder):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            return process.returncode, output, left

        yield folder, run


def processes_below(folder: Path) -> dict[int, str]:
    """Return id and command line of what runs in *folder* or below it, also when that is deleted."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "cwd").readlink().is_relative_to(folder):
                found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
    return found


@pytest.mark.chaos
def test_the_pages_lead_to_a_proofing_and_to_the_next_release(empty_machine, next_wheel):
    """From the wheel to `passed`; then an upgrade of the worker, and back, and nothing is left at the end."""
    folder, run = empty_machine
    steps = [block for place, block in BLOCKS if place in ("", "try")]
    end = steps.index(next(block for block in steps if block.startswith("kill $(jobs -p)")))
    smoke = steps[end - 1]
    code, output, left = run(
        "".join([*steps[:end], _SYSTEMCTL, UPGRADE, "as web check\n", smoke, _ALL_READ, *steps[end:]])
    )
    assert code == 0, output
    assert "not for others" not in output, output
    assert "<Error>" not in output, output
    assert len(re.findall(r"^passed in ", output, re.MULTILINE)) == 2, output
    assert re.findall(r"^proofing (.+)$", output, re.MULTILINE) == [next_wheel.name.split("-")[1], "0.1.0"]
    for part in ("settings", "vendors", "key_service", "result_store", "image_store", "queue", "uploads"):
        assert f"\n{part}: ok\n" in f"\n{output}", output
    assert left == []
    assert [path.name for path in folder.iterdir() if not path.name.endswith(".whl")] == ["home"], (
        "left behind"
    )
