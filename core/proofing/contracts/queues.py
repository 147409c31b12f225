"""The contract between the job life cycle and a queue backend.

Guarantees a queue states: at-least-once start (or, without `Capability.CRASH_RECOVERY`, at-most-once), at
most one accepted end. A queue never opens the arguments, and its workers hand every job to a `JobHandler`,
which publishes the result before the queue records the end.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from proofing.base.errors import QueueError
from proofing.contracts.plugin_settings import JOB_DEADLINE_SECONDS
from proofing.contracts.records import EndState, JobKind, JobState, StatusRecord
from proofing.contracts.verifications import Mode, VerificationRef

#: The most notes that a job holds, and their bytes together, sealed.
MAX_NOTES = 8
MAX_NOTES_BYTES = 2 * 1024 * 1024
#: How much of this only vendors' events may use: anybody who knows an address can send the other notes.
RESERVED_NOTES = 4
RESERVED_NOTES_BYTES = 512 * 1024


class Capability(StrEnum):
    """What a queue can do beyond the contract's minimum. The contract suite tests what is declared."""

    #: `enqueue` takes the caller's connection and joins its transaction.
    TRANSACTIONAL = "transactional"
    #: Jobs of a dead worker come back, or end typed where a vendor was called, without anyone's doing.
    CRASH_RECOVERY = "crash_recovery"
    #: Claims are fenced: a late completion by a former owner is rejected.
    FENCING = "fencing"
    #: The end is kept durably with the job, and `final_status` finds it.
    FINAL_STATUS = "final_status"
    #: `JobMessage.delay_seconds` is obeyed.
    DELAY = "delay"
    #: A second message with a waiting or running job's `unique_key` is not accepted.
    UNIQUE = "unique"
    #: `cancel` stops a job that waits.
    CANCEL_WAITING = "cancel_waiting"
    #: `cancel` stops a job that runs.
    CANCEL_RUNNING = "cancel_running"
    #: `jobs` also finds jobs that run and jobs that ended, of all processes; without it, those that wait.
    HISTORY = "history"
    #: `pause` and `resume` hold for the workers of all hosts.
    PAUSE = "pause"
    #: `withdraw` also bars a job whose `enqueue` has not arrived yet.
    WITHDRAW = "withdraw"
    #: Ages are judged by one clock, the store's, whatever the hosts' clocks say.
    STORE_CLOCK = "store_clock"
    #: A `Parked` job waits in the queue for its time, see `JobHandler.run`, or for `Queue.wake`. Every queue
    #: that a worker works on must have it where a vendor answers later.
    PARK = "park"


class Wake(StrEnum):
    """What became of a note for `Queue.wake`."""

    #: It is kept with the job, which runs (again) as soon as a worker is free.
    KEPT = "kept"
    #: The job holds as many notes or bytes as it may, and runs with those now, or is about to. This one was
    #: not kept: what must arrive is to be sent again later.
    FULL = "full"
    #: There is no such job, or it has ended, or is about to end.
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobMessage:
    """What a queue persists of one job.

    Attributes:
        result_id: the attempt's random id (UUIDv4), also the job's id.
        owner: opaque reference of the person.
        encrypted_arguments: sealed bytes; the queue can neither read nor move them to another job.
        trace_id: one id through web, queue, worker and vendor logs.
        traceparent: of the span that submitted it (W3C Trace Context); the run continues that trace.
        partner: opaque reference of the organization that sent the person.
        verification: which one the job is for; None for none.
        object_keys: what the job reads in the image store; deleted when it ends.
        counter_keys: on which the attempt was counted; refunded when the job ends without an answer.
        metadata: facts for the job's log line, such as image sizes; no PII. It decides nothing.
        schema_version: of the arguments. A worker ends unknown versions as `EndState.UNREADABLE`.
        enqueued_at: seconds since the epoch by the result store's clock; a queue with
            `Capability.STORE_CLOCK` keeps its own time alongside it.
        stale_after_seconds: a job older than this calls no vendor.
        deadline_seconds: a job that runs longer is ended as `EndState.TIMED_OUT`.
        delay_seconds: do not start before.
        unique_key: refuse a second one while a job with this key waits or runs.
        is_parked: whether *encrypted_arguments* are those of a `Parked` job that runs again.
        notes: what `Queue.wake` kept for the job, oldest first; sealed. `enqueue` ignores them.
        intents: numbers of the questions whose vendor may have been called by an earlier run that came to no
            end, see `ClaimedJob.record_intent`. `enqueue` ignores them; so it does *answers*.
        answers: what that run kept of the questions that had their answer, sealed; None for nothing.
    """

    result_id: str
    kind: JobKind
    owner: str
    encrypted_arguments: bytes
    trace_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    traceparent: str | None = None
    partner: str | None = None
    verification: VerificationRef | None = None
    object_keys: tuple[str, ...] = ()
    counter_keys: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = 1
    enqueued_at: float = field(default_factory=time.time)
    stale_after_seconds: float = 300.0
    deadline_seconds: float = JOB_DEADLINE_SECONDS
    delay_seconds: float = 0.0
    unique_key: str | None = None
    is_parked: bool = False
    notes: tuple[bytes, ...] = ()
    intents: tuple[int, ...] = ()
    answers: bytes | None = None

    def __repr__(self) -> str:
        return f"JobMessage({self.kind.value} {self.result_id})"

    @property
    def queue_name(self) -> str:
        """The queue it waits in."""
        return self.kind.queue_name

    @property
    def verification_id(self) -> str | None:
        """Id of the verification that the job is for; None for none."""
        return self.verification.id if self.verification is not None else None

    @property
    def mode(self) -> Mode:
        """Whether real vendors are asked."""
        return Mode.LIVE if self.verification is None else self.verification.mode

    @property
    def log_fields(self) -> dict[str, Any]:
        """What every log line about it carries."""
        return {
            "job_class": self.kind.log_name,
            "job_id": self.result_id,
            "queue_name": self.queue_name,
            "trace_id": self.trace_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parked:
    """What the queue keeps of a job that waits for its vendor, in place of its message's.

    The job becomes ready again after *run_in_seconds*, as one without intents and answers; its age,
    for `JobMessage.stale_after_seconds` and the picking up, counts from then. It keeps its id, its unique key
    and its counter keys; its object keys are gone, and so are the notes that its message carried. If it holds
    others, it is ready at once.

    Attributes:
        encrypted_arguments: sealed bytes.
        run_in_seconds: at least 0.
        vendor: whom it waits for; operators see it.
    """

    encrypted_arguments: bytes
    run_in_seconds: float
    vendor: str


class ClaimedJob(Protocol):
    """One start of a job by this worker. Invalid as soon as the lease is lost."""

    @property
    def message(self) -> JobMessage:
        """The job."""

    @property
    def attempt(self) -> int:
        """Which start this is, from 1."""

    @property
    def age_seconds(self) -> float:
        """How long ago it was enqueued, or became ready again, by the queue's clock, at this moment."""

    async def record_intent(self, vendor_name: str, *, question: int, answers: bytes | None = None) -> None:
        """Record durably that the vendor of a question is about to be called, before it is.

        When the run comes to no end, because its worker dies or stops, the job runs again and finds this in
        `JobMessage.intents` and `JobMessage.answers`. A job that cannot run again ends as
        `EndState.UNKNOWN_OUTCOME` then, as does one of a queue without `Capability.CRASH_RECOVERY` that would
        be handed back.

        Args:
            vendor_name: whom operators see.
            question: its number, of 32 bits.
            answers: what the job's other questions came to so far, sealed; it replaces what was kept before.

        Raises:
            LeaseLostError: the job is no longer ours; do not call.
        """

    async def record_answers(self, answers: bytes) -> None:
        """Record *answers* alone, while calls are in flight. See `record_intent`."""


class JobHandler(Protocol):
    """What a queue's worker does with jobs; core implements it."""

    async def run(self, job: ClaimedJob) -> StatusRecord | Parked:
        """Run the job to its end, publish the result, and return the effective record; or have it parked.

        The queue writes what is parked like an end: fenced, in the row or message of the job itself. A job
        that was canceled meanwhile is not parked; its end is published.

        Raises:
            asyncio.CancelledError: the queue took the job back (lease lost, drain over, canceled);
                nothing was published.
            LeaseLostError: a note was rejected; nothing was published.
        """

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Publish *end* for a job that will not run (again), and return the effective record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """What an operator may know of one job; no arguments, no person.

    Attributes:
        age_seconds: since it was enqueued, by the queue's clock, without pauses that are over.
        run_seconds: how long it has run, or ran before its end; None when it never started.
        ended_seconds: how long ago it ended; None while it has no end.
        executions: how often it was started.
        end_state: how it ended, or is about to.
        vendor: whom it is parked for, in every queue. Else the one whose call began first, or whom it last
            waited for; None before, and where the queue does not keep it.
    """

    result_id: str
    queue_name: str
    state: JobState
    age_seconds: float
    run_seconds: float | None = None
    ended_seconds: float | None = None
    executions: int = 0
    end_state: str | None = None
    trace_id: str = ""
    vendor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerPurge:
    """What `Queue.purge_owner` found of one person.

    Attributes:
        removed: jobs that waited and were dropped, and ends that were deleted from the history.
        running: jobs that were told to stop. Their ends come a moment later: ask again until none runs.
    """

    removed: int
    running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """Counts and ages of one queue backend; never arguments, never PII.

    Attributes:
        waiting: queue name to jobs ready or scheduled; an estimate where there are too many to count.
        parked: queue name to jobs that wait for their vendor, estimated likewise. A backend that cannot tell
            them apart without reading them counts scheduled jobs here, too.
        running: queue name to jobs executing.
        oldest_seconds: age of the oldest job that is ready to start; 0 when none is.
        workers: live worker processes; None where the backend does not know.
        ended: `EndState` value to how many, over the backend's memory.
        paused: name of a paused queue to how many seconds ago it was paused.
        details: further states of the backend, such as dead rows; snake_case, with the unit at the end.
        totals: what the backend has counted, such as rescued jobs, and seconds that add up. They only grow.
    """

    waiting: Mapping[str, int]
    running: Mapping[str, int]
    oldest_seconds: float
    parked: Mapping[str, int] = field(default_factory=dict)
    workers: int | None = None
    ended: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)


class Queue(Protocol):
    """A queue backend. Made by its descriptor's factory; opened and closed by the process that uses it."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this queue can do beyond the minimum."""

    async def open(self) -> None:
        """Connect.

        Raises:
            QueueUnavailableError: the backend cannot be reached.
        """

    async def close(self) -> None:
        """Release everything that `open` acquired. Harmless when not open."""

    async def migrate(self) -> Sequence[str]:
        """Bring the backend's schema up to date and return what was done. Harmless when run twice."""

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Persist *messages*, all or none, and return how many were accepted (others had a taken unique key).

        Args:
            messages: at least one.
            connection: the caller's open connection, whose transaction decides; needs
                `Capability.TRANSACTIONAL`.

        Raises:
            QueueUnavailableError: nothing was persisted as far as we know; asking again with the same
                result ids is safe. What is on its way may still arrive: see `withdraw`.
        """

    async def cancel(self, result_id: str) -> bool:
        """Stop a job and return whether one was stopped, or asked to stop."""

    async def withdraw(self, result_id: str) -> bool:
        """Cancel a job whether or not its `enqueue` has arrived, and return whether it will call no vendor.

        For undoing an `enqueue` that was not answered: should it arrive later, its job never starts. One that
        waited may disappear without an end. False when the job may have begun a call, or has ended.

        Raises:
            QueueError: without `Capability.WITHDRAW`.
            QueueUnavailableError: not known; ask again.
        """

    async def wake(self, result_id: str, note: bytes, *, is_event: bool = True) -> Wake:
        """Have a job run (again) with *note*.

        A parked job is ready at once, and its age counts from now. One that waits for its first run waits on,
        and reads the note then or in its second run. One that runs has it in its next run, which begins at
        once if the job is parked. No order of wakes, parks and ends loses a note that was kept; a job that
        ends takes its notes along. A job that is rescued or handed back runs with the same notes again.

        Args:
            result_id: of the job.
            note: sealed bytes; the queue cannot read them.
            is_event: whether it may use all the room there is; see `notes_room`.

        Raises:
            QueueError: without `Capability.PARK`, or *note* has more than `MAX_NOTES_BYTES`.
            QueueUnavailableError: not known; ask again. The job may then hold the note twice.
        """

    async def jobs(
        self,
        *,
        prefix: str = "",
        state: JobState | None = None,
        queue_name: str | None = None,
        limit: int = 100,
    ) -> Sequence[JobSummary]:
        """Return jobs without an end, the next to start first, then ended ones, the latest first.

        Args:
            prefix: only jobs whose result id begins with it: hexadecimal digits and hyphens.
            state: only jobs in this state.
            queue_name: only jobs of this queue.
            limit: at most so many.
        """

    async def pause(self, queue_name: str) -> bool:
        """Have no waiting job of a queue started by any worker, and return whether it was not paused before.

        Jobs that run continue. For jobs that wait, stale limits and ages do not count the pause.

        Raises:
            QueueError: without `Capability.PAUSE`.
        """

    async def resume(self, queue_name: str) -> bool:
        """End a pause and return whether there was one; jobs start again within seconds.

        Raises:
            QueueError: without `Capability.PAUSE`.
        """

    async def purge_owner(self, owner: str) -> OwnerPurge:
        """Delete every waiting job of *owner* without publishing an end, stop running ones, delete the ends.

        Idempotent. A queue without `Capability.CANCEL_RUNNING` leaves running jobs alone, and
        does not count them.

        Raises:
            QueueUnavailableError: some may be gone; ask again.
        """

    async def final_status(self, result_id: str) -> StatusRecord | None:
        """Return the durable end of a job, or None; always None without `Capability.FINAL_STATUS`."""

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Claim and run jobs until *stop* is set, then drain.

        Never ends because of a failing backend: it reconnects with a growing, jittered wait.

        Args:
            handler: runs the jobs.
            slots: queue name to how many of its jobs may run here at once.
            stop: set once to drain; jobs still running after *drain_seconds* are canceled and, where the
                queue can, handed back uncharged.
            drain_seconds: how long to wait for running jobs.
        """

    async def stats(self) -> QueueStats:
        """Return counts and ages."""

    async def parked_by_vendor(self) -> Mapping[str, int]:
        """Return how many jobs are parked for each vendor, by its name; of several, for the one due first.

        For `proofing check`, and not for what is asked all the time: it may read every parked job, so that no
        vendor is missed.
        """


def parked_message(message: JobMessage, parked: Parked) -> JobMessage:
    """Return *message* as it runs again after it was parked."""
    return replace(
        message,
        encrypted_arguments=parked.encrypted_arguments,
        object_keys=(),
        delay_seconds=0.0,
        is_parked=True,
        notes=(),
        intents=(),
        answers=None,
    )


def notes_room(*, is_event: bool) -> tuple[int, int]:
    """Return how many notes a job may hold with this one among them, and of how many bytes together.

    Args:
        is_event: whether it came by a vendor's webhook. Any other has to leave a part of the room free.
    """
    if is_event:
        return MAX_NOTES, MAX_NOTES_BYTES
    return MAX_NOTES - RESERVED_NOTES, MAX_NOTES_BYTES - RESERVED_NOTES_BYTES


def refuse_long_note(note: bytes) -> None:
    """Raise `QueueError` for a note that no job may hold."""
    if len(note) > MAX_NOTES_BYTES:
        raise QueueError(f"a note has at most {MAX_NOTES_BYTES} bytes")


def pause_sentences(paused: Mapping[str, float]) -> list[str]:
    """Return, for `proofing check`, a sentence for each queue of `QueueStats.paused`."""
    return [
        f"the queue {name} is paused, for {seconds:.0f} s now: proofing queue resume {name}"
        for name, seconds in sorted(paused.items())
    ]
