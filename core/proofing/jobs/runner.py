"""The life that all jobs share, whether a queue's worker runs them or the web request itself.

Stale check, open the arguments, do the kind's work, judge, seal and publish the result, refund an attempt
without an answer, delete images, one summary line. Every way out is typed: whatever happens, the waiting page
gets an end. docs/explanation/job-life.md. A job whose vendor answers later is parked instead, and runs again:
docs/explanation/parked-jobs.md.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from functools import partial
from typing import Any

from proofing.base.errors import (
    EncryptionError,
    ImageError,
    ImageNotFoundError,
    LeaseLostError,
    PluginError,
    ProofingError,
    StoreError,
)
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.metrics import JOB_QUEUED_SECONDS, JOB_SECONDS, JOBS_ENDED
from proofing.base.typed_json import write_typed
from proofing.contracts.images import Side
from proofing.contracts.queues import ClaimedJob, JobMessage, Parked
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.verifications import Mode
from proofing.crypto.contexts import (
    answers_context,
    arguments_context,
    note_context,
    parked_context,
    result_context,
)
from proofing.crypto.encryption import SealContext
from proofing.crypto.record_macs import is_genuine, sign_record
from proofing.jobs.arguments import SCHEMA_VERSION, Arguments, JobResult, found_by, read_parked
from proofing.jobs.cleanup import log_cleanup_failed
from proofing.jobs.continuing import Resumption
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.kinds import Tools, job_type
from proofing.jobs.notes import by_question, open_notes
from proofing.jobs.parking import Parker, unfinished_record
from proofing.jobs.questions import QuestionLog
from proofing.jobs.recording import JobRecords
from proofing.jobs.run import JobPendingError, JobRun, traced
from proofing.jobs.start_marks import CALLED_OFF, start_mark

#: How old a job inside its request may be that need not look whether it was ended meanwhile.
_OWN_SECONDS = 1.0
#: So long an end waits for the records of its calls; they take longer only where their store is down.
_RECORDED_SECONDS = 1.0
_logger = get_logger(__name__)


class JobRunner:
    """Runs jobs to their end; the `JobHandler` of every queue."""

    def __init__(self, parts: Dependencies) -> None:
        """Take what all runs of one process share."""
        self._parts = parts
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._results = parts.results
        self._images = parts.images
        self._queue = parts.queue
        self._router_of = parts.router_of
        self._clients = parts.clients
        self._live = parts.live
        self._way_back = parts.way_back
        self._deadlines = parts.deadlines
        self._ends = parts.ends
        self._recorder = parts.recorder
        self._parker = Parker(parts)
        for kind in JobKind:
            job_type(kind)  # imported now, not in the middle of a request

    async def run(self, job: ClaimedJob) -> StatusRecord | Parked:
        """Run a queued job, as part of the trace of its submit. See `JobHandler`."""
        return await traced(job, self._run(job, None))

    async def run_inline(self, job: ClaimedJob, arguments: Arguments) -> StatusRecord:
        """Run a job inside the request, with *arguments* that were never persisted; otherwise as `run`."""
        record = await traced(job, self._run(job, arguments))
        assert isinstance(record, StatusRecord)  # noqa: S101 - inside a request nothing is parked, see `_park`
        return record

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Publish *end* for a job that will not run. See `proofing.contracts.queues.JobHandler`."""
        record = await self._publish(message, JobResult(end_state=end))
        log(_logger, "discard", **message.log_fields, end_state=record.end_state)
        return record

    async def _begin(self, message: JobMessage) -> tuple[EndState | None, StatusRecord | None]:
        """Mark the job as started, and return the end state that exists already, and the record that does.

        There may be an end of a rescued job that was published, of one that was replayed, or of one that was
        called off. Calling off and starting set the same mark, so that exactly one of them happens.
        """
        mark = start_mark(message.result_id, self._live.current)
        try:
            adding = self._results.add(mark.key, mark.value, ttl_seconds=mark.ttl_seconds)
            record, is_first = await asyncio.gather(self._results.status(message.result_id), adding)
            if not is_first and await self._results.load(mark.key) == CALLED_OFF:
                return EndState.CANCELED, None
        except StoreError:
            return None, None
        if record is None or record.owner != message.owner or not is_genuine(self._keys, record):
            return None, None
        return record.end_state, record

    async def _run(self, job: ClaimedJob, arguments: Arguments | None) -> StatusRecord | Parked:
        message = job.message
        # What was submitted by this very request, a moment ago, nobody else can have ended.
        is_ours = arguments is not None and job.age_seconds < _OWN_SECONDS
        existing, record = (None, None) if is_ours else await self._begin(message)
        records = JobRecords(message, self._live.current, self._results.now)
        if existing is not None:
            await self._record_earlier(message, records)
            return await self.discard(message, existing)
        run = JobRun(
            job,
            self._clients,
            self._way_back,
            lambda answers: self._sealer.seal(answers, answers_context(message)),
            records=records,
            pending_max_seconds=self._live.current.pending_max_seconds,
            # Mocks, which test mode asks alone, have no limits there.
            gates=self._parts.gates if message.mode is Mode.LIVE else None,
        )
        run.returned_at = record.returned_at if record else None
        queued_seconds = job.age_seconds
        log(
            _logger,
            "perform_start",
            **message.log_fields,
            enqueued_at=message.enqueued_at,
            queued_duration_ms=round(queued_seconds * 1000, 2),
            attempt=job.attempt,
        )
        JOB_QUEUED_SECONDS.labels(message.kind.value).observe(queued_seconds)
        summary: dict[str, Any] = {}
        try:
            conclusion = await self._conclude(run, queued_seconds, arguments, summary)
            if (
                isinstance(conclusion, JobResult)
                and (run.interrupted or run.questions.has_interrupted)
                and conclusion.end_state is not EndState.DONE
            ):
                # What a vendor was asked for, and may have billed, was needed.
                conclusion = JobResult(end_state=EndState.UNKNOWN_OUTCOME, facts=conclusion.facts)
            recorded = self._recorder.begin(records.take())
            if isinstance(conclusion, Parked):
                summary |= {"parked": True, "success": False}
                await recorded.wait()
                return conclusion
            # Nobody would run a job inside a request again, so its person does not wait for its records.
            is_queued = arguments is None
            record = await self._publish(message, conclusion, run.kept, recorded if is_queued else None)
            if is_queued:
                await recorded.wait()
            summary |= {
                "end_state": record.end_state,
                "outcome": record.outcome,
                "success": record.is_success,
            }
            summary |= conclusion.facts
        except (LeaseLostError, asyncio.CancelledError) as error:
            summary |= {"exception_class_warn": type(error).__name__, "success": False}
            raise
        else:
            return record
        finally:
            run.close()
            self._recorder.begin(records.take())  # of a run that was cut off
            milliseconds = run.stopwatch.milliseconds
            steps_ms = sum(run.stopwatch.steps.values())
            log(
                _logger,
                "perform",
                **message.log_fields,
                **summary,
                owner=message.owner,
                duration_ms=milliseconds,
                idle_time_ms=round(min(steps_ms, milliseconds), 2),
                timing=run.stopwatch.steps,
                vendors=run.calls,
                **({"images": images} if (images := message.metadata.get("images")) else {}),
            )
            JOB_SECONDS.labels(message.kind.value).observe(milliseconds / 1000)

    async def _record_earlier(self, message: JobMessage, records: JobRecords) -> None:
        """Add the calls of a run whose worker died after it had published the end, as far as is known."""
        if message.answers is None:
            return
        try:
            answers = await self._open(message.answers, answers_context(message))
            for key, question in QuestionLog.answers_from_bytes(answers).items():
                if question.check is not None:
                    records.ended(key, question.vendor, question.kind, question.check)
        except ProofingError as error:
            log(
                _logger,
                "call_records_not_recovered",
                level=logging.WARNING,
                job_id=message.result_id,
                error=type(error).__name__,
            )
        await self._recorder.begin(records.take()).wait()

    async def _conclude(
        self,
        run: JobRun,
        queued_seconds: float,
        arguments: Arguments | None,
        summary: dict[str, Any],
    ) -> JobResult | Parked:
        """Do the work under the job's deadline and turn every failure into a typed end; or park the job."""
        message = run.message
        if queued_seconds > message.stale_after_seconds:
            return JobResult(end_state=EndState.STALE)
        if message.schema_version != SCHEMA_VERSION:
            return JobResult(end_state=EndState.UNREADABLE)
        try:
            async with asyncio.timeout(message.deadline_seconds):
                return await self._work(run, arguments)
        except TimeoutError:
            return JobResult(end_state=EndState.TIMED_OUT, timed_out=True)
        except Exception as raised:  # noqa: BLE001 - a bug in Proofing must still end the job, typed
            error = _first(raised)
        if isinstance(error, LeaseLostError):
            raise error
        if isinstance(error, JobPendingError):
            return await self._park(run, is_inline=arguments is not None)
        end, reasons, fields = _classify(error)
        if end in (EndState.INTERNAL_ERROR, EndState.PLUGIN_ERROR):
            # The summary line has one level whatever happened; this one is for alarms.
            log(_logger, "job_failed", level=logging.ERROR, **message.log_fields, end_state=end)
        summary |= exception_fields(error)
        if end is not EndState.INTERNAL_ERROR:
            summary["exception_class_warn"] = summary.pop("exception_class")
        return JobResult(end_state=end, reasons=reasons, fields=fields)

    async def _work(self, run: JobRun, arguments: Arguments | None) -> JobResult:
        """Open the arguments and do the kind's work."""
        message = run.message
        kind = job_type(message.kind)
        tools = Tools(
            router=self._router_of(message.mode),
            settings=self._live.current,
            images=self._images,
            sealer=self._sealer,
            listeners=(*self._parts.listeners, run.records.asked),
            shadow=self._parts.shadow,
        )
        if arguments is None:
            arguments = await self._open_arguments(run)
        run.kept = arguments
        return await kind.work(run, arguments, tools)

    async def _open_arguments(self, run: JobRun) -> Arguments:
        """Open what was submitted, or what the job was parked with, its questions too."""
        message, wanted = run.message, job_type(run.message.kind).arguments
        notes = await self._deadlines.retry_while_unavailable(
            lambda: open_notes(
                self._sealer,
                message.notes,
                note_context(message.result_id),
                result_id=message.result_id,
            )
        )
        opened: Arguments
        if message.is_parked:
            data = await self._open(message.encrypted_arguments, parked_context(message))
            opened, run.questions, early = read_parked(wanted, data)
            notes = [*early, *notes]
        else:
            data = await self._open(message.encrypted_arguments, arguments_context(message))
            opened = wanted.from_bytes(data)
        if message.answers is not None:
            answers = await self._open(message.answers, answers_context(message))
            answered = QuestionLog.answers_from_bytes(answers)
            run.questions.add(answered)
            run.interrupted -= answered.answered_numbers
        run.resumption = Resumption(run.questions, by_question(notes))
        return opened

    async def _open(self, sealed: bytes, context: SealContext) -> bytes:
        """Open what was *sealed*, trying again while the key service is down."""
        return await self._deadlines.retry_while_unavailable(lambda: self._sealer.open(sealed, context))

    async def _park(self, run: JobRun, *, is_inline: bool) -> JobResult | Parked:
        """Have the job wait for its vendors; its images are deleted."""
        if is_inline:
            # Refused at start, as `Parker.park` says.
            return JobResult(end_state=EndState.PLUGIN_ERROR)
        parked = await self._parker.park(run)
        if isinstance(parked, Parked):
            await self._delete_images(run.message)
        return parked

    async def _publish(
        self,
        message: JobMessage,
        conclusion: JobResult,
        arguments: Arguments | None = None,
        recorded: asyncio.Event | None = None,
    ) -> StatusRecord:
        """Seal, record and publish the end; then refund what was not answered and delete the images.

        What is published waits for a moment until its calls are *recorded*: a job that has a published end is
        not run again, and would not record them.

        Returns the effective record: another process may have ended the job first.
        """
        sealed, conclusion = await self._seal_result(message, conclusion)
        record = unfinished_record(message).finished(
            conclusion.end_state,
            at=self._results.now(),
            outcome=conclusion.outcome,
            reasons=conclusion.reasons,
            wrong_fields=conclusion.fields,
            timed_out=conclusion.timed_out,
        )
        ours = sign_record(self._keys, record)
        record = await self._deadlines.retry_while_unavailable(
            lambda: self._ends.record(message.verification, ours, found_by(conclusion, arguments))
        )
        if (record.end_state, record.outcome) != (ours.end_state, ours.outcome):
            sealed = None  # of another end than the one that counts
        settings = self._live.current
        if recorded is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(recorded.wait(), _RECORDED_SECONDS)

        async def finish() -> StatusRecord:
            return await self._results.finish(
                record,
                ttl_seconds=settings.session_max_age_seconds,
                sealed_result=sealed,
                result_ttl_seconds=settings.result_ttl_seconds,
            )

        try:
            effective = await self._deadlines.retry_while_unavailable(finish)
        except StoreError:
            # A durable queue keeps the final status with the job; without one the page ends as "missing".
            log(
                _logger,
                "publish_failed",
                level=logging.ERROR,
                job_id=message.result_id,
                trace_id=message.trace_id,
                end_state=record.end_state,
            )
            effective = record
        if effective.mac == record.mac:
            JOBS_ENDED.labels(message.kind.value, record.end_state or "", record.outcome or "").inc()
            await self._refund_unanswered(message, record)
        # The first end wins: its process may have died before it came so far. Until the queue has recorded
        # the end, a live job is the note that images are to be deleted. docs/adr/0008
        # Nor does it say which uploads its process wanted to keep: all are deleted then.
        kept = conclusion.kept_objects if effective.mac == record.mac else frozenset()
        await self._delete_images(message, kept=kept)
        if message.is_parked:
            await self._parker.clean_up(message.result_id)
        return effective

    async def _seal_result(
        self, message: JobMessage, conclusion: JobResult
    ) -> tuple[bytes | None, JobResult]:
        """Seal the result. Without a key service a result that is needed is lost; a verdict alone is not."""
        if conclusion.result is None:
            return None, conclusion
        try:
            plain = write_typed(conclusion.result)
        except (TypeError, ValueError):
            # What a vendor read is not of the type that it must have.
            return None, JobResult(end_state=EndState.PLUGIN_ERROR)
        try:
            context = result_context(message.owner, message.result_id)
            return await self._deadlines.retry_while_unavailable(
                lambda: self._sealer.seal(plain, context)
            ), conclusion
        except StoreError:
            if not job_type(message.kind).needs_result:
                return None, conclusion
            return None, JobResult(end_state=EndState.INTERNAL_ERROR)

    async def _refund_unanswered(self, message: JobMessage, record: StatusRecord) -> None:
        """Refund an attempt without an answer; once a job."""
        if not record.is_exception:
            return
        try:
            await asyncio.gather(*map(self._results.refund, message.counter_keys))
        except StoreError as error:
            # What is left expires by itself.
            log_cleanup_failed(message.result_id, error)

    async def _delete_images(self, message: JobMessage, kept: Collection[str] = ()) -> None:
        """Delete the job's images but those *kept*, trying again while their store is down; idempotent."""
        try:
            async with asyncio.timeout(self._deadlines.delete_images_seconds):
                await asyncio.gather(
                    *(
                        self._deadlines.retry_while_unavailable(partial(self._images.delete, object_key))
                        for object_key in message.object_keys
                        if object_key not in kept
                    )
                )
        except (StoreError, TimeoutError) as error:
            log_cleanup_failed(message.result_id, error)


def _first(error: BaseException) -> BaseException:
    """Return *error*, or the first one in a group, however nested; our own before others."""
    while isinstance(error, BaseExceptionGroup):
        ours = [item for item in error.exceptions if isinstance(item, (ProofingError, BaseExceptionGroup))]
        error = (ours or error.exceptions)[0]
    return error


def _classify(error: BaseException) -> tuple[EndState, tuple[str, ...], dict[str, str] | None]:
    """Return end, reasons and fields for an error that stopped the work."""
    if isinstance(error, EncryptionError):
        return EndState.DECRYPT_ERROR, (), None
    if isinstance(error, ImageError):
        sides = [error.side] if error.side else [Side.FRONT.value, Side.BACK.value]
        return EndState.BAD_IMAGE, (error.code,), dict.fromkeys(sides, error.code)
    if isinstance(error, ImageNotFoundError):
        return EndState.BAD_IMAGE, ("missing",), None
    if isinstance(error, PluginError):
        return EndState.PLUGIN_ERROR, (), None
    return EndState.INTERNAL_ERROR, (), None
