"""One PostgreSQL for all tests of this folder, and an empty queue database for each test."""

from collections.abc import Iterator

import pytest

from proofing.testing.postgres import PostgresServer, running_postgres


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
