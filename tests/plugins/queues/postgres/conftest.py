"""One PostgreSQL for all tests of this folder, and an empty queue database for each test."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from bench.report import Row, report
from psycopg import AsyncConnection

from proofing_devtools.postgres import FAST, PostgresServer, running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for the session."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def dsn(server: PostgresServer) -> Iterator[str]:
    """Give the URL of an empty database."""
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def fast() -> dict[str, Any]:
    """Give settings with short times."""
    return dict(FAST)


@pytest.fixture
async def make_queue(dsn: str) -> AsyncIterator[Callable[..., PostgresQueue]]:
    """Give a maker of queues on the test's database, with short times; arguments are further settings."""
    made: list[PostgresQueue] = []
    await PostgresQueue(PostgresSettings.model_validate({"dsn": dsn})).migrate()

    def make(**settings: Any) -> PostgresQueue:
        queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn, **FAST, **settings}))
        made.append(queue)
        return queue

    yield make
    for queue in made:
        await queue.close()


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator[Callable[..., Any]]:
    """Give a function that runs one statement on the test's database and returns its rows."""
    async with contextlib.AsyncExitStack() as stack:
        connections: list[AsyncConnection[Any]] = []

        async def run(statement: str, *values: object) -> list[Any]:
            if not connections or connections[0].closed:
                made = await AsyncConnection.connect(dsn, autocommit=True)
                connections[:] = [await stack.enter_async_context(made)]
            cursor = await connections[0].execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture(scope="session")
def survival() -> Iterator[list[Row]]:
    """Give the list that long survival tests add what they counted to; it becomes a report at the end."""
    rows: list[Row] = []
    yield rows
    if rows:
        report("chaos", rows)
