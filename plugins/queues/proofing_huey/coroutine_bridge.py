"""Runs the coroutine bodies of jobs on the worker's event loop while Huey's threads wait for them."""

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Coroutine
from typing import Any

from huey.exceptions import TaskTimeout

from proofing.plugin import (
    EndState,
    JobHandler,
    JobMessage,
    LeaseLostError,
    Parked,
    ProofingError,
    StatusRecord,
    get_logger,
    log,
)

#: How long a body that was told to stop may take to do so.
_UNWIND_SECONDS = 5.0
#: How long an end that cannot be published is tried again.
_PUBLISH_SECONDS = 30.0

_logger = get_logger(__name__)


class JobFailedError(Exception):
    """A body raised something that it may not raise. Holds nothing of it."""


class HueyJob:
    """One start of a job; the `ClaimedJob` of this queue.

    The intent is kept in memory only: the job of a killed worker does not run again, so that nobody will
    repeat the call. A worker that is stopped hands back only a job without one.
    """

    #: A job is started once; handing it back gives the start back.
    attempt = 1

    def __init__(self, message: JobMessage, kept_at: float) -> None:
        """Start *message*, which was enqueued at *kept_at* by the clock of the enqueuing host."""
        self.message = message
        self.kept_at = kept_at
        self.has_intent = False
        self.is_lost = False
        self.is_running = False
        #: What it is to be parked with, once its run is over.
        self.parked: Parked | None = None

    @property
    def age_seconds(self) -> float:
        """How long ago it was enqueued, or became ready again, by the clocks of two hosts."""
        return max(0.0, time.time() - self.kept_at)

    async def record_intent(  # noqa: D102 - of the contract
        self,
        vendor_name: str,  # noqa: ARG002 - of the contract
        *,
        question: int,  # noqa: ARG002 - of the contract
        answers: bytes | None = None,  # noqa: ARG002 - of the contract
    ) -> None:
        if self.is_lost:
            raise LeaseLostError("the job was taken back")
        self.has_intent = True

    async def record_answers(self, answers: bytes) -> None:
        """Keep nothing: a job with an intent is not run again."""


class CoroutineBridge:
    """The bodies that run in this process, on one event loop; lives as long as one `Queue.work`."""

    def __init__(self, handler: JobHandler, stop: asyncio.Event) -> None:
        """Run bodies with *handler* on the running loop; none begins after *stop* is set."""
        self._handler = handler
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._running: dict[asyncio.Task[Any], str] = {}
        self._is_over = False
        self._changed = asyncio.Event()
        self.ended: dict[str, int] = {}

    @property
    def running(self) -> dict[str, int]:
        """Queue name to jobs that run here."""
        names = list(self._running.values())
        return {name: names.count(name) for name in set(names)}

    # Called in Huey's threads

    def call(self, body: Coroutine[Any, Any, Any], *, queue_name: str, seconds: float) -> Any:
        """Run *body* on the loop, wait for it at most *seconds*, and return what it returns.

        Raises:
            TaskTimeout: the time was over; the body was told to stop.
            KeyboardInterrupt: the worker is stopping, which Huey reports as an interrupted task.
        """
        done = concurrent.futures.Future[None]()
        future = asyncio.run_coroutine_threadsafe(self._tracked(body, queue_name, done), self._loop)
        try:
            return future.result(None if seconds == float("inf") else seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            concurrent.futures.wait([done], _UNWIND_SECONDS)
            raise TaskTimeout from None
        except concurrent.futures.CancelledError:
            concurrent.futures.wait([done], _UNWIND_SECONDS)
            raise KeyboardInterrupt from None

    def publish(self, message: JobMessage, end: EndState) -> None:
        """Publish *end* for a job that will not run (again), and wait for that."""
        future = asyncio.run_coroutine_threadsafe(self.publish_on_loop(message, end), self._loop)
        try:
            future.result(_PUBLISH_SECONDS + _UNWIND_SECONDS)
        except (Exception, concurrent.futures.CancelledError) as error:  # noqa: BLE001 - nobody above can help
            future.cancel()
            log_unpublished(message, end, error)

    # Called on the loop

    async def drain(self, seconds: float) -> bool:
        """Wait at most *seconds* until no body runs; return whether none does."""
        try:
            async with asyncio.timeout(seconds):
                while self._running:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> None:
        """Tell every body to stop, and let no other begin."""
        self._is_over = True
        for task in self._running:
            task.cancel()

    async def publish_on_loop(self, message: JobMessage, end: EndState) -> None:
        """Let the handler publish *end*, again and again while its stores are down.

        Raises:
            TimeoutError: they were down all the time.
        """
        wait = 0.1
        async with asyncio.timeout(_PUBLISH_SECONDS):
            while True:
                try:
                    self._count(await self._handler.discard(message, end))
                except ProofingError:
                    await asyncio.sleep(wait)
                    wait *= 2
                else:
                    return

    async def perform(self, job: HueyJob) -> None:
        """Let the handler run *job*: the body of every task.

        Raises:
            JobFailedError: the handler raised what it may not raise.
        """
        job.is_running = True
        try:
            found = await self._handler.run(job)
            if isinstance(found, Parked):
                job.parked = found
            else:
                self._count(found)
        except asyncio.CancelledError:
            job.is_lost = True
            raise
        except Exception as raised:  # noqa: BLE001 - whatever it is, Huey would log its text
            error = type(raised).__name__
        else:
            return
        finally:
            job.is_running = False
        log(
            _logger,
            "handler_failed",
            level=logging.ERROR,
            job_id=job.message.result_id,
            exception_class=error,
        )
        raise JobFailedError

    async def _tracked(
        self, body: Coroutine[Any, Any, Any], queue_name: str, done: concurrent.futures.Future[None]
    ) -> Any:
        """Run *body*, known to `drain` and `interrupt`."""
        task = asyncio.current_task()
        if task is None or self._is_over or self._stop.is_set():
            body.close()
            done.set_result(None)
            raise asyncio.CancelledError
        self._running[task] = queue_name
        try:
            return await body
        finally:
            del self._running[task]
            self._changed.set()
            done.set_result(None)

    def _count(self, record: StatusRecord) -> None:
        """Count how a job ended."""
        if record.end_state is not None:
            self.ended[record.end_state.value] = self.ended.get(record.end_state.value, 0) + 1


def log_unpublished(message: JobMessage, end: EndState, error: BaseException) -> None:
    """Log that *end* could not be published."""
    log(
        _logger,
        "publish_failed",
        level=logging.ERROR,
        job_id=message.result_id,
        end_state=end,
        exception_class=type(error).__name__,
    )
