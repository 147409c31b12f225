"""Jobs in an SQLite file that web and worker processes of one machine share.

Huey's own storage polls with a growing delay: after some quiet the first job waits for seconds. Here threads
wait at a gate, and one thread a process asks ``pragma data_version`` (shared memory, no query) whether
another connection has written. Source: https://sqlite.org/pragma.html#pragma_data_version.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from huey.storage import SqliteStorage

from proofing.logs import get_logger, log
from proofing_huey import HueySettings
from proofing_huey.gates import Gate
from proofing_huey.queries import query, script
from proofing_huey.storages import IDLE_SECONDS, Entry, JobStorage

_query = partial(query, "sqlite.sql")
#: How often the watcher looks into the tables although nothing was written.
_NET_SECONDS = 1.0
_MAX_RETRY_SECONDS = 5.0
#: More threads than this are not woken at once.
_MOST = 1000

_logger = get_logger(__name__)


class SqliteJobStorage(JobStorage, SqliteStorage):  # type: ignore[misc]
    """Huey's storage, with a gate instead of polling."""

    #: `dequeue` waits by itself; Huey must not sleep after it.
    blocking = True
    begin_sql = "begin immediate"

    def __init__(self, name: str, settings: HueySettings) -> None:
        """Use the file of *settings* for the queue *name*."""
        self.gate = Gate()
        super().__init__(name, filename=settings.path, timeout=settings.timeout_seconds, create_tables=False)

    def dequeue(self) -> bytes | None:
        """Return the next job, waiting at the gate when there is none."""
        generation = self.gate.generation
        data: bytes | None = super().dequeue()
        if data is None:
            self.gate.wait(generation, IDLE_SECONDS)
            data = super().dequeue()
        return data

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Keep a job, and wake a thread of this process at once."""
        super().enqueue(data, priority)
        self.gate.wake(1)

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one transaction."""
        accepted = 0
        with self.db(commit=True) as cursor:
            now = time.time()
            cursor.execute(_query("forget"), {"now": now})
            for entry in entries:
                taken = {"holder": entry.result_id, "expires": now + entry.life_seconds}
                cursor.execute(_query("take"), {"name": entry.job_key, **taken})
                if not cursor.rowcount:
                    accepted += 1
                    continue
                if entry.unique_key is not None:
                    cursor.execute(_query("take"), {"name": _unique(entry.unique_key), **taken})
                    if not cursor.rowcount:
                        held = {"name": entry.job_key, "holder": entry.result_id}
                        cursor.execute(_query("release"), held)
                        continue
                values = {"queue": entry.queue_name, "data": entry.blob, "priority": entry.priority}
                cursor.execute(_query("put"), values)
                accepted += 1
        return accepted

    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete jobs that wait, in one transaction."""
        dropped = []
        with self.db(commit=True) as cursor:
            for name in ("task", "scheduled"):
                cursor.execute(_query(f"all_{name}"), {"queue": self.name})
                for number, data in cursor.fetchall():
                    if is_wanted(bytes(data)):
                        cursor.execute(_query(f"drop_{name}"), {"id": number})
                        dropped.append(bytes(data))
        # The log would keep what was deleted until it is full; a reader at work lets it be, until then.
        self.sql(_query("empty_log"), results=True)
        return dropped

    def release(self, unique_key: str, result_id: str) -> None:
        """Free a unique key."""
        self.sql(_query("release"), {"name": _unique(unique_key), "holder": result_id}, commit=True)

    def read_schedule(self, ts: datetime) -> list[bytes]:
        """Return what is due; asks without a lock first, as it does every second."""
        due = ts.replace(tzinfo=UTC)
        if not self.sql(_query("is_due"), {"queue": self.name, "now": due.timestamp()}, results=True):
            return []
        tasks: list[bytes] = super().read_schedule(due)
        return tasks

    def initialize_schema(self) -> None:
        """Make file and tables when missing."""
        path = Path(self.filename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by us for its mode; SQLite gives its log and index the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        super().initialize_schema()

    def _create_connection(self) -> sqlite3.Connection:
        """Return a connection whose log is synced at checkpoints: a power cut may cost the last moments."""
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma secure_delete = on")
        return connection


class SqliteBackend:
    """The file of one process's settings."""

    def __init__(self, settings: HueySettings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._storages: dict[str, SqliteJobStorage] = {}

    def storage(self, queue_name: str) -> SqliteJobStorage:
        """Return the storage of one queue."""
        if queue_name not in self._storages:
            self._storages[queue_name] = SqliteJobStorage(queue_name, self._settings)
        return self._storages[queue_name]

    def check(self) -> None:
        """Make file and tables when missing: who starts on one machine should not need a step before."""
        self.migrate()

    def migrate(self) -> Sequence[str]:
        """Make file and tables when missing."""
        storage = SqliteJobStorage("migration", self._settings)
        existed = Path(self._settings.path).exists()
        storage.ddl = [*storage.ddl, *script("sqlite.sql", "schema")]
        try:
            storage.initialize_schema()
        finally:
            storage.close()
        return [] if existed else [f"made {self._settings.path}"]

    def watcher(self, gates: Mapping[str, Gate]) -> "SqliteWatcher":
        """Return what wakes *gates*."""
        return SqliteWatcher(self._settings, gates)

    def close(self) -> None:
        """Close every connection."""
        for storage in self._storages.values():
            storage.close()


class SqliteWatcher:
    """One thread that sees what other connections write."""

    def __init__(self, settings: HueySettings, gates: Mapping[str, Gate]) -> None:
        """Watch the file of *settings* for the queues of *gates*."""
        self._settings = settings
        self._gates = gates
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="huey-watcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        """Watch, and connect again with growing waits when the file fails."""
        retry = 0.1
        while not self._stop.is_set():
            try:
                with contextlib.closing(self._connect()) as connection:
                    self._watch(connection)
            except sqlite3.Error as error:
                log(_logger, "queue_unavailable", error=type(error).__name__)
                self._stop.wait(retry)
                retry = min(retry * 2, _MAX_RETRY_SECONDS)

    def _connect(self) -> sqlite3.Connection:
        """Return a connection that only reads."""
        return sqlite3.connect(
            self._settings.path, timeout=self._settings.timeout_seconds, isolation_level=None
        )

    def _watch(self, connection: sqlite3.Connection) -> None:
        """Wake the gates whenever something was written, and now and then without."""
        seen: int | None = None
        look_at = 0.0
        while True:
            # The version is read first: what is written between the two is looked for again next time.
            version: int = connection.execute("pragma data_version").fetchone()[0]
            now = time.monotonic()
            if version != seen or now >= look_at:
                seen, look_at = version, now + _NET_SECONDS
                self._look(connection)
            if self._stop.wait(self._settings.poll_seconds):
                return

    def _look(self, connection: sqlite3.Connection) -> None:
        """Wake as many threads of each queue as there are jobs."""
        for name, gate in self._gates.items():
            waiting: int = connection.execute(_query("waiting"), {"queue": name, "most": _MOST}).fetchone()[0]
            if waiting:
                gate.wake(waiting)


def _unique(key: str) -> str:
    """Return the taken key of a job's unique key."""
    return f"unique:{key}"
