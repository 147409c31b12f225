"""PhoneRisk: what is sent, and what scores and codes come to."""

import json

import httpx
import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import FraudSignal, Match, Outcome
from proofing.plugin import Cause, PluginError, VendorError
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process
from proofing_socure import SocureSettings, proofing_proofers

PERSON = Applicant(
    uuid="u-1",
    first_name="Fakey",
    last_name="McFakerson",
    address1="1 Fake Rd",
    city="Great Falls",
    state="MT",
    zipcode="59010-1234",
    phone="7035550100",
    email="fakey@example.test",
    dob="1938-10-06",
    ssn="900661234",
)
THRESHOLDS = {"phone_risk_correlation_above": 0.5, "phone_risk_score_below": 0.5}
OFFER = next(one for one in proofing_proofers() if one.name == "socure:phone_risk")


def answered(correlation=0.9, risk=0.1, *, correlation_codes=(), risk_codes=(), **body):
    """Return an answer of the module."""
    return httpx.Response(
        200,
        json={
            "referenceId": "p-1",
            "phoneRisk": {"reasonCodes": list(risk_codes), "score": risk, "signals": {"phone": "7035550100"}},
            "namePhoneCorrelation": {"reasonCodes": list(correlation_codes), "score": correlation},
            **body,
        },
    )


async def check(answer, person=PERSON, **section):
    """Ask, and return the result and what was sent."""
    section = {"base_url": "https://sandbox.socure.example", "api_key": "k", **THRESHOLDS, **section}
    settings = SocureSettings(**section)
    vendor = FakeVendor(lambda _request: answer)
    request = ProofingRequest(applicant=person).reduce(OFFER)
    context = make_context(vendor, OFFER, settings)
    return await ask(OFFER.make(settings, make_process()), request, context), vendor.requests


@pytest.mark.parametrize("phone", ["7035550100", "17035550100", "+1 703-555-0100"])
async def test_the_question(phone):
    """Ten national digits, however the phone is spelled; neither SSN nor birth date."""
    _result, (request,) = await check(answered(), PERSON.merge({"phone": phone}))
    assert json.loads(request.content) == {
        "modules": ["phonerisk"],
        "mobileNumber": "7035550100",
        "country": "US",
        "customerUserId": "u-1",
        "firstName": "Fakey",
        "surName": "McFakerson",
        "physicalAddress": "1 Fake Rd",
        "physicalAddress2": None,
        "city": "Great Falls",
        "state": "MT",
        "zip": "59010-1234",
        "email": "fakey@example.test",
        "returnSignals": True,
    }


@pytest.mark.parametrize("phone", [None, "", "555"])
async def test_without_a_phone_nobody_is_asked(phone):
    """Nothing is charged for it."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await check(answered(), PERSON.merge({"phone": phone}))
    assert not caught.value.billed


async def test_a_yes():
    """The signals, which are personal data, are not kept."""
    result, _requests = await check(
        answered(correlation_codes=["I618"], risk_codes=["I614"], customerProfile={"customerUserId": "u-1"})
    )
    assert (result.outcome, result.attributes, result.reasons) == (Outcome.PASSED, {"phone": Match.MATCH}, ())
    assert (result.vendor_name, result.transaction_id, result.reference) == (
        "socure:phone_risk",
        "p-1",
        "u-1",
    )
    assert result.vendor_codes == ("I614", "I618")
    assert "7035550100" not in repr(result)


@pytest.mark.parametrize(
    ("correlation", "risk", "reasons"),
    [
        (0.51, 0.49, ()),
        (1, 0, ()),
        (0.5, 0.49, ("phone_mismatch",)),
        (0.51, 0.5, ("phone_risk",)),
        (0.5, 0.5, ("phone_mismatch", "phone_risk")),
    ],
)
async def test_both_thresholds_are_strict(correlation, risk, reasons):
    """A score that equals its threshold is a no."""
    result, _requests = await check(answered(correlation, risk))
    assert result.reasons == reasons
    assert result.fraud_signals == ({FraudSignal.HIGH_RISK} if "phone_risk" in reasons else set())
    assert result.passed is not bool(reasons)
    assert (result.attributes["phone"] is Match.MISMATCH) is ("phone_mismatch" in reasons)


@pytest.mark.parametrize("section", ["correlation_codes", "risk_codes"])
async def test_codes_that_no_phone_passes_with(section):
    """In either section."""
    answer = answered(**{section: ["R601"]})
    result, _requests = await check(answer, phone_risk_auto_fail_codes=["R601"])
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("refused_reason_code",))
    assert result.fraud_signals == {FraudSignal.HIGH_RISK}
    assert (await check(answer))[0].passed


@pytest.mark.parametrize(
    ("codes", "only_the_name"),
    [
        (["R610"], True),
        (["R610", "I618"], True),
        (["R610", "R611"], True),
        (["R610", "R999"], False),
        (["R999"], False),
        (["I618"], False),
        ([], False),
    ],
)
async def test_a_no_that_says_no_more_than_that_the_name_differs(codes, only_the_name):
    """Another vendor may know better. Informational codes do not count."""
    result, _requests = await check(
        answered(0.1, correlation_codes=codes), phone_risk_name_mismatch_codes=["R610", "R611"]
    )
    assert result.reasons == ("phone_mismatch", *(["name_mismatch"] if only_the_name else []))


async def test_a_yes_with_a_name_mismatch_is_a_yes():
    """The scores decide."""
    result, _requests = await check(
        answered(correlation_codes=["R610"]), phone_risk_name_mismatch_codes=["R610"]
    )
    assert (result.outcome, result.reasons) == (Outcome.PASSED, ())


SECTION = {"reasonCodes": [], "score": 0.9}


@pytest.mark.parametrize(
    "answer",
    [
        answered(namePhoneCorrelation=None),
        answered(phoneRisk=None),
        answered(phoneRisk={"reasonCodes": []}),
        answered(phoneRisk={"score": 0.1}),
        httpx.Response(200, json={"referenceId": "p-1", "phoneRisk": SECTION}),
        httpx.Response(200, json={"referenceId": "p-1", "namePhoneCorrelation": SECTION}),
        *(answered(correlation) for correlation in (None, True, "0.9", 1.1, -1)),
        *(answered(0.9, risk) for risk in (None, False, "0.1", 1.1, -1)),
        answered(correlation_codes=["Fakey"]),
        answered(status="Error"),
    ],
)
async def test_what_is_not_documented_is_no_answer(answer):
    """Both sections must be there, with numbers from 0 to 1."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await check(answer)


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
async def test_without_thresholds_there_is_no_proofer(name):
    """Nobody guesses how much risk an operator takes."""
    with pytest.raises(PluginError, match="must be set"):
        await check(answered(), **{name: None})
