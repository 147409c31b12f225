"""TrueID on the Risk Defense Platform: is the document genuine, what does it say, and whose is it?"""

from typing import TYPE_CHECKING, Any

from proofing.plugin import (
    Base64,
    DocumentResult,
    Image,
    ProofingContext,
    ProofingRequest,
    Side,
)
from proofing_lexisnexis.document_answers import DocumentRules, document_result
from proofing_lexisnexis.fields import refuse
from proofing_lexisnexis.rdp import RDPWorkflow
from proofing_lexisnexis.settings import required

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import LexisNexisSettings

NAME = "lexisnexis:true_id"
NAME_SELFIE = "lexisnexis:true_id_selfie"
#: Of the setting `image_cropping_mode`: TrueID takes the images as they are.
_CROPPED = 0


class TrueID:
    """Asks one of the account's four workflows: with or without a selfie, for cropped images or others."""

    def __init__(self, settings: "LexisNexisSettings", *, selfie: bool) -> None:
        """Take account and workflow. Raises `ConfigurationError`: the settings have none."""
        self._name = NAME_SELFIE if selfie else NAME
        own, self._cropping_mode = required(settings, "true_id", "image_cropping_mode", product=self._name)
        cropping = "nocropping" if self._cropping_mode == _CROPPED else "cropping"
        key = f"{'liveness' if selfie else 'noliveness'}_{cropping}_workflow"
        self._workflow = RDPWorkflow(settings, "true_id", key, version=3, vendor_name=self._name)
        self._rules = DocumentRules(thresholds=own)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:
        """Ask once."""
        locale = request.circumstances.locale or "en"
        question = {
            "Type": "Initiate",
            "Settings": self._workflow.settings(request.applicant, locale=locale),
            "Document": self._document(request),
        }
        conversation = await self._workflow.ask(question, context, accept="application/json")
        return document_result(
            conversation, request, self._rules, vendor_name=self._name, vendor_workflow=self._workflow.name
        )

    def _document(self, request: ProofingRequest) -> dict[str, Any]:
        """Return the images, and what they are of."""
        images = required_images(request, self._name)
        document: dict[str, Any] = {"Front": Base64(images[0].content)}
        if images[1] is not None:
            document["Back"] = Base64(images[1].content)
        if images[2] is not None:
            document["Selfie"] = Base64(images[2].content)
        # A state ID card is a driver's license here.
        document["DocumentType"] = "Passport" if images[1] is None else "DriversLicense"
        document["ImageCroppingMode"] = self._cropping_mode
        return document


def required_images(request: ProofingRequest, vendor_name: str) -> tuple[Image, Image | None, Image | None]:
    """Return front, back and selfie; no back of a passport, and no selfie where none is wanted.

    Raises:
        VendorError: one of them is missing; the vendor would charge for the question.
    """
    images = request.images
    front = images.get(Side.PASSPORT) or images.get(Side.FRONT)
    back = None if Side.PASSPORT in images else images.get(Side.BACK)
    selfie = images.get(Side.SELFIE) if request.wanted.selfie else None
    if front is None:
        raise refuse("front of a document", vendor_name)
    if back is None and Side.PASSPORT not in images:
        raise refuse("back of the document", vendor_name)
    if selfie is None and request.wanted.selfie:
        raise refuse("selfie", vendor_name)
    return front, back, selfie
