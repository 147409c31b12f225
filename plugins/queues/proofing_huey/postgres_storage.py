"""Jobs in PostgreSQL: Huey's storage with one shared listener instead of one connection for each thread.

Threads wait at a gate; one thread a process listens and wakes them. A notification only saves time: the
listener also counts once a second, on the same connection, which shows it at once when that has died.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from huey.storage import PostgresStorage
from psycopg.conninfo import conninfo_to_dict

from proofing.plugin import ConfigurationError, Problem, QueueUnavailableError
from proofing.plugin.support import NamedQueries
from proofing_huey.gates import Gate
from proofing_huey.settings import HueySettings
from proofing_huey.sql_storage import (
    MAX_WAKEUPS,
    SAFETY_POLL_SECONDS,
    SQLBackend,
    SQLJobStorage,
    StorageWatcher,
)
from proofing_huey.storages import Entry

TABLE_PREFIX = "proofing_huey"

_queries = NamedQueries("proofing_huey", "postgres.sql")
_TABLES = ("kv", "schedule", "task", "counter", "taken_key", "pause")
#: How long the listener needs at most to notice that it should stop.
_LISTEN_SECONDS = 0.2


class PostgresJobStorage(SQLJobStorage, PostgresStorage):  # type: ignore[misc]
    """Huey's storage, with a gate instead of a listener for each thread."""

    queries = _queries

    def __init__(self, name: str, settings: HueySettings) -> None:
        """Use the database of *settings* for the queue *name*."""
        super().__init__(name, connection=lambda: connect(settings), table_prefix=TABLE_PREFIX)

    def take(self) -> bytes | None:
        """Return the next job."""
        data: bytes | None = self._dequeue()
        return data

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue, then notify, once a queue and outside of the transaction."""
        accepted = super().put_all(entries)
        for name in {entry.queue_name for entry in entries}:
            self.sql(self.query("notify"), {"channel": channel(name)})
        return accepted

    def make_tables(self) -> list[str]:
        """Make the tables that are missing, while no other process does, and return their names."""
        names = [f"{TABLE_PREFIX}_{table}" for table in _TABLES]
        with self.db(commit=True) as cursor:
            cursor.execute(self.query("lock"))
            cursor.execute(self.query("missing"), {"names": names})
            missing: list[str] = [row[0] for row in cursor.fetchall()]
            if missing:
                for statement in [*self.ddl, *_queries.script("schema")]:
                    cursor.execute(statement)
        return missing


class PostgresBackend(SQLBackend[PostgresJobStorage]):
    """The connections of one process: one for each queue that is used, and one that listens."""

    def __init__(self, settings: HueySettings) -> None:
        """Connect to nothing yet. Raises `ConfigurationError` when the DSN cannot be read."""
        super().__init__(settings, PostgresJobStorage)
        try:
            conninfo_to_dict(_dsn(settings))
        except psycopg.ProgrammingError:
            # Its text shows the DSN, and with it the password.
            rule = "must be a libpq connection URL or keyword string"
            raise ConfigurationError([Problem("settings", "huey.dsn", rule)]) from None

    def check(self) -> None:
        """Connect, and see that the tables are there."""
        with connect(self._settings) as connection:
            try:
                connection.execute(_queries.query("check").encode())
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


class PostgresWatcher(StorageWatcher):
    """Listens on one connection for all queues of this process."""

    def __init__(self, settings: HueySettings, gates: Mapping[str, Gate]) -> None:
        """Listen to the database of *settings* for the queues of *gates*."""
        super().__init__(gates)
        self._settings = settings
        self._channels = {channel(name): gate for name, gate in gates.items()}

    def watch(self) -> None:
        """Wake the gates at every notification, and once a second by counting."""
        with connect(self._settings) as connection:
            self._listen(connection)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        """Watch over *connection*."""
        for name in self._channels:
            connection.execute(f'listen "{name}"'.encode())
        # Listen first, then look: what was enqueued before is found by looking, what comes after is told.
        look_at = 0.0
        while not self.stopping.is_set():
            if time.monotonic() >= look_at:
                self._look(connection)
                look_at = time.monotonic() + SAFETY_POLL_SECONDS
            for notification in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                self._channels[notification.channel].wake(1)
                look_at = 0.0  # one notification may stand for many jobs

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        """Wake as many threads of each queue as there are jobs."""
        found = connection.execute(
            _queries.query("waiting").encode(), {"names": list(self.gates), "most": MAX_WAKEUPS}
        )
        for name, waiting in found.fetchall():
            if waiting:
                self.gates[name].wake(waiting)


def connect(settings: HueySettings) -> psycopg.Connection[Any]:
    """Return a connection in autocommit, on which no wait is endless."""
    milliseconds = int(settings.timeout_seconds * 1000)
    connection = psycopg.connect(
        _dsn(settings),
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


def _dsn(settings: HueySettings) -> str:
    """Return the connection string."""
    assert settings.dsn is not None  # noqa: S101 - the schema demands it for this storage
    return settings.dsn.get_secret_value()
