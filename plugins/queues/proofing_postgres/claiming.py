"""Claims jobs for free slots, and knows when to look again.

Normally a claim is bounded: from two seconds before the newest job that was claimed, so
that what is dead or taken before it costs nothing. While a backlog is worked off the bound follows closely.
What a bounded claim cannot see (a late commit) is found by an unbounded one: at start,
after reconnecting, at every poll that sees ready jobs, and after a wake-up for which nothing was found.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from proofing.plugin import QueueUnavailableError, get_logger, log
from proofing.plugin.support import jittered
from proofing_postgres.connections import ReconnectingConnection, Row
from proofing_postgres.counts import Cause, Counts
from proofing_postgres.messages import AGE, DELAY, ID, LEASE, RUN_AT
from proofing_postgres.running import Runs, StopReason
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.writer import Writer

#: How far below the newest claimed job a bounded claim looks, for enqueuers that commit late.
MARGIN_SECONDS = 2.0
#: Unbounded claims of one queue are at least this far apart, since dead rows make them slow.
_FULL_SCAN_PAUSE_SECONDS = 0.25
#: In a long backlog an unbounded claim comes this often, so that nothing old is passed over.
_BACKLOG_FULL_SCAN_SECONDS = 1.0
#: The binary float of a microsecond clock may be off by one.
_ROUNDING_SECONDS = 0.000002
_RETRY_SECONDS = 0.2
#: How soon a queue at its global limit is scanned again, at first and at most.
_CAP_SECONDS = 0.05
_MOST_CAP_SECONDS = 1.0

_logger = get_logger(__name__)


class _QueueState:
    """What is known of one queue."""

    __slots__ = (
        "cap_timer",
        "cap_wait",
        "cause",
        "full_scan_at",
        "full_scan_wanted",
        "has_backlog",
        "has_timer",
        "name",
        "needs_scan",
        "newest",
        "slots",
    )

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.slots = slots
        #: Whether a scan is due, and what requested it.
        self.needs_scan = True
        self.cause = Cause.POLL
        #: The run_at of the newest job that was claimed; None before the first.
        self.newest: float | None = None
        #: Whether the last claim came back full: a backlog, in which the bound may follow closely.
        self.has_backlog = False
        self.full_scan_wanted = True
        self.full_scan_at = float("-inf")
        self.has_timer = False
        #: Runs while the global limit, not the end of the queue, has stopped us.
        self.cap_timer: asyncio.TimerHandle | None = None
        self.cap_wait = _CAP_SECONDS


class Claimer:
    """Keeps the slots filled."""

    def __init__(
        self,
        *,
        link: ReconnectingConnection,
        settings: PostgresSettings,
        slots: Mapping[str, int],
        runs: Runs,
        writer: Writer,
        counts: Counts,
        worker_id: Callable[[], int],
    ) -> None:
        """Claim over *link* for *runs*, in the name of *worker_id* (0: not now)."""
        self._link = link
        self._settings = settings
        self._runs = runs
        self._writer = writer
        #: Of the connection over which we last agreed with the database on what we run.
        self._generation = 0
        self._counts = counts
        self._worker_id = worker_id
        self._queues = {name: _QueueState(name, count) for name, count in slots.items() if count > 0}
        self._wake = asyncio.Event()
        self._wake.set()
        self._is_stopped = False

    @property
    def queue_names(self) -> list[str]:
        """The queues that have slots here."""
        return list(self._queues)

    def wake(self, queue_name: str, cause: Cause, *, full_scan: bool = False) -> None:
        """Have a queue scanned.

        Args:
            queue_name: one without slots here is ignored.
            cause: for the statistics.
            full_scan: scan without the bound.
        """
        state = self._queues.get(queue_name)
        if state is None:
            return
        if not state.needs_scan:
            state.needs_scan = True
            state.cause = cause
        state.full_scan_wanted |= full_scan
        self._wake.set()

    def wake_all(self, *, full_scan: bool = True) -> None:
        """Have every queue scanned."""
        for name in self._queues:
            self.wake(name, Cause.POLL, full_scan=full_scan)

    def slot_freed(self) -> None:
        """Scan again where a queue waited for a slot, here or in all workers together."""
        for state in self._queues.values():
            if state.cap_timer is not None:
                state.cap_timer.cancel()
                state.cap_wait = _CAP_SECONDS
                self._wait_for_cap(state)
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing anymore."""
        self._is_stopped = True

    async def run(self) -> None:
        """Claim forever; wait while the database is down."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._generation == 0:
                    # The first connection: nothing can run yet.
                    async with self._link.use():
                        self._generation = self._link.generation
                if self._link.generation != self._generation:
                    await self.reconcile()
                # One step a queue and round: a backlog of one must not hold up the others.
                for state in self._queues.values():
                    if state.needs_scan and self._can_claim(state):
                        await self._step(state)
                if any(state.needs_scan and self._can_claim(state) for state in self._queues.values()):
                    self._wake.set()
            except Exception as error:
                # What we requested may have happened: compare before anything else is claimed.
                self._generation = -1
                if not isinstance(error, QueueUnavailableError):
                    # A bug, maybe between a claim and its start; the supervisor restarts this loop.
                    self.wake_all()
                    raise
                log(_logger, "claim_failed", level=logging.WARNING, error=type(error).__name__)
                await asyncio.sleep(jittered(_RETRY_SECONDS, 0.5))
                self.wake_all()

    async def reconcile(self) -> None:
        """After a new connection, reconcile what the database says we run with what we run.

        A claim may have succeeded though its answer was lost, and a database that crashed may have forgotten
        claims, which are not flushed one by one.
        """
        generation = self._link.generation
        worker_id = self._worker_id()
        if worker_id == 0:
            return
        rows, _count = await self._link.run("owned", {"worker": str(worker_id)})
        owned = {row[0]: row[1] for row in rows}
        pending = self._writer.pending_ids()
        for job in list(self._runs.jobs.values()):
            if owned.get(job.result_id) != job.lease:
                job.stop(StopReason.LOST)
        for result_id, lease in owned.items():
            if result_id not in self._runs.jobs and result_id not in pending:
                self._writer.hand_back(result_id, lease)
        self._generation = max(generation, 1)

    def _can_claim(self, state: _QueueState) -> bool:
        """Return whether a slot of the queue is free and the lease is valid."""
        return not self._is_stopped and self._worker_id() != 0 and self._free(state) > 0

    def _free(self, state: _QueueState) -> int:
        return state.slots - self._runs.running.get(state.name, 0)

    async def _step(self, state: _QueueState) -> None:
        """Claim once, and decide whether there may be more."""
        limit = min(self._free(state), self._settings.claim_batch)
        since_full_scan = time.monotonic() - state.full_scan_at
        cause = state.cause
        is_full_scan = state.newest is None or (
            since_full_scan >= _BACKLOG_FULL_SCAN_SECONDS if state.has_backlog else state.full_scan_wanted
        )
        # Cleared before asking: a job that is committed while we ask wakes us again.
        state.needs_scan = False
        if is_full_scan:
            state.full_scan_wanted = False
            state.full_scan_at = time.monotonic()
            claimed = await self._claim(state, "claim_any", limit, {})
        else:
            claimed = await self._claim_bounded(state, limit)
        had_backlog, state.has_backlog = state.has_backlog, claimed >= limit
        if state.has_backlog or had_backlog:
            self._scan_again(state)
        elif claimed == 0 and not is_full_scan and cause is not Cause.CHAIN:
            # Nothing within the bound, so the job that woke us must be outside it. One full scan finds it.
            if since_full_scan >= _FULL_SCAN_PAUSE_SECONDS:
                state.full_scan_wanted = True
                self._scan_again(state)
            elif not state.has_timer:
                state.has_timer = True
                wait = _FULL_SCAN_PAUSE_SECONDS - since_full_scan
                asyncio.get_running_loop().call_later(wait, self._scan_fully, state)

    def _scan_again(self, state: _QueueState) -> None:
        """Have the queue scanned again without a wake-up from outside."""
        if not state.needs_scan:
            state.needs_scan = True
            state.cause = Cause.CHAIN
        self._wake.set()

    def _wait_for_cap(self, state: _QueueState) -> None:
        """Scan again when a slot under the global limit may be free; other workers do not notify us."""
        wait = state.cap_wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        state.cap_timer = asyncio.get_running_loop().call_later(wait, self._scan_under_cap, state)
        state.cap_wait = min(2 * state.cap_wait, _MOST_CAP_SECONDS)

    def _scan_under_cap(self, state: _QueueState) -> None:
        """Have the queue scanned: the global limit may leave room now."""
        state.cap_timer = None
        self._scan_again(state)

    def _scan_fully(self, state: _QueueState) -> None:
        """Have the queue scanned fully, now that the pause is over."""
        state.has_timer = False
        self.wake(state.name, Cause.POLL, full_scan=True)

    async def _claim_bounded(self, state: _QueueState, limit: int) -> int:
        """Claim from shortly before the newest job claimed so far, up to *limit*."""
        margin = _ROUNDING_SECONDS if state.has_backlog else MARGIN_SECONDS
        since = (state.newest or 0.0) - margin
        return await self._claim(state, "claim", limit, {"since": since})

    async def _claim(self, state: _QueueState, name: str, limit: int, bound: dict[str, Any]) -> int:
        """Claim up to *limit* jobs and start them."""
        worker_id = self._worker_id()
        parameters = {
            "worker": str(worker_id),
            "queue": state.name,
            "grace": self._settings.deadline_grace_seconds + MARGIN_SECONDS,
            "limit": limit,
            **bound,
        }
        cap = self._settings.global_limits.get(state.name)
        if cap is None:
            rows, _count = await self._link.run(name, parameters)
        else:
            rows = await self._claim_capped(state, name, parameters, cap)
        if self._worker_id() != worker_id:
            # The lease went while we asked. The rows belong to an id that is dead: they will be rescued.
            return 0
        if self._is_stopped:
            # We were told to stop while we asked: the next worker begins these.
            for row in rows:
                self._writer.hand_back(row[ID], row[LEASE])
            return 0
        if rows:
            self._start(state, rows)
        return len(rows)

    async def _claim_capped(
        self, state: _QueueState, name: str, parameters: dict[str, Any], cap: int
    ) -> list[Row]:
        """Claim under a lock that all workers take, no more than the global limit leaves."""
        async with self._link.use() as connection, connection.transaction():
            queue = {"queue": state.name}
            await self._link.execute(connection, "lock_queue", queue)
            # A statement of its own: its snapshot must be younger than the lock.
            ((running,),), _count = await self._link.execute(connection, "count_executing", queue)
            room = min(parameters["limit"], cap - int(running))
            rows: list[Row] = []
            if room > 0:
                rows, _count = await self._link.execute(connection, name, {**parameters, "limit": room})
            if len(rows) == room < parameters["limit"] or room <= 0:
                # The limit of all workers stopped us, not the end of the queue.
                if rows:
                    state.cap_wait = _CAP_SECONDS
                if state.cap_timer is None:
                    self._wait_for_cap(state)
            return rows

    def _start(self, state: _QueueState, rows: list[Row]) -> None:
        """Start what was claimed, oldest first, and move the bound."""
        rows.sort(key=itemgetter(RUN_AT))
        newest: float = rows[-1][RUN_AT]
        state.newest = newest if state.newest is None else max(newest, state.newest)
        self._runs.start(rows, state.name)
        # Since they were ready, not since they were enqueued.
        self._counts.picked_up(state.cause, [row[AGE] - row[DELAY] for row in rows])
