"""The packages of the tutorial and of *connect a hosted vendor*, made from nothing but their text.

Each installs, loads, is listed as the page says, and passes the tests of the page.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from proofing.testing.vendors import RULES

ROOT = Path(__file__).parents[2]
PAGES = {
    "acme": "docs/tutorial/write-a-vendor-plugin.md",
    "harbor": "docs/howto/connect-a-hosted-vendor.md",
}
SECRETS = {
    "acme": {"PROOFING_ACME__API_KEY": "a-key"},
    "harbor": {"PROOFING_HARBOR__API_KEY": "a-key", "PROOFING_HARBOR__WEBHOOK_SECRET": "s" * 32},
}

#: Loads Acme as every process does, and puts one question to it.
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


@dataclass(frozen=True)
class Page:
    """A page and the package that was made from it."""

    name: str
    text: str
    blocks: dict[str, str]
    source: Path
    target: Path

    def run(self, *arguments):
        """Run Python with the installed package on its path and return what it printed."""
        environment = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
        environment |= {"PYTHONPATH": str(self.target), "PROOFING_ENV": "test", **SECRETS[self.name]}
        done = subprocess.run(
            # The folder of the sources is not on the path.
            [sys.executable, "-P", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            cwd=self.source,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def blocks_of(name):
    """Return the files that a page shows: name to text."""
    text = (ROOT / PAGES[name]).read_text()
    return dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module", params=PAGES)
def page(request, tmp_path_factory):
    """One page, its package built and installed into a folder of its own, without a network."""
    name = request.param
    base = tmp_path_factory.mktemp(name)
    source, target = base / "source", base / "target"
    blocks = blocks_of(name)
    # The how-to says so.
    blocks.setdefault("pyproject.toml", blocks_of("acme")["pyproject.toml"].replace("acme", name))
    for file, text in {**blocks, f"proofing_{name}/py.typed": ""}.items():
        path = source / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    copy = base / "copy"
    shutil.copytree(source, copy)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--disable-pip-version-check", "--target", str(target), str(copy)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Page(name, (ROOT / PAGES[name]).read_text(), blocks, source, target)


def test_the_plugin_loads_from_its_own_distribution(page):
    """The real plugin manager finds it by its entry point, reads its section, and gets an answer."""
    if page.name == "acme":
        output = json.loads(page.run("-c", RUN))
        assert output["problems"] == []
        assert output["distribution"] == "proofing-acme"
        assert output["offers"] == ["resolution acme"]
        assert (output["outcome"], output["id"]) == ("passed", "res_1")
        assert output["file"].startswith(str(page.target))
    else:
        assert "harbor.base_url" in page.run("-m", "proofing.cli", "settings")


def test_the_command_lists_it(page):
    """`proofing plugins` says what the page says."""
    listed = page.run("-m", "proofing.cli", "plugins")
    (shown,) = re.findall(rf"^{page.name} .*\n(?: +\w+ {page.name}\n)+", page.text, re.MULTILINE)
    assert shown in listed


def test_its_own_tests_pass(page):
    """The tests that the page shows pass against the installed package, as many as the page says."""
    folder = page.target.parent / "tests"
    shutil.copytree(page.source / "tests", folder)
    configuration = page.source / "pyproject.toml"
    output = page.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(configuration), str(folder))
    (count,) = re.findall(r"^(\d+ passed)$", page.text, re.MULTILINE)
    assert count in output


def test_its_code_is_formatted(page):
    """By the rules of this repository."""
    ours = ("--config", str(ROOT / "pyproject.toml"))
    # There the folder's own package is as near as ours.
    near = ("--config", f'lint.isort.known-first-party = ["proofing", "proofing_{page.name}"]')
    package = f"proofing_{page.name}"
    for command in (("format", "--check", *ours), ("check", *ours, *near)):
        page.run("-m", "ruff", *command, "--no-cache", package)


def test_the_table_that_is_shown():
    """The tutorial's line of `proofing quality` counts the rules that there are."""
    text = (ROOT / PAGES["acme"]).read_text()
    assert f"resolution acme: documented; {len(RULES)} done, 0 exempt, 0 to do\n" in text
