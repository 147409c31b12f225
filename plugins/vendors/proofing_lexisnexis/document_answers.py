"""What TrueID answers, on either platform: the verdict of the transaction, and what the document is.

The engine's own result, the product's status and single checks decide nothing: a transaction that was passed
outweighs them. It must be about a document that is accepted, that was asked for, and that could be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from proofing.plugin import (
    LICENSE_TYPES,
    PASSPORT_TYPES,
    Applicant,
    Assurance,
    DocumentResult,
    DocumentType,
    Finding,
    FindingCode,
    Outcome,
    ProofingRequest,
    SelfieCheck,
    Side,
)
from proofing_lexisnexis import assureid
from proofing_lexisnexis.assureid import Classification
from proofing_lexisnexis.envelope import Conversation, not_understood
from proofing_lexisnexis.settings import TrueIDThresholds
from proofing_lexisnexis.true_id_details import Details
from proofing_lexisnexis.true_id_reading import read_applicant


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRules:
    """How answers are judged.

    Attributes:
        thresholds: below which an image is bad.
        through_ddp: whether the Dynamic Decision Platform carries the answer. Then it names no kind of
            issuer, its country counts also where nothing else could be read, and no passport card passes.
    """

    thresholds: TrueIDThresholds
    through_ddp: bool = False


def document_result(
    conversation: Conversation,
    request: ProofingRequest,
    rules: DocumentRules,
    *,
    vendor_name: str,
    vendor_workflow: str | None = None,
) -> DocumentResult:
    """Return the answer in Proofing's words.

    Raises:
        VendorError: the transaction holds no document, is a yes that does not name it, or has words that
            nobody knows.
    """
    product = conversation.product("TrueID")
    if product is None:
        raise not_understood(vendor_name, transaction_id=conversation.transaction_id)
    front = Side.PASSPORT if Side.PASSPORT in request.images else Side.FRONT
    try:
        details = Details(product.details)
        images = tuple(details.images(front))
        selfie = SelfieCheck.NOT_CHECKED
        if request.wanted.selfie:
            selfie = assureid.selfie_check(details.face_match, details.face_message)
    except ValueError:
        # Pydantic's, which is one, quotes what it does not understand.
        raise not_understood(vendor_name, transaction_id=conversation.transaction_id) from None
    classification = details.classification
    if conversation.passed and not classification.is_named:
        # A yes about nothing is none; that the engine does not know the document is said by its word.
        raise not_understood(vendor_name, transaction_id=conversation.transaction_id)
    document_type = classification.document_type
    applicant = read_applicant(details, document_type)
    refused = tuple(_refused(classification, applicant, request, rules))
    passed = (
        conversation.passed
        and not refused
        and applicant is not None
        and (not request.wanted.selfie or selfie is SelfieCheck.MATCH)
    )
    findings = [*refused, *assureid.metric_findings(images, rules.thresholds)]
    if not conversation.passed:
        findings += assureid.alert_findings(details.alerts)
    elif passed and assureid.has_barcode_attention(details.result, details.alerts):
        findings.append(Finding(code=FindingCode.BARCODE_UNREADABLE, side=Side.BACK))
    is_authenticated = conversation.passed and details.result in assureid.AUTHENTICATED
    engine = (f"DocAuthResult:{details.result}",) if details.result else ()
    return DocumentResult(
        vendor_name=vendor_name,
        outcome=Outcome.PASSED if passed else Outcome.FAILED,
        vendor_codes=(*conversation.codes, *engine),
        transaction_id=conversation.transaction_id,
        reference=conversation.reference,
        vendor_workflow=vendor_workflow,
        billed=details.result is not None,
        assurance=Assurance.AUTHENTICATED if is_authenticated else Assurance.READ,
        document_type=document_type,
        applicant=applicant,
        findings=tuple(findings),
        selfie=selfie,
        inspection=assureid.inspection(
            details.passed, details.face_message if selfie is SelfieCheck.MATCH else None
        ),
    )


def _refused(
    seen: Classification, applicant: Applicant | None, request: ProofingRequest, rules: DocumentRules
) -> Iterator[Finding]:
    """Yield what says that the document is not accepted, or is not the one that was asked for."""
    if rules.through_ddp:
        seen = replace(seen, issuer=None)
    elif applicant is None:
        seen = replace(seen, country=None)
    yield from seen.findings()
    known = LICENSE_TYPES | PASSPORT_TYPES
    # Core always says which types it accepts.
    accepted = request.wanted.document_types or known
    if rules.through_ddp:
        accepted -= {DocumentType.PASSPORT_CARD}
    expected = {DocumentType.PASSPORT} if Side.PASSPORT in request.images else LICENSE_TYPES
    is_expected = seen.document_type in accepted & {*expected, DocumentType.PASSPORT_CARD}
    is_refused_card = seen.is_passport_card and DocumentType.PASSPORT_CARD not in accepted
    if is_refused_card or (seen.document_type in known and not is_expected):
        yield Finding(code=FindingCode.UNSUPPORTED_DOCUMENT, vendor_code="unexpected type")
