"""Both call stores: what the records of a job cost, and the sums of a month: ``python -m bench.calls``.

Jobs end one at a time, and 200 side by side through the recorder of a worker; each has three calls and three
decisions. PostgreSQL and SQLite sync every commit to this machine's disk. A month has a million calls, in
PostgreSQL alone (``--calls`` for fewer).
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from psycopg import AsyncConnection

from bench.report import Row, quantile, report
from proofing.contracts.call_records import CallStore, CostGroup
from proofing.jobs.recording import CallRecorder
from proofing.testing.call_basis import DECEMBER, NOVEMBER, make_call, make_decision
from proofing_devtools.postgres import running_postgres
from proofing_local.calls.store import LocalCallStore
from proofing_local.settings import LocalSettings
from proofing_postgres.calls.store import PostgresCallStore
from proofing_postgres.settings import PostgresSettings

_EACH = 3
_SIDE_BY_SIDE = 200
_FILL = """
insert into proofing.call_record
select %(begin)s + n * 2592000.0 / %(count)s, 0.45, n %% 50 = 0, false, 'call-' || n, 'vendor-' || n %% 8,
    'resolution', 't', 'agency-' || n %% 20, 'passed', 'fraud prevention', 'USD'
from generate_series(0, %(count)s - 1) n
"""


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[tuple[CallStore, str]]:
    """Open one of the two stores on nothing; with its DSN, or ""."""
    if kind == "local":
        store: CallStore = LocalCallStore(LocalSettings(directory=str(folder)))
        await store.open()
        yield store, ""
        await store.close()
        return
    with running_postgres(durable=True) as server:
        dsn = server.new_database()
        store = PostgresCallStore(PostgresSettings.model_validate({"dsn": dsn}))
        await store.migrate()
        await store.open()
        yield store, dsn
        await store.close()


async def add_one_by_one(store: CallStore, jobs: int) -> list[float]:
    """Return the milliseconds of each job's records."""
    found = []
    for _ in range(jobs):
        calls, decisions = [make_call() for _ in range(_EACH)], [make_decision() for _ in range(_EACH)]
        begun_at = time.perf_counter()
        await store.add(calls, decisions)
        found.append((time.perf_counter() - begun_at) * 1000)
    return found


async def add_side_by_side(store: CallStore, jobs: int) -> float:
    """Return how many jobs a second a worker records that runs many at once."""
    recorder = CallRecorder(store)

    async def end_jobs(count: int) -> None:
        for _ in range(count):
            calls, decisions = [make_call() for _ in range(_EACH)], [make_decision() for _ in range(_EACH)]
            await recorder.begin((calls, decisions)).wait()

    begun_at = time.perf_counter()
    await asyncio.gather(*(end_jobs(jobs // _SIDE_BY_SIDE) for _ in range(_SIDE_BY_SIDE)))
    return jobs / (time.perf_counter() - begun_at)


async def sum_month(store: CallStore, dsn: str, calls: int) -> float:
    """Return the seconds of the sums of a month with so many *calls*."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(_FILL, {"begin": NOVEMBER, "count": calls})
        await connection.execute("analyze proofing.call_record")
    begun_at = time.perf_counter()
    lines = await store.costs(begin=NOVEMBER, end=DECEMBER, by=CostGroup.VENDOR)
    seconds = time.perf_counter() - begun_at
    assert sum(line.calls for line in lines) >= calls
    return seconds


async def measure(jobs: int, calls: int, runs: int) -> list[Row]:
    """Measure both stores."""
    rows = []
    for kind in ("local", "postgres"):
        with tempfile.TemporaryDirectory() as folder:
            async with opened(kind, Path(folder)) as (store, dsn):
                each = [quantile(await add_one_by_one(store, jobs), 0.5) for _ in range(runs)]
                rows.append(
                    Row(
                        measure=f"{kind}: records of one job, median",
                        unit="ms",
                        ours=statistics.median(each),
                        runs=each,
                    )
                )
                rates = [await add_side_by_side(store, jobs * 10) for _ in range(runs)]
                rows.append(
                    Row(
                        measure=f"{kind}: jobs recorded, {_SIDE_BY_SIDE} side by side",
                        unit="a second",
                        ours=statistics.median(rates),
                        runs=rates,
                    )
                )
                if dsn:
                    seconds = await sum_month(store, dsn, calls)
                    rows.append(
                        Row(measure=f"{kind}: sums of a month of {calls:,} calls", unit="s", ours=seconds)
                    )
    return rows


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    report("calls", asyncio.run(measure(options.jobs, options.calls, options.runs)))


if __name__ == "__main__":
    main()
