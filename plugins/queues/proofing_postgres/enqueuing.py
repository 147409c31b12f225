"""Persists jobs and wakes workers: one statement to insert, and a notification after the commit.

The notification is a transaction of its own, because a commit that notifies holds a lock that all databases
of the server share. It is sent in the background, so that the caller does not wait for it, and coalesced by
queue: the first after a quiet moment goes right away, those that follow closely go together.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Params
from psycopg.rows import tuple_row

from proofing.plugin import JobMessage, QueueError, QueueUnavailableError, get_logger, log
from proofing_postgres.connections import Row
from proofing_postgres.listening import DUE_CHANNEL, JOBS_CHANNEL
from proofing_postgres.messages import to_arrays, to_columns
from proofing_postgres.pool import Pool
from proofing_postgres.queries import query

#: Notifications of one queue come no closer than this.
COALESCE_SECONDS = 0.005
#: How often to ask whether the caller's transaction is over, at first and at most, and for how long.
_WATCH_SECONDS = 0.002
_WATCH_MOST_SECONDS = 0.05
_WATCH_TOTAL_SECONDS = 60.0
_SHUTDOWN_SECONDS = 0.5
#: When the caller's transaction decides, no time does.
_NEVER = float("inf")

_logger = get_logger(__name__)


class Enqueuer:
    """Inserts over *pool*, or on the caller's connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._notified_at: dict[tuple[str, str], float] = {}
        self._waiting: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def enqueue(self, messages: Sequence[JobMessage]) -> int:
        """Persist *messages* in a transaction of our own. See `proofing.plugin.Queue.enqueue`."""
        name, parameters = _statement(messages)
        async with self._pool.link() as link, link.use() as connection:
            # A sender without an answer stops waiting after so long; from then on nothing may be accepted.
            until = connection.server_time(later_seconds=self._pool.timeout_seconds)
            _rows, accepted = await link.execute(connection, name, [*parameters, until])
            is_late = False
            if accepted < len(messages):
                # The others already exist (then all is well), or their unique key is taken.
                standing = {"ids": _ids(messages), "until": until}
                rows, _count = await link.execute(connection, "count_standing", standing)
                ((accepted, is_late),) = rows
        if is_late and accepted < len(messages):
            # The server's clock was set forward since we read it; the next connection reads it again.
            await link.close()
            raise QueueUnavailableError("the jobs came too late to be accepted")
        for wake in _wakes_of(messages):
            self.notify_soon(wake)
        return int(accepted)

    async def enqueue_within(self, messages: Sequence[JobMessage], connection: object) -> int:
        """Persist *messages* in the transaction of the caller's *connection*.

        Raises:
            QueueError: *connection* is not an asynchronous connection of psycopg.
        """
        if not isinstance(connection, AsyncConnection):
            raise QueueError("the postgres queue joins transactions of psycopg.AsyncConnection only")
        # Ours, whatever kind of cursors and rows the caller's connection makes.
        cursor: AsyncCursor[Row] = AsyncCursor(connection, row_factory=tuple_row)
        try:
            name, parameters = _statement(messages)
            await cursor.execute(query(name), [*parameters, _NEVER])
            accepted = cursor.rowcount
            if accepted < len(messages):
                await cursor.execute(query("count_standing"), {"ids": _ids(messages), "until": _NEVER})
                ((accepted, _is_late),) = await cursor.fetchall()
            transaction = str(await _value(cursor, "transaction"))
        except (psycopg.Error, OSError) as error:
            raise QueueUnavailableError(f"the jobs could not be persisted: {type(error).__name__}") from None
        self._spawn(self._notify_after_commit(transaction, _wakes_of(messages)))
        return int(accepted)

    async def wake(self, channel: str, queue_name: str) -> None:
        """Notify *channel* about *queue_name*; what is lost here is found by polling."""
        try:
            await self._pool.run("notify", (channel, queue_name))
        except QueueUnavailableError as error:
            log(_logger, "notify_failed", level=logging.WARNING, error=type(error).__name__)

    def notify_soon(self, wake: tuple[str, str]) -> None:
        """Notify a channel about a queue in the background, unless what is about to go will do."""
        if wake not in self._waiting:
            self._waiting.add(wake)
            since = time.monotonic() - self._notified_at.get(wake, float("-inf"))
            self._spawn(self._notify_in(max(0.0, COALESCE_SECONDS - since), wake))

    async def close(self) -> None:
        """Let the last notifications go; what takes longer, such as watching a transaction, is dropped."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SHUTDOWN_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _notify_in(self, seconds: float, wake: tuple[str, str]) -> None:
        """Wait for the rest of the quiet time, then notify."""
        if seconds:
            await asyncio.sleep(seconds)
        # From here on a new insert needs a new notification.
        self._waiting.discard(wake)
        self._notified_at[wake] = time.monotonic()
        await self.wake(*wake)

    async def _notify_after_commit(self, transaction: str, wakes: Iterable[tuple[str, str]]) -> None:
        """Notify when the caller's *transaction* is committed; psycopg offers no hook for it.

        The database is asked: the caller's connection may be in its next transaction already.
        """
        wait = _WATCH_SECONDS
        deadline = time.monotonic() + _WATCH_TOTAL_SECONDS
        status = "in progress"
        while status == "in progress" and time.monotonic() < deadline:
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, _WATCH_MOST_SECONDS)
            try:
                ((status,),), _count = await self._pool.run("transaction_status", (transaction,))
            except QueueUnavailableError:
                continue
        if status != "aborted":
            for wake in wakes:
                await self.wake(*wake)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* in the background, holding it so that it is not collected."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wakes_of(messages: Iterable[JobMessage]) -> set[tuple[str, str]]:
    """Return channel and queue of every notification that *messages* want."""
    return {
        (DUE_CHANNEL if message.delay_seconds > 0 else JOBS_CHANNEL, message.queue_name)
        for message in messages
    }


def _statement(messages: Sequence[JobMessage]) -> tuple[str, Sequence[object]]:
    """Return name and parameters of the statement that persists *messages*."""
    if len(messages) == 1:
        return "enqueue_one", to_columns(messages[0])
    return "enqueue", to_arrays(messages)


async def _value(cursor: AsyncCursor[Row], name: str, parameters: Params = ()) -> Any:
    """Run the statement *name* and return the one value that it finds."""
    await cursor.execute(query(name), parameters)
    ((value,),) = await cursor.fetchall()
    return value


def _ids(messages: Sequence[JobMessage]) -> list[str]:
    """Return the result ids."""
    return [message.result_id for message in messages]
