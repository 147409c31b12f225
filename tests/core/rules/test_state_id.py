"""What the licensing agencies' answers mean."""

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant
from proofing.contracts.results import Check, Match, Outcome, StateIDResult
from proofing.rules.state_id import JURISDICTIONS, OFFICE_CAUSES, bypass_error, is_office_error, judge_matches

ALL = dict.fromkeys(
    (
        *("state_id_number", "dob", "last_name", "first_name"),
        *("state_id_expiration", "address1", "address2", "city", "state", "zipcode"),
    ),
    Match.MATCH,
)
PERSON = Applicant(first_name="FAKEY", last_name="MCFAKERSON")


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_a_person_with_one_name_needs_one_match(name):
    """The name that the person does not have is not requested; the one they have must match."""
    other = {"first_name": "last_name", "last_name": "first_name"}[name]
    matches = {key: match for key, match in ALL.items() if key != other}
    assert judge_matches(matches, Applicant(**{name: "FAKEY"})).passed
    assert judge_matches(matches, PERSON).errors == {other: "MISSING"}
    del matches[name]
    assert judge_matches(matches, Applicant(**{name: "FAKEY"})).errors == {name: "MISSING"}


def test_everything_matches():
    """All required attributes match: passed, and the address is verified in place of its parts."""
    verdict = judge_matches(ALL, PERSON)
    assert verdict.passed
    assert not verdict.errors
    parts = {"address1", "address2", "city", "state", "zipcode"}
    assert verdict.verified_attributes == {*ALL, "address"} - parts


@pytest.mark.parametrize("name", ["state_id_number", "dob", "last_name", "first_name"])
@pytest.mark.parametrize(
    ("match", "code"),
    [
        (Match.MISMATCH, "UNVERIFIED"),
        (Match.UNAVAILABLE, "MISSING"),
        (Match.NOT_CHECKED, "MISSING"),
        (None, "MISSING"),
    ],
)
def test_a_required_attribute_must_match(name, match, code):
    """False is unverified, absent is missing; both fail."""
    matches = {**ALL, name: match} if match else {key: ALL[key] for key in ALL if key != name}
    verdict = judge_matches(matches, PERSON)
    assert not verdict.passed
    assert verdict.errors == {name: code}
    assert name not in verdict.verified_attributes


@pytest.mark.parametrize(
    ("match", "passed"),
    [(Match.MATCH, True), (Match.MISMATCH, False), (Match.UNAVAILABLE, True), (None, True)],
)
def test_expiration_must_match_only_when_answered(match, passed):
    """An expiration date that the office does not give is not held against the person."""
    matches = {**ALL, "state_id_expiration": match} if match else dict(ALL)
    if match is None:
        del matches["state_id_expiration"]
    assert judge_matches(matches, PERSON).passed is passed


@pytest.mark.parametrize("part", ["address1", "city", "state", "zipcode"])
def test_the_address_needs_all_its_parts(part):
    """One part amiss, and the address is not verified; the person still passes."""
    verdict = judge_matches({**ALL, part: Match.MISMATCH}, PERSON)
    assert verdict.passed
    assert "address" not in verdict.verified_attributes


def test_the_second_line_is_ignored():
    """Flats are written in too many ways to be held against anyone."""
    assert "address" in judge_matches({**ALL, "address2": Match.MISMATCH}, PERSON).verified_attributes


def test_nothing_is_no_success():
    """An empty answer verifies nothing."""
    assert not judge_matches({}, PERSON).passed


@pytest.mark.parametrize("cause", Cause)
def test_office_errors_are_reported_by_their_cause(cause):
    """An agency that is down, planned or not, or too slow is its own fault, whatever the code says."""
    expected = cause in {Cause.SOURCE_DOWN, Cause.SOURCE_TIMEOUT, Cause.MAINTENANCE}
    assert is_office_error(VendorError(cause, "x", codes=("0047",))) is expected


def test_no_error_is_not_the_offices():
    """An answer is not a failure."""
    assert not is_office_error(None)


def test_configured_errors_are_bypassed_on_record():
    """A bypassed error passes as skipped, and the skip's name tells; others stay."""
    failed: Check[StateIDResult] = Check(error=VendorError(Cause.SOURCE_TIMEOUT, "x", codes=("0047",)))
    bypassed = bypass_error(failed, {Cause.SOURCE_TIMEOUT})
    assert bypassed.passed
    assert bypassed.skipped == "StateIDExceptionBypassed-source_timeout"
    assert bypass_error(failed, {Cause.SOURCE_DOWN}) is failed
    assert bypass_error(failed, ()) is failed
    answered = Check(result=StateIDResult(vendor_name="v", outcome=Outcome.FAILED))
    assert bypass_error(answered, OFFICE_CAUSES) is answered
    late: Check[StateIDResult] = Check(error=VendorError(Cause.TIMEOUT, "x"))
    assert bypass_error(late, OFFICE_CAUSES) is late


def test_jurisdictions():
    """The list is the field's: North Dakota's office answers, New York's does not."""
    assert len(JURISDICTIONS) == 45
    assert "NY" not in JURISDICTIONS
    assert "ND" in JURISDICTIONS
