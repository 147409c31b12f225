"""Write docs/explanation/capacity.md: what so many proofings a day need, from what one of them costs.

    python scripts/capacity.py

The costs of one proofing come from bench/results/flow.json and capacity.json; one that was not measured there
yet is taken from `_ASSUMED`, and marked on the page. Everything else on it is arithmetic over them (`plan`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "explanation" / "capacity.md"

DAILY = (10_000, 1_000_000)
PEAK = 5
_DAY_SECONDS = 86_400
#: Share of its processors, slots and connections that a plan uses at the peak.
_USE = 0.6
_PROCESSORS_OF_A_HOST = 2
_JOBS = 3
#: How long a job waits for its vendors.
_VENDOR_SECONDS = 10.0
#: Defaults of the settings: worker_slots in all, postgres.pool_size, connections of a worker, data keys.
_SLOTS, _POOL, _WORKER_CONNECTIONS = 300, 4, 5
_KEY_MESSAGES, _KEY_SECONDS, _PURPOSES = 100, 300.0, 3
#: For commands and monitoring, and those that PostgreSQL reserves.
_OTHER_CONNECTIONS = 8

#: Measure to its cost in one proofing where no report has it: estimates, on the safe side.
_ASSUMED = {
    "web, processor time": 60.0,
    "worker, processor time": 35.0,
    "Redis, processor time": 3.0,
    "PostgreSQL, processor time": 8.0,
    "round trips to Redis": 50.0,
    "commands of Redis": 150.0,
    "WAL syncs of PostgreSQL": 6.0,
    "WAL of PostgreSQL": 40_000.0,
    "memory of Redis": 12_000.0,
    "requests to S3": 6.0,
    "seals and openings": 60.0,
}
_UNITS = {
    **dict.fromkeys([name for name in _ASSUMED if name.endswith("processor time")], "ms"),
    "WAL of PostgreSQL": "bytes",
    "memory of Redis": "bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one load needs; rates are those of the peak, in proofings or operations a second."""

    daily: int
    peak: float
    web_processes: int
    web_hosts: int
    jobs_at_once: float
    worker_processes: int
    worker_hosts: int
    connections: int
    postgres_processors: float
    wal_syncs: float
    wal_peak_bytes: float
    wal_daily_bytes: float
    redis_operations: float
    redis_processors: float
    redis_bytes: float
    s3_peak: float
    s3_daily: float
    kms_peak: float


def plan(daily: int, costs: Mapping[str, float]) -> Plan:
    """Return what *daily* proofings need; *costs* are of one, by measure: milliseconds, bytes or a number."""
    peak = daily / _DAY_SECONDS * PEAK
    web = max(2, math.ceil(peak * costs["web, processor time"] / 1000 / _USE))
    at_once = peak * _JOBS * _VENDOR_SECONDS
    workers = max(
        2,
        math.ceil(peak * costs["worker, processor time"] / 1000 / _USE),
        math.ceil(at_once / (_SLOTS * _USE)),
    )
    keys = peak * costs["seals and openings"] / 2 / _KEY_MESSAGES + (web + workers) * _PURPOSES / _KEY_SECONDS
    return Plan(
        daily=daily,
        peak=peak,
        web_processes=web,
        web_hosts=_hosts(web),
        jobs_at_once=at_once,
        worker_processes=workers,
        worker_hosts=_hosts(workers),
        # Twice, while an upgrade has old and new processes side by side.
        connections=2 * (web * _POOL + workers * _WORKER_CONNECTIONS) + _OTHER_CONNECTIONS,
        postgres_processors=peak * costs["PostgreSQL, processor time"] / 1000 / _USE,
        wal_syncs=peak * costs["WAL syncs of PostgreSQL"],
        wal_peak_bytes=peak * costs["WAL of PostgreSQL"],
        wal_daily_bytes=daily * costs["WAL of PostgreSQL"],
        redis_operations=peak * costs["commands of Redis"],
        redis_processors=peak * costs["Redis, processor time"] / 1000,
        # A session lives for 12 hours, and the whole day may come in them.
        redis_bytes=daily * costs["memory of Redis"],
        s3_peak=peak * costs["requests to S3"],
        s3_daily=daily * costs["requests to S3"],
        # Made by one process, and unwrapped at most once by each other one.
        kms_peak=keys * (web + workers),
    )


def _hosts(processes: int) -> int:
    """Return how many hosts carry *processes*, one for each processor, with one host to spare."""
    return max(2, math.ceil(processes / _PROCESSORS_OF_A_HOST) + 1)


def read_costs(folder: Path) -> tuple[dict[str, float], set[str]]:
    """Return the costs of one proofing, and the names of those that no report in *folder* has."""
    measured: dict[str, float] = {}
    for name in ("flow", "capacity"):
        path = folder / f"{name}.json"
        if path.exists():
            measured |= {row["measure"]: row["ours"] for row in json.loads(path.read_text())}
    costs = {name: measured.get(name, assumed) for name, assumed in _ASSUMED.items()}
    return costs, _ASSUMED.keys() - measured.keys()


def render(costs: Mapping[str, float], assumed: set[str]) -> str:
    """Return the page."""
    plans = [plan(daily, costs) for daily in DAILY]
    single = [
        (
            name,
            f"{_number(cost)} {_UNITS.get(name, '')}".strip(),
            "assumed" if name in assumed else "measured",
        )
        for name, cost in costs.items()
    ]
    needs: list[tuple[str, list[str]]] = [
        ("proofings a second at the peak", [_number(one.peak) for one in plans]),
        (
            "web processes (hosts with 2 processors)",
            [f"{one.web_processes} ({one.web_hosts})" for one in plans],
        ),
        ("jobs that wait for vendors at once", [_number(one.jobs_at_once) for one in plans]),
        ("worker processes (hosts)", [f"{one.worker_processes} ({one.worker_hosts})" for one in plans]),
        ("PostgreSQL: `max_connections`", [_number(one.connections) for one in plans]),
        ("PostgreSQL: processors", [_number(one.postgres_processors) for one in plans]),
        ("PostgreSQL: WAL syncs a second, at most", [_number(one.wal_syncs) for one in plans]),
        (
            "PostgreSQL: WAL a second, a day",
            [f"{_bytes(one.wal_peak_bytes)}, {_bytes(one.wal_daily_bytes)}" for one in plans],
        ),
        ("Redis: commands a second", [_number(one.redis_operations) for one in plans]),
        ("Redis: of its one processor", [f"{one.redis_processors:.0%}" for one in plans]),
        ("Redis: memory", [_bytes(one.redis_bytes) for one in plans]),
        (
            "S3: requests a second, a day",
            [f"{_number(one.s3_peak)}, {_number(one.s3_daily)}" for one in plans],
        ),
        ("KMS: requests a second, at most", [_number(one.kms_peak) for one in plans]),
    ]
    return "\n".join(
        (
            _HEAD,
            _table(("One proofing costs", "", ""), single),
            _RULES,
            _table(
                ("", *(f"{daily:,} a day" for daily in DAILY)), [(name, *values) for name, values in needs]
            ),
            _TAIL,
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def _number(value: float) -> str:
    """Return *value* with no more digits than a plan deserves."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits


def _bytes(value: float) -> str:
    """Return a number of bytes in the unit that reads best."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004 - decimal units
            return f"{_number(value)} {unit}"
        value /= 1000
    return f"{_number(value)} GB"


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(*read_costs(RESULTS)))
    print(f"Wrote {PAGE.relative_to(ROOT)}.")


_HEAD = """\
# Plan capacity

Written by `scripts/capacity.py`, which `make bench` runs: what so many proofings a day need, computed from
what one of them costs. A proofing is a person's whole way through the pages: two photos, three jobs. The
costs are those of `make bench-flow` and `make bench-capacity`, on one machine with two cores and mock
vendors; *assumed* ones are estimates, since `make bench-capacity` has had no complete run yet. Measure your
own before you buy.
"""

_RULES = f"""\
## Two loads

The peak is {PEAK} times the mean of the day; at the peak {_USE:.0%} of processors and slots are used. A
process uses one processor; one host more than needed is there to be lost. A job waits {_VENDOR_SECONDS:.0f}
s for its vendors, and a worker has {_SLOTS} slots. Connections are counted twice, for an upgrade with old
and new processes side by side. Data keys serve {_KEY_MESSAGES} messages or {_KEY_SECONDS:.0f} s; each is
unwrapped at most once by every process.
"""

_TAIL = """\
## What to watch

- **KMS**: the quota of symmetric operations is a region's and an account's, shared with everything else in
  it; it differs by region and can be raised
  ([AWS](https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html)). Larger
  `data_key_max_messages` mean fewer requests.
- **S3** takes at least 3,500 writes and 5,500 reads a second for each prefix; two photos are two uploads by
  the browser and a read and a deletion of each by the worker. A sweep of what was left lists one page every
  30 s and worker.
- **PostgreSQL** commits in groups, so that the syncs grow more slowly than the load; the history
  (`history_days`) keeps a row of about a kilobyte for each job.
- **Redis** is one processor; past half of it use a cluster. Memory is of sessions and status records, which
  live for `session_max_age_hours`: shorten it before you buy memory. Without persistence, as it must be, a
  restart ends sessions.
- **Vendors** are the first limit, mostly: their own rate limits, and `vendor_hourly_budgets`.

## Past one host

Web processes share nothing but the stores: add hosts behind the balancer. Workers too: each claims what it
has slots for. PostgreSQL grows by a larger host first; `make bench-queue` and `bench-backlog` show what one
takes. Redis grows to Redis Cluster, which the plugin speaks. `web_max_connections` and `LimitNOFILE` bound
the people who wait on one host.

## Past one region

A deployment is of one region: sessions, jobs and limits have one Redis and one PostgreSQL each. A second
region is a second deployment with stores, buckets and keys of its own, and its own host name; people are
led to one of the two before they start, by DNS or by the agency that sends them, and stay there. Nothing is
shared, so limits by SSN count in each region by itself. When a region is lost, people start again in the
other one; jobs that ran in it end there when it is back, or with its database.
"""


if __name__ == "__main__":
    main()
