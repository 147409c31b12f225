"""Wakes all who wait for a job that ends, or needs its person, in whatever process that happens.

While anybody waits, one task asks SQLite every few milliseconds whether another connection has written
anything (``pragma data_version``, which reads shared memory and no table); only then does it look for news.
What is written within the process is announced directly. Source: https://sqlite.org/pragma.html#pragma_data_version.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator

from proofing.plugin import StatusRecord, StoreUnavailableError
from proofing.plugin.support import data_version
from proofing_local.database import Database
from proofing_local.queries import query

#: Half of it is the mean delay of a wake-up from another process.
_LOOK_SECONDS = 0.02
#: How long to wait before asking a database again that did not answer.
_RETRY_SECONDS = 0.5


class CompletionWatcher:
    """The waiters of one process."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        """Watch *database*; *clock* decides what has expired."""
        self._database = database
        self._clock = clock
        self._waiters: dict[str, dict[asyncio.Future[StatusRecord], bool]] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def waiter(self, result_id: str, *, ends_only: bool) -> Iterator[asyncio.Future[StatusRecord]]:
        """Give a future that gets the record of *result_id* when that ends the wait.

        It covers what happens after this moment; read the record once after entering.
        """
        future: asyncio.Future[StatusRecord] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(result_id, {})[future] = ends_only
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield future
        finally:
            others = self._waiters.get(result_id, {})
            others.pop(future, None)
            if not others:
                self._waiters.pop(result_id, None)
            if not self._waiters and self._task is not None:
                self._task.cancel()
                self._task = None

    def notify(self, record: StatusRecord) -> None:
        """Wake all whose wait ends with *record*."""
        for future, ends_only in self._waiters.get(record.result_id, {}).items():
            if not future.done() and record.ends_wait(ends_only=ends_only):
                future.set_result(record)

    async def close(self) -> None:
        """Stop watching; remaining waiters get the error that the store is closed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for futures in self._waiters.values():
            for future in futures:
                if not future.done():
                    future.set_exception(StoreUnavailableError("local results: closed"))

    async def _watch(self) -> None:
        """Look until nobody waits anymore."""
        seen: int | None = None
        while True:
            try:
                seen, bodies = await self._database.read(self._look(seen))
            except StoreUnavailableError:
                # Anyone who waits reads the record once more at the end and gets the error then.
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for body in bodies:
                with contextlib.suppress(ValueError):  # a damaged record: its waiter reads it at the end
                    self.notify(StatusRecord.from_json(body))
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self, seen: int | None) -> Callable[[sqlite3.Connection], tuple[int, list[str]]]:
        """Return work that finds records to announce if anything was written since version *seen*."""
        wanted = list(self._waiters)

        def look(connection: sqlite3.Connection) -> tuple[int, list[str]]:
            # The version is read first: what is written between the two is looked for again next time.
            version = data_version(connection)
            if version == seen:
                return version, []
            found = connection.execute(
                query("to_announce"), {"result_ids": json.dumps(wanted), "now": self._clock()}
            )
            return version, [row[1] for row in found]

        return look
