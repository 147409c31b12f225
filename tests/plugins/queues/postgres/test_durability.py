"""`check` warns of settings by which PostgreSQL may lose a job that was accepted."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proofing_devtools.postgres import running_postgres
from proofing_postgres.durability import find_losses
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]


@pytest.mark.parametrize(
    ("replication", "commit", "standbys", "fsync", "named"),
    [
        ("standby", "on", "any 1 (a, b)", "on", []),
        ("standby", "remote_apply", "*", "on", []),
        ("standby", "on", "", "on", ["no synchronous standby"]),
        ("standby", "on", "  ", "on", ["no synchronous standby"]),
        ("standby", "local", "*", "on", ["synchronous_commit is local"]),
        ("standby", "remote_write", "*", "on", ["synchronous_commit is remote_write"]),
        ("standby", "off", "*", "on", ["synchronous_commit is off"]),
        (
            "standby",
            "off",
            "",
            "off",
            ["fsync is off", "synchronous_commit is off", "no synchronous standby"],
        ),
        ("managed", "on", "", "on", []),
        ("managed", "local", "", "on", []),
        ("managed", "off", "", "on", ["synchronous_commit is off"]),
        ("none", "on", "", "on", []),
        ("none", "on", "", "off", ["fsync is off"]),
    ],
)
def test_every_way_to_lose_a_job_is_named(
    replication: Any, commit: str, standbys: str, fsync: str, named: list[str]
) -> None:
    """By accident, one sentence each; what the operator declared is believed."""
    found = find_losses(replication, commit, standbys, fsync)
    assert len(found) == len(named)
    assert all(part in sentence for part, sentence in zip(named, found, strict=True))


async def test_check_reads_the_server(make_queue: Maker, sql: SQL) -> None:
    """As it is for our login: a setting of the database counts, too."""
    with running_postgres(durable=True) as server:
        dsn = server.new_database()
        await PostgresQueue(PostgresSettings.model_validate({"dsn": dsn})).migrate()

        async def check(**settings: Any) -> str:
            queue = make_queue(dsn=dsn, **settings)
            return "\n".join(await queue.check())

        assert "no synchronous standby" in await check()
        assert "synchronous" not in await check(replication="managed")
        await asyncio.to_thread(server.run_sql, "alter role postgres set synchronous_commit = off")
        assert "synchronous_commit is off" in await check(replication="none")
        store = PostgresVerificationStore(PostgresSettings.model_validate({"dsn": dsn}))
        await store.open()
        try:
            found = "\n".join(await store.check())
        finally:
            await store.close()
        assert "may lose recorded verifications" in found, "whatever the queue is"
        assert "no synchronous standby" in found
        for replication, risks in (("none", 1), ("standby", 2)):
            stats = await make_queue(dsn=dsn, replication=replication).stats()
            assert stats.details["durability_risks"] == risks  # the alarm jobs-at-risk
    queue = make_queue()
    assert "fsync is off" in "\n".join(await queue.check())
