"""Stripe keeps the contract of document proofers."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

import httpx
from tests.plugins.vendors.stripe.answers import FACE, SECTION, refused, session, verified

from proofing.contracts.applicant import DocumentType
from proofing.contracts.continuation import Expired, Returned
from proofing.contracts.results import Assurance, Outcome, SelfieCheck
from proofing.contracts.webhooks import Incoming
from proofing.plugin import Cause
from proofing.testing.vendors import DocumentProoferContract, Example, Ticket

LICENSE = {
    "document_type": DocumentType.DRIVERS_LICENSE,
    "assurance": Assurance.AUTHENTICATED,
    "selfie": SelfieCheck.MATCH,
}
#: Codes of a no, and what the selfie came to.
NOS = {
    **dict.fromkeys(
        (
            *("country_not_supported", "document_expired", "document_type_not_allowed"),
            *("document_type_not_supported", "document_unverified_other", "email_unverified_other"),
            *("email_verification_declined", "id_number_insufficient_document_data", "id_number_mismatch"),
            *("id_number_unverified_other", "phone_unverified_other", "phone_verification_declined"),
            *("selfie_document_missing_photo", "under_supported_age"),
        ),
        SelfieCheck.NOT_CHECKED,
    ),
    "selfie_face_mismatch": SelfieCheck.NO_MATCH,
    "selfie_manipulated": SelfieCheck.NOT_LIVE,
    "selfie_unverified_other": SelfieCheck.BAD_QUALITY,
}


def own(question_id: str) -> Mapping[str, Any]:
    """Return what a session says of its question; its id holds that of the question."""
    return {"id": f"vs_{question_id.encode().hex()}", "metadata": {"question_id": question_id}}


def visited(body: Mapping[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    """Return what opens sessions, and later answers *body* about each."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {SECTION['api_key']}"
        if request.method == "POST":
            (question_id,) = parse_qs(request.content.decode())["metadata[question_id]"]
            return httpx.Response(200, json=session(**own(question_id)))
        opened = request.url.path.rpartition("/vs_")[2]
        return httpx.Response(200, json={**body, **own(bytes.fromhex(opened).decode())})

    return answer


def no(code: str) -> Example:
    """Return the example of a session that Stripe refused with *code*."""
    facts = {"selfie": NOS[code], "vendor_codes": (code,)}
    return Example(visited(refused(code)), Outcome.FAILED, reasons=(f"stripe_{code}",), facts=facts)


def failed(status: int, cause: Cause, **error: str) -> Example:
    """Return the example of a call that failed."""
    return Example(httpx.Response(status, json={"error": {**error, "message": "an invented text"}}), cause)


class Stripe:
    """A visit to Stripe's page, and its end."""

    plugin = "proofing_stripe"
    section: ClassVar = {**SECTION, "webhook_previous_secret": "whsec_InventedSecretFromBefore00"}
    webhook_secrets = ("webhook_secret", "webhook_previous_secret")

    def signed_event(self, ticket: Ticket) -> Incoming:
        """Sign as Stripe does."""
        about = session("verified", **own(ticket.question_id))
        event = {
            "id": "evt_1Invented01",
            "object": "event",
            "type": "identity.verification_session.verified",
            "data": {"object": about},
        }
        body = json.dumps(event).encode() if ticket.body is None else ticket.body
        at = str(int(ticket.at.timestamp()))
        mac = hmac.new(ticket.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return Incoming(headers={"stripe-signature": f"t={at},v1={mac}"}, body=body)


class TestStripe(Stripe, DocumentProoferContract):
    """Document and face."""

    answers: ClassVar = {
        "yes": Example(visited(verified()), Outcome.PASSED, facts=LICENSE),
        **{code: no(code) for code in NOS},
        "another country": Example(
            visited(verified(issuing_country="CA")),
            Outcome.FAILED,
            reasons=("document_country_not_supported",),
            facts={"document_type": DocumentType.OTHER},
        ),
        "a document that is not verified": Example(visited(verified(status="unverified")), Cause.NONSENSE),
        "a face that is not verified": Example(
            visited(verified(selfie={**FACE, "status": "unverified"})), Cause.NONSENSE
        ),
        "a failed check": Example(
            visited(verified(error={"code": "document_expired", "reason": "x"})), Cause.NONSENSE
        ),
        "redacted": Example(visited({**verified(), "redaction": {"status": "redacted"}}), Cause.NONSENSE),
        "consent declined": Example(visited(refused("consent_declined")), Cause.ABANDONED),
        "abandoned": Example(visited(refused("abandoned")), Cause.ABANDONED),
        "no such camera": Example(visited(refused("device_not_supported")), Cause.ABANDONED),
        "canceled": Example(visited(session("canceled")), Cause.ABANDONED),
        "nothing was shown": Example(visited(session()), Cause.ABANDONED, because=(Expired(),)),
        "no end": Example(visited(session("processing")), Cause.TIMEOUT, because=(Returned(), Expired())),
        "a bad key": failed(401, Cause.AUTHENTICATION, type="invalid_request_error"),
        "a key that may not": failed(403, Cause.AUTHENTICATION, type="permission_error"),
        "a bad request": failed(400, Cause.BAD_REQUEST, type="invalid_request_error"),
        "too many calls": failed(429, Cause.QUOTA, type="invalid_request_error", code="rate_limit"),
        "not available": failed(500, Cause.UNREACHABLE, type="api_error"),
    }


class TestStripeWithoutSelfie(Stripe, DocumentProoferContract):
    """The document alone."""

    section: ClassVar = {**Stripe.section, "selfie": False}
    answers: ClassVar = {
        "yes": Example(
            visited(verified(selfie=None)),
            Outcome.PASSED,
            facts={**LICENSE, "selfie": SelfieCheck.NOT_CHECKED},
        ),
        "no": no("document_unverified_other"),
    }
