"""TrueID through the Dynamic Decision Platform, which wants an email address with the images."""

from typing import TYPE_CHECKING

from proofing.plugin import Base64, DocumentResult, ProofingContext, ProofingRequest
from proofing_lexisnexis.ddp import DDPPolicy
from proofing_lexisnexis.document_answers import DocumentRules, document_result
from proofing_lexisnexis.fields import ddp_references, refuse
from proofing_lexisnexis.settings import required
from proofing_lexisnexis.true_id import required_images

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:true_id_ddp"
NAME_SELFIE = "lexisnexis:true_id_ddp_selfie"


class TrueIDDDP:
    """Asks one of the organization's two policies: with or without a selfie."""

    def __init__(self, settings: "LexisNexisSettings", *, selfie: bool) -> None:
        """Take organization and policy. Raises `ConfigurationError`: the settings have none."""
        self._name = NAME_SELFIE if selfie else NAME
        key = "true_id_liveness_policy" if selfie else "true_id_noliveness_policy"
        self._policy = DDPPolicy(settings, key, vendor_name=self._name)
        own, self._service = required(settings, "ddp", "true_id_service", product=self._name)
        self._rules = DocumentRules(thresholds=own, through_ddp=True)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:
        """Ask once."""
        applicant = request.applicant
        if not applicant.uuid:
            raise refuse("reference of the person", self._name)
        if not applicant.email:
            raise refuse("email address", self._name)
        front, back, selfie = required_images(request, self._name)
        fields = {
            "account_email": applicant.email,
            "customer_event_type": "true_id",
            "Trueid.image_data.white_front": Base64(front.content),
            "Trueid.image_data.white_back": Base64(back.content) if back else "",
            "Trueid.image_data.selfie": Base64(selfie.content) if selfie else "",
            **ddp_references(applicant),
        }
        answer = await self._policy.authenticate(fields, context)
        conversation = self._policy.conversation(answer, self._service)
        return document_result(conversation, request, self._rules, vendor_name=self._name)
