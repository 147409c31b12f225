"""The values of the settings of vendors: fallbacks, windows, circuit breakers, prices; each checks itself.

`proofing.settings.routing` has the keys.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from proofing.base.errors import Cause
from proofing.base.recurrence import check_cron, check_time_zone
from proofing.settings.values import Count, Names, Switch

#: Where a fallback is asked unless it says otherwise: the vendor was not asked, or gave no answer. What the
#: person did not finish, or the question itself, would be the same at the next vendor.
NO_ANSWER = tuple(
    cause for cause in Cause if cause not in {Cause.ABANDONED, Cause.BAD_REQUEST, Cause.INTERRUPTED}
)
_MAX_WINDOW_MINUTES = 7 * 24 * 60
#: The zone in which agencies announce their windows.
_AGENCY_ZONE = "America/New_York"
MAX_PERCENT = 100
_CURRENCY = r"^[A-Z]{3}$"


class VendorStatus(StrEnum):
    """What operators say of a vendor. Anything but operational is an outage."""

    #: Asked as usual.
    OPERATIONAL = "operational"
    #: Taken as out.
    PARTIAL_OUTAGE = "partial_outage"
    #: Taken as out.
    FULL_OUTAGE = "full_outage"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _moment(value: object) -> object:
    """Read a moment from a YAML time stamp or a text; one without a zone is nobody's."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a time with its zone, such as 2026-11-30T02:00:00-05:00")
    return value


def _named(text: str) -> str:
    if not text or text != text.strip():
        raise ValueError("must be a name, without spaces around it")
    return text


def _causes(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    if len(set(causes)) < len(causes):
        raise ValueError("must name each cause once")
    if Cause.INTERRUPTED in causes:
        raise ValueError("must not name interrupted: the vendor may have answered, and nobody else is asked")
    return causes


def _people(lists: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    people = [person for listed in lists.values() for person in listed]
    if not all(person.strip() for person in people):
        raise ValueError("must have references of people, and one is empty")
    if len(set(people)) < len(people):
        raise ValueError("must name each person once, of all vendors together")
    return lists


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=0, le=MAX_PERCENT)]
Percentages = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=MAX_PERCENT, allow_inf_nan=False)]], Field(strict=False)
]
VendorName = Annotated[str, AfterValidator(_named)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
AllowList = Annotated[dict[VendorName, Names], Field(strict=False), AfterValidator(_people)]


class VendorFallback(_Model):
    """A vendor that is asked when those before it give no answer."""

    vendor: VendorName = Field(description="Who is asked.")
    after: Annotated[
        tuple[Annotated[Cause, Field(strict=False)], ...],
        Field(strict=False, min_length=1),
        AfterValidator(_causes),
    ] = Field(
        NO_ANSWER,
        description="After which failures of the vendor before it; by default all but abandoned, "
        "bad_request and interrupted. It is also asked when no vendor before it may be.",
    )


class SecondOpinion(_Model):
    """A vendor that is asked when the first answer is no."""

    vendor: VendorName = Field(description="Who is asked.")
    percentage: Percent = Field(100.0, description="Share of people.")


class VendorShadow(_Model):
    """A vendor that is asked in the background, to compare its answers."""

    vendor: VendorName = Field(description="Who is asked.")
    percentage: Percent = Field(5.0, description="Share of questions.")
    per_hour: Count = Field(100, description="Calls in one clock hour, of all processes together.")


class MaintenanceWindow(_Model):
    """A time in which a vendor, or everything, is down for maintenance: once, or again and again."""

    vendor: VendorName | None = Field(None, description="Name of the vendor, or of its product.")
    everything: Switch = Field(default=False, description="The whole product is down, for everybody.")
    start: Moment | None = Field(None, description="When it begins, with a zone.")
    finish: Moment | None = Field(None, description="The first moment after it, with a zone.")
    cron: Annotated[str, AfterValidator(check_cron)] | None = Field(
        None, description="When it begins again and again: the five fields of cron."
    )
    minutes: Annotated[int, Field(ge=1, le=_MAX_WINDOW_MINUTES)] | None = Field(
        None, description="How long after each start of cron."
    )
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field("UTC", description="The zone of cron.")

    @model_validator(mode="after")
    def _is_one_window(self) -> Self:
        if (self.vendor is not None) is self.everything:
            raise ValueError("must name a vendor, or set everything")
        once, again = (self.start, self.finish), (self.cron, self.minutes)
        if not ((all(once) and again == (None, None)) or (all(again) and once == (None, None))):
            raise ValueError("must have start and finish, or cron and minutes")
        if self.start is not None and self.finish is not None and self.start >= self.finish:
            raise ValueError("must finish after it starts")
        if "time_zone" in self.model_fields_set and self.cron is None:
            raise ValueError("must have time_zone with cron only; start and finish have a zone of their own")
        return self


class AgencyWindow(_Model):
    """A time in which the system of a licensing agency is down for maintenance, again and again."""

    cron: Annotated[str, AfterValidator(check_cron)] = Field(
        description="When it begins: the five fields of cron."
    )
    minutes: Annotated[int, Field(ge=1, le=_MAX_WINDOW_MINUTES)] = Field(
        description="How long after each start of cron."
    )
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        _AGENCY_ZONE, description="The zone of cron.", validate_default=True
    )


def announced_windows() -> dict[str, tuple[AgencyWindow, ...]]:
    """Return the windows that agencies have announced.

    They mark answers and block nothing, so a system that knows no time zones does without them.
    """
    try:
        check_time_zone(_AGENCY_ZONE)
    except ValueError:
        return {}
    return {
        "DC": (AgencyWindow(cron="0 0 * * *", minutes=360),),
        "NC": (AgencyWindow(cron="0 0 * * *", minutes=420),),
        "VA": (AgencyWindow(cron="0 5 * * *", minutes=30),),
    }


class BreakerSettings(_Model):
    """When a vendor is not asked for a while."""

    faults: Annotated[int, Field(ge=1, le=1000)] = Field(
        5, description="So many failures in a row, of all processes, open the circuit breaker."
    )
    open_seconds: Seconds = Field(30.0, description="For how long.")
    probe_seconds: Seconds = Field(
        60.0, description="One question is put then; another one if it has not ended after this long."
    )


class VendorPrice(_Model):
    """What one call costs."""

    price: Annotated[
        Decimal, Field(strict=False, ge=0, max_digits=12, decimal_places=6, allow_inf_nan=False)
    ] = Field(description="Of one call.")
    currency: Annotated[str, Field(pattern=_CURRENCY)] = Field("USD", description="Code of ISO 4217.")
