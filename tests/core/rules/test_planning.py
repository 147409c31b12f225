"""Which vendors a resolution job asks: every row of the table of conditions."""

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant
from proofing.contracts.results import Check, Outcome, ResolutionResult, ReviewStatus
from proofing.rules import planning

PASSED = Check(result=ResolutionResult(vendor_name="v", outcome=Outcome.PASSED))
FAILED = Check(result=ResolutionResult(vendor_name="v", outcome=Outcome.FAILED))
ERROR: Check[ResolutionResult] = Check(error=VendorError(Cause.UNREACHABLE, "x"))


def curable(*attributes):
    """Return a failed check that more verification of *attributes* could cure."""
    return Check(
        result=ResolutionResult(
            vendor_name="v",
            outcome=Outcome.FAILED,
            can_pass_with_additional_verification=True,
            attributes_requiring_additional_verification=frozenset(attributes),
        )
    )


ONE = Applicant(state_id_jurisdiction="ND", document_type_received="drivers_license", phone="7035550100")
SAME = Applicant(
    state_id_jurisdiction="ND", document_type_received="drivers_license", same_address_as_id=True
)
DISTINCT = Applicant(
    state_id_jurisdiction="ND",
    document_type_received="drivers_license",
    same_address_as_id=False,
    address1="1 HOME ST",
    address2="FLAT 2",
    city="HOME",
    state="NY",
    zipcode="11111",
    identity_doc_address1="9 CARD ST",
    identity_doc_city="CARD",
    identity_doc_address_state="ND",
    identity_doc_zipcode="22222",
)


def test_a_device_profile_that_is_off_passes():
    """No collection, no call, no harm."""
    check = planning.plan_device(enabled=False, session_id=None)
    assert check is not None
    assert check.passed
    assert check.skipped == "tmx_disabled"


@pytest.mark.parametrize(("session_id", "has_data"), [(None, True), ("", True), ("abc", False)])
def test_a_device_profile_without_its_data_is_a_reject(session_id, has_data):
    """A person who hides the session does not pass."""
    check = planning.plan_device(enabled=True, session_id=session_id, has_data=has_data)
    assert check is not None
    assert not check.passed
    assert check.result is not None
    assert check.result.review_status is ReviewStatus.REJECT
    assert not check.result.billed


def test_a_device_profile_with_its_data_is_asked():
    """None means: ask."""
    assert planning.plan_device(enabled=True, session_id="abc") is None


def test_the_home_address_is_asked_apart_only_in_the_double_flow():
    """One address: skipped and passed."""
    check = planning.plan_residential_address(ONE)
    assert check is not None
    assert check.passed
    assert check.skipped == "ResidentialAddressNotRequired"
    assert planning.plan_residential_address(SAME) is None
    assert planning.plan_residential_address(DISTINCT) is None


@pytest.mark.parametrize("residential", [PASSED, FAILED, ERROR, curable("address")])
def test_the_same_address_is_not_asked_twice(residential):
    """One address on home and document: the first answer holds for both."""
    assert planning.plan_resolution(SAME, residential) is residential


@pytest.mark.parametrize("residential", [FAILED, ERROR, curable("address")])
def test_a_failed_home_address_ends_it(residential):
    """Two addresses, and the home failed: no second call."""
    check = planning.plan_resolution(DISTINCT, residential)
    assert check is not None
    assert not check.passed
    assert check.skipped == "ResolutionCannotPass"


def test_the_document_address_is_asked_otherwise():
    """With one address, and with two of which the first passed."""
    assert planning.plan_resolution(ONE, Check(skipped="ResidentialAddressNotRequired")) is None
    assert planning.plan_resolution(DISTINCT, PASSED) is None


def test_the_document_address_replaces_the_home():
    """Not a line of the home address stays behind, and the one-address flows change nothing."""
    asked = planning.with_document_address(DISTINCT)
    assert (asked.address1, asked.address2, asked.city) == ("9 CARD ST", None, "CARD")
    assert (asked.state, asked.zipcode) == ("ND", "22222")
    assert planning.with_document_address(ONE) is ONE
    assert planning.with_document_address(SAME) is SAME


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (PASSED, True),
        (FAILED, False),
        (ERROR, False),
        (curable("address"), True),
        (curable("address", "dob", "state_id_number"), True),
        (curable(), False),
        (curable("ssn"), False),
        (curable("address", "dead"), False),
        (curable("unknown"), False),
        (Check(skipped="ResolutionCannotPass", skipped_passes=False), False),
    ],
)
def test_can_still_pass(check, expected):
    """Passed, or curable by nothing but address, birth date and license number."""
    assert planning.can_still_pass(check) is expected
    one_address = planning.plan_state_id(ONE, check)
    assert (one_address is None) is expected
    if one_address is not None:
        assert one_address.skipped == "AamvaCheckSkipped"
    assert (planning.plan_state_id(SAME, check) is None) is expected


@pytest.mark.parametrize(("check", "asked"), [(PASSED, True), (curable("address"), False), (FAILED, False)])
def test_two_addresses_need_a_passed_resolution(check, asked):
    """A curable failure does not do when the addresses differ."""
    assert (planning.plan_state_id(DISTINCT, check) is None) is asked


@pytest.mark.parametrize(
    "applicant",
    [
        Applicant(state_id_jurisdiction="NY", document_type_received="drivers_license"),
        Applicant(state_id_jurisdiction=None, document_type_received="drivers_license"),
        Applicant(state_id_jurisdiction="ND", document_type_received="passport"),
        Applicant(state_id_jurisdiction="ND", document_type_received="passport_card"),
    ],
)
def test_offices_that_do_not_answer_are_not_asked(applicant):
    """Unsupported jurisdictions and passports are skipped, which passes."""
    check = planning.plan_state_id(applicant, PASSED)
    assert check is not None
    assert check.passed
    assert check.skipped == "UnsupportedJurisdiction"


def test_jurisdictions_are_a_setting():
    """An operator's list replaces the default."""
    new_york = Applicant(state_id_jurisdiction="NY", document_type_received="drivers_license")
    assert planning.plan_state_id(new_york, PASSED, jurisdictions={"NY"}) is None


@pytest.mark.parametrize("verified", [frozenset(), frozenset({"address"})])
def test_a_state_id_checked_with_the_document_is_not_asked_again(verified):
    """Its attributes travel with the applicant."""
    check = planning.plan_state_id(ONE, FAILED, verified_with_document=verified)
    assert check is not None
    assert check.skipped == "VerifiedWithDocument"


@pytest.mark.parametrize(
    ("applicant", "selected", "residential", "resolution", "skipped"),
    [
        (ONE, False, PASSED, PASSED, "PhonePrecheckNotSelected"),
        (ONE, True, FAILED, PASSED, "ResolutionCannotPass"),
        (ONE, True, PASSED, curable("address"), "ResolutionCannotPass"),
        (SAME, True, PASSED, PASSED, "NoPhoneNumberAvailable"),
    ],
)
def test_a_phone_that_is_not_pre_checked_is_not_confirmed(
    applicant, selected, residential, resolution, skipped
):
    """A skip of the pre-check never counts as a yes."""
    check = planning.plan_phone_precheck(applicant, residential, resolution, selected=selected)
    assert check is not None
    assert not check.passed
    assert check.skipped == skipped


def test_a_known_phone_is_pre_checked_when_selected():
    """None means: ask."""
    assert planning.plan_phone_precheck(ONE, PASSED, PASSED, selected=True) is None
