"""The mock document proofer: images read as the standard applicant, a tester's text as it says."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proofing.plugin import (
    Assurance,
    Barcode,
    Cause,
    DocumentResult,
    DocumentType,
    Finding,
    Inspection,
    Outcome,
    ProofingContext,
    ProofingRequest,
    SelfieCheck,
    Side,
    VendorError,
)
from proofing_mock import assureid, standard
from proofing_mock.assureid import DocAuthResult
from proofing_mock.document_form import DocumentForm, FormError, read_form

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_NAME = "DocumentMock"
#: Whatever the document is, everything was done to find it genuine.
_INSPECTION = Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH, liveness=True)
_TRANSACTION_ID = "doc-auth-mock-transaction-id-789"
_TEXT = "application/yaml"
_IMAGE_URL = re.compile(rb"\s*data:image/[a-z0-9.+-]+(;[a-z0-9=-]+)*,.", re.IGNORECASE)
#: Whose text decides on the document when several sides hold one.
_ORDER = (Side.BACK, Side.FRONT, Side.PASSPORT)
#: The key of ``http_status`` that stands for the answer as a whole.
_WHOLE = "result"
_SERVER_ERROR = 500


class DocumentMock:
    """Reads the standard applicant from any image, and anything from a tester's YAML."""

    def __init__(self, settings: "MockSettings") -> None:
        """Take the latency from *settings*."""
        self._latency_seconds = settings.latency_seconds

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:  # noqa: ARG002 - the contract's
        """Answer by what the images are."""
        await asyncio.sleep(self._latency_seconds)
        try:
            selfie = _selfie(request)
            forms = [form for side in _ORDER if (form := _form(request, side)) is not None]
        except FormError:
            return DocumentResult(
                vendor_name=_NAME,
                outcome=Outcome.FAILED,
                reasons=("unreadable_document_form",),
                transaction_id=_TRANSACTION_ID,
            )
        if forms:
            return _answer(forms[0], request, selfie)
        # On the page of `mock:hosted` a person shows what they have chosen.
        is_wanted = request.wanted.document_types == {DocumentType.PASSPORT}
        has_passport = Side.PASSPORT in request.images or (is_wanted and not request.images)
        read = standard.PASSPORT if has_passport else standard.LICENSE
        return DocumentResult(
            vendor_name=_NAME,
            outcome=Outcome.PASSED,
            assurance=Assurance.AUTHENTICATED,
            document_type=assureid.document_type(read.document_type_received),
            applicant=read,
            selfie=selfie,
            inspection=_INSPECTION,
            transaction_id=_TRANSACTION_ID,
        )


def _form(request: ProofingRequest, side: Side) -> DocumentForm | None:
    """Return the tester's form in place of an image; None for an image. Raises `FormError`."""
    image = request.images.get(side)
    if image is None or image.media_type != _TEXT or _IMAGE_URL.match(image.content):
        return None
    return read_form(image.content)


def _answer(form: DocumentForm, request: ProofingRequest, selfie: SelfieCheck) -> DocumentResult:
    """Return what *form* asks for; *selfie* is what the comparison comes to unless it says so, too.

    Raises:
        VendorError: it asks for a server error.
    """
    refused = list(_refused(form, [side for side in request.images if side is not Side.SELFIE]))
    if form.passport_network_failed:
        raise VendorError(Cause.UNREACHABLE, "the passport check failed as asked", vendor_name=_NAME)
    bad_images = list(assureid.metric_findings(form.image_metrics))
    verdict = form.doc_auth_result or _implied_doc_auth_result(form, has_bad_images=bool(bad_images))
    attention = assureid.has_barcode_attention(verdict, form.failed_alerts)
    genuine = verdict is DocAuthResult.PASSED and form.outcome is not Outcome.FAILED
    outcome = Outcome.PASSED if (genuine or attention) and not refused else Outcome.FAILED
    # A document that is genuine as a whole may have failed single checks, which count no more.
    alerts = () if genuine else form.failed_alerts
    return DocumentResult(
        vendor_name=_NAME,
        outcome=Outcome.REVIEW if form.outcome is Outcome.REVIEW else outcome,
        assurance=form.assurance,
        document_type=assureid.document_type(form.applicant.document_type_received)
        if form.applicant
        else None,
        applicant=form.applicant,
        findings=(
            *refused,
            *assureid.class_findings(form.classification),
            *bad_images,
            *assureid.alert_findings(alerts),
        ),
        selfie=form.selfie or selfie,
        passport_check=form.passport_check,
        inspection=_INSPECTION,
        transaction_id=_TRANSACTION_ID,
    )


def _selfie(request: ProofingRequest) -> SelfieCheck:
    """Return what the comparison of the selfie comes to: a match, unless a form in its place says otherwise.

    Raises:
        FormError: the text is no form.
        VendorError: it asks for a server error.
    """
    if Side.SELFIE not in request.images:
        return SelfieCheck.NOT_CHECKED
    form = _form(request, Side.SELFIE)
    if form is None:
        return SelfieCheck.MATCH
    list(_refused(form, []))
    return form.selfie or SelfieCheck.MATCH


def _refused(form: DocumentForm, sides: Sequence[Side]) -> Iterator[Finding]:
    """Yield the images that are refused as asked, of those that are there.

    Raises:
        VendorError: the form asks for a server error.
    """
    for key, status in form.http_status.items():
        if key != _WHOLE and key not in sides:
            continue
        if status >= _SERVER_ERROR:
            raise VendorError(Cause.UNREACHABLE, "failed as asked", vendor_name=_NAME, codes=(str(status),))
        if status in assureid.REFUSED:
            for side in sides if key == _WHOLE else [Side(key)]:
                yield Finding(code=assureid.REFUSED[status], side=side, vendor_code=str(status))


def _implied_doc_auth_result(form: DocumentForm, *, has_bad_images: bool) -> DocAuthResult:
    """Return the verdict that the rest of *form* implies when it names none."""
    if has_bad_images:
        return DocAuthResult.FAILED
    if assureid.has_barcode_attention(DocAuthResult.ATTENTION, form.failed_alerts):
        return DocAuthResult.ATTENTION
    return DocAuthResult.FAILED if form.failed_alerts else DocAuthResult.PASSED
