"""The mock keeps the contracts of all six kinds."""

import json
from dataclasses import replace
from typing import ClassVar

import httpx

from proofing.contracts.circumstances import Circumstances
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
    PassportProoferContract,
    PhoneProoferContract,
    ResolutionProoferContract,
    StateIDProoferContract,
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


class TestPassport(PassportProoferContract):
    """The mock issuer of passports."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Ask for a passport that is not confirmed."""
        request = self.question(canary)
        return replace(request, applicant=request.applicant.merge({"mrz": "P<USADOE<<BAD<<<"}))


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


class TestPollingPassport(TestPassport):
    """The mock issuer of passports that answers later."""

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


class TestHostedPassport(HostedAnswers, PassportProoferContract):
    """The mock issuer of passports at a vendor with pages of its own."""

    question_no = PassportProoferContract.question_no


class TestHostedDevice(HostedAnswers, DeviceProfilerContract):
    """The mock device profile of a vendor with pages of its own."""


class TestHostedDocument(HostedAnswers, DocumentProoferContract):
    """The mock document check at a vendor with pages of its own."""
