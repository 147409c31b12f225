"""The proofer alongside another document vendor: reads the images, compares what the two have read."""

from dataclasses import replace

from proofing.plugin import (
    DocumentResult,
    FindingCode,
    Outcome,
    ProofingContext,
    ProofingRequest,
    VendorContext,
)
from proofing_reader.compare import Severity, compare_applicant, differences
from proofing_reader.printed import as_finding
from proofing_reader.proofer import CardReader

#: What counts although nothing was compared: the issuer's signature, or its list of revoked ones, says no.
_SIGNED_NO = frozenset({FindingCode.NOT_GENUINE, FindingCode.ISSUER_RECORD})


class CrossChecker:
    """Says what differs between the images and what another vendor has read of them."""

    def __init__(self, reader: CardReader) -> None:
        """Have *reader* read the images."""
        self._reader = reader

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:
        """Compare the images with ``request.applicant``, the reading of the other vendor.

        A major difference is a no; smaller ones, and images that could not be read, are advice.
        """
        read = await self._reader.read(request, context)
        advice = tuple(
            replace(finding, is_advice=finding.code not in _SIGNED_NO) for finding in read.result.findings
        )
        found: DocumentResult = replace(read.result, findings=advice, applicant=None)
        if read.card is None:
            return replace(found, outcome=Outcome.FAILED if found.against else Outcome.UNKNOWN)
        compared = tuple(
            as_finding(one, "reading", side=None, is_advice=one.severity is not Severity.MAJOR)
            for one in differences(compare_applicant(read.card, request.applicant))
        )
        found = replace(found, findings=(*advice, *compared), applicant=read.card.applicant)
        return replace(found, outcome=Outcome.FAILED if found.against else Outcome.PASSED)

    async def check(self, context: VendorContext) -> str | None:
        """Return what is wrong with the keys of issuers."""
        return await self._reader.check(context)
