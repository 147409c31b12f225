"""Check terraform/ without an account and without the provider: format, schema, mocked plans, our own rules.

    python -m scripts.terraform.check [FOLDER]

scripts/terraform/provider.py plays the provider: it knows the published schema. Its environment, the bindings
and checkov are in the user's cache folder. Without `terraform` everything but the rules is skipped, unless
REQUIRE_TERRAFORM is set. checkov, 290 MB, runs with CHECKOV=1 only.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.terraform import rules, schema

ROOT = Path(__file__).resolve().parent.parent.parent
_HERE = Path(__file__).resolve().parent
_BINDINGS = "cdktf-cdktf-provider-aws==21.22.1"
_BINDINGS_HASH = "603c647c4de622ed0a2b5e0f1518d81a89b31eed84b67d23410840041e7df924"
_PROVIDER_VERSION = "6.25.0"  # what the bindings were made from
_CHECKOV = "checkov==3.3.30"
_LAUNCHER = """#!/bin/sh
export PROOFING_TERRAFORM_SCHEMA='{schema}'
exec '{python}' '{provider}' "$@"
"""


def main(arguments: list[str]) -> int:
    """Run every check and print what was found; 1 when there is anything."""
    folder = Path(arguments[0]) if arguments else ROOT / "terraform"
    findings = rules.check_folder(folder)
    for finding in findings:
        print(f"terraform: {finding}")
    failed = bool(findings)
    terraform = shutil.which("terraform")
    if terraform is None:
        if os.environ.get("REQUIRE_TERRAFORM"):
            print("terraform is not installed, and REQUIRE_TERRAFORM is set: install it, or unset that.")
            return 1
        print("terraform is not installed: fmt, validate and test are skipped.")
        return int(failed)
    failed |= _call([terraform, "fmt", "-check", "-recursive", "-diff", str(folder)]) != 0
    with tempfile.TemporaryDirectory() as temporary:
        environment = offline_environment(folder, Path(temporary))
        copy = copy_tree(folder, Path(temporary))
        failed |= any(_call([terraform, *step], environment, copy / where) for where, step in _steps(copy))
    if os.environ.get("CHECKOV"):
        failed |= _checkov(folder) != 0
    return int(failed)


def _steps(copy: Path) -> list[tuple[str, list[str]]]:
    """Return what terraform is asked, in order, and in which folder of *copy*."""
    init, validate = ["init", "-backend=false", "-input=false", "-no-color"], ["validate", "-no-color"]
    examples = [str(path.parent.relative_to(copy)) for path in sorted(copy.glob("examples/*/main.tf"))]
    steps = [(where, step) for where in [".", *examples] for step in (init, validate)]
    return [*steps, (".", ["test", "-no-color"])]


def copy_tree(folder: Path, temporary: Path) -> Path:
    """Copy *folder* with the files that it reads, so that no run leaves anything behind; return the copy."""
    copy = temporary / "tree" / "terraform"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    for name in ("deploy", "plugins/stores/proofing_aws/policies"):
        shutil.copytree(ROOT / name, temporary / "tree" / name)
    return copy


def offline_environment(folder: Path, temporary: Path) -> dict[str, str]:
    """Return variables with which `terraform init` finds the stand-in for the provider, and nothing else."""
    python = _tool_environment("provider", _HERE / "requirements.txt")
    described = _schema_file(folder)
    name = f"terraform-provider-aws_{_PROVIDER_VERSION}"
    mirror = temporary / "mirror/registry.terraform.io/hashicorp/aws"
    mirror.mkdir(parents=True)
    launcher = zipfile.ZipInfo(f"{name}_x5")
    launcher.external_attr = 0o755 << 16
    with zipfile.ZipFile(mirror / f"{name}_{_platform()}.zip", "w") as archive:
        archive.writestr(
            launcher, _LAUNCHER.format(schema=described, python=python, provider=_HERE / "provider.py")
        )
    configuration = temporary / "terraformrc"
    configuration.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{temporary / "mirror"}"\n  }}\n}}\n'
    )
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("TF_", "AWS_"))}
    return {
        **kept,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "HOME": str(temporary),
    }


def _platform() -> str:
    """Return the platform as terraform spells it."""
    listed = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True)
    return str(json.loads(listed.stdout)["platform"])


def cache_folder() -> Path:
    """Return where tools are kept, outside of the repository."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "proofing-terraform"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keep other processes from making *name* at the same time: tests run concurrently."""
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tool_environment(name: str, requirements: Path) -> Path:
    """Return the interpreter of an environment with *requirements*, made where it is missing."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    target = cache_folder() / f"{name}-{digest}"
    python = target / "bin" / "python"
    with _alone(name):
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            print(f"Making {target} …", flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--requirement", str(requirements)], check=True)
            (target / "complete").touch()
    return python


def _schema_file(folder: Path) -> Path:
    """Return the file with the schema of what *folder* uses, read from the bindings where it is missing."""
    text = "\n".join(path.read_text() for path in sorted(folder.rglob("*.tf*")) if path.is_file())
    used = re.findall(r'^(resource|data) "(\w+)"', text, re.MULTILINE)
    names = sorted({f"{kind} {name}" for kind, name in used})
    source = (_HERE / "schema.py").read_bytes()
    digest = hashlib.sha256("\n".join([_BINDINGS_HASH, *names]).encode() + source).hexdigest()[:16]
    file = cache_folder() / f"schema-{digest}.json"
    if not file.exists():
        made = file.with_suffix(f".{os.getpid()}")
        schema.write_schema(_bindings(), names, made)
        made.replace(file)
    return file


def _bindings() -> Path:
    """Return the wheel of the bindings, downloaded where it is missing."""
    folder = cache_folder() / f"bindings-{_BINDINGS_HASH[:16]}"
    with _alone("bindings"):
        if list(folder.glob("*.whl")):
            return next(folder.glob("*.whl"))
        print(f"Downloading {_BINDINGS} (59 MB) …", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            pinned = Path(temporary) / "requirements.txt"
            pinned.write_text(f"{_BINDINGS} --hash=sha256:{_BINDINGS_HASH}\n")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            target = ["--no-deps", "--require-hashes", "--dest", str(folder), "--requirement", str(pinned)]
            subprocess.run([*command, *target], check=True)
    return next(folder.glob("*.whl"))


def _checkov(folder: Path) -> int:
    """Run checkov with nothing from its platform, and without what *folder* leaves for reasons of its own."""
    requirements = cache_folder() / "checkov.txt"
    requirements.write_text(f"{_CHECKOV}\n")
    python = _tool_environment("checkov", requirements)
    command = [str(python), "-m", "checkov.main", "--directory", str(folder), "--framework", "terraform"]
    # Found by itself only under a name with a dot.
    command += ["--config-file", str(folder / "checkov.yaml")]
    return _call(
        [*command, "--skip-download", "--quiet", "--compact", "--download-external-modules", "false"]
    )


def _call(
    command: list[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> int:
    """Run *command*, print its output when it fails, and return its exit code."""
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    run = subprocess.run(
        command, env=environment, cwd=folder, stdout=pipe, stderr=merged, text=True, check=False
    )
    label = " ".join([Path(command[0]).name, *command[1:2]])
    print(run.stdout if run.returncode else f"{label}: passed", flush=True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
