"""The steps of a submit, each atomic in its store, and how they are undone when one fails.

The person's one running attempt of the kind is claimed (a second submit finds it). Beside each other, because
each waits for another machine, limits are counted, the attempt is noted, the status record is written and the
arguments are sealed. Then the job is enqueued; with jobs switched off it runs here.
docs/explanation/job-life.md.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proofing.encryption import KeyRing, Sealer
from proofing.errors import ProofingError
from proofing.jobs.arguments import SCHEMA_VERSION, Arguments
from proofing.jobs.runner import JobRunner, arguments_context, pending_key, sign_record
from proofing.logs import get_logger, log
from proofing.metrics import JOBS_SUBMITTED
from proofing.queues import JobMessage, Queue
from proofing.records import End, JobKind, StatusRecord
from proofing.rules import limits
from proofing.rules.limits import Counter
from proofing.settings import LiveSettings
from proofing.stores import ResultStore
from proofing.together import all_ended
from proofing.traces import Trace, Traces

#: How long a claim stands without a job; longer than all steps of a submit may take.
_CLAIM_SECONDS = 10.0

_logger = get_logger("proofing.service")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Submission:
    """One submit on its way.

    Attributes:
        owner: opaque reference of the person.
        partner: opaque reference of the organisation that sent the person.
        arguments: makes the arguments of the job with that result id when the attempt is claimed; may refuse
            with a `ProofingError`.
        undo: takes back what *arguments* has done for that result id, however far it came.
        counters: on which it counts.
        inline: whether the job runs inside the request.
        metadata: facts without PII, kept with the job.
    """

    owner: str
    partner: str | None
    kind: JobKind
    arguments: Callable[[str], Awaitable[Arguments]]
    counters: Sequence[Counter]
    inline: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    undo: Callable[[str], Awaitable[None]] | None = None


def ready(arguments: Arguments) -> Callable[[str], Awaitable[Arguments]]:
    """Return a maker of *arguments* that are there already."""

    async def make(_result_id: str) -> Arguments:
        return arguments

    return make


class Submitter:
    """Takes submissions through their steps."""

    def __init__(
        self,
        *,
        runner: JobRunner,
        queue: Queue,
        results: ResultStore,
        sealer: Sealer,
        keys: KeyRing,
        live: LiveSettings,
    ) -> None:
        """Take the parts that `proofing.runtime` made."""
        self._runner = runner
        self._queue = queue
        self._results = results
        self._sealer = sealer
        self._keys = keys
        self._live = live
        self._traces = Traces(results, live)

    async def submit(self, submission: Submission) -> str:
        """Take *submission* through its steps and return the result id, or that of the running attempt.

        Raises:
            LimitReachedError: a limit holds; nothing was submitted or counted.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        owner, kind = submission.owner, submission.kind
        result_id = str(uuid.uuid4())
        counted: list[str] = []
        try:
            if not await self._results.add(
                pending_key(owner, kind), result_id.encode(), life_seconds=_CLAIM_SECONDS
            ):
                # It may have ended between the two calls; then this submit is as good as lost, and repeated.
                return await self.running(owner, kind) or await self.submit(submission)
            message, arguments = await self._prepare(submission, result_id, counted)
            # Beside each other: a process that dies here must not leave a claim that blocks for long.
            await all_ended((self._hold(message), self._enqueue(message, inline=submission.inline)))
        except ProofingError:
            await self._undo(submission, result_id, counted)
            raise
        JOBS_SUBMITTED.labels(kind.value, "inline" if submission.inline else "queued").inc()
        if submission.inline:
            # Shielded: a browser that leaves must not stop a call that is being paid for.
            await asyncio.shield(self._runner.run_inline(_InlineJob(message), arguments))
        return result_id

    async def running(self, owner: str, kind: JobKind) -> str | None:
        """Return the id of the person's running attempt of this kind, or None."""
        blob = await self._results.load(pending_key(owner, kind))
        return None if blob is None else blob.decode()

    async def cancel(self, record: StatusRecord, *, gives_back: Sequence[str]) -> None:
        """End the running attempt of *record* as cancelled, and take one off each counter of *gives_back*.

        Its pictures are deleted by the worker that meets the cancelled job: a web process may not.
        """
        message = JobMessage(
            result_id=record.result_id,
            kind=record.kind,
            owner=record.owner,
            encrypted_arguments=b"",
            enqueued_at=record.submitted_at,
            metadata={"gives_back": gives_back},
        )
        await self._runner.abandon(message, End.CANCELLED)
        await self._queue.cancel(record.result_id)

    async def drop(self, owner: str, kind: JobKind, result_id: str, *, gives_back: Sequence[str]) -> None:
        """Give up an attempt of which nothing is known any more."""
        for counter in gives_back:
            await self._results.give_back(counter)
        await self.free(owner, kind, result_id)

    async def free(self, owner: str, kind: JobKind, result_id: str) -> None:
        """Let the person submit again, if the running attempt is *result_id*."""
        if await self.running(owner, kind) == result_id:
            await self._results.delete(pending_key(owner, kind))

    def _message(self, submission: Submission, result_id: str) -> JobMessage:
        """Return the job, without its arguments."""
        settings = self._live.current
        return JobMessage(
            result_id=result_id,
            kind=submission.kind,
            owner=submission.owner,
            partner=submission.partner,
            encrypted_arguments=b"",
            metadata={
                **submission.metadata,
                "counted": [counter.key for counter in submission.counters],
                "gives_back": limits.given_back(submission.counters),
            },
            schema_version=SCHEMA_VERSION,
            stale_after_seconds=settings.async_stale_job_timeout_seconds,
            deadline_seconds=settings.job_deadline_seconds,
        )

    async def _prepare(
        self, submission: Submission, result_id: str, counted: list[str]
    ) -> tuple[JobMessage, Arguments]:
        """Admit, note and begin the attempt; return the job with its arguments.

        These do not need each other's answers, and each waits for another machine. What was counted is noted
        in *counted*. Raises the first failure when all have ended, so that what is undone then stays undone.
        """
        message = self._message(submission, result_id)
        admitting = asyncio.create_task(self._admit(submission, message, counted))
        noting = self._traces.note(submission.owner, Trace(job=result_id))
        await all_ended((admitting, noting, self._begin(message)))
        return admitting.result()

    async def _admit(
        self, submission: Submission, message: JobMessage, counted: list[str]
    ) -> tuple[JobMessage, Arguments]:
        """Make the arguments, count the attempt, and return the job; to be queued, its arguments are sealed.

        A job that runs here never persists them. Refused arguments are not counted.
        """
        arguments = await submission.arguments(message.result_id)
        await self._count(submission.counters, counted)
        message = replace(message, metadata={**message.metadata, "objects": arguments.objects})
        if not submission.inline:
            sealed = await self._sealer.seal(arguments.to_bytes(), arguments_context(message))
            message = replace(message, encrypted_arguments=sealed)
        return message, arguments

    async def _count(self, counters: Sequence[Counter], counted: list[str]) -> None:
        """Count the attempt everywhere, noting each key in *counted*. Raises `LimitReachedError`."""
        for counter in counters:
            usage = await self._results.count(
                counter.key, maximum=counter.maximum, window_seconds=counter.window_seconds
            )
            counter.require_counted(usage)
            counted.append(counter.key)

    async def _begin(self, message: JobMessage) -> None:
        """Write the status record, in progress, before anything can end it."""
        record = StatusRecord(
            result_id=message.result_id,
            kind=message.kind,
            owner=message.owner,
            submitted_at=message.enqueued_at,
        )
        life = self._live.current.session_total_seconds
        await self._results.begin(sign_record(self._keys, record), life_seconds=life)

    async def _hold(self, message: JobMessage) -> None:
        """Keep the person's attempt claimed for as long as the page waits, unless it has ended already."""
        await self._results.replace(
            pending_key(message.owner, message.kind),
            message.result_id.encode(),
            life_seconds=self._live.current.async_wait_timeout_seconds,
        )

    async def _enqueue(self, message: JobMessage, *, inline: bool) -> None:
        """Hand the job to the queue, unless it runs here."""
        if inline:
            return
        await self._queue.enqueue([message])
        log(_logger, "enqueue", **message.log_fields)

    async def _undo(self, submission: Submission, result_id: str, counted: Sequence[str]) -> None:
        """Take back what a failed submit has done; what cannot be taken back expires by itself."""
        try:
            for counter in counted:
                await self._results.give_back(counter)
            if submission.undo is not None:
                await submission.undo(result_id)
            await self._results.erase(result_id)
            await self.free(submission.owner, submission.kind, result_id)
        except ProofingError as error:
            log(_logger, "submit_not_undone", job_id=result_id, error=type(error).__name__)


class _InlineJob:
    """A job that runs inside the request: no queue, no lease."""

    attempt = 1
    age_seconds = 0.0

    def __init__(self, message: JobMessage) -> None:
        """Take the job."""
        self.message = message

    async def note_intent(self, vendor_name: str) -> None:
        """Nothing outlives the request, so there is nothing to note."""
