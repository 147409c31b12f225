"""The mock proofers that judge by sentinel attributes: resolution, phone, state ID, passport, device."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from proofing.plugin import (
    LICENSE_TYPES,
    Cause,
    Death,
    DeviceResult,
    LineType,
    Match,
    Outcome,
    PassportResult,
    PhoneResult,
    ProofingContext,
    ProofingRequest,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
    VendorError,
)
from proofing.plugin.support import JURISDICTIONS

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_NO_CONTACT_SSN = "000000000"
_TEST_SSN_PREFIXES = ("900", "666")
_BAD_ZIPCODE = "00000"
_INTERNET_PHONE = "7035550183"
_FAILING_PHONE = "7035555555"
_REVIEW_PHONE = "7035555777"
_TIMEOUT_PHONE = "7035555888"
_EXCEPTION_PHONE = "7035555999"
_OFFICE_TIMEOUT_NUMBER = "mvatimeout"
_OFFICE_TIMEOUT_CODE = "0047"

#: The outcome that goes with each review status.
_DEVICE_OUTCOMES = {
    ReviewStatus.PASS: Outcome.PASSED,
    ReviewStatus.REVIEW: Outcome.REVIEW,
    ReviewStatus.REJECT: Outcome.FAILED,
}


class ResolutionMock:
    """Resolves every applicant with a test SSN, save those that ask for something else."""

    name = "ResolutionMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take latency and allowed SSNs from *settings*."""
        self._latency_seconds = settings.latency_seconds
        self._allowed_ssns = frozenset(settings.test_ssn_allowed_list)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:  # noqa: ARG002 - the contract's
        """Answer by SSN, then first name, then SSN again, then ZIP code."""
        await asyncio.sleep(self._latency_seconds)
        applicant = request.applicant
        ssn = (applicant.ssn or "").replace("-", "")
        if ssn == _NO_CONTACT_SSN:
            raise VendorError(Cause.UNREACHABLE, "could not contact", vendor_name=self.name)
        error = _error_asked_for((applicant.first_name or "").lower(), self.name)
        if error is not None:
            raise error
        if "bad" in (applicant.first_name or "").lower():
            return self._failure("first_name")
        if "review" in (applicant.first_name or "").lower():
            return self._review()
        if "deceased" in (applicant.first_name or "").lower():
            return replace(self._failure("dead"), reasons=("identity_deceased",), death=Death.HIT)
        if not ssn.startswith(_TEST_SSN_PREFIXES) and ssn not in self._allowed_ssns:
            return self._failure("ssn")
        if (applicant.zipcode or "").startswith(_BAD_ZIPCODE):
            return self._failure("zipcode")
        known = applicant.reveal()
        return ResolutionResult(
            vendor_name=self.name,
            outcome=Outcome.PASSED,
            attributes=dict.fromkeys(known, Match.MATCH),
            transaction_id="resolution-mock-transaction-id-123",
            reference="aaa-bbb-ccc",
            verified_attributes=frozenset(known),
            death=Death.CLEAR,
        )

    def _review(self) -> ResolutionResult:
        """Return that a person has to look."""
        return ResolutionResult(
            vendor_name=self.name,
            outcome=Outcome.REVIEW,
            reasons=("review_as_asked",),
            transaction_id="resolution-mock-transaction-id-123",
            reference="aaa-bbb-ccc",
        )

    def _failure(self, attribute: str) -> ResolutionResult:
        """Return a no because of *attribute*."""
        return ResolutionResult(
            vendor_name=self.name,
            outcome=Outcome.FAILED,
            attributes={attribute: Match.MISMATCH},
            reasons=(f"{attribute}_mismatch",),
            transaction_id="resolution-mock-transaction-id-123",
            reference="aaa-bbb-ccc",
        )


class PhoneMock:
    """Finds every phone number to be the applicant's, save four; one is an internet line."""

    name = "AddressMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PhoneResult:  # noqa: ARG002 - the contract's
        """Answer by phone number, in any formatting."""
        await asyncio.sleep(self._latency_seconds)
        phone = re.sub(r"\D", "", request.applicant.phone or "", flags=re.ASCII).removeprefix("1")
        if phone == _TIMEOUT_PHONE:
            raise VendorError(Cause.TIMEOUT, "timed out as asked", vendor_name=self.name)
        if phone == _EXCEPTION_PHONE:
            raise VendorError(Cause.UNREACHABLE, "failed as asked", vendor_name=self.name)
        if phone == _REVIEW_PHONE:
            return PhoneResult(
                vendor_name=self.name,
                outcome=Outcome.REVIEW,
                reasons=("review_as_asked",),
                transaction_id="address-mock-transaction-id-123",
            )
        failed = phone in {_FAILING_PHONE, ""}
        return PhoneResult(
            vendor_name=self.name,
            outcome=Outcome.FAILED if failed else Outcome.PASSED,
            attributes={"phone": Match.MISMATCH if failed else Match.MATCH},
            reasons=("phone_mismatch",) if failed else (),
            account=Match.MISMATCH if failed else Match.MATCH,
            transaction_id="address-mock-transaction-id-123",
            line_type=LineType.VOIP if phone == _INTERNET_PHONE else LineType.MOBILE,
        )


class StateIDMock:
    """Confirms every license that looks like one."""

    name = "StateIDMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> StateIDResult:  # noqa: ARG002 - the contract's
        """Answer by license number, jurisdiction and type."""
        await asyncio.sleep(self._latency_seconds)
        applicant = request.applicant
        number = (applicant.state_id_number or "").strip()
        if number.lower() == _OFFICE_TIMEOUT_NUMBER:
            raise VendorError(
                Cause.SOURCE_TIMEOUT,
                "the licensing agency timed out as asked",
                vendor_name=self.name,
                codes=(_OFFICE_TIMEOUT_CODE,),
            )
        wrong = []
        if applicant.state_id_jurisdiction not in JURISDICTIONS:
            wrong.append("state_id_jurisdiction")
        if not number.strip("0"):
            wrong.append("state_id_number")
        if applicant.document_type_received not in LICENSE_TYPES:
            wrong.append("document_type_received")
        known = applicant.reveal()
        return StateIDResult(
            vendor_name=self.name,
            outcome=Outcome.FAILED if wrong else Outcome.PASSED,
            attributes=_matches(known, wrong),
            reasons=tuple(f"{attribute}_mismatch" for attribute in wrong),
            transaction_id="state-id-mock-transaction-id-456",
            requested_attributes=dict.fromkeys(known, True),
            verified_attributes=frozenset() if wrong else frozenset({"address", "dob", "state_id_number"}),
        )


class PassportMock:
    """Confirms every passport, save those whose machine-readable zone asks for something else."""

    name = "PassportMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PassportResult:  # noqa: ARG002 - the contract's
        """Answer by the words that the machine-readable zone contains."""
        await asyncio.sleep(self._latency_seconds)
        mrz = (request.applicant.mrz or "").lower()
        if (error := _error_asked_for(mrz, self.name)) is not None:
            raise error
        failed = "bad" in mrz or not mrz
        in_review = "review" in mrz and not failed
        outcome = Outcome.FAILED if failed else Outcome.REVIEW if in_review else Outcome.PASSED
        return PassportResult(
            vendor_name=self.name,
            outcome=outcome,
            attributes={} if in_review else {"mrz": Match.MISMATCH if failed else Match.MATCH},
            reasons=("passport_mismatch",) if failed else ("review_as_asked",) if in_review else (),
            transaction_id="passport-mock-transaction-id-123",
        )


class DeviceMock:
    """Gives every browser session a clean profile, save those whose id says otherwise."""

    name = "DeviceMock"

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DeviceResult:  # noqa: ARG002 - the contract's
        """Answer by the selector that the session id contains."""
        await asyncio.sleep(self._latency_seconds)
        session_id = request.circumstances.device_session_id or ""
        if "no_result" in session_id:
            raise VendorError(Cause.UNREACHABLE, "no result as asked", vendor_name=self.name)
        status = next(
            (status for status in (ReviewStatus.REJECT, ReviewStatus.REVIEW) if status.value in session_id),
            ReviewStatus.PASS,
        )
        return DeviceResult(
            vendor_name=self.name,
            outcome=_DEVICE_OUTCOMES[status],
            reasons=() if status is ReviewStatus.PASS else (f"device_{status.value}",),
            transaction_id="ddp-mock-transaction-id-123",
            review_status=status,
        )


def _error_asked_for(text: str, vendor_name: str) -> VendorError | None:
    """Return the error that a word in *text*, in small letters, asks for."""
    if "fail" in text:
        return VendorError(Cause.UNREACHABLE, "failed as asked", vendor_name=vendor_name)
    if "time" in text:
        return VendorError(Cause.TIMEOUT, "timed out as asked", vendor_name=vendor_name)
    if "parse" in text:
        return VendorError(Cause.NONSENSE, "answered nonsense as asked", vendor_name=vendor_name)
    return None


def _matches(known: Iterable[str], wrong: Iterable[str]) -> dict[str, Match]:
    """Return a match for each *known* attribute and a mismatch for each *wrong* one."""
    return {**dict.fromkeys(known, Match.MATCH), **dict.fromkeys(wrong, Match.MISMATCH)}
