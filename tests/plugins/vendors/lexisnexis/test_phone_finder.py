"""Phone Finder by both versions of the API and through the other platform."""

import json

import pytest
from tests.plugins.vendors.lexisnexis.conftest import ddp, item, parameters, put, rdp

from proofing.contracts.results import FraudSignal, LineType, Match, Outcome
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by

NAMES = ["phone_finder", "phone_finder_v3", "phone_finder_ddp"]
SETTINGS = {
    "AccountNumber": "acct1",
    "Mode": "testing",
    "Reference": "77:0b6e",
    "Locale": "en_US",
    "Venue": "online",
}
PERSON = {
    "Name": {"FirstName": "Ada", "LastName": "Quill"},
    "SSN": {"Number": "900123456", "Type": "ssn9"},
    "Phones": [{"Number": "7035550100"}],
}
NOT_THE_NAME = "Failed - Input phone number could not be verified to name"
RISK = "Fail - Risk Indicators match determined"


def wrap(name, nested):
    """Return *nested* as the platform of a proofer sends it."""
    return ddp(nested, "policy-pf-1", "Phone Finder") if name == "phone_finder_ddp" else nested


def finder(status, *items):
    """Return the product that looks at the phone."""
    details = parameters("PRIMARY_PHONE", ListingName="ADA QUILL", PhoneType="MOBILE")
    return {
        "ProductType": "PhoneFinder",
        "ExecutedStepName": "PhoneFinder",
        "ProductStatus": status,
        "Items": list(items),
        "ParameterDetails": details,
    }


def decision(status, why):
    """Return the product that decides."""
    return {
        "ProductType": "PhoneFinder_Decision",
        "ExecutedStepName": "PhoneFinder Checks",
        "ProductStatus": status,
        "ProductReason": {"Code": "phone_finder_fail", "Description": why},
    }


@pytest.mark.parametrize("phone", ["7035550100", "+1 703-555-0100", "(703) 555-0100"])
async def test_the_request_of_the_second_version(phone):
    """One person, without an address; texts as parts of the date; ten digits of the phone."""
    _result, request = await put("phone_finder", rdp("passed"), phone=phone)
    assert str(request.url) == "https://rdp.example.test/restws/identity/v2/acct1/pf.workflow/conversation"
    assert json.loads(request.content) == {
        "Settings": SETTINGS,
        "Person": {**PERSON, "DateOfBirth": {"Year": "1985", "Month": "3", "Day": "7"}},
    }


async def test_the_request_of_the_third_version():
    """A list of people, and numbers as parts of the date."""
    _result, request = await put("phone_finder_v3", rdp("passed"))
    path = "/restws/identity/v3/accounts/acct1/workflows/pf.workflow/conversations"
    assert str(request.url) == f"https://rdp.example.test{path}"
    assert json.loads(request.content) == {
        "Type": "Initiate",
        "Settings": SETTINGS,
        "Persons": [
            {**PERSON, "DateOfBirth": {"Year": 1985, "Month": 3, "Day": 7}, "Context": "primary"},
        ],
    }


@pytest.mark.parametrize("ssn", ["900123456", None])
async def test_the_request_of_the_other_platform(ssn):
    """Without an address; without an SSN its type is empty, too."""
    _result, request = await put("phone_finder_ddp", wrap("phone_finder_ddp", rdp("passed")), ssn=ssn)
    assert str(request.url) == "https://ddp.example.test/api/attribute-query"
    assert "authorization" not in request.headers
    assert json.loads(request.content) == {
        "api_key": "demo-api-key-1",
        "org_id": "org-of-ours-1",
        "policy": "policy-pf-1",
        "service_type": "all",
        "event_type": "ACCOUNT_CREATION",
        "customer_event_type": "phone_finder",
        "account_first_name": "Ada",
        "account_last_name": "Quill",
        "account_date_of_birth": "19850307",
        "account_telephone": "7035550100",
        "national_id_number": ssn or "",
        "national_id_type": "US_SSN" if ssn else "",
        "local_attrib_1": "77",
        "local_attrib_3": "0b6e",
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("phone", [None, "555-0100", "+44 20 7946 0018"])
async def test_without_a_phone_of_this_country_nobody_is_asked(name, phone):
    """It would be charged."""
    with pytest.raises(VendorError, match="no phone number", check=caused_by(Cause.BAD_REQUEST)):
        await put(name, wrap(name, rdp("passed")), phone=phone)


@pytest.mark.parametrize("name", NAMES)
async def test_a_yes_has_failed_checks_as_a_matter_of_course(name):
    """A wireless phone is one; codes of checks are kept, also with parentheses, and personal data is not."""
    checks = [
        item("WirelessServiceType", "fail", "WirelessServiceType.LOW"),
        item("EmailCount(Month)", "fail", "EmailCount(Month).HIGH"),
        item("1stFirstSeenDate", "fail", "1stFirstSeenDate.MEDIUM"),
    ]
    answer = rdp("passed", finder("pass", *checks), code="phone_finder_pass")
    result, _request = await put(name, wrap(name, answer))
    assert result.passed
    assert result.vendor_name == f"lexisnexis:{name}"
    assert result.attributes == {"phone": Match.MATCH}
    assert result.reasons == ()
    assert result.vendor_codes == (
        "phone_finder_pass",
        "WirelessServiceType.LOW",
        "EmailCount_Month.HIGH",
        "1stFirstSeenDate.MEDIUM",
    )
    assert result.transaction_id == "81"
    assert "QUILL" not in repr(result)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("products", "match", "reasons"),
    [
        ([finder("pass"), decision("fail", NOT_THE_NAME)], Match.MISMATCH, ("phone_mismatch",)),
        ([finder("fail"), decision("fail", NOT_THE_NAME)], Match.MISMATCH, ("phone_mismatch", "phone_risk")),
        ([finder("fail"), decision("fail", RISK)], Match.NOT_CHECKED, ("phone_risk",)),
        ([finder("pass"), decision("fail", RISK)], Match.NOT_CHECKED, ("phone_risk",)),
        ([decision("fail", NOT_THE_NAME)], Match.MISMATCH, ("phone_mismatch",)),
        (
            [decision("fail", NOT_THE_NAME), decision("fail", RISK)],
            Match.MISMATCH,
            ("phone_mismatch", "phone_risk"),
        ),
        ([finder("fail")], Match.NOT_CHECKED, ("phone_risk",)),
        ([finder("pass"), decision("fail", "Ada Quill")], Match.NOT_CHECKED, ()),
        ([], Match.NOT_CHECKED, ()),
    ],
)
async def test_why_a_no(name, products, match, reasons):
    """A name that differs is not a risk: after the first alone another vendor may know more."""
    result, _request = await put(name, wrap(name, rdp("failed", *products, code="phone_finder_fail")))
    assert result.outcome is Outcome.FAILED
    assert result.attributes == {"phone": match}
    assert result.reasons == reasons
    assert result.fraud_signals == ({FraudSignal.HIGH_RISK} if "phone_risk" in reasons else set())
    assert "Quill" not in repr(result)


@pytest.mark.parametrize(("name", "reference"), [("phone_finder", "77:0b6e"), ("phone_finder_v3", "77:0b6e")])
async def test_the_reference_comes_back(name, reference):
    """Where the answer has it: the newer shape has none."""
    result, _request = await put(name, rdp("passed"))
    assert (result.reference, result.vendor_workflow) == (reference, "pf.workflow")
    answer = rdp("passed")
    del answer["Status"]["Reference"]
    result, _request = await put(name, answer)
    assert result.passed
    assert result.reference is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("items", "line"),
    [
        ([item("WirelessServiceType", "fail", "WirelessServiceType.LOW")], LineType.MOBILE),
        ([item("LandlineServiceType", "fail", "LandlineServiceType.LOW")], LineType.LANDLINE),
        ([item("VOIPPhone", "fail", "VOIPPhone.MEDIUM")], LineType.VOIP),
        # A number over the internet that takes text messages is one over the internet.
        ([item("WirelessServiceType", "fail"), item("VOIPPhone", "fail")], LineType.VOIP),
        ([item("VOIPPhone"), item("LandlineServiceType"), item("WirelessServiceType")], None),
        ([item("VOIPPhone", "error"), item("UnknownServiceType", "fail")], None),
        ([], None),
    ],
)
async def test_the_line_by_the_indicators_that_hold(name, items, line):
    """An indicator that is not passed is one that holds, whatever the verdict is."""
    for verdict in ("passed", "failed"):
        answer = rdp(verdict, finder("pass", *items), decision("pass", ""))
        result, _request = await put(name, wrap(name, answer))
        assert result.line_type is line


@pytest.mark.parametrize("name", NAMES)
async def test_the_older_shape_has_no_checks(name):
    """Another product next to it, and raw data of the vendor's, which nobody reads."""
    discovery = {"ProductType": "Discovery", "ExecutedStepName": "Find", "ProductStatus": "pass"}
    older = {key: value for key, value in finder("pass").items() if key not in {"Items", "ParameterDetails"}}
    raw = [{"Type": "RAW", "Data": '{"name": "Ada Quill"}'}]
    result, _request = await put(name, wrap(name, rdp("passed", discovery, older, PassThroughs=raw)))
    assert result.passed
    assert "Quill" not in repr(result)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "answer",
    [
        rdp("error", code="connection_failed"),
        rdp("sure"),
        rdp("passed", finder("sure")),
        rdp("passed", finder("pass", item("VOIPPhone", "sure"))),
    ],
)
async def test_no_answer(name, answer):
    """Errors, and words that nobody knows."""
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE, Cause.NONSENSE)):
        await put(name, wrap(name, answer))
