"""The queue that core sees: `proofing.queues.Queue` on PostgreSQL."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from proofing.errors import QueueError
from proofing.queues import Capability, Forgotten, JobHandler, JobMessage, QueueStats
from proofing.records import StatusRecord
from proofing_postgres.connections import Link, Pool, connect_options
from proofing_postgres.enqueuing import Enqueuer
from proofing_postgres.forgetting import forget
from proofing_postgres.listening import CANCEL_CHANNEL
from proofing_postgres.migrations import migrate, require_schema
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.statistics import collect
from proofing_postgres.worker import WorkerSession

#: How long an answer of `PostgresQueue.stats` serves a worker: metrics and health are asked for together.
_STATS_SECONDS = 1.0


class PostgresQueue:
    """One view of the jobs table; a process makes one.

    Args:
        settings: the section ``postgres``.

    Raises:
        ConfigurationError: the DSN cannot be read.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        connect_options(settings)
        self._settings = settings
        self._pool = Pool(settings)
        self._enqueuer = Enqueuer(self._pool)
        self._session: WorkerSession | None = None
        #: The last answer of `stats` and its time, while `work` runs.
        self._stats: QueueStats | None = None
        self._stats_at = 0.0
        self._stats_turn = asyncio.Lock()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything there is."""
        return frozenset(Capability)

    @property
    def session(self) -> WorkerSession | None:
        """The worker session, while `work` runs."""
        return self._session

    async def open(self) -> None:
        """Connect and compare the schema. See `proofing.queues.Queue.open`."""
        async with self._pool.link() as link:
            await require_schema(link)

    async def close(self) -> None:
        """Close every connection."""
        await self._enqueuer.close()
        await self._pool.close()

    async def migrate(self) -> Sequence[str]:
        """Run the migrations that are missing."""
        return await migrate(self._settings)

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Persist *messages*. See `proofing.queues.Queue.enqueue`."""
        if not messages:
            return 0
        if connection is not None:
            return await self._enqueuer.enqueue_within(messages, connection)
        return await self._enqueuer.enqueue(messages)

    async def cancel(self, result_id: str) -> bool:
        """Stop a job, waiting or running. See `proofing.queues.Queue.cancel`."""
        key = _as_uuid(result_id)
        if key is None:
            return False
        rows, _count = await self._pool.run("cancel", {"id": key})
        if not rows:
            return False
        await self._enqueuer.wake(CANCEL_CHANNEL, rows[0][1])
        return True

    async def forget(self, owner: str) -> Forgotten:
        """Drop, stop and delete what is kept of *owner*. See `proofing.queues.Queue.forget`."""
        return await forget(owner, self._pool, self._enqueuer)

    async def verdict(self, result_id: str) -> StatusRecord | None:
        """Return the durable end of a job. See `proofing.queues.Queue.verdict`."""
        key = _as_uuid(result_id)
        if key is None:
            return None
        rows, _count = await self._pool.run("verdict", {"id": key})
        if not rows:
            return None
        try:
            return StatusRecord.from_json(rows[0][0])
        except ValueError:
            raise QueueError("a verdict in the history is no status record") from None

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Claim and run jobs until *stop*. See `proofing.queues.Queue.work`."""
        if self._session is not None:
            raise QueueError("this queue is being worked on already; make another one")
        self._session = WorkerSession(self._settings, handler, slots)
        try:
            await self._session.run(stop, drain_seconds)
        finally:
            self._session = self._stats = None

    async def stats(self) -> QueueStats:
        """Return counts and ages, in a worker up to a second old. See `proofing.queues.Queue.stats`."""
        if (session := self._session) is None:
            async with self._pool.link() as link:
                return await collect(link, None)
        async with self._stats_turn:
            if self._stats is None or time.monotonic() - self._stats_at > _STATS_SECONDS:
                # A worker has its four connections and opens no fifth; no claim waits for this one.
                self._stats = await collect(session.complete_link, session)
                self._stats_at = time.monotonic()
            return self._stats

    async def check(self) -> Sequence[str]:
        """Return what an operator should know about this queue, one sentence each."""
        async with self._pool.link() as link:
            await require_schema(link)
            return [_describe(link, self._settings)]


def _describe(link: Link, settings: PostgresSettings) -> str:
    """Say how workers will wake up."""
    if settings.listen == "off":
        return f"workers poll every {settings.poll_pooled_seconds} s, because postgres.listen is off"
    if settings.listen == "auto" and link.is_pooled:
        return f"a pooler stands before the database: workers poll every {settings.poll_pooled_seconds} s"
    return "workers are woken by notifications"


def _as_uuid(result_id: str) -> str | None:
    """Return *result_id* if it can be one of ours."""
    try:
        return str(UUID(result_id))
    except ValueError:
        return None
