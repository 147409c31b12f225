"""The steps of a submit, each atomic in its store, and how they are undone when one fails.

The caller chooses the result id, and has recorded it where every host looks first (the session, in one
atomic change), so only one of two concurrent submits is made. Concurrently, because each waits for another
machine, the attempt is indexed for erasure, its status record is written, and it is admitted: all limits
are counted and all upload slots taken in one step, or nothing is. Then the job is enqueued; with jobs
switched off it runs here.

A submit that fails after the job was sent to the queue leaves a terminal record, *canceled*: the job may
have arrived, or arrive when a network heals, and its worker reads that record before it calls any vendor.
docs/explanation/job-life.md.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from proofing.base.concurrency import Background
from proofing.base.errors import ProofingError, VerificationNotFoundError, VerificationStateError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import JOBS_SUBMITTED
from proofing.base.tracing import Span, SpanKind, span
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.stores import Count
from proofing.contracts.verifications import BegunJob, VerificationRef
from proofing.crypto.contexts import arguments_context
from proofing.crypto.record_macs import sign_record
from proofing.jobs.arguments import SCHEMA_VERSION, Arguments
from proofing.jobs.attempts import Progress, Submission, submit_mark
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.parking import VendorPages, unfinished_record
from proofing.jobs.runner import JobRunner
from proofing.jobs.undoing import Undoer
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex

#: How much later than a job can run its end is recorded for it.
_GRACE_SECONDS = 30.0

_logger = get_logger(__name__)


class Submitter:
    """Takes submissions through their steps."""

    def __init__(self, parts: Dependencies, runner: JobRunner) -> None:
        """Submit to the queue of *parts*, or have *runner* run the job inside the request."""
        self._runner = runner
        self._queue = parts.queue
        self._results = parts.results
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._live = parts.live
        self._deadlines = parts.deadlines
        self._ends = parts.ends
        self._router_of = parts.router_of
        self._erasure_index = ErasureIndex(parts.results, parts.live)
        self._background = Background()
        self._undoer = Undoer(parts, self._background)
        self._vendor_pages = VendorPages(parts)
        self._running_here: set[str] = set()

    async def close(self) -> None:
        """End what is being undone in the background."""
        await self._background.close()

    async def submit(self, submission: Submission) -> str:
        """Take *submission* through its steps and return its result id; harmless when it was begun before.

        Raises:
            LimitReachedError: a limit is reached; nothing was submitted or counted.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted, and nothing will run; try
                again with a new id.
            asyncio.CancelledError: as above, unless the job was running inside the request.
        """
        mode = "inline" if submission.inline else "queued"
        with span(
            f"submit {submission.kind}",
            SpanKind.PRODUCER,
            kind=submission.kind,
            job_id=submission.result_id,
            mode=mode,
        ) as submitting:
            return await self._submit(submission, mode, submitting)

    async def _submit(self, submission: Submission, mode: str, submitting: Span) -> str:
        """Take *submission* through its steps, as part of the trace."""
        began = time.monotonic()
        progress = Progress(mark=submit_mark(submission.result_id))
        try:
            prepared = await self._prepare(submission, progress, submitting)
            if prepared is None:
                return submission.result_id
            message, arguments = prepared
            await self._note_begin(message, progress)
            if not submission.inline:
                progress.sent = True
                await self._queue.enqueue([message])
                log(_logger, "enqueue", **message.log_fields)
                if time.monotonic() - began > self._deadlines.slow_submit_seconds:
                    await self._withdraw_if_abandoned(message)
        except ProofingError:
            if await asyncio.shield(self._background.begin(self._undoer.undo(submission, progress))):
                raise
            # The answer of the queue was lost, but a worker has the job already.
        except asyncio.CancelledError:
            self._background.begin(self._undoer.undo(submission, progress))
            raise
        JOBS_SUBMITTED.labels(submission.kind.value, mode).inc()
        if submission.inline:
            self._running_here.add(submission.result_id)
            # Shielded: a browser that leaves must not stop a call that is being paid for.
            await asyncio.shield(self._background.begin(self._run_inline(message, arguments, began)))
        return submission.result_id

    def is_running_here(self, result_id: str) -> bool:
        """Return whether the job runs inside a request of this process, also one that was abandoned."""
        return result_id in self._running_here

    async def _run_inline(self, message: JobMessage, arguments: Arguments, began: float) -> None:
        """Run the job here."""
        try:
            await self._runner.run_inline(InlineJob(message, began), arguments)
        finally:
            self._running_here.discard(message.result_id)

    async def cancel(
        self,
        owner: str,
        kind: JobKind,
        result_id: str,
        record: StatusRecord | None,
        *,
        refund: Sequence[str],
        verification: VerificationRef | None = None,
    ) -> None:
        """End the attempt as canceled, and take one off each counter of *refund*.

        Works in every state. Idempotent. What the person had to do at a vendor is deleted. The worker that
        finds the canceled job deletes its images: a web process may not.
        """
        message = JobMessage(
            result_id=result_id,
            kind=kind,
            owner=owner,
            encrypted_arguments=b"",
            enqueued_at=record.submitted_at if record else self._results.now(),
            counter_keys=tuple(refund),
            verification=verification,
        )
        await self._runner.discard(message, EndState.CANCELED)
        await self._queue.cancel(result_id)
        if record is not None and record.was_sent_out:
            await self._vendor_pages.delete_if_possible(result_id)

    async def cancel_begun(self, begun: BegunJob, verification: VerificationRef) -> None:
        """Cancel a job whose verification does not wait for it anymore; it stays charged. Idempotent."""
        record = await self._results.status(begun.result_id)
        await self.cancel(
            begun.owner, begun.kind, begun.result_id, record, refund=(), verification=verification
        )

    async def _note_begin(self, message: JobMessage, progress: Progress) -> None:
        """Record the job with its verification, if it has one, before it can run."""
        if message.verification is None:
            return
        progress.begun = True
        try:
            await self._ends.begin(message, give_up_seconds=self._give_up_seconds(message))
        except (VerificationNotFoundError, VerificationStateError):
            progress.begun = False
            raise

    def _give_up_seconds(self, message: JobMessage) -> float:
        """Return how long after its begin a job can have no end of its own anymore."""
        settings = self._live.current
        waits = settings.pending_max_seconds if self._router_of(message.mode).may_park(message.kind) else 0.0
        return settings.longest_job_seconds + waits + _GRACE_SECONDS

    def _message(self, submission: Submission, submitting: Span) -> JobMessage:
        """Return the job, without its arguments."""
        settings = self._live.current
        traced: dict[str, Any] = {"trace_id": submitting.trace_id} if submitting.trace_id else {}
        return JobMessage(
            result_id=submission.result_id,
            kind=submission.kind,
            owner=submission.owner,
            partner=submission.partner,
            verification=submission.verification,
            encrypted_arguments=b"",
            enqueued_at=self._results.now(),
            traceparent=submitting.traceparent or None,
            counter_keys=tuple(counter.key for counter in submission.counters),
            metadata=submission.metadata,
            schema_version=SCHEMA_VERSION,
            stale_after_seconds=settings.async_stale_job_timeout_seconds,
            deadline_seconds=settings.job_deadline_seconds,
            **traced,
        )

    async def _prepare(
        self, submission: Submission, progress: Progress, submitting: Span
    ) -> tuple[JobMessage, Arguments] | None:
        """Note, begin and admit the attempt; return the job with its arguments.

        None when it was begun before. These do not need each other's answers, and each waits for another
        machine. Raises the first failure when all have ended, so that what is undone then stays undone.
        """
        message = self._message(submission, submitting)
        noted, begun, arguments = await asyncio.gather(
            self._erasure_index.record(
                submission.owner,
                DataFootprint(
                    verification=message.verification_id,
                    job=submission.result_id,
                    keys=[progress.mark.key],
                ),
            ),
            self._begin(message),
            self._admit(submission, progress),
            return_exceptions=True,
        )
        if begun is False:
            progress.repeats = True
            await self._undoer.undo(submission, progress)
            return None
        for answer in (noted, begun, arguments):
            if isinstance(answer, BaseException):
                raise answer
        assert isinstance(arguments, Arguments)  # noqa: S101 - errors are raised above
        message = replace(message, object_keys=arguments.object_keys)
        if not submission.inline:
            # A job that runs here never persists its arguments.
            sealed = await self._sealer.seal(arguments.to_bytes(), arguments_context(message))
            message = replace(message, encrypted_arguments=sealed)
        return message, arguments

    async def _admit(self, submission: Submission, progress: Progress) -> Arguments:
        """Count the attempt everywhere and set its marks. Refused arguments are not counted."""
        prepared = await submission.ready()
        progress.admitted = None
        admission = await self._results.admit(
            marks=[progress.mark, *prepared.marks],
            counts=[
                Count(counter=one.key, maximum=one.maximum, window_seconds=one.window_seconds)
                for one in submission.counters
            ],
        )
        progress.admitted = admission.granted
        if admission.taken and submission.taken is not None:
            raise submission.taken(admission.taken)
        if admission.full is not None:
            key, usage = admission.full
            next(one for one in submission.counters if one.key == key).require_counted(usage)
        return prepared.arguments

    async def _begin(self, message: JobMessage) -> bool:
        """Write the status record, in progress, before anything can end it; False when one exists."""
        life = self._live.current.session_max_age_seconds
        return await self._results.begin(
            sign_record(self._keys, unfinished_record(message)), ttl_seconds=life
        )

    async def _withdraw_if_abandoned(self, message: JobMessage) -> None:
        """Cancel the job if its attempt was ended while this host was slow; its worker would see it, too."""
        record = await self._results.status(message.result_id)
        if record is not None and record.is_done:
            await self._queue.cancel(message.result_id)


class InlineJob:
    """A job that runs inside the request: no queue, no lease."""

    attempt = 1

    def __init__(self, message: JobMessage, began: float) -> None:
        """Take the job, and when its submit *began* by the monotonic clock."""
        self.message = message
        self._began = began

    @property
    def age_seconds(self) -> float:
        """How long ago its submit began."""
        return time.monotonic() - self._began

    async def record_intent(self, vendor_name: str, *, question: int, answers: bytes | None = None) -> None:
        """Nothing outlives the request, so there is nothing to note."""

    async def record_answers(self, answers: bytes) -> None:
        """Nothing outlives the request."""
