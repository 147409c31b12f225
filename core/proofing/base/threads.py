"""Blocking calls in a small thread pool, each under a total deadline."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreads:
    """A pool whose callers never wait beyond their deadline.

    A call whose deadline passes before a thread takes it up never runs; one that has begun runs on, and holds
    its thread until it returns.
    """

    def __init__(self, name: str, *, threads: int, timeout_seconds: float) -> None:
        """Make no thread yet.

        Args:
            name: for the names of the threads.
            threads: how many calls may block at once.
            timeout_seconds: deadline of one call, waiting for a free thread included.
        """
        self.timeout_seconds = timeout_seconds
        self.is_closed = False
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name.replace(" ", "-"))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns.

        Raises:
            TimeoutError: the deadline passed.
            RuntimeError: the pool is closed.
            Exception: whatever *function* raises.
        """
        future = self._executor.submit(function, *args, **kwargs)
        async with asyncio.timeout(self.timeout_seconds):
            return await asyncio.wrap_future(future)

    def later(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run *function* some time, whatever happens; for cleaning up after a call that failed."""
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._executor.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Discard calls that have not begun, and let the threads end."""
        self.is_closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
