"""Migrations: twice, at once, alongside old code, under load, and behind a lock that is not granted."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.records import JobKind
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_postgres import migrations
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

Maker = Callable[..., PostgresQueue]

_LATER = [
    (9001, "add", "alter table proofing.job add column if not exists later text"),
    (9002, "index.concurrently", "create index concurrently if not exists job_later on proofing.job (later)"),
]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that a later version brings two migrations more."""
    known = migrations.all_migrations()
    monkeypatch.setattr(migrations, "all_migrations", lambda: [*known, *_LATER])


async def test_two_processes_migrate_at_once(dsn: str) -> None:
    """Each migration is done by one of them, and the others find it done."""
    queues = [PostgresQueue(PostgresSettings.model_validate({"dsn": dsn})) for _ in range(4)]
    done = await asyncio.gather(*(queue.migrate() for queue in queues))
    names = [name for names in done for name in names]
    assert len(names) == len(set(names)) == len(migrations.all_migrations())
    await queues[0].open()
    await queues[0].close()


async def test_a_database_without_tables_is_said_so(dsn: str) -> None:
    """Opening before migrating tells what to do."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
    with pytest.raises(QueueUnavailableError, match="proofing migrate"):
        await queue.open()
    with pytest.raises(QueueUnavailableError, match="proofing migrate"):
        await queue.enqueue([make_message()])
    await queue.close()


async def test_old_code_works_beside_a_newer_schema(make_queue: Maker, later: None) -> None:
    """A migration under load: jobs flow before, while and after it, in processes that know nothing of it."""
    queue = make_queue()
    handler = RecordingHandler()
    sent = []
    stop = asyncio.Event()
    working = asyncio.create_task(
        queue.work(handler, slots={kind.queue_name: 20 for kind in JobKind}, stop=stop, drain_seconds=5)
    )
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            batch = [make_message() for _ in range(20)]
            sent.extend(batch)
            await queue.enqueue(batch)

    loading = asyncio.create_task(load())
    await handler.until_ended(*sent)
    done = await make_queue().migrate()
    over.set()
    await loading
    await handler.until_ended(*sent)
    stop.set()
    await working
    assert len(done) == 2
    assert sorted(job.message.result_id for job in handler.started) == sorted(m.result_id for m in sent)


async def test_a_lock_that_is_not_granted_does_not_queue_the_jobs(
    make_queue: Maker, dsn: str, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads the table the migration gives up its place again and again, and jobs continue."""
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.05)
    queue = make_queue()
    async with await AsyncConnection.connect(dsn) as reader:
        await reader.execute("select count(*) from proofing.job")
        migrating = asyncio.create_task(make_queue().migrate())
        for _ in range(5):
            assert await queue.enqueue([make_message()]) == 1
        assert not migrating.done()
        await reader.rollback()
        assert len(await migrating) == 2


async def test_an_index_left_half_built_is_built_again(
    make_queue: Maker, sql: Callable[..., Any], later: None
) -> None:
    """A build that broke off leaves an invalid index under the name; it is not taken for done."""
    await make_queue().enqueue([make_message() for _ in range(2)])
    await sql("alter table proofing.job add column later text")
    with pytest.raises(UniqueViolation):
        await sql("create unique index concurrently job_later on proofing.job ((1))")
    state = "select indisvalid, indisunique from pg_index where indexrelid = 'proofing.job_later'::regclass"
    assert await sql(state) == [(False, True)]
    assert len(await make_queue().migrate()) == 2
    assert await sql(state) == [(True, False)]


async def test_two_processes_build_one_index(make_queue: Maker, sql: Callable[..., Any], later: None) -> None:
    """One builds, the others wait and find it done."""
    done = await asyncio.gather(*(make_queue().migrate() for _ in range(4)))
    assert sum(map(len, done)) == 2
    assert await sql("select count(*) from pg_index where not indisvalid") == [(0,)]


async def test_a_schema_that_is_too_old_is_refused(make_queue: Maker, later: None) -> None:
    """Code two versions ahead does not work on tables that lack what it needs."""
    with pytest.raises(QueueUnavailableError, match="too old"):
        await make_queue().open()


async def test_the_migrated_tables_have_no_traps(make_queue: Maker, sql: Callable[..., Any]) -> None:
    """No triggers, foreign keys or enum types, and no integer that may overflow as an id."""
    make_queue()
    assert await sql("select 1 from pg_trigger where not tgisinternal") == []
    assert await sql("select 1 from pg_constraint where contype = 'f'") == []
    assert await sql("select 1 from pg_type where typtype = 'e'") == []
    ids = await sql(
        "select data_type from information_schema.columns where table_schema = 'proofing'"
        " and (table_name = 'job' and column_name in ('lease', 'worker')"
        " or table_name = 'worker' and column_name = 'id')"
    )
    assert {row[0] for row in ids} == {"bigint"}
    await eventually(lambda: True)
