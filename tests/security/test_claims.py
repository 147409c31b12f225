"""The page of claims says what was noted, and nothing else."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def script():
    """Return scripts/claims.py, which is not a package."""
    spec = importlib.util.spec_from_file_location("claims", ROOT / "scripts" / "claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_written_from_the_notes():
    """docs/claims.md is what the script makes of the notes in the repository."""
    notes = ROOT / "bench" / "results" / "claims.json"
    assert (ROOT / "docs" / "claims.md").read_text() == script().render(notes.read_text())


def test_every_test_that_is_named_exists():
    """A claim without its test is invalid."""
    module = script()
    for _identifier, _claim, path in module._ELSEWHERE:
        assert (ROOT / path).exists(), path
    for line in module.RESULTS.read_text().splitlines():
        note = json.loads(line)
        path, _, test = note["test"].partition("[")[0].partition("::")
        assert f"def {test}(" in (ROOT / path).read_text(), test


def test_a_note_becomes_a_row():
    """Id, claim, number and test are in one row."""
    note = {
        "id": "S2",
        "claim": "Nothing",
        "held": "0 of 5",
        "test": "tests/security/test_a.py::test_b[long]",
    }
    assert "| S2 | Nothing | 0 of 5 | `security/test_a.py::test_b` |" in script().render(json.dumps(note))
