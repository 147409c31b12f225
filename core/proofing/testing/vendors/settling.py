"""Waits that tell what never ends from what a busy machine has not got to yet."""

import asyncio
from collections.abc import Collection
from math import ceil
from typing import Any

#: A wait is cut into so many seconds. In each the loop turns at least once: what takes a few turns, such as
#: a cancellation, comes to its end however long the process does not run in between.
_SLICE_SECONDS = 0.02


async def settle(awaited: Collection[asyncio.Future[Any]], seconds: float, *, first: bool = False) -> None:
    """Wait until all of *awaited* are done, or the *first* of them, for *seconds* or the turns of as many."""
    when = asyncio.FIRST_COMPLETED if first else asyncio.ALL_COMPLETED
    for _ in range(ceil(seconds / _SLICE_SECONDS)):
        done, pending = await asyncio.wait(awaited, timeout=_SLICE_SECONDS, return_when=when)
        if not pending or (first and done):
            return
