"""The queue that core sees: `proofing.plugin.Queue` on PostgreSQL."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from proofing.plugin import (
    Capability,
    JobHandler,
    JobMessage,
    JobState,
    JobSummary,
    OwnerPurge,
    QueueError,
    QueueStats,
    QueueUnavailableError,
    StatusRecord,
    Wake,
    notes_room,
    pause_sentences,
    refuse_long_note,
)
from proofing.plugin.support import seam
from proofing_postgres.connections import NAME, ReconnectingConnection, check_parameters
from proofing_postgres.durability import find_losses
from proofing_postgres.enqueuing import Enqueuer
from proofing_postgres.listening import CANCEL_CHANNEL, JOBS_CHANNEL
from proofing_postgres.listing import list_jobs
from proofing_postgres.migrations import migrate, require_schema
from proofing_postgres.owner_purge import purge_owner
from proofing_postgres.pool import Pool
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.statistics import collect
from proofing_postgres.worker import WorkerSession

#: How long an answer of `PostgresQueue.stats` serves a worker: metrics and health are requested together.
_STATS_SECONDS = 1.0
#: The id of no job.
_NOBODY = str(UUID(int=0))


@seam(QueueUnavailableError, NAME)
class PostgresQueue:
    """One view of the jobs table; a process makes one.

    Args:
        settings: the section ``postgres``.

    Raises:
        ConfigurationError: the DSN cannot be read, or no connection can come of it.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        check_parameters(settings)
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
    def settings(self) -> PostgresSettings:
        """The section that it was made with."""
        return self._settings

    @property
    def session(self) -> WorkerSession | None:
        """The worker session, while `work` runs."""
        return self._session

    async def open(self) -> None:
        """Connect and compare the schema. See `proofing.plugin.Queue.open`."""
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
        """Persist *messages*. See `proofing.plugin.Queue.enqueue`."""
        if not messages:
            return 0
        if connection is not None:
            return await self._enqueuer.enqueue_within(messages, connection)
        return await self._enqueuer.enqueue(messages)

    async def cancel(self, result_id: str) -> bool:
        """Stop a job, waiting or running. See `proofing.plugin.Queue.cancel`."""
        key = _as_uuid(result_id)
        if key is None:
            return False
        rows, _count = await self._pool.run("cancel", {"id": key})
        if not rows:
            return False
        await self._enqueuer.wake(CANCEL_CHANNEL, rows[0][1])
        return True

    async def withdraw(self, result_id: str) -> bool:
        """Stop a job, or bar its id. See `proofing.plugin.Queue.withdraw`."""
        key = _as_uuid(result_id)
        if key is None:
            return True
        rows, _count = await self._pool.run("withdraw", {"id": key})
        for queue_name, _is_silent in rows:
            if queue_name is not None:
                await self._enqueuer.wake(CANCEL_CHANNEL, queue_name)
        # No row: somebody barred the id at the same moment, or its job ended; the next try sees which.
        return bool(rows[0][1]) if rows else False

    async def wake(self, result_id: str, note: bytes, *, is_event: bool = True) -> Wake:
        """Have a job run (again) with *note*. See `proofing.plugin.Queue.wake`."""
        refuse_long_note(note)
        key = _as_uuid(result_id)
        if key is None:
            return Wake.GONE
        most_notes, most_bytes = notes_room(is_event=is_event)
        parameters = {"id": key, "note": note, "most_notes": most_notes, "most_bytes": most_bytes}
        ((outcome, ready_queue),), _count = await self._pool.run("wake", parameters)
        if ready_queue is not None:
            self._enqueuer.notify_soon((JOBS_CHANNEL, ready_queue))
        return Wake(outcome)

    async def jobs(
        self,
        *,
        prefix: str = "",
        state: JobState | None = None,
        queue_name: str | None = None,
        limit: int = 100,
    ) -> Sequence[JobSummary]:
        """Return jobs for an operator. See `proofing.plugin.Queue.jobs`."""
        async with self._pool.link() as link:
            return await list_jobs(link, prefix=prefix, state=state, queue_name=queue_name, limit=limit)

    async def pause(self, queue_name: str) -> bool:
        """Have no waiting job of a queue claimed. See `proofing.plugin.Queue.pause`."""
        rows, _count = await self._pool.run("pause", {"queue": queue_name})
        return bool(rows)

    async def resume(self, queue_name: str) -> bool:
        """Have a worker end a pause. See `proofing.plugin.Queue.resume`."""
        rows, _count = await self._pool.run("resume", {"queue": queue_name})
        # Any worker that looks will do; the channel is one at which all of them do.
        await self._enqueuer.wake(CANCEL_CHANNEL, queue_name)
        return bool(rows)

    async def purge_owner(self, owner: str) -> OwnerPurge:
        """Delete and stop what is stored about *owner*. See `proofing.plugin.Queue.purge_owner`."""
        return await purge_owner(owner, self._pool, self._enqueuer)

    async def final_status(self, result_id: str) -> StatusRecord | None:
        """Return the durable end of a job. See `proofing.plugin.Queue.final_status`."""
        key = _as_uuid(result_id)
        if key is None:
            return None
        rows, _count = await self._pool.run("final_status", {"id": key})
        if not rows or not rows[0][0]:
            return None
        try:
            return StatusRecord.from_json(rows[0][0])
        except ValueError:
            raise QueueError("a final status in the history is not a status record") from None

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Claim and run jobs until *stop*. See `proofing.plugin.Queue.work`."""
        if self._session is not None:
            raise QueueError("this queue is being worked on already; make another one")
        # A worker asks over its own connections; what opening has opened is not needed anymore.
        await self._pool.close()
        self._session = WorkerSession(self._settings, handler, slots)
        try:
            await self._session.run(stop, drain_seconds)
        finally:
            self._session = self._stats = None

    async def stats(self) -> QueueStats:
        """Return counts and ages, in a worker up to a second old. See `Queue.stats`."""
        if (session := self._session) is None:
            async with self._asking_link() as link:
                return await collect(link, None, self._settings.replication)
        async with self._stats_turn:
            if self._stats is None or time.monotonic() - self._stats_at > _STATS_SECONDS:
                async with self._asking_link() as link:
                    self._stats = await collect(link, session, self._settings.replication)
                self._stats_at = time.monotonic()
            return self._stats

    async def parked_by_vendor(self) -> Mapping[str, int]:
        """Return how many jobs are parked for each vendor. See `proofing.plugin.Queue.parked_by_vendor`."""
        async with self._asking_link() as link:
            rows, _count = await link.run("parked_by_vendor")
        return {str(vendor): int(count) for vendor, count in rows}

    async def ping(self) -> None:
        """Look for a job that nobody made, on a connection that this process has anyway."""
        async with self._asking_link() as link:
            await link.run("final_status", {"id": _NOBODY})

    async def time(self) -> float:
        """Return the server's time, in seconds since the epoch."""
        async with self._asking_link() as link:
            rows, _count = await link.run("clock")
        return float(rows[0][0])

    async def check(self) -> Sequence[str]:
        """Return what an operator should know about this queue, one sentence each."""
        async with self._asking_link() as link:
            await require_schema(link)
            rows, _count = await link.run("paused")
            ((commit, standbys, fsync),), _count = await link.run("durability")
            return [
                _describe(link, self._settings),
                *find_losses(self._settings.replication, commit, standbys, fsync),
                *pause_sentences(dict(rows)),
            ]

    @contextlib.asynccontextmanager
    async def _asking_link(self) -> AsyncIterator[ReconnectingConnection]:
        """Give a connection for what a probe asks.

        A worker has its four connections and opens no fifth; no claim waits for the one that is given.
        """
        if self._session is not None:
            yield self._session.complete_link
        else:
            async with self._pool.link() as link:
                yield link


def _describe(link: ReconnectingConnection, settings: PostgresSettings) -> str:
    """Say how workers will wake up."""
    if settings.listen == "off":
        return f"workers poll every {settings.poll_pooled_seconds} s, because postgres.listen is off"
    if settings.listen == "auto" and link.is_pooled:
        return f"a connection pooler is in use: workers poll every {settings.poll_pooled_seconds} s"
    return "workers are woken by notifications"


def _as_uuid(result_id: str) -> str | None:
    """Return *result_id* if it can be our id, else None."""
    try:
        return str(UUID(result_id))
    except ValueError:
        return None
