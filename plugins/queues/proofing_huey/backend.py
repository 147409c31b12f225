"""The queue backend: what core calls, on top of one Huey for each kind of job."""

import asyncio
import contextlib
import importlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from proofing.plugin import (
    Capability,
    ConfigurationError,
    JobHandler,
    JobKind,
    JobMessage,
    JobState,
    JobSummary,
    OwnerPurge,
    Problem,
    QueueError,
    QueueStats,
    QueueUnavailableError,
    StatusRecord,
    Trouble,
    Wake,
    get_logger,
    log,
    pause_sentences,
    refuse_long_note,
)
from proofing.plugin.support import BoundedThreads, seam, translated, trouble_of, trouble_of_redis
from proofing_huey.consumer import JobConsumer
from proofing_huey.coroutine_bridge import CoroutineBridge
from proofing_huey.huey_app import JobHuey
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.lost_jobs import LostJobs
from proofing_huey.pauses import open_since
from proofing_huey.settings import HueySettings
from proofing_huey.storages import Backend, Entry, JobStorage, entry_of

P = ParamSpec("P")
T = TypeVar("T")

#: Storage to the module and class that keep it; imported only when chosen.
_BACKENDS = {
    "sqlite": ("proofing_huey.sqlite_storage", "SQLiteBackend"),
    "redis": ("proofing_huey.redis_storage", "RedisBackend"),
}
#: Calls to the storage that may wait at once outside the worker's threads.
_CALL_THREADS = 4
#: How often dead worker threads are replaced.
_HEALTH_SECONDS = 10.0
#: How many of the next jobs are read to find the age of the oldest.
_AGE_SAMPLE = 50
#: How long an id that was withdrawn is refused; what is on its way takes minutes at most.
_BARRED_SECONDS = 86_400.0
#: Label of the secret under the messages' MACs.
_LABEL = "huey-messages"

#: What the errors of each storage's library mean.
_TROUBLES: Mapping[str, Callable[[BaseException], Trouble]] = {
    "redis": trouble_of_redis,
}

_logger = get_logger(__name__)


@seam(QueueUnavailableError, "huey")
class HueyQueue:
    """A queue on Huey. The web process only enqueues; `work` starts consumers."""

    capabilities = frozenset(
        {
            Capability.DELAY,
            Capability.UNIQUE,
            Capability.CANCEL_WAITING,
            Capability.PAUSE,
            Capability.WITHDRAW,
            Capability.PARK,
        }
    )

    def __init__(
        self,
        settings: HueySettings,
        secret: Callable[[str], bytes],
        old_secrets: Callable[[str], Sequence[bytes]] = lambda _label: (),
    ) -> None:
        """Use the storage of *settings*; the secret ``huey-messages`` authenticates what is in it."""
        self._settings = settings
        self._secret = secret
        self._old_secrets = old_secrets
        self._backend = _make_backend(settings)
        self._hueys: dict[str, JobHuey] = {}
        self._call_threads: BoundedThreads | None = None
        self._bridge: CoroutineBridge | None = None

    async def open(self) -> None:
        """Connect. Raises `QueueUnavailableError`."""
        # Huey logs texts of exceptions, and with them values and addresses; what matters we log ourselves.
        logging.getLogger("huey").setLevel(logging.CRITICAL + 1)
        await self._call(self._backend.check)
        for kind in JobKind:
            self._huey(kind.queue_name)

    async def close(self) -> None:
        """Disconnect. Harmless when not open."""
        threads, self._call_threads = self._call_threads, None
        if threads is not None:
            with contextlib.suppress(QueueUnavailableError):
                await self._on(threads, self._backend.close)
            threads.close()

    async def migrate(self) -> Sequence[str]:
        """Make tables that are missing."""
        return await self._call(self._backend.migrate)

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Persist *messages* in one step.

        Raises:
            QueueUnavailableError: asking again is safe.
            QueueError: a *connection* was given; Huey writes on its own.
        """
        if connection is not None:
            raise QueueError("huey: cannot join the caller's transaction")
        entries = [self._entry(message) for message in messages]
        storage = self._huey(messages[0].queue_name).storage
        return await self._call(storage.put_all, entries)

    async def cancel(self, result_id: str) -> bool:
        """Revoke a job that waits; its worker publishes the end. A job that runs is left alone."""
        return await self._call(self._revoke, result_id)

    async def withdraw(self, result_id: str) -> bool:
        """Drop a job that waits, without an end, or bar one that has not come."""
        return await self._call(self._withdraw, result_id.lower())

    async def wake(self, result_id: str, note: bytes, *, is_event: bool = True) -> Wake:
        """Keep *note* for a job, and make it ready if it is parked. See `proofing.plugin.Queue.wake`."""
        refuse_long_note(note)
        return await self._call(self._wake, result_id, note, is_event=is_event)

    async def jobs(
        self,
        *,
        prefix: str = "",
        state: JobState | None = None,
        queue_name: str | None = None,
        limit: int = 100,
    ) -> Sequence[JobSummary]:
        """Return jobs that wait; what runs and what has ended is not in the storage."""
        return await self._call(self._list, prefix.lower(), state, queue_name, limit)

    async def pause(self, queue_name: str) -> bool:
        """Have no waiting job of a queue taken, by any process."""
        return await self._call(self._huey(queue_name).storage.pause, time.time())

    async def resume(self, queue_name: str) -> bool:
        """End a pause; what jobs have waited in it is taken off their ages."""
        return await self._call(self._huey(queue_name).storage.resume, time.time())

    async def purge_owner(self, owner: str) -> OwnerPurge:
        """Drop the waiting jobs of *owner*; running ones are left alone, and ends are not kept."""
        return OwnerPurge(removed=await self._call(self._purge_owner, owner))

    async def final_status(self, result_id: str) -> StatusRecord | None:  # noqa: ARG002 - the contract's argument
        """Return None: ends are not kept."""
        return None

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Run jobs until *stop* is set, then drain. Canceled: no drain."""
        bridge = CoroutineBridge(handler, stop)
        hueys = {name: self._huey(name) for name in slots}
        threads = self._threads(slots)
        idle = {
            name: huey.storage.idle_threads
            for name, huey in hueys.items()
            if hasattr(huey.storage, "idle_threads")
        }
        for huey in hueys.values():
            huey.bridge = bridge
        for sleeping in idle.values():
            sleeping.open()
        consumers = [JobConsumer(huey, threads[name]) for name, huey in hueys.items()]
        watcher = self._backend.watcher(idle)
        self._bridge = bridge
        lost = asyncio.create_task(LostJobs([*hueys.values()], bridge, self._call).watch())
        begun: list[JobConsumer] = []
        is_watching = False
        try:
            for consumer in consumers:
                begun.append(consumer)
                consumer.start()
            if watcher is not None:
                watcher.start()
                is_watching = True
            await _watch_health(consumers, stop)
            _stop_taking(consumers, idle)
            if not await bridge.drain(drain_seconds):
                log(_logger, "drain_timed_out", level=logging.WARNING, count=sum(bridge.running.values()))
        finally:
            _stop_taking(consumers, idle)
            bridge.interrupt()
            await _finish(begun, watcher.stop if watcher is not None and is_watching else None)
            lost.cancel()
            await asyncio.wait([lost])
            self._bridge = None

    async def stats(self) -> QueueStats:
        """Return counts and ages; running jobs and ends are those of this process."""
        waiting, parked, oldest, paused = await self._call(self._measure)
        return QueueStats(
            waiting=waiting,
            running=self._bridge.running if self._bridge else {},
            oldest_seconds=oldest,
            parked=parked,
            ended=dict(self._bridge.ended) if self._bridge else {},
            totals={"refused": sum(huey.refused for huey in self._hueys.values())},
            paused=paused,
        )

    async def parked_by_vendor(self) -> Mapping[str, int]:
        """Return how many jobs are parked for each vendor, by reading all that are."""
        return await self._call(
            lambda: Counter(vendor for huey in self._hueys.values() for vendor in huey.parked_vendors())
        )

    async def check(self) -> Sequence[str]:
        """Return what an operator should know about this queue, one sentence each."""
        return pause_sentences((await self.stats()).paused)

    def _huey(self, name: str) -> JobHuey:
        """Return the Huey of one queue."""
        if name not in self._hueys:
            self._hueys[name] = JobHuey(
                name, self._backend.storage(name), self._secret(_LABEL), self._old_secrets(_LABEL)
            )
        return self._hueys[name]

    @property
    def _any_storage(self) -> JobStorage:
        """A storage, for what those of all queues keep in one place."""
        storage: JobStorage = self._huey(JobKind.RESOLUTION.queue_name).storage
        return storage

    def _entry(self, message: JobMessage) -> Entry:
        """Return *message* as the storage keeps it."""
        blob = self._huey(message.queue_name).write(message)
        delay = message.delay_seconds
        return entry_of(message, blob, ready_at=time.time() + delay if delay > 0 else None)

    def _threads(self, slots: Mapping[str, int]) -> dict[str, int]:
        """Return the threads of each queue: its slots, or its share of the most that a process may have."""
        most = self._settings.max_threads
        total = sum(slots.values())
        if total <= most:
            return dict(slots)
        threads = {name: max(1, count * most // total) for name, count in slots.items()}
        log(_logger, "slots_reduced", level=logging.WARNING, slots=threads, limit=most)
        return threads

    def _revoke(self, result_id: str) -> bool:
        """Revoke a job if it waits; blocking."""
        mark = f'"id":"{result_id}"'.encode()
        for huey in self._hueys.values():
            # In the order in which a wake moves them.
            waiting = [*huey.storage.scheduled_items(), *huey.storage.enqueued_items()]
            if any(mark in bytes(blob) for blob in waiting):
                # Once: the worker that meets the job takes the mark away with it.
                huey.revoke_by_id(result_id, revoke_once=True)
                return True
        return False

    def _purge_owner(self, owner: str) -> int:
        """Drop the waiting jobs of one person; blocking."""
        return sum(huey.purge_owner(owner) for huey in self._hueys.values())

    def _withdraw(self, result_id: str) -> bool:
        """Drop or bar a job, and return whether it never ran and never will; blocking."""
        # First the key: what has not come will not be kept.
        storage = self._any_storage
        if storage.bar(result_id, _BARRED_SECONDS):
            return True
        if any(huey.drop_job(result_id) for huey in self._hueys.values()):
            return bool(storage.bar(result_id, _BARRED_SECONDS, is_dropped=True))
        return False

    def _wake(self, result_id: str, note: bytes, *, is_event: bool) -> Wake:
        """Keep a note, and make a parked job ready; blocking."""

        def rewrite(queue_name: str, blob: bytes) -> bytes | None:
            return self._huey(queue_name).rewrite(result_id, blob)

        found: Wake = self._any_storage.wake(result_id, note, rewrite, is_event=is_event)
        return found

    def _list(
        self, prefix: str, state: JobState | None, queue_name: str | None, limit: int
    ) -> list[JobSummary]:
        """Return jobs that wait; blocking."""
        hueys = [huey for name, huey in self._hueys.items() if queue_name in {None, name}]
        return list(
            itertools.islice((job for huey in hueys for job in huey.summaries(prefix, state, limit)), limit)
        )

    def _measure(self) -> tuple[dict[str, int], dict[str, int], float, dict[str, float]]:
        """Return how many jobs wait and are parked by queue, the age of the oldest, and what is paused."""
        waiting: dict[str, int] = {}
        parked: dict[str, int] = {}
        paused: dict[str, float] = {}
        oldest = 0.0
        for name, huey in self._hueys.items():
            waiting[name] = huey.pending_count()
            parked[name] = huey.scheduled_count()
            oldest = max([oldest, *huey.ages(_AGE_SAMPLE)])
            if (since := open_since(huey.storage.pauses())) is not None:
                paused[name] = max(0.0, time.time() - since)
        return waiting, parked, oldest, paused

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call to the storage in a thread, under the total deadline."""
        if self._call_threads is None:
            seconds = self._settings.timeout_seconds
            self._call_threads = BoundedThreads("huey calls", threads=_CALL_THREADS, timeout_seconds=seconds)
        return await self._on(self._call_threads, function, *args, **kwargs)

    async def _on(
        self, threads: BoundedThreads, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking call in one of *threads*.

        Raises:
            QueueUnavailableError: the storage failed, or did not answer in time.
        """
        name = f"huey: {self._settings.storage}"
        try:
            trouble = _TROUBLES.get(self._settings.storage, trouble_of)
            with translated(QueueUnavailableError, name, passing=(TimeoutError,), trouble=trouble):
                return await threads.run(function, *args, **kwargs)
        except TimeoutError:
            raise QueueUnavailableError(
                f"{name} does not answer in {threads.timeout_seconds} s", trouble=Trouble.TIMEOUT
            ) from None


def _make_backend(settings: HueySettings) -> Backend:
    """Build the backend that *settings* choose.

    Raises:
        ConfigurationError: the library it needs is not installed.
    """
    module, name = _BACKENDS[settings.storage]
    try:
        backend: Backend = getattr(importlib.import_module(module), name)(settings)
    except ModuleNotFoundError as error:
        rule = f"{settings.storage} needs {error.name}; install proofing[huey]"
        raise ConfigurationError([Problem("settings", "huey.storage", rule)]) from None
    return backend


async def _watch_health(consumers: Sequence[JobConsumer], stop: asyncio.Event) -> None:
    """Replace dead threads until *stop* is set."""
    while True:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                await stop.wait()
        except TimeoutError:
            for consumer in consumers:
                consumer.check_worker_health()
        else:
            return


def _stop_taking(consumers: Sequence[JobConsumer], idle: Mapping[str, IdleThreads]) -> None:
    """Let no thread take another job."""
    for consumer in consumers:
        consumer.stop_flag.set()
    for sleeping in idle.values():
        sleeping.close()


async def _finish(consumers: Sequence[JobConsumer], stop_watcher: Callable[[], None] | None) -> None:
    """Wait until every thread has ended, which takes bounded time, even when we are canceled."""
    calls = [consumer.finish for consumer in consumers]
    if stop_watcher is not None:
        calls.append(stop_watcher)
    ending = asyncio.gather(*(asyncio.to_thread(call) for call in calls))
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            if ending.cancelled():
                break
