"""Times that come again and again, as a cron expression names them in a time zone. Pure.

Cron as Debian reads it, with the names of days and months; ``SUN#2`` is the second Sunday of a month.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Minute, hour, day of the month, month, day of the week.
_FIELDS = 5
#: Times of cron are whole minutes, and what is found for one is asked for again in the same minute.
_MINUTES_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A span that begins at each time of *cron*, in *time_zone*, and lasts so many *minutes*.

    A start that the clock skips in spring is the moment of the change; one that it repeats in fall comes
    once, as in the cron of Debian.
    """

    cron: str
    minutes: int
    time_zone: str

    def open_until(self, at: float) -> float | None:
        """Return when the span ends that is open *at* this moment; None when none is.

        Both are in seconds since the epoch.
        """
        begin = _latest_start(self.cron, self.time_zone, int(at // 60))
        finish = None if begin is None else begin + self.minutes * 60.0
        return finish if finish is not None and at < finish else None


def check_cron(text: str) -> str:
    """Return *text*. Raises `ValueError`: it is no cron expression, or names a day that there is not."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - few settings have one

    rule = "must have the five fields of cron, such as 0 2 * * SUN, and name a day that there is"
    # It takes a sixth field, of seconds.
    if len(text.split()) != _FIELDS:
        raise ValueError(rule)
    try:
        begin = next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError:
        raise ValueError(rule) from None
    if begin is None:
        raise ValueError(rule)
    return text


def check_time_zone(text: str) -> str:
    """Return *text*. Raises `ValueError`: this system knows no zone of this name."""
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise ValueError("must be a time zone of the system, such as America/New_York") from None
    return text


@lru_cache(maxsize=_MINUTES_KEPT)
def _latest_start(cron: str, time_zone: str, minute: int) -> float | None:
    """Return the last time of *cron* that is not after a *minute* since the epoch; None for none."""
    from cronsim import CronSim  # noqa: PLC0415 - few processes have such a window

    end = datetime.fromtimestamp(minute * 60, ZoneInfo(time_zone)) + timedelta(seconds=1)
    begin = next(CronSim(cron, end, reverse=True), None)
    return None if begin is None else begin.timestamp()
