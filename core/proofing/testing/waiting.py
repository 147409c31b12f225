"""Waiting for a condition in tests, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_STEP_SECONDS = 0.01


async def eventually(read: Callable[[], T | Awaitable[T]], *, within_seconds: float = 10.0) -> T:
    """Call *read* again and again until it returns something true, and return that.

    Args:
        read: a plain or async function without arguments.
        within_seconds: how long to try.

    Raises:
        AssertionError: *read* returned nothing true in time.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        answer = read()
        value: T = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"still {value!r} after {within_seconds} s")
        await asyncio.sleep(_STEP_SECONDS)
