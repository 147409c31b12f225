"""How far this host's clock is from those of the backends.

Ages are judged by the result store's clock alone. A host whose own clock is wrong still signs uploads and AWS
requests for the wrong time, and writes wrong times into its log; so an operator should know.
"""

import time
from collections.abc import Callable
from typing import Any

from proofing.contracts.stores import Timekeeper

#: Beyond this an operator should know.
MAX_SKEW_SECONDS = 2.0


def _here() -> float:
    """Return this host's time."""
    return time.time()


async def skew_seconds(backend: Timekeeper, *, clock: Callable[[], float] = _here) -> float:
    """Return by how many seconds this host's clock is ahead of the backend's; negative when it is behind.

    Off by half of the round trip at most.

    Args:
        backend: open.
        clock: this host's, in seconds since the epoch.

    Raises:
        ProofingError: the backend does not answer.
    """
    before = clock()
    theirs = await backend.time()
    return (before + clock()) / 2 - theirs


async def clock_advice(backend: Any, *, clock: Callable[[], float] = _here) -> tuple[str, ...]:
    """Return what an operator should know of the clocks: nothing, or one sentence.

    Nothing also of a backend that shows no clock.

    Raises:
        ProofingError: the backend does not answer.
    """
    if not isinstance(backend, Timekeeper):
        return ()
    skew = await skew_seconds(backend, clock=clock)
    if abs(skew) <= MAX_SKEW_SECONDS:
        return ()
    way = "ahead of" if skew > 0 else "behind"
    return (f"the clock of this host is {abs(skew):.1f} s {way} the backend's: set both by NTP",)
