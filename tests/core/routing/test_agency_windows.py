"""Maintenance of licensing agencies: what they announced, cron expressions, New York's clock, summer time."""

import zoneinfo
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from proofing.base.errors import Cause, VendorError
from proofing.contracts.vendor_gates import GateOutcome
from proofing.routing.gates import outcome_of
from proofing.routing.terms import is_agency_in_maintenance
from proofing.rules.state_id import in_maintenance
from proofing.settings import Settings
from proofing.settings.vendor_values import AgencyWindow

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


def is_open(cron, minutes, moment, state="DC", **zone):
    """Return whether a window of DC is open for a *state* at *moment*, in UTC."""
    window = AgencyWindow(cron=cron, minutes=minutes, **zone)
    settings = Settings(**KEYS, state_id_maintenance_windows={"DC": (window,)})
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    return is_agency_in_maintenance(settings, state, at)


def test_what_was_announced():
    """DC, North Carolina and Virginia by default; a map of one's own replaces them all."""
    night, morning = (datetime(2026, 1, 15, hour, 15, tzinfo=UTC).timestamp() for hour in (5, 10))
    states = ("DC", "NC", "VA", "ND", None)
    settings = Settings(**KEYS)
    found = [[is_agency_in_maintenance(settings, state, at) for state in states] for at in (night, morning)]
    assert found == [[True, True, False, False, False], [True, True, True, False, False]]
    assert not is_open("0 0 * * *", 60, "2026-01-15T05:15:00", state="NC")


@pytest.fixture
def without_time_zones():
    """Take the time zones away from this process."""
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("without_time_zones")
def test_a_system_without_time_zones():
    """It has none of the windows that were announced, as they block nothing, and refuses those of others."""
    assert Settings(**KEYS).state_id_maintenance_windows == {}
    with pytest.raises(ValidationError, match="must be a time zone of the system"):
        AgencyWindow(cron="0 0 * * *", minutes=5)


def test_the_maintenance_of_an_agency_is_no_fault_of_its_vendor():
    """Forty-nine others answer; one that the vendor itself announces is its own."""
    of_agency = in_maintenance(VendorError(Cause.SOURCE_DOWN, "away"))
    assert of_agency.cause is Cause.MAINTENANCE
    assert outcome_of(of_agency) is GateOutcome.ANSWERED
    assert outcome_of(in_maintenance(VendorError(Cause.TIMEOUT, "away"))) is GateOutcome.FAULT
    unknown = in_maintenance(VendorError(Cause.MAINTENANCE, "away"))
    assert unknown.cause is Cause.MAINTENANCE
    assert outcome_of(unknown) is GateOutcome.NOTHING, "nobody knows whose it is"
    assert outcome_of(VendorError(Cause.MAINTENANCE, "away")) is GateOutcome.FAULT


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


@pytest.mark.parametrize(("zone", "expected"), [("America/Chicago", False), ("America/New_York", True)])
def test_a_zone_of_its_own(zone, expected):
    """An agency may announce its windows by its own clock."""
    assert is_open("0 0 * * *", 60, "2026-01-15T05:30:00", time_zone=zone) is expected
