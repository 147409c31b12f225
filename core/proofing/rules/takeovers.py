"""Whether another document vendor can take over a submission whose vendor gave no answer."""

from proofing.contracts.images import Side
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest


def can_take_document(first: ProoferDescriptor, other: ProoferDescriptor, request: ProofingRequest) -> bool:
    """Return whether *other* can answer what *first* was to be asked, with the images that there are.

    The person chose among the documents of the first, and agreed that its company gets the selfie; the job
    has of them what the first declares. One that has waited for its vendor has no images anymore.
    """
    if other.name == first.name:
        return True
    if not request.images or other.captures_images or not other.requires <= first.attributes:
        return False
    if first.accepts_test_documents and not other.accepts_test_documents:
        return False
    if not request.wanted.document_types & first.document_types <= other.document_types:
        return False
    if Side.SELFIE in request.images:
        return other.compares_selfies and other.company == first.company
    return not (other.needs_selfie or request.wanted.selfie)
