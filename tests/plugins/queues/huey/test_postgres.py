"""Huey on a real PostgreSQL keeps the queue contract."""

import asyncio
import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.queues import JobMessage, Queue
from proofing.contracts.records import JobKind
from proofing.testing.breaking import break_psycopg
from proofing.testing.processes import free_port
from proofing.testing.queues import QueueContract, RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import PostgresServer, running_postgres
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Give one PostgreSQL for the tests of this module."""
    with running_postgres() as server:
        yield server


def make_queue(dsn: str, **settings: float) -> HueyQueue:
    """Return a queue on the database *dsn*."""
    values = HueySettings.model_validate({"storage": "postgres", "dsn": SecretStr(dsn), **settings})
    return HueyQueue(values, lambda _label: bytes(32))


class TestHueyOnPostgres(QueueContract):
    """The queue on PostgreSQL, with one shared listener."""

    @pytest.fixture(autouse=True)
    def _use_database(self, server: PostgresServer) -> None:
        self.dsn = server.new_database()

    def make_queue(self) -> Queue:
        return make_queue(self.dsn)

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor run statements."""
        break_psycopg(monkeypatch, error)

    def make_unreachable_queue(self) -> Queue:
        """Nobody listens there."""
        return make_queue(f"host=127.0.0.1 port={free_port()} dbname=x user=x", timeout_seconds=2.0)

    async def stored_bytes(self) -> bytes:
        """Every row of every table of ours."""
        rows: list[str] = []
        with psycopg.connect(self.dsn) as connection:
            for table in ("kv", "schedule", "task", "counter", "taken_key"):
                found = connection.execute("select to_regclass(%s)", [f"proofing_huey_{table}"]).fetchone()
                if found and found[0]:
                    rows += [str(row) for row in connection.execute(f"table proofing_huey_{table}")]
        return "\n".join(rows).encode()


async def test_one_listener_serves_all_threads(server: PostgresServer) -> None:
    """With 90 idle threads a worker holds one connection a queue and one that listens."""
    dsn = server.new_database()
    queue = make_queue(dsn)
    await queue.migrate()
    await queue.open()
    handler, stop = RecordingHandler(), asyncio.Event()
    slots = {kind.queue_name: 30 for kind in JobKind}
    work = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=5.0))
    sent = [make_message(kind) for kind in JobKind for _ in range(40)]
    await queue.enqueue(sent)
    await handler.until_ended(*sent)
    assert _connections(dsn) == 4
    stop.set()
    await asyncio.wait_for(work, 30.0)
    await queue.close()


async def test_worker_survives_the_loss_of_its_connections(server: PostgresServer) -> None:
    """When every connection is cut, the worker connects again and jobs run."""
    dsn = server.new_database()
    queue, web = make_queue(dsn), make_queue(dsn)
    await queue.migrate()
    await queue.open()
    await web.open()
    handler, stop = RecordingHandler(), asyncio.Event()
    slots = {kind.queue_name: 2 for kind in JobKind}
    work = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=5.0))
    for _ in range(3):
        message = make_message()

        async def is_enqueued(message: JobMessage = message) -> bool:
            with contextlib.suppress(QueueUnavailableError):
                return await web.enqueue([message]) == 1
            return False

        await eventually(is_enqueued)
        await handler.until_ended(message)
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'proofing-huey'"
            )
    stop.set()
    await asyncio.wait_for(work, 30.0)
    await queue.close()
    await web.close()


async def test_migrations_at_once(server: PostgresServer) -> None:
    """Of several processes that migrate together one makes the tables."""
    dsn = server.new_database()
    queues = [make_queue(dsn) for _ in range(4)]
    done = await asyncio.gather(*(queue.migrate() for queue in queues))
    assert sorted(len(names) for names in done) == [0, 0, 0, 6]
    for queue in queues:
        await queue.close()


async def test_missing_tables_are_named(server: PostgresServer) -> None:
    """Who forgot to migrate is told what to run."""
    queue = make_queue(server.new_database())
    with pytest.raises(QueueUnavailableError, match="proofing migrate"):
        await queue.open()
    await queue.close()


def _connections(dsn: str) -> int:
    """Return how many connections of ours the database has."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity"
            " where application_name = 'proofing-huey' and datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])
