"""The proofer: one reading, and where a selfie is wanted one comparison."""

import threading
from typing import TYPE_CHECKING, Any

from proofing.plugin import (
    Assurance,
    Cause,
    DocumentResult,
    Finding,
    FindingCode,
    Image,
    Outcome,
    ProofingContext,
    ProofingRequest,
    SelfieCheck,
    Side,
    VendorContext,
    VendorError,
)
from proofing.plugin.support import carry_botocore
from proofing_aws_identity import analyze_id, compare_faces
from proofing_aws_identity.analyze_id import REFUSALS, Reading, analyze
from proofing_aws_identity.calls import RefusedError, make_client, make_session
from proofing_aws_identity.compare_faces import Comparison, compare
from proofing_aws_identity.settings import AWSIdentitySettings

if TYPE_CHECKING:
    from collections.abc import Mapping


class AWSIdentityProofer:
    """Reads documents, and compares faces.

    Its methods are plain: botocore blocks. Clients are made in `open`, once a process.
    """

    def __init__(self, settings: AWSIdentitySettings, name: str, *, compares: bool) -> None:
        """Take the *settings*; *compares*: whether selfies are compared."""
        self._settings = settings
        self._name = name
        self._compares = compares
        self._clients: Mapping[str, Any] = {}
        # botocore's sessions are not safe for threads while they make clients.
        self._making = threading.Lock()

    def open(self, _context: VendorContext) -> None:
        """Find the credentials and make the clients. Raises `VendorError`: there are no credentials."""
        with self._making:
            settings = self._settings
            session = make_session(settings, self._name)
            urls = {"textract": settings.textract_url}
            if self._compares:
                urls["rekognition"] = settings.rekognition_url
            self._clients = {
                service: make_client(session, service, url, settings.region) for service, url in urls.items()
            }

    def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:
        """Read the document's front, or the page of a passport; then compare the selfie, if one is wanted."""
        side = Side.PASSPORT if Side.PASSPORT in request.images else Side.FRONT
        image = request.images.get(side)
        if image is None:
            message = "there is no image of the front, and none of a passport"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=self._name)
        selfie = request.images.get(Side.SELFIE) if self._compares and request.wanted.selfie else None
        if too_large := _too_large(side, image, selfie):
            return self._result(Reading(findings=too_large), billed=False)
        reading = self._read(image, side, context)
        if selfie is None or not reading.is_clear:
            return self._result(reading)
        return self._result(reading, self._compare(image, selfie, context))

    def _read(self, image: Image, side: Side, context: ProofingContext) -> Reading:
        client = self._clients["textract"]
        try:
            with carry_botocore(client, context) as calls:
                return analyze(
                    client,
                    calls.blob(image.content),
                    side,
                    min_confidence=self._settings.min_confidence,
                    vendor_name=self._name,
                )
        except RefusedError as refused:
            finding = Finding(code=REFUSALS[refused.code], side=side, vendor_code=refused.code)
            return Reading(findings=(finding,), transaction_id=refused.request_id)

    def _compare(self, image: Image, selfie: Image, context: ProofingContext) -> Comparison:
        client = self._clients["rekognition"]
        with carry_botocore(client, context) as calls:
            return compare(
                client,
                calls.blob(image.content),
                calls.blob(selfie.content),
                min_similarity=self._settings.min_similarity,
                quality=self._settings.face_quality,
                vendor_name=self._name,
            )

    def _result(
        self, reading: Reading, comparison: Comparison | None = None, *, billed: bool = True
    ) -> DocumentResult:
        """Return what reading and comparison come to. What is missing in the reading is for core to judge."""
        check = comparison.selfie if comparison else SelfieCheck.NOT_CHECKED
        is_same = check in {SelfieCheck.MATCH, SelfieCheck.NOT_CHECKED}
        reasons = ["low_confidence"] if reading.uncertain else []
        codes = list(reading.uncertain)
        if comparison is not None:
            # No check tells a living face from a photo of one.
            reasons += [comparison.reason] if comparison.reason else ["liveness_not_checked"]
            codes += [comparison.vendor_code] if comparison.vendor_code else []
        return DocumentResult(
            vendor_name=self._name,
            outcome=Outcome.PASSED if reading.is_clear and is_same else Outcome.FAILED,
            assurance=Assurance.READ,
            document_type=reading.document_type,
            applicant=reading.applicant,
            findings=reading.findings,
            selfie=check,
            reasons=tuple(reasons),
            vendor_codes=tuple(codes),
            transaction_id=reading.transaction_id,
            billed=billed,
        )


def _too_large(side: Side, image: Image, selfie: Image | None) -> tuple[Finding, ...]:
    """Return the images that the services would refuse: that of the document goes to both."""
    limit = analyze_id.MAX_BYTES if selfie is None else compare_faces.MAX_BYTES
    sizes = [(side, image, limit)]
    if selfie is not None:
        sizes.append((Side.SELFIE, selfie, compare_faces.MAX_BYTES))
    return tuple(
        Finding(code=FindingCode.IMAGE_SIZE, side=one)
        for one, content, most in sizes
        if len(content.content) > most
    )
