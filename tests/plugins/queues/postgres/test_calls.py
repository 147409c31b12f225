"""The postgres call store keeps the contract."""

from collections.abc import Mapping
from typing import Any

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.call_records import CallStore
from proofing.testing.breaking import break_psycopg
from proofing.testing.processes import free_port
from proofing.testing.stores import CallStoreContract
from proofing_postgres.calls.store import PostgresCallStore
from proofing_postgres.settings import PostgresSettings


def make_store(dsn: str) -> PostgresCallStore:
    """Return a store on a database."""
    return PostgresCallStore(PostgresSettings.model_validate({"dsn": dsn}))


class TestPostgresCallStore(CallStoreContract):
    """On a server of its own."""

    @pytest.fixture(autouse=True)
    async def _database(self, dsn: str) -> None:
        """Take a database with tables."""
        self.dsn = dsn
        await make_store(dsn).migrate()

    def make_store(self) -> CallStore:
        return make_store(self.dsn)

    def process_spec(self) -> Mapping[str, Any]:
        return {"plugin": "postgres", "settings": {"dsn": self.dsn}}

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor run statements."""
        break_psycopg(monkeypatch, error)

    def make_unreachable_store(self) -> CallStore:
        """Where nobody listens."""
        return make_store(f"postgresql://x@127.0.0.1:{free_port()}/x")


async def test_without_tables_it_does_not_open(dsn: str) -> None:
    """It says which command makes them."""
    store = make_store(dsn)
    with pytest.raises(StoreUnavailableError, match="proofing migrate"):
        await store.open()
    await store.close()
