"""The postgres verification store keeps the contract, and what is special about it."""

from collections.abc import Mapping
from typing import Any

import pytest

from proofing.contracts.verification_store import VerificationStore
from proofing.testing.breaking import break_psycopg
from proofing.testing.processes import free_port
from proofing.testing.stores import VerificationStoreContract
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore


def make_store(dsn: str, **settings: Any) -> PostgresVerificationStore:
    """Return a store on a database."""
    return PostgresVerificationStore(PostgresSettings.model_validate({"dsn": dsn, **settings}))


class TestPostgresVerificationStore(VerificationStoreContract):
    """On a server of its own."""

    @pytest.fixture(autouse=True)
    async def _database(self, dsn: str) -> None:
        """Take a database with tables."""
        self.dsn = dsn
        await make_store(dsn).migrate()

    def make_store(self) -> VerificationStore:
        return make_store(self.dsn)

    def process_spec(self) -> Mapping[str, Any]:
        return {"plugin": "postgres", "settings": {"dsn": self.dsn}}

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor run statements."""
        break_psycopg(monkeypatch, error)

    def make_unreachable_store(self) -> VerificationStore:
        """Where nobody listens."""
        return make_store(f"postgresql://x@127.0.0.1:{free_port()}/x")
