"""Instant Verify through the Dynamic Decision Platform, which gets the license number, too."""

from typing import TYPE_CHECKING

from proofing.plugin import ProofingContext, ProofingRequest, ResolutionResult
from proofing_lexisnexis.ddp import DDPPolicy
from proofing_lexisnexis.fields import ddp_person
from proofing_lexisnexis.resolution_answers import resolution_result
from proofing_lexisnexis.settings import required

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:instant_verify_ddp"
#: The product's name differs between consoles.
_TYPES = frozenset({"Verify", "Verification", "InstantVerify"})
#: Products that only repeat the verdict.
_DECISION = "_Decision"


class InstantVerifyDDP:
    """Asks the policy of the organization."""

    def __init__(self, settings: "LexisNexisSettings") -> None:
        """Take organization and policy. Raises `ConfigurationError`: the settings have none."""
        self._policy = DDPPolicy(settings, "instant_verify_policy", vendor_name=NAME)
        _ddp, self._service = required(settings, "ddp", "instant_verify_service", product=NAME)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask once."""
        fields = {"customer_event_type": "instant_verify", **ddp_person(request.applicant)}
        answer = await self._policy.query("attribute", fields, context)
        conversation = self._policy.conversation(answer, self._service)
        asked = [one for one in conversation.products if not (one.product_type or "").endswith(_DECISION)]
        is_alone = len(asked) == 1 and asked[0].product_type in _TYPES
        return resolution_result(conversation, asked[0] if is_alone else None, vendor_name=NAME)
