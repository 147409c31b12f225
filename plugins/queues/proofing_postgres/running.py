"""The jobs that run in this process, each in a task of its own, and how each way out is written."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from enum import Enum

from proofing.plugin import (
    EndState,
    JobHandler,
    LeaseLostError,
    Parked,
    StatusRecord,
    exception_fields,
    get_logger,
    log,
)
from proofing_postgres.connections import Row
from proofing_postgres.counts import Counts
from proofing_postgres.messages import ClaimedRow
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.writer import Writer

_logger = get_logger(__name__)


class StopReason(Enum):
    """Why a run was canceled from outside."""

    #: The lease is lost: others own the job, nothing is written.
    LOST = "lost"
    #: Somebody canceled the job: publish that.
    CANCELED = "canceled"
    #: It ran longer than it may: publish that.
    OVERDUE = "overdue"
    #: The worker stops: hand the job back.
    DRAIN = "drain"


class RunningJob(ClaimedRow):
    """One job that runs here; the `ClaimedJob` that its handler sees.

    Attributes:
        is_end_only: whether it does not run, and only its end is published.
        ends_at: when it is canceled as timed out, by the monotonic clock.
        has_begun: whether its task has taken its first step; before that, a canceled task would end unseen.
        stop_reason: why it was canceled from outside; None while it was not.
    """

    __slots__ = (
        "_writer",
        "ends_at",
        "has_begun",
        "is_end_only",
        "queue_name",
        "stop_reason",
        "task",
    )

    def __init__(self, row: Row, claimed_at: float, queue_name: str | None, writer: Writer) -> None:
        """Wrap a *row* that was claimed at *claimed_at*; no *queue_name*: only its end is published."""
        super().__init__(row, claimed_at)
        self._writer = writer
        self.queue_name = queue_name or ""
        self.is_end_only = queue_name is None
        self.ends_at = float("inf")
        self.task: asyncio.Task[None] | None = None
        self.stop_reason: StopReason | None = None
        self.has_begun = False

    async def record_intent(self, vendor_name: str, *, question: int, answers: bytes | None = None) -> None:
        """Record that a vendor call is about to begin. See `proofing.plugin.ClaimedJob`."""
        await self._checkpoint(vendor_name or "unnamed", question, answers)

    async def record_answers(self, answers: bytes) -> None:
        """Record *answers*. See `proofing.plugin.ClaimedJob`."""
        await self._checkpoint("", None, answers)

    async def _checkpoint(self, vendor: str, question: int | None, answers: bytes | None) -> None:
        self._refuse_if_stopped()
        await self._writer.checkpoint(self.result_id, self.lease, vendor, question, answers)
        self._refuse_if_stopped()

    def stop(self, reason: StopReason) -> None:
        """Cancel the run for *reason*; the first reason holds, but a lost lease overrules.

        A run that has not begun sees the reason when it does.
        """
        if self.stop_reason is None or reason is StopReason.LOST:
            self.stop_reason = reason
            if self.task is not None and self.has_begun:
                self.task.cancel()

    def _refuse_if_stopped(self) -> None:
        if self.stop_reason is not None:
            raise LeaseLostError("the job is being stopped")


class Runs:
    """Starts jobs and sees each to its end."""

    def __init__(
        self,
        *,
        handler: JobHandler,
        writer: Writer,
        settings: PostgresSettings,
        counts: Counts,
        on_free: Callable[[], None],
    ) -> None:
        """Run with *handler*, write through *writer*, and call *on_free* when a job has left its slot."""
        self._handler = handler
        self._writer = writer
        self._settings = settings
        self._counts = counts
        self._on_free = on_free
        self.jobs: dict[str, RunningJob] = {}
        self._emptied = asyncio.Event()
        self.running: dict[str, int] = {}
        #: How many ends of jobs that do not run are being published.
        self.publishing = 0

    def start(self, rows: Sequence[Row], queue_name: str) -> None:
        """Run claimed jobs of one queue, each in a task of its own."""
        now = time.monotonic()
        create_task = asyncio.get_running_loop().create_task
        self.running[queue_name] = self.running.get(queue_name, 0) + len(rows)
        for row in rows:
            job = RunningJob(row, now, queue_name, self._writer)
            self._own(job)
            job.ends_at = now + job.deadline_seconds + self._settings.deadline_grace_seconds
            job.task = create_task(self._run(job))

    def publish_wanted_ends(self, rows: Sequence[Row]) -> None:
        """Publish the ends that are wanted of claimed rows, each in a task of its own."""
        now = time.monotonic()
        for row in rows:
            job = RunningJob(row, now, None, self._writer)
            self._own(job)
            job.task = asyncio.create_task(self._end_only(job, EndState(job.wanted_end)))
            self.publishing += 1

    def _own(self, job: RunningJob) -> None:
        """Hold *job* by its id, and stop a run of before, which can be nobody's anymore.

        The job was taken from us meanwhile, or the database crashed before it had written our first claim.
        """
        former = self.jobs.get(job.result_id)
        if former is not None:
            former.stop(StopReason.LOST)
        self.jobs[job.result_id] = job

    def stop_overdue(self) -> None:
        """Cancel the runs that are beyond their deadline and its grace.

        One pass a quarter of a second costs less than a timer for each of thousands of jobs.
        """
        now = time.monotonic()
        for job in [job for job in self.jobs.values() if job.ends_at < now]:
            job.stop(StopReason.OVERDUE)

    def lose_all(self) -> None:
        """Stop everything, writing nothing: the lease is lost."""
        for job in list(self.jobs.values()):
            job.stop(StopReason.LOST)

    async def until_empty(self) -> None:
        """Wait until no job runs."""
        while self.jobs:
            self._emptied.clear()
            await self._emptied.wait()

    async def _run(self, job: RunningJob) -> None:
        """Run one job and write how it ended."""
        job.has_begun = True
        record: StatusRecord | Parked | None
        try:
            try:
                if job.stop_reason is None:
                    record = await self._handler.run(job)
                else:
                    record = await self._after_stop(job)
            except LeaseLostError:
                if job.stop_reason is None:
                    # Others' by now, and then this changes nothing; or ours still, because the note could not
                    # be written in time, and then somebody must end it.
                    self._counts.add("stopped_lost")
                    self._writer.hand_back(job.result_id, job.lease, EndState.INTERNAL_ERROR)
                    record = None
                else:
                    # The refusal of a note that came in the same turn as the stop.
                    record = await self._after_stop(job)
            except asyncio.CancelledError:
                record = await self._after_stop(job)
            except Exception as error:  # noqa: BLE001 - a handler's bug must not end the worker, nor lose the job
                log(
                    _logger,
                    "handler_failed",
                    level=logging.ERROR,
                    job_id=job.result_id,
                    **exception_fields(error),
                )
                record = await self._discard(job, EndState.INTERNAL_ERROR)
            if isinstance(record, Parked):
                self._writer.park(job.result_id, job.lease, record, read=len(job.message.notes))
                self._counts.add("parked")
            elif record is not None:
                self._writer.complete(job.result_id, job.lease, record)
        finally:
            self.running[job.queue_name] -= 1
            self._counts.ran(job.running_seconds)
            self._leave(job)

    def _leave(self, job: RunningJob) -> None:
        """Forget a job that has left its slot."""
        if self.jobs.get(job.result_id) is job:
            del self.jobs[job.result_id]
            if not self.jobs:
                self._emptied.set()
        self._on_free()

    async def _after_stop(self, job: RunningJob) -> StatusRecord | None:
        """Decide what becomes of a run that was stopped, or that is not even begun."""
        if job.stop_reason is StopReason.CANCELED:
            return await self._discard(job, EndState.CANCELED)
        if job.stop_reason is StopReason.OVERDUE:
            return await self._discard(job, EndState.TIMED_OUT)
        if job.stop_reason is StopReason.LOST:
            self._counts.add("stopped_lost")
            return None
        # The worker stops. The job begins again elsewhere; its intents keep calls from being made twice.
        self._writer.hand_back(job.result_id, job.lease)
        self._counts.add("handed_back")
        return None

    async def _end_only(self, job: RunningJob, end: EndState) -> None:
        """Publish *end* of a job that does not run."""
        job.has_begun = True
        try:
            if job.stop_reason is not None:
                self._release(job, end)
                return
            record = await self._discard(job, end)
            if record is not None:
                self._writer.complete(job.result_id, job.lease, record)
        finally:
            self.publishing -= 1
            self._leave(job)

    async def _discard(self, job: RunningJob, end: EndState) -> StatusRecord | None:
        """Publish *end*; when that fails, leave it to the next sweep."""
        try:
            async with asyncio.timeout(self._settings.deadline_grace_seconds):
                return await self._handler.discard(job.message, end)
        except asyncio.CancelledError:
            self._release(job, end)
        except Exception as error:  # noqa: BLE001 - stores may be down; the end is kept and tried again
            log(
                _logger,
                "discard_failed",
                level=logging.ERROR,
                job_id=job.result_id,
                end_state=end.value,
                error=type(error).__name__,
            )
            self._release(job, end)
        return None

    def _release(self, job: RunningJob, end: EndState) -> None:
        """Leave *end* to another worker, unless others decide already."""
        if job.stop_reason is not StopReason.LOST:
            self._writer.hand_back(job.result_id, job.lease, end)
