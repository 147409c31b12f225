"""Writes about owned jobs: ends, intents, answers, hand-backs, what is parked; many at a time, each fenced.

Ends wait a few milliseconds for others to be written with; nobody waits for them. Notes are waited for and go
right away, together with whatever else is there. A write that the database did not answer is written again:
it is fenced, so a repetition finds nothing to do. So is one that found a job changing at that moment.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeVar

from proofing.plugin import (
    EndState,
    LeaseLostError,
    Parked,
    QueueUnavailableError,
    StatusRecord,
    get_logger,
    log,
)
from proofing.plugin.support import Backoff
from proofing_postgres.connections import Connection, ReconnectingConnection
from proofing_postgres.counts import Counts
from proofing_postgres.listening import CANCEL_CHANNEL, JOBS_CHANNEL
from proofing_postgres.messages import final_status_text
from proofing_postgres.settings import PostgresSettings

_FIRST_WAIT_SECONDS = 0.05
_MOST_WAIT_SECONDS = 2.0
#: Separates texts in one parameter; JSON escapes it, and vendor names are checked.
_SEPARATOR = "\x1f"
#: Stands for the end of a job that has none.
_READY = "-"

#: One end to write: result id, lease number, record. A plain tuple, because there is one for every job.
_End = tuple[str, int, StatusRecord]
#: One job to park: result id, lease number, what it is parked with, how many notes its run has read.
_Park = tuple[str, int, Parked, int]

_logger = get_logger(__name__)


class _HandBack(NamedTuple):
    """One job to release; *end_state* is `_READY` for one that may run again."""

    result_id: str
    lease: int
    end_state: str


@dataclass(slots=True)
class _Checkpoint:
    """One note about a job that runs, and who waits for it.

    Attributes:
        vendor: about to be called; empty for answers alone.
        question: that it is asked; None for answers alone.
        answers: what the job has by now, sealed; None for no more than before.
    """

    result_id: str
    lease: int
    vendor: str
    question: int | None
    answers: bytes | None
    accepted: "asyncio.Future[bool]"


_ItemT = TypeVar("_ItemT", _End, _HandBack, _Park)
_KeptT = TypeVar("_KeptT")


class Writer:
    """The only one that writes about this worker's jobs."""

    def __init__(
        self,
        link: ReconnectingConnection,
        settings: PostgresSettings,
        counts: Counts,
        worker_id: Callable[[], int],
        on_parked: Callable[[], None],
    ) -> None:
        """Write over *link*, as the worker *worker_id* returns; call *on_parked* when jobs were parked."""
        self._link = link
        self._settings = settings
        self._counts = counts
        self._worker_id = worker_id
        self._on_parked = on_parked
        self._parks: deque[_Park] = deque()
        self._ends: deque[_End] = deque()
        self._checkpoints: deque[_Checkpoint] = deque()
        self._hand_backs: deque[_HandBack] = deque()
        self._wake = asyncio.Event()
        self._flush_now = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_repeating = False
        self._in_flight: list[_End | _HandBack | _Park] = []

    def complete(self, result_id: str, lease: int, record: StatusRecord) -> None:
        """Have the end *record* written soon."""
        self._ends.append((result_id, lease, record))
        if len(self._ends) >= self._settings.flush_items:
            self._flush_now.set()
        self._idle.clear()
        self._wake.set()

    def hand_back(self, result_id: str, lease: int, end: EndState | None = None) -> None:
        """Release a job soon: to run again, or, with *end*, to have any worker publish that."""
        self._hand_backs.append(_HandBack(result_id, lease, end.value if end else _READY))
        self._wake_now()

    def park(self, result_id: str, lease: int, parked: Parked, *, read: int) -> None:
        """Have a job parked soon, without the first *read* of its notes."""
        self._parks.append((result_id, lease, parked, read))
        self._wake_now()

    async def checkpoint(
        self, result_id: str, lease: int, vendor: str, question: int | None, answers: bytes | None
    ) -> None:
        """Write an intent to ask *vendor* the *question*, or answers, or both, and wait until it is durable.

        Raises:
            LeaseLostError: the job is no longer ours, or the database could not be asked in time.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        vendor = vendor.replace(_SEPARATOR, "")
        self._checkpoints.append(_Checkpoint(result_id, lease, vendor, question, answers, future))
        self._wake_now()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                accepted = await future
        except TimeoutError:
            raise LeaseLostError("the note could not be written in time") from None
        if not accepted:
            raise LeaseLostError("the job is no longer ours")

    def pending_ids(self) -> set[str]:
        """Return the ids of jobs whose end or release is on its way."""
        return {item[0] for item in (*self._in_flight, *self._ends, *self._hand_backs, *self._parks)}

    async def until_written(self) -> None:
        """Wait until everything is in the database."""
        self._flush_now.set()
        await self._idle.wait()

    def drop(self) -> None:
        """Drop what is not written: our lease is lost, and others decide."""
        for note in self._checkpoints:
            if not note.accepted.done():
                note.accepted.set_result(False)
        self._counts.add("lease_lost", len(self._ends))
        self._ends.clear()
        self._checkpoints.clear()
        self._hand_backs.clear()
        self._parks.clear()

    async def run(self) -> None:
        """Write forever; wait while the database is down."""
        backoff = Backoff(_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS)
        while True:
            await self._wake.wait()
            self._wake.clear()
            if (
                not self._flush_now.is_set()
                and not self._checkpoints
                and len(self._ends) < self._settings.flush_items
            ):
                await self._coalesce()
            self._flush_now.clear()
            try:
                while self._ends or self._checkpoints or self._hand_backs or self._parks:
                    await self._flush()
                backoff.reset()
                self._idle.set()
            except QueueUnavailableError as error:
                log(
                    _logger,
                    "queue_write_failed",
                    level=logging.WARNING,
                    error=type(error).__name__,
                    count=len(self._ends),
                )
                await backoff.sleep()
                self._wake.set()

    def _wake_now(self) -> None:
        """Have everything written without lingering."""
        self._idle.clear()
        self._flush_now.set()
        self._wake.set()

    async def _coalesce(self) -> None:
        """Wait for others to be written with, unless one must be written now."""
        try:
            async with asyncio.timeout(self._settings.flush_seconds):
                await self._flush_now.wait()
        except TimeoutError:
            return

    async def _flush(self) -> None:
        """Write one batch of each kind, in one turn on the connection."""
        worker = str(self._worker_id())
        self._in_flight.clear()
        async with self._link.use() as connection:
            if self._checkpoints:
                await self._flush_checkpoints(connection, worker)
            if self._hand_backs:
                await self._flush_hand_backs(connection, worker)
            if self._parks:
                await self._flush_parks(connection, worker)
            if self._ends:
                await self._flush_ends(connection, worker)
        self._in_flight.clear()

    async def _flush_checkpoints(self, connection: Connection, worker: str) -> None:
        """Write intents and answers, each job at most once a batch, and tell who waits."""
        batch: dict[str, _Checkpoint] = {}
        later: list[_Checkpoint] = []
        while self._checkpoints and len(batch) < self._settings.flush_items:
            note = self._checkpoints.popleft()
            if note.result_id in batch:
                later.append(note)
            else:
                batch[note.result_id] = note
        self._checkpoints.extendleft(reversed(later))
        notes = [batch[result_id] for result_id in sorted(batch)]
        with _kept(self._checkpoints, notes):
            rows, _count = await self._link.execute(
                connection,
                "checkpoint",
                {
                    "ids": ",".join([note.result_id for note in notes]),
                    "leases": ",".join([str(note.lease) for note in notes]),
                    "vendors": _SEPARATOR.join([note.vendor for note in notes]),
                    "questions": ",".join(
                        ["" if note.question is None else str(note.question) for note in notes]
                    ),
                    "answers": [note.answers for note in notes]
                    if any(note.answers is not None for note in notes)
                    else None,
                    "worker": worker,
                },
            )
        accepted = {row[0] for row in rows}
        missed = [(note.result_id, note.lease) for note in notes if note.result_id not in accepted]
        owned = await self._still_owned(connection, missed, worker)
        for note in notes:
            if owned.get(note.result_id):
                self._checkpoints.append(note)
            elif not note.accepted.done():
                note.accepted.set_result(note.result_id in accepted)
        self._counts.add("notes_rejected", sum(not owned.get(result_id) for result_id, _lease in missed))

    async def _flush_hand_backs(self, connection: Connection, worker: str) -> None:
        """Release jobs, and wake workers that can take them."""
        batch = sorted(self._take(self._hand_backs))
        with _kept(self._hand_backs, batch):
            rows, _count = await self._link.execute(
                connection,
                "hand_back",
                {
                    "ids": ",".join(item.result_id for item in batch),
                    "leases": ",".join(str(item.lease) for item in batch),
                    "ends": ",".join(item.end_state for item in batch),
                    "worker": worker,
                },
            )
        if len(rows) < len(batch):
            await self._repeat(connection, self._hand_backs, batch, worker)
        for state, queue_name in sorted(set(rows)):
            channel = JOBS_CHANNEL if state == "ready" else CANCEL_CHANNEL
            await self._link.execute(connection, "notify", (channel, queue_name))

    async def _flush_parks(self, connection: Connection, worker: str) -> None:
        """Park jobs, and wake workers for those that hold notes, or were canceled meanwhile."""
        batch = sorted(self._take(self._parks), key=itemgetter(0))
        with _kept(self._parks, batch):
            rows, _count = await self._link.execute(
                connection,
                "park",
                {
                    "ids": [item[0] for item in batch],
                    "leases": [item[1] for item in batch],
                    "vendors": [item[2].vendor for item in batch],
                    "run_in": [float(item[2].run_in_seconds) for item in batch],
                    "payloads": [item[2].encrypted_arguments for item in batch],
                    "read": [item[3] for item in batch],
                    "worker": worker,
                },
            )
        if len(rows) < len(batch):
            await self._repeat(connection, self._parks, batch, worker)
        for state, queue_name in sorted(set(rows)):
            if state != "scheduled":
                channel = JOBS_CHANNEL if state == "ready" else CANCEL_CHANNEL
                await self._link.execute(connection, "notify", (channel, queue_name))
        self._on_parked()

    async def _flush_ends(self, connection: Connection, worker: str) -> None:
        """Write ends, and count those that were rejected."""
        batch = self._take(self._ends)
        batch.sort(key=itemgetter(0))
        # What is written again may have been accepted the first time.
        rejected = "ends_repeated" if self._is_repeating else "lease_lost"
        self._is_repeating = True
        with _kept(self._ends, batch):
            rows, _count = await self._link.execute(
                connection,
                "complete",
                {
                    "ids": ",".join([item[0] for item in batch]),
                    "leases": ",".join([str(item[1]) for item in batch]),
                    "ends": ",".join([item[2].end_state or EndState.INTERNAL_ERROR for item in batch]),
                    "final_statuses": _SEPARATOR.join([final_status_text(item[2]) for item in batch]),
                    "worker": worker,
                },
            )
        self._is_repeating = False
        accepted = 0
        for end, count in rows:
            self._counts.add(f"ended_{end}", count)
            accepted += count
        if accepted < len(batch):
            repeated = await self._repeat(connection, self._ends, batch, worker)
            self._counts.add(rejected, len(batch) - accepted - repeated)

    async def _repeat(
        self, connection: Connection, queue: deque[_ItemT], batch: Sequence[_ItemT], worker: str
    ) -> int:
        """Have what of *batch* was not written, though its job is ours, written again; return how much."""
        owned = await self._still_owned(connection, [(item[0], item[1]) for item in batch], worker)
        repeated = [item for item in batch if item[0] in owned]
        queue.extend(repeated)
        return len(repeated)

    async def _still_owned(
        self, connection: Connection, jobs: Sequence[tuple[str, int]], worker: str
    ) -> dict[str, bool]:
        """Return which of *jobs*, result ids with leases, are ours, and whether each may call vendors."""
        if not jobs:
            return {}
        parameters = {
            "ids": ",".join([result_id for result_id, _lease in jobs]),
            "leases": ",".join([str(lease) for _result_id, lease in jobs]),
            "worker": worker,
        }
        rows, _count = await self._link.execute(connection, "still_owned", parameters)
        return dict(rows)

    def _take(self, queue: deque[_ItemT]) -> list[_ItemT]:
        """Take at most a batch from *queue*."""
        taken = [queue.popleft() for _ in range(min(len(queue), self._settings.flush_items))]
        self._in_flight.extend(taken)
        return taken


@contextlib.contextmanager
def _kept(queue: deque[_KeptT], batch: Sequence[_KeptT]) -> Iterator[None]:
    """Put *batch* back into *queue* unless it was written."""
    try:
        yield
    except BaseException:
        # Also when we are canceled, as at the end of a worker, which writes once more before it goes.
        queue.extendleft(reversed(batch))
        raise
