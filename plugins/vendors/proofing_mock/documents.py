"""The mock document proofer: images read as the standard applicant, a tester's text as it says."""

import asyncio
import re
from typing import TYPE_CHECKING

from proofing.plugin import (
    Cause,
    DocAuthResult,
    DocumentResult,
    Outcome,
    ProofingContext,
    ProofingRequest,
    Side,
    VendorError,
)
from proofing.plugin.support import IMAGE_FAILURES, MIN_DPI, MIN_GLARE, MIN_SHARPNESS, has_barcode_attention
from proofing_mock import standard
from proofing_mock.document_form import DocumentForm, FormError, read_form

if TYPE_CHECKING:
    from proofing_mock import MockSettings

_NAME = "DocumentMock"
_TRANSACTION_ID = "doc-auth-mock-transaction-id-789"
_TEXT = "application/yaml"
_IMAGE_URL = re.compile(rb"\s*data:image/[a-z0-9.+-]+(;[a-z0-9=-]+)*,.", re.IGNORECASE)
#: Whose text decides when several sides hold one.
_ORDER = (Side.BACK, Side.FRONT, Side.PASSPORT, Side.SELFIE)
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
        for side in _ORDER:
            image = request.images.get(side)
            if image is None or image.media_type != _TEXT or _IMAGE_URL.match(image.content):
                continue
            try:
                form = read_form(image.content)
            except FormError:
                return DocumentResult(
                    vendor_name=_NAME,
                    outcome=Outcome.FAILED,
                    doc_auth_result=DocAuthResult.UNKNOWN,
                    reasons=("unreadable_document_form",),
                    transaction_id=_TRANSACTION_ID,
                )
            return _answer(form, request)
        return DocumentResult(
            vendor_name=_NAME,
            outcome=Outcome.PASSED,
            applicant=standard.PASSPORT if Side.PASSPORT in request.images else standard.LICENSE,
            selfie_checked=Side.SELFIE in request.images,
            passport_check_passed=True if Side.PASSPORT in request.images else None,
            transaction_id=_TRANSACTION_ID,
        )


def _answer(form: DocumentForm, request: ProofingRequest) -> DocumentResult:
    """Return what *form* asks for.

    Raises:
        VendorError: it asks for a server error.
    """
    sides = [side for side in request.images if side is not Side.SELFIE]
    failures: dict[Side, int] = {}
    for key, status in form.http_status.items():
        if key != _WHOLE and key not in sides:
            continue
        if status >= _SERVER_ERROR:
            raise VendorError(Cause.UNREACHABLE, "failed as asked", vendor_name=_NAME, codes=(str(status),))
        if status in IMAGE_FAILURES:
            failures.update(dict.fromkeys(sides if key == _WHOLE else [Side(key)], status))
    if form.passport_network_failed:
        raise VendorError(Cause.UNREACHABLE, "the passport check failed as asked", vendor_name=_NAME)
    doc_auth_result = form.doc_auth_result or _implied_doc_auth_result(form)
    is_good = doc_auth_result in {DocAuthResult.PASSED, DocAuthResult.ATTENTION} and not failures
    implied = Outcome.PASSED if is_good else Outcome.FAILED
    return DocumentResult(
        vendor_name=_NAME,
        outcome=form.outcome or implied,
        applicant=form.applicant,
        doc_auth_result=doc_auth_result,
        failed_alerts=form.failed_alerts,
        passed_alerts=form.passed_alerts,
        image_metrics=form.image_metrics,
        classification=form.classification,
        image_failures=failures,
        selfie_checked=form.selfie_checked or Side.SELFIE in request.images,
        selfie_error=form.selfie_error,
        passport_check_passed=form.passport_check_passed,
        transaction_id=_TRANSACTION_ID,
    )


def _implied_doc_auth_result(form: DocumentForm) -> DocAuthResult:
    """Return the verdict that the rest of *form* implies when it names none."""
    bad_metrics = any(
        min(metrics.horizontal_resolution, metrics.vertical_resolution) < MIN_DPI
        or metrics.sharpness < MIN_SHARPNESS
        or metrics.glare < MIN_GLARE
        for metrics in form.image_metrics.values()
    )
    if bad_metrics:
        return DocAuthResult.FAILED
    attention = DocumentResult(
        vendor_name=_NAME,
        outcome=Outcome.PASSED,
        doc_auth_result=DocAuthResult.ATTENTION,
        failed_alerts=form.failed_alerts,
    )
    if has_barcode_attention(attention):
        return DocAuthResult.ATTENTION
    return DocAuthResult.FAILED if form.failed_alerts else DocAuthResult.PASSED
