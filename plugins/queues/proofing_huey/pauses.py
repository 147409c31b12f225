"""Pauses of a queue: while one is open no job starts, and what is over is taken off the ages of jobs.

A job's own times are under its MAC and stay as they were written. So the storage keeps the last pauses of a
queue, and anyone who starts a job subtracts as much of them as the job has waited through.
"""

from collections.abc import Sequence
from typing import NamedTuple

#: Pauses of one queue that are remembered; a job does not outlive so many.
KEPT_PAUSES = 100


class Pause(NamedTuple):
    """One pause, in seconds since the epoch; *until* is None while it is open."""

    since: float
    until: float | None


def open_since(pauses: Sequence[Pause]) -> float | None:
    """Return when the open one of *pauses* began, or None."""
    return next((pause.since for pause in pauses if pause.until is None), None)


def waited_seconds(pauses: Sequence[Pause], kept_at: float, now: float) -> float:
    """Return how much of *pauses* a job has waited through that was enqueued at *kept_at*."""
    return sum(
        max(0.0, (now if pause.until is None else pause.until) - max(pause.since, kept_at))
        for pause in pauses
    )
