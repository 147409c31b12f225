"""What the gates before vendors cost a question, and how exact they are over four worker processes.

The costs are of one process with one question after the other: processor time of the gates alone (a store
that admits at once), of the process with a real store, the report of the call included, and the time until
the store has answered. The rates are held by four processes that ask as fast as they can; what counts is the
fullest ten seconds.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from bench.report import Row, quantile, report
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import BreakerState, Entry, Gate, GateOutcome
from proofing.testing.gate_process import (
    KIND,
    PRODUCT,
    Asker,
    Call,
    ask_together,
    make_gatekeeper,
    make_results,
)
from proofing_devtools.redis import RedisServer, running_redis

RUNS = 3
PROCESSES = 4
QUESTIONS = 2000
RATES = (20.0, 200.0)
RATE_SECONDS = 25.0
WINDOW_SECONDS = 10.0
OPEN_SECONDS = 1.0
BREAKER_SECONDS = 8.0
FAULTS = 5
#: All kinds of terms, none of which refuses.
ROUTING = {
    "vendor_rate_limits": {"acme": 100_000},
    "vendor_concurrency_limits": {"acme:phone": 1000},
    "vendor_hourly_budgets": {"acme": 100_000_000},
}


class _Admitting:
    """A store that admits at once, and costs nothing."""

    async def enter(self, _gates: Sequence[Gate], *, entrant: str, max_wait_seconds: float) -> Entry:
        """Admit to the first."""
        del entrant, max_wait_seconds
        return Entry(index=0)

    async def leave(self, _gate: Gate, *, entrant: str, outcome: GateOutcome) -> BreakerState | None:
        """Do nothing."""
        del entrant, outcome
        return None


async def ask_alone(store: Any, routing: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the processor time of a question, and median and 95 % of its time at the gates; ms."""
    gatekeeper = make_gatekeeper(store, routing)
    waits = []
    began = time.process_time()
    for _ in range(QUESTIONS):
        before = time.perf_counter()
        with await gatekeeper.enter(KIND, [PRODUCT, "other"], seconds_left=50.0) as permit:
            waits.append(time.perf_counter() - before)
            permit.report(GateOutcome.ANSWERED)
    used = time.process_time() - began
    await gatekeeper.close()
    return used / QUESTIONS * 1000, quantile(waits, 0.5) * 1000, quantile(waits, 0.95) * 1000


async def read_alone(store: ResultStore) -> float:
    """Return the processor time of the smallest question to a store; ms."""
    began = time.process_time()
    for _ in range(QUESTIONS):
        await store.load("key")
    return (time.process_time() - began) / QUESTIONS * 1000


async def measure_costs(stores: Mapping[str, Asker]) -> list[Row]:
    """Measure one process."""
    admitting = [(await ask_alone(_Admitting(), ROUTING))[0] for _ in range(RUNS)]
    rows = [_row("gates alone, processor time", "ms", admitting, limit="<= 0.2")]
    for name, asker in stores.items():
        store = make_results(asker.plugin, asker.settings)
        await store.open()
        await ask_alone(store, ROUTING)  # warm
        for label, routing in (("breaker", {}), ("all terms", ROUTING)):
            runs = [await ask_alone(store, routing) for _ in range(RUNS)]
            floor = [await read_alone(store) for _ in range(RUNS)]
            used, median, most = zip(*runs, strict=True)
            peers = {"reading a value": statistics.median(floor)}
            rows.append(_row(f"{name}, {label}, processor time of the process", "ms", used, peers=peers))
            rows.append(_row(f"{name}, {label}, time at the gates p50", "ms", median))
            rows.append(_row(f"{name}, {label}, time at the gates p95", "ms", most))
        await store.close()
    return rows


def fullest(calls: Sequence[Call], seconds: float) -> int:
    """Return the most calls that began within *seconds*."""
    most = first = 0
    for last, call in enumerate(calls):
        while call.at - calls[first].at >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def measure_rate(name: str, asker: Asker, rate: float) -> Row:
    """Have four processes ask as fast as they can."""
    askers = [_like(asker, {"vendor_rate_limits": {"acme": rate}}, side_by_side=20, seconds=RATE_SECONDS)]
    calls = await ask_together(askers * PROCESSES)
    over = (fullest(calls, WINDOW_SECONDS) / (rate * WINDOW_SECONDS) - 1) * 100
    used = len(calls) / (calls[-1].at - calls[0].at) / rate * 100
    return _row(
        f"{name}, {rate:g} calls/s, fullest 10 s over the limit",
        "%",
        [over],
        limit="<= 5",
        peers={"of the limit used %": used},
    )


async def measure_breaker(name: str, asker: Asker) -> list[Row]:
    """Have four processes ask a vendor that fails, one question each, then twenty each."""
    rows = []
    for side_by_side in (1, 20):
        terms = {"faults": FAULTS, "open_seconds": OPEN_SECONDS, "probe_seconds": 60.0}
        one = _like(
            asker,
            {"vendor_breaker": terms},
            side_by_side=side_by_side,
            seconds=BREAKER_SECONDS,
            outcome=GateOutcome.FAULT,
            call_seconds=0.05,
        )
        calls = await ask_together([one] * PROCESSES)
        probes = [call for call in calls if call.is_probe]
        closest = min(after.at - before.at for before, after in pairwise(probes))
        store = make_results(asker.plugin, asker.settings)
        await store.open()
        gatekeeper = make_gatekeeper(store, {"vendor_breaker": terms})
        (reading,) = await gatekeeper.read([(KIND, PRODUCT)])
        await gatekeeper.close_breaker(KIND, PRODUCT)
        await store.close()
        label = f"{name}, {PROCESSES * side_by_side} questions at once"
        rows += [
            _row(
                f"{label}, faults that opened the breaker", "", [reading.state.faults], limit=f"<= {FAULTS}"
            ),
            _row(f"{label}, calls before it was open", "", [len(calls) - len(probes)]),
            _row(
                f"{label}, seconds between two probes at least",
                "s",
                [closest],
                limit=f">= {OPEN_SECONDS + 0.05:g}",
            ),
        ]
    return rows


def _like(asker: Asker, routing: Mapping[str, Any], **what: Any) -> Asker:
    """Return an asker on the same store."""
    return Asker(plugin=asker.plugin, settings=asker.settings, routing=routing, **what)


def _row(
    measure: str,
    unit: str,
    runs: Sequence[float],
    *,
    limit: str = "",
    peers: Mapping[str, float] | None = None,
) -> Row:
    """Return the row of some runs."""
    return Row(
        measure=measure, unit=unit, ours=statistics.median(runs), runs=runs, limit=limit, peers=peers or {}
    )


async def measure(server: RedisServer, directory: str) -> list[Row]:
    """Measure everything."""
    stores = {
        "redis": Asker(plugin="redis", settings={"url": server.url}),
        "local": Asker(plugin="local", settings={"directory": directory}),
    }
    rows = await measure_costs(stores)
    for name, asker in stores.items():
        rows += [await measure_rate(name, asker, rate) for rate in RATES]
        rows += await measure_breaker(name, asker)
    return rows


def main() -> None:
    """Measure and print the table."""
    with running_redis(password="synthetic") as server, tempfile.TemporaryDirectory() as directory:  # noqa: S106
        report("gates", asyncio.run(measure(server, directory)))


if __name__ == "__main__":
    main()
