"""ThreatMetrix: is the browser's session, as its tags have profiled it, known for fraud?"""

import re
from typing import TYPE_CHECKING, Any

from proofing.plugin import DeviceResult, Outcome, ProofingContext, ProofingRequest, ReviewStatus
from proofing_lexisnexis.ddp import DDPPolicy
from proofing_lexisnexis.envelope import not_understood, short_codes
from proofing_lexisnexis.fields import ddp_person, refuse

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:threat_metrix"
#: The outcome of each documented status. A fourth, ``challenge``, asks for what this product has no page for.
_OUTCOMES = {
    ReviewStatus.PASS: Outcome.PASSED,
    ReviewStatus.REVIEW: Outcome.REVIEW,
    ReviewStatus.REJECT: Outcome.FAILED,
}
_TRANSACTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class ThreatMetrix:
    """Asks the policy of the organization about one profiled session."""

    def __init__(self, settings: "LexisNexisSettings") -> None:
        """Take organization and policy. Raises `ConfigurationError`: the settings have none."""
        self._policy = DDPPolicy(settings, "threat_metrix_policy", vendor_name=NAME)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DeviceResult:
        """Ask once."""
        session_id = request.circumstances.device_session_id
        if not session_id:
            raise refuse("device session", NAME)
        fields = {
            "session_id": session_id,
            "customer_event_type": "idv",
            "input_ip_address": request.circumstances.ip_address,
            "account_email": request.applicant.email or "",
            **ddp_person(request.applicant),
        }
        return _result(await self._policy.query("session", fields, context))


def _result(answer: dict[str, Any]) -> DeviceResult:
    """Return the answer in Proofing's words. Raises `VendorError`: it has no status that is documented."""
    transaction_id = answer.get("request_id")
    if not isinstance(transaction_id, str) or not _TRANSACTION_ID.fullmatch(transaction_id):
        raise not_understood(NAME)
    codes = answer.get("tmx_summary_reason_code") or []
    try:
        status = ReviewStatus(str(answer.get("review_status")))
    except ValueError:
        raise not_understood(NAME, "the review status", transaction_id=transaction_id) from None
    if not isinstance(codes, list):
        raise not_understood(NAME, transaction_id=transaction_id)
    return DeviceResult(
        vendor_name=NAME,
        outcome=_OUTCOMES[status],
        reasons=() if status is ReviewStatus.PASS else (f"device_{status.value}",),
        vendor_codes=short_codes(code for code in codes if isinstance(code, str)),
        transaction_id=transaction_id,
        review_status=status,
    )
