"""What a decision costs, and how exactly people are split: ``python -m bench.routing [--runs N]``.

A decision is what a job needs before the gates: the question of a person, the candidates, and the decision.
It is made by settings of one vendor, and by settings that use every rule: an allow list of 10,000 people,
percentages, fallbacks, outages and twenty windows of maintenance, half of them by cron.
"""

import argparse
import statistics
import time
from types import SimpleNamespace
from typing import Any

from bench.report import Row, quantile, report
from proofing.contracts.results import ProoferKind
from proofing.crypto.encryption import KeyRing
from proofing.routing.people import RoutedPeople
from proofing.routing.router import Router
from proofing.rules.routing import decide, open_candidates
from proofing.settings import Settings

_KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
_PEOPLE = 10_000
_SHARES = {"b": 30.0, "c": 10.0, "d": 2.5}
_FULL: dict[str, Any] = {
    "resolution_vendor": "a",
    "resolution_vendor_allow_list": {"e": [f"listed-{number}" for number in range(_PEOPLE)]},
    "resolution_vendor_fallbacks": [{"vendor": name} for name in "fgh"],
    "resolution_vendor_percentages": _SHARES,
    "resolution_vendor_second_opinion": {"vendor": "i", "percentage": 50},
    "vendor_status": dict.fromkeys("fuv", "full_outage"),
    "vendor_maintenance_windows": [
        {"vendor": "g", "cron": f"{minute} 2 * * SUN", "minutes": 30, "time_zone": "America/New_York"}
        for minute in range(10)
    ]
    + [
        {"vendor": "h", "start": f"2026-12-{day:02}T02:00:00Z", "finish": f"2026-12-{day:02}T03:00:00Z"}
        for day in range(1, 11)
    ],
}


def router_of(**values: Any) -> Router:
    """Return a router by settings with *values*."""
    live: Any = SimpleNamespace(current=Settings.model_validate({**_KEYS, **values}))
    plugins: Any = SimpleNamespace(proofers={})
    return Router(plugins, live, RoutedPeople(KeyRing(bytes(32))))


def choices(router: Router) -> tuple[list[str | None], list[float]]:
    """Decide for everybody; return the vendors, and the milliseconds of each decision."""
    vendors, milliseconds = [], []
    for number in range(_PEOPLE):
        begun_at = time.thread_time()
        terms = router.terms(ProoferKind.RESOLUTION)
        question = router.question(ProoferKind.RESOLUTION, f"person-{number}")
        open_candidates(terms, question)
        vendors.append(decide(terms, question).vendor)
        milliseconds.append((time.thread_time() - begun_at) * 1000)
    return vendors, milliseconds


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rows = []
    for name, values in (("one vendor", {}), ("every rule", _FULL)):
        router = router_of(**values)
        found = [choices(router)[1] for _ in range(runs)]
        for measure, share in (("median", 0.5), ("99th percentile", 0.99)):
            each = [quantile(one, share) for one in found]
            rows.append(
                Row(
                    measure=f"CPU time of a decision, {name}, {measure}",
                    unit="ms",
                    ours=statistics.median(each),
                    limit="<= 0.2",
                    runs=each,
                )
            )
    router = router_of(**_FULL)
    first, again = choices(router)[0], choices(router)[0]
    off = max(abs(first.count(vendor) / _PEOPLE * 100 - share) for vendor, share in _SHARES.items())
    rows.append(
        Row(measure="largest error of a share", unit="points", ours=off, limit="<= 1, of 10,000 people")
    )
    changed = sum(one != other for one, other in zip(first, again, strict=True))
    rows.append(Row(measure="people whose vendor changed", unit="people", ours=changed, limit="0"))
    report("routing", rows)


if __name__ == "__main__":
    main()
