"""Our Huey: one instance a queue name, whose tasks are coroutines and whose signals publish typed ends.

Huey has one queue an instance, and as many jobs run as its consumer has threads. So each kind of job gets an
instance of its own, and the slots of a queue are simply its threads: no job is ever taken out of the storage
before a thread is free to run it, which matters where taking out is losing it on a crash. The instances share
one storage and one event loop.
"""

import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from huey import Huey
from huey import signals as S  # noqa: N812 - as Huey's own manual does
from huey.api import Task, TaskWrapper
from huey.exceptions import HueyException

from proofing.plugin import (
    EndState,
    JobKind,
    JobMessage,
    JobState,
    JobSummary,
    get_logger,
    log,
    parked_message,
)
from proofing_huey.coroutine_bridge import CoroutineBridge, HueyJob
from proofing_huey.messages import read_message, write_message
from proofing_huey.pauses import open_since, waited_seconds
from proofing_huey.serializer import AuthenticatedSerializer, MessageRefusedError
from proofing_huey.storages import Entry, JobStorage, entry_of

#: Longer than the job's own deadline, so that the handler's end, which says more, comes first.
_GRACE_SECONDS = 1.0
#: How long to wait before a job is tried again that the storage kept from starting.
_RETRY_SECONDS = 0.2
#: What a task keeps besides its message: the vendor that a parked job waits for.
_WAITS_FOR = "waits_for"

_logger = get_logger(__name__)


class CoroutineTaskWrapper(TaskWrapper):  # type: ignore[misc]
    """Lets a task's function be a coroutine function, which runs on the worker's loop.

    Its name in the storage is ``proofing.`` and the given name, wherever the function lives.
    """

    def create_task(
        self,
        func: Callable[..., Coroutine[Any, Any, Any]],
        context: bool = False,  # noqa: ARG002 - Huey's argument; our tasks always get their context
        name: str | None = None,
        **settings: Any,
    ) -> type[Task]:
        """Return the task class of the coroutine function *func*, which gets its task as ``task``.

        Raises:
            TypeError: *func* is not a coroutine function.
        """
        if not inspect.iscoroutinefunction(func):
            raise TypeError("the tasks of this queue are coroutine functions")
        huey: JobHuey = self.huey

        def body(*args: Any, task: Task, **kwargs: Any) -> Any:
            coroutine = func(*args, task=task, **kwargs)
            return huey.bridge.call(coroutine, queue_name=huey.name, seconds=task.time_remaining)

        body.__module__ = "proofing"
        return super().create_task(body, True, name, **settings)  # type: ignore[no-any-return]


class JobHuey(Huey):  # type: ignore[misc]
    """One queue of jobs."""

    def __init__(self, name: str, storage: JobStorage, key: bytes, old_keys: Sequence[bytes] = ()) -> None:
        """Use *storage* for the queue *name*, and authenticate its messages with *key*, or an old one."""
        self._given_storage = storage
        serializer = AuthenticatedSerializer(key, name, old_keys)
        super().__init__(name, results=False, utc=True, serializer=serializer)
        self._bridge: CoroutineBridge | None = None
        self.refused = 0
        #: The jobs that were started here and have not ended, as they were in the queue.
        self._started: set[bytes] = set()
        self._tasks_of = {
            kind: self.task(name=kind.log_name)(self._perform) for kind in JobKind if kind.queue_name == name
        }
        self.signal(S.SIGNAL_EXPIRED)(self._on_expired)
        self.signal(S.SIGNAL_REVOKED)(self._on_revoked)
        self.signal(S.SIGNAL_TIMEOUT)(self._on_timeout)
        self.signal(S.SIGNAL_ERROR)(self._on_error)
        self.signal(S.SIGNAL_INTERRUPTED)(self._on_interrupted)
        self.signal(S.SIGNAL_COMPLETE)(self._on_complete)

    def get_task_wrapper_class(self) -> type[TaskWrapper]:
        """Return the wrapper that knows coroutines."""
        return CoroutineTaskWrapper

    def create_storage(self) -> JobStorage:
        """Return the storage that we were given."""
        return self._given_storage

    def build_error_result(self, task: Task, exception: Exception) -> dict[str, Any]:
        """Return an error without text and traceback; it is not stored, as there are no results."""
        return {"error": type(exception).__name__, "task_id": task.id, "retries": 0, "traceback": ""}

    @property
    def bridge(self) -> CoroutineBridge:
        """The bodies of the running `Queue.work`."""
        if self._bridge is None:
            raise RuntimeError("no worker runs in this process")
        return self._bridge

    @bridge.setter
    def bridge(self, bridge: CoroutineBridge | None) -> None:
        self._bridge = bridge

    def write(
        self, message: JobMessage, *, ready_at: float | None = None, waits_for: str | None = None
    ) -> bytes:
        """Return the blob of a job, as Huey would enqueue it, or parked until *ready_at* for a vendor.

        It has no time of its own: a worker whose clock is behind would put it back into the schedule.
        """
        now = time.time() if ready_at is None else ready_at
        task = self._tasks_of[message.kind].s(write_message(message) | {_WAITS_FOR: waits_for}, now)
        task.id = message.result_id
        task.expires_resolved = _utc(now + message.stale_after_seconds)
        task.timeout = message.deadline_seconds + _GRACE_SECONDS
        blob: bytes = self.serialize_task(task)
        return blob

    def rewrite(self, result_id: str, blob: bytes) -> bytes | None:
        """Return the blob of a parked job as one that runs now, or None when it is not of *result_id*."""
        found = self._read(blob)
        return self.write(found[0]) if found is not None and found[0].result_id == result_id else None

    def delete(self, key: str | None) -> bool:
        """Delete a value of Huey's; None: the revocation of a job that has begun, which its end deletes."""
        return key is not None and bool(super().delete(key))

    def dequeue(self) -> Task | None:
        """Return the next task; drop and count what is not ours."""
        data = self.storage.dequeue()
        if data is None:
            return None
        try:
            task: Task = self.deserialize_task(data)
            values, kept_at = task.args
            # Off the job's age and stale limit; its own times are as they were written, for handing back.
            waited = waited_seconds(self.storage.pauses(), kept_at, time.time())
            task.waited = timedelta(seconds=waited)
            task.expires_resolved += task.waited
            task.job = HueyJob(read_message(values), kept_at + waited)
            task.started = data
        except (HueyException, ValueError, KeyError, TypeError, IndexError):
            self.refused += 1
            log(_logger, "queue_message_refused", level=logging.WARNING, queue_name=self.name)
            self.storage.forget_started(data)
            return None
        self._started.add(data)
        return task

    def renew_leases(self) -> None:
        """Say that the jobs that were started here run; blocking."""
        self.storage.renew(list(self._started.copy()))

    def take_lost(self) -> list[tuple[JobMessage, bytes]]:
        """Return the jobs whose worker has died, each with its blob, for `finish_lost`; blocking."""
        lost = []
        for blob in self.storage.take_lost():
            if blob in self._started:
                # The storage was out of reach for longer than the lease.
                continue
            if (found := self._read(blob)) is None:
                self.storage.forget_started(blob)
            else:
                lost.append((found[0], blob))
        return lost

    def finish_lost(self, message: JobMessage, started: bytes) -> None:
        """Have the storage forget a lost job whose end is published; blocking."""
        self.storage.finish(_ended(message, started))

    def add_schedule(self, task: Task) -> None:
        """Keep a job until its time, in one step: the release before this one wrote delays into the jobs."""
        ready_at = task.eta.replace(tzinfo=UTC).timestamp()
        self.storage.put_back(self.serialize_task(task), task.started, ready_at=ready_at)
        self._started.discard(task.started)

    def read_schedule(self, timestamp: Any = None) -> list[Task]:  # noqa: ARG002 - Huey's argument, for its own tests
        """Have the storage make ready what is due, and leave nothing of it to Huey's scheduler."""
        self.storage.move_due(time.time())
        return []

    def ages(self, limit: int) -> Iterator[float]:
        """Yield the ages in seconds of the next *limit* jobs that are ready to start; none while paused."""
        now = time.time()
        pauses = self.storage.pauses()
        if open_since(pauses) is not None:
            return
        for data in self.storage.enqueued_items(limit):
            try:
                task = self.deserialize_task(data)
                kept_at: float = task.args[1]
            except (HueyException, ValueError, KeyError, TypeError, IndexError):
                continue
            yield max(0.0, now - kept_at - waited_seconds(pauses, kept_at, now))

    def summaries(self, prefix: str, state: JobState | None, limit: int) -> Iterator[JobSummary]:
        """Yield what an operator may know of jobs that wait; all are read when a *prefix* is looked for."""
        now = time.time()
        pauses = self.storage.pauses()
        most = None if prefix else limit
        for read in (self.storage.enqueued_items, self.storage.scheduled_items):
            for blob in read(most if state is None else None):
                if (found := self._read(bytes(blob))) is None or not found[0].result_id.startswith(prefix):
                    continue
                message, kept_at, waits_for = found
                is_due = now >= kept_at + message.delay_seconds
                is_parked = waits_for is not None
                kind = JobState.READY if is_due else JobState.PARKED if is_parked else JobState.SCHEDULED
                if state not in {None, kind}:
                    continue
                yield JobSummary(
                    result_id=message.result_id,
                    queue_name=self.name,
                    state=kind,
                    age_seconds=max(0.0, now - kept_at - waited_seconds(pauses, kept_at, now)),
                    trace_id=message.trace_id,
                    vendor=waits_for,
                )

    def parked_vendors(self) -> Iterator[str]:
        """Yield the vendor that each parked job waits for, and read no more of it; blocking."""
        for blob in self.storage.scheduled_items():
            try:
                vendor = self.serializer.deserialize(bytes(blob)).args[0].get(_WAITS_FOR)
            except (HueyException, ValueError, TypeError, IndexError, AttributeError):
                continue
            if vendor is not None:
                yield vendor

    def purge_owner(self, owner: str) -> int:
        """Drop the waiting jobs of *owner* and return how many; blocking.

        Of those that were started nothing is kept either: the ones that run end without it, and nobody waits
        for the end of a lost one.
        """
        for blob in self.storage.started_items():
            found = self._read(blob)
            if found is not None and found[0].owner == owner:
                self.storage.forget_started(blob)
        return self._drop(lambda message: message.owner == owner)

    def drop_job(self, result_id: str) -> bool:
        """Drop a job that waits, and return whether it did; blocking."""
        return self._drop(lambda message: message.result_id == result_id) > 0

    def _drop(self, is_wanted: Callable[[JobMessage], bool]) -> int:
        """Drop the waiting jobs that *is_wanted* picks and return how many; blocking."""

        def pick(blob: bytes) -> Entry | None:
            found = self._read(blob)
            return _ended(found[0]) if found is not None and is_wanted(found[0]) else None

        dropped: int = self.storage.drop(pick)
        return dropped

    def _read(self, blob: bytes) -> tuple[JobMessage, float, str | None] | None:
        """Return the message in *blob*, when it was enqueued, and the vendor it was parked for, if it was.

        None when Proofing did not enqueue it.
        """
        try:
            values, kept_at = self.deserialize_task(blob).args
            return read_message(values), float(kept_at), values.get(_WAITS_FOR)
        except (HueyException, ValueError, KeyError, TypeError, IndexError):
            return None

    def run_to_end(self, task: Task, pause: Callable[[float], bool]) -> None:
        """Execute *task* so that it ends typed even when the storage fails on the way.

        Args:
            task: from `dequeue`; it is in the storage no more.
            pause: waits so many seconds and returns whether the worker is stopping.
        """
        while True:
            try:
                self._add_notes(task.job)
                self.execute(task)
                is_over = True
            except Exception as error:  # noqa: BLE001 - any storage error; its text may show addresses
                self.note_unavailable(error)
                # If the body has run, what failed is tidying up after it.
                is_over = _is_begun(task)
            if is_over:
                self._park_if_pending(task, pause)
                return
            if task.job.age_seconds > task.job.message.stale_after_seconds:
                self._end(task, EndState.STALE)
                return
            if pause(_RETRY_SECONDS):
                self.hand_back(task)
                return

    def _add_notes(self, job: HueyJob) -> None:
        """Have a job read its notes. One that was never parked is parked first: its run asks for nothing."""
        if job.message.is_parked:
            job.message = replace(job.message, notes=self.storage.notes(job.message.result_id))

    def _park_if_pending(self, task: Task, pause: Callable[[float], bool]) -> None:
        """Keep a job that waits for its vendor until its time; canceled, or not kept, it ends."""
        job: HueyJob = task.job
        if job.parked is None or job.is_lost:
            # The latter: its time was over in the same moment, and its end is published.
            return
        message = parked_message(job.message, job.parked)
        ready_at = time.time() + job.parked.run_in_seconds
        blob = self.write(message, ready_at=ready_at, waits_for=job.parked.vendor)
        entry = entry_of(message, blob, ready_at=ready_at, started=task.started)
        patience = time.monotonic() + message.deadline_seconds
        while True:
            try:
                woken = self.write(message)
                is_kept = self.storage.park(entry, woken=woken, read=len(job.message.notes))
            except Exception as error:  # noqa: BLE001 - any storage error; its text may show addresses
                self.note_unavailable(error)
            else:
                if is_kept:
                    self._started.discard(task.started)
                else:
                    self._end(task, EndState.CANCELED)
                return
            if pause(_RETRY_SECONDS) or time.monotonic() > patience:
                self._end(task, EndState.WORKER_LOST)
                return

    def hand_back(self, task: Task) -> None:
        """Put a job back that may be run again, and end one that may not."""
        job: HueyJob = task.job
        job.is_lost = True
        message = job.message
        if job.has_intent or job.is_running:
            # A vendor may have been asked, or a body that does not stop may still ask one.
            end = EndState.UNKNOWN_OUTCOME
        elif job.age_seconds > message.stale_after_seconds:
            end = EndState.STALE
        else:
            task.expires_resolved -= task.waited
            try:
                self.storage.put_back(self.serialize_task(task), task.started)
            except Exception as error:  # noqa: BLE001 - any storage error; its text may show addresses
                self.note_unavailable(error)
                end = EndState.WORKER_LOST
            else:
                self._started.discard(task.started)
                log(_logger, "handed_back", queue_name=self.name, job_id=message.result_id)
                return
        self._end(task, end)

    def _check_revoked(self, data: Any, timestamp: Any = None, peek: bool = True) -> tuple[bool, bool]:
        """Return whether a task is revoked; a revocation that is not ours is dropped."""
        try:
            revoked, restore = super()._check_revoked(data, timestamp, peek)
        except MessageRefusedError:
            self.refused += 1
            return False, not peek
        return revoked, restore

    async def _perform(self, _values: dict[str, Any], _kept_at: float, *, task: Task) -> None:
        """Run a job: the function of every task."""
        task.is_begun = True
        # A cancel that comes from now on takes effect when the job is parked.
        task.revoke_id = None
        await self.bridge.perform(task.job)

    # Signals, called in the thread of the task

    def _on_expired(self, _signal: str, task: Task) -> None:
        """A job waited longer than the stale limit."""
        self._end(task, EndState.STALE)

    def _on_revoked(self, _signal: str, task: Task) -> None:
        """A job was canceled before it began."""
        self._end(task, EndState.CANCELED)

    def _on_timeout(self, _signal: str, task: Task) -> None:
        """A job ran longer than its deadline, and its handler did not say so."""
        self._end(task, EndState.TIMED_OUT)

    def _on_error(self, _signal: str, task: Task, _error: Exception) -> None:
        """A handler raised what it may not raise."""
        self._end(task, EndState.INTERNAL_ERROR)

    def _on_interrupted(self, _signal: str, task: Task) -> None:
        """The worker is stopping, and this job did not end in time."""
        self.hand_back(task)

    def _on_complete(self, _signal: str, task: Task) -> None:
        """A job has ended, and its handler has published how; or it will be parked."""
        if task.job.parked is None:
            self._finish(task)

    def _end(self, task: Task, end: EndState) -> None:
        """Publish *end* for a job that will not run (again)."""
        task.job.is_lost = True
        self.bridge.publish(task.job.message, end)
        self._finish(task)

    def _finish(self, task: Task) -> None:
        """Have the storage forget a job that has ended."""
        self._started.discard(task.started)
        try:
            self.storage.finish(_ended(task.job.message, task.started))
        except Exception as error:  # noqa: BLE001 - any storage error; it is forgotten when its lease is over
            self.note_unavailable(error)

    def note_unavailable(self, error: Exception) -> None:
        """Log that the storage failed with *error*, by its class: its text may show addresses."""
        log(
            _logger,
            "queue_unavailable",
            level=logging.WARNING,
            queue_name=self.name,
            error=type(error).__name__,
        )


def _ended(message: JobMessage, started: bytes | None = None) -> Entry:
    """Return a job that has ended: nothing is kept but its key, for as long as it may be sent again."""
    return entry_of(message, b"", started=started)


def _is_begun(task: Task) -> bool:
    """Return whether the body of *task* has begun."""
    return getattr(task, "is_begun", False)


def _utc(seconds: float) -> datetime:
    """Return the moment *seconds* after the epoch as Huey keeps it: naive, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
