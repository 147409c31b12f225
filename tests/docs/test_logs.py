"""The log reference is the register of events: it lists each with its level; fields are registered ones."""

import ast
import re
from pathlib import Path

import pytest

from proofing.base import logs
from proofing.base.logs import FIELDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "logs.md").read_text()
SOURCES = [path for root in ("core", "plugins", "server") for path in (ROOT / root).rglob("*.py")]
#: Passes on what its caller names.
REGISTER = ROOT / "core/proofing/base/logs.py"
#: What the word at the end of an event says of it.
FAILURE = re.compile(
    r"(failed|refused|lost|unavailable|taken|broken|forged|violation|down|killed|denied|incomplete|fenced|risk|not_\w+)$"
)


def calls():
    """Yield module and arguments of every call of `proofing.base.logs.log`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())) if path != REGISTER else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log":
                yield path, node


def level_of(call):
    """Return the level of a call, in lower case, as lines show it."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "level"]
    return ast.unparse(named[0]).removeprefix("logging.").lower() if named else "info"


def rows():
    """Yield the events, the level, and the words of the last cell of every row."""
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            events, level, _when, fields = re.split(r" \| ", line.strip("| "))
            yield re.findall(r"`(\w+)`", events), level, fields


def levels():
    """Return the level of each event in the register."""
    return {event: level for events, level, _fields in rows() for event in events}


def test_every_event_has_a_row_and_every_row_an_event():
    """The name is a literal in each call, so that the two can be compared."""
    logged = {event for event, _level in logs.OWN_EVENTS}
    for path, call in calls():
        event = call.args[1]
        assert isinstance(event, ast.Constant), f"{path.name}:{call.lineno}"
        logged.add(event.value)
    assert levels().keys() == logged
    assert len(logged) > 50


def test_an_event_has_one_level():
    """That of its row, whichever module or plugin writes it: alarms are built on levels."""
    register = levels()
    wrong = [
        f"{path.name}:{call.lineno} {call.args[1].value}: {level_of(call)}"
        for path, call in calls()
        if level_of(call) != register.get(call.args[1].value)
    ]
    assert wrong == []
    assert dict(logs.OWN_EVENTS).items() <= register.items()


def test_failures_and_attacks_are_no_information():
    """What its name calls a failure is a warning or an error; rows that stand apart are few and known."""
    quiet = {event for event, level in levels().items() if level == "info" and FAILURE.search(event)}
    assert quiet == set()


def test_no_event_is_in_two_rows():
    """One event, one level, one meaning; the two queues share the failures that mean the same."""
    names = [event for events, _level, _fields in rows() for event in events]
    assert {name for name in names if names.count(name) > 1} <= {"handler_failed"}
    assert len({(event, level) for events, level, _f in rows() for event in events}) == len(set(names))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_loggers_bear_the_name_of_their_module(path):
    """So that a line of a library or plugin can be found; test tools stand in for vendors."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "get_logger"
            and "testing" not in path.parts
        ):
            argument = ast.unparse(node.args[0])
            assert argument == "__name__" or argument.endswith(".__module__"), f"line {node.lineno}"


def test_every_field_of_an_event_is_in_a_row_of_it():
    """Fields that are passed by name; *the same* are those that every line about a job has."""
    for path, call in calls():
        output = " ".join(fields for events, _level, fields in rows() if call.args[1].value in events)
        output = output.replace("the same", "job_class, job_id, queue_name, trace_id")
        passed = {keyword.arg for keyword in call.keywords} - {None, "level"}
        assert passed <= set(re.findall(r"\w+", output)) & FIELDS, f"{path.name}:{call.lineno}"
