"""The queue's bench: ours, a bare asyncio floor and the Python peers, on one durable PostgreSQL, in one run.

``python -m bench.queue [--quick] [--only MEASURE …]`` from the root of the repository, with the extra
``bench`` installed. Runs of the systems take turns, so that a busy moment of the machine hits all of them;
what counts is the ratio within one run. Oban for Python needs Python 3.12, and is left out on an older one.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence

from bench.queue.machine import Machine
from bench.report import RESULTS, Row, quantile, report

#: Peers and how many jobs they drain: slow ones fewer, the rate is what is compared.
_DRAIN = {
    "ours": 30_000,
    "floor": 30_000,
    "pgqueuer": 20_000,
    "oban": 8_000,
    "huey": 2_000,
    "procrastinate": 1_500,
}
_LABELS = {
    "floor": "asyncio floor",
    "pgqueuer": "PgQueuer",
    "oban": "Oban for Python",
    "huey": "Huey",
    "procrastinate": "Procrastinate",
}


def measure_drain(machine: Machine) -> list[Row]:
    """Waiting jobs that do nothing, worked off by one process; every end durable."""
    rates: dict[str, list[float]] = {name: [] for name in _DRAIN if machine.has(name)}
    for _ in range(machine.runs):
        for name, found in rates.items():
            count = _DRAIN[name] // machine.shrink
            dsn = machine.new_database(name)
            machine.ask(name, "fill", dsn, count)
            seconds = machine.ask(name, "drain", dsn, count, 1000)["seconds"]
            found.append(count / seconds)
    return [_row("durable no-op drain", "jobs/s", rates, ">= 1.3 x best peer, >= 45 % of the floor")]


def measure_pickup(machine: Machine) -> list[Row]:
    """From the call that enqueues to the first line of the job, with an idle worker."""
    delays: dict[str, list[list[float]]] = {name: [] for name in _DRAIN if machine.has(name)}
    count = 300 // machine.shrink
    for _ in range(machine.runs):
        for name, found in delays.items():
            dsn = machine.new_database(name)
            with machine.serving(name, dsn, 20) as worker:
                called = machine.ask(name, "call", dsn, count, 15)["called"]
                began = worker.finish()["began"][-count:]
            found.append([(b - c) * 1000 for b, c in zip(sorted(began), called, strict=True)])
    rows = []
    for share, words in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        values = {name: [quantile(run, share) for run in found] for name, found in delays.items()}
        rows.append(_row(f"pick-up from idle, {words}", "ms", values, "< best PostgreSQL peer"))
    return rows


def measure_enqueue(machine: Machine) -> list[Row]:
    """One caller, one commit a job, each waking a worker."""
    rates: dict[str, list[float]] = {name: [] for name in _DRAIN if machine.has(name)}
    count = 1000 // machine.shrink
    # One commit is one flush of the disk, the most uneven thing on a shared machine: more runs.
    for _ in range(3 * machine.runs):
        for name, found in rates.items():
            answer = machine.ask(name, "call", machine.new_database(name), count, 0)
            found.append(count / answer["seconds"])
    return [_row("enqueue, one commit each", "jobs/s", rates, ">= 85 % of the floor, > every peer")]


def measure_idle(machine: Machine) -> list[Row]:
    """What a worker without jobs costs."""
    cpu: dict[str, list[float]] = {name: [] for name in _DRAIN if machine.has(name)}
    queries: dict[str, list[float]] = {name: [] for name in cpu}
    seconds = 30 // machine.shrink
    for name, found in cpu.items():
        dsn = machine.new_database(name)
        with machine.serving(name, dsn, 20) as worker:
            transactions, used = machine.transactions(dsn), worker.cpu_seconds()
            machine.rest(seconds)
            found.append((worker.cpu_seconds() - used) * 30 / seconds)
            queries[name].append((machine.transactions(dsn) - transactions) / seconds)
    return [
        _row("idle worker, CPU in 30 s", "s", cpu, "<= 0.3"),
        _row("idle worker, transactions", "1/s", queries, "<= 2"),
    ]


def measure_flight(machine: Machine) -> list[Row]:
    """10,000 jobs of one second at once, in one process."""
    count = 10_000 // machine.shrink
    seconds: dict[str, list[float]] = {
        name: [] for name in ("ours", "floor", "pgqueuer", "oban") if machine.has(name)
    }
    memory: dict[str, list[float]] = {name: [] for name in seconds}
    connections: dict[str, list[float]] = {name: [] for name in seconds}
    for _ in range(machine.runs):
        for name, found in seconds.items():
            dsn = machine.new_database(name)
            machine.ask(name, "fill", dsn, count)
            most, answer = machine.watch_connections(name, "fly", dsn, count, count)
            found.append(answer["seconds"])
            memory[name].append(answer["peak_mb"])
            connections[name].append(most)
    return [
        _row(f"{count:,} one-second jobs", "s", seconds, "<= 1.6"),
        _row(f"{count:,} one-second jobs, memory", "MB", memory, "<= 100"),
        _row(f"{count:,} one-second jobs, connections", "", connections, "<= 4"),
    ]


def measure_connections(machine: Machine) -> list[Row]:
    """Of a worker that is busy, and of a web process with 16 callers at once."""
    count = 400 // machine.shrink
    dsn = machine.new_database("ours")
    machine.ask("ours", "fill", dsn, 10 * count)
    worker, _answer = machine.watch_connections("ours", "fly", dsn, 10 * count, 10 * count)
    web, _answer = machine.watch_connections("ours", "crowd", machine.new_database("ours"), 16, count)
    return [
        _row("connections of a worker", "", {"ours": [worker]}, "<= 5"),
        _row("connections of a web process", "", {"ours": [web]}, "<= pool_size, 4"),
    ]


def measure_crowd(machine: Machine) -> list[Row]:
    """16 enqueuers in 4 processes before one listener, and the same without notifications."""
    rates: dict[str, list[float]] = {"ours": [], "silent": []}
    count = 400 // machine.shrink
    for _ in range(machine.runs):
        for name, found in rates.items():
            dsn = machine.new_database("ours")
            with machine.listening(dsn, "proofing_jobs"):
                answers = machine.ask_together(4, name, "crowd", dsn, 4, count)
            found.append(16 * count / max(answer["seconds"] for answer in answers))
    return [_row("16 enqueuers", "jobs/s", rates, ">= 80 % of the rate without notify")]


def measure_old_transaction(machine: Machine) -> list[Row]:
    """Claims from 60,000 jobs, while an old transaction keeps every dead row, and without it."""
    medians: dict[str, list[float]] = {"ours": [], "clean": []}
    count = 60_000 // machine.shrink
    for _ in range(machine.runs):
        for name, found in medians.items():
            dsn = machine.new_database("ours")
            machine.ask("ours", "fill", dsn, count)
            with machine.old_transaction(dsn, on=name == "ours"):
                answer = machine.ask("ours", "claims", dsn, count, 100)
            found.append(statistics.median(answer["claims"]))
    return [_row(f"median claim, old transaction, {count:,} jobs", "ms", medians, "<= 2 x clean")]


MEASURES: dict[str, Callable[[Machine], list[Row]]] = {
    "drain": measure_drain,
    "pickup": measure_pickup,
    "enqueue": measure_enqueue,
    "idle": measure_idle,
    "flight": measure_flight,
    "connections": measure_connections,
    "crowd": measure_crowd,
    "old-transaction": measure_old_transaction,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print one table, write ``bench/results/queue.json``."""
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one run, a tenth of the jobs")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="only these measures")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    with Machine(runs=1 if options.quick else 3, shrink=10 if options.quick else 1) as machine:
        for name in options.only or MEASURES:
            print(f"measuring {name} …", flush=True)
            rows += MEASURES[name](machine)
    if options.only:
        rows = _among_earlier(rows)
    report("queue", rows)
    for name, label in _LABELS.items():
        if not machine.has(name):
            print(f"  {label}: not installed, not measured")


def _among_earlier(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last report, with *rows* in the places of those measured again."""
    path = RESULTS / "queue.json"
    earlier = [Row(**values) for values in json.loads(path.read_text())] if path.exists() else []
    fresh = {row.measure: row for row in rows}
    kept = [fresh.pop(row.measure, row) for row in earlier]
    return [*kept, *fresh.values()]


def _row(measure: str, unit: str, values: dict[str, list[float]], limit: str) -> Row:
    """Return the medians of *values* as a row."""
    medians = {name: statistics.median(found) for name, found in values.items()}
    ours = medians.pop("ours")
    peers = {_LABELS.get(name, name): value for name, value in medians.items()}
    return Row(measure=measure, unit=unit, ours=ours, peers=peers, limit=limit, runs=tuple(values["ours"]))


if __name__ == "__main__":
    main()
