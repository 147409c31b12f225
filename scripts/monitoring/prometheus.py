"""The alarms as rules of Prometheus."""

import re
from typing import Any

from scripts.monitoring.table import Alarm, Burn, Objective, Table, number_text, seconds_of

#: Without a URL of the runbook, links are paths of the repository.
RUNBOOK = "docs/runbook"
_WINDOW = re.compile(r"\[(\d+[smhd])\]")


def rule_file(table: Table, *, runbook: str = RUNBOOK, scale: float = 1) -> dict[str, Any]:
    """Return the rule file.

    Args:
        table: of alarms.
        runbook: URL of the folder of the runbook.
        scale: factor of every window and duration; tests shorten them, thresholds stay.
    """
    rules = []
    for name, alarm in table.alarms.items():
        rule: dict[str, Any] = {
            "alert": name,
            "expr": _WINDOW.sub(lambda found: f"[{_scaled(found[1], scale)}]", expression(table, alarm)),
        }
        if alarm.holds != "0s":
            rule["for"] = _scaled(alarm.holds, scale)
        rule["labels"] = {"severity": alarm.severity}
        rule["annotations"] = {
            "summary": table.fill(alarm.summary, alarm),
            "runbook_url": f"{runbook}/{name}.md",
        }
        rules.append(rule)
    return {"groups": [{"name": "proofing", "rules": rules}]}


def expression(table: Table, alarm: Alarm) -> str:
    """Return the PromQL of an alarm."""
    if alarm.burn is not None:
        objective = table.objectives[alarm.burn.objective]
        return "\nor ".join(_burn(table, objective, burn) for burn in table.burns[alarm.burn.speed])
    text = alarm.expression or ""
    usual = table.fill(text, alarm)
    if "{vendor_error_percent}" not in text or not table.vendor_error_percents:
        return usual
    own = {_vendor(name): percent for name, percent in table.vendor_error_percents.items()}
    for selector in own:
        usual += f"\nunless on (vendor, product) {selector}"
    parts = [
        f"{table.fill(text, alarm, vendor_error_percent=percent)}\nand on (vendor, product) {selector}"
        for selector, percent in own.items()
    ]
    return "\nor ".join(f"({part})" for part in [usual, *parts])


def _burn(table: Table, objective: Objective, burn: Burn) -> str:
    """Return when *burn* is exceeded over both windows, by more than single events."""

    def over(part: str, window: str) -> str:
        return f"({table.fill(part).replace('WINDOW', window)})"

    limit = number_text(round(burn.factor * objective.budget, 9))
    parts = [
        f"{over(objective.bad, window)} / {over(objective.all, window)} > {limit}"
        for window in (burn.long, burn.short)
    ]
    bad = over(objective.bad.replace("rate(", "increase("), burn.long)
    parts.append(f"{bad} >= {number_text(table.numbers['burn_least_events'])}")
    return "(" + "\nand ".join(parts) + ")"


def _vendor(name: str) -> str:
    """Return the selector of the calls of a vendor, or of one of its products."""
    vendor, _, product = name.partition(":")
    return f'proofing_vendor_calls_total{{vendor="{vendor}"' + (f',product="{product}"}}' if product else "}")


def _scaled(duration: str, scale: float) -> str:
    """Return *duration* times *scale*, as Prometheus reads it."""
    return duration if scale == 1 else f"{max(1, round(seconds_of(duration) * scale * 1000))}ms"
