"""Waiting for a condition in tests, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

from proofing.settings.watch import SettingsWatch

_STEP_SECONDS = 0.01


async def eventually(read: Callable[[], Any], *, within_seconds: float = 30.0) -> Any:
    """Call *read* again and again until it returns something true, and return that.

    Args:
        read: a plain or async function without arguments.
        within_seconds: how long to try; only a test that fails waits so long.

    Raises:
        AssertionError: *read* returned nothing true in time.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        value = read()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"still {value!r} after {within_seconds} s")
        await asyncio.sleep(_STEP_SECONDS)


async def follow_edits(watch: SettingsWatch) -> None:
    """Have *watch* find what has changed, and confirm it; it is in effect then, or refused."""
    for _look in range(2):
        await watch.look_at_file()
        await watch.look_at_secrets()
