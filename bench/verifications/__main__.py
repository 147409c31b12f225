"""Both verification stores: creating, reading, ending a job, polling, claiming and finishing deliveries.

``python -m bench.verifications [--calls N] [--clients N] [--runs N]`` from the root of the repository.
PostgreSQL and SQLite sync every commit to this machine's disk, so a raw synced write is measured alongside.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.report import Row, quantile, report
from proofing.contracts.verification_store import DeliveryState, VerificationStore
from proofing.contracts.verifications import Mode, VerificationRecord, VerificationState
from proofing.testing.verification_basis import (
    PARTY,
    SEALED,
    make_answer,
    make_begun,
    make_end,
    make_event,
    make_verification,
)
from proofing_devtools.postgres import running_postgres
from proofing_local.settings import LocalSettings
from proofing_local.verifications.store import LocalVerificationStore
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.verifications.store import PostgresVerificationStore

_MILLISECONDS = 1000.0
_CLAIM = 100
#: Measure to its bar: the 95th percentile of a call at a time.
_LIMITS = {"create": "<= 15", "get": "<= 5"}
_RATES = {"creates", "deliveries claimed and finished"}

CallT = TypeVar("CallT")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[VerificationStore]:
    """Open one of the two stores on nothing."""
    if kind == "local":
        store: VerificationStore = LocalVerificationStore(LocalSettings(directory=str(folder)))
        await store.open()
        yield store
        await store.close()
        return
    with running_postgres(durable=True) as server:
        settings = {"dsn": server.new_database(), "timeout_seconds": 60.0, "statement_seconds": 60.0}
        store = PostgresVerificationStore(PostgresSettings.model_validate(settings))
        await store.migrate()
        await store.open()
        yield store
        await store.close()


async def create(store: VerificationStore) -> VerificationRecord:
    """Create one verification as the API does: sealed values, an event with a delivery, an answer."""
    record = make_verification()
    await store.create(
        record,
        sealed=SEALED,
        events=[make_event(endpoints=["hook"])],
        idempotency=make_answer(record.id),
    )
    return record


async def finish(store: VerificationStore, record: VerificationRecord) -> VerificationRecord:
    """Begin a job and record its end, with an event."""
    begun = make_begun(record)
    record = record.changed(at=store.now(), state=VerificationState.PROCESSING)
    await store.change(record, begun=begun, events=[make_event(endpoints=["hook"])])
    record = record.changed(at=store.now(), state=VerificationState.VERIFIED)
    await store.change(record, end=make_end(begun), events=[make_event(endpoints=["hook"])])
    return record


async def measure(store: VerificationStore, calls: int, clients: int) -> dict[str, list[float]]:
    """Return the times of single calls in milliseconds, and rates a second, by name."""
    times: dict[str, list[float]] = {}

    async def timed(name: str, call: Callable[[], Awaitable[CallT]]) -> CallT:
        began = time.perf_counter()
        answer = await call()
        times.setdefault(name, []).append((time.perf_counter() - began) * _MILLISECONDS)
        return answer

    for _ in range(calls):
        record = await timed("create", lambda: create(store))
        await timed("get", lambda record=record: store.load(record.id))  # type: ignore[misc]
        await timed("begin and end of a job", lambda record=record: finish(store, record))  # type: ignore[misc]
        await timed("poll 100 events", lambda: store.events(PARTY, Mode.LIVE, after=0, limit=100))
        await timed("page of 20", lambda: store.page(PARTY, Mode.LIVE, limit=20))
    began = time.perf_counter()
    await asyncio.gather(*(_many(store, calls // clients) for _ in range(clients)))
    times["creates"] = [calls // clients * clients / (time.perf_counter() - began)]
    times["deliveries claimed and finished"] = [await deliver(store)]
    return times


async def _many(store: VerificationStore, count: int) -> None:
    for _ in range(count):
        await create(store)


async def deliver(store: VerificationStore) -> float:
    """Claim and finish everything that is due, and return how many deliveries that is a second."""
    began, total = time.perf_counter(), 0
    while claimed := await store.claim_deliveries(limit=_CLAIM, per_endpoint=_CLAIM, lease_seconds=60.0):
        outcomes = [replace(one.delivery, state=DeliveryState.DELIVERED, status=200) for one in claimed]
        await asyncio.gather(*map(store.finish_delivery, claimed, outcomes))
        total += len(claimed)
    return total / (time.perf_counter() - began)


def synced_write(folder: Path, count: int) -> float:
    """Return the median time of a synced write of 4 KiB in milliseconds."""
    times = []
    with (folder / "raw").open("wb") as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * _MILLISECONDS)
    return quantile(times, 0.5)


async def main() -> None:
    """Measure both stores and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in one run")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("postgres", "local"):
            runs, floors = [], []
            async with opened(kind, folder / kind) as store:
                await measure(store, options.clients, options.clients)
                for _ in range(options.runs):
                    floors.append(synced_write(folder, 50))
                    runs.append(await measure(store, options.calls, options.clients))
            rows += [make_row(kind, one, [run[one] for run in runs], floors) for one in runs[0]]
    report("verifications", rows)


def make_row(kind: str, name: str, runs: Sequence[Sequence[float]], floors: Sequence[float]) -> Row:
    """Return the row of one measure of one store."""
    if name in _RATES:
        rates = [run[0] for run in runs]
        return Row(measure=f"{kind}: {name}", unit="/s", ours=statistics.median(rates), runs=rates)
    slow = [quantile(run, 0.95) for run in runs]
    usual = statistics.median(quantile(run, 0.5) for run in runs)
    return Row(
        measure=f"{kind}: {name}, p95",
        unit="ms",
        ours=statistics.median(slow),
        peers={"p50": usual, "synced write of 4 KiB, p50": statistics.median(floors)},
        limit=_LIMITS.get(name, ""),
        runs=slow,
    )


if __name__ == "__main__":
    asyncio.run(main())
