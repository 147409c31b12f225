"""The worker: claims jobs from the queue, runs them, sweeps what was left, and stops on request.

One event loop, one task a job: thousands of vendor calls wait in one process. The first SIGTERM or SIGINT
drains (no new jobs; running ones may finish), the second ends right away. SIGHUP, which a closed terminal
sends alongside others, drains and never cuts a drain short.
"""

import asyncio
import logging
import random
import signal
import time
from collections.abc import Awaitable, Callable

from proofing.base.errors import StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import JobHandler
from proofing.contracts.records import JobKind
from proofing.jobs.dependencies import Dependencies
from proofing.sessions.uploads import OBJECT_LIFE_SECONDS, UploadSlots

_logger = get_logger(__name__)

#: So often that an image whose job could not delete it is gone within a minute of the job's end.
SWEEP_SECONDS = 30.0
_JITTER = 0.1
#: Swept so early that the next sweep, at its latest, still comes within the life of an object.
SWEPT_AGE_SECONDS = OBJECT_LIFE_SECONDS - SWEEP_SECONDS * (1 + _JITTER)
HEARTBEAT_SECONDS = 300.0


class Worker:
    """Works until its stop event is set."""

    def __init__(
        self,
        parts: Dependencies,
        *,
        runner: JobHandler,
        uploads: UploadSlots,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Have *runner* run the jobs of the queue of *parts*, and sweep images every *sweep_seconds*."""
        self._runner = runner
        self._queue = parts.queue
        self._images = parts.images
        self._uploads = uploads
        self._live = parts.live
        self._sweep_seconds = sweep_seconds

    async def work(self, stop: asyncio.Event) -> None:
        """Run jobs, and the background tasks, until *stop* is set and running jobs are drained."""
        settings = self._live.current
        slots = {JobKind(kind).queue_name: count for kind, count in settings.worker_slots.items()}
        log(_logger, "worker_start", slots=slots)
        chores = [
            asyncio.create_task(_regularly(self._sweep_seconds, self.sweep)),
            asyncio.create_task(_regularly(HEARTBEAT_SECONDS, self._heartbeat)),
        ]
        try:
            await self._queue.work(
                self._runner, slots=slots, stop=stop, drain_seconds=settings.worker_drain_seconds
            )
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
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


async def _regularly(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do *chore* now and every *seconds*, jittered so that workers do not march in step."""
    while True:
        started = time.monotonic()
        try:
            await chore()
        except Exception as error:  # noqa: BLE001 - a failing chore must not end the worker
            log(_logger, "background_task_failed", level=logging.WARNING, error=type(error).__name__)
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        await asyncio.sleep(max(0.0, seconds * jitter - (time.monotonic() - started)))
