"""What one whole proofing costs in the production shape: PostgreSQL, Redis, and stand-ins for S3 and KMS.

One web process and one worker; people go all the way through the pages, four at a time. Redis runs behind
a proxy that counts round trips. Processor time is that of the processes themselves, with what they do
alongside, such as looking for lost wake-ups. FLOW_BESIDE names the directory of another checkout, whose web
process and worker are measured in turn with ours; FLOW_RUNS sets how often.
"""

import asyncio
import contextlib
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from bench.flow.counting import CountingProxy
from bench.report import Row, report
from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing.testing.processes import free_port
from proofing_devtools.services import Services, running_services
from proofing_devtools.shape import ProductionShape

RUNS = int(os.environ.get("FLOW_RUNS", "3"))
BESIDE_US = os.environ.get("FLOW_BESIDE", "")
#: Source roots of a checkout, for another one than that which is installed.
_ROOTS = ("core", "plugins/vendors", "plugins/queues", "plugins/stores", "server")
PEOPLE = 60
BESIDE = 4
#: Deadline of the stores: a flow that a busy machine makes fail costs something else.
_PATIENCE_SECONDS = 20.0
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")

#: Measure to its unit and the bar, in the order of the table.
MEASURES = {
    "round trips to Redis": ("", "≤ 50"),
    "commands of Redis": ("", ""),
    "web, processor time": ("ms", "aim: ≤ 35"),
    "worker, processor time": ("ms", ""),
    "Redis, processor time": ("ms", ""),
    "PostgreSQL, processor time": ("ms", ""),
    "WAL syncs of PostgreSQL": ("", ""),
}

#: The statistics of the log's syncs moved with PostgreSQL 18.
_SYNCS_SINCE = 180_000
_SYNCS = "select sum(fsyncs) from pg_stat_io where object = 'wal'"
_SYNCS_BEFORE = "select wal_sync from pg_stat_wal"

Reading = dict[str, float]


def main() -> None:
    """Measure and print the table."""
    runs, others = [], []
    for number in range(RUNS):
        runs.append(measure(number))
        if BESIDE_US:
            others.append(measure(number, checkout=BESIDE_US))
    report(
        "flow",
        [
            Row(
                measure=name,
                unit=unit,
                ours=statistics.median(run[name] for run in runs),
                peers={"the other checkout": statistics.median(run[name] for run in others)}
                if others
                else {},
                limit=limit,
                runs=[run[name] for run in runs],
            )
            for name, (unit, limit) in MEASURES.items()
        ],
    )


def measure(number: int, *, checkout: str = "") -> Reading:
    """Return the cost of one flow, from a freshly started product, from this or another *checkout*."""
    with ExitStack() as stack:
        if checkout:
            paths = os.pathsep.join(str(Path(checkout, root)) for root in _ROOTS)
            stack.enter_context(patch.dict(os.environ, {"PYTHONPATH": paths}))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxies: list[CountingProxy] = []

        def front(name: str, port: int) -> int:
            if name != "redis":
                return port
            proxies.append(CountingProxy(port))
            return stack.enter_context(proxies[0].running())

        url = f"http://localhost:{free_port()}"
        services = stack.enter_context(running_services(url, durable=True, front=front))
        shape = stack.enter_context(ProductionShape(directory, services, url, patience(services), workers=1))

        def read() -> Reading:
            return reading(shape, services, proxies[0])

        asyncio.run(walk_all(url, number, "warm", 10))
        before = read()
        asyncio.run(walk_all(url, number, "run", PEOPLE))
        after = read()
        return {name: (after[name] - before[name]) / PEOPLE for name in MEASURES}


def patience(services: Services) -> dict[str, dict[str, Any]]:
    """Return settings by which a busy machine makes no flow fail."""
    given = {name: services.settings.get(name, {}) for name in ("aws", "redis")}
    waits = {"deadline_seconds": _PATIENCE_SECONDS}
    return {
        "aws": {**given["aws"], **waits, "kms_deadline_seconds": _PATIENCE_SECONDS},
        "redis": {**given["redis"], **waits},
    }


def reading(shape: ProductionShape, services: Services, proxy: CountingProxy) -> Reading:
    """Return every counter."""
    assert shape.web is not None
    info = str(services.redis.command("INFO", "stats"))
    commands = next(line.split(":")[1] for line in info.splitlines() if line.startswith("total_commands_p"))
    version = int(services.postgres.run_sql("show server_version_num"))
    syncs = services.postgres.run_sql(_SYNCS if version >= _SYNCS_SINCE else _SYNCS_BEFORE)
    return {
        "round trips to Redis": proxy.round_trips,
        "commands of Redis": float(commands),
        "web, processor time": processor_ms([shape.web.pid]),
        "worker, processor time": processor_ms([worker.pid for worker in shape.workers]),
        "Redis, processor time": processor_ms([services.redis.pid]),
        "PostgreSQL, processor time": processor_ms(family(services.postgres.pid)),
        "WAL syncs of PostgreSQL": float(syncs),
    }


def family(parent: int) -> list[int]:
    """Return *parent* and its children that live."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *(int(child) for child in children)]


def processor_ms(pids: Sequence[int]) -> float:
    """Return the processor time of processes, and of children that they have waited for."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):  # ended since: its parent has its time
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(ticks) for ticks in fields[11:15]) * _TICK_MS
    return total


async def walk_all(url: str, number: int, name: str, count: int, *, alongside: int = BESIDE) -> None:
    """Let *count* people go their way, *alongside* at a time."""
    turns = asyncio.Semaphore(alongside)

    async def walk(person: int) -> None:
        documents = {
            side: (make_jpeg(comment=f"{number}/{name}/{person}/{side}".encode()), "image/jpeg")
            for side in (Side.FRONT, Side.BACK)
        }
        async with (
            turns,
            httpx.AsyncClient(
                base_url=url, headers={"origin": url}, follow_redirects=True, timeout=60, trust_env=False
            ) as client,
        ):
            outcome = await Walk(client, Answers(documents=documents)).run()
        assert outcome["passed"], outcome

    await asyncio.gather(*(walk(person) for person in range(count)))


if __name__ == "__main__":
    main()
