"""What the two SQL storages share: gates in place of polling, taken keys, dropping, and the watcher's thread.

The statements stand in ``sqlite.sql`` and ``postgres.sql`` under the same names and with the same parameters.
"""

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from proofing.plugin import get_logger, log
from proofing.plugin.support import Backoff, NamedQueries
from proofing_huey.gates import Gate
from proofing_huey.pauses import KEPT_PAUSES, Pause, open_since
from proofing_huey.settings import HueySettings
from proofing_huey.storages import IDLE_SECONDS, WITHDRAWN, Entry, JobStorage, job_name, unique_name

#: How often a watcher looks into the tables although nothing told it to.
SAFETY_POLL_SECONDS = 1.0
#: More threads than this are not woken at once.
MAX_WAKEUPS = 1000
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 5.0
#: How long the end of a watcher is waited for; a server that never answers would hold the worker.
_JOIN_SECONDS = 10.0

_logger = get_logger(__name__)


class SQLJobStorage(JobStorage):
    """One of Huey's SQL storages with a gate; stands before it in a class's bases."""

    #: Our statements.
    queries: ClassVar[NamedQueries]

    def __init__(self, name: str, **options: Any) -> None:
        """Use Huey's storage with *options* for the queue *name*. No table is made."""
        self.gate = Gate()
        super().__init__(name, create_tables=False, **options)

    @abstractmethod
    def take(self) -> bytes | None:
        """Return the next job, or None when there is none now."""

    def query(self, name: str) -> str:
        """Return one of our statements."""
        return self.queries.query(name)

    def dequeue(self) -> bytes | None:
        """Return the next job, waiting at the gate when there is none."""
        generation = self.gate.generation
        data = self._take_unless_paused()
        if data is None:
            self.gate.wait(generation, IDLE_SECONDS)
            data = self._take_unless_paused()
        return data

    def pauses(self) -> Sequence[Pause]:
        """Return the pauses of this queue."""
        return [Pause(*row) for row in self.sql(self.query("pauses"), {"queue": self.name}, results=True)]

    def pause(self, now: float) -> bool:
        """Begin a pause."""
        with self.db(commit=True) as cursor:
            cursor.execute(self.query("pause"), {"queue": self.name, "now": now})
            begun: bool = cursor.rowcount > 0
            cursor.execute(self.query("forget_pauses"), {"queue": self.name, "kept": KEPT_PAUSES})
        return begun

    def resume(self, now: float) -> bool:
        """End the open pause."""
        with self.db(commit=True) as cursor:
            cursor.execute(self.query("resume"), {"queue": self.name, "now": now})
            ended: bool = cursor.rowcount > 0
        return ended

    def bar(self, result_id: str, ttl_seconds: float, *, is_dropped: bool = False) -> bool:
        """Take the key of a job that was never kept, or was dropped."""
        name = job_name(result_id)
        with self.db(commit=True) as cursor:
            if is_dropped:
                cursor.execute(self.query("release"), {"name": name, "holder": result_id})
            taken = {"name": name, "holder": WITHDRAWN, "ttl_seconds": ttl_seconds}
            cursor.execute(self.query("take"), taken)
            cursor.execute(self.query("holder"), {"name": name})
            row = cursor.fetchone()
        return row is not None and row[0] == WITHDRAWN

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one transaction."""
        accepted = 0
        with self.db(commit=True) as cursor:
            cursor.execute(self.query("forget"))
            # Keys are taken in one order everywhere, so that two bulks cannot wait for each other forever.
            kept = {number: self._take_keys(cursor, entries[number]) for number in _order(entries)}
            for number, entry in enumerate(entries):
                accepted += kept[number] is not None
                if kept[number]:
                    values = {"queue": entry.queue_name, "data": entry.blob, "priority": entry.priority}
                    cursor.execute(self.query("put"), values)
        return accepted

    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete jobs that wait, in one transaction; one that a worker takes meanwhile is left to it."""
        dropped = []
        with self.db(commit=True) as cursor:
            for name in ("task", "scheduled"):
                cursor.execute(self.query(f"all_{name}"), {"queue": self.name})
                for number, data in cursor.fetchall():
                    if is_wanted(bytes(data)):
                        cursor.execute(self.query(f"drop_{name}"), {"id": number})
                        dropped.append(bytes(data))
        return dropped

    def release(self, unique_key: str, result_id: str) -> None:
        """Free a unique key."""
        self.sql(self.query("release"), {"name": unique_name(unique_key), "holder": result_id})

    def _take_unless_paused(self) -> bytes | None:
        """Return the next job, or None when there is none or the queue is paused."""
        return self.take() if open_since(self.pauses()) is None else None

    def _take_keys(self, cursor: Any, entry: Entry) -> bool | None:
        """Take the keys of a job; False when it is there already, None when its unique key is taken."""
        taken = {"holder": entry.result_id, "ttl_seconds": entry.ttl_seconds}
        cursor.execute(self.query("take"), {"name": entry.job_key, **taken})
        if not cursor.rowcount:
            return False
        if entry.unique_key is not None:
            cursor.execute(self.query("take"), {"name": unique_name(entry.unique_key), **taken})
            if not cursor.rowcount:
                cursor.execute(self.query("release"), {"name": entry.job_key, "holder": entry.result_id})
                return None
        return True


StorageT = TypeVar("StorageT", bound=SQLJobStorage)


class SQLBackend(Generic[StorageT]):
    """The storages of one process, one for each queue."""

    def __init__(self, settings: HueySettings, make: Callable[[str, HueySettings], StorageT]) -> None:
        """Open nothing yet; *make* makes the storage of one queue."""
        self._settings = settings
        self._make = make
        self._storages: dict[str, StorageT] = {}

    def storage(self, queue_name: str) -> StorageT:
        """Return the storage of one queue."""
        if queue_name not in self._storages:
            self._storages[queue_name] = self._make(queue_name, self._settings)
        return self._storages[queue_name]

    def close(self) -> None:
        """Close every connection."""
        for storage in self._storages.values():
            storage.close()


class StorageWatcher:
    """One thread that wakes idle threads when another process has enqueued.

    Attributes:
        gates: those to wake, by queue.
        stopping: set when the thread is to end.
    """

    def __init__(self, gates: Mapping[str, Gate]) -> None:
        """Watch for the queues of *gates*."""
        self.gates = gates
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="huey-watcher", daemon=True)

    @abstractmethod
    def watch(self) -> None:
        """Connect, and wake gates until `stopping` is set. Raises what the storage's library raises."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread unless it hangs."""
        self.stopping.set()
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        """Watch, and begin again with growing, jittered waits when that fails."""
        backoff = Backoff(_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS, jitter=(0.5, 1.5))
        while not self.stopping.is_set():
            started = time.monotonic()
            try:
                self.watch()
            except Exception as error:  # noqa: BLE001 - without a watcher, jobs would wait for half a minute
                log(_logger, "queue_unavailable", level=logging.WARNING, error=type(error).__name__)
                if time.monotonic() - started > _MAX_RETRY_SECONDS:
                    backoff.reset()
                self.stopping.wait(backoff.next_seconds())


def _order(entries: Sequence[Entry]) -> list[int]:
    """Return the places of *entries* in the order in which their keys are taken."""
    return sorted(
        range(len(entries)), key=lambda number: (entries[number].unique_key or "", entries[number].job_key)
    )
