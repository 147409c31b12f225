"""Counts, erasures, lists and prunings of the postgres queue with a long backlog that no vacuum has seen.

``python -m bench.backlog [--jobs N] [--ends N]`` from the root of the repository.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import psycopg

from bench.report import Row, report
from proofing.testing.queues import make_message
from proofing_devtools.postgres import running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.upkeep import Upkeep

_RUNS = 3
_OWNER = "person-to-erase"
#: As long as the sealed arguments of a person's attributes.
_PAYLOAD = b"x" * 700
_COPY = (
    "insert into proofing.job (id, owner, expires_at, {0}) select gen_random_uuid(), md5(n::text),"
    " now() + interval '1 h', {0} from (select * from proofing.job limit 1) j, generate_series(1, %s) n"
)
_COLUMNS = (
    "select string_agg(quote_ident(column_name), ', ') from information_schema.columns"
    " where table_schema = 'proofing' and table_name = 'job'"
    " and column_name not in ('id', 'owner', 'expires_at')"
)
_ENDS = (
    "insert into proofing.job_done (id, enqueued_at, started_at, ended_at, attempts, crashes, end_state,"
    " queue, kind, trace_id, final_status)"
    " select gen_random_uuid(), t, t, t, 1, 0, 'done', 'q', 'resolution',"
    " repeat('t', 32), repeat('v', 300) from (select now() - make_interval(days => %s)"
    " + make_interval(secs => n * 604800.0 / %s) as t from generate_series(0, %s - 1) n) as s"
)


async def measure(dsn: str, jobs: int, ends: int) -> list[Row]:
    """Return all rows of the table."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
    await queue.migrate()
    await queue.enqueue([make_message(encrypted_arguments=_PAYLOAD)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("alter table proofing.job set (autovacuum_enabled = off)")
        columns = connection.execute(_COLUMNS).fetchone()
        connection.execute(_COPY.format(columns[0] if columns else ""), (jobs,))
        await queue.enqueue([make_message(owner=_OWNER)])
        rows = [
            await _timed(f"stats, {jobs:,} jobs wait", queue.stats),
            await _timed(f"erasure of a person, {jobs:,} jobs wait", lambda: queue.purge_owner(_OWNER)),
            await _timed(f"list of 100, {jobs:,} jobs wait", queue.jobs),
        ]
        upkeep = Upkeep(queue.settings)
        # Two weeks, one after the other: the second one lies on pages that the first one has left.
        for days in (15, 8):
            connection.execute(_ENDS, (days, ends, ends))
            begun_at = time.perf_counter()
            pruned = await upkeep.prune()
            seconds = time.perf_counter() - begun_at
            connection.execute("vacuum proofing.job_done")
        rows.append(Row(measure="pruning, pages used before", unit="ends/s", ours=pruned / seconds))
        rows.append(await _timed("pruning with nothing to prune, pages used before", upkeep.prune))
        await upkeep.close()
    await queue.close()
    return rows


async def _timed(measure: str, call: Callable[[], Awaitable[object]]) -> Row:
    """Return the median time of *call*, after one to connect."""
    await call()
    runs = []
    for _ in range(_RUNS):
        begun_at = time.perf_counter()
        await call()
        runs.append((time.perf_counter() - begun_at) * 1000)
    limit = "<= 2,500, the limit of a statement"
    return Row(measure=measure, unit="ms", ours=statistics.median(runs), limit=limit, runs=tuple(runs))


def main() -> None:
    """Measure, print one table, write ``bench/results/backlog.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.backlog", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs that wait (default %(default)s)")
    parser.add_argument("--ends", type=int, default=300_000, help="ends of a week (default %(default)s)")
    options = parser.parse_args()
    with running_postgres() as server:
        rows = asyncio.run(measure(server.new_database(), options.jobs, options.ends))
    report("backlog", rows)


if __name__ == "__main__":
    main()
