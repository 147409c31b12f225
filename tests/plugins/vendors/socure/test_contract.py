"""Socure's products keep the contracts of their kinds."""

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, ClassVar

import httpx

from proofing.contracts.applicant import DocumentType
from proofing.contracts.continuation import Event, EventKind, Expired, Received, Returned
from proofing.contracts.results import Assurance, Match, Outcome, SelfieCheck
from proofing.contracts.webhooks import Incoming
from proofing.plugin import Cause
from proofing.testing.vendors import (
    DocumentProoferContract,
    Example,
    Exemption,
    PhoneProoferContract,
    ResolutionProoferContract,
    Ticket,
)

SECTION = {"base_url": "https://sandbox.socure.example", "api_key": "key-of-the-account-1"}
MATCH, MISMATCH = Match.MATCH, Match.MISMATCH
PASSED, FAILED, REVIEW = Outcome.PASSED, Outcome.FAILED, Outcome.REVIEW

Answer = Callable[[httpx.Request], httpx.Response]


def asked(request: httpx.Request) -> Any:
    """Return the question of a request to ID+."""
    assert request.method == "POST"
    assert request.headers["authorization"] == "SocureApiKey key-of-the-account-1"
    assert request.headers["content-type"] == "application/json"
    assert request.url.path == "/api/3.0/EmailAuthScore"
    return json.loads(request.content)


def asking(module: str, response: httpx.Response) -> Answer:
    """Return what answers a question to this *module*."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert asked(request)["modules"] == [module]
        return response

    return answer


def errors(answering: Callable[[httpx.Response], Answer]) -> dict[str, Example]:
    """Return every documented error, told as *answering* does."""
    body = {"status": "Error", "referenceId": "e-1", "msg": "This is an error.", "data": {}}
    causes = {
        400: Cause.BAD_REQUEST,
        401: Cause.AUTHENTICATION,
        403: Cause.AUTHENTICATION,
        429: Cause.QUOTA,
        500: Cause.UNREACHABLE,
    }
    return {
        "an error with 200": Example(answering(httpx.Response(200, json=body)), Cause.NONSENSE),
        **{
            f"HTTP {status}": Example(answering(httpx.Response(status, json=body)), cause)
            for status, cause in causes.items()
        },
    }


VALID = dict.fromkeys("firstName surName streetAddress city state zip mobileNumber dob ssn".split(), 0.99)
#: Our attributes to the fields that say something of them.
FIELDS = {
    "first_name": "firstName",
    "last_name": "surName",
    "address1": "streetAddress",
    "city": "city",
    "state": "state",
    "zipcode": "zip",
    "dob": "dob",
    "ssn": "ssn",
}
RESOLVED = {**dict.fromkeys(FIELDS, MATCH), "phone": MATCH}


def valid(codes: Sequence[str] = ("I919",), **validations: float | None) -> Answer:
    """Answer that all is valid, but for *validations*; one that is None is left out."""
    fields = {name: share for name, share in {**VALID, **validations}.items() if share is not None}
    module = {"reasonCodes": list(codes), "fieldValidations": fields, "sourceAttribution": ["Credit"]}
    return asking("kyc", httpx.Response(200, json={"referenceId": "k-1", "kyc": module}))


def resolved(code: str, reason: str, attribute: str) -> Example:
    """Return the example of a *code* that nobody resolves with."""
    return Example(valid(["I919", code]), FAILED, {**RESOLVED, attribute: MISMATCH}, (reason,))


class TestKYC(ResolutionProoferContract):
    """KYC."""

    plugin = "proofing_socure"
    section: ClassVar = {**SECTION, "kyc_auto_fail_codes": ["R907", "R909", "R911", "R913", "R555"]}
    answers: ClassVar = {
        "yes": Example(valid(), PASSED, RESOLVED),
        "just valid, without codes and phone": Example(
            valid([], **{**dict.fromkeys(VALID, 0.5), "mobileNumber": None}),
            PASSED,
            {**RESOLVED, "phone": Match.NOT_CHECKED},
        ),
        "yes, with another phone": Example(valid(mobileNumber=0.01), PASSED, {**RESOLVED, "phone": MISMATCH}),
        **{
            f"another {field}": Example(
                valid(**{field: 0.49}), FAILED, {**RESOLVED, name: MISMATCH}, (f"{name}_mismatch",)
            )
            for name, field in FIELDS.items()
        },
        "the SSN of somebody else": Example(
            valid(["R901"], ssn=0.01),
            FAILED,
            {**RESOLVED, "ssn": MISMATCH},
            ("ssn_mismatch", "ssn_of_another_person"),
        ),
        "no record of the SSN": Example(
            valid(["R940"], ssn=0.01),
            FAILED,
            {**RESOLVED, "ssn": Match.UNAVAILABLE},
            ("ssn_mismatch", "ssn_not_found"),
        ),
        "the SSN of the dead": resolved("R907", "ssn_of_deceased", "dead"),
        "somebody dead": resolved("R909", "identity_deceased", "dead"),
        "an SSN from before birth": resolved("R911", "ssn_issued_before_birth", "ssn"),
        "an SSN that cannot be": resolved("R913", "ssn_invalid", "ssn"),
        "a code of the settings": Example(valid(["R555"]), FAILED, RESOLVED, ("refused_reason_code",)),
        **errors(lambda response: asking("kyc", response)),
    }


def scores(
    correlation: float,
    risk: float = 0.01,
    codes: Sequence[str] = ("I618",),
    risk_codes: Sequence[str] = ("I614",),
) -> Answer:
    """Answer with this correlation of name and phone, and this risk."""
    body = {
        "referenceId": "p-1",
        "phoneRisk": {
            "reasonCodes": list(risk_codes),
            "score": risk,
            "signals": {"phone": {"type": "MOBILE"}},
        },
        "namePhoneCorrelation": {"reasonCodes": list(codes), "score": correlation},
    }
    return asking("phonerisk", httpx.Response(200, json=body))


class TestPhoneRisk(PhoneProoferContract):
    """PhoneRisk."""

    plugin = "proofing_socure"
    section: ClassVar = {
        **SECTION,
        "phone_risk_correlation_above": 0.5,
        "phone_risk_score_below": 0.5,
        "phone_risk_auto_fail_codes": ["R601"],
        "phone_risk_name_mismatch_codes": ["R610"],
    }
    answers: ClassVar = {
        "yes": Example(scores(0.99), PASSED, {"phone": MATCH}),
        "just yes, without codes": Example(
            scores(0.51, 0.49, codes=(), risk_codes=()), PASSED, {"phone": MATCH}
        ),
        "yes, with another name": Example(scores(0.99, codes=["R610"]), PASSED, {"phone": MATCH}),
        "somebody else's": Example(scores(0.5), FAILED, {"phone": MISMATCH}, ("phone_mismatch",)),
        "a risk": Example(scores(0.99, 0.5), FAILED, {"phone": MATCH}, ("phone_risk",)),
        "both": Example(scores(0.2, 0.9), FAILED, {"phone": MISMATCH}, ("phone_mismatch", "phone_risk")),
        "only the name differs": Example(
            scores(0.2, codes=["R610"]), FAILED, {"phone": MISMATCH}, ("phone_mismatch", "name_mismatch")
        ),
        "a refused code of the phone": Example(
            scores(0.99, risk_codes=["R601"]), FAILED, {"phone": MATCH}, ("refused_reason_code",)
        ),
        "a refused code of the name": Example(
            scores(0.99, codes=["R601"]), FAILED, {"phone": MATCH}, ("refused_reason_code",)
        ),
        **errors(lambda response: asking("phonerisk", response)),
    }


TOKEN = "78d1c86d-03a3-4e11-b837-71a31cb44142"
LICENSE = {"type": "Drivers License", "state": "NY", "country": "USA"}
DATA = {
    "firstName": "Fakey",
    "surName": "McFakerson",
    "dob": "1938-10-06",
    "parsedAddress": {"physicalAddress": "1 Fake Rd", "city": "New York", "state": "NY", "zip": "10001"},
    "expirationDate": "2099-12-31",
    "documentNumber": "S59397998",
}


def opened(**changes: Any) -> httpx.Response:
    """Return the answer to a document request."""
    app = {"docvTransactionToken": TOKEN, "url": f"https://verify.socure.example/#/dv/{TOKEN}", **changes}
    return httpx.Response(200, json={"referenceId": "d-1", "data": {**app, "qrCode": "data:,"}})


def fetched(found: httpx.Response) -> Answer:
    """Open the capture app, and answer the fetch with *found*."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "service.socure.example":
            assert request.url.path == "/api/5.0/documents/request"
            assert json.loads(request.content)["config"]["redirect"]["method"] == "GET"
            return opened()
        assert asked(request)["modules"] == ["documentverification"]
        return found

    return answer


def decided(decision: str, codes: Sequence[str] = ("I831",), **found: Any) -> Answer:
    """Decide; *found* replaces parts of the section, and leaves those out that are None."""
    section = {
        "reasonCodes": list(codes),
        "documentType": LICENSE,
        "decision": {"name": "lenient", "value": decision},
        "documentData": {"surName": "McFakerson"},
        **found,
    }
    section = {name: part for name, part in section.items() if part is not None}
    return fetched(httpx.Response(200, json={"referenceId": "d-2", "documentVerification": section}))


def accepted(name: str, kind: DocumentType, codes: Sequence[str], **facts: Any) -> Example:
    """Return the example of a document that is accepted, and of which little is read."""
    answer = decided("accept", codes, documentType={"type": name})
    return Example(answer, PASSED, facts={"document_type": kind, **facts})


def rejected(code: str, reason: str) -> Example:
    """Return the example of a reject with this *code*."""
    return Example(decided("reject", [code]), FAILED, reasons=(reason,))


def of_type(**kind: str) -> Answer:
    """Accept a document of another type."""
    return decided("accept", documentType={**LICENSE, **kind})


def event(kind: EventKind) -> Received:
    """Return what the webhook says."""
    return Received(Event(kind=kind, reference=TOKEN))


NOT_SIGNED = Exemption(
    "Socure signs nothing: its webhook sends a secret alone, and the event only makes us fetch the result.",
    date(2027, 5, 28),
)


class TestDocV(DocumentProoferContract):
    """DocV."""

    plugin = "proofing_socure"
    section: ClassVar = {
        **SECTION,
        "docv_request_url": "https://service.socure.example/api/5.0/documents/request",
        "docv_use_case_key": "flow",
        "docv_capture_domains": ["socure.example"],
        "docv_mobile_license_codes": ["I899"],
        "docv_selfie_not_processed_codes": ["R870"],
        "docv_selfie_fail_codes": ["R871"],
        "docv_selfie_pass_codes": ["I872"],
        "webhook_secret": "current-secret-1",
        "webhook_previous_secrets": ["previous-secret-2", "older-secret-345"],
    }
    webhook_secrets = ("webhook_secret", "webhook_previous_secrets")
    exemptions: ClassVar = {"webhook-forged": NOT_SIGNED, "webhook-replay": NOT_SIGNED}
    answers: ClassVar = {
        "accept, with a selfie": Example(
            decided("accept", ["I872"], documentData=DATA),
            PASSED,
            facts={
                "document_type": DocumentType.DRIVERS_LICENSE,
                "assurance": Assurance.AUTHENTICATED,
                "selfie": SelfieCheck.MATCH,
                "vendor_workflow": "flow",
            },
        ),
        "accept of an identification card, with codes of a no": accepted(
            "Identification Card", DocumentType.STATE_ID_CARD, ["R827", "R810"]
        ),
        "accept of a passport card, without codes": accepted(
            "Passport Card", DocumentType.PASSPORT_CARD, [], selfie=SelfieCheck.NOT_CHECKED
        ),
        "another selfie": Example(
            decided("accept", ["R871"]),
            FAILED,
            reasons=("selfie_fail",),
            facts={"selfie": SelfieCheck.NO_MATCH},
        ),
        "expired, and a selfie that was not processed": Example(
            decided("reject", ["R827", "R870", "I872"]),
            FAILED,
            reasons=("expired_id",),
            facts={"selfie": SelfieCheck.NOT_CHECKED},
        ),
        "a passport": Example(
            of_type(type="Passport"),
            FAILED,
            reasons=("unexpected_id_type",),
            facts={"document_type": DocumentType.PASSPORT},
        ),
        "a license on a phone": Example(decided("accept", ["I899"]), FAILED, reasons=("unexpected_id_type",)),
        "a tribal ID": Example(of_type(type="Tribal ID"), FAILED, reasons=("unaccepted_id_type",)),
        "a license of Canada": Example(of_type(country="CAN"), FAILED, reasons=("unaccepted_id_type",)),
        "reject": Example(decided("reject", []), FAILED, reasons=("vendor_reject",)),
        "reject without data": Example(
            decided("reject", [], documentType=None, documentData=None), FAILED, reasons=("vendor_reject",)
        ),
        "unreadable": rejected("R810", "unreadable_id"),
        "of another type": rejected("R853", "unaccepted_id_type"),
        "expired": rejected("R827", "expired_id"),
        "few pixels": rejected("I808", "low_resolution"),
        "under age": rejected("R845", "underage"),
        "no document": rejected("R819", "id_not_found"),
        "the issuer disagrees": rejected("R899", "state_id_verification"),
        "resubmit": Example(decided("resubmit", []), FAILED, reasons=("vendor_resubmit",)),
        "review": Example(decided("review"), REVIEW, reasons=("vendor_review",)),
        "refer": Example(decided("refer"), REVIEW, reasons=("vendor_refer",)),
        "accept without a type": Example(decided("accept", documentType=None), Cause.NONSENSE),
        "accept without data": Example(decided("accept", documentData=None), Cause.NONSENSE),
        "back before the event": Example(
            decided("reject", []), FAILED, reasons=("vendor_reject",), because=(Returned(),)
        ),
        "events on the way": Example(
            decided("reject", []),
            FAILED,
            reasons=("vendor_reject",),
            because=(event(EventKind.PROGRESS), event(EventKind.OTHER), event(EventKind.READY)),
        ),
        "the session expired": Example(
            decided("accept"), Cause.ABANDONED, because=(event(EventKind.EXPIRED),)
        ),
        "nobody came back": Example(decided("accept"), Cause.ABANDONED, because=(Expired(),)),
        "a page of somebody else": Example(opened(url="https://socure.attacker.example/"), Cause.NONSENSE),
        **errors(fetched),
    }

    def signed_event(self, ticket: Ticket) -> Incoming:
        """Send the secret as the last word of the header."""
        body = ticket.body
        if body is None:
            uploaded = {"eventType": "DOCUMENTS_UPLOADED", "docvTransactionToken": ticket.reference}
            body = json.dumps({"event": {**uploaded, "referenceId": "w-1"}}).encode()
        return Incoming(headers={"authorization": f"secret {ticket.secret}"}, body=body)
