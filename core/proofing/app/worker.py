"""The worker: claims jobs from the queue, runs them, sweeps what was left, and stops on request.

One event loop, one task a job: thousands of vendor calls wait in one process. The first SIGTERM or SIGINT
drains (no new jobs; running ones may finish), the second ends right away. SIGHUP, which a closed terminal
sends alongside others, drains and never cuts a drain short.
"""

import asyncio
import signal
import time
from functools import partial

from proofing.app.redaction import Redaction
from proofing.base.concurrency import JITTER, run_regularly
from proofing.base.errors import StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import JobHandler
from proofing.contracts.records import JobKind
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.forgetting import Forgetter
from proofing.sessions.uploads import OBJECT_LIFE_SECONDS, UploadSlots
from proofing.verifications.changes import Changes
from proofing.verifications.deliveries import Deliverer
from proofing.verifications.ends import VerificationEnds
from proofing.verifications.sweeper import Sweeper

_logger = get_logger(__name__)

#: So often that an image whose job could not delete it is gone within a minute of the job's end.
SWEEP_SECONDS = 30.0
#: Swept so early that the next sweep, at its latest, still comes within the life of an object.
SWEPT_AGE_SECONDS = OBJECT_LIFE_SECONDS - SWEEP_SECONDS * (1 + JITTER)
HEARTBEAT_SECONDS = 300.0
#: How late a verification may expire, and a relying party hear of a job that was lost.
VERIFICATION_SWEEP_SECONDS = 10.0
#: How late call records and routing decisions may be deleted.
RECORD_SWEEP_SECONDS = 3600.0
_DAY_SECONDS = 86400.0


class Worker:
    """Works until its stop event is set."""

    def __init__(
        self,
        parts: Dependencies,
        *,
        runner: JobHandler,
        uploads: UploadSlots,
        deliverer: Deliverer,
        forgetter: Forgetter,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Have *runner* run the jobs of the queue of *parts*, and sweep images every *sweep_seconds*.

        Events are delivered by *deliverer*, unless the settings leave that to processes of their own;
        *forgetter* tells vendors of what is redacted.
        """
        self._runner = runner
        self._queue = parts.queue
        self._images = parts.images
        self._calls = parts.calls
        self._uploads = uploads
        self._live = parts.live
        changes = Changes(parts.verifications, parts.live)
        self.verifications = Sweeper(
            store=parts.verifications,
            changes=changes,
            ends=VerificationEnds(parts.verifications, changes, parts.sealer),
            queue=parts.queue,
            results=parts.results,
            keys=parts.keys,
            live=parts.live,
            delete_leftovers=partial(Redaction(parts).delete_all, forgetter=forgetter),
        )
        self._deliverer = deliverer
        self._sweep_seconds = sweep_seconds

    async def work(self, stop: asyncio.Event) -> None:
        """Run jobs, and the background tasks, until *stop* is set and running jobs are drained."""
        settings = self._live.current
        slots = {JobKind(kind).queue_name: count for kind, count in settings.worker_slots.items()}
        log(_logger, "worker_start", slots=slots)
        chores = [
            asyncio.create_task(run_regularly(self._sweep_seconds, self.sweep)),
            asyncio.create_task(run_regularly(VERIFICATION_SWEEP_SECONDS, self._sweep_verifications)),
            asyncio.create_task(run_regularly(RECORD_SWEEP_SECONDS, self.sweep_records)),
            asyncio.create_task(run_regularly(HEARTBEAT_SECONDS, self._heartbeat)),
        ]
        delivering = (
            [asyncio.create_task(self._deliverer.run(stop))] if settings.worker_delivers_events else []
        )
        try:
            await self._queue.work(
                self._runner, slots=slots, stop=stop, drain_seconds=settings.worker_drain_seconds
            )
            if delivering:
                # Its drain began with that of the queue.
                await asyncio.wait(delivering, timeout=settings.worker_drain_seconds)
        finally:
            for task in (*chores, *delivering):
                task.cancel()
            await asyncio.gather(*chores, *delivering, return_exceptions=True)
        log(_logger, "worker_stop")

    async def sweep(self) -> None:
        """Delete images that their jobs left behind, and uploads that no job has used."""

        async def is_over(object_key: str) -> bool:
            try:
                return await self._uploads.is_over(object_key)
            except StoreError:
                return False  # then its age decides

        count = await self._images.sweep(older_than_seconds=SWEPT_AGE_SECONDS, is_over=is_over)
        if count:
            log(_logger, "images_swept", count=count)

    async def _sweep_verifications(self) -> None:
        """Do to verifications what time does."""
        await self.verifications.sweep()

    async def sweep_records(self) -> None:
        """Delete call records and routing decisions that are older than the settings keep them."""
        settings, now = self._live.current, time.time()
        count = await self._calls.sweep(
            decisions_before=now - settings.routing_decision_days * _DAY_SECONDS,
            calls_before=now - settings.call_record_days * _DAY_SECONDS,
        )
        if count:
            log(_logger, "call_records_swept", count=count)

    async def _heartbeat(self) -> None:
        """Write the line by which an operator sees that jobs could run."""
        stats = await self._queue.stats()
        log(
            _logger,
            "queue_metric",
            count=sum(stats.waiting.values()),
            age_seconds=round(stats.oldest_seconds, 3),
            workers=stats.workers,
        )


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set *stop* at the first SIGTERM, SIGINT or SIGHUP; cancel the calling task at a later one: no drain.

    A SIGHUP never cancels, and where it was ignored from the start (``nohup``), it stays so.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def handle(number: int) -> None:
        if stop.is_set() and task is not None and number != signal.SIGHUP:
            task.cancel()
        log(_logger, "stop_requested", reason=signal.Signals(number).name)
        stop.set()

    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, handle, number)
