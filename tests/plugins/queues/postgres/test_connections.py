"""The ways to the database: they leave a server that cannot write, and come back when one can."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import AsyncConnection

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.records import JobKind
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import PostgresServer, running_postgres
from proofing_postgres import connections
from proofing_postgres.connections import ReconnectingConnection
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]

#: As a server does that shuts down in order; waits for each to be gone.
_TERMINATE = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'proofing'"
)


@contextlib.asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """Give a proxy before the database of *dsn*, and the URL that leads through it."""
    parts = urlsplit(dsn)
    async with FaultProxy(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
        user = parts.netloc.rpartition("@")[0]
        yield proxy, urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}"))


async def test_a_failover_is_followed(dsn: str, server: PostgresServer, make_queue: Maker) -> None:
    """The old primary lives on, read-only, with our sessions on it; the same address leads to the new one."""
    queue = make_queue()
    name = urlsplit(dsn).path.lstrip("/")
    with running_postgres() as old:
        old.run_sql(f'create database "{name}"')
        await PostgresQueue(PostgresSettings.model_validate({"dsn": old.dsn(name)})).migrate()
        async with proxied(old.dsn(name)) as (proxy, url):
            moved = make_queue(dsn=url, pool_size=1)
            await moved.enqueue([make_message()])
            old.run_sql("alter system set default_transaction_read_only = on")
            old.run_sql("select pg_reload_conf()")
            proxy._target = (server.host, server.port)

            async def has_moved() -> bool:
                # Until our session reads the new setting, the old server takes jobs: accepted proves nothing.
                with contextlib.suppress(QueueUnavailableError):
                    await moved.enqueue([make_message()])
                return sum((await queue.stats()).waiting.values()) == 1

            await eventually(has_moved)


async def test_a_server_that_was_restarted_fails_no_call() -> None:
    """Connections that ended while nobody used them are noticed before anything is sent over them."""
    with running_postgres(durable=True) as server:
        queue = PostgresQueue(PostgresSettings.model_validate({"dsn": server.new_database()}))
        await queue.migrate()
        await asyncio.gather(*(queue.stats() for _ in range(20)))
        server.kill()
        server.start()
        await asyncio.gather(*(queue.stats() for _ in range(20)))
        server.run_sql(_TERMINATE)
        await asyncio.gather(*(queue.stats() for _ in range(20)))
        await queue.close()


async def test_a_server_that_cannot_write_is_not_used(make_queue: Maker, sql: SQL) -> None:
    """A new connection to it is refused, so that a list of hosts leads on to the next."""
    queue = make_queue()
    ((name,),) = await sql("select current_database()")
    await sql(f'alter database "{name}" set default_transaction_read_only = on')
    with pytest.raises(QueueUnavailableError):
        await queue.stats()


async def test_a_statement_that_takes_too_long_costs_no_connection(dsn: str) -> None:
    """The server ends it in good order; a new connection would only add to its load."""
    link = ReconnectingConnection(PostgresSettings.model_validate({"dsn": dsn, "statement_seconds": 0.05}))
    with pytest.raises(QueueUnavailableError):
        async with link.use() as connection:
            await connection.execute("select pg_sleep(60)")
    async with link.use():
        assert link.generation == 1
    await link.close()


async def test_a_frozen_server_is_given_up_at_the_deadline(dsn: str) -> None:
    """Neither an exchange nor its being canceled waits for what never answers."""
    async with proxied(dsn) as (proxy, url):
        link = ReconnectingConnection(
            PostgresSettings.model_validate({"dsn": url, "timeout_seconds": 1.0, "statement_seconds": 1.0})
        )
        async with link.use():
            pass
        await proxy.set(Fault(black_hole=True))
        begun_at = time.monotonic()
        with pytest.raises(QueueUnavailableError, match="in time"):
            await link.run("living_workers")
        assert time.monotonic() - begun_at < 2.5
        await proxy.set(NO_FAULT)
        await link.close()


async def test_a_canceled_exchange_with_a_living_server_keeps_its_connection(dsn: str) -> None:
    """The server is asked to stop, and does."""
    link = ReconnectingConnection(PostgresSettings.model_validate({"dsn": dsn}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), link.use() as connection:
            await connection.execute("select pg_sleep(60)")
    async with link.use():
        assert link.generation == 1
    await link.close()


async def test_a_worker_leaves_a_frozen_server_soon(make_queue: Maker, dsn: str) -> None:
    """A drain is not held up by a claim that is never answered."""
    async with proxied(dsn) as (proxy, url):
        queue = make_queue(dsn=url)
        stop = asyncio.Event()
        task = asyncio.create_task(queue.work(RecordingHandler(), slots={}, stop=stop, drain_seconds=0.1))
        await eventually(lambda: queue.session and queue.session.is_listening)
        await proxy.set(Fault(black_hole=True))
        link = queue.session.claim_link if queue.session else None
        await eventually(lambda: link and link._lock.locked())
        begun_at = time.monotonic()
        stop.set()
        await task
        # Most of it is spent on closing.
        assert time.monotonic() - begun_at < 6.0
        await proxy.set(NO_FAULT)


async def test_a_scrape_holds_up_no_claim(make_queue: Maker, dsn: str) -> None:
    """Jobs begin while statistics wait for their answer, here for a table that somebody holds."""
    queue, web = make_queue(), make_queue()
    handler, stop = RecordingHandler(), asyncio.Event()
    slots = {JobKind.RESOLUTION.queue_name: 5}
    task = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=5))
    await eventually(
        lambda: queue.session and queue.session.is_listening and queue.session.heartbeat.worker_id
    )
    async with await AsyncConnection.connect(dsn) as holder:
        await holder.execute("lock table proofing.tally in access exclusive mode")
        scrape = asyncio.create_task(queue.stats())
        await web.enqueue([make_message()])
        await handler.until_started(1)
        assert not scrape.done()
    assert (await scrape).workers == 1
    stop.set()
    await task


async def test_scrapes_of_a_worker_share_an_answer(make_queue: Maker) -> None:
    """Metrics and health, requested at the same moment, read the table once; a while later, again."""
    queue = make_queue()
    stop = asyncio.Event()
    task = asyncio.create_task(queue.work(RecordingHandler(), slots={}, stop=stop, drain_seconds=5))
    await eventually(lambda: queue.session and queue.session.heartbeat.worker_id)
    first, second = await asyncio.gather(queue.stats(), queue.stats())
    assert first is second

    async def is_new() -> bool:
        return await queue.stats() is not first

    await eventually(is_new)
    stop.set()
    await task


async def test_depth_counts_every_state(make_queue: Maker, sql: SQL) -> None:
    """Ready, scheduled, running and ending jobs of several queues; only a ready one can be the oldest."""
    queue = make_queue()
    kinds = [JobKind.DOCUMENT, *[JobKind.RESOLUTION] * 4]
    sent = [make_message(kind) for kind in kinds]
    await queue.enqueue([*sent, make_message(delay_seconds=3600)])
    for message, state in zip(sent[2:], ("executing", "executing", "ending"), strict=True):
        await sql(
            "update proofing.job set state = %s, run_at = now() - interval '1 h' where id = %s",
            state,
            message.result_id,
        )
    stats = await queue.stats()
    assert stats.waiting == {JobKind.DOCUMENT.queue_name: 1, JobKind.RESOLUTION.queue_name: 3}
    assert stats.running == {JobKind.RESOLUTION.queue_name: 2}
    assert 0 < stats.oldest_seconds < 60


async def test_a_database_that_is_down_is_tried_ever_more_rarely(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute of uses, ten a second, makes some dozens of attempts; the first come soon after each other."""
    now, tried_at = 100.0, list[float]()

    async def refuse(**_options: object) -> None:
        tried_at.append(now)
        raise psycopg.OperationalError

    monkeypatch.setattr(connections.Connection, "connect", refuse)
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: now))
    link = ReconnectingConnection(PostgresSettings.model_validate({"dsn": dsn}), backs_off=True)
    for _ in range(600):
        with pytest.raises(QueueUnavailableError):
            await link.run("living_workers")
        now += 0.1
    assert 25 < len(tried_at) < 75
    assert tried_at[2] < 100.6
    assert max(after - before for before, after in pairwise(tried_at)) < 2.2
    link.retry_now()
    count = len(tried_at)
    with pytest.raises(QueueUnavailableError):
        await link.run("living_workers")
    assert len(tried_at) == count + 1


async def test_a_link_that_backs_off_is_back_soon(dsn: str) -> None:
    """Failing uses hardly burden what is down, and once it has come back it is used within seconds."""
    async with proxied(dsn) as (proxy, url):
        link = ReconnectingConnection(PostgresSettings.model_validate({"dsn": url}), backs_off=True)

        async def is_up() -> bool:
            with contextlib.suppress(QueueUnavailableError):
                async with link.use():
                    return True
            return False

        await proxy.set(Fault(reset=True))
        for _ in range(50):
            assert not await is_up()
        assert proxy.connections < 25
        await proxy.set(NO_FAULT)
        await eventually(is_up, within_seconds=3)
        assert link.generation == 1
        await link.close()


@pytest.fixture
async def limited(make_queue: Maker, sql: SQL, dsn: str) -> str:
    """Give the URL of a login that may have two connections, as at a server's limit."""
    make_queue()
    name = f"limited_{uuid.uuid4().hex[:8]}"
    await sql(f"create role {name} login connection limit 2")
    await sql(f"grant usage on schema proofing to {name}")
    await sql(f"grant select, insert, update, delete on all tables in schema proofing to {name}")
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.hostname}:{parts.port}"))


async def test_at_the_servers_limit_calls_wait_for_a_connection_of_ours(
    make_queue: Maker, limited: str
) -> None:
    """None fails, though the pool is larger than what the server gives."""
    queue = make_queue(dsn=limited, pool_size=8)
    assert await asyncio.gather(*(queue.enqueue([make_message()]) for _ in range(200))) == [1] * 200
    # From cold, and again: nothing is left behind by those that were refused.
    await queue.close()
    assert await asyncio.gather(*(queue.enqueue([make_message()]) for _ in range(200))) == [1] * 200
    await eventually(lambda: len(queue._pool._free) == 8 and queue._pool._working == 0)


async def test_a_process_that_holds_no_connection_is_refused_at_once(make_queue: Maker, limited: str) -> None:
    """With the typed error, and it recovers when others leave."""
    async with await AsyncConnection.connect(limited), await AsyncConnection.connect(limited):
        queue = make_queue(dsn=limited, timeout_seconds=60)
        with pytest.raises(QueueUnavailableError):
            await queue.enqueue([make_message()])

    async def is_accepted() -> bool:
        with contextlib.suppress(QueueUnavailableError):
            return await queue.enqueue([make_message()]) == 1
        return False

    await eventually(is_accepted)


async def test_a_wait_that_is_canceled_wakes_the_next(make_queue: Maker, limited: str) -> None:
    """Canceled callers, at any moment, keep no link and no turn."""
    queue = make_queue(dsn=limited, pool_size=3)
    tasks = [asyncio.create_task(queue.enqueue([make_message()])) for _ in range(60)]
    for number, task in enumerate(tasks):
        if number % 2:
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(answer == 1 for answer in answers[::2])
    await eventually(lambda: len(queue._pool._free) == 3)
    assert await asyncio.gather(*(queue.enqueue([make_message()]) for _ in range(20))) == [1] * 20


async def test_idle_connections_are_released(make_queue: Maker, sql: SQL) -> None:
    """All of the pool, a while after the last use; those in use stay, and the next use opens another."""
    queue = make_queue(idle_seconds=0.3, pool_size=4)

    async def connections_of_ours() -> int:
        rows = await sql(
            "select count(*) from pg_stat_activity"
            " where application_name = 'proofing' and datname = current_database()"
        )
        return int(rows[0][0])

    async with queue._pool.link() as held:
        await asyncio.gather(*(queue.stats() for _ in range(10)))

        async def is_one() -> bool:
            return await connections_of_ours() == 1

        await eventually(is_one)
        assert held.is_open

    async def is_none() -> bool:
        return await connections_of_ours() == 0

    await eventually(is_none)
    assert await queue.enqueue([make_message()]) == 1


async def test_a_worker_has_four_connections(make_queue: Maker, sql: SQL) -> None:
    """Also one that read the schema first."""
    queue = make_queue()
    await queue.open()
    stop = asyncio.Event()
    task = asyncio.create_task(queue.work(RecordingHandler(), slots={}, stop=stop, drain_seconds=5))
    await eventually(
        lambda: queue.session and queue.session.is_listening and queue.session.heartbeat.worker_id
    )
    await queue.stats()
    rows = await sql(
        "select count(*) from pg_stat_activity"
        " where application_name = 'proofing' and datname = current_database()"
    )
    assert rows == [(4,)]
    stop.set()
    await task


async def test_a_wake_up_of_a_canceled_wait_is_passed_on(make_queue: Maker, limited: str) -> None:
    """One that is woken and canceled in the same turn of the event loop leaves the link to the next."""
    pool = make_queue(dsn=limited, pool_size=1)._pool

    async def use() -> None:
        async with pool.link():
            pass

    async with pool.link():
        first, second = asyncio.create_task(use()), asyncio.create_task(use())
        await eventually(lambda: len(pool._waiting) == 2)
    first.cancel()
    await second
    assert first.cancelled()
