"""The plugin of *connect a hosted vendor* loads as any other does, and its tests pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "howto" / "connect-a-hosted-vendor.md").read_text()
BLOCKS = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))
INI = """
[pytest]
addopts = --import-mode=importlib
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of the page, with the entry point that an installation of them has."""
    folder = tmp_path_factory.mktemp("harbor")
    for name, text in BLOCKS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    facts = folder / "proofing_harbor-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: proofing-harbor\nVersion: 0.1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nharbor = proofing_harbor\n")
    (folder / "pytest.ini").write_text(INI)
    return folder


def run(folder, *arguments):
    """Run Python with the plugin on its path and return what it printed."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    environment |= {
        "PYTHONPATH": str(folder),
        "PROOFING_ENV": "test",
        "PROOFING_HARBOR__API_KEY": "k",
        "PROOFING_HARBOR__WEBHOOK_SECRET": "s" * 32,
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_tests_pass(folder):
    """All of them, as many as the page says."""
    output = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    (count,) = re.findall(r"^(\d+ passed)$", TEXT, re.MULTILINE)
    assert count in output


def test_the_command_lists_it(folder):
    """`proofing plugins` says what the page says, and the settings of the page do."""
    listed = run(folder, "-m", "proofing.cli", "plugins")
    (shown,) = re.findall(r"^harbor .*\n(?: +\w+ harbor\n)+", TEXT, re.MULTILINE)
    assert shown in listed
    assert "harbor.base_url" in run(folder, "-m", "proofing.cli", "settings")


def test_its_code_is_formatted(folder):
    """By the rules of this repository."""
    ours = ("--config", str(ROOT / "pyproject.toml"))
    # There the folder's own package is as near as ours.
    near = ("--config", 'lint.isort.known-first-party = ["proofing", "proofing_harbor"]')
    for command in (("format", "--check", *ours), ("check", *ours, *near)):
        run(folder, "-m", "ruff", *command, "--no-cache", "proofing_harbor")
