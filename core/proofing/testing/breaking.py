"""Libraries that raise, for `break_library` of the contract suites: redis-py, psycopg and SQLite under Huey.

Each function patches what every connection goes through, until the monkeypatch is undone.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn

import pytest


def break_redis(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have every connection of redis-py raise *error*, with and without the event loop."""
    from redis import connection  # noqa: PLC0415 - not everybody's library
    from redis.asyncio import connection as asynchronous  # noqa: PLC0415

    fail, fail_later = _failing(error)

    # As in the library, what cannot send is disconnected; else its late answers would be the next call's.
    def fail_sending(self: connection.AbstractConnection, *_: object, **__: object) -> NoReturn:
        self.disconnect()  # type: ignore[no-untyped-call]
        raise error

    async def fail_sending_later(self: asynchronous.AbstractConnection, *_: object, **__: object) -> NoReturn:
        await self.disconnect(nowait=True)
        raise error

    monkeypatch.setattr(connection.AbstractConnection, "connect", fail)
    monkeypatch.setattr(connection.AbstractConnection, "send_packed_command", fail_sending)
    monkeypatch.setattr(asynchronous.AbstractConnection, "connect", fail_later)
    monkeypatch.setattr(asynchronous.AbstractConnection, "send_packed_command", fail_sending_later)


def break_psycopg(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have every connection and statement of psycopg raise *error*, with and without the event loop."""
    import psycopg  # noqa: PLC0415 - not everybody's library

    fail, fail_later = _failing(error)
    monkeypatch.setattr(psycopg, "connect", fail)
    monkeypatch.setattr(psycopg.Connection, "connect", fail)
    monkeypatch.setattr(psycopg.AsyncConnection, "connect", fail_later)
    for name in ("execute", "executemany"):
        monkeypatch.setattr(psycopg.Cursor, name, fail)
        monkeypatch.setattr(psycopg.AsyncCursor, name, fail_later)


def break_huey_sqlite(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have every connection to SQLite raise *error*, those of Huey included that are open."""
    import sqlite3  # noqa: PLC0415 - as the others

    from huey import storage  # noqa: PLC0415 - not everybody's library

    fail, _ = _failing(error)

    @contextlib.contextmanager
    def fail_within(*_: object, **__: object) -> Iterator[None]:
        raise error
        yield

    monkeypatch.setattr(sqlite3, "connect", fail)
    monkeypatch.setattr(storage.BaseSqlStorage, "db", fail_within)


def _failing(error: Exception) -> tuple[Callable[..., None], Callable[..., Awaitable[None]]]:
    """Return a function and a coroutine function that raise *error*."""

    def fail(*_: object, **__: object) -> None:
        raise error

    async def fail_later(*_: object, **__: object) -> None:
        raise error

    return fail, fail_later
