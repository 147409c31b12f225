"""What any worker does for all: promotes, expires, rescues, publishes ends that nobody else would.

One cheap question (`inspect`) finds out whether there is anything to do. Whatever is taken is skipped by the
others (SKIP LOCKED), so that any number of workers may sweep at once.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from proofing.plugin import JobKind, get_logger, log
from proofing_postgres.claiming import Claimer
from proofing_postgres.connections import ReconnectingConnection
from proofing_postgres.counts import Cause, Counts
from proofing_postgres.listening import JOBS_CHANNEL
from proofing_postgres.running import Runs, StopReason
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.writer import Writer

#: Ends that one worker publishes at once.
_ENDINGS_AT_ONCE = 100
#: Jobs that wait become stale in queues that have no slots here, too.
_ALL_QUEUES = [kind.queue_name for kind in JobKind]
#: A timer for the next due job is set no further ahead than this; a sweep will set another.
_MOST_DUE_SECONDS = 3600.0

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _SweepState:
    """What is due; the columns of the statement ``inspect``."""

    ready: list[str]
    next_due_seconds: float | None
    has_stale: bool
    has_overdue: bool
    has_dead: bool
    has_endings: bool
    has_canceled: bool
    has_resumed: bool


class Sweeper:
    """Sweeps when asked."""

    def __init__(
        self,
        *,
        link: ReconnectingConnection,
        settings: PostgresSettings,
        claimer: Claimer,
        runs: Runs,
        writer: Writer,
        counts: Counts,
        worker_id: Callable[[], int],
        on_resumed: Callable[[], None],
    ) -> None:
        """Sweep over *link*, feeding *claimer* and *runs*; *on_resumed* when a pause is to be ended."""
        self._link = link
        self._settings = settings
        self._claimer = claimer
        self._runs = runs
        self._writer = writer
        self._counts = counts
        self._worker_id = worker_id
        self._on_resumed = on_resumed
        self._due: asyncio.TimerHandle | None = None
        #: Whether there were more ends to publish than places.
        self._has_more_ends = False
        #: Set to sweep right away.
        self.wanted = asyncio.Event()

    async def sweep(self) -> None:
        """Sweep once.

        Raises:
            QueueUnavailableError: the database is down; what was not done is found by the next sweep.
        """
        parameters = {
            "queues": self._claimer.queue_names,
            "all_queues": _ALL_QUEUES,
            "worker": str(self._worker_id()),
        }
        ((*columns,),), _count = await self._link.run("inspect", parameters)
        state = _SweepState(*columns)
        for name in state.ready:
            self._claimer.wake(name, Cause.POLL, full_scan=True)
        if state.next_due_seconds is not None:
            await self._promote(state.next_due_seconds)
        if state.has_stale:
            _rows, count = await self._link.run("expire", {"all_queues": _ALL_QUEUES})
            self._counts.add("swept_stale", count)
        if state.has_overdue:
            _rows, count = await self._link.run("overdue")
            self._counts.add("swept_overdue", count)
        if state.has_dead:
            await self._rescue()
        if state.has_canceled:
            await self._stop_canceled()
        if state.has_endings or state.has_stale or state.has_overdue or state.has_dead:
            await self._publish_ends()
        if state.has_resumed:
            self._on_resumed()

    def place_freed(self) -> None:
        """Look again for ends to publish, if some were left and half of the places are free."""
        if self._has_more_ends and self._runs.publishing <= _ENDINGS_AT_ONCE // 2:
            self._has_more_ends = False
            self.wanted.set()

    def close(self) -> None:
        """Set no timer anymore."""
        if self._due is not None:
            self._due.cancel()

    async def _promote(self, seconds: float) -> None:
        """Make due jobs ready, and set the timer for the next one."""
        if seconds <= 0:
            rows, _count = await self._link.run("promote")
            for (name,) in rows:
                self._claimer.wake(name, Cause.POLL, full_scan=True)
            ((next_seconds,),), _count = await self._link.run("next_due")
            if next_seconds is None:
                return
            seconds = max(0.0, next_seconds)
        if self._due is not None:
            self._due.cancel()
        # A millisecond late finds it due; one early would sweep twice.
        wait = min(seconds, _MOST_DUE_SECONDS) + 0.001
        self._due = asyncio.get_running_loop().call_later(wait, self.wanted.set)

    async def _rescue(self) -> None:
        """Take the jobs of dead workers, then remove their rows, all in one transaction."""
        async with self._link.use() as connection, connection.transaction():
            rows, _count = await self._link.execute(connection, "lock_dead", ())
            dead = [row[0] for row in rows]
            taken, _count = await self._link.execute(
                connection, "rescue", {"dead": dead, "max_crashes": self._settings.max_crashes}
            )
            await self._link.execute(connection, "delete_dead_workers", {"dead": dead})
        for name, count in taken:
            self._counts.add("rescued", count)
            log(_logger, "rescued", level=logging.WARNING, queue_name=name, rescued=count, workers=len(dead))
            self._claimer.wake(name, Cause.POLL, full_scan=True)
            # Another worker may have the free slot.
            await self._link.run("notify", (JOBS_CHANNEL, name))
        if taken:
            self.wanted.set()

    async def _stop_canceled(self) -> None:
        """Stop our runs of jobs that were canceled."""
        rows, _count = await self._link.run("owned", {"worker": str(self._worker_id())})
        pending = self._writer.pending_ids()
        for result_id, lease, wanted_end in rows:
            job = self._runs.jobs.get(result_id)
            if wanted_end is None:
                continue
            if job is None and result_id not in pending:
                # It has ended here: what writes an end finds no row that a cancel is writing at that moment.
                self._writer.hand_back(result_id, lease)
            # A job whose wanted end is just being published looks the same to the database.
            elif job is not None and job.lease == lease and not job.is_end_only:
                job.stop(StopReason.CANCELED)

    async def _publish_ends(self) -> None:
        """Take jobs that only need their end published, and start publishing."""
        worker_id = self._worker_id()
        places = _ENDINGS_AT_ONCE - self._runs.publishing
        if worker_id == 0 or places <= 0:
            return
        parameters = {
            "worker": str(worker_id),
            "grace": self._settings.deadline_grace_seconds,
            "limit": places,
        }
        rows, _count = await self._link.run("claim_endings", parameters)
        self._has_more_ends = len(rows) == places
        self._runs.publish_wanted_ends(rows)
