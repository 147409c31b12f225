"""What a session comes to: a verified one, and each reason for which Stripe verified nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from proofing.plugin import (
    Applicant,
    Assurance,
    Cause,
    DocumentResult,
    DocumentType,
    Finding,
    FindingCode,
    Inspection,
    Outcome,
    SelfieCheck,
    VendorError,
)
from proofing_stripe.session import DocumentReport, Report, Session, nonsense

_COUNTRY = "US"
_TYPES = {
    "driving_license": DocumentType.DRIVERS_LICENSE,
    "id_card": DocumentType.STATE_ID_CARD,
    "passport": DocumentType.PASSPORT,
}
_SEX = {"female": "female", "male": "male"}


@dataclass(frozen=True, slots=True)
class _No:
    """What one of Stripe's error codes comes to."""

    finding: FindingCode | None = None
    selfie: SelfieCheck = SelfieCheck.NOT_CHECKED


#: ``last_error.code`` of Stripe's SDK, and one more that its texts name. `FindingCode.OTHER`: it has no word.
_NOS: Mapping[str, _No] = {
    "country_not_supported": _No(FindingCode.UNSUPPORTED_DOCUMENT),
    "document_expired": _No(FindingCode.EXPIRATION_DATE),
    "document_type_not_allowed": _No(FindingCode.UNSUPPORTED_DOCUMENT),
    "document_type_not_supported": _No(FindingCode.UNSUPPORTED_DOCUMENT),
    "document_unverified_other": _No(FindingCode.OTHER),
    "email_unverified_other": _No(FindingCode.OTHER),
    "email_verification_declined": _No(FindingCode.OTHER),
    "id_number_insufficient_document_data": _No(FindingCode.OTHER),
    "id_number_mismatch": _No(FindingCode.OTHER),
    "id_number_unverified_other": _No(FindingCode.OTHER),
    "phone_unverified_other": _No(FindingCode.OTHER),
    "phone_verification_declined": _No(FindingCode.OTHER),
    "selfie_document_missing_photo": _No(FindingCode.PORTRAIT),
    "selfie_face_mismatch": _No(selfie=SelfieCheck.NO_MATCH),
    "selfie_manipulated": _No(selfie=SelfieCheck.NOT_LIVE),
    "selfie_unverified_other": _No(selfie=SelfieCheck.BAD_QUALITY),
    "under_supported_age": _No(FindingCode.OTHER),
}
#: Codes by which the person ended it, or had to.
_ENDED = frozenset({"abandoned", "consent_declined", "device_not_supported"})


def refused(session: Session, code: str, vendor_name: str) -> DocumentResult:
    """Return Stripe's no.

    Raises:
        VendorError: `Cause.ABANDONED`: the person did not finish; `Cause.NONSENSE`: the code is not known.
    """
    if code in _ENDED:
        message = "the person did not finish at Stripe"
        raise VendorError(
            Cause.ABANDONED, message, vendor_name=vendor_name, codes=(code,), transaction_id=session.id
        )
    no = _NOS.get(code)
    if no is None:
        raise nonsense("Stripe refused for a reason that it does not document", vendor_name, (code,))
    return DocumentResult(
        vendor_name=vendor_name,
        outcome=Outcome.FAILED,
        findings=(Finding(code=no.finding, vendor_code=code),) if no.finding else (),
        selfie=no.selfie,
        reasons=(f"stripe_{code}",),
        vendor_codes=(code,),
        transaction_id=session.id,
    )


def verified(session: Session, vendor_name: str, *, selfie: bool, live_capture: bool) -> DocumentResult:
    """Return what Stripe verified.

    Args:
        session: that is verified.
        vendor_name: of the descriptor.
        selfie: whether a comparison was asked for.
        live_capture: whether only a camera was accepted.

    Raises:
        VendorError: the session says that it is verified, and its report does not.
    """
    report = session.last_verification_report
    if session.redaction is not None:
        raise nonsense("the data of the session was redacted", vendor_name, ("redacted",))
    if session.last_error is not None or not isinstance(report, Report) or report.document is None:
        raise nonsense("a verified session without a report on a document", vendor_name)
    document = report.document
    checks = (document, report.selfie)
    if (selfie and report.selfie is None) or not all(check is None or check.is_verified for check in checks):
        raise nonsense("a verified session with a check that is not", vendor_name)
    if document.dob is None and document.number is None:
        message = "the key may not read detailed verification results; see the plugin's manual"
        raise VendorError(Cause.AUTHENTICATION, message, vendor_name=vendor_name, transaction_id=session.id)
    kind = _TYPES.get(document.type or "")
    is_ours = document.issuing_country == _COUNTRY and kind is not None
    findings = () if is_ours else (Finding(code=FindingCode.UNSUPPORTED_DOCUMENT),)
    return DocumentResult(
        vendor_name=vendor_name,
        outcome=Outcome.PASSED if is_ours else Outcome.FAILED,
        assurance=Assurance.AUTHENTICATED,
        document_type=kind if is_ours else DocumentType.OTHER,
        applicant=_applicant(document),
        findings=findings,
        # Stripe's selfie check looks for manipulated images of a face, and compares.
        selfie=SelfieCheck.MATCH if report.selfie is not None else SelfieCheck.NOT_CHECKED,
        # Nothing says what else was inspected: presence of the document, its barcode against the print.
        inspection=Inspection(live_capture=live_capture, liveness=report.selfie is not None),
        reasons=() if is_ours else ("document_country_not_supported",),
        transaction_id=session.id,
    )


def _applicant(document: DocumentReport) -> Applicant:
    """Return what the document says."""
    address = document.address
    state = address.state.removeprefix(f"{_COUNTRY}-") if address and address.state else None
    return Applicant(
        first_name=document.first_name,
        last_name=document.last_name,
        dob=document.dob.iso() if document.dob else None,
        sex=_SEX.get(document.sex or ""),
        address1=address.line1 if address else None,
        address2=address.line2 if address else None,
        city=address.city if address else None,
        state=state,
        zipcode=address.postal_code if address else None,
        state_id_number=document.number,
        # Stripe names no issuer within a country: mostly it is the state that the person lives in, and the
        # licensing agency that is asked later knows better.
        state_id_jurisdiction=state,
        state_id_issued=document.issued_date.iso() if document.issued_date else None,
        state_id_expiration=document.expiration_date.iso() if document.expiration_date else None,
        issuing_country_code=document.issuing_country,
    )
