"""Numbered migrations: each file of ``migrations/`` once, in order, in a transaction of its own.

Two processes may migrate at once (one waits for the other), and code of the version before may run
meanwhile: migrations only add (expand), and what is no longer used is dropped a release later (contract).
A lock that is not granted within `LOCK_SECONDS` fails the migration instead of queueing every job behind it;
it is then tried again. Files whose name ends in ``.concurrently.sql`` hold one statement each and run outside
a transaction, as ``create index concurrently`` demands.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files

import psycopg
from psycopg import AsyncConnection

from proofing.plugin import QueueUnavailableError, Trouble, get_logger, log
from proofing.plugin.support import Backoff
from proofing_postgres.connections import ReconnectingConnection, Row, connect_options
from proofing_postgres.errors import explain
from proofing_postgres.settings import PostgresSettings

LOCK_SECONDS = 2.0
#: Tries for a lock, with growing waits: about a minute.
_TRIES = 12
_FIRST_WAIT_SECONDS = 0.25
_MOST_WAIT_SECONDS = 8.0
#: All migrations together; an index on a large table takes its time.
_TOTAL_SECONDS = 900.0
#: Our key of the advisory lock by which migrations wait for each other ("proofing" in hex, folded).
_LOCK_KEY = 0x70726F6F66696E67

_logger = get_logger(__name__)

_JOURNAL = """
create schema if not exists proofing;
create table if not exists proofing.migration (
    number integer primary key,
    name text not null,
    done_at timestamptz not null default now()
);
"""


def all_migrations() -> list[tuple[int, str, str]]:
    """Return number, name and text of every migration, in order."""
    found = []
    for file in files("proofing_postgres").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found)


async def migrate(settings: PostgresSettings) -> Sequence[str]:
    """Run what has not run yet and return its names.

    Raises:
        QueueUnavailableError: the database is down, or its tables are too busy to be changed now.
    """
    backoff = Backoff(_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS)
    done: list[str] = []
    try:
        async with asyncio.timeout(_TOTAL_SECONDS):
            for _ in range(_TRIES):
                try:
                    await _migrate_once(settings, done)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                    await backoff.sleep()
                else:
                    return done
    except TimeoutError:
        raise QueueUnavailableError("the migration took too long") from None
    except (psycopg.Error, OSError) as error:
        text, trouble = explain(error)
        raise QueueUnavailableError(text, trouble=trouble) from None
    raise QueueUnavailableError("tables are in use and cannot be changed now; try again")


async def require_schema(link: ReconnectingConnection) -> None:
    """See that the tables fit this code: its own version, or the one before, or newer ones that only add.

    Raises:
        QueueUnavailableError: they do not; the message says what to do.
    """
    async with link.use() as connection:
        cursor = await connection.execute(
            "select to_regclass('proofing.migration') is not null", prepare=False
        )
        row = await cursor.fetchone()
        number = 0
        if row is not None and row[0]:
            cursor = await connection.execute(
                "select coalesce(max(number), 0) from proofing.migration", prepare=False
            )
            row = await cursor.fetchone()
            number = int(row[0]) if row is not None else 0
    if number < max(1, all_migrations()[-1][0] - 1):
        text = "its tables are missing or too old; run proofing migrate"
        raise QueueUnavailableError(text, trouble=Trouble.NOT_FOUND)


async def _migrate_once(settings: PostgresSettings, done: list[str]) -> None:
    """Run what is missing, as the only one that does, and add the names to *done*."""
    async with await _connect(settings) as connection:
        while True:
            async with _alone(connection):
                if not done:
                    await connection.execute(_JOURNAL)
                pending = await _pending(connection)
                if not pending:
                    return
                number, name, text = pending[0]
                is_concurrent = name.endswith(".concurrently")
                if not is_concurrent:
                    await connection.execute(text)
                    await _record(connection, number, name)
            if is_concurrent:
                # It allows no transaction round it, so another connection keeps the others away meanwhile.
                async with await _connect(settings) as keeper, _alone(keeper):
                    if number not in [left for left, _name, _text in await _pending(connection)]:
                        continue
                    await _drop_invalid_indexes(connection)
                    await connection.execute(text)
                    await _record(connection, number, name)
            done.append(f"postgres {number:04d} {name}")
            log(_logger, "migrated", migration=f"{number:04d} {name}")


async def _connect(settings: PostgresSettings) -> AsyncConnection[Row]:
    """Return a connection that works behind a pooler, too."""
    connection: AsyncConnection[Row]
    connection = await AsyncConnection.connect(autocommit=True, **connect_options(settings))
    connection.prepare_threshold = None
    return connection


@contextlib.asynccontextmanager
async def _alone(connection: AsyncConnection[Row]) -> AsyncIterator[None]:
    """Open a transaction in which nobody else migrates; nothing of it is left behind a pooler."""
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = {int(LOCK_SECONDS * 1000)}")
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        # Without parameters: a portal would keep its snapshot, and an index build would wait for that.
        await connection.execute(f"select pg_advisory_xact_lock({_LOCK_KEY})")
        yield


async def _drop_invalid_indexes(connection: AsyncConnection[Row]) -> None:
    """Drop what an index build that did not end has left: its name exists, so it would pass for done."""
    cursor = await connection.execute(
        "select format('drop index concurrently %s', indexrelid::regclass) from pg_index"
        " join pg_class on pg_class.oid = indexrelid"
        " where not indisvalid and relnamespace = 'proofing'::regnamespace"
    )
    for (statement,) in await cursor.fetchall():
        await connection.execute(statement)


async def _pending(connection: AsyncConnection[Row]) -> list[tuple[int, str, str]]:
    """Return the migrations that have not run, in order."""
    cursor = await connection.execute("select number from proofing.migration")
    known = {row[0] for row in await cursor.fetchall()}
    return [item for item in all_migrations() if item[0] not in known]


async def _record(connection: AsyncConnection[Row], number: int, name: str) -> None:
    """Remember that a migration has run."""
    await connection.execute(
        "insert into proofing.migration (number, name) values (%s, %s) on conflict do nothing", (number, name)
    )
