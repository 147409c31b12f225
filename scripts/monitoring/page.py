"""The list of alarms for docs/reference/alarms.md."""

import re

from scripts.monitoring import prometheus
from scripts.monitoring.table import Alarm, CloudWatch, Table, number_text

_HEAD = """\
# Alarms

<!-- {made} -->

Each alarm has one name: in Prometheus (`deploy/monitoring/rules.yaml`), in CloudWatch (`terraform/`), and as
a page of the runbook. *page*: somebody has to act now; *ticket*: during the next working day.
*May bring*: alarms that the same reason may cause. `deploy/monitoring/prometheus.yml` is an example
of a configuration, `dashboard.json` a dashboard for Grafana. For an installation with a runbook of its own:
`python -m scripts.monitoring.generate --rules rules.yaml --runbook https://…`

| Alarm | Severity | When | Must last | CloudWatch | May bring |
|---|---|---|---|---|---|
"""
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE = re.compile(r"\{\{ \$value[^}]*\}\}")


def page_text(table: Table, made: str) -> str:
    """Return the page."""
    rows = [
        (
            f"[{name}](../runbook/{name}.md)",
            alarm.severity,
            _VALUE.sub("*n*", _LABEL.sub(r"*\1*", table.fill(alarm.summary, alarm))),
            "" if alarm.holds == "0s" else alarm.holds,
            _cloudwatch(alarm),
            ", ".join(alarm.follows),
        )
        for name, alarm in table.alarms.items()
    ]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return _HEAD.format(made=made) + lines + _objectives(table) + _expressions(table)


def _cloudwatch(alarm: Alarm) -> str:
    """Return what CloudWatch watches, or why nothing."""
    one = alarm.cloudwatch
    if isinstance(one, str):
        return f"none. {one}"
    if isinstance(one, CloudWatch):
        return "log" if one.log else "metric"
    return "one window" if alarm.burn else "log, by vendor"


def _objectives(table: Table) -> str:
    """Return the objectives with their reasons, and the burn rates."""
    lines = ["\n## Objectives\n\n"]
    for name, objective in table.objectives.items():
        lines.append(f"- **{name}: {number_text(objective.percent)} %** over 30 days. {objective.reason}\n")
    lines.append(
        "\n| Speed | Budget used up faster than allowed by | Over | And still over |\n|---|---|---|---|\n"
    )
    for speed, burns in table.burns.items():
        lines += [
            f"| {speed} | {number_text(burn.factor)} | {burn.long} | {burn.short} |\n" for burn in burns
        ]
    least = number_text(table.numbers["burn_least_events"])
    lines.append(f"\nAt least {least} bad events within the longer window.\n")
    return "".join(lines)


def _expressions(table: Table) -> str:
    """Return the PromQL of every alarm."""
    parts = [
        f"`{name}`\n\n```\n{prometheus.expression(table, alarm)}\n```\n"
        for name, alarm in table.alarms.items()
        if alarm.burn is None
    ]
    return "\n## Expressions\n\n" + "\n".join(parts)
