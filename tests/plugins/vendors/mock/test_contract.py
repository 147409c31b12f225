"""The mock keeps the contracts of all six kinds, in each of its four shapes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import httpx

from proofing.contracts.applicant import DocumentType
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.continuation import Exchange, Pending
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Match, Outcome, ReviewStatus
from proofing.contracts.webhooks import Incoming
from proofing.plugin import Cause
from proofing.testing.vendor_fakes import make_process
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    Example,
    PassportProoferContract,
    PhoneProoferContract,
    ResolutionProoferContract,
    StateIDProoferContract,
    Ticket,
)
from proofing_mock.exchange.messages import PROTOCOL, Decision, Messages, WalletAnswer, answer_body

MATCH, MISMATCH = Match.MATCH, Match.MISMATCH
NAMED = {"first_name": MATCH, "last_name": MATCH, "dob": MATCH}
HOME = dict.fromkeys(("address1", "address2", "city", "state", "zipcode"), MATCH)
RESOLVED = {**NAMED, "ssn": MATCH, **HOME}
LICENSED = {
    **NAMED,
    **dict.fromkeys(
        ("state_id_number", "state_id_jurisdiction", "state_id_expiration", "document_type_received"), MATCH
    ),
    **HOME,
}
LICENSE = {"document_type": DocumentType.DRIVERS_LICENSE}
MOBILE_LICENSE = {"document_type": DocumentType.MOBILE_DRIVERS_LICENSE}


def ask(**changes: Any) -> Callable[[ProofingRequest], ProofingRequest]:
    """Ask about somebody with other attributes."""
    return lambda asked: replace(asked, applicant=asked.applicant.merge(changes))


def browse(session: str) -> Callable[[ProofingRequest], ProofingRequest]:
    """Ask about another browser session."""
    return lambda asked: replace(asked, circumstances=Circumstances(device_session_id=session))


def submit(form: bytes) -> Callable[[ProofingRequest], ProofingRequest]:
    """Ask about a form in place of an image."""
    image = Image(form, "application/yaml")
    return lambda asked: replace(asked, images={Side.FRONT: image, Side.BACK: image})


class Mock:
    """What answers at once."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False


class TestResolution(Mock, ResolutionProoferContract):
    """The mock resolution."""

    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, RESOLVED),
        "an SSN that could exist": Example(
            None, Outcome.FAILED, {"ssn": MISMATCH}, ("ssn_mismatch",), ask=ask(ssn="123456789")
        ),
        "review": Example(None, Outcome.REVIEW, reasons=("review_as_asked",), ask=ask(first_name="Review")),
        "no contact": Example(None, Cause.UNREACHABLE, ask=ask(ssn="000000000")),
    }


class TestPhone(Mock, PhoneProoferContract):
    """The mock phone check."""

    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, {"phone": MATCH}),
        "no": Example(
            None, Outcome.FAILED, {"phone": MISMATCH}, ("phone_mismatch",), ask=ask(phone="7035555555")
        ),
        "review": Example(None, Outcome.REVIEW, reasons=("review_as_asked",), ask=ask(phone="7035555777")),
        "time-out": Example(None, Cause.TIMEOUT, ask=ask(phone="7035555888")),
    }


class TestStateID(Mock, StateIDProoferContract):
    """The mock licensing agency."""

    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, LICENSED),
        "zeros": Example(
            None,
            Outcome.FAILED,
            {**LICENSED, "state_id_number": MISMATCH},
            ("state_id_number_mismatch",),
            ask=ask(state_id_number="000"),
        ),
        "time-out": Example(None, Cause.SOURCE_TIMEOUT, ask=ask(state_id_number="mvatimeout")),
    }


class TestPassport(Mock, PassportProoferContract):
    """The mock issuer of passports."""

    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, {"mrz": MATCH}),
        "no": Example(
            None, Outcome.FAILED, {"mrz": MISMATCH}, ("passport_mismatch",), ask=ask(mrz="P<USADOE<<BAD<<<")
        ),
        "review": Example(
            None, Outcome.REVIEW, reasons=("review_as_asked",), ask=ask(mrz="P<USADOE<<REVIEW<<<")
        ),
        "time-out": Example(None, Cause.TIMEOUT, ask=ask(mrz="P<USADOE<<TIME<<<")),
    }


class TestDevice(Mock, DeviceProfilerContract):
    """The mock device profile."""

    answers: ClassVar = {
        "pass": Example(None, Outcome.PASSED, facts={"review_status": ReviewStatus.PASS}),
        "reject": Example(None, Outcome.FAILED, reasons=("device_reject",), ask=browse("session-reject")),
        "review": Example(None, Outcome.REVIEW, reasons=("device_review",), ask=browse("session-review")),
    }


class TestDocument(Mock, DocumentProoferContract):
    """The mock document check."""

    answers: ClassVar = {
        "yes": Example(None, Outcome.PASSED, facts=LICENSE),
        "a form that fails": Example(None, Outcome.FAILED, ask=submit(b"transaction_status: failed")),
    }


class Polling:
    """What answers the same, later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class TestPollingResolution(Polling, TestResolution):
    """The mock resolution that answers later."""


class TestPollingPhone(Polling, TestPhone):
    """The mock phone check that answers later."""


class TestPollingStateID(Polling, TestStateID):
    """The mock licensing agency that answers later."""


class TestPollingPassport(Polling, TestPassport):
    """The mock issuer of passports that answers later."""


class TestPollingDevice(Polling, TestDevice):
    """The mock device profile that answers later."""


class TestPollingDocument(Polling, TestDocument):
    """The mock document check that answers later."""


def session(request: httpx.Request, decision: str) -> httpx.Response:
    """Open a session of `mock:hosted`, or return its state; the person is done at once."""
    assert request.headers["authorization"] == f"Bearer {'k' * 32}"
    is_new = request.method == "POST"
    if is_new:
        assert request.url.path == "/v1/sessions"
        assert set(json.loads(request.content)) == {"return_url", "expires_in_seconds", "customer_reference"}
    page = "http://127.0.0.1:8900/verify/ses_1"
    state = "open" if is_new else decision
    return httpx.Response(201 if is_new else 200, json={"id": "ses_1", "state": state, "url": page})


def hosted(decision: str, comes_to: Outcome | Cause, *arguments: Any, **named: Any) -> Example:
    """Return the example of a session that ends with *decision*."""
    return Example(lambda request: session(request, decision), comes_to, *arguments, **named)


def decisions(**yes: Any) -> dict[str, Example]:
    """Return an example of every decision; *yes* are the fields of the example of a yes."""
    return {
        "approved": hosted("approved", Outcome.PASSED, **yes),
        "declined": hosted("declined", Outcome.FAILED, reasons=("vendor_declined",)),
        "review": hosted("review", Outcome.REVIEW, reasons=("vendor_review",)),
        "abandoned": hosted("abandoned", Cause.ABANDONED),
    }


class Hosted:
    """What sends the person to a vendor of its own."""

    plugin = "proofing_mock"
    proofer_name = "mock:hosted"
    section: ClassVar = {
        "hosted_api_key": "k" * 32,
        "hosted_webhook_secret": "webhook-secret-" + "s" * 32,
        "hosted_webhook_previous_secret": "webhook-secret-" + "p" * 32,
    }
    webhook_secrets = ("hosted_webhook_secret", "hosted_webhook_previous_secret")

    def signed_event(self, ticket: Ticket) -> Incoming:
        """Sign as Standard Webhooks describes."""
        data = {"session": "ses_1", "customer_reference": ticket.question_id}
        body = ticket.body
        if body is None:
            body = json.dumps({"type": "session.decided", "data": data}).encode()
        at = str(int(ticket.at.timestamp()))
        mac = hmac.new(ticket.secret.encode(), b"evt_1." + at.encode() + b"." + body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(mac.digest()).decode()}"
        headers = {"webhook-id": "evt_1", "webhook-timestamp": at, "webhook-signature": signature}
        return Incoming(headers=headers, body=body)


class TestHostedResolution(Hosted, ResolutionProoferContract):
    """The mock resolution at a vendor with pages of its own."""

    answers: ClassVar = decisions(attributes=RESOLVED)


class TestHostedPhone(Hosted, PhoneProoferContract):
    """The mock phone check at a vendor with pages of its own."""

    answers: ClassVar = decisions(attributes={"phone": MATCH})


class TestHostedStateID(Hosted, StateIDProoferContract):
    """The mock licensing agency behind a vendor with pages of its own."""

    answers: ClassVar = decisions(attributes=LICENSED)


class TestHostedPassport(Hosted, PassportProoferContract):
    """The mock issuer of passports at a vendor with pages of its own."""

    answers: ClassVar = decisions(attributes={"mrz": MATCH})


class TestHostedDevice(Hosted, DeviceProfilerContract):
    """The mock device profile of a vendor with pages of its own."""

    answers: ClassVar = decisions(facts={"review_status": ReviewStatus.PASS})


class TestHostedDocument(Hosted, DocumentProoferContract):
    """The mock document check at a vendor with pages of its own."""

    answers: ClassVar = decisions(facts=LICENSE)


def share(decision: Decision) -> Callable[[Pending], bytes]:
    """Return what posts the answer of a wallet, whose person shares what they are asked for."""

    def posted(pending: Pending) -> bytes:
        assert isinstance(pending.then, Exchange)
        messages = Messages.of(make_process())
        asked = messages.read_request(json.dumps(pending.then.requests[PROTOCOL]).encode())
        answer = WalletAnswer(nonce=asked.nonce, question=asked.question, decision=decision)
        return answer_body(messages.write(answer))

    return posted


def shared(**yes: Any) -> dict[str, Example]:
    """Return an example of each answer of a wallet; *yes* are the fields of the example of a yes."""
    declined = ("vendor_declined",)
    return {
        "approved": Example(None, Outcome.PASSED, posted=share(Decision.APPROVED), **yes),
        "declined": Example(None, Outcome.FAILED, reasons=declined, posted=share(Decision.DECLINED)),
        "refused": Example(None, Cause.ABANDONED, posted=share(Decision.REFUSED)),
    }


class Wallet:
    """What asks a wallet."""

    plugin = "proofing_mock"
    proofer_name = "mock:exchange"
    calls_out = False


class TestExchangeResolution(Wallet, ResolutionProoferContract):
    """The mock resolution that asks a wallet."""

    answers: ClassVar = shared(attributes=RESOLVED)


class TestExchangePhone(Wallet, PhoneProoferContract):
    """The mock phone check that asks a wallet."""

    answers: ClassVar = shared(attributes={"phone": MATCH})


class TestExchangeStateID(Wallet, StateIDProoferContract):
    """The mock licensing agency that asks a wallet."""

    answers: ClassVar = shared(attributes=LICENSED)


class TestExchangePassport(Wallet, PassportProoferContract):
    """The mock issuer of passports that asks a wallet."""

    answers: ClassVar = shared(attributes={"mrz": MATCH})


class TestExchangeDevice(Wallet, DeviceProfilerContract):
    """The mock device profile that asks a wallet."""

    answers: ClassVar = shared(facts={"review_status": ReviewStatus.PASS})


class TestExchangeDocument(Wallet, DocumentProoferContract):
    """The mock document check that asks a wallet."""

    answers: ClassVar = shared(facts=MOBILE_LICENSE)
