"""The queue backend: what core calls, on top of one Huey for each kind of job."""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from proofing.errors import ConfigurationError, Problem, QueueError, QueueUnavailableError
from proofing.logs import get_logger, log
from proofing.queues import Capability, Forgotten, JobHandler, JobMessage, QueueStats
from proofing.records import JobKind, StatusRecord
from proofing_huey.bodies import Bodies
from proofing_huey.consumer import JobConsumer
from proofing_huey.gates import Gate
from proofing_huey.instance import JobHuey
from proofing_huey.settings import HueySettings
from proofing_huey.storages import Backend, Entry

P = ParamSpec("P")
T = TypeVar("T")

#: Storage to the module and class that keep it; imported only when chosen.
_BACKENDS = {
    "sqlite": ("proofing_huey.sqlite_storage", "SqliteBackend"),
    "redis": ("proofing_huey.redis_storage", "RedisBackend"),
    "postgres": ("proofing_huey.postgres_storage", "PostgresBackend"),
}
#: Calls to the storage that may wait at once outside the worker's threads.
_CALL_THREADS = 4
#: How often dead worker threads are replaced.
_HEALTH_SECONDS = 10.0
#: How many of the next jobs are looked at to tell the age of the oldest.
_AGE_SAMPLE = 50
#: Beyond the longest wait and run of a job, its keys stay taken this much longer.
_TAKEN_MARGIN_SECONDS = 60.0
#: Label of the secret under the messages' MACs.
_LABEL = "huey-messages"

_logger = get_logger(__name__)


class HueyQueue:
    """A queue on Huey. The web process only enqueues; `work` starts consumers."""

    capabilities = frozenset(
        {Capability.DELAY, Capability.PRIORITY, Capability.UNIQUE, Capability.CANCEL_WAITING}
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
        self._executor: ThreadPoolExecutor | None = None
        self._bodies: Bodies | None = None

    async def open(self) -> None:
        """Connect. Raises `QueueUnavailableError`."""
        # Huey logs texts of exceptions, and with them values and addresses; what matters we log ourselves.
        logging.getLogger("huey").setLevel(logging.CRITICAL + 1)
        await self._call(self._backend.check)
        for kind in JobKind:
            self._huey(kind.queue_name)

    async def close(self) -> None:
        """Disconnect. Harmless when not open."""
        executor, self._executor = self._executor, None
        if executor is not None:
            with contextlib.suppress(QueueUnavailableError):
                await self._on(executor, self._backend.close)
            executor.shutdown(wait=False, cancel_futures=True)

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

    async def forget(self, owner: str) -> Forgotten:
        """Drop the waiting jobs of *owner*; running ones are left alone, and ends are not kept."""
        return Forgotten(removed=await self._call(self._forget, owner))

    async def verdict(self, result_id: str) -> StatusRecord | None:  # noqa: ARG002 - the contract's argument
        """Return None: ends are not kept."""
        return None

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Run jobs until *stop* is set, then drain. Cancelled: no drain."""
        bodies = Bodies(handler, stop)
        hueys = {name: self._huey(name) for name in slots}
        threads = self._threads(slots)
        gates = {name: huey.storage.gate for name, huey in hueys.items() if hasattr(huey.storage, "gate")}
        for huey in hueys.values():
            huey.bodies = bodies
        for gate in gates.values():
            gate.open()
        consumers = [JobConsumer(huey, threads[name]) for name, huey in hueys.items()]
        watcher = self._backend.watcher(gates)
        self._bodies = bodies
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
            _stop_taking(consumers, gates)
            if not await bodies.drain(drain_seconds):
                log(_logger, "drain_over", count=sum(bodies.running.values()))
        finally:
            _stop_taking(consumers, gates)
            bodies.interrupt()
            await _finish(begun, watcher.stop if watcher is not None and is_watching else None)
            self._bodies = None

    async def stats(self) -> QueueStats:
        """Return counts and ages; running jobs and ends are those of this process."""
        waiting, oldest = await self._call(self._measure)
        return QueueStats(
            waiting=waiting,
            running=self._bodies.running if self._bodies else {},
            oldest_seconds=oldest,
            ended=dict(self._bodies.ended) if self._bodies else {},
            details={"refused": sum(huey.refused for huey in self._hueys.values())},
        )

    def _huey(self, name: str) -> JobHuey:
        """Return the Huey of one queue."""
        if name not in self._hueys:
            self._hueys[name] = JobHuey(
                name, self._backend.storage(name), self._secret(_LABEL), self._old_secrets(_LABEL)
            )
        return self._hueys[name]

    def _entry(self, message: JobMessage) -> Entry:
        """Return *message* as the storage keeps it."""
        life = message.delay_seconds + message.stale_after_seconds + message.deadline_seconds
        return Entry(
            queue_name=message.queue_name,
            blob=self._huey(message.queue_name).write(message),
            priority=-message.priority,
            result_id=message.result_id,
            unique_key=message.unique_key,
            life_seconds=life + _TAKEN_MARGIN_SECONDS,
        )

    def _threads(self, slots: Mapping[str, int]) -> dict[str, int]:
        """Return the threads of each queue: its slots, or its share of the most that a process may have."""
        most = self._settings.max_threads
        total = sum(slots.values())
        if total <= most:
            return dict(slots)
        threads = {name: max(1, count * most // total) for name, count in slots.items()}
        log(_logger, "slots_reduced", slots=threads, limit=most)
        return threads

    def _revoke(self, result_id: str) -> bool:
        """Revoke a job if it waits; blocking."""
        mark = f'"id":"{result_id}"'.encode()
        for huey in self._hueys.values():
            waiting = [*huey.storage.enqueued_items(), *huey.storage.scheduled_items()]
            if any(mark in bytes(blob) for blob in waiting):
                # Once: the worker that meets the job takes the mark away with it.
                huey.revoke_by_id(result_id, revoke_once=True)
                return True
        return False

    def _forget(self, owner: str) -> int:
        """Drop the waiting jobs of one person; blocking."""
        return sum(huey.forget_owner(owner) for huey in self._hueys.values())

    def _measure(self) -> tuple[dict[str, int], float]:
        """Return how many jobs wait in each queue, and the age of the oldest; blocking."""
        waiting: dict[str, int] = {}
        oldest = 0.0
        for name, huey in self._hueys.items():
            waiting[name] = huey.pending_count() + huey.scheduled_count()
            oldest = max([oldest, *huey.ages(_AGE_SAMPLE)])
        return waiting, oldest

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call to the storage in a thread, under the total deadline."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_CALL_THREADS, thread_name_prefix="huey-calls")
        return await self._on(self._executor, function, *args, **kwargs)

    async def _on(
        self, executor: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking call in a thread of *executor*.

        Raises:
            QueueUnavailableError: the storage failed, or did not answer in time.
        """
        seconds = self._settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(executor.submit(function, *args, **kwargs))
        except TimeoutError:
            raise QueueUnavailableError(
                f"huey: {self._settings.storage} does not answer in {seconds} s"
            ) from None
        except (QueueError, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - three libraries, each with errors that may show values
            text = f"huey: {self._settings.storage} cannot be used: {type(error).__name__}"
            raise QueueUnavailableError(text) from None


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


def _stop_taking(consumers: Sequence[JobConsumer], gates: Mapping[str, Gate]) -> None:
    """Let no thread take another job."""
    for consumer in consumers:
        consumer.stop_flag.set()
    for gate in gates.values():
        gate.close()


async def _finish(consumers: Sequence[JobConsumer], stop_watcher: Callable[[], None] | None) -> None:
    """Wait until every thread has ended, which takes bounded time, even when we are cancelled."""
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
