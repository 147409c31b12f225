"""The log reference names every event that the code logs, and no other; fields are registered ones."""

import ast
import re
from pathlib import Path

from proofing.logs import FIELDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "logs.md").read_text()
SOURCES = [path for root in ("core", "plugins", "server") for path in (ROOT / root).rglob("*.py")]
#: Passes on what its caller names.
REGISTER = ROOT / "core" / "proofing" / "logs.py"


def calls():
    """Yield module and arguments of every call of `proofing.logs.log`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())) if path != REGISTER else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log":
                yield path, node


def rows():
    """Yield the events and the words of the last cell of every row."""
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            events, _when, fields = re.split(r" \| ", line.strip("| "))
            yield re.findall(r"`(\w+)`", events), fields


def test_every_event_has_a_row_and_every_row_an_event():
    """The name is a literal in each call, so that the two can be compared."""
    logged = set()
    for path, call in calls():
        event = call.args[1]
        assert isinstance(event, ast.Constant), f"{path.name}:{call.lineno}"
        logged.add(event.value)
    assert {event for events, _fields in rows() for event in events} == logged
    assert len(logged) > 50


def test_every_field_of_an_event_stands_in_a_row_of_it():
    """Fields that are passed by name; *the same* are those that every line about a job has."""
    for path, call in calls():
        told = " ".join(fields for events, fields in rows() if call.args[1].value in events)
        told = told.replace("the same", "job_class, job_id, queue_name, trace_id")
        passed = {keyword.arg for keyword in call.keywords} - {None, "level"}
        assert passed <= set(re.findall(r"\w+", told)) & FIELDS, f"{path.name}:{call.lineno}"
