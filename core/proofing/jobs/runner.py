"""The life that all jobs share, whether a queue's worker runs them or the web request itself.

Stale check, open the arguments, do the kind's work, judge, seal and publish the result, give back what must
not be charged, delete images, one summary line. Every way out is typed: whatever happens, the waiting page
gets an end. docs/explanation/job-life.md.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from proofing.data_keys import Purpose
from proofing.encryption import KeyRing, SealContext, Sealer
from proofing.errors import (
    EncryptionError,
    ImageError,
    ImageNotFoundError,
    LeaseLostError,
    PluginError,
    ProofingError,
    StoreError,
    StoreUnavailableError,
)
from proofing.images import Side
from proofing.jobs.address import proof_address
from proofing.jobs.arguments import (
    SCHEMA_VERSION,
    Arguments,
    Conclusion,
    DocumentArguments,
    PIIArguments,
)
from proofing.jobs.document import proof_document
from proofing.jobs.resolution import proof_resolution
from proofing.jobs.run import JobRun, VendorDesk
from proofing.logs import backtrace, get_logger, log
from proofing.metrics import JOB_SECONDS, JOBS_ENDED
from proofing.queues import ClaimedJob, JobMessage
from proofing.records import End, JobKind, StatusRecord
from proofing.routing import Router
from proofing.settings import LiveSettings
from proofing.stores import ImageStore, ResultStore

StepT = TypeVar("StepT")

#: Label of the MAC over status records.
_VERDICT_LABEL = "verdict"
#: How long publishing is tried again while the result store is away, and the first wait between tries.
PUBLISH_PATIENCE_SECONDS = 15.0
_PUBLISH_WAIT_SECONDS = 0.1
#: How long deleting the pictures of one job may take; then the sweeper does it.
_DELETE_SECONDS = 4.0
_logger = get_logger("proofing.jobs")


class JobRunner:
    """Runs jobs to their end; the `JobHandler` of every queue."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        keys: KeyRing,
        results: ResultStore,
        images: ImageStore,
        router: Router,
        desk: VendorDesk,
        live: LiveSettings,
    ) -> None:
        """Take what a run needs; all of it is shared by the runs of one process."""
        self._sealer = sealer
        self._keys = keys
        self._results = results
        self._images = images
        self._router = router
        self._desk = desk
        self._live = live

    async def run(self, job: ClaimedJob) -> StatusRecord:
        """Run a queued job. See `proofing.queues.JobHandler`."""
        return await self._run(job, None)

    async def run_inline(self, job: ClaimedJob, arguments: Arguments) -> StatusRecord:
        """Run a job inside the request, with *arguments* that were never persisted; otherwise as `run`."""
        return await self._run(job, arguments)

    async def abandon(self, message: JobMessage, end: End) -> StatusRecord:
        """Publish *end* for a job that will not run. See `proofing.queues.JobHandler`."""
        record = await self._publish(message, Conclusion(end=end))
        log(_logger, "discard", **message.log_fields, end=record.end)
        return record

    async def _standing_end(self, message: JobMessage) -> End | None:
        """Return the end that stands already: a rescued job that was published, or one that was replayed."""
        try:
            record = await self._results.status(message.result_id)
        except StoreError:
            return None
        if record is None or not record.is_done or record.owner != message.owner:
            return None
        return record.end if is_genuine(self._keys, record) else None

    async def _run(self, job: ClaimedJob, arguments: Arguments | None) -> StatusRecord:
        message = job.message
        if (standing := await self._standing_end(message)) is not None:
            return await self.abandon(message, standing)
        run = JobRun(job, self._desk)
        queued_seconds = job.age_seconds
        log(
            _logger,
            "perform_start",
            **message.log_fields,
            enqueued_at=message.enqueued_at,
            queued_duration_ms=round(queued_seconds * 1000, 2),
            attempt=job.attempt,
        )
        summary: dict[str, Any] = {}
        try:
            conclusion = await self._conclude(run, queued_seconds, arguments, summary)
            record = await self._publish(message, conclusion)
            summary |= {"end": record.end, "outcome": record.outcome, "success": record.is_success}
            summary |= conclusion.facts
        except (LeaseLostError, asyncio.CancelledError) as error:
            summary |= {"exception_class_warn": type(error).__name__, "success": False}
            raise
        else:
            return record
        finally:
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

    async def _conclude(
        self,
        run: JobRun,
        queued_seconds: float,
        arguments: Arguments | None,
        summary: dict[str, Any],
    ) -> Conclusion:
        """Do the work under the job's deadline and turn every failure into a typed end."""
        message = run.message
        if queued_seconds > message.stale_after_seconds:
            return Conclusion(end=End.STALE)
        if message.schema_version != SCHEMA_VERSION:
            return Conclusion(end=End.UNREADABLE)
        try:
            async with asyncio.timeout(message.deadline_seconds):
                return await self._work(run, arguments)
        except TimeoutError:
            return Conclusion(end=End.TIMED_OUT, timed_out=True)
        except Exception as raised:  # noqa: BLE001 - a bug of ours must still end the job, typed
            error = _first(raised)
        if isinstance(error, LeaseLostError):
            raise error
        end, reasons, fields = _classify(error)
        warn = "" if end is End.INTERNAL_ERROR else "_warn"
        summary[f"exception_class{warn}"] = type(error).__name__
        summary["exception_backtrace"] = backtrace(error)
        return Conclusion(end=end, reasons=reasons, fields=fields)

    async def _work(self, run: JobRun, arguments: Arguments | None) -> Conclusion:
        """Open the arguments and do the kind's work."""
        message = run.message
        settings = self._live.current
        if arguments is None:
            sealed = message.encrypted_arguments
            data = await self._sealer.open(sealed, arguments_context(message))
            kind = DocumentArguments if message.kind is JobKind.DOCUMENT else PIIArguments
            arguments = kind.from_bytes(data)
        if isinstance(arguments, DocumentArguments):
            return await proof_document(run, arguments, self._router, settings, self._images)
        if message.kind is JobKind.RESOLUTION:
            return await proof_resolution(run, arguments, self._router, settings)
        return await proof_address(run, arguments, self._router)

    async def _publish(self, message: JobMessage, conclusion: Conclusion) -> StatusRecord:
        """Seal and publish the end; then give back uncharged attempts and delete the images.

        Returns the record that stands: another process may have ended the job first.
        """
        sealed, conclusion = await self._seal_result(message, conclusion)
        record = StatusRecord(
            result_id=message.result_id,
            kind=message.kind,
            owner=message.owner,
            submitted_at=message.enqueued_at,
        ).ended(
            conclusion.end,
            at=time.time(),
            outcome=conclusion.outcome,
            reasons=conclusion.reasons,
            wrong_fields=conclusion.fields,
            timed_out=conclusion.timed_out,
        )
        record = sign_record(self._keys, record)
        settings = self._live.current

        async def finish() -> StatusRecord:
            return await self._results.finish(
                record,
                life_seconds=settings.session_total_seconds,
                sealed_result=sealed,
                result_life_seconds=settings.result_life_seconds,
            )

        try:
            standing = await patiently(finish)
        except StoreError:
            # A durable queue keeps the verdict with the job; without one the page ends as "missing".
            log(
                _logger, "publish_failed", job_id=message.result_id, trace_id=message.trace_id, end=record.end
            )
            standing = record
        if standing.mac == record.mac:
            JOBS_ENDED.labels(message.kind.value, record.end or "", record.outcome or "").inc()
            await self._settle(message, record)
        # Whoever's end stands: its process may have died before it came so far. Until the queue has recorded
        # the end, a live job is the note that pictures are to be deleted. docs/adr/0008
        await self._delete_pictures(message)
        return standing

    async def _seal_result(
        self, message: JobMessage, conclusion: Conclusion
    ) -> tuple[bytes | None, Conclusion]:
        """Seal the result. Without a key service a document's result is lost; a verdict alone is not."""
        if conclusion.result is None:
            return None, conclusion
        try:
            plain = json.dumps(conclusion.result, default=_jsonable).encode()
        except (TypeError, ValueError):
            # A vendor's answer holds something that is no plain value.
            return None, Conclusion(end=End.PLUGIN_ERROR)
        try:
            context = result_context(message.owner, message.result_id)
            return await patiently(lambda: self._sealer.seal(plain, context)), conclusion
        except StoreError:
            if message.kind is not JobKind.DOCUMENT:
                return None, conclusion
            return None, Conclusion(end=End.INTERNAL_ERROR)

    async def _settle(self, message: JobMessage, record: StatusRecord) -> None:
        """Give back what an exception must not cost, and free the person's next attempt; once a job."""
        try:
            await self._results.delete(pending_key(message.owner, message.kind))
            if record.is_exception:
                # Whoever was on the way to a vendor when a process of ours died is charged nothing at all.
                name = "counted" if record.end is End.UNKNOWN_OUTCOME else "gives_back"
                for counter in message.metadata.get(name, ()):
                    await self._results.give_back(counter)
        except StoreError as error:
            # What is left expires by itself.
            log(_logger, "clean_up_failed", job_id=message.result_id, error=type(error).__name__)

    async def _delete_pictures(self, message: JobMessage) -> None:
        """Delete the job's pictures, trying again while the image store is away; harmless when repeated."""
        try:
            async with asyncio.timeout(_DELETE_SECONDS):
                await asyncio.gather(
                    *(
                        patiently(partial(self._images.delete, object_key))
                        for object_key in message.metadata.get("objects", ())
                    )
                )
        except (StoreError, TimeoutError) as error:
            log(_logger, "clean_up_failed", job_id=message.result_id, error=type(error).__name__)


def arguments_context(message: JobMessage) -> SealContext:
    """Return what a job's arguments are bound to: the person, the kind, and this very job."""
    return SealContext(
        purpose=Purpose.ARGUMENTS, subject=message.owner, item=f"{message.kind.value}/{message.result_id}"
    )


def result_context(owner: str, result_id: str) -> SealContext:
    """Return what a job's result is bound to."""
    return SealContext(purpose=Purpose.RESULT, subject=owner, item=result_id)


def sign_record(keys: KeyRing, record: StatusRecord) -> StatusRecord:
    """Return *record* with its MAC."""
    return replace(record, mac=keys.sign(record.signed_part(), _VERDICT_LABEL))


def is_genuine(keys: KeyRing, record: StatusRecord) -> bool:
    """Tell whether *record* is one of ours, by its MAC."""
    return keys.verify(record.signed_part(), record.mac, _VERDICT_LABEL)


def pending_key(owner: str, kind: JobKind) -> str:
    """Return the key under which a person's running attempt of one kind is kept."""
    return f"pending:{owner}:{kind.value}"


async def patiently(step: Callable[[], Awaitable[StepT]]) -> StepT:
    """Do *step* again while its store is away, with growing waits, up to `PUBLISH_PATIENCE_SECONDS`.

    Raises:
        StoreUnavailableError: it stayed away.
    """
    give_up = time.monotonic() + PUBLISH_PATIENCE_SECONDS
    wait = _PUBLISH_WAIT_SECONDS
    while True:
        try:
            return await step()
        except StoreUnavailableError:
            if time.monotonic() + wait > give_up:
                raise
        await asyncio.sleep(wait)
        wait *= 2


def _first(error: BaseException) -> BaseException:
    """Return *error*, or the first one in a group, however nested; one of ours before others."""
    while isinstance(error, BaseExceptionGroup):
        ours = [item for item in error.exceptions if isinstance(item, (ProofingError, BaseExceptionGroup))]
        error = (ours or error.exceptions)[0]
    return error


def _classify(error: BaseException) -> tuple[End, tuple[str, ...], dict[str, str] | None]:
    """Return end, reasons and fields for an error that stopped the work."""
    if isinstance(error, EncryptionError):
        return End.DECRYPT_ERROR, (), None
    if isinstance(error, ImageError):
        sides = [error.side] if error.side else [Side.FRONT.value, Side.BACK.value]
        return End.BAD_IMAGE, (error.code,), dict.fromkeys(sides, error.code)
    if isinstance(error, ImageNotFoundError):
        return End.BAD_IMAGE, ("missing",), None
    if isinstance(error, PluginError):
        return End.PLUGIN_ERROR, (), None
    return End.INTERNAL_ERROR, (), None


def _jsonable(value: object) -> Any:
    """Turn sets into lists; everything else in a result is plain already."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"a result holds a {type(value).__name__}")
