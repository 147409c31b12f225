"""The postgres queue keeps the queue contract."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection

from proofing.contracts.queues import Queue
from proofing.testing.breaking import break_psycopg
from proofing.testing.processes import free_port
from proofing.testing.queue_process import WorkerProcess
from proofing.testing.queues import QueueContract
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

#: A lease that a test can see running out.
FAST = {"lease_seconds": 1.5, "renew_seconds": 0.3, "fence_seconds": 1.0, "sweep_seconds": 0.2}


class TestPostgresQueue(QueueContract):
    """On a server of its own."""

    deadline_grace_seconds = 0.3

    @pytest.fixture(autouse=True)
    def _database(self, dsn: str) -> None:
        """Take an empty database."""
        self.dsn = dsn

    def make_queue(self) -> Queue:
        """Return a queue on the test's database."""
        return PostgresQueue(
            PostgresSettings.model_validate(
                {"dsn": self.dsn, "deadline_grace_seconds": self.deadline_grace_seconds}
            )
        )

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor run statements."""
        break_psycopg(monkeypatch, error)

    def make_unreachable_queue(self) -> Queue:
        """Return a queue where nobody listens."""
        return PostgresQueue(
            PostgresSettings.model_validate({"dsn": f"postgresql://x@127.0.0.1:{free_port()}/x"})
        )

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Open a caller's connection."""
        async with await AsyncConnection.connect(self.dsn) as connection:
            yield connection

    def start_worker(self, folder: Path) -> WorkerProcess:
        """Start a worker in a process of its own, with short times."""
        return WorkerProcess("postgres", {"dsn": self.dsn, **FAST}, folder)

    async def stored_bytes(self) -> bytes:
        """Return every row of every table, as text."""
        found = []
        async with await AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            for table in ("job", "job_done", "worker", "tally", "migration", "paused_queue"):
                cursor = await connection.execute(
                    psycopg.sql.SQL("select t::text from proofing.{} t").format(psycopg.sql.Identifier(table))
                )
                found += [row[0].encode() for row in await cursor.fetchall()]
        return b"\n".join(found)
