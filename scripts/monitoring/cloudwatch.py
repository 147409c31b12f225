"""The alarms as locals of Terraform, from which terraform/alarms.tf makes metric filters and alarms."""

from collections.abc import Iterator, Mapping

from scripts.monitoring.table import (
    BalancerMetric,
    CloudWatch,
    LogMetric,
    Table,
    VendorCloudWatch,
    number_text,
    seconds_of,
)

_COMPARES = {
    "<": "LessThanThreshold",
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
}
#: The longest period of an alarm. Source: Amazon CloudWatch, PutMetricAlarm.
_LONGEST_SECONDS = 86_400
Value = str | float | tuple[str, ...] | None
Row = Mapping[str, Value]


def locals_text(table: Table) -> str:
    """Return the block ``locals``."""
    parts = {
        "log_metrics": {metric.name: _log_row(table, metric) for metric in _log_metrics(table)},
        "alarms": dict(_alarms(table)),
        "percent_alarms": dict(_percent_alarms(table)),
        "vendor_metrics": {metric.name: _log_row(table, metric) for metric in _vendor_metrics(table)},
    }
    lines = ["locals {"]
    for name, rows in parts.items():
        width = max(map(len, rows))
        lines += [f"  {name} = {{"]
        lines += [f"    {key:<{width}} = {_object(row)}" for key, row in rows.items()]
        lines += ["  }", ""]
    numbers = {
        "vendor_error_percent": number_text(table.numbers["vendor_error_percent"]),
        "vendor_least_calls": number_text(table.numbers["vendor_least_calls"]),
        "vendor_seconds": number_text(_vendor_alarm(table).seconds),
        "burn_least_events": number_text(table.numbers["burn_least_events"]),
        "vendor_error_percents": _object(
            {f'"{name}"': percent for name, percent in table.vendor_error_percents.items()}
        ),
        "collected": _value(_collected(table)),
        "balancer_metrics": _value(
            tuple(sorted({one.balancer for one in _summed(table) if isinstance(one, BalancerMetric)}))
        ),
    }
    width = max(map(len, numbers))
    lines += [f"  {name:<{width}} = {value}" for name, value in numbers.items()]
    return "\n".join([*lines, "}", ""])


def _alarms(table: Table) -> Iterator[tuple[str, Row]]:
    """Yield the alarms over one metric."""
    for name, alarm in table.alarms.items():
        one = alarm.cloudwatch
        if not isinstance(one, CloudWatch):
            continue
        threshold = one.threshold
        if threshold is None:
            threshold = (alarm.threshold or 0) * one.scale
        yield (
            name,
            {
                "metric": one.log.name if one.log else one.gauge or one.counter,
                "collected": "false" if one.log else "true",
                "statistic": one.statistic,
                "compare": _COMPARES[one.compare],
                "threshold": threshold,
                "period": one.seconds,
                "periods": one.periods,
                "missing": one.missing,
            },
        )


def _percent_alarms(table: Table) -> Iterator[tuple[str, Row]]:
    """Yield the alarms about objectives: over the first long window of their burn, or a day."""
    for name, alarm in table.alarms.items():
        if alarm.burn is None:
            continue
        objective = table.objectives[alarm.burn.objective]
        burn = table.burns[alarm.burn.speed][0]
        yield (
            name,
            {
                "bad": tuple(metric.name for metric in objective.cloudwatch.bad),
                "all": tuple(metric.name for metric in objective.cloudwatch.all),
                "threshold": round(burn.factor * objective.budget * 100, 6),
                "period": min(seconds_of(burn.long), _LONGEST_SECONDS),
            },
        )


def _log_metrics(table: Table) -> Iterator[LogMetric]:
    """Yield every metric filter but those by vendor."""
    for alarm in table.alarms.values():
        if isinstance(alarm.cloudwatch, CloudWatch) and alarm.cloudwatch.log:
            yield alarm.cloudwatch.log
    for metric in _summed(table):
        if isinstance(metric, LogMetric):
            yield metric


def _summed(table: Table) -> Iterator[LogMetric | BalancerMetric]:
    """Yield the metrics of the objectives."""
    for objective in table.objectives.values():
        yield from objective.cloudwatch.bad
        yield from objective.cloudwatch.all


def _vendor_alarm(table: Table) -> VendorCloudWatch:
    """Return the one alarm that every vendor has."""
    (found,) = (
        alarm.cloudwatch for alarm in table.alarms.values() if isinstance(alarm.cloudwatch, VendorCloudWatch)
    )
    return found


def _vendor_metrics(table: Table) -> tuple[LogMetric, LogMetric]:
    """Return the metric filters by vendor."""
    alarm = _vendor_alarm(table)
    return alarm.calls, alarm.errors


def _collected(table: Table) -> tuple[str, ...]:
    """Return the names of /metrics that alarms read, which the agent has to collect."""
    names = {
        name
        for alarm in table.alarms.values()
        if isinstance(alarm.cloudwatch, CloudWatch)
        for name in (alarm.cloudwatch.gauge, alarm.cloudwatch.counter)
        if name
    }
    return tuple(sorted(names))


def _log_row(table: Table, metric: LogMetric) -> Row:
    """Return one metric filter."""
    failures = " || ".join(f'($.end_state = "{end}")' for end in table.failures)
    return {
        "roles": metric.roles,
        "pattern": metric.pattern.replace("{failures}", f"({failures})"),
        "value": metric.value,
        "default": None if metric.default is None else str(metric.default),
    }


def _object(row: Row) -> str:
    """Return an object on one line."""
    if not row:
        return "{}"
    return "{ " + ", ".join(f"{name} = {_value(value)}" for name, value in row.items()) + " }"


def _value(value: Value) -> str:
    """Return an expression."""
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        if value in {"true", "false"}:
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${") + '"'
    return number_text(value) if value < 10_000 else str(int(value))  # noqa: PLR2004 - no exponents
