"""Sessions: what is sent, where the person goes, and what each state comes to."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from pydantic import ValidationError
from tests.plugins.vendors.stripe.answers import (
    FACE,
    PAGE,
    QUESTION,
    SECTION,
    SESSION,
    Asked,
    answering,
    refused,
    report,
    resume,
    session,
    verified,
)

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.circumstances import Wanted
from proofing.contracts.continuation import Again, Due, Event, EventKind, Expired, Leave, Received, Returned
from proofing.contracts.evidence import Inspection
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome, SelfieCheck
from proofing.rules.document_errors import ErrorCode
from proofing.rules.documents import judge_document
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import make_process
from proofing_stripe import StripeSettings
from proofing_stripe.proofer import StripeProofer

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def judged(result):
    """Return what core makes of a result, as it is asked: without a selfie taken here."""
    return judge_document(result, fingerprints={}, now=NOW)


async def test_a_session_is_opened():
    """With our id, the way back, and nothing of the applicant; it is free, and asked for once."""
    noted = []

    async def note():
        noted.append(None)

    asked = Asked(answering(session()), note_intent=note)
    pending = await asked.open()
    assert pending.then == Leave(PAGE, qr_text=PAGE)
    assert (pending.state, pending.reference, noted) == ({"session": SESSION}, None, [])
    assert timedelta(minutes=59) < pending.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    (request,) = asked.fake.requests
    assert str(request.url) == "https://api.stripe.com/v1/identity/verification_sessions"
    assert parse_qsl(request.content.decode(), strict_parsing=True) == [
        ("type", "document"),
        ("return_url", f"https://proofing.example.gov/return/{QUESTION}"),
        ("metadata[question_id]", QUESTION),
        ("options[document][require_live_capture]", "true"),
        ("options[document][require_matching_selfie]", "true"),
        ("options[document][allowed_types][0]", "driving_license"),
        ("options[document][allowed_types][1]", "id_card"),
    ]
    headers = request.headers
    assert headers["authorization"] == f"Bearer {SECTION['api_key']}"
    assert headers["stripe-version"] == "2026-10-28.endive"
    assert headers["idempotency-key"] == asked.context.idempotency_key
    assert headers["content-type"] == "application/x-www-form-urlencoded"


async def test_options_follow_the_settings_and_what_is_wanted():
    """Nobody's face is compared where it is not asked for."""
    asked = Asked(answering(session()), {**SECTION, "selfie": False, "live_capture": False})
    asked.request = ProofingRequest(wanted=Wanted(document_types=frozenset({DocumentType.STATE_ID_CARD})))
    await asked.open()
    sent = dict(parse_qsl(asked.fake.requests[0].content.decode()))
    assert sent["options[document][require_matching_selfie]"] == "false"
    assert sent["options[document][require_live_capture]"] == "false"
    assert [value for name, value in sent.items() if "allowed_types" in name] == ["id_card"]


async def test_passports_alone_cannot_be_verified():
    """Stripe does not give what core needs of them."""
    asked = Asked(answering(session()))
    asked.request = ProofingRequest(wanted=Wanted(document_types=frozenset({DocumentType.PASSPORT})))
    with pytest.raises(VendorError, check=caused_by(Cause.BAD_REQUEST)):
        await asked.open()
    assert asked.fake.requests == []


@pytest.mark.parametrize(
    "url", [None, "https://verify.stripe.com.example/x", "http://verify.stripe.com/x", "javascript:alert(1)"]
)
async def test_people_are_sent_to_stripe_alone(url):
    """Whatever an answer says."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await Asked(lambda _request: httpx.Response(200, json=session(url=url))).open()


async def test_an_address_that_is_too_long_for_a_qr_code():
    """There is the link alone."""
    url = f"https://verify.stripe.com/start/{'x' * 1000}"
    pending = await Asked(lambda _request: httpx.Response(200, json=session(url=url))).open()
    assert pending.then == Leave(url)
    pending.require_sound("stripe")


async def test_the_result_is_fetched_with_what_is_sensitive():
    """By names, since Stripe leaves it out otherwise; the fetch is free."""
    asked = Asked(answering(verified()))
    await asked.resume()
    request = asked.fake.requests[1]
    assert (request.method, request.url.path) == ("GET", f"/v1/identity/verification_sessions/{SESSION}")
    assert parse_qs(request.url.query.decode()) == {
        "expand[]": [
            "last_verification_report",
            "last_verification_report.document.dob",
            "last_verification_report.document.expiration_date",
            "last_verification_report.document.number",
        ]
    }


async def test_a_verified_session():
    """Everything that core needs; core accepts it."""
    result = await resume(verified())
    assert result.applicant == Applicant(
        first_name="Fakey",
        last_name="McFakerson",
        dob="1938-10-06",
        sex="male",
        address1="1 Fake Rd",
        address2="Apt 2",
        city="Great Falls",
        state="MT",
        zipcode="59010",
        state_id_number="1111111111111",
        state_id_jurisdiction="MT",
        state_id_issued="2019-12-31",
        state_id_expiration="2099-12-31",
        issuing_country_code="US",
    )
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.AUTHENTICATED)
    assert (result.selfie, result.document_type) == (SelfieCheck.MATCH, DocumentType.DRIVERS_LICENSE)
    assert (result.findings, result.reasons, result.transaction_id) == ((), (), SESSION)
    assert result.inspection == Inspection(live_capture=True, liveness=True)
    assert judged(result).passed


async def test_without_a_selfie():
    """Where none was asked for none was compared."""
    result = await resume(verified(selfie=None), section={**SECTION, "selfie": False})
    assert (result.outcome, result.selfie) == (Outcome.PASSED, SelfieCheck.NOT_CHECKED)
    assert not result.inspection.liveness


async def test_files_are_no_live_capture():
    """Where the settings accept them."""
    result = await resume(verified(), section={**SECTION, "live_capture": False})
    assert result.inspection == Inspection(liveness=True)


@pytest.mark.parametrize(
    ("change", "attribute", "wanted"),
    [
        ({"sex": "unknown"}, "sex", None),
        ({"address": None}, "address1", None),
        ({"address": {"state": "US-MT"}}, "state", "MT"),
        ({"dob": {"day": None, "month": 10, "year": 1938}}, "dob", None),
        ({"expiration_date": None}, "state_id_expiration", None),
        ({"issued_date": {"day": 31, "month": 2, "year": 2019}}, "state_id_issued", "2019-02-31"),
    ],
)
async def test_what_the_document_does_not_say(change, attribute, wanted):
    """It is not known; core judges it."""
    assert getattr((await resume(verified(**change))).applicant, attribute) == wanted


@pytest.mark.parametrize("change", [{"issuing_country": "CA"}, {"issuing_country": None}, {"type": None}])
async def test_documents_of_other_countries(change):
    """Genuine, and not accepted."""
    result = await resume(verified(**change))
    assert (result.outcome, result.document_type) == (Outcome.FAILED, DocumentType.OTHER)
    assert judged(result).reasons == (ErrorCode.DOC_TYPE,)


@pytest.mark.parametrize(
    "body",
    [
        session("verified"),
        session("verified", last_verification_report="vr_1Invented01"),
        session("verified", last_verification_report=report(document=None)),
        verified(selfie=None),
        verified(status="unverified"),
        verified(error={"code": "document_expired", "reason": "x"}),
        verified(selfie={**FACE, "status": "unverified"}),
        verified(selfie={**FACE, "error": {"code": "selfie_face_mismatch", "reason": "x"}}),
        verified(status="probably"),
        verified(type="library_card"),
        {**verified(), "last_error": {"code": "document_expired", "reason": "x"}},
        {**verified(), "redaction": {"status": "redacted"}},
        {**verified(), "status": "Verified"},
        {**verified(), "livemode": True},
        {**verified(), "id": "vs_another"},
        {**verified(), "metadata": {"question_id": "p" * 48}},
        {**verified(), "metadata": {}},
        {**verified(), "object": "identity.verification_report"},
    ],
)
async def test_what_is_not_quite_verified(body):
    """Neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await resume(body)


async def test_a_key_that_may_not_read_the_results():
    """An operator has to act: the person is verified, and nobody knows who it is."""
    with pytest.raises(VendorError, check=caused_by(Cause.AUTHENTICATION)):
        await resume(verified(dob=None, number=None))


@pytest.mark.parametrize(
    ("code", "finding", "selfie", "error"),
    [
        ("country_not_supported", FindingCode.UNSUPPORTED_DOCUMENT, "not_checked", ErrorCode.DOC_TYPE),
        ("document_expired", FindingCode.EXPIRATION_DATE, "not_checked", ErrorCode.EXPIRATION),
        ("document_type_not_allowed", FindingCode.UNSUPPORTED_DOCUMENT, "not_checked", ErrorCode.DOC_TYPE),
        ("document_type_not_supported", FindingCode.UNSUPPORTED_DOCUMENT, "not_checked", ErrorCode.DOC_TYPE),
        ("document_unverified_other", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("email_unverified_other", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("email_verification_declined", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("id_number_insufficient_document_data", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("id_number_mismatch", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("id_number_unverified_other", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("phone_unverified_other", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("phone_verification_declined", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
        ("selfie_document_missing_photo", FindingCode.PORTRAIT, "not_checked", ErrorCode.VISIBLE_PHOTO),
        ("selfie_face_mismatch", None, "no_match", ErrorCode.SELFIE_FAILED),
        ("selfie_manipulated", None, "not_live", ErrorCode.SELFIE_QUALITY),
        ("selfie_unverified_other", None, "bad_quality", ErrorCode.SELFIE_QUALITY),
        ("under_supported_age", FindingCode.OTHER, "not_checked", ErrorCode.GENERAL),
    ],
)
async def test_refusals(code, finding, selfie, error):
    """Each documented code, and what the person reads."""
    result = await resume(refused(code))
    assert result.findings == ((Finding(code=finding, vendor_code=code),) if finding else ())
    assert (result.outcome, result.selfie, result.vendor_codes) == (Outcome.FAILED, selfie, (code,))
    assert (result.reasons, result.applicant) == ((f"stripe_{code}",), None)
    assert judged(result).reasons == (error,)


@pytest.mark.parametrize("code", ["abandoned", "consent_declined", "device_not_supported"])
async def test_who_does_not_finish(code):
    """It is nobody's no."""
    with pytest.raises(VendorError, check=caused_by(Cause.ABANDONED)) as caught:
        await resume(refused(code))
    assert (caught.value.codes, caught.value.billed) == ((code,), False)


@pytest.mark.parametrize("error", [{"code": "moon_phase", "reason": "x"}, {"code": None, "reason": "x"}, {}])
async def test_a_reason_that_is_not_documented(error):
    """Neither a yes nor a no."""
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await resume(session(last_error=error))


@pytest.mark.parametrize("because", [Returned(), Due(), Received(Event(kind=EventKind.PROGRESS, id="e"))])
async def test_states_that_wait(because):
    """Who is not done gets the new address; who is waits for Stripe."""
    fresh = "https://verify.stripe.com/start/test_invented2"
    assert (await resume(session(url=fresh), because)).then == Leave(fresh, qr_text=fresh)
    assert (await resume(session("processing"), because)).then == Again(15.0)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("requires_input", Cause.ABANDONED),
        ("processing", Cause.TIMEOUT),
        ("canceled", Cause.ABANDONED),
    ],
)
async def test_the_end(status, cause):
    """When the time is over the adapter says why there is no answer."""
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await resume(session(status), Expired())
    assert caught.value.transaction_id == SESSION


async def test_an_answer_that_comes_at_the_last_moment_counts():
    """The fetch decides, not the time."""
    assert (await resume(verified(), Expired())).passed


async def test_a_canceled_session_is_over():
    """Nobody comes back to it."""
    with pytest.raises(VendorError, check=caused_by(Cause.ABANDONED)):
        await resume(session("canceled"))


@pytest.mark.parametrize(
    ("status", "error", "cause", "codes"),
    [
        (401, {"type": "invalid_request_error"}, Cause.AUTHENTICATION, ("401", "invalid_request_error")),
        (403, {"type": "permission_error"}, Cause.AUTHENTICATION, ("403", "permission_error")),
        (
            404,
            {"type": "invalid_request_error", "code": "resource_missing"},
            Cause.BAD_REQUEST,
            ("404", "invalid_request_error", "resource_missing"),
        ),
        (400, {"type": "idempotency_error"}, Cause.BAD_REQUEST, ("400", "idempotency_error")),
        (
            400,
            {"type": "invalid_request_error", "code": "rate_limit"},
            Cause.QUOTA,
            ("400", "invalid_request_error", "rate_limit"),
        ),
        (
            409,
            {"type": "idempotency_error", "code": "idempotency_key_in_use"},
            Cause.UNREACHABLE,
            ("409", "idempotency_error", "idempotency_key_in_use"),
        ),
        (429, {"type": "invalid_request_error"}, Cause.QUOTA, ("429", "invalid_request_error")),
        (500, {"type": "api_error"}, Cause.UNREACHABLE, ("500", "api_error")),
        (400, {"type": "Fakey McFakerson"}, Cause.BAD_REQUEST, ("400",)),
    ],
)
async def test_errors(status, error, cause, codes):
    """By status, type and code; never by Stripe's text."""
    body = {"error": {**error, "message": "Fakey McFakerson", "param": "dob"}}
    with pytest.raises(VendorError, check=caused_by(cause)) as caught:
        await Asked(lambda _request: httpx.Response(status, json=body)).open()
    assert caught.value.codes == codes
    assert "Fakey" not in str(caught.value)


def test_a_test_key_is_refused_in_production():
    """Everybody would be verified by Stripe's buttons for tests."""
    settings = StripeSettings.model_validate(SECTION)
    process = make_process(environment="production")
    object.__setattr__(process, "is_production", True)
    with pytest.raises(PluginError, match="rk_live_"):
        StripeProofer(settings, process)


@pytest.mark.parametrize(
    "change",
    [
        {"api_key": "sk_test_InventedKeyOfTheTests0001"},
        {"api_key": "rk_test_"},
        {"webhook_secret": "InventedSecretOfTheTests01"},
        {"webhook_previous_secret": "whsec_short"},
        {"api_url": "http://api.stripe.com"},
        {"pages_url": "https://verify.stripe.com/"},
        {"expires_seconds": 100_000.0},
    ],
)
def test_settings_that_are_refused(change):
    """At the start; without the value."""
    with pytest.raises(ValidationError) as caught:
        StripeSettings.model_validate({**SECTION, **change})
    assert "Invented" not in str(caught.value)
