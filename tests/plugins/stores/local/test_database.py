"""Transactions of a SQLite file whose commits sync: together where they wait, and each for itself."""

import asyncio
import threading

import pytest

from proofing.plugin import StoreUnavailableError
from proofing_local.database import Database

SCHEMA = ["create table if not exists number (n integer unique)"]


@pytest.fixture
async def database(tmp_path):
    """Return an open database that syncs at every commit."""
    opened = Database(
        tmp_path / "local" / "numbers.db",
        name="numbers",
        timeout_seconds=5,
        schema=SCHEMA,
        synchronous="full",
    )
    await opened.open()
    yield opened
    await opened.close()


async def held(database, works, *, cancel=()):
    """Begin *works* while the writer is busy, cancel some; return what came of all, and the statements."""
    statements: list[str] = []
    began, gate = threading.Event(), threading.Event()

    def wait(connection):
        began.set()
        connection.set_trace_callback(statements.append)
        assert gate.wait(5)

    first = asyncio.create_task(database.write(wait))
    await asyncio.to_thread(began.wait)
    tasks = [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0)
    for number in cancel:
        tasks[number].cancel()
    await asyncio.sleep(0)
    gate.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True), statements


def insert(number):
    """Return the work that inserts *number*."""
    return lambda connection: connection.execute(
        "insert into number values (?) returning n", (number,)
    ).fetchone()


async def numbers(database):
    """Return what was committed."""
    rows = await database.read(
        lambda connection: connection.execute("select n from number order by n").fetchall()
    )
    return [number for (number,) in rows]


async def test_what_waits_is_committed_together(database):
    """Each caller gets its own answer."""
    answers, statements = await held(database, [insert(number) for number in range(20)])
    assert answers == [(number,) for number in range(20)]
    assert await numbers(database) == list(range(20))
    # That of the transaction that was waited for, and one.
    assert statements.count("commit") == 2


async def test_one_that_fails_fails_alone(database):
    """The others are committed."""
    answers, _statements = await held(database, [insert(1), insert(2), insert(2), insert(3)])
    assert isinstance(answers[2], StoreUnavailableError)
    assert [one for one in answers if not isinstance(one, Exception)] == [(1,), (2,), (3,)]
    assert await numbers(database) == [1, 2, 3]


async def test_one_that_nobody_waits_for_is_not_done(database):
    """A caller that was canceled before the writer came to its transaction."""
    answers, _statements = await held(database, [insert(1), insert(2), insert(3)], cancel=[1])
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await numbers(database) == [1, 3]


async def test_one_that_ends_the_whole_transaction_fails_all(database):
    """As a full disk does: nobody gets an answer that something was kept that was not."""

    def end(connection):
        connection.execute("rollback")

    answers, _statements = await held(database, [insert(1), end, insert(2)])
    assert all(isinstance(one, StoreUnavailableError) for one in answers)
    assert await numbers(database) == []
    assert await database.write(insert(3)) == (3,)
