"""docs/reference/assurance.md: its tables are those of the rules."""

import importlib.util
import re
from pathlib import Path

import pytest

from proofing.contracts.evidence import EvidenceKind, VerifiedBy
from proofing.rules.assurance_table import Flag, Need

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("assurance", ROOT / "scripts" / "assurance.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_written_by_the_script(script):
    """Every kind, method, need and flag is there, as the code has it, and nothing else."""
    page = script.PAGE.read_text()
    assert page == script.render(page), "run scripts/assurance.py"
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows == {*EvidenceKind, *VerifiedBy, *Need, *Flag}


def test_an_old_table_is_replaced_as_a_whole(script):
    """A row that was written by hand does not survive, and what is around the tables does."""
    page = script.PAGE.read_text()
    first = "| `drivers_license` |"
    assert script.render(page.replace(first, f"| `library_card` | superior | | |\n{first}")) == page


def test_a_page_without_its_mark_is_refused(script):
    """A mark that was deleted by mistake does not leave an old table behind unseen."""
    with pytest.raises(SystemExit, match="has no mark"):
        script.render("# Assurance\n")
