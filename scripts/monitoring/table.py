"""Read deploy/monitoring/alarms.yaml, the one table of alarms, and refuse what no generator understands."""

import re
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy" / "monitoring"
TABLE = FOLDER / "alarms.yaml"
RUNBOOK = ROOT / "docs" / "runbook"

Role = Literal["web", "worker"]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Strict(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LogMetric(_Strict):
    """A metric filter of CloudWatch; *default* is what a period without lines counts as."""

    name: str
    roles: tuple[Role, ...] = ("worker",)
    pattern: str
    value: str = "1"
    default: int | None = None


class CloudWatch(_Strict):
    """An alarm of CloudWatch over one metric of its own; *scale* turns the alarm's unit into the metric's."""

    log: LogMetric | None = None
    gauge: str | None = None
    counter: str | None = None
    statistic: Literal["Sum", "Maximum", "Minimum"]
    compare: Literal["<", ">", ">="]
    threshold: float | None = None
    scale: float = 1
    seconds: int
    periods: int
    missing: Literal["breaching", "notBreaching"]

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(source is not None for source in (self.log, self.gauge, self.counter)) != 1:
            raise ValueError("name exactly one of log, gauge and counter")
        return self


class VendorCloudWatch(_Strict):
    """One alarm a vendor: failed calls in percent of all, within *seconds*."""

    calls: LogMetric
    errors: LogMetric
    seconds: int


class BurnRef(_Strict):
    """Which objective, and how fast its error budget is used up."""

    objective: str
    speed: str


class Alarm(_Strict):
    """One row; see the head of the table."""

    summary: str
    threshold: float | None = None
    severity: Literal["page", "ticket"]
    expression: str | None = None
    burn: BurnRef | None = None
    holds: str = Field("0s", alias="for", pattern=r"^\d+[smhd]$")
    follows: tuple[str, ...] = ()
    cloudwatch: CloudWatch | VendorCloudWatch | str | None = None

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if (self.expression is None) == (self.burn is None):
            raise ValueError("name either an expression or a burn")
        if (self.cloudwatch is None) != (self.burn is not None):
            raise ValueError("name cloudwatch, or why there is none; for a burn it is derived")
        return self


class BalancerMetric(_Strict):
    """A metric that AWS has of the load balancer."""

    balancer: str

    @property
    def name(self) -> str:
        """As AWS calls it."""
        return self.balancer


class Ratio(_Strict):
    """The share of one sum of metrics in another."""

    bad: tuple[LogMetric | BalancerMetric, ...] = Field(min_length=1)
    all: tuple[LogMetric | BalancerMetric, ...] = Field(min_length=1)


class Objective(_Strict):
    """What people may count on, in percent of 30 days, and how CloudWatch counts the same."""

    percent: float = Field(gt=0, lt=100)
    reason: str
    bad: str
    all: str
    cloudwatch: Ratio

    @property
    def budget(self) -> float:
        """Which share may be bad."""
        return round(1 - self.percent / 100, 9)


class Burn(_Strict):
    """A rate of using up an error budget, and its two windows."""

    factor: float
    long: str = Field(pattern=r"^\d+[smhd]$")
    short: str = Field(pattern=r"^\d+[smhd]$")


class Table(_Strict):
    """All of it."""

    numbers: dict[str, float]
    failures: tuple[str, ...]
    vendor_error_percents: dict[str, float]
    objectives: dict[str, Objective]
    burns: dict[str, tuple[Burn, ...]]
    alarms: dict[str, Alarm]

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        for name, alarm in self.alarms.items():
            if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name):
                raise ValueError(f"{name}: names are words of small letters with hyphens between")
            if unknown := set(alarm.follows) - self.alarms.keys() | set(alarm.follows) & {name}:
                raise ValueError(f"{name}: follows: {', '.join(sorted(unknown))} is not another alarm")
            if alarm.burn and (
                alarm.burn.objective not in self.objectives or alarm.burn.speed not in self.burns
            ):
                raise ValueError(f"{name}: there is no such objective or burn")
        return self

    def fill(self, text: str, alarm: Alarm | None = None, **numbers: float) -> str:
        """Return *text* with numbers in place of ``{name}``, and the failures joined for PromQL.

        Raises:
            KeyError: there is no such number.
        """
        known: dict[str, float] = {**self.numbers, **numbers}
        if alarm is not None and alarm.threshold is not None:
            known["threshold"] = alarm.threshold
        values = {name: number_text(value) for name, value in known.items()}
        values["failures"] = "|".join(self.failures)
        return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def load(path: Path = TABLE) -> Table:
    """Return the table in *path*.

    Raises:
        ValueError: something in it is wrong; the message names what.
    """
    return Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def number_text(value: float) -> str:
    """Return *value* as people write it."""
    return f"{value:g}"


def seconds_of(duration: str) -> int:
    """Return the seconds of ``5m``."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]
