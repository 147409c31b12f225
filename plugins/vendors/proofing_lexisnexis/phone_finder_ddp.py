"""Phone Finder through the Dynamic Decision Platform."""

from typing import TYPE_CHECKING

from proofing.plugin import PhoneResult, ProofingContext, ProofingRequest
from proofing_lexisnexis.ddp import DDPPolicy
from proofing_lexisnexis.fields import ddp_identity, require_phone
from proofing_lexisnexis.phone_answers import phone_result
from proofing_lexisnexis.settings import required

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:phone_finder_ddp"


class PhoneFinderDDP:
    """Asks the policy of the organization."""

    def __init__(self, settings: "LexisNexisSettings") -> None:
        """Take organization and policy. Raises `ConfigurationError`: the settings have none."""
        self._policy = DDPPolicy(settings, "phone_finder_policy", vendor_name=NAME)
        _ddp, self._service = required(settings, "ddp", "phone_finder_service", product=NAME)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PhoneResult:
        """Ask once."""
        fields = {
            "customer_event_type": "phone_finder",
            **ddp_identity(request.applicant),
            "account_telephone": require_phone(request.applicant, NAME),
        }
        answer = await self._policy.query("attribute", fields, context)
        return phone_result(self._policy.conversation(answer, self._service), vendor_name=NAME)
