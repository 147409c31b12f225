"""The mock keeps the contracts of all five kinds."""

from dataclasses import replace
from typing import ClassVar

from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.testing.canary import Canary
from proofing.testing.vendors import (
    DeviceProfilerContract,
    DocumentProoferContract,
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


class TestDevice(DeviceProfilerContract):
    """The mock device profile."""

    plugin = "proofing_mock"
    proofer_name = "mock"
    calls_out = False

    def question_no(self, canary: Canary) -> ProofingRequest:
        """Select a reject."""
        return replace(self.question(canary), device_session_id="session-reject")


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
