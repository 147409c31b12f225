"""Runs blocking calls in a small thread pool of the store's own, under a total deadline."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from proofing.errors import StoreUnavailableError, why

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreads:
    """A pool that says `StoreUnavailableError` for whatever the disk does, in time.

    A call whose deadline passes before a thread takes it up never runs; one that has begun runs on, and holds
    its thread until the disk answers.
    """

    def __init__(self, name: str, *, threads: int, timeout_seconds: float) -> None:
        """Make no thread yet.

        Args:
            name: of the store, for messages and thread names.
            threads: how many calls may block at once.
            timeout_seconds: deadline of one call, waiting for a free thread included.
        """
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name.replace(" ", "-"))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns.

        Raises:
            StoreUnavailableError: the deadline passed, or disk or database failed.
        """
        try:
            future = self._executor.submit(function, *args, **kwargs)
        except RuntimeError:
            raise StoreUnavailableError(f"{self._name}: closed") from None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise StoreUnavailableError(f"{self._name}: no answer in {self._timeout_seconds} s") from None
        except OSError as error:
            # All that these threads touch lies in that directory.
            rule = f"local.directory cannot be used: {why(error)}"
            raise StoreUnavailableError(f"{self._name}: {rule}") from None
        except sqlite3.Error as error:
            # The class tells enough: the text may show a statement.
            raise StoreUnavailableError(f"{self._name}: {type(error).__name__}") from None

    def later(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run *function* some time, whatever comes of it; for cleaning up after a call that failed."""
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._executor.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Forget calls that have not begun, and let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)
