"""What the decision of a mock vendor that has the person comes to, for each kind of question."""

from dataclasses import replace

from proofing.plugin import (
    DeviceResult,
    DocumentResult,
    Finding,
    FindingCode,
    Outcome,
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
    if isinstance(refused, ResolutionResult | StateIDResult):
        return replace(refused, verified_attributes=frozenset())
    return refused
