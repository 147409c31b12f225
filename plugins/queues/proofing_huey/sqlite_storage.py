"""Jobs in an SQLite file that web and worker processes of one machine share.

Huey's own storage polls with a growing delay: after some quiet the first job waits for seconds. Here threads
wait at a gate, and one thread a process asks ``pragma data_version`` (shared memory, no query) whether
another connection has written. Source: https://sqlite.org/pragma.html#pragma_data_version.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from huey.storage import SqliteStorage

from proofing.plugin import QueueUnavailableError
from proofing.plugin.support import NamedQueries, data_version, why
from proofing_huey.gates import Gate
from proofing_huey.settings import HueySettings
from proofing_huey.sql_storage import (
    MAX_WAKEUPS,
    SAFETY_POLL_SECONDS,
    SQLBackend,
    SQLJobStorage,
    StorageWatcher,
)

_queries = NamedQueries("proofing_huey", "sqlite.sql")


class SqliteJobStorage(SQLJobStorage, SqliteStorage):  # type: ignore[misc]
    """Huey's storage, with a gate instead of polling."""

    #: `dequeue` waits by itself; Huey must not sleep after it.
    blocking = True
    begin_sql = "begin immediate"
    queries = _queries

    def __init__(self, name: str, settings: HueySettings) -> None:
        """Use the file of *settings* for the queue *name*."""
        super().__init__(name, filename=settings.path, timeout=settings.timeout_seconds)

    def take(self) -> bytes | None:
        """Return the next job."""
        data: bytes | None = SqliteStorage.dequeue(self)
        return data

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Keep a job, and wake a thread of this process at once."""
        super().enqueue(data, priority)
        self.gate.wake(1)

    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete jobs that wait."""
        dropped = super().drop(is_wanted)
        # The log would keep what was deleted until it is full; a reader at work lets it be, until then.
        self.sql(self.query("empty_log"), results=True)
        return dropped

    def read_schedule(self, ts: datetime) -> list[bytes]:
        """Return what is due; asks without a lock first, as it does every second."""
        due = ts.replace(tzinfo=UTC)
        if not self.sql(self.query("is_due"), {"queue": self.name, "now": due.timestamp()}, results=True):
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


class SqliteBackend(SQLBackend[SqliteJobStorage]):
    """The file of one process's settings."""

    def __init__(self, settings: HueySettings) -> None:
        """Open nothing yet."""
        super().__init__(settings, SqliteJobStorage)

    def check(self) -> None:
        """Make file and tables when missing: who starts on one machine should not need a step before."""
        self.migrate()

    def migrate(self) -> Sequence[str]:
        """Make file and tables when missing."""
        storage = SqliteJobStorage("migration", self._settings)
        existed = Path(self._settings.path).exists()
        storage.ddl = [*storage.ddl, *_queries.script("schema")]
        try:
            storage.initialize_schema()
        except OSError as error:
            raise QueueUnavailableError(f"huey.path cannot be used: {why(error)}") from None
        finally:
            storage.close()
        return [] if existed else [f"made {self._settings.path}"]

    def watcher(self, gates: Mapping[str, Gate]) -> "SqliteWatcher":
        """Return what wakes *gates*."""
        return SqliteWatcher(self._settings, gates)


class SqliteWatcher(StorageWatcher):
    """Sees what other connections write."""

    def __init__(self, settings: HueySettings, gates: Mapping[str, Gate]) -> None:
        """Watch the file of *settings* for the queues of *gates*."""
        super().__init__(gates)
        self._settings = settings

    def watch(self) -> None:
        """Wake the gates whenever something was written, and now and then without."""
        with contextlib.closing(self._connect()) as connection:
            self._watch(connection)

    def _connect(self) -> sqlite3.Connection:
        """Return a connection that only reads."""
        return sqlite3.connect(
            self._settings.path, timeout=self._settings.timeout_seconds, isolation_level=None
        )

    def _watch(self, connection: sqlite3.Connection) -> None:
        """Watch over *connection*."""
        seen: int | None = None
        look_at = 0.0
        while True:
            # The version is read first: what is written between the two is looked for again next time.
            version = data_version(connection)
            now = time.monotonic()
            if version != seen or now >= look_at:
                seen, look_at = version, now + SAFETY_POLL_SECONDS
                self._look(connection)
            if self.stopping.wait(self._settings.poll_seconds):
                return

    def _look(self, connection: sqlite3.Connection) -> None:
        """Wake as many threads of each queue as there are jobs."""
        for name, gate in self.gates.items():
            found = connection.execute(_queries.query("waiting"), {"queue": name, "most": MAX_WAKEUPS})
            waiting: int = found.fetchone()[0]
            if waiting:
                gate.wake(waiting)
