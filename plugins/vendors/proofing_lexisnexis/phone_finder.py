"""Phone Finder on the Risk Defense Platform, by version 2 or 3 of its API: does this phone belong to them?"""

from typing import TYPE_CHECKING, Any

from proofing.plugin import Applicant, PhoneResult, ProofingContext, ProofingRequest
from proofing_lexisnexis.fields import rdp_person, require_phone
from proofing_lexisnexis.phone_answers import phone_result
from proofing_lexisnexis.rdp import RDPWorkflow

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:phone_finder"
NAME_V3 = "lexisnexis:phone_finder_v3"


class PhoneFinder:
    """Asks the workflow of the account by one version of the API; both answer alike."""

    def __init__(self, settings: "LexisNexisSettings", *, version: int) -> None:
        """Take account and workflow. Raises `ConfigurationError`: the settings have none."""
        self._is_third = version == 3  # noqa: PLR2004 - of the two that there are
        self._name = NAME_V3 if self._is_third else NAME
        self._workflow = RDPWorkflow(
            settings, "identity", "phone_finder_workflow", version=version, vendor_name=self._name
        )

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PhoneResult:
        """Ask once."""
        question = self._question(request.applicant)
        conversation = await self._workflow.ask(question, context)
        return phone_result(
            conversation,
            vendor_name=self._name,
            reference=conversation.reference,
            vendor_workflow=self._workflow.name,
        )

    def _question(self, applicant: Applicant) -> dict[str, Any]:
        """Return the request's body."""
        person = {
            **rdp_person(applicant, self._name, integer_dates=self._is_third),
            "Phones": [{"Number": require_phone(applicant, self._name)}],
        }
        settings = {"AccountNumber": self._workflow.account_id, **self._workflow.settings(applicant)}
        if self._is_third:
            return {
                "Type": "Initiate",
                "Settings": settings,
                "Persons": [{**person, "Context": "primary"}],
            }
        return {"Settings": settings, "Person": person}
