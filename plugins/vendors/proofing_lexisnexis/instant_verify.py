"""Instant Verify on the Risk Defense Platform: do name, birth date, SSN and address belong to one person?"""

from typing import TYPE_CHECKING

from proofing.plugin import ProofingContext, ProofingRequest, ResolutionResult
from proofing_lexisnexis.fields import rdp_address, rdp_person
from proofing_lexisnexis.rdp import RDPWorkflow
from proofing_lexisnexis.resolution_answers import resolution_result

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:instant_verify"


class InstantVerify:
    """Asks the workflow of the account."""

    def __init__(self, settings: "LexisNexisSettings") -> None:
        """Take account and workflow. Raises `ConfigurationError`: the settings have none."""
        self._workflow = RDPWorkflow(
            settings, "identity", "instant_verify_workflow", version=2, vendor_name=NAME
        )

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask once."""
        applicant = request.applicant
        question = {
            "Settings": {"AccountNumber": self._workflow.account_id, **self._workflow.settings(applicant)},
            "Person": {**rdp_person(applicant, NAME), "Addresses": [rdp_address(applicant)]},
        }
        conversation = await self._workflow.ask(question, context)
        products = conversation.products
        # With other products next to it, nothing says which of them the reason is about.
        is_alone = len(products) == 1 and products[0].product_type == "InstantVerify"
        return resolution_result(
            conversation,
            products[0] if is_alone else None,
            vendor_name=NAME,
            reference=conversation.reference,
            vendor_workflow=self._workflow.name,
        )
