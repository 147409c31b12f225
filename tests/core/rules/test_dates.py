"""Dates on documents: the calendar of the person decides, not that of a server."""

from datetime import UTC, date, datetime

import pytest

from proofing.contracts.applicant import JURISDICTIONS
from proofing.rules import dates
from proofing.rules.dates import LAST_ZONE, has_reached_age, is_over


def utc(text):
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2026-11-24 00:00", False),
        ("2026-11-24 23:59", False),
        ("2026-11-25 00:00", False),
        ("2026-11-25 11:59", False),
        ("2026-11-25 12:00", True),
        ("2026-11-26 00:00", True),
    ],
)
def test_a_last_day_is_over_when_it_has_ended_everywhere(now, over):
    """Twelve hours after it ended in Greenwich."""
    assert is_over(date(2026, 11, 24), utc(now)) is over


@pytest.mark.parametrize(
    ("jurisdiction", "now", "of_age"),
    [
        # Eighteen on November 24, 2026; standard time.
        ("NY", "2026-11-24 04:59", False),
        ("NY", "2026-11-24 05:00", True),
        ("MT", "2026-11-24 06:59", False),
        ("MT", "2026-11-24 07:00", True),
        ("CA", "2026-11-24 07:59", False),
        ("CA", "2026-11-24 08:00", True),
        ("AK", "2026-11-24 09:59", False),
        ("AK", "2026-11-24 10:00", True),
        ("GU", "2026-11-23 13:59", False),
        ("GU", "2026-11-23 14:00", True),
        ("PR", "2026-11-24 04:00", True),
        # Two zones: the later one.
        ("FL", "2026-11-24 05:59", False),
        ("FL", "2026-11-24 06:00", True),
        # Not known: everywhere.
        (None, "2026-11-24 11:59", False),
        (None, "2026-11-24 12:00", True),
        ("XX", "2026-11-24 11:59", False),
    ],
)
def test_an_age_is_reached_when_it_is_reached_in_the_whole_jurisdiction(jurisdiction, now, of_age):
    """A person who turns 18 at midnight is 17 until then; midnight is that of the place."""
    assert has_reached_age(date(2008, 11, 24), 18, utc(now), jurisdiction=jurisdiction) is of_age


def test_summer_time_counts():
    """In July midnight in New York comes an hour earlier in UTC; in Arizona it does not."""
    born = date(2008, 7, 4)
    assert has_reached_age(born, 18, utc("2026-07-04 04:00"), jurisdiction="NY")
    assert not has_reached_age(born, 18, utc("2026-07-04 03:59"), jurisdiction="NY")
    assert not has_reached_age(born, 18, utc("2026-07-04 06:59"), jurisdiction="AZ")
    assert has_reached_age(born, 18, utc("2026-07-04 07:00"), jurisdiction="AZ")


@pytest.mark.parametrize(
    ("now", "of_age"), [("2026-02-28 18:00", False), ("2026-03-01 18:00", True), ("2028-02-29 18:00", True)]
)
def test_a_birthday_on_a_leap_day(now, of_age):
    """In a common year it is March 1."""
    assert has_reached_age(date(2008, 2, 29), 18, utc(now), jurisdiction="NY") is of_age


@pytest.mark.parametrize("jurisdiction", sorted(JURISDICTIONS))
def test_every_jurisdiction_has_its_zone(jurisdiction):
    """None falls back to the strictest, and none is ahead of Guam or behind Adak and Samoa."""
    zone = dates._last_zone_of(jurisdiction)
    assert zone is not LAST_ZONE
    hours = utc("2026-01-15 12:00").astimezone(zone).utcoffset().total_seconds() / 3600
    assert hours in {10, *range(-11, -3)}


def test_without_a_zone_database_the_strictest_answer_holds(monkeypatch):
    """A system without zones lets nobody in too early."""

    def missing(name):
        raise dates.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(dates, "ZoneInfo", missing)
    assert not has_reached_age(date(2008, 11, 24), 18, utc("2026-11-24 11:59"), jurisdiction="NY")
    assert has_reached_age(date(2008, 11, 24), 18, utc("2026-11-24 12:00"), jurisdiction="NY")
