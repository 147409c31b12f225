"""What a card's signature makes of the answer about it: only an authentic one authenticates a document."""

from dataclasses import replace

from proofing.plugin import Assurance, DocumentResult, Finding, FindingCode, Inspection, Outcome, Side
from proofing_reader.issuers import UTOPIA
from proofing_reader.signed_barcodes import (
    Altered,
    Authentic,
    IssuerUnknown,
    SignatureCheck,
    UnknownReason,
    Unsigned,
)
from proofing_reader.status_lists import Status

_OF_ISSUER = frozenset({"state_id_jurisdiction"})


def with_signature(result: DocumentResult, check: SignatureCheck) -> DocumentResult:
    """Return *result*, the answer about a card that was read, with what its signature came to.

    An authentic signature over name, birth date, number and expiration makes the document authenticated. One
    that does not hold, or that is another issuer's, and a card that its issuer has revoked, are a no. All
    else leaves the card as it was: read. Reason codes say which it was, but for cards that no issuer signs;
    codes of the reader name what of an authenticated card is not signed.
    What was refused stays refused.
    """
    if result.outcome is not Outcome.PASSED or check == Unsigned(is_expected=False):
        return result
    match check:
        case Authentic(status=Status.REVOKED):
            return _refused(result, FindingCode.ISSUER_RECORD, "signature_revoked")
        case Altered():
            return _refused(result, FindingCode.NOT_GENUINE, f"signature_altered_{check.reason}")
        case IssuerUnknown(reason=UnknownReason.OTHER_ISSUER):
            return _refused(result, FindingCode.NOT_GENUINE, "signature_other_issuer")
        case Authentic(signs_identity=True) if not _is_specimen(result):
            return replace(
                result,
                assurance=Assurance.AUTHENTICATED,
                # The flag says that revocation was checked as well.
                inspection=replace(result.inspection, signature=check.status is Status.VALID),
                reasons=("signature_authentic", f"status_{check.status}"),
                vendor_codes=(*result.vendor_codes, *_unsigned(result, check)),
            )
    return replace(result, reasons=(*result.reasons, _reason_to_read(check)))


def _is_specimen(result: DocumentResult) -> bool:
    """Return whether Utopia issued the card, whose keys are published with its examples."""
    return result.applicant is not None and result.applicant.issuing_country_code == UTOPIA


def _unsigned(result: DocumentResult, check: Authentic) -> tuple[str, ...]:
    """Return a code for each attribute that could have been changed though the signature holds."""
    known = result.applicant.reveal() if result.applicant else {}
    # The key is that of one issuer, and so is its jurisdiction.
    return tuple(sorted(f"unsigned_{name}" for name in known.keys() - check.signed_attributes - _OF_ISSUER))


def _reason_to_read(check: SignatureCheck) -> str:
    """Return why a card is read and no more."""
    match check:
        case Unsigned():
            return "signature_missing"
        case IssuerUnknown():
            return f"signature_{check.reason}"
    return "signature_partial"


def _refused(result: DocumentResult, code: FindingCode, reason: str) -> DocumentResult:
    """Return a no, without what was read: nothing of it counts."""
    return replace(
        result,
        outcome=Outcome.FAILED,
        assurance=Assurance.READ,
        applicant=None,
        inspection=Inspection(),
        findings=(*result.findings, Finding(code=code, side=Side.BACK, vendor_code=reason)),
        reasons=(reason,),
    )
