"""The history checker finds what a queue must not do."""

from pathlib import Path
from typing import Any

import pytest

from proofing.testing.history import History, violations


def job(*names: str, end: str | None = "done", ends: int = 1) -> list[dict[str, Any]]:
    """Return the events of one job."""
    events = [{"event": name, "job": "a"} for name in names]
    return events + [{"event": "end", "job": "a", "end_state": end, "accepted": True}] * (ends if end else 0)


def test_a_good_history_has_no_violations() -> None:
    """One end, at most one call, rejected ends on top."""
    events = job("enqueued", "run", "run", "intent", "call")
    assert violations([*events, {"event": "end", "job": "a", "end_state": "stale", "accepted": False}]) == []


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (job("enqueued", "run", end=None), "no end"),
        (job("enqueued", ends=2), "2 accepted ends"),
        (job("run"), "never enqueued"),
        (job("enqueued", "intent", "call", "call"), "2 vendor calls"),
        (job("enqueued", "call"), "without intent"),
        (job("enqueued", end="unknown_outcome"), "no intent"),
    ],
)
def test_each_violation_is_found(events: list[dict[str, Any]], words: str) -> None:
    """And named with its job."""
    (found,) = violations(events)
    assert found.startswith("a: ")
    assert words in found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """In order, with process and time."""
    history = History(tmp_path / "history.jsonl")
    assert history.read() == []
    history.write("run", job="a")
    history.write("kill")
    assert [event["event"] for event in history.read()] == ["run", "kill"]
    assert history.count("kill") == 1
