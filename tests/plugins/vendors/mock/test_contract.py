"""The mock keeps the contracts of all five kinds."""

import json
from dataclasses import replace
from typing import ClassVar

import httpx

from proofing.contracts.circumstances import Circumstances
from proofing.contracts.continuation import Exchange
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import make_process
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    PhoneProoferContract,
    ResolutionProoferContract,
    StateIDProoferContract,
)
from proofing_mock.exchange.messages import (
    PROTOCOL,
    Decision,
    Messages,
    WalletAnswer,
    answer_body,
)


class TestResolution(ResolutionProoferContract):
    """The mock resolution."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Ask for an SSN that could exist."""
        request = self.question(canary)
        return replace(request, applicant=request.applicant.merge({"ssn": "123456789"}))


class TestPhone(PhoneProoferContract):
    """The mock phone check."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Ask for the failing phone number."""
        request = self.question(canary)
        return replace(request, applicant=request.applicant.merge({"phone": "7035555555"}))


class TestStateID(StateIDProoferContract):
    """The mock licensing agency."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Ask for a license number of zeros."""
        request = self.question(canary)
        return replace(request, applicant=request.applicant.merge({"state_id_number": "000"}))


class TestDevice(DeviceProfilerContract):
    """The mock device profile."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Select a reject."""
        return replace(self.question(canary), circumstances=Circumstances(device_session_id="session-reject"))


class TestDocument(DocumentProoferContract):
    """The mock document check."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Submit a form that fails."""
        form = Image(b"transaction_status: failed", "application/yaml")
        return replace(self.question(canary), images={Side.FRONT: form, Side.BACK: form})


class TestPollingResolution(TestResolution):
    """The mock resolution that answers later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class TestPollingPhone(TestPhone):
    """The mock phone check that answers later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class TestPollingStateID(TestStateID):
    """The mock licensing agency that answers later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class TestPollingDevice(TestDevice):
    """The mock device profile that answers later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class TestPollingDocument(TestDocument):
    """The mock document check that answers later."""

    proofer_name = "mock:polling"
    section: ClassVar = {"polling_seconds": 0}


class HostedAnswers:
    """The API of the vendor of `mock:hosted`, with a person who is done at once."""

    plugin = "proofing_mock"
    proofer_name = "mock:hosted"
    calls_out = True
    section: ClassVar = {"hosted_url": "http://127.0.0.1:8900", "hosted_api_key": "k" * 32}

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Approve."""
        return self.answer(request, "approved")

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Decline."""
        return self.answer(request, "declined")

    def answer(self, request: httpx.Request, decision: str) -> httpx.Response:
        """Open a session, or return its state."""
        assert request.headers["authorization"] == f"Bearer {'k' * 32}"
        if request.method == "POST":
            assert request.url.path == "/v1/sessions"
            asked = json.loads(request.content)
            assert set(asked) == {"return_url", "expires_in_seconds", "customer_reference"}
        return httpx.Response(
            201 if request.method == "POST" else 200,
            json={
                "id": "ses_1",
                "state": "open" if request.method == "POST" else decision,
                "url": "http://127.0.0.1:8900/verify/x",
            },
        )

    question_no = ResolutionProoferContract.question_no


class TestHostedResolution(HostedAnswers, ResolutionProoferContract):
    """The mock resolution at a vendor with pages of its own."""


class TestHostedAddress(HostedAnswers, PhoneProoferContract):
    """The mock phone check at a vendor with pages of its own."""


class TestHostedStateID(HostedAnswers, StateIDProoferContract):
    """The mock licensing agency behind a vendor with pages of its own."""


class TestHostedDevice(HostedAnswers, DeviceProfilerContract):
    """The mock device profile of a vendor with pages of its own."""


class TestHostedDocument(HostedAnswers, DocumentProoferContract):
    """The mock document check at a vendor with pages of its own."""


class ExchangeAnswers:
    """The wallet of `mock:exchange`, whose person shares what they are asked for."""

    plugin = "proofing_mock"
    proofer_name = "mock:exchange"
    calls_out = False
    decision = Decision.APPROVED

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Share what is not accepted."""
        self.decision = Decision.DECLINED
        return self.question(canary)

    def wallet_answer(self, exchange: Exchange) -> bytes:
        """Answer what the browser is given."""
        messages = Messages.of(make_process())
        asked = messages.read_request(json.dumps(exchange.requests[PROTOCOL]).encode())
        answer = WalletAnswer(nonce=asked.nonce, question=asked.question, decision=self.decision)
        return answer_body(messages.write(answer))


class TestExchangeResolution(ExchangeAnswers, ResolutionProoferContract):
    """The mock resolution that asks a wallet."""


class TestExchangePhone(ExchangeAnswers, PhoneProoferContract):
    """The mock phone check that asks a wallet."""


class TestExchangeStateID(ExchangeAnswers, StateIDProoferContract):
    """The mock licensing agency that asks a wallet."""


class TestExchangeDevice(ExchangeAnswers, DeviceProfilerContract):
    """The mock device profile that asks a wallet."""


class TestExchangeDocument(ExchangeAnswers, DocumentProoferContract):
    """The mock document check that asks a wallet."""
