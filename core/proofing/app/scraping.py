"""The text of ``/metrics``: what this process counts, the queue's numbers, and the settings in effect.

Names and labels: docs/reference/metrics.md.
"""

import re
from collections.abc import Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proofing.base.metrics import (
    JOB_QUEUED_SECONDS,
    JOB_SECONDS,
    JOBS_ENDED,
    VENDOR_BUDGETS_REACHED,
    WAITS_ABANDONED,
)
from proofing.contracts.queues import QueueStats
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome
from proofing.settings import LiveSettings, Settings
from proofing.settings.schema import VendorStatus

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _begin_at_zero() -> None:
    """Make the series that alarms watch: of one that begins with its first event, no increase is seen."""
    for kind in JobKind:
        for family in (JOB_QUEUED_SECONDS, JOB_SECONDS, WAITS_ABANDONED):
            family.labels(kind.value)
        for end in EndState:
            for outcome in Outcome if end is EndState.DONE else (Outcome.UNKNOWN,):
                JOBS_ENDED.labels(kind.value, end.value, outcome.value)


_begin_at_zero()


def scrape(stats: QueueStats | None, live: LiveSettings) -> bytes:
    """Return the text of ``/metrics``.

    Args:
        stats: of the queue, a moment old; None when it cannot be asked.
        live: the settings in effect.
    """
    for vendor in live.current.vendor_hourly_budgets:
        VENDOR_BUDGETS_REACHED.labels(vendor)  # from 0 on, also for a budget that was set a moment ago
    read_now = CollectorRegistry()
    read_now.register(_SettingsNow(live))
    if stats is not None:
        read_now.register(_QueueNow(stats))
    return generate_latest(REGISTRY) + generate_latest(read_now)


class _QueueNow(Collector):
    """The numbers of the queue, the same in every process that asks it: aggregate them with ``max``."""

    def __init__(self, stats: QueueStats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        stats = self._stats
        yield _by_queue("proofing_queue_waiting", "Jobs that wait; aggregate with max", stats.waiting)
        yield _by_queue("proofing_queue_running", "Jobs that run; aggregate with max", stats.running)
        help_text = "Jobs that wait for their vendor; aggregate with max"
        yield _by_queue("proofing_queue_parked", help_text, stats.parked)
        paused = dict.fromkeys(stats.paused, 1)
        yield _by_queue("proofing_queue_paused", "1 while a queue is paused; aggregate with max", paused)
        help_text = "Age of the oldest ready job; aggregate with max"
        yield GaugeMetricFamily("proofing_queue_oldest_seconds", help_text, stats.oldest_seconds)
        if stats.workers is not None:
            help_text = "Worker processes that are alive; aggregate with max"
            yield GaugeMetricFamily("proofing_workers_alive", help_text, stats.workers)
        for name, value in _well_named(stats.details):
            yield GaugeMetricFamily(f"proofing_queue_{name}", "A state of the queue backend", value)
        for name, value in _well_named(stats.totals):
            help_text = "Counted by the queue backend; aggregate with max"
            yield CounterMetricFamily(f"proofing_queue_{name.removesuffix('_count')}", help_text, value)


class _SettingsNow(Collector):
    """The settings in effect in this process."""

    def __init__(self, live: LiveSettings) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        settings = self._live.current
        switches = GaugeMetricFamily("proofing_switch", "Switches in effect, 1 is on", labels=["name"])
        for name in sorted(Settings.live_keys()):
            if isinstance(value := getattr(settings, name), bool):
                switches.add_metric([name], value)
        yield switches
        outages = GaugeMetricFamily(
            "proofing_vendor_out", "Vendors that vendor_status names", labels=["vendor"]
        )
        for vendor, status in settings.vendor_status.items():
            outages.add_metric([vendor], status is not VendorStatus.OPERATIONAL)
        yield outages
        yield GaugeMetricFamily(
            "proofing_settings_refused",
            "Whether the settings file holds an edit that was refused",
            float(bool(self._live.refused)),
        )
        yield CounterMetricFamily(
            "proofing_settings_reloads_refused", "Edits of the settings file refused", self._live.refusals
        )


def _by_queue(name: str, help_text: str, counts: Mapping[str, int]) -> Metric:
    """Return one gauge by queue; a backend names only queues that hold jobs."""
    family = GaugeMetricFamily(name, help_text, labels=["queue"])
    for queue in sorted({kind.queue_name for kind in JobKind} | counts.keys()):
        family.add_metric([queue], counts.get(queue, 0))
    return family


def _well_named(numbers: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Yield a backend's own numbers, without names that would spoil the text."""
    for name, value in sorted(numbers.items()):
        if _NAME.fullmatch(name):
            yield name, value
