"""`proofing new-vendor`: the skeleton installs, loads, proofs, and passes its own contract suite."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.cli import exits, main

#: Loads the installed plugin as a process would, and asks it over a fake transport.
USE = """
import asyncio, sys, uuid
from pathlib import Path
import httpx, yaml
from proofing.crypto.encryption import KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.plugins import PluginManager
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.settings import read_layers
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import ProoferKind

path = Path(sys.argv[1])
section = {"base_url": "https://api.nice.example", "api_key": "a-key"}
path.write_text(yaml.safe_dump({"default": {"nice_vendor": section}}))
manager = PluginManager(["nice_vendor"])
assert manager.problems() == [], manager.problems()
assert manager.read_sections(read_layers(path, {})) == []
manager.process_of = lambda _plugin: make_process()
loaded = manager.proofers[ProoferKind.RESOLUTION, "nice_vendor:resolution"]
seen = []

def answer(request):
    seen.append(request)
    return httpx.Response(200, json={"id": "t-1", "decision": "match", "checks": {"ssn": "match"}})

async def ask():
    message = JobMessage(
        result_id=str(uuid.uuid4()), kind=JobKind.RESOLUTION, owner="o", encrypted_arguments=b""
    )
    clients = VendorClientPool(OutboundTransport(transport=FakeVendor(answer)))
    way_back = WayBack(KeyRing(bytes(32)), "https://proofing.example.gov")
    run = JobRun(MemoryJob(message, attempt=1), clients, way_back, keep_plain)
    return await run.ask(loaded, ProofingRequest(applicant=Canary().applicant), step="resolution")

check = asyncio.run(ask())
assert check.passed, check
assert check.result.transaction_id == "t-1"
assert b"address1" not in seen[0].content
print("proofed")
"""


def environment(*paths: Path) -> dict[str, str]:
    """Return variables that put *paths* on Python's path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths))}


@pytest.fixture
def skeleton(tmp_path, capsys):
    """A fresh skeleton."""
    assert main(["new-vendor", "nice_vendor", "--directory", str(tmp_path)]) == 0
    assert "nice_vendor" in capsys.readouterr().out
    return tmp_path / "proofing-nice_vendor"


def test_the_skeleton_installs_loads_and_proofs(skeleton, tmp_path):
    """Built into a wheel, put into a folder, found by its entry point, asked over a fake transport."""
    build = (
        "import os, sys, zipfile; from hatchling.build import build_wheel;"
        "os.chdir(sys.argv[1]); name = build_wheel(sys.argv[2]);"
        "zipfile.ZipFile(os.path.join(sys.argv[2], name)).extractall(sys.argv[3])"
    )
    target = tmp_path / "target"
    (tmp_path / "wheel").mkdir()
    command = [sys.executable, "-c", build, str(skeleton), str(tmp_path / "wheel"), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    run = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "settings.yaml")],
        env=environment(target),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "proofed"


def test_the_skeleton_passes_its_contract_suite(skeleton):
    """The tests that are written alongside it are green from the start."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=skeleton,
        env=environment(skeleton),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def test_the_skeleton_is_in_order(skeleton):
    """Formatted text that compiles, typed, without anything left of the template."""
    files = sorted(path.relative_to(skeleton).as_posix() for path in skeleton.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "proofing_nice_vendor/__init__.py",
        "proofing_nice_vendor/py.typed",
        "proofing_nice_vendor/resolution.py",
        "pyproject.toml",
        "tests/test_resolution.py",
    ]
    for path in skeleton.rglob("*.py"):
        compile(path.read_text(), path.name, "exec")
        assert "${" not in path.read_text()
        assert "$$" not in path.read_text()


def test_what_its_readme_says_is_so(skeleton, tmp_path):
    """Installed, with the settings and the variable that it shows, the vendor is in use."""
    text = (skeleton / "README.md").read_text()
    settings = tmp_path / "settings.yaml"
    settings.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    info = skeleton / "proofing_nice_vendor-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: proofing-nice_vendor\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[proofing]\nnice_vendor = proofing_nice_vendor\n")
    assert "`PROOFING_NICE_VENDOR__API_KEY`" in text
    run = subprocess.run(
        [sys.executable, "-m", "proofing.cli", "explain", "some-person"],
        cwd=tmp_path,
        env={**environment(skeleton), "PROOFING_NICE_VENDOR__API_KEY": "a-key"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "nice_vendor:resolution: " in run.stdout


def test_the_skeleton_is_typed(skeleton):
    """As strictly as the project that it is written for."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "proofing_nice_vendor"],
        cwd=skeleton,
        env=environment(skeleton),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mock", "installed already"),
        ("server", "installed already"),
        ("queue", "is a key of settings.yaml"),
        ("plugins", "is a key of settings.yaml"),
        ("Acme", "lower-case"),
        ("acme_", "lower-case"),
        ("_acme", "lower-case"),
        ("a__b", "lower-case"),
        ("a", "lower-case"),
        ("a" * 32, "lower-case"),
        ("../acme", "lower-case"),
        ("acme\n", "lower-case"),
        ("ácme", "lower-case"),
        ("", "lower-case"),
    ],
)
def test_names_that_clash_or_cannot_be_installed(tmp_path, capsys, name, said):
    """Refused as a wrong command line, and nothing is written."""
    assert main(["new-vendor", name, "--directory", str(tmp_path)]) == exits.USAGE
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(skeleton, capsys):
    """A second time it says that the folder exists."""
    assert main(["new-vendor", "nice_vendor", "--directory", str(skeleton.parent)]) == exits.USAGE
    assert "exists already" in capsys.readouterr().err
