"""Maintenance windows of the states' systems: when each begins, as in cron, and how long it lasts.

Fields of a cron expression: minute, hour, day of the month, month, day of the week; each ``*``, numbers,
ranges, steps (``*/2``, ``1-5/2``) or a list of them. Days of the week are ``0`` to ``7`` or ``sun`` to
``sat``; ``sun#2`` is the second Sunday of a month. As in cron, a day counts when either of its two fields
names it, where both are given.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: The zone in which AAMVA announces windows.
ZONE = "America/New_York"
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: By field: the least and the greatest number.
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_ITEM = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)
_NTH = re.compile(r"([0-7])#([1-5])", re.ASCII)
_DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something begins.

    Attributes:
        weekdays: 0 is Sunday.
        nth_weekdays: weekday and its number in the month, from 1.
        any_day, any_weekday: whether the day of the month, or of the week, does not matter.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read a cron expression.

        Raises:
            ValueError: it is not one.
        """
        fields = text.lower().split()
        if len(fields) != len(_BOUNDS):
            raise ValueError("must have five fields: minute, hour, day of the month, month, day of the week")
        for number, name in enumerate(_WEEKDAYS):
            fields[-1] = fields[-1].replace(name, str(number))
        plain, nth = [], set()
        for item in fields[-1].split(","):
            if found := _NTH.fullmatch(item):
                nth.add((int(found[1]) % _DAYS_PER_WEEK, int(found[2])))
            else:
                plain.append(item)
        weekdays = _numbers(",".join(plain), *_BOUNDS[-1]) if plain else frozenset()
        minutes, hours, days, months = (
            _numbers(field, *bounds) for field, bounds in zip(fields[:-1], _BOUNDS[:-1], strict=True)
        )
        return cls(
            minutes=minutes,
            hours=hours,
            days=days,
            months=months,
            weekdays=frozenset(number % _DAYS_PER_WEEK for number in weekdays),
            nth_weekdays=frozenset(nth),
            any_day=fields[2] == "*",
            any_weekday=fields[4] == "*",
        )

    def names(self, day: date) -> bool:
        """Return whether something begins on *day*."""
        weekday = day.isoweekday() % _DAYS_PER_WEEK
        nth = (day.day - 1) // _DAYS_PER_WEEK + 1
        by_month = day.day in self.days
        by_week = weekday in self.weekdays or (weekday, nth) in self.nth_weekdays
        if self.any_day or self.any_weekday:
            return day.month in self.months and by_month and by_week
        return day.month in self.months and (by_month or by_week)


@dataclass(frozen=True, slots=True)
class Window:
    """A window that comes again and again."""

    begins: Schedule
    duration: timedelta

    def is_open(self, now: datetime) -> bool:
        """Return whether *now*, which knows its zone, is within: its beginning is, its end is not."""
        zone = ZoneInfo(ZONE)
        return any(
            start <= now < start + self.duration for start in self._starts(now.astimezone(zone).date(), zone)
        )

    def _starts(self, today: date, zone: ZoneInfo) -> Iterable[datetime]:
        """Yield, in UTC, each beginning from which it may still be open *today*."""
        for back in range(self.duration.days + 2):
            day = today - timedelta(days=back)
            if not self.begins.names(day):
                continue
            for hour in self.begins.hours:
                for minute in self.begins.minutes:
                    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    yield local.astimezone(UTC)


def has_zone() -> bool:
    """Return whether this system knows the zone of the windows."""
    try:
        ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        return False
    return True


def _numbers(field: str, least: int, greatest: int) -> frozenset[int]:
    """Return the numbers that a field of a cron expression names."""
    numbers: set[int] = set()
    for item in field.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            raise ValueError("must be a cron expression")
        first, last, step = (int(group) if group else None for group in found.groups())
        begin = least if first is None else first
        # As in cron, a number with a step begins a range that has no end.
        is_open = first is None or (last is None and step is not None)
        end = greatest if is_open else (last if last is not None else begin)
        if not least <= begin <= end <= greatest or step == 0:
            raise ValueError(f"the field from {least} to {greatest} has another number")
        numbers.update(range(begin, end + 1, step or 1))
    return frozenset(numbers)
