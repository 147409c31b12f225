"""One worker session: heartbeat, listener, claimer, writer and sweeper around one event loop.

Four connections, whatever the number of jobs: listen, heartbeat, claim (also sweeps), complete; and now and
then a fifth, for upkeep. Every loop outlives a database that is down.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from proofing.plugin import JobHandler, QueueUnavailableError, exception_fields, get_logger, log
from proofing.plugin.support import jittered
from proofing_postgres.claiming import Claimer
from proofing_postgres.connections import PLAN_SETTINGS, ReconnectingConnection
from proofing_postgres.counts import Cause, Counts
from proofing_postgres.heartbeat import Heartbeat
from proofing_postgres.listening import JOBS_CHANNEL, Listener
from proofing_postgres.running import Runs, StopReason
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.sweeping import Sweeper
from proofing_postgres.upkeep import Upkeep
from proofing_postgres.writer import Writer

#: How often the worker compares its lease with the clock. After a freeze this comes before any job continues.
_FENCE_CHECK_SECONDS = 0.25
#: How long the answer to the last claim is waited for. What comes later is found and handed back on leaving.
_LAST_CLAIM_SECONDS = 1.0
#: How long the last writes may take after the drain.
_SHUTDOWN_SECONDS = 3.0

_logger = get_logger(__name__)


class WorkerSession:
    """From the first claim to the last write.

    Attributes:
        counts: what this worker has counted.
        claim_link: the connection that claims and sweeps; idle most of the time.
        complete_link: the one that writes; statistics are requested here, so that they hold up no claim.
        upkeep: prunes and resumes, over a connection of its own.
    """

    def __init__(self, settings: PostgresSettings, handler: JobHandler, slots: Mapping[str, int]) -> None:
        """Build the parts; nothing connects before `run`."""
        self.counts = Counts()
        # A claim that a crash of the database loses is claimed again (see `Claimer.reconcile`), and an
        # intent, which is flushed, takes the claim before it along. So claims need not wait for the disk.
        # Several loops try it often while it is down; the writer waits for its own by itself.
        self.claim_link = ReconnectingConnection(
            settings, {**PLAN_SETTINGS, "synchronous_commit": "off"}, backs_off=True
        )
        self.complete_link = ReconnectingConnection(settings, PLAN_SETTINGS)
        self._settings = settings
        loop = asyncio.get_running_loop()
        self.heartbeat = Heartbeat(settings, self.counts, lambda: _call_if_open(loop, self._on_lease_change))
        self._writer = Writer(
            self.complete_link,
            settings,
            self.counts,
            self._own_id,
            on_parked=self._on_parked,
        )
        self.runs = Runs(
            handler=handler,
            writer=self._writer,
            settings=settings,
            counts=self.counts,
            on_free=self._on_free,
        )
        self._claimer = Claimer(
            link=self.claim_link,
            settings=settings,
            slots=slots,
            runs=self.runs,
            writer=self._writer,
            counts=self.counts,
            worker_id=self._own_id,
        )
        self.upkeep = Upkeep(settings, lambda name: self._claimer.wake(name, Cause.POLL, full_scan=True))
        self._sweeper = Sweeper(
            link=self.claim_link,
            settings=settings,
            claimer=self._claimer,
            runs=self.runs,
            writer=self._writer,
            counts=self.counts,
            worker_id=self._own_id,
            on_resumed=self.upkeep.wanted.set,
        )
        self.listener = Listener(settings, self.claim_link, self._on_wake, self._on_connect)
        self._own = 0
        self._fence_timer: asyncio.TimerHandle | None = None
        self._expected_at = time.monotonic()

    def _on_parked(self) -> None:
        """Have the timer set for what is due next."""
        self._sweeper.wanted.set()

    @property
    def is_listening(self) -> bool:
        """Whether wake-ups work, according to the last ping."""
        return self.listener.is_healthy

    async def run(self, stop: asyncio.Event, drain_seconds: float) -> None:
        """Work until *stop*, then drain for at most *drain_seconds*, hand back, and leave."""
        self.heartbeat.start()
        self._check_fence()
        chores = [
            asyncio.create_task(_supervised("claim", self._claimer.run)),
            asyncio.create_task(_supervised("inspect", self._look_regularly)),
            asyncio.create_task(_supervised("listen", self._listen_if_possible)),
            asyncio.create_task(_supervised("upkeep", self.upkeep.run)),
        ]
        writing = asyncio.create_task(_supervised("write", self._writer.run))
        try:
            await stop.wait()
            await self._stop_claiming(chores)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_seconds):
                    await self.runs.until_empty()
        finally:
            await self._stop_claiming(chores)
            await self._leave(writing)

    async def _stop_claiming(self, chores: "list[asyncio.Task[None]]") -> None:
        """End the loops that take jobs on, after what they are just asking for has come."""
        self._claimer.stop()
        if all(chore.done() for chore in chores):
            return
        with contextlib.suppress(QueueUnavailableError, TimeoutError):
            async with asyncio.timeout(_LAST_CLAIM_SECONDS), self.claim_link.use():
                pass
        await _stop_all(chores)
        # Shutting down leaves no time to wait.
        self.claim_link.retry_now()

    async def _leave(self, writing: "asyncio.Task[None]") -> None:
        """Hand back what runs, write what is left, and remove our row."""
        for job in list(self.runs.jobs.values()):
            job.stop(StopReason.DRAIN)
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await self.runs.until_empty()
                await self._claimer.reconcile()
                await self._writer.until_written()
                self.heartbeat.stop()
                await asyncio.to_thread(self.heartbeat.join, _SHUTDOWN_SECONDS)
                worker = self.heartbeat.worker_id
                await self.claim_link.run(
                    "save_numbers", {"worker": str(worker), "numbers": self.heartbeat.numbers()}
                )
                await self.claim_link.run("delete_dead_workers", {"dead": [worker]})
        except (TimeoutError, QueueUnavailableError):
            log(_logger, "worker_shutdown_incomplete", level=logging.WARNING, count=len(self.runs.jobs))
        finally:
            self.heartbeat.stop()
            if self._fence_timer is not None:
                self._fence_timer.cancel()
            self._sweeper.close()
            await _stop_all([writing])
            for link in (self.claim_link, self.complete_link, self.upkeep):
                await link.close()

    def _own_id(self) -> int:
        """Return our worker id, or 0 while we must not act."""
        return self._own

    def _on_lease_change(self) -> None:
        """Adopt the worker id of the heartbeat."""
        worker_id = self.heartbeat.worker_id
        if worker_id == self._own:
            return
        if self._own != 0:
            self._lose()
        self._own = worker_id
        if worker_id != 0:
            log(_logger, "worker_registered", worker=worker_id)
            self._claimer.wake_all()
            self._sweeper.wanted.set()

    def _check_fence(self) -> None:
        """Stop our jobs when the lease could not be renewed; runs before anything that woke up with us."""
        # Armed first: an error in this look must not be the last one.
        loop = asyncio.get_running_loop()
        self._fence_timer = loop.call_later(_FENCE_CHECK_SECONDS, self._check_fence)
        now = time.monotonic()
        self.counts.set("loop_lag_seconds", max(0.0, now - self._expected_at))
        self._expected_at = now + _FENCE_CHECK_SECONDS
        if self._own != 0 and self.heartbeat.is_fenced:
            log(
                _logger,
                "fenced",
                level=logging.ERROR,
                worker=self._own,
                seconds=round(self.heartbeat.since_renewal_seconds, 1),
            )
            self.heartbeat.reset_identity()
            self._lose()
            self._own = 0
        self.heartbeat.abort_stalled()
        self.runs.stop_overdue()

    def _lose(self) -> None:
        """Write nothing more about the jobs of our former identity."""
        self.counts.add("fenced")
        self.runs.lose_all()
        self._writer.drop()

    def _on_free(self) -> None:
        """Fill the place that a job has left."""
        self._claimer.slot_freed()
        self._sweeper.place_freed()

    def _on_wake(self, channel: str, queue_name: str) -> None:
        """Act on a notification."""
        if channel == JOBS_CHANNEL:
            self._claimer.wake(queue_name, Cause.NOTIFY)
        else:
            self._sweeper.wanted.set()

    def _on_connect(self) -> None:
        """Look for what was missed while nobody listened."""
        self._claimer.wake_all()
        self._sweeper.wanted.set()

    async def _listen_if_possible(self) -> None:
        """Listen, unless the settings or a pooler forbid it."""
        if self._settings.listen == "auto":
            while True:
                with contextlib.suppress(QueueUnavailableError):
                    async with self.claim_link.use():
                        break
                await asyncio.sleep(_FENCE_CHECK_SECONDS)
        if self._settings.listen == "on" or (
            self._settings.listen == "auto" and not self.claim_link.is_pooled
        ):
            await self.listener.run()
        await asyncio.Event().wait()

    async def _look_regularly(self) -> None:
        """Look now, when asked, and every few seconds."""
        while True:
            self._sweeper.wanted.clear()
            try:
                await self._sweeper.sweep()
            except QueueUnavailableError as error:
                log(_logger, "sweep_failed", level=logging.WARNING, error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_pause()):
                    await self._sweeper.wanted.wait()

    def _look_pause(self) -> float:
        """Return how long to wait for the next look, jittered."""
        settings = self._settings
        if self.is_listening:
            pause = min(settings.poll_seconds, settings.sweep_seconds)
        elif self.claim_link.is_pooled or settings.listen == "off":
            pause = settings.poll_pooled_seconds
        else:
            pause = settings.poll_without_listen_seconds
        return jittered(pause)


def _call_if_open(loop: asyncio.AbstractEventLoop, step: Callable[[], None]) -> None:
    """Call *step* in *loop* from another thread, unless the loop is gone."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(step)


async def _supervised(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run *loop*, and run it again when a bug ends it: a worker must not continue with a part of it dead."""
    while True:
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 - see above; it is logged
            log(
                _logger,
                "loop_failed",
                level=logging.ERROR,
                action=name,
                **exception_fields(error),
            )
        await asyncio.sleep(_FENCE_CHECK_SECONDS)


async def _stop_all(tasks: "list[asyncio.Task[None]]") -> None:
    """Cancel *tasks* and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
