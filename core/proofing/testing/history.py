"""An append-only record of what happened to jobs, in JSON lines, and a checker that reads it.

Processes that may be killed at any moment write to one file; each line is one ``write`` in append mode, so
that lines of several processes never mix and a killed writer leaves whole lines only.

Events: ``enqueued``, ``run``, ``intent``, ``call``, ``end`` (with ``accepted``), each with ``job``; ``kill``,
``pause`` and ``stop`` of processes and servers.
"""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofing.testing.lines import read_lines


class History:
    """Writes and reads one record.

    Args:
        path: of the file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, event: str, **facts: Any) -> None:
        """Append one event; it is on disk when this returns."""
        line = json.dumps({"event": event, "pid": os.getpid(), "at": time.time(), **facts}) + "\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, Any]]:
        """Return every event so far."""
        return read_lines(self._path) if self._path.exists() else []

    def count(self, event: str) -> int:
        """Return how many events of one name there are."""
        return sum(item["event"] == event for item in self.read())


def violations(events: Iterable[dict[str, Any]], *, calls_at_most: int = 1) -> list[str]:
    """Return what a history breaks of a queue's promises; an empty list when it keeps them.

    Args:
        events: from `History.read`.
        calls_at_most: vendor calls that one job may cost. With durable intents a job that is run again has
            not called before, so one is the bound whatever was killed.
    """
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_name[event["event"]].append(event)
    enqueued = {event["job"] for event in by_name["enqueued"]}
    accepted = Counter(event["job"] for event in by_name["end"] if event["accepted"])
    calls = Counter(event["job"] for event in by_name["call"])
    intents = {event["job"] for event in by_name["intent"]}
    found = [f"{job}: no end" for job in sorted(enqueued - accepted.keys())]
    found += [f"{job}: {count} accepted ends" for job, count in accepted.items() if count > 1]
    found += [f"{job}: ended, never enqueued" for job in sorted(accepted.keys() - enqueued)]
    found += [f"{job}: {count} vendor calls" for job, count in calls.items() if count > calls_at_most]
    found += [f"{job}: called without intent" for job in sorted(calls.keys() - intents)]
    unknown = {event["job"] for event in by_name["end"] if event["end_state"] == "unknown_outcome"}
    found += [f"{job}: unknown outcome, yet no intent" for job in sorted(unknown & accepted.keys() - intents)]
    return found
