"""Huey on a real PostgreSQL keeps the queue contract."""

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from proofing.queues import Queue
from proofing.testing.postgres import PostgresServer, running_postgres
from proofing.testing.queues import QueueContract
from proofing.testing.redis import free_port
from proofing_huey import HueySettings
from proofing_huey.backend import HueyQueue


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
