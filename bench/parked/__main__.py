"""The postgres queue with 100,000 parked jobs, alongside one without any, on one durable PostgreSQL.

``python -m bench.parked [--jobs N] [--runs N] [--calls N]`` from the root of the repository. Both databases
take turns, call by call, so that a busy moment of the machine hits both; what counts is the ratio.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import yaml

from bench.report import Row, quantile, report
from proofing import bootstrap
from proofing.contracts.queues import ClaimedJob, JobMessage
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import ProoferKind
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.queue_handlers import make_message, make_record
from proofing.testing.waiting import eventually
from proofing_devtools.later_vendors import YES, Later, pending, put_in_place, submit
from proofing_devtools.postgres import running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

_QUEUE = JobKind.RESOLUTION.queue_name
#: Between two calls, so that the worker is idle again.
_PAUSE_SECONDS = 0.015
_DRAINED = 20_000
#: Vendors that parked jobs wait for.
_VENDORS = 5
_PARK = (
    "insert into proofing.job (id, owner, state, waits_for, run_at, due_at, expires_at, payload, {0})"
    " select gen_random_uuid(), md5(n::text), 'scheduled', 'acme:' || n %% %s, at, at, at + interval '300 s',"
    " %s::bytea, {0}"
    " from (select {0} from proofing.job limit 1) j,"
    " (select n, now() + make_interval(hours => 1, secs => n * 0.1) as at from generate_series(1, %s) n) t"
)
_OTHERS = (
    "select string_agg(quote_ident(column_name), ', ') from information_schema.columns"
    " where table_schema = 'proofing' and table_name = 'job' and column_name <> all(array["
    "'id', 'owner', 'state', 'waits_for', 'run_at', 'due_at', 'expires_at', 'payload'])"
)


class Beginnings:
    """Ends every job at once, and remembers when it began.

    Attributes:
        at: the moments, by result id.
    """

    def __init__(self) -> None:
        """Nothing has begun."""
        self.at: dict[str, float] = {}
        self._wanted = 0
        self._reached = asyncio.Event()

    async def run(self, job: ClaimedJob) -> StatusRecord:
        """Note the moment."""
        self.at[job.message.result_id] = time.perf_counter()
        if len(self.at) >= self._wanted:
            self._reached.set()
        return make_record(job.message, EndState.DONE)

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Say so: every number would be wrong."""
        raise RuntimeError(f"{message!r} was discarded: {end}")

    async def until(self, count: int) -> None:
        """Wait until *count* jobs have begun."""
        self._wanted = count
        if len(self.at) < count:
            self._reached.clear()
            await self._reached.wait()


def make_queue(dsn: str) -> PostgresQueue:
    """Return a queue that waits for slow statements."""
    settings = {"dsn": dsn, "timeout_seconds": 120.0, "statement_seconds": 120.0}
    return PostgresQueue(PostgresSettings.model_validate(settings))


@asynccontextmanager
async def working(dsn: str, slots: int) -> AsyncIterator[Beginnings]:
    """Let a worker work that has woken up."""
    queue, handler, stop = make_queue(dsn), Beginnings(), asyncio.Event()
    await queue.open()
    task = asyncio.create_task(queue.work(handler, slots={_QUEUE: slots}, stop=stop, drain_seconds=30))
    await eventually(lambda: queue.session is not None and queue.session.is_listening)
    try:
        yield handler
    finally:
        stop.set()
        await task
        await queue.close()


async def fill(dsn: str, jobs: int, payload: bytes) -> None:
    """Make the tables, and have *jobs* parked with *payload*."""
    queue = make_queue(dsn)
    await queue.migrate()
    await queue.enqueue([make_message()])
    await queue.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        (columns,) = connection.execute(_OTHERS).fetchone() or ("",)
        if jobs:
            connection.execute(_PARK.format(columns), (_VENDORS, payload, jobs))
        connection.execute("delete from proofing.job where state = 'ready'")
        connection.execute("vacuum analyze proofing.job")


async def pick_up(dsns: Mapping[str, str], count: int) -> dict[str, list[float]]:
    """Return the milliseconds from each call that enqueues to the first line of its job, by database."""
    found: dict[str, list[float]] = {name: [] for name in dsns}
    async with AsyncExitStack() as stack:
        queues = {name: make_queue(dsn) for name, dsn in dsns.items()}
        began = {name: await stack.enter_async_context(working(dsn, 20)) for name, dsn in dsns.items()}
        for number in range(count):
            for name in dsns:
                message = make_message()
                called_at = time.perf_counter()
                await queues[name].enqueue([message])
                await began[name].until(number + 1)
                found[name].append((began[name].at[message.result_id] - called_at) * 1000)
                await asyncio.sleep(_PAUSE_SECONDS)
    for queue in queues.values():
        await queue.close()
    return found


async def wake(dsn: str, count: int) -> list[float]:
    """Return how many milliseconds pass from each wake of a parked job to the first line of its run."""
    queue = make_queue(dsn)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "select id::text from proofing.job where state = 'scheduled' and queue = %s"
            " order by md5(id::text) limit %s",
            (_QUEUE, count),
        ).fetchall()
    called = {}
    async with working(dsn, 20) as began:
        for number, (result_id,) in enumerate(rows):
            called[result_id] = time.perf_counter()
            await queue.wake(result_id, b"n" * 500)
            await began.until(number + 1)
            await asyncio.sleep(_PAUSE_SECONDS)
    await queue.close()
    return [(began.at[one] - at) * 1000 for one, at in called.items()]


async def drain(dsn: str, count: int) -> float:
    """Return how many waiting jobs a worker ends in a second."""
    queue = make_queue(dsn)
    for _ in range(count // 1000):
        await queue.enqueue([make_message() for _ in range(1000)])
    await queue.close()
    handler, stop = Beginnings(), asyncio.Event()
    worker = make_queue(dsn)
    begun_at = time.perf_counter()
    task = asyncio.create_task(worker.work(handler, slots={_QUEUE: 1000}, stop=stop, drain_seconds=30))
    await handler.until(count // 1000 * 1000)
    seconds = time.perf_counter() - begun_at
    stop.set()
    await task
    await worker.close()
    return count / seconds


async def asked(dsn: str, name: str) -> float:
    """Return how many milliseconds one call of a queue's method takes, once it is connected."""
    queue = make_queue(dsn)
    call: Callable[[], Awaitable[object]] = getattr(queue, name)
    await call()
    begun_at = time.perf_counter()
    await call()
    milliseconds = (time.perf_counter() - begun_at) * 1000
    await queue.close()
    return milliseconds


async def sealed_payload() -> bytes:
    """Return what a job is parked with: a whole applicant, three answers, and 1 KiB of its adapter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.yaml"
        values = {
            "plugins": ["huey", "local", "mock"],
            "huey": {"path": f"{folder}/huey.db"},
            "local": {"directory": f"{folder}/local"},
            "device_profiling_enabled": True,
            "phone_precheck_enabled": True,
        }
        path.write_text(yaml.safe_dump({"default": values}))
        configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"}, role="run")
        queue = MemoryQueue()
        backends = bootstrap.make_backends(configuration, "run", queue=queue)
        async with bootstrap.start(configuration, "run", backends) as started:
            running = SimpleNamespace(runtime=started, service=started.service)
            later = pending(state={"token": "x" * 1024})
            answers = {ProoferKind.STATE_ID: later}
            for kind in (ProoferKind.DEVICE, ProoferKind.RESOLUTION, ProoferKind.PHONE, ProoferKind.STATE_ID):
                put_in_place(running, kind, Later(answers.get(kind, YES[kind])))
            await submit(running, JobKind.RESOLUTION)
            await queue.drain(started.runner)
            ((message, _seconds),) = queue.parked
            return message.encrypted_arguments


async def measure(dsns: Mapping[str, str], jobs: int, runs: int, calls: int) -> list[Row]:
    """Return all rows of the table; *dsns* are those with parked jobs and without."""
    payload = await sealed_payload()
    await fill(dsns["parked"], jobs, payload)
    await fill(dsns["none"], 0, payload)
    delays: dict[str, list[list[float]]] = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    stats: dict[str, list[float]] = defaultdict(list)
    counts: list[float] = []
    wakes: list[list[float]] = []
    for number in range(runs):
        for name, found_delays in (await pick_up(dsns, calls)).items():
            delays[name].append(found_delays)
        # The one that begins changes, so that neither always has the warmer machine.
        for name in (*dsns,)[:: 1 if number % 2 else -1]:
            rates[name].append(await drain(dsns[name], _DRAINED))
            stats[name].append(await asked(dsns[name], "stats"))
        counts.append(await asked(dsns["parked"], "parked_by_vendor"))
        wakes.append(await wake(dsns["parked"], calls))
    label = f"{jobs:,} parked"
    rows = []
    for share, words in ((0.5, "p50"), (0.99, "p99")):
        found = {name: [quantile(run, share) for run in delays[name]] for name in dsns}
        rows.append(_row(f"pick-up from idle, {words}, {label}", "ms", found, "<= 1.1 x none parked"))
    rows.append(_row(f"durable no-op drain, {label}", "jobs/s", rates, ">= 0.9 x none parked"))
    for share, words, limit in ((0.5, "p50", "<= 5"), (0.99, "p99", "")):
        found_wakes = [quantile(run, share) for run in wakes]
        rows.append(_row(f"wake to running, {words}, {label}", "ms", {"parked": found_wakes}, limit))
    rows.append(_row(f"stats, {label}", "ms", stats, "<= 100"))
    rows.append(_row(f"parked jobs by vendor, {label}", "ms", {"parked": counts}, "<= 2,500"))
    size = float(len(payload))
    limit = "<= 8,192"
    rows.append(
        Row(measure="parked payload, 1 KiB of state and three answers", unit="B", ours=size, limit=limit)
    )
    return rows


def _row(measure: str, unit: str, found: Mapping[str, Sequence[float]], limit: str) -> Row:
    """Return the medians of runs, those without parked jobs alongside the others."""
    ours = found["parked"]
    peers = {"none parked": statistics.median(found["none"])} if "none" in found else {}
    return Row(
        measure=measure, unit=unit, ours=statistics.median(ours), peers=peers, limit=limit, runs=tuple(ours)
    )


def main() -> None:
    """Measure, print one table, write ``bench/results/parked.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.parked", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100_000, help="parked jobs (default %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of each side (default %(default)s)")
    parser.add_argument("--calls", type=int, default=300, help="of each kind in a run (default %(default)s)")
    options = parser.parse_args()
    with running_postgres(durable=True) as server:
        dsns = {"parked": server.new_database(), "none": server.new_database()}
        rows = asyncio.run(measure(dsns, options.jobs, options.runs, options.calls))
    report("parked", rows)


if __name__ == "__main__":
    main()
