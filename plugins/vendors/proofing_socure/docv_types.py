"""Types of documents: what DocV is asked for, and what it reads them as."""

import re
from collections.abc import Collection
from enum import StrEnum

from proofing.plugin import LICENSE_TYPES, PASSPORT_TYPES, DocumentType

#: Names of the United States and their territories: ISO 3166-1, in both lengths, and written out. Which of
#: them Socure uses is not documented.
_US = frozenset(
    {*"US USA AS ASM GU GUM MP MNP PR PRI VI VIR".split(), "UNITED STATES", "UNITED STATES OF AMERICA"}
)
_PLASTIC = LICENSE_TYPES - {DocumentType.MOBILE_DRIVERS_LICENSE}
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IDENTIFICATION_CARD = "identification_card"


class RequestType(StrEnum):
    """What a document request may ask for."""

    #: Licenses, cards, and the passport card.
    LICENSE = "license"
    #: The passport book.
    PASSPORT = "passport"
    #: A license on a phone.
    DIGITAL_ID = "digital_id"


def request_type(wanted: Collection[DocumentType]) -> RequestType:
    """Return what to ask for where *wanted* types are accepted; a request asks for one kind only.

    Of several kinds the plastic license comes first: most people have one.
    """
    if not _PLASTIC.isdisjoint(wanted):
        return RequestType.LICENSE
    if DocumentType.PASSPORT in wanted:
        return RequestType.PASSPORT
    return RequestType.LICENSE if DocumentType.PASSPORT_CARD in wanted else RequestType.DIGITAL_ID


def accepted_types(kind: RequestType, wanted: Collection[DocumentType]) -> frozenset[DocumentType]:
    """Return what a request for *kind* may bring, whatever else is accepted."""
    if kind is RequestType.DIGITAL_ID:
        return frozenset({DocumentType.MOBILE_DRIVERS_LICENSE})
    if kind is RequestType.PASSPORT or _PLASTIC.isdisjoint(wanted):
        return PASSPORT_TYPES
    return _PLASTIC | {DocumentType.PASSPORT_CARD}


def document_type(name: str, *, is_mobile: bool, country: str | None) -> DocumentType:
    """Return what Socure calls *name*: ``Drivers License``, ``Identification Card``, ``Passport``, ….

    Args:
        name: in any spelling of the same words.
        is_mobile: whether a reason code says that the license is one on a phone.
        country: of the issuer, None where Socure does not say.
    """
    slug = _WORD_START.sub("_", re.sub(r"\W", "", name)).lower()
    slug = DocumentType.STATE_ID_CARD if slug == _IDENTIFICATION_CARD else slug
    if slug not in set(DocumentType) or (country is not None and country.upper() not in _US):
        return DocumentType.OTHER
    if is_mobile and slug == DocumentType.DRIVERS_LICENSE:
        return DocumentType.MOBILE_DRIVERS_LICENSE
    return DocumentType(slug)
