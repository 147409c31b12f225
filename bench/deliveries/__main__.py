"""Deliveries of events by a process of their own, how soon one arrives, and what they cost a worker's jobs.

Store, deliverer and endpoints are processes or files of their own on this machine; endpoints answer at once.
Events to 100 endpoints are there before the deliverer starts, so that it is never short of work.
"""

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.report import Row, quantile, report
from proofing import bootstrap
from proofing.bootstrap import Runtime
from proofing.contracts.verifications import EventType, Mode, Step, Terms, VerificationRecord, new_id
from proofing.testing.processes import start_process
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing.verifications.events import make_event
from proofing.verifications.webhook_keys import WebhookKeys
from proofing_devtools.postgres import running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

RUNS = 3
ENDPOINTS = 100
EVENTS = 4000
#: Of one change, so that making them takes no time.
BATCH = 200
SINGLE_EVENTS = 150
JOBS = 600
SECONDS_BETWEEN_JOBS = 0.01
#: Events a second alongside jobs, in the same process.
BESIDE = 50


@contextlib.contextmanager
def endpoints() -> "Iterator[tuple[int, subprocess.Popen[str]]]":
    """Run the endpoints; give their port."""
    command = [sys.executable, "-m", "bench.deliveries.endpoints"]
    process = start_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline()), process
    finally:
        if process.poll() is None:
            process.kill()


def arrivals_of(process: "subprocess.Popen[str]") -> dict[str, float]:
    """End the endpoints, and return when each event came."""
    output, _ = process.communicate("", timeout=60)
    found: dict[str, float] = json.loads(output)
    return found


def environment(directory: Path, port: int, dsn: str | None = None) -> dict[str, str]:
    """Write settings with the endpoints, and return the variables that lead to them.

    Verifications are in the PostgreSQL of *dsn*, or in a file.
    """
    webhooks = {f"e{number}": {"url": f"http://127.0.0.1:{port}/{number}"} for number in range(ENDPOINTS)}
    party = {"display_name": "Agency", "policies": ["phone"], "webhooks": webhooks}
    settings = {
        "local": {"directory": str(directory / "local")},
        "huey": {"path": str(directory / "huey.db")},
        "log_directory": str(directory / "log"),
        "plugins": ["huey", "local", "mock"],
        "policies": {"phone": {"steps": ["phone"]}},
        "relying_parties": {"agency": party},
    }
    if dsn is not None:
        settings |= {"plugins": ["huey", "local", "mock", "postgres"], "verification_store": "postgres"}
        settings["postgres"] = {"dsn": dsn}
    (directory / "settings.yaml").write_text(yaml.safe_dump({"default": settings}))
    others = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    environ = {**others, "PROOFING_ENV": "test", "PROOFING_SETTINGS": str(directory / "settings.yaml")}
    subprocess.run(
        [sys.executable, "-m", "proofing.cli", "migrate"], env=environ, check=True, stdout=subprocess.DEVNULL
    )
    return environ


@contextlib.asynccontextmanager
async def process_of(environ: dict[str, str]) -> AsyncIterator[Runtime]:
    """Start a process's parts here, with keys for all endpoints."""
    configuration = await bootstrap.configure(environ=environ, role="worker")
    async with bootstrap.start(configuration, "worker") as runtime:
        keys = WebhookKeys(runtime.backends.verifications, runtime.parts.sealer)
        if not await runtime.backends.verifications.credentials():
            for number in range(ENDPOINTS):
                await keys.add("agency", Mode.LIVE, f"e{number}")
        yield runtime


async def keep(runtime: Runtime, first: int, count: int) -> list[str]:
    """Keep a verification with *count* events, each for one endpoint; return their ids."""
    now = runtime.backends.verifications.now()
    record = VerificationRecord(
        id=new_id("ver"),
        relying_party="agency",
        mode=Mode.LIVE,
        policy="phone",
        terms=Terms(steps=(Step.PHONE,)),
        person=new_id("person"),
        created_at=now,
        updated_at=now,
        expires_at=now + 3600,
    )
    events = [
        make_event(record, EventType.VERIFIED, now, endpoints=(f"e{(first + number) % ENDPOINTS}",))
        for number in range(count)
    ]
    await runtime.backends.verifications.create(record, sealed={}, events=events)
    return [event.id for event in events]


def deliverer(environ: dict[str, str]) -> "subprocess.Popen[str]":
    """Start a process that delivers."""
    return start_process([sys.executable, "-m", "proofing.cli", "deliveries", "run"], env=environ, text=True)


async def until_idle(runtime: Runtime) -> None:
    """Wait until nothing is due."""

    async def is_idle() -> bool:
        return await runtime.backends.verifications.next_delivery_at() is None

    await eventually(is_idle, within_seconds=300)


async def throughput(dsn: str | None = None) -> dict[str, float]:
    """Deliver a backlog by a process of its own."""
    with tempfile.TemporaryDirectory() as folder, endpoints() as (port, process):
        environ = environment(Path(folder), port, dsn)
        async with process_of(environ) as runtime:
            ids = [one for first in range(0, EVENTS, BATCH) for one in await keep(runtime, first, BATCH)]
            before = cpu_of_children()
            delivering = deliverer(environ)
            await until_idle(runtime)
            delivering.terminate()
            delivering.wait()
            cpu = cpu_of_children() - before
            found = arrivals_of(process)
            assert found.keys() == set(ids)
            took = max(found.values()) - min(found.values())
            return {"rate": EVENTS / took, "cpu": 1000 * cpu / EVENTS}


def cpu_of_children() -> float:
    """Return the CPU seconds of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def latency() -> dict[str, float]:
    """Keep one event after the other while a process of its own delivers."""
    with tempfile.TemporaryDirectory() as folder, endpoints() as (port, process):
        environ = environment(Path(folder), port)
        async with process_of(environ) as runtime:
            delivering = deliverer(environ)
            (warm,) = await keep(runtime, 0, 1)
            await until_idle(runtime)
            began: dict[str, float] = {}
            for number in range(SINGLE_EVENTS):
                at = time.time()
                (event,) = await keep(runtime, number, 1)
                began[event] = at
                await asyncio.sleep(0.037)
            await until_idle(runtime)
            delivering.terminate()
            delivering.wait()
            found = arrivals_of(process)
            del found[warm]
            waits = [1000 * (found[event] - at) for event, at in began.items()]
            return {"p50": quantile(waits, 0.5), "p95": quantile(waits, 0.95)}


async def pickup(dsn: str, *, with_events: bool) -> float:
    """Return the median time in ms from enqueue to start, of jobs of a worker that may deliver as well."""
    with tempfile.TemporaryDirectory() as folder, endpoints() as (port, _process):
        async with process_of(environment(Path(folder), port)) as runtime:
            queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
            sender = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
            stop = asyncio.Event()
            started: dict[str, float] = {}

            async def body(job: Any) -> None:
                started[job.message.result_id] = time.perf_counter()

            await queue.open()
            await sender.open()
            messages = [make_message() for _ in range(JOBS)]
            slots = {messages[0].queue_name: 50}
            tasks = [
                asyncio.create_task(
                    queue.work(RecordingHandler(body), slots=slots, stop=stop, drain_seconds=5)
                ),
                asyncio.create_task(runtime.deliverer.run(stop)),
            ]

            async def events() -> None:
                number = 0
                while with_events:
                    await keep(runtime, number, 1)
                    number += 1
                    await asyncio.sleep(1 / BESIDE)

            tasks.append(making := asyncio.create_task(events()))
            enqueued: dict[str, float] = {}
            for message in messages:
                enqueued[message.result_id] = time.perf_counter()
                await sender.enqueue([message])
                await asyncio.sleep(SECONDS_BETWEEN_JOBS)
            await eventually(lambda: len(started) == JOBS)
            making.cancel()
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            await queue.close()
            await sender.close()
            return statistics.median(1000 * (started[one] - at) for one, at in enqueued.items())


def main() -> None:
    """Measure all, and print the table."""
    in_file = [asyncio.run(throughput()) for _ in range(RUNS)]
    waits = [asyncio.run(latency()) for _ in range(RUNS)]
    alone, alongside = [], []
    with running_postgres(durable=True) as server:
        in_postgres = [asyncio.run(throughput(server.new_database())) for _ in range(RUNS)]
        for _ in range(RUNS):
            for with_events, found in ((False, alone), (True, alongside)):
                dsn = server.new_database()
                asyncio.run(migrated(dsn))
                found.append(asyncio.run(pickup(dsn, with_events=with_events)))
    report(
        "deliveries",
        [
            *(
                Row(
                    measure=f"{what}, {store}",
                    unit=unit,
                    ours=statistics.median(run[key] for run in runs),
                    limit=limit,
                    runs=[run[key] for run in runs],
                )
                for store, runs in (("postgres", in_postgres), ("local", in_file))
                for key, unit, limit, what in (
                    (
                        "rate",
                        "1/s",
                        ">= 1,000",
                        f"deliveries of a process of its own to {ENDPOINTS} endpoints",
                    ),
                    ("cpu", "ms", "", "CPU of that process for one delivery, its start included"),
                )
            ),
            *(
                Row(
                    measure=f"from the change to the endpoint, {share}",
                    unit="ms",
                    ours=statistics.median(one[share] for one in waits),
                    limit=limit,
                    runs=[one[share] for one in waits],
                )
                for share, limit in (("p50", ""), ("p95", "<= 200"))
            ),
            Row(
                measure=f"pick-up of a job while its worker delivers {BESIDE} events a second, p50",
                unit="ms",
                ours=statistics.median(alongside),
                peers={"without events": statistics.median(alone)},
                limit="<= 5 % more",
                runs=alongside,
            ),
        ],
    )


async def migrated(dsn: str) -> None:
    """Make the queue's tables."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
    await queue.migrate()
    await queue.close()


if __name__ == "__main__":
    main()
