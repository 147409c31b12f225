"""The history stays cheap: pruning reads what it deletes, however often its pages were used before."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import AsyncConnection

from proofing_postgres.connections import PLAN_SETTINGS
from proofing_postgres.queries import query
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.upkeep import PRUNE_BATCH, Upkeep

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]

_DAY = 86_400
_ROWS = 4_000


async def fill(sql: SQL, days_ago: float) -> None:
    """Add one day's ends, in the order of their time, as workers write them."""
    await sql(
        "insert into proofing.job_done (id, enqueued_at, started_at, ended_at, attempts, crashes, end_state,"
        " queue, kind, trace_id, final_status)"
        " select gen_random_uuid(), t, t, t, 1, 0, 'done', 'q', 'resolution',"
        " repeat('t', 32), repeat('v', 300) from (select now() - make_interval(secs => %s) +"
        " make_interval(secs => n * 86400.0 / %s) as t from generate_series(0, %s - 1) n) as s",
        days_ago * _DAY,
        _ROWS,
        _ROWS,
    )


async def buffers(dsn: str, name: str, parameters: dict[str, Any]) -> int:
    """Return how many pages the statement *name* touches, with the plans of a worker."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for setting, value in PLAN_SETTINGS.items():
            await connection.execute("select set_config(%s, %s, false)", (setting, value))
        # The first run in a session reads the catalog, too.
        for _ in range(2):
            async with connection.transaction(force_rollback=True):
                cursor = await connection.execute(
                    f"explain (analyze, buffers, format json) {query(name)}", parameters
                )
                ((plan,),) = await cursor.fetchall()
        root = plan[0]["Plan"]
        return int(root["Shared Hit Blocks"] + root["Shared Read Blocks"])


@pytest.mark.parametrize("is_vacuumed", [True, False])
async def test_pruning_stays_bounded_over_many_cycles(
    make_queue: Maker, sql: SQL, dsn: str, is_vacuumed: bool
) -> None:
    """Rows of many days come to share pages, and a batch still costs what its own rows cost."""
    make_queue()
    await sql("alter table proofing.job_done set (autovacuum_enabled = off)")
    found = []
    for today in range(2, 17, 3):
        for day in range(today - 2, today + 1):
            await fill(sql, 40 - day)
        # As two days after the last one's beginning: a day and a half remain.
        kept_days = 40 - today + 0.5
        batch = {"seconds": kept_days * _DAY, "limit": PRUNE_BATCH}
        most = await buffers(dsn, "prune", batch)
        settings = PostgresSettings.model_validate({"dsn": dsn, "history_days": kept_days})
        upkeep = Upkeep(settings)
        await upkeep.prune()
        await upkeep.close()
        if is_vacuumed:
            await sql("vacuum proofing.job_done")
        found.append((most, await buffers(dsn, "prune", batch)))
        ((left, wrong),) = await sql(
            "select count(*), count(*) filter (where ended_at < now() - make_interval(secs => %s))"
            " from proofing.job_done",
            kept_days * _DAY,
        )
        assert wrong == 0
        assert left <= 3 * _ROWS
    # The first batch of a cycle deletes rows, at some pages each; the last finds nothing to delete.
    assert max(most for most, _nothing in found) < 4 * PRUNE_BATCH, found
    assert max(nothing for _most, nothing in found) < 60, found


async def test_only_one_worker_prunes(make_queue: Maker, sql: SQL, dsn: str) -> None:
    """A worker that finds another one pruning leaves it to that one."""
    make_queue()
    await fill(sql, 40)
    upkeep = Upkeep(PostgresSettings.model_validate({"dsn": dsn}))
    async with await AsyncConnection.connect(dsn) as other:
        await other.execute(query("take_turn"), {"chore": "prune"})
        assert await upkeep.prune() == 0
    assert await upkeep.prune() == _ROWS
    assert await upkeep.prune() == 0
    await upkeep.close()


async def test_the_age_of_the_oldest_end_is_shown(make_queue: Maker, sql: SQL) -> None:
    """So that an operator sees when pruning does not keep up; an empty history has none."""
    queue = make_queue()
    assert (await queue.stats()).details["oldest_end_seconds"] == 0
    await fill(sql, 3)
    assert 3 * _DAY <= (await queue.stats()).details["oldest_end_seconds"] < 3 * _DAY + 600
