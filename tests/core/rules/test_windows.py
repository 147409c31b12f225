"""Maintenance windows: their ends, time zones and changes of the clock."""

from datetime import UTC, datetime

import pytest

from proofing.rules.windows import OneTimeWindow, RecurringWindow

NEW_YORK = "America/New_York"


def at(text):
    """Return a moment in seconds."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def test_once():
    """Its start belongs to it, its finish does not."""
    window = OneTimeWindow(vendor="v", start=100.0, finish=200.0)
    assert [window.open_until(moment) for moment in (99.9, 100.0, 199.9, 200.0)] == [None, 200.0, 200.0, None]


@pytest.mark.parametrize(
    ("cron", "minutes", "zone", "moment", "until"),
    [
        ("0 0 * * *", 360, NEW_YORK, "2026-01-15T00:00:00-05:00", "2026-01-15T06:00:00-05:00"),
        ("0 0 * * *", 360, NEW_YORK, "2026-01-15T05:59:59-05:00", "2026-01-15T06:00:00-05:00"),
        ("0 0 * * *", 360, NEW_YORK, "2026-01-15T06:00:00-05:00", None),
        ("0 0 * * *", 360, NEW_YORK, "2026-01-14T23:59:59-05:00", None),
        # In summer the same hour of the wall is another one of UTC.
        ("0 0 * * *", 360, NEW_YORK, "2026-07-15T09:59:59", "2026-07-15T10:00:00"),
        ("0 0 * * *", 360, "UTC", "2026-07-15T05:59:59", "2026-07-15T06:00:00"),
        ("0 5 * * *", 30, NEW_YORK, "2026-01-15T05:29:00-05:00", "2026-01-15T05:30:00-05:00"),
        ("0 2 * * SUN", 30, "UTC", "2026-11-29T02:10:00", "2026-11-29T02:30:00"),
        ("0 2 * * SUN", 30, "UTC", "2026-11-30T02:10:00", None),
        # Over midnight, and longer than the time between two starts.
        ("30 23 * * *", 60, "UTC", "2026-11-30T00:15:00", "2026-11-30T00:30:00"),
        ("*/10 * * * *", 15, "UTC", "2026-11-30T00:19:00", "2026-11-30T00:25:00"),
        # 02:30 is skipped in spring: the window begins when the clock changes.
        ("30 2 * * *", 30, NEW_YORK, "2026-03-08T03:10:00-04:00", "2026-03-08T03:30:00-04:00"),
        # 01:30 comes twice in fall: the window opens once.
        ("30 1 * * *", 30, NEW_YORK, "2026-11-01T01:40:00-04:00", "2026-11-01T01:00:00-05:00"),
        ("30 1 * * *", 30, NEW_YORK, "2026-11-01T01:40:00-05:00", None),
    ],
)
def test_again_and_again(cron, minutes, zone, moment, until):
    """By the wall clock of its zone."""
    window = RecurringWindow(vendor="v", cron=cron, minutes=minutes, time_zone=zone)
    assert window.open_until(at(moment)) == (None if until is None else at(until))
