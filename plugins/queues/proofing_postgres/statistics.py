"""Counts and ages of the queue, for metrics, the health endpoint and the command line. Ids and PII: none."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Literal

from proofing.plugin import JobKind, QueueStats
from proofing_postgres.connections import ReconnectingConnection
from proofing_postgres.counts import Cause
from proofing_postgres.durability import find_losses
from proofing_postgres.worker import WorkerSession

#: Jobs of a queue and state are counted up to here; more are estimated.
MOST_COUNTED = 10_000
#: States that are counted in one go, over all queues.
_TOGETHER = {"scheduled": "by time", "parked": "by time", "executing": "by worker"}
#: Pages that an estimate reads, of 8 KiB, taken at random.
_SAMPLE_PAGES = 2000
_ENDED = "ended_"
#: Shown even when nothing was counted yet, so that a missing number means a fault.
_ALWAYS = (
    *("rescued", "lease_lost", "handed_back", "parked", "fenced", "swept_stale", "swept_overdue"),
    *(f"pickup_{cause}_{what}" for cause in Cause for what in ("count", "seconds")),
    *("run_count", "run_seconds"),
)


async def collect(
    link: ReconnectingConnection,
    session: WorkerSession | None,
    replication: Literal["standby", "managed", "none"],
) -> QueueStats:
    """Return what the database knows, and what *session*, if this process works, knows of itself.

    *replication* is what the operator declared; see the plugin's settings.

    Raises:
        QueueUnavailableError: the database is down.
    """
    waiting: dict[str, int] = defaultdict(int)
    running: dict[str, int] = defaultdict(int)
    parked: dict[str, int] = defaultdict(int)
    oldest = 0.0
    rows, _count = await link.run("paused")
    paused = {str(name): max(0.0, float(seconds)) for name, seconds in rows}
    parameters = {"queues": [kind.queue_name for kind in JobKind], "most": MOST_COUNTED}
    rows, _count = await link.run("queue_depth", parameters)
    counted: dict[tuple[str, str], int] = {}
    for queue_name, state, count, age in rows:
        counted[queue_name, state] = int(count)
        if queue_name not in paused:
            oldest = max(oldest, float(age))
    counted |= await _estimate(link, counted)
    for (queue_name, state), count in counted.items():
        if count:
            side = {"executing": running, "parked": parked}.get(state, waiting)
            side[queue_name] += count
    ((workers,),), _count = await link.run("living_workers")
    numbers, _count = await link.run("counters")
    sums = {str(name): float(value) for name, value in numbers}
    ends, _count = await link.run("oldest_end")
    ((dead_rows, oldest_transaction),), _count = await link.run("database_health")
    ((commit, standbys, fsync),), _count = await link.run("durability")
    ended = {name.removeprefix(_ENDED): int(value) for name, value in sums.items() if name.startswith(_ENDED)}
    totals = {name: sums.get(name, 0.0) for name in _ALWAYS}
    details = {
        "dead_rows": float(dead_rows),
        "durability_risks": float(len(find_losses(replication, commit, standbys, fsync))),
        "oldest_end_seconds": max(0.0, float(ends[0][0])) if ends else 0.0,
        "oldest_transaction_seconds": float(oldest_transaction),
    }
    if session is not None:
        details["listening"] = float(session.is_listening)
        details["loop_lag_seconds"] = session.counts["loop_lag_seconds"]
        details["since_renewal_seconds"] = session.heartbeat.since_renewal_seconds
    return QueueStats(
        waiting=dict(waiting),
        running=dict(running),
        parked=dict(parked),
        oldest_seconds=max(0.0, oldest),
        workers=int(workers),
        ended=ended,
        paused=paused,
        details=details,
        totals=totals,
    )


async def _estimate(
    link: ReconnectingConnection, counted: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """Return estimates of those of *counted*, by queue and state, that are too much to be counted."""
    sums = Counter[object]()
    for key, count in counted.items():
        sums[_group(key)] += count
    if max(sums.values(), default=0) < MOST_COUNTED:
        return {}
    ((pages,),), _count = await link.run("table_pages")
    percent = min(100.0, 100.0 * _SAMPLE_PAGES / max(1, int(pages)))
    rows, _count = await link.run("sample", {"percent": percent})
    found = {(str(name), str(state)): int(count) for name, state, count in rows}
    # No estimate is smaller than what was counted.
    return {
        key: max(counted.get(key, 0), found.get(key, 0))
        for key in counted.keys() | found.keys()
        if sums[_group(key)] >= MOST_COUNTED
    }


def _group(key: tuple[str, str]) -> object:
    """Return what the jobs of a queue and state are counted together with."""
    return _TOGETHER.get(key[1], key)
