"""The print of a document: its machine-readable zone, and how it compares with the barcode.

What the print says differently is advice, and no verdict: recognition errs, and fronts have many designs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

from proofing.plugin import DocumentResult, DocumentType, Finding, FindingCode, Side
from proofing_reader.card import Card, RefusalCode, Refused
from proofing_reader.compare import Compared, Item, RecognizedText, compare_lines, differences
from proofing_reader.issuers import USA, UTOPIA
from proofing_reader.results import Read, accepted, refused
from proofing_reader.zones import find_zone

_FINDINGS: Mapping[Item, FindingCode] = MappingProxyType(
    {
        Item.BIRTH_DATE: FindingCode.BIRTH_DATE,
        Item.NUMBER: FindingCode.DOCUMENT_NUMBER,
        Item.EXPIRATION: FindingCode.EXPIRATION_DATE,
        Item.FAMILY_NAME: FindingCode.NAME,
        Item.ISSUER: FindingCode.SIDES_DIFFER,
        Item.GIVEN_NAME: FindingCode.NAME,
        Item.MIDDLE_NAME: FindingCode.NAME,
        Item.SUFFIX: FindingCode.NAME,
        Item.ISSUE_DATE: FindingCode.ISSUE_DATE,
        Item.SEX: FindingCode.SEX,
        Item.DISCRIMINATOR: FindingCode.CONTROL_NUMBER,
    }
)


def recognized(answer: Mapping[str, Any]) -> list[RecognizedText]:
    """Return the lines of what `proofing_reader.print_reading.read_print` answered."""
    return [RecognizedText(text, confidence) for text, confidence in answer["lines"]]


def read_zone(lines: Sequence[RecognizedText], kind: DocumentType, *, side: Side, today: date) -> Read:
    """Return what the zone of a document of one *kind* says, on the image of *side*."""
    try:
        card = find_zone(lines, today=today)
    except Refused as no:
        is_other = no.code is RefusalCode.UNSUPPORTED
        code = FindingCode.UNSUPPORTED_DOCUMENT if is_other else FindingCode.UNREADABLE
        return Read(refused(code, f"mrz_{no.code}", side=side))
    if card.country not in {USA, UTOPIA}:
        return Read(refused(FindingCode.UNSUPPORTED_DOCUMENT, "mrz_country", side=side))
    if card.applicant.document_type_received != kind:
        return Read(refused(FindingCode.UNSUPPORTED_DOCUMENT, "mrz_document_type", side=side))
    return Read(accepted(card, kind), card)


def with_print(result: DocumentResult, card: Card, lines: Sequence[RecognizedText]) -> DocumentResult:
    """Return *result*, the answer about *card*, with what the *lines* of its front say differently."""
    if not lines:
        nothing = Finding(
            code=FindingCode.UNREADABLE, side=Side.FRONT, vendor_code="print_not_read", is_advice=True
        )
        return replace(result, findings=(*result.findings, nothing))
    found = differences(compare_lines(card, lines))
    advice = tuple(as_finding(one, "print", side=Side.FRONT, is_advice=True) for one in found)
    return replace(result, findings=(*result.findings, *advice))


def as_finding(one: Compared, source: str, *, side: Side | None, is_advice: bool) -> Finding:
    """Return a difference between the card and *source* as a finding."""
    return Finding(
        code=_FINDINGS.get(one.item, FindingCode.OTHER),
        side=side,
        vendor_code=f"{source}_{one.item}_{one.severity}",
        is_advice=is_advice,
    )
