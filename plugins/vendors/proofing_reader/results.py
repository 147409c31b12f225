"""The reader's answers: a document that was read, or a no for one thing about a photo."""

from dataclasses import dataclass

from proofing.plugin import (
    Assurance,
    DocumentResult,
    DocumentType,
    Finding,
    FindingCode,
    Outcome,
    Side,
)
from proofing_reader.card import Card

VENDOR_NAME = "reader"


@dataclass(frozen=True, slots=True, repr=False)
class Read:
    """The answer about a document, and what it says; None where nothing was read, or all was refused."""

    result: DocumentResult
    card: Card | None = None


def accepted(card: Card, kind: DocumentType) -> DocumentResult:
    """Return what *card*, a document of this *kind*, says."""
    return DocumentResult(
        vendor_name=VENDOR_NAME,
        outcome=Outcome.PASSED,
        assurance=Assurance.READ,
        document_type=kind,
        applicant=card.applicant,
        reasons=("authenticity_not_checked",),
        vendor_codes=tuple(sorted(card.notes)),
        billed=False,
    )


def refused(code: FindingCode, vendor_code: str, *, side: Side = Side.BACK) -> DocumentResult:
    """Return a no for one thing about the photo of *side*."""
    return DocumentResult(
        vendor_name=VENDOR_NAME,
        outcome=Outcome.FAILED,
        findings=(Finding(code=code, side=side, vendor_code=vendor_code),),
        reasons=(vendor_code,),
        billed=False,
    )
