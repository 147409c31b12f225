"""Prometheus metrics of one process: counts and durations by kind, never by person.

`prometheus_client` keeps the numbers; web and worker show them at ``/metrics``. Names stand in
docs/reference/metrics.md. The queue's gauges are read when they are asked for.
"""

from prometheus_client import Counter, Gauge, Histogram

from proofing.queues import QueueStats
from proofing.records import JobKind

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

JOBS_SUBMITTED = Counter("proofing_jobs_submitted", "Jobs submitted", ["kind", "mode"])
JOBS_ENDED = Counter("proofing_jobs_ended", "Jobs ended", ["kind", "end", "outcome"])
JOB_SECONDS = Histogram("proofing_job_seconds", "Run time of jobs", ["kind"], buckets=_SECONDS)
RESULTS_MISSING = Counter("proofing_results_missing", "Waits that were given up without an answer", ["kind"])
QUEUE_WAITING = Gauge("proofing_queue_waiting", "Jobs that wait", ["queue"])
QUEUE_RUNNING = Gauge("proofing_queue_running", "Jobs that run", ["queue"])
QUEUE_OLDEST_SECONDS = Gauge("proofing_queue_oldest_seconds", "Age of the oldest ready job")
QUEUE_DETAIL = Gauge("proofing_queue_detail", "Further numbers of the queue backend", ["number"])


def note_stats(stats: QueueStats) -> None:
    """Bring the queue's gauges up to date."""
    # A backend names only queues that hold jobs, and may stop showing a number: nothing old must stay.
    kinds = {kind.queue_name for kind in JobKind}
    for gauge, counts in ((QUEUE_WAITING, stats.waiting), (QUEUE_RUNNING, stats.running)):
        gauge.clear()
        for name in kinds | counts.keys():
            gauge.labels(name).set(counts.get(name, 0))
    QUEUE_DETAIL.clear()
    for name, number in stats.details.items():
        QUEUE_DETAIL.labels(name).set(number)
    QUEUE_OLDEST_SECONDS.set(stats.oldest_seconds)
