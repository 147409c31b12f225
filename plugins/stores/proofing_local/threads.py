"""Runs blocking calls in a small thread pool of the store's own, under a total deadline."""

import sqlite3
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from proofing.plugin import StoreUnavailableError
from proofing.plugin.support import BoundedThreads, os_error_reason, translated

P = ParamSpec("P")
T = TypeVar("T")


class DiskThreads(BoundedThreads):
    """A pool that raises `StoreUnavailableError` for whatever the disk does, in time."""

    def __init__(self, name: str, *, threads: int, timeout_seconds: float) -> None:
        """Make no thread yet.

        Args:
            name: of the store, for messages and thread names.
            threads: how many calls may block at once.
            timeout_seconds: deadline of one call, waiting for a free thread included.
        """
        super().__init__(name, threads=threads, timeout_seconds=timeout_seconds)
        self._name = name

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns.

        Raises:
            StoreUnavailableError: the deadline passed, or disk or database failed.
        """
        if self.is_closed:
            raise StoreUnavailableError(f"{self._name}: closed")
        try:
            with translated(StoreUnavailableError, self._name, passing=(OSError, sqlite3.Error)):
                return await super().run(function, *args, **kwargs)
        except TimeoutError:
            raise StoreUnavailableError(f"{self._name}: no answer in {self.timeout_seconds} s") from None
        except OSError as error:
            # All that these threads touch lies in that directory.
            rule = f"local.directory cannot be used: {os_error_reason(error)}"
            raise StoreUnavailableError(f"{self._name}: {rule}") from None
        except sqlite3.Error as error:
            # The class is enough: the text may show a statement.
            raise StoreUnavailableError(f"{self._name}: {type(error).__name__}") from None
