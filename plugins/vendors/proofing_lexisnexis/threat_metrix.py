"""ThreatMetrix: is the browser's session, as its tags have profiled it, known for fraud?"""

import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proofing.plugin import (
    DeviceResult,
    Outcome,
    ProofingContext,
    ProofingRequest,
    ReviewStatus,
    VendorContext,
)
from proofing_lexisnexis.ddp import DDPPolicy
from proofing_lexisnexis.envelope import not_understood, short_codes
from proofing_lexisnexis.fields import ddp_person, refuse
from proofing_lexisnexis.settings import required

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


class SignedThreatMetrix(ThreatMetrix):
    """The same, where it is known who signs the script that browsers load."""

    def __init__(self, settings: "LexisNexisSettings") -> None:
        """Take the certificate, too. Raises `ConfigurationError`: the settings have none."""
        super().__init__(settings)
        ddp, certificate = required(settings, "ddp", "tags_certificate", product=NAME)
        self._certificate: str = certificate
        self._script = f"{ddp.tags_base_url}/fp/tags.js?org_id={quote(ddp.org_id, safe='')}&session_id="

    async def check(self, context: VendorContext) -> str | None:
        """Return that the script is not signed by the certificate's holder; None when it is."""
        # Imports cryptography, which no question needs.
        from proofing_lexisnexis.tags_signature import is_signed, read_certificate  # noqa: PLC0415

        with context.unbilled():
            response = await context.http.get(self._script + uuid.uuid4().hex)
        script = response.require_success().content
        if is_signed(script, read_certificate(self._certificate)):
            return None
        return "the tags' script is not signed by the certificate in lexisnexis.ddp.tags_certificate"


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
    codes = [codes] if isinstance(codes, str) else codes
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
