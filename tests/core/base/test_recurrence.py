"""Which texts are cron expressions and time zones; spans are tested in tests/core/rules/test_windows.py."""

import pytest

from proofing.base.recurrence import check_cron, check_time_zone


@pytest.mark.parametrize(
    "cron",
    [
        *("", "0 0 * *", "0 0 * * * *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *"),
        *("0 0 * * 8", "0 0 * * sun#6", "0 0 * * someday", "5-1 0 * * *", "*/0 0 * * *", "-1 0 * * *"),
        *("0 0 * * *#2", "a 0 * * *", "1, 0 * * *", "٣ 0 * * *", "0 0 ? * *", "0 0 31 2 *"),
    ],
)
def test_other_texts_are_refused(cron):
    """Never ignored: a window that cannot be read must stop the start."""
    with pytest.raises(ValueError, match="must have the five fields of cron"):
        check_cron(cron)


@pytest.mark.parametrize("cron", ["0 2 * * SUN", "*/20 1-3/2,23 * jan-mar *", "0 1 * * sun#2", "0 0 L * *"])
def test_cron_expressions(cron):
    """Returned as they are."""
    assert check_cron(cron) == cron


@pytest.mark.parametrize("zone", ["", "New York", "../etc/passwd", "/etc/passwd", "America"])
def test_zones_that_there_are_not(zone):
    """Also what names no zone, but a file or a directory."""
    with pytest.raises(ValueError, match="must be a time zone of the system"):
        check_time_zone(zone)
