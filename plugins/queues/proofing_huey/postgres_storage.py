"""Jobs in PostgreSQL: Huey's storage with one shared listener instead of one connection for each thread.

Threads wait at a gate; one thread a process listens and wakes them. A notification only saves time: the
listener also counts once a second, on the same connection, which shows it at once when that has died.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
from huey.storage import PostgresStorage

from proofing.errors import QueueUnavailableError
from proofing.logs import get_logger, log
from proofing_huey import HueySettings
from proofing_huey.gates import Gate
from proofing_huey.queries import query, script
from proofing_huey.storages import IDLE_SECONDS, Entry, JobStorage

TABLE_PREFIX = "proofing_huey"

_query = partial(query, "postgres.sql")
_TABLES = ("kv", "schedule", "task", "counter", "taken_key")
_NET_SECONDS = 1.0
#: How long the listener needs at most to notice that it should stop.
_LISTEN_SECONDS = 0.2
_MAX_RETRY_SECONDS = 5.0
#: More threads than this are not woken at once.
_MOST = 1000

_logger = get_logger(__name__)


class PostgresJobStorage(JobStorage, PostgresStorage):  # type: ignore[misc]
    """Huey's storage, with a gate instead of a listener for each thread."""

    def __init__(self, name: str, settings: HueySettings) -> None:
        """Use the database of *settings* for the queue *name*. No table is made."""
        self.gate = Gate()
        super().__init__(
            name,
            connection=lambda: connect(settings),
            table_prefix=TABLE_PREFIX,
            create_tables=False,
        )

    def dequeue(self) -> bytes | None:
        """Return the next job, waiting at the gate when there is none."""
        generation = self.gate.generation
        data: bytes | None = self._dequeue()
        if data is None:
            self.gate.wait(generation, IDLE_SECONDS)
            data = self._dequeue()
        return data

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one transaction, then notify, once a queue and outside of it."""
        accepted = 0
        with self.db(commit=True) as cursor:
            cursor.execute(_query("forget"))
            # Keys are taken in one order everywhere, so that two bulks cannot wait for each other for ever.
            kept = {number: self._take(cursor, entries[number]) for number in _order(entries)}
            for number, entry in enumerate(entries):
                accepted += kept[number] is not None
                if kept[number]:
                    values = {"queue": entry.queue_name, "data": entry.blob, "priority": entry.priority}
                    cursor.execute(_query("put"), values)
        for name in {entry.queue_name for entry in entries}:
            self.sql(_query("notify"), {"channel": channel(name)})
        return accepted

    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete jobs that wait; one that a worker takes at this moment is left to it."""
        dropped = []
        with self.db(commit=True) as cursor:
            for name in ("task", "scheduled"):
                cursor.execute(_query(f"all_{name}"), {"queue": self.name})
                for number, data in cursor.fetchall():
                    if is_wanted(bytes(data)):
                        cursor.execute(_query(f"drop_{name}"), {"id": number})
                        dropped.append(bytes(data))
        return dropped

    def release(self, unique_key: str, result_id: str) -> None:
        """Free a unique key."""
        self.sql(_query("release"), {"name": _unique(unique_key), "holder": result_id})

    def make_tables(self) -> list[str]:
        """Make the tables that are missing, while no other process does, and return their names."""
        names = [f"{TABLE_PREFIX}_{table}" for table in _TABLES]
        with self.db(commit=True) as cursor:
            cursor.execute(_query("lock"))
            cursor.execute(_query("missing"), {"names": names})
            missing: list[str] = [row[0] for row in cursor.fetchall()]
            if missing:
                for statement in [*self.ddl, *script("postgres.sql", "schema")]:
                    cursor.execute(statement)
        return missing

    def _take(self, cursor: Any, entry: Entry) -> bool | None:
        """Take the keys of a job; False when it is there already, None when its unique key is taken."""
        taken = {"holder": entry.result_id, "life_seconds": entry.life_seconds}
        cursor.execute(_query("take"), {"name": entry.job_key, **taken})
        if not cursor.rowcount:
            return False
        if entry.unique_key is not None:
            cursor.execute(_query("take"), {"name": _unique(entry.unique_key), **taken})
            if not cursor.rowcount:
                cursor.execute(_query("release"), {"name": entry.job_key, "holder": entry.result_id})
                return None
        return True


class PostgresBackend:
    """The connections of one process: one for each queue that is used, and one that listens."""

    def __init__(self, settings: HueySettings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._storages: dict[str, PostgresJobStorage] = {}

    def storage(self, queue_name: str) -> PostgresJobStorage:
        """Return the storage of one queue."""
        if queue_name not in self._storages:
            self._storages[queue_name] = PostgresJobStorage(queue_name, self._settings)
        return self._storages[queue_name]

    def check(self) -> None:
        """Connect, and see that the tables are there."""
        with connect(self._settings) as connection:
            try:
                connection.execute(_query("check").encode())
            except psycopg.errors.UndefinedTable:
                raise QueueUnavailableError("huey: the tables are missing; run: proofing migrate") from None

    def migrate(self) -> Sequence[str]:
        """Make the tables that are missing."""
        storage = PostgresJobStorage("migration", self._settings)
        try:
            return [f"made the table {name}" for name in storage.make_tables()]
        finally:
            storage.close()

    def watcher(self, gates: Mapping[str, Gate]) -> "PostgresWatcher":
        """Return what wakes *gates*."""
        return PostgresWatcher(self._settings, gates)

    def close(self) -> None:
        """Close every connection."""
        for storage in self._storages.values():
            storage.close()


class PostgresWatcher:
    """One thread and one connection that listen for all queues of this process."""

    def __init__(self, settings: HueySettings, gates: Mapping[str, Gate]) -> None:
        """Listen to the database of *settings* for the queues of *gates*."""
        self._settings = settings
        self._gates = gates
        self._channels = {channel(name): gate for name, gate in gates.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="huey-listener", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        """Listen, and connect again with growing, jittered waits when the connection fails."""
        retry = 0.1
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                with connect(self._settings) as connection:
                    self._listen(connection)
            except psycopg.Error as error:
                log(_logger, "queue_unavailable", error=type(error).__name__)
                if time.monotonic() - started > _MAX_RETRY_SECONDS:
                    retry = 0.1
                self._stop.wait(retry * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
                retry = min(retry * 2, _MAX_RETRY_SECONDS)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        """Wake the gates at every notification, and once a second by counting."""
        for name in self._channels:
            connection.execute(f'listen "{name}"'.encode())
        # Listen first, then look: what was enqueued before is found by looking, what comes after is told.
        look_at = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= look_at:
                self._look(connection)
                look_at = time.monotonic() + _NET_SECONDS
            for notification in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                self._channels[notification.channel].wake(1)
                look_at = 0.0  # one notification may stand for many jobs

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        """Wake as many threads of each queue as there are jobs."""
        found = connection.execute(_query("waiting").encode(), {"names": list(self._gates), "most": _MOST})
        for name, waiting in found.fetchall():
            if waiting:
                self._gates[name].wake(waiting)


def _order(entries: Sequence[Entry]) -> list[int]:
    """Return the places of *entries* in the order in which their keys are taken."""
    return sorted(
        range(len(entries)), key=lambda number: (entries[number].unique_key or "", entries[number].job_key)
    )


def connect(settings: HueySettings) -> psycopg.Connection[Any]:
    """Return a connection in autocommit, on which no wait is endless."""
    assert settings.dsn is not None  # noqa: S101 - the schema demands it for this storage
    milliseconds = int(settings.timeout_seconds * 1000)
    connection = psycopg.connect(
        settings.dsn.get_secret_value(),
        autocommit=True,
        connect_timeout=max(2, int(settings.timeout_seconds)),  # libpq takes 2 s at least
        tcp_user_timeout=milliseconds,
        application_name="proofing-huey",
    )
    connection.execute(f"set statement_timeout = {milliseconds}".encode())
    return connection


def channel(queue_name: str) -> str:
    """Return the channel of one queue, as Huey names it."""
    return f"{TABLE_PREFIX}.q.{queue_name}"


def _unique(key: str) -> str:
    """Return the taken key of a job's unique key."""
    return f"unique:{key}"
