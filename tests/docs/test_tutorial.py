"""The tutorial's code is the package's code, and the package installs, loads, and passes its own tests."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
PACKAGE = TUTORIAL / "proofing_acme"
TEXT = (TUTORIAL / "write-a-vendor-plugin.md").read_text()
BLOCKS = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))

#: Loads the plugin as every process does, and puts one question to it.
RUN = """
import asyncio, json, pathlib, sys
import httpx
from proofing.registry.plugins import PluginManager
from proofing.settings import read_layers
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import ProoferKind

layers = read_layers()
manager = PluginManager(layers.get("plugins"))
problems = [str(problem) for problem in manager.problems() + manager.read_sections(layers)]
manager.process_of = lambda _plugin: make_process()
loaded = manager.proofers[ProoferKind.RESOLUTION, "acme"]
report = next(report for report in manager.reports if report.name == "acme")

async def main():
    vendor = FakeVendor(lambda request: httpx.Response(200, json={"id": "res_1", "decision": "match"}))
    context = make_context(vendor, loaded.descriptor, loaded.settings)
    person = Canary().applicant.select(loaded.descriptor.attributes)
    return await ask(loaded.proofer, ProofingRequest(applicant=person), context)

result = asyncio.run(main())
import proofing_acme
print(json.dumps({"problems": problems, "distribution": report.distribution, "offers": report.offers,
                  "outcome": result.outcome, "id": result.transaction_id, "file": proofing_acme.__file__}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package, built and installed into a folder of its own, without a network."""
    base = tmp_path_factory.mktemp("acme")
    source, target = base / "source", base / "target"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--disable-pip-version-check", "--target", str(target), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return source, target


def run(arguments, target, **more):
    """Run Python with the installed package on its path."""
    environment = {**os.environ, "PYTHONPATH": str(target), **more}
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def settings_of(tmp_path):
    """Write the settings that the tutorial shows, and return what the environment needs."""
    path = tmp_path / "settings.yaml"
    path.write_text(BLOCKS["settings.yaml"])
    return {"PROOFING_SETTINGS": str(path), "PROOFING_ACME__API_KEY": "a-key", "PROOFING_ENV": "test"}


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "proofing_acme/__init__.py",
        "proofing_acme/resolution.py",
        "tests/test_resolution.py",
    ],
)
def test_the_text_shows_the_very_files(name):
    """A block with a title is the whole file of that name."""
    assert BLOCKS[name] == (PACKAGE / name).read_text()


def test_the_plugin_loads_from_its_own_distribution(installed, tmp_path):
    """The real plugin manager finds it by its entry point, reads its section, and gets an answer."""
    _source, target = installed
    output = json.loads(run(["-c", RUN], target, **settings_of(tmp_path)))
    assert output["problems"] == []
    assert output["distribution"] == "proofing-acme"
    assert output["offers"] == ["resolution acme"]
    assert (output["outcome"], output["id"]) == ("passed", "res_1")
    assert output["file"].startswith(str(target))


def test_the_command_lists_it(installed, tmp_path):
    """`proofing plugins` says what the tutorial says."""
    _source, target = installed
    listed = run(["-m", "proofing.cli", "plugins"], target, **settings_of(tmp_path))
    assert re.search(r"acme +proofing-acme 0\.1\.0 +enabled\n +resolution acme\n", listed)


def test_its_own_tests_pass(installed):
    """The tests that come with the package pass against the installed one, all of them."""
    source, target = installed
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(source / "pyproject.toml")]
    output = run([*arguments, str(source / "tests")], target)
    assert "15 passed" in output
    assert "15 passed" in TEXT
