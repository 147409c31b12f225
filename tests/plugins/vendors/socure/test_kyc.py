"""KYC: what is sent, and what each answer comes to."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.evidence import Death
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Match, Outcome
from proofing.plugin import Cause, VendorError
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
    dob="1938-10-06",
    ssn="900661234",
)
VALID = dict.fromkeys("firstName surName streetAddress city state zip dob ssn".split(), 0.99)
ADDRESS = ("address1", "city", "state", "zipcode")


def answered(validations=None, codes=("I919",), **body):
    """Return an answer of the module."""
    module = {
        "reasonCodes": list(codes),
        "fieldValidations": VALID if validations is None else validations,
        "socureId": "s-9",
        "sourceAttribution": ["Credit", "https://people.example/fakey"],
    }
    return httpx.Response(200, json={"referenceId": "k-1", "kyc": module, **body})


async def resolve(answer, person=PERSON, *, consented_at=None, **section):
    """Ask, and return the result and what was sent."""
    settings = SocureSettings(base_url="https://sandbox.socure.example", api_key="k", **section)
    offer = next(one for one in proofing_proofers() if one.name == "socure:kyc")
    vendor = FakeVendor(lambda _request: answer)
    request = ProofingRequest(applicant=person, circumstances=Circumstances(consented_at=consented_at))
    context = make_context(vendor, offer, settings)
    result = await ask(offer.make(settings, make_process()), request, context)
    return result, vendor.requests


async def test_the_question():
    """Every documented field, the SSN as it is, and the moment of consent with its offset."""
    agreed = datetime(2024, 9, 1, 0, 0, 0, 5, tzinfo=UTC)
    _result, (request,) = await resolve(
        answered(),
        PERSON.merge({"address2": "Apt 5", "phone": "7035550100", "email": "fakey@example.test"}),
        consented_at=agreed,
    )
    assert (request.method, str(request.url)) == (
        "POST",
        "https://sandbox.socure.example/api/3.0/EmailAuthScore",
    )
    assert request.headers["authorization"] == "SocureApiKey k"
    assert json.loads(request.content) == {
        "modules": ["kyc"],
        "customerUserId": "u-1",
        "firstName": "Fakey",
        "surName": "McFakerson",
        "country": "US",
        "countryOfOrigin": "US",
        "physicalAddress": "1 Fake Rd",
        "physicalAddress2": "Apt 5",
        "city": "Great Falls",
        "state": "MT",
        "zip": "59010-1234",
        "nationalId": "900661234",
        "dob": "1938-10-06",
        "userConsent": True,
        "consentTimestamp": "2024-09-01T00:00:00+00:00",
        "email": "fakey@example.test",
        "mobileNumber": "7035550100",
    }


async def test_what_is_not_known_is_null():
    """Consent, phone, e-mail and second line may be unknown."""
    _result, (request,) = await resolve(answered())
    sent = json.loads(request.content)
    unknown = ("consentTimestamp", "mobileNumber", "email", "physicalAddress2")
    assert {name: sent[name] for name in unknown} == dict.fromkeys(unknown)


@pytest.mark.parametrize("missing", ["dob", "ssn", *ADDRESS])
async def test_a_question_that_can_have_no_yes_is_not_asked(missing):
    """Nothing is charged for it."""
    with pytest.raises(VendorError, match=missing, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await resolve(answered(), PERSON.merge({missing: None}))
    assert not caught.value.billed


async def test_a_person_without_a_name_is_not_asked_about():
    """One of two would be enough."""
    with pytest.raises(VendorError, match="name", check=caused_by(Cause.BAD_REQUEST)):
        await resolve(answered(), PERSON.merge({"first_name": None, "last_name": None}))


async def test_a_yes():
    """Everything is verified; the phone was not sent, and is not mentioned."""
    result, _requests = await resolve(answered(customerProfile={"customerUserId": "u-1"}))
    assert result.passed
    assert (result.vendor_name, result.transaction_id, result.reference) == ("socure:kyc", "k-1", "u-1")
    assert result.verified_attributes == {"first_name", "last_name", "dob", "ssn", "address"}
    assert result.vendor_codes == ("I919",)
    assert (result.reasons, result.billed) == ((), True)
    assert "phone" not in result.attributes


async def test_another_persons_reference_is_not_kept():
    """Nor is anything else that the answer repeats."""
    result, _requests = await resolve(answered(customerProfile={"userId": "7035550100"}))
    assert result.reference is None


@pytest.mark.parametrize(
    ("field", "attribute"),
    [
        ("firstName", "first_name"),
        ("surName", "last_name"),
        ("streetAddress", "address1"),
        ("city", "city"),
        ("state", "state"),
        ("zip", "zipcode"),
        ("dob", "dob"),
        ("ssn", "ssn"),
    ],
)
async def test_each_field_decides(field, attribute):
    """Half up: 0.5 is valid, 0.49 is not. No other source cures it."""
    assert (await resolve(answered({**VALID, field: 0.5})))[0].passed
    result, _requests = await resolve(answered({**VALID, field: 0.49}))
    assert result.outcome is Outcome.FAILED
    assert result.attributes[attribute] is Match.MISMATCH
    assert result.reasons == (f"{attribute}_mismatch",)
    verified = "address" if attribute in ADDRESS else attribute
    assert result.verified_attributes == {"first_name", "last_name", "dob", "ssn", "address"} - {verified}
    assert not result.can_pass_with_additional_verification
    assert not result.attributes_requiring_additional_verification


@pytest.mark.parametrize(("share", "match"), [(0.99, "match"), (0.01, "mismatch"), (None, "not_checked")])
async def test_the_phone_decides_nothing(share, match):
    """It is part of the result, and verified where it is valid."""
    validations = {**VALID, "mobileNumber": share}
    result, _requests = await resolve(answered(validations), PERSON.merge({"phone": "7035550100"}))
    assert result.passed
    assert result.attributes["phone"] == match
    assert ("phone" in result.verified_attributes) is (match == "match")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("R907", "ssn_of_deceased"),
        ("R909", "identity_deceased"),
        ("R911", "ssn_issued_before_birth"),
        ("R913", "ssn_invalid"),
    ],
)
async def test_codes_that_nobody_resolves_with(code, reason):
    """By default those of the dead, and of SSNs that the person cannot have."""
    result, _requests = await resolve(answered(codes=["I919", code]))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, (reason,))
    assert result.vendor_codes == ("I919", code)
    assert result.death is (Death.HIT if "deceased" in reason else Death.UNKNOWN)


async def test_the_setting_decides_which_codes_are_refused():
    """A code that no table explains has a reason of its own."""
    result, _requests = await resolve(answered(codes=["R555"]), kyc_auto_fail_codes=["R555"])
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("refused_reason_code",))
    result, _requests = await resolve(answered(codes=["R907"]), kyc_auto_fail_codes=["R555"])
    assert (result.outcome, result.reasons, result.death) == (Outcome.PASSED, (), Death.HIT)


async def test_an_ssn_without_a_record_is_no_mismatch():
    """Socure has nothing to compare it with; it still is a no."""
    result, _requests = await resolve(answered({**VALID, "ssn": 0.01}, codes=["R940"]))
    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("ssn_mismatch", "ssn_not_found"))
    assert result.attributes["ssn"] is Match.UNAVAILABLE


async def test_a_person_with_one_name():
    """The name that was not sent decides nothing, whatever the answer says of it."""
    result, _requests = await resolve(
        answered({**VALID, "firstName": 0.01}), PERSON.merge({"first_name": None})
    )
    assert result.passed
    assert "first_name" not in result.attributes


def without(name):
    """Return the validations without one."""
    return {field: share for field, share in VALID.items() if field != name}


@pytest.mark.parametrize(
    "answer",
    [
        *(answered(without(name)) for name in VALID),
        *(answered({**VALID, "ssn": share}) for share in (None, True, "0.99", 1.01, -0.01, 99)),
        answered(codes=["R90"]),
        answered(codes=["X919"]),
        answered(codes=[919]),
        answered(status="Error", msg="no", referenceId="k-1"),
        answered(status="Success"),
        answered(referenceId=None),
        answered(referenceId="7035550100 Fakey"),
        httpx.Response(200, json={"referenceId": "k-1"}),
        httpx.Response(200, json={"referenceId": "k-1", "kyc": {"reasonCodes": []}}),
        httpx.Response(200, json={"referenceId": "k-1", "kyc": {"fieldValidations": VALID}}),
        *(
            httpx.Response(200, text=answered().text, headers={"content-type": content_type})
            for content_type in ("text/plain", "text/html", "application/jsonp", "json")
        ),
    ],
)
async def test_what_is_not_documented_is_no_answer(answer):
    """Neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await resolve(answer)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "text/json", "application/hal+json"],
)
async def test_any_type_of_json(content_type):
    """In any case, and with parameters."""
    answer = httpx.Response(200, content=answered().content, headers={"content-type": content_type})
    assert (await resolve(answer))[0].passed


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, Cause.BAD_REQUEST),
        (401, Cause.AUTHENTICATION),
        (403, Cause.AUTHENTICATION),
        (404, Cause.BAD_REQUEST),
        (409, Cause.BAD_REQUEST),
        (422, Cause.BAD_REQUEST),
        (429, Cause.QUOTA),
        (500, Cause.UNREACHABLE),
        (503, Cause.UNREACHABLE),
    ],
)
async def test_errors(status, cause):
    """Each has a cause and Socure's id of the call, and none of Socure's words."""
    body = {
        "status": "Error",
        "referenceId": "e-1",
        "msg": "bad Fakey",
        "data": {"parameters": ["firstName"]},
    }
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await resolve(httpx.Response(status, json=body))
    assert (caught.value.transaction_id, caught.value.codes) == ("e-1", (str(status),))
    assert "Fakey" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"referenceId":"Fakey McFakerson"}', b'{"referenceId":7}', b"[]"]
)
async def test_errors_without_an_id(body):
    """What is no id of Socure's is not kept."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await resolve(httpx.Response(400, content=body))
    assert caught.value.transaction_id is None
