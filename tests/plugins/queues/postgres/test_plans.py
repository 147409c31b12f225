"""The statements of the hot path use the same index at any size of the table, whatever the statistics say."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from psycopg import AsyncConnection

from proofing.testing.queues import make_message
from proofing_postgres.connections import PLAN_SETTINGS, STATEMENT_SETTINGS
from proofing_postgres.queries import query
from proofing_postgres.queue import PostgresQueue

_ID = "00000000-0000-4000-8000-000000000000"
_CLAIM = {"worker": "1", "grace": 20.0, "limit": 500, "queue": "high_resolution_proofing"}
_BATCH = {"ids": _ID, "leases": "1", "worker": "1"}
_READY = {"job_ready", "paused_queue_pkey"}
_QUEUES = {"queues": "{high_resolution_proofing}", "all_queues": "{high_resolution_proofing}"}
_PRUNED = {"job_done_ended_at", "tally_pkey"}
#: Statement to its parameters, the indexes that it uses, and the columns by which it looks into them.
EXPECTED: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "claim": ({**_CLAIM, "since": 0.0}, _READY, {"queue", "run_at"}),
    "claim_any": (_CLAIM, _READY, {"queue"}),
    "complete": ({**_BATCH, "ends": "done", "final_statuses": "{}"}, {"job_pkey"}, {"id"}),
    "checkpoint": (
        {**_BATCH, "vendors": "mock", "questions": "1", "answers": "{x}"},
        {"job_pkey", "job_done_pkey"},
        {"id"},
    ),
    "hand_back": ({**_BATCH, "ends": "-"}, {"job_pkey"}, {"id"}),
    "park": (
        {
            "ids": f"{{{_ID}}}",
            "leases": "{1}",
            "vendors": "{mock}",
            "run_in": "{1}",
            "payloads": "{x}",
            "read": "{0}",
            "worker": "1",
        },
        {"job_pkey"},
        {"id"},
    ),
    "still_owned": (_BATCH, {"job_pkey", "job_done_pkey"}, {"id"}),
    "owned": ({"worker": "1"}, {"job_executing"}, {"worker"}),
    "inspect": (
        {**_QUEUES, "worker": "1"},
        {
            "job_ready",
            "job_due",
            "job_expiry",
            "job_executing",
            "job_ending",
            "worker_pkey",
            "paused_queue_pkey",
        },
        {"queue", "expires_at", "worker", "id", "name"},
    ),
    "promote": ({}, {"job_due"}, {"run_at"}),
    "expire": (_QUEUES, {"job_expiry", "paused_queue_pkey"}, {"queue", "expires_at"}),
    "overdue": ({}, {"job_executing"}, set()),
    "rescue": (
        {"dead": "{1}", "max_crashes": 2},
        {"job_executing", "worker_pkey", "paused_queue_pkey"},
        {"id"},
    ),
    "claim_endings": ({"worker": "1", "grace": 20.0, "limit": 100}, {"job_ending"}, set()),
    "prune": ({"seconds": 604800, "limit": 5000}, _PRUNED, {"ended_at"}),
    "shift": (
        {"queue": "high_resolution_proofing", "after": _ID, "limit": 2000},
        {"job_pkey", "paused_queue_pkey"},
        {"id"},
    ),
    # These are asked by web processes too, whose planner is free but for STATEMENT_SETTINGS.
    "oldest_end": ({}, _PRUNED, {"ended_at"}),
    "queue_depth": (
        {**_QUEUES, "most": 10_000},
        {"job_ready", "job_ending", "job_due", "job_executing"},
        {"queue"},
    ),
    "purge_waiting": ({"owner": "x"}, {"job_waiting_owner"}, {"owner"}),
    "stop_running": ({"owner": "x"}, {"job_executing"}, set()),
}


async def plans(dsn: str) -> dict[str, list[str]]:
    """Return, for each statement, the lines of its generic plan."""
    found = {}
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for name, (parameters, _indexes, _columns) in EXPECTED.items():
            await connection.execute("reset all")
            given = STATEMENT_SETTINGS.get(name, PLAN_SETTINGS)
            for setting, value in {**given, "plan_cache_mode": "force_generic_plan"}.items():
                await connection.execute("select set_config(%s, %s, false)", (setting, value))
            text = query(name)
            names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
            for place, parameter in enumerate(names, 1):
                text = text.replace(f"%({parameter})s", f"${place}")
            await connection.execute(f"prepare s_{name} as {text}")
            values = ", ".join(f"'{parameters[parameter]}'" for parameter in names)
            call = f"execute s_{name}({values})" if names else f"execute s_{name}"
            cursor = await connection.execute(f"explain (costs off) {call}")
            found[name] = [row[0].strip() for row in await cursor.fetchall()]
    return found


@pytest.mark.parametrize("analyzed", [False, True])
async def test_plans_do_not_change_with_size(
    make_queue: Callable[..., PostgresQueue], sql: Callable[..., Any], dsn: str, analyzed: bool
) -> None:
    """The same plan at 0, 1,000 and 100,000 rows, with statistics that are fresh, and with stale ones."""
    queue = make_queue(timeout_seconds=60, statement_seconds=60)
    await sql("alter table proofing.job set (autovacuum_enabled = off)")
    seen = []
    for count in (0, 1_000, 99_000):
        if count:
            await queue.enqueue([make_message(encrypted_arguments=b"x") for _ in range(1000)])
            ((columns,),) = await sql(
                "select string_agg(quote_ident(column_name), ', ') from information_schema.columns"
                " where table_schema = 'proofing' and table_name = 'job' and column_name <> 'id'"
            )
            await sql(
                f"insert into proofing.job (id, {columns}) select gen_random_uuid(), {columns}"  # noqa: S608 - ours
                " from (select * from proofing.job limit 1) j, generate_series(1, %s)",
                count - 1000,
            )
        if analyzed:
            await sql("analyze proofing.job")
        seen.append(await plans(dsn))
    assert seen[0] == seen[1] == seen[2]
    for name, (_parameters, indexes, columns) in EXPECTED.items():
        text = "\n".join(seen[0][name])
        # Workers and paused queues are a handful of rows, which no index knows by their times.
        assert set(re.findall(r"Seq Scan on (\w+)", text)) <= {"worker", "paused_queue"}, f"{name}\n{text}"
        used = set(re.findall(r"using (\w+)|Bitmap Index Scan on (\w+)", text))
        assert {one or other for one, other in used} == indexes, f"{name}\n{text}"
        conditions = "\n".join(re.findall(r"Index Cond: (.*)", text))
        assert {column for column in columns if re.search(rf"\b{column}\b", conditions)} == columns, (
            f"{name}\n{text}"
        )
