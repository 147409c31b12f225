"""What the tests of roles over stores share: stores with the logins of roles, and refusals."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg import AsyncConnection

from proofing.base.errors import StoreUnavailableError, Trouble
from proofing_postgres.calls.store import PostgresCallStore
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore

StoreT = TypeVar("StoreT", PostgresCallStore, PostgresVerificationStore)


@asynccontextmanager
async def owned(kind: type[StoreT], dsn: str, roles: Iterable[str]) -> AsyncIterator[StoreT]:
    """Create tables, roles and logins, and give the store of the owner."""
    store = kind(PostgresSettings.model_validate({"dsn": dsn}))
    await store.migrate()
    text = files("proofing_postgres").joinpath("roles.sql").read_text(encoding="utf-8")
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(text)
        for role in roles:
            await connection.execute(f"drop role if exists test_{role}")
            await connection.execute(f"create role test_{role} login in role {role}")
    yield store
    await store.close()


@asynccontextmanager
async def opened_as_roles(kind: type[StoreT], dsn: str) -> AsyncIterator[Callable[[str], Awaitable[StoreT]]]:
    """Give a maker of open stores with the login of a role."""
    async with AsyncExitStack() as stack:

        async def make(role: str) -> StoreT:
            parts = urlsplit(dsn)
            own = urlunsplit(parts._replace(netloc=f"test_{role}@{parts.hostname}:{parts.port}"))
            store = kind(PostgresSettings.model_validate({"dsn": own}))
            stack.push_async_callback(store.close)
            await store.open()
            return store

        yield make


async def refused(call: Any) -> None:
    """Assert that a role has no right to do what *call* does."""
    with pytest.raises(StoreUnavailableError, match="refuses our role") as caught:
        await call
    assert caught.value.trouble is Trouble.PERMISSION
