"""Maintenance windows: cron expressions, New York's clock, and summer time."""

from datetime import UTC, datetime, timedelta

import pytest

from proofing_aamva.windows import Schedule, Window


def is_open(cron, minutes, moment):
    """Return whether a window is open at *moment*, in UTC."""
    window = Window(Schedule.parse(cron), timedelta(minutes=minutes))
    return window.is_open(datetime.fromisoformat(moment).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("cron", "minutes", "moment", "expected"),
    [
        # Midnight in New York is 5:00 UTC in winter and 4:00 in summer.
        ("0 0 * * *", 360, "2026-01-15T04:59:59", False),
        ("0 0 * * *", 360, "2026-01-15T05:00:00", True),
        ("0 0 * * *", 360, "2026-01-15T10:59:59", True),
        ("0 0 * * *", 360, "2026-01-15T11:00:00", False),
        ("0 0 * * *", 360, "2026-07-15T04:00:00", True),
        ("0 5 * * *", 30, "2026-01-15T10:29:00", True),
        ("0 5 * * *", 30, "2026-01-15T10:30:00", False),
        # It lasts as long as it lasts, also over the change to summer time and over days.
        ("0 0 * * *", 360, "2026-03-08T10:59:00", True),
        ("0 22 * * sat", 240, "2026-01-18T06:59:00", True),
        ("0 22 * * sat", 240, "2026-01-18T07:00:00", False),
        ("0 0 1 * *", 4320, "2026-02-03T23:00:00", True),
        # 2026-01-18 is the third Sunday of January.
        ("0 1 * * sun", 60, "2026-01-18T06:30:00", True),
        ("0 1 * * 7", 60, "2026-01-18T06:30:00", True),
        ("0 1 * * SUN#3", 60, "2026-01-18T06:30:00", True),
        ("0 1 * * sun#2", 60, "2026-01-18T06:30:00", False),
        ("0 1 * * sun#1,0#3", 60, "2026-01-18T06:30:00", True),
        ("0 1 * * mon-fri", 60, "2026-01-18T06:30:00", False),
        # Either of two days counts, as in cron.
        ("0 1 18 * mon", 60, "2026-01-18T06:30:00", True),
        ("0 1 17 * sun", 60, "2026-01-18T06:30:00", True),
        ("0 1 17 * mon", 60, "2026-01-18T06:30:00", False),
        ("0 1 18 2-12 *", 60, "2026-01-18T06:30:00", False),
        ("*/20 1-3/2,23 * 1 *", 5, "2026-01-18T06:24:00", True),
        ("*/20 1-3/2,23 * 1 *", 5, "2026-01-18T06:26:00", False),
        ("10/20 1 * * *", 5, "2026-01-18T06:31:00", True),
    ],
)
def test_when_a_window_is_open(cron, minutes, moment, expected):
    """From its beginning, and not at its end."""
    assert is_open(cron, minutes, moment) is expected


@pytest.mark.parametrize(
    "cron",
    [
        *("", "0 0 * *", "0 0 * * * *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *"),
        *("0 0 * * 8", "0 0 * * sun#6", "0 0 * * someday", "5-1 0 * * *", "*/0 0 * * *", "-1 0 * * *"),
        *("0 0 * * *#2", "a 0 * * *", "1, 0 * * *", "٣ 0 * * *", "0 0 ? * *"),
    ],
)
def test_other_texts_are_refused(cron):
    """Never ignored: a window that cannot be read must stop the start."""
    with pytest.raises(ValueError, match=r"five fields|cron expression|another number"):
        Schedule.parse(cron)
