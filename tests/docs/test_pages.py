"""docs/reference/pages.md: its tables are those of the code."""

import importlib.util
from dataclasses import fields
from pathlib import Path

import pytest

from proofing.sessions.data import SessionData
from proofing.sessions.steps import Page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def steps():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("steps", ROOT / "scripts" / "steps.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_written_by_the_script(steps):
    """Every step, every page and every key of a session is there, as the code has it."""
    page = steps.PAGE.read_text()
    assert page == steps.render(page), "run scripts/steps.py"
    for name in [page.value for page in Page if not page.endswith("/problem")]:
        assert f"\n| `{name}` |" in page
    for field in fields(SessionData):
        assert f"\n| `{field.name}` |" in page, "the docstring of SessionData lacks a field"


def test_a_page_without_its_mark_is_refused(steps):
    """A mark that was deleted by mistake does not leave an old table behind unseen."""
    with pytest.raises(SystemExit, match="has no mark"):
        steps.render("# Pages\n")
