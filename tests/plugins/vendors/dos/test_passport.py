"""The passport check: what is sent, what the answers come to, and the health check."""

import json
import logging
import uuid
from typing import ClassVar

import httpx
import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Match, Outcome
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process
from proofing.testing.vendors import Example, PassportProoferContract
from proofing_dos import DOSSettings, proofing_proofers

SECTION = {
    "mrz_url": "https://passports.example.gov/api/mrz",
    "health_url": "https://health.example.gov/api/health",
    "client_id": "client-id-of-tests",
    "client_secret": "MARIGOLD-client-secret",
}
(OFFER,) = proofing_proofers()
BOOK = Applicant(mrz="P<USADOE<<JANE\n1234567897USA", document_type_received="passport")
YES = httpx.Response(200, json={"response": "YES"})


def refused(status, code):
    """Return an error body of the service."""
    body = {"error": {"code": code, "message": "text of theirs", "reason": "text of theirs"}}
    return httpx.Response(status, json=body)


class TestPassportCheck(PassportProoferContract):
    """It keeps the contract."""

    plugin = "proofing_dos"
    section = SECTION
    answers: ClassVar = {
        "yes": Example(YES, Outcome.PASSED, {"mrz": Match.MATCH}),
        "no": Example(
            httpx.Response(200, json={"response": "NO"}),
            Outcome.FAILED,
            {"mrz": Match.MISMATCH},
            ("passport_mismatch",),
        ),
        "an invalid zone": Example(refused(400, "INVALID_MRZ"), Cause.BAD_REQUEST),
        "a wrong secret": Example(refused(401, "UNAUTHORIZED"), Cause.AUTHENTICATION),
        "too many": Example(refused(429, "TOO_MANY"), Cause.QUOTA),
        "down": Example(refused(503, "UNAVAILABLE"), Cause.UNREACHABLE),
    }


async def check(answer=YES, applicant=BOOK):
    """Ask, and return the result and what was sent."""
    settings = DOSSettings(**SECTION)
    vendor = FakeVendor(lambda _request: answer)
    context = make_context(vendor, OFFER, settings)
    proofer = OFFER.make(settings, make_process())
    return await ask(proofer, ProofingRequest(applicant=applicant), context), vendor.requests


@pytest.mark.parametrize(("kind", "category"), [("passport", "book"), ("passport_card", "card")])
@pytest.mark.parametrize("mrz", ["P<USADOE<<JANE1234567897USA", BOOK.mrz])
async def test_the_question(kind, category, mrz):
    """The zone as it was delivered, the category, and the credentials in headers."""
    _result, (request,) = await check(applicant=BOOK.merge({"mrz": mrz, "document_type_received": kind}))
    assert (request.method, str(request.url)) == ("POST", "https://passports.example.gov/api/mrz")
    assert json.loads(request.content) == {"mrz": mrz, "category": category}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["client-id"] == "client-id-of-tests"
    assert request.headers["client-secret"] == "MARIGOLD-client-secret"
    assert str(uuid.UUID(request.headers["x-correlation-id"])) == request.headers["x-correlation-id"]


async def test_each_question_has_a_correlation_id_of_its_own():
    """It is a random one."""
    ids = {(await check())[1][0].headers["x-correlation-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("answer", "outcome", "match", "reasons"),
    [
        ("YES", Outcome.PASSED, Match.MATCH, ()),
        ("NO", Outcome.FAILED, Match.MISMATCH, ("passport_mismatch",)),
    ],
)
async def test_answers(answer, outcome, match, reasons):
    """Both correlation ids are kept: theirs is the transaction, ours the reference."""
    response = httpx.Response(200, json={"response": answer}, headers={"X-Correlation-ID": "their-id-1"})
    result, (request,) = await check(response)
    assert (result.outcome, result.attributes, result.reasons) == (outcome, {"mrz": match}, reasons)
    assert (result.vendor_name, result.transaction_id) == ("dos:passport", "their-id-1")
    assert result.reference == request.headers["x-correlation-id"]


@pytest.mark.parametrize("theirs", [None, "", "two words", "x" * 65])
async def test_without_an_id_of_theirs_ours_is_the_transaction(theirs):
    """What is no id is not kept."""
    headers = {} if theirs is None else {"x-correlation-id": theirs}
    result, (request,) = await check(httpx.Response(200, json={"response": "YES"}, headers=headers))
    assert result.transaction_id == result.reference == request.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "body",
    [
        {"response": "yes"},
        {"response": "YES "},
        {"response": "MAYBE"},
        {"response": ""},
        {"response": None},
        {"response": True},
        {"response": ["YES"]},
        {"response": {}},
        {"Response": "YES"},
        {"response": "YES", "error": "text"},
        {},
        [],
        "YES",
        None,
    ],
)
async def test_what_is_neither_yes_nor_no_is_no_answer(body):
    """Exactly two words are answers."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await check(httpx.Response(200, json=body))


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, Cause.BAD_REQUEST),
        (401, Cause.AUTHENTICATION),
        (403, Cause.AUTHENTICATION),
        (404, Cause.BAD_REQUEST),
        (429, Cause.QUOTA),
        (500, Cause.UNREACHABLE),
        (503, Cause.UNREACHABLE),
    ],
)
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"error": {"code": "INVALID_MRZ", "message": "P<USADOE", "reason": "no"}}, ("INVALID_MRZ",)),
        ({"error": {"code": 1042}}, ("1042",)),
        ({"error": {"code": "no passport of P<USADOE"}}, ()),
        ({"error": {"code": "1234567897"}}, ()),
        ({"error": {"code": None}}, ()),
        ({"error": {"code": ["INVALID_MRZ"]}}, ()),
        ({"error": {"code": True}}, ()),
        ({"error": "text"}, ()),
        (["INVALID_MRZ"], ()),
        (None, ()),
    ],
)
async def test_errors(status, cause, body, codes):
    """By their status, with the code of the body if that is one, and none of its texts."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"x-correlation-id": "their-id-1"}
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await check(httpx.Response(status, content=content, headers=headers))
    assert caught.value.codes == (str(status), *codes)
    assert caught.value.transaction_id == "their-id-1"
    assert "USADOE" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"mrz": None},
        {"mrz": ""},
        {"document_type_received": None},
        {"document_type_received": "drivers_license"},
    ],
)
async def test_what_is_no_passport_is_not_asked(changes):
    """Nothing is charged for it."""
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)) as caught:
        await check(applicant=BOOK.merge(changes))
    assert not caught.value.billed


DOWN = "the health check does not say that all is up"


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        ({"status": "UP"}, None),
        ({"status": "up", "downstreamHealth": None}, None),
        ({"status": "Up", "downstreamHealth": []}, None),
        (
            {"status": "UP", "downstreamHealth": [{"status": "up", "downstreamHealth": [{"status": "UP"}]}]},
            None,
        ),
        ({"status": "DOWN"}, DOWN),
        ({"status": "UP", "downstreamHealth": [{"status": "UP"}, {"status": "DOWN"}]}, DOWN),
        (
            {"status": "UP", "downstreamHealth": [{"status": "UP", "downstreamHealth": [{"status": "x"}]}]},
            DOWN,
        ),
        ({"status": "UP", "downstreamHealth": {}}, DOWN),
        ({"status": "UP", "downstreamHealth": ["UP"]}, DOWN),
        ({"status": True}, DOWN),
        ({}, DOWN),
        ([], DOWN),
    ],
)
async def test_the_health_check(health, sentence, caplog):
    """Up at every level, whatever the case. It is free, has no credentials, and is not logged."""
    caplog.set_level(logging.DEBUG)
    billed = []

    async def note_intent():
        billed.append(True)

    settings = DOSSettings(**SECTION)
    vendor = FakeVendor(lambda _request: httpx.Response(200, json=health))
    context = make_context(vendor, OFFER, settings, note_intent=note_intent)
    assert await OFFER.make(settings, make_process()).check(context) == sentence
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("GET", SECTION["health_url"])
    assert not {"client-id", "client-secret"} & set(request.headers)
    assert not billed
    assert 'status"' not in caplog.text


@pytest.mark.parametrize(
    "answer", [httpx.Response(503, json={"status": "UP"}), httpx.Response(200, text="up")]
)
async def test_a_health_check_without_an_answer(answer):
    """Counts as its message."""
    settings = DOSSettings(**SECTION)
    context = make_context(FakeVendor(lambda _request: answer), OFFER, settings)
    with pytest.raises(VendorError):
        await OFFER.make(settings, make_process()).check(context)


@pytest.mark.parametrize(
    "changes",
    [
        {"mrz_url": "http://passports.example.gov/mrz"},
        {"mrz_url": "https://passports.example.gov"},
        {"health_url": "passports.example.gov/health"},
        {"client_secret": ""},
        {"timeout_seconds": 55.5},
    ],
)
def test_settings(changes):
    """What is wrong is refused, and no secret is printed."""
    assert "MARIGOLD" not in repr(DOSSettings(**SECTION))
    with pytest.raises(ValueError, match=next(iter(changes))):
        DOSSettings(**{**SECTION, **changes})
