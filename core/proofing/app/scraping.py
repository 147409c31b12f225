"""The text of ``/metrics``: what this process counts, the queue's numbers, and the settings in effect.

Names and labels: docs/reference/metrics.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from proofing.base.metrics import (
    JOB_QUEUED_SECONDS,
    JOB_SECONDS,
    JOBS_ENDED,
    SHADOW_ANSWERS,
    VENDOR_BUDGETS_REACHED,
    WAITS_ABANDONED,
)
from proofing.contracts.queues import QueueStats
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome
from proofing.contracts.vendor_gates import BreakerState
from proofing.registry.proofers import labels_of
from proofing.routing.gates import GateReading
from proofing.routing.vendors import shadow_vendors
from proofing.rules.shadows import Agreement
from proofing.settings import LiveSettings, Settings
from proofing.settings.vendor_values import VendorStatus

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


def scrape(stats: QueueStats | None, live: LiveSettings, gates: Sequence[GateReading] = ()) -> bytes:
    """Return the text of ``/metrics``.

    Args:
        stats: of the queue, a moment old; None when it cannot be asked.
        live: the settings in effect.
        gates: before vendors; empty when they are not known.
    """
    for vendor in live.current.vendor_hourly_budgets:
        VENDOR_BUDGETS_REACHED.labels(vendor)  # from 0 on, also for a budget that was set a moment ago
    for _key, kind, names in shadow_vendors(live.current):
        for name in names:
            for agreement in Agreement:
                SHADOW_ANSWERS.labels(*labels_of(kind, name), agreement.value)
    read_now = CollectorRegistry()
    read_now.register(_SettingsNow(live))
    if stats is not None:
        read_now.register(_QueueNow(stats))
    if gates:
        read_now.register(_GatesNow(gates))
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


class _GatesNow(Collector):
    """The gates before vendors, the same in every process: aggregate them with ``max``."""

    def __init__(self, gates: Sequence[GateReading]) -> None:
        self._gates = gates

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        help_text = "1 while a circuit breaker is not closed; aggregate with max"
        breakers = GaugeMetricFamily("proofing_vendor_breaker_open", help_text, labels=["vendor", "product"])
        budgets: dict[str, float] = {}
        concurrency: dict[str, float] = {}
        for reading in self._gates:
            labels = labels_of(reading.kind, reading.vendor)
            breakers.add_metric(labels, reading.state.breaker is not BreakerState.CLOSED)
            for limits, state in reading.limits:
                if limits.per_hour:  # a budget of 0 never comes to its end: it has none
                    budgets[limits.scope] = state.calls_this_hour / limits.per_hour
                if limits.concurrent is not None:
                    concurrency[limits.scope] = state.running / max(1, limits.concurrent)
        yield breakers
        yield _by_vendor("proofing_vendor_budget_used_ratio", "Used share of hourly budgets", budgets)
        help_text = "Used share of the calls that vendors take at once"
        yield _by_vendor("proofing_vendor_concurrency_used_ratio", help_text, concurrency)


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


def _by_vendor(name: str, help_text: str, values: Mapping[str, float]) -> Metric:
    """Return one gauge by vendor or product, the same in every process."""
    family = GaugeMetricFamily(name, f"{help_text}; aggregate with max", labels=["vendor"])
    for vendor, value in sorted(values.items()):
        family.add_metric([vendor], value)
    return family


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
