"""What the decision of a mock vendor that has the person comes to, for each kind of question."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proofing.plugin import (
    Death,
    DeviceResult,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    PhoneResult,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
    VendorResult,
)

APPROVED, DECLINED, REVIEW = "approved", "declined", "review"
#: What the decisions other than a yes come to, for all kinds, and for devices.
_DECISIONS = {
    DECLINED: (Outcome.FAILED, ReviewStatus.REJECT),
    REVIEW: (Outcome.REVIEW, ReviewStatus.REVIEW),
}
#: What an answer that is no yes does not say.
_EMPTIED: Mapping[type[VendorResult], dict[str, Any]] = {
    ResolutionResult: {"verified_attributes": frozenset(), "death": Death.UNKNOWN},
    StateIDResult: {"verified_attributes": frozenset()},
    PhoneResult: {"account": Match.NOT_CHECKED},
}


def as_decided(answer: VendorResult, decision: str) -> VendorResult:
    """Return *answer*, which is that of an approved person, as the vendor decided."""
    if decision == APPROVED:
        return answer
    outcome, device = _DECISIONS[decision]
    refused = replace(answer, outcome=outcome, attributes={}, reasons=(f"vendor_{decision}",))
    if isinstance(refused, DocumentResult) and outcome is Outcome.FAILED:
        return replace(refused, findings=(Finding(code=FindingCode.NOT_GENUINE, vendor_code=decision),))
    if isinstance(refused, DeviceResult):
        return replace(refused, review_status=device)
    emptied: dict[str, Any] = _EMPTIED.get(type(refused), {})
    return replace(refused, **emptied)
