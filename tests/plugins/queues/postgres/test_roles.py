"""The database roles of ``roles.sql`` can do their work, and nothing else. Grants are compared one by one."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import AsyncConnection

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.queues import ClaimedJob, Parked, Wake
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_handlers import make_parked
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import PostgresServer
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

Maker = Callable[..., PostgresQueue]

_QUEUE_TABLES = {"job", "job_done", "migration", "paused_queue", "tally", "worker"}
_TABLES = _QUEUE_TABLES | {
    *("verification", "sealed_value", "job_end", "begun_job", "idempotent_answer"),
    *("event_cursor", "event", "delivery", "endpoint", "credential"),
    *("call_record", "routing_decision"),
}
#: Role to the rights on whole tables.
EXPECTED = {
    "proofing_web": {
        "job": {"INSERT", "DELETE"},
        "job_done": {"SELECT", "DELETE"},
        "migration": {"SELECT"},
        "paused_queue": {"SELECT"},
        "tally": {"SELECT"},
        "worker": {"SELECT"},
    },
    "proofing_worker": {
        "job": {"SELECT", "UPDATE", "DELETE"},
        "job_done": {"SELECT", "INSERT", "DELETE"},
        "migration": {"SELECT"},
        "paused_queue": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "tally": {"SELECT", "INSERT", "UPDATE"},
        "worker": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    },
    "proofing_viewer": {
        "migration": {"SELECT"},
        "paused_queue": {"SELECT"},
        "tally": {"SELECT"},
        "worker": {"SELECT"},
    },
    "proofing_operator": {
        "migration": {"SELECT"},
        "paused_queue": {"SELECT", "INSERT", "UPDATE"},
        "tally": {"SELECT"},
        "worker": {"SELECT"},
    },
}
#: Role to the columns of proofing.job_done that it may write.
BARRED = {"id", "enqueued_at", "ended_at", "attempts", "crashes", "end_state", "queue", "kind", "trace_id"}
#: Role to the columns of proofing.job that it may not read.
HIDDEN = {
    "proofing_web": {
        "payload",
        "notes",
        "intents",
        "answers",
        "metadata",
        "object_keys",
        "counter_keys",
        "verification",
    },
    "proofing_viewer": {
        "payload",
        "notes",
        "intents",
        "answers",
        "metadata",
        "object_keys",
        "counter_keys",
        "verification",
        "owner",
        "traceparent",
        "partner",
        "unique_key",
        "intent",
        "submitted_at",
        "stale_after_seconds",
        "deadline_seconds",
        "delay_seconds",
    },
    "proofing_operator": {
        "payload",
        "notes",
        "intents",
        "answers",
        "metadata",
        "object_keys",
        "counter_keys",
        "verification",
        "owner",
        "traceparent",
        "partner",
        "unique_key",
        "submitted_at",
        "stale_after_seconds",
        "deadline_seconds",
        "delay_seconds",
    },
    "proofing_worker": set(),
}


@pytest.fixture
async def roles(make_queue: Maker, dsn: str) -> str:
    """Create the roles, twice, on a database with the queue's tables, and return its URL."""
    text = files("proofing_postgres").joinpath("roles.sql").read_text(encoding="utf-8")
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for _ in range(2):
            await connection.execute(text)
        for role in EXPECTED:
            login = f"test_{role}"
            await connection.execute(f"drop role if exists {login}")
            await connection.execute(f"create role {login} login in role {role}")
    return dsn


def as_role(dsn: str, role: str) -> str:
    """Return *dsn* for a login of *role*."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"test_{role}@{parts.hostname}:{parts.port}"))


@pytest.mark.parametrize("role", list(EXPECTED))
async def test_rights_are_exactly_those(roles: str, sql: Callable[..., Any], role: str) -> None:
    """No right on a table or column that is not expected, none missing."""
    rows = await sql(
        "select table_name, privilege_type from information_schema.table_privileges"
        " where table_schema = 'proofing' and grantee = %s",
        role,
    )
    found: dict[str, set[str]] = {}
    for table, privilege in rows:
        found.setdefault(table, set()).add(privilege)
    # Those of verifications: test_verification_roles.py.
    assert {table: rights for table, rights in found.items() if table in _QUEUE_TABLES} == EXPECTED[role]
    columns = await sql(
        "select column_name, has_column_privilege(%s, 'proofing.job', column_name, 'select')"
        " from information_schema.columns where table_schema = 'proofing' and table_name = 'job'",
        role,
    )
    assert {name for name, readable in columns if not readable} == HIDDEN[role]
    written = await sql(
        "select column_name from information_schema.columns where table_schema = 'proofing'"
        " and table_name = 'job_done'"
        " and has_column_privilege(%s, 'proofing.job_done', column_name, 'insert')",
        role,
    )
    if role != "proofing_worker":
        assert {name for (name,) in written} == (BARRED if role == "proofing_web" else set())
    functions = await sql(
        "select proname, has_function_privilege(%s, oid, 'execute'), has_function_privilege('public', oid,"
        " 'execute') from pg_proc where pronamespace = 'proofing'::regnamespace",
        role,
    )
    assert functions == [("wake", role == "proofing_web", False)]
    tables = {
        row[0]
        for row in await sql(
            "select relname from pg_class c join pg_namespace n on n.oid ="
            " c.relnamespace where nspname = 'proofing' and relkind = 'r'"
        )
    }
    assert tables == _TABLES, "a new table needs its rights in a test of roles and in roles.sql"


async def test_web_wakes_and_the_worker_reads(roles: str) -> None:
    """A note goes through a right to add, with nothing of what is there coming back."""
    web = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, "proofing_web")}))
    worker = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, "proofing_worker")}))
    message, stop = make_message(), asyncio.Event()

    async def body(job: ClaimedJob) -> Parked | None:
        return None if job.message.notes else make_parked()

    handler = RecordingHandler(body)
    await web.open()
    working = asyncio.create_task(
        worker.work(handler, slots={message.queue_name: 5}, stop=stop, drain_seconds=1)
    )
    try:
        await web.enqueue([message])
        await eventually(lambda: web.jobs(state=JobState.PARKED))
        assert await web.wake(message.result_id, b"note") is Wake.KEPT
        await handler.until_ended(message)
    finally:
        stop.set()
        await working
        await web.close()
        await worker.close()
    assert handler.started[-1].message.notes == (b"note",)


@pytest.mark.parametrize("role", ["proofing_web", "proofing_worker", "proofing_viewer", "proofing_operator"])
async def test_every_role_counts_parked_jobs(roles: str, role: str) -> None:
    """As `proofing check` and the metrics do."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, role)}))
    try:
        assert await queue.parked_by_vendor() == {}
        assert (await queue.stats()).parked == {}
    finally:
        await queue.close()


@pytest.mark.parametrize("role", ["proofing_viewer", "proofing_operator"])
async def test_others_wake_nobody(roles: str, role: str) -> None:
    """Who looks or operates cannot add to a job."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, role)}))
    message = make_message()
    await queue.open()
    try:
        with pytest.raises(QueueUnavailableError):
            await queue.wake(message.result_id, b"note")
    finally:
        await queue.close()


async def test_nobody_loses_a_right_while_they_are_granted_again(roles: str, server: PostgresServer) -> None:
    """An upgrade runs the file by psql while web processes work: statement by statement, as `-f` does."""
    if not server.is_ours:
        pytest.skip("psql of a foreign server is not here")
    text = files("proofing_postgres").joinpath("roles.sql").read_text(encoding="utf-8")
    over = asyncio.Event()
    refused: list[str] = []

    async def poll() -> int:
        asked = 0
        async with await AsyncConnection.connect(as_role(roles, "proofing_web"), autocommit=True) as web:
            while not over.is_set():
                try:
                    await web.execute(
                        "select count(state), (select count(*) from proofing.worker) from proofing.job"
                    )
                except psycopg.errors.InsufficientPrivilege as error:
                    refused.append(str(error))
                asked += 1
        return asked

    polling = asyncio.create_task(poll())
    try:
        for _ in range(10):
            await asyncio.to_thread(server.run_sql, text, urlsplit(roles).path.lstrip("/"))
    finally:
        over.set()
    assert await polling > 10
    assert refused == []


async def test_each_role_does_its_work(roles: str) -> None:
    """Web enqueues and cancels, the worker works, both with nothing but their own rights."""
    web = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, "proofing_web")}))
    worker = PostgresQueue(PostgresSettings.model_validate({"dsn": as_role(roles, "proofing_worker")}))
    handler = RecordingHandler()
    done, canceled = make_message(), make_message(delay_seconds=60)
    stop = asyncio.Event()
    await web.open()
    working = asyncio.create_task(
        worker.work(handler, slots={kind.queue_name: 5 for kind in JobKind}, stop=stop, drain_seconds=1)
    )
    try:
        assert await web.enqueue([done, canceled]) == 2
        assert await web.enqueue([make_message(unique_key="k")]) == 1
        assert await web.enqueue([make_message(unique_key="k")]) in {0, 1}
        assert await web.cancel(canceled.result_id)
        await handler.until_ended(done, canceled)
        assert (await web.stats()).workers == 1
        await web.purge_owner("nobody")
    finally:
        stop.set()
        await working
        await web.close()
        await worker.close()
    assert handler.end(done.result_id) is EndState.DONE
    assert handler.end(canceled.result_id) is EndState.CANCELED


@pytest.mark.parametrize("role", ["proofing_web", "proofing_viewer", "proofing_operator"])
async def test_arguments_cannot_be_read(roles: str, role: str, server: PostgresServer) -> None:
    """Neither the column nor the whole row opens to those who only look."""
    async with await AsyncConnection.connect(as_role(roles, role), autocommit=True) as connection:
        for statement in (
            "select payload from proofing.job",
            "select * from proofing.job",
            "select j::text from proofing.job j",
            "update proofing.job set state = encode(payload, 'hex')",
            "delete from proofing.job returning payload",
            "select notes from proofing.job",
            "update proofing.job set notes = notes || 'x'::bytea",
            "update proofing.job set state = encode(notes[1], 'hex')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
