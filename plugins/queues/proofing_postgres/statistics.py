"""Counts and ages of the queue, for metrics, the health endpoint and the command line. Ids and PII: none."""

from collections import defaultdict

from proofing.queues import QueueStats
from proofing_postgres.connections import Link
from proofing_postgres.counts import Cause
from proofing_postgres.worker import WorkerSession

_ENDED = "ended_"
#: Shown even when nothing was counted yet, so that a missing number means a fault.
_ALWAYS = ("rescued", "lease_lost", "handed_back", "fenced", "swept_stale", "swept_overdue")


async def collect(link: Link, session: WorkerSession | None) -> QueueStats:
    """Return what the database knows, and what *session*, if this process works, knows of itself.

    Raises:
        QueueUnavailableError: the database is away.
    """
    waiting: dict[str, int] = defaultdict(int)
    running: dict[str, int] = defaultdict(int)
    oldest = 0.0
    rows, _count = await link.run("depth")
    for queue_name, state, count, age in rows:
        side = running if state == "executing" else waiting
        side[queue_name] += int(count)
        if state == "ready":
            oldest = max(oldest, float(age))
    ((workers,),), _count = await link.run("living_workers")
    numbers, _count = await link.run("numbers")
    sums = {str(name): float(value) for name, value in numbers}
    ((dead_rows, oldest_transaction),), _count = await link.run("database_health")
    ended = {name.removeprefix(_ENDED): int(value) for name, value in sums.items() if name.startswith(_ENDED)}
    details = {name: sums.get(name, 0.0) for name in _ALWAYS}
    details |= _pickup_details(sums)
    details["dead_rows"] = float(dead_rows)
    details["oldest_transaction_seconds"] = float(oldest_transaction)
    if session is not None:
        details["listening"] = float(session.is_listening)
        details["loop_lag_seconds"] = session.counts["loop_lag_seconds"]
        details["since_renewal_seconds"] = session.heartbeat.since_renewal_seconds
    return QueueStats(
        waiting=dict(waiting),
        running=dict(running),
        oldest_seconds=max(0.0, oldest),
        workers=int(workers),
        ended=ended,
        details=details,
    )


def _pickup_details(sums: dict[str, float]) -> dict[str, float]:
    """Return how many jobs each cause found, and their mean time from ready to claimed."""
    details = {}
    for cause in Cause:
        count = sums.get(f"pickup_{cause}_count", 0.0)
        details[f"pickup_{cause}_count"] = count
        seconds = sums.get(f"pickup_{cause}_seconds", 0.0)
        details[f"pickup_{cause}_mean_ms"] = round(seconds / count * 1000, 3) if count else 0.0
    runs = sums.get("run_count", 0.0)
    details["run_mean_ms"] = round(sums.get("run_seconds", 0.0) / runs * 1000, 3) if runs else 0.0
    return details
