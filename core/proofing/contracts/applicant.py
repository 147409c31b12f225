"""The applicant: the personal data being checked, and the formats its fields must have.

Printing an applicant shows which fields are set, never their values. Formats follow the rules of
US identity proofing (nine-digit SSN, two-letter states, ZIP and ZIP+4); docs/reference/applicant.md.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from proofing.base.text import UnsafeTextError, digits_of, is_visible, normalize, normalize_number

#: Who issues driver's licenses and state ID cards: the 50 states, the District of Columbia, the territories.
JURISDICTIONS = frozenset(
    "AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT "
    "NC ND NE NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY".split()
)
#: The "states" of military mail, which go with `MILITARY_CITIES`. USPS Publication 28, section 225.
MILITARY_STATES = frozenset({"AA", "AE", "AP"})
MILITARY_CITIES = frozenset({"APO", "FPO", "DPO"})
#: What an address may name as its state: whatever has ZIP codes, the freely associated states included.
#: USPS Publication 28, appendix B.
STATES = JURISDICTIONS | MILITARY_STATES | {"FM", "MH", "PW"}
MAX_TEXT_CHARACTERS = 255
#: The attributes of a home address. They are known together, or not at all.
HOME_ADDRESS = ("address1", "address2", "city", "state", "zipcode")

SSN_DIGITS = 9
_ZIP_DIGITS, _ZIP4_DIGITS = 5, 9
#: North American numbering plan: neither area code nor exchange starts with 0 or 1.
_NATIONAL_NUMBER = re.compile(r"[2-9]\d{2}[2-9]\d{6}", re.ASCII)
#: One address, by the characters that mail systems take unquoted. RFC 5321, sections 4.1.2 and 4.5.3.1.
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_MAX_EMAIL_CHARACTERS = 254
#: What a copied link to a phone number begins with.
_PHONE_LINK = re.compile(r"^(tel|callto|sms):(//)?", re.IGNORECASE)
#: An extension behind a number, in the ways of people, phones and RFC 3966.
_EXTENSION = re.compile(
    r"(?P<number>.*\d\)?)[\s,.]*(?:;?\s*ext(?:ension|n)?\b\s*[.:=]?|[x#,;pw*])\s*\d{1,7}#?", re.IGNORECASE
)


class DocumentType(StrEnum):
    """What a document is, in our words. Licenses, permits and cards are those of `JURISDICTIONS`."""

    #: A plastic driver's license.
    DRIVERS_LICENSE = "drivers_license"
    #: A learner's permit.
    DRIVERS_PERMIT = "drivers_permit"
    #: An ID card of somebody who does not drive.
    STATE_ID_CARD = "state_id_card"
    #: A driver's license on a phone.
    MOBILE_DRIVERS_LICENSE = "mobile_drivers_license"
    #: A passport book of the United States.
    PASSPORT = "passport"
    #: A passport card of the United States.
    PASSPORT_CARD = "passport_card"
    #: Any other document; it is not accepted.
    OTHER = "other"


#: The document types that carry an address and a license number.
LICENSE_TYPES = frozenset(
    {
        DocumentType.DRIVERS_LICENSE,
        DocumentType.DRIVERS_PERMIT,
        DocumentType.STATE_ID_CARD,
        DocumentType.MOBILE_DRIVERS_LICENSE,
    }
)
PASSPORT_TYPES = frozenset({DocumentType.PASSPORT, DocumentType.PASSPORT_CARD})
#: The document types that are accepted.
ACCEPTED_TYPES = LICENSE_TYPES | PASSPORT_TYPES
#: Those of them that can be photographed: a license on a phone is shown in another way.
PHYSICAL_TYPES = ACCEPTED_TYPES - {DocumentType.MOBILE_DRIVERS_LICENSE}


class DocumentChoice(StrEnum):
    """What a person says that their document is, as far as it makes a difference to them."""

    #: A card of a state or territory.
    ID_CARD = "id_card"
    #: A passport book, of which one page is shown.
    PASSPORT = "passport"
    #: A passport card.
    PASSPORT_CARD = "passport_card"
    #: A driver's license on a phone.
    MOBILE_LICENSE = "mobile_license"


#: The types that each choice stands for.
TYPES_OF: Mapping[DocumentChoice, frozenset[DocumentType]] = MappingProxyType(
    {
        DocumentChoice.ID_CARD: LICENSE_TYPES & PHYSICAL_TYPES,
        DocumentChoice.PASSPORT: frozenset({DocumentType.PASSPORT}),
        DocumentChoice.PASSPORT_CARD: frozenset({DocumentType.PASSPORT_CARD}),
        DocumentChoice.MOBILE_LICENSE: frozenset({DocumentType.MOBILE_DRIVERS_LICENSE}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Applicant:
    """The personal data of one person. Every field may be unknown (None).

    Attributes:
        dob: ISO date, ``YYYY-MM-DD``; so are the issue and expiration dates.
        ssn: nine digits.
        phone: ten national digits.
        height: inches; weight: pounds.
        eye_color: three capital letters of ANSI D-20, as on licenses, such as ``BRO``.
        first_name, last_name: a person who has one name has one of them.
        state: two letters, as `STATES`; jurisdictions are as `JURISDICTIONS`.
        document_type_received: a value of `DocumentType`.
        same_address_as_id: for the in-person flow, where home and document address are both checked.
        uuid: opaque reference of the person; uuid_prefix: opaque reference of the partner.
    """

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    name_suffix: str | None = None
    dob: str | None = None
    ssn: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    zipcode: str | None = None
    phone: str | None = None
    email: str | None = None
    sex: str | None = None
    height: int | None = None
    weight: int | None = None
    eye_color: str | None = None
    state_id_number: str | None = None
    state_id_jurisdiction: str | None = None
    state_id_issued: str | None = None
    state_id_expiration: str | None = None
    document_type_received: str | None = None
    uuid: str | None = None
    uuid_prefix: str | None = None
    identity_doc_address1: str | None = None
    identity_doc_address2: str | None = None
    identity_doc_city: str | None = None
    identity_doc_address_state: str | None = None
    identity_doc_zipcode: str | None = None
    same_address_as_id: bool | None = None
    mrz: str | None = None
    passport_issued: str | None = None
    passport_expiration: str | None = None
    issuing_country_code: str | None = None
    nationality_code: str | None = None
    document_number: str | None = None
    birth_place: str | None = None

    def __repr__(self) -> str:
        known = ", ".join(name for name in ATTRIBUTES if getattr(self, name) is not None)
        return f"Applicant(<redacted: {known}>)"

    def select(self, names: Iterable[str]) -> Self:
        """Return a copy with only the attributes *names*; what a vendor did not declare it never sees."""
        return type(self)(**{name: getattr(self, name) for name in names})

    def merge(self, other: "Applicant | Mapping[str, Any]") -> Self:
        """Return a copy in which the known fields of *other* replace ours."""
        changes = other if isinstance(other, Mapping) else other.reveal()
        return replace(self, **changes)

    def reveal(self) -> dict[str, Any]:
        """Return the known fields as plain values, for sealing or for a vendor's request. Never log this."""
        return {name: value for name in ATTRIBUTES if (value := getattr(self, name)) is not None}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build an applicant from *values*, ignoring keys that are no attribute."""
        return cls(**{name: values[name] for name in ATTRIBUTES if values.get(name) is not None})


#: The names of all attributes, in the order of the record.
ATTRIBUTES: tuple[str, ...] = tuple(field.name for field in fields(Applicant))


def parse_ssn(text: str) -> str | None:
    """Return the nine digits of *text*, whatever separates them, or None when it is not an SSN."""
    digits = digits_of(text)
    return digits if digits is not None and len(digits) == SSN_DIGITS else None


def mask_ssn(ssn: str) -> str:
    """Return *ssn* with all but the first and the last digit starred: ``9**-**-***4``."""
    return f"{ssn[0]}**-**-***{ssn[-1]}"


def parse_zipcode(text: str) -> str | None:
    """Return *text* as ``12345`` or ``12345-6789``, or None when it is not a ZIP code."""
    digits = digits_of(text) or ""
    if len(digits) == _ZIP4_DIGITS:
        return f"{digits[:_ZIP_DIGITS]}-{digits[_ZIP_DIGITS:]}"
    return digits if len(digits) == _ZIP_DIGITS else None


def parse_phone(text: str) -> str | None:
    """Return the ten national digits of *text*, in any formatting, with or without a leading 1.

    None when it is not a phone number of the North American numbering plan, or has an extension.
    """
    number = _phone_text(text)
    digits = digits_of(number)
    if digits is None:
        return None
    if len(digits) == 11 and digits[0] == "1":  # noqa: PLR2004 - country code and ten digits
        digits = digits[1:]
    elif "+" in number:
        # Numbers of another country may have ten digits, too.
        return None
    return digits if _NATIONAL_NUMBER.fullmatch(digits) else None


def parse_email(text: str) -> str | None:
    """Return *text* as an email address, or None when it cannot be one. Whether it exists is not known."""
    try:
        address = normalize(text)
    except UnsafeTextError:
        return None
    return address if _EMAIL.fullmatch(address) and len(address) <= _MAX_EMAIL_CHARACTERS else None


def has_phone_extension(text: str) -> bool:
    """Return whether *text* is a phone number with an extension behind it."""
    found = _EXTENSION.fullmatch(_phone_text(text))
    return found is not None and parse_phone(found["number"]) is not None


def parse_date(text: str) -> str | None:
    """Return *text* (``YYYY-MM-DD`` or ``MM/DD/YYYY``) as an ISO date, or None when it is not a date."""
    text = text.strip()
    if slashed := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII):
        month, day, year = slashed.groups()
        text = f"{year}-{int(month):02d}-{int(day):02d}"
    found = parse_iso_date(text)
    return found.isoformat() if found else None


def parse_iso_date(text: str) -> date | None:
    """Return the date that *text* spells as ``YYYY-MM-DD``, the one spelling in an `Applicant`, or None."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_text(text: str, *, maximum: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return the normal form of *text*, or None when that is empty, too long, or the text is unsafe."""
    try:
        text = normalize(text)
    except UnsafeTextError:
        return None
    return text if is_visible(text) and len(text) <= maximum else None


def _phone_text(text: str) -> str:
    """Return the normal form of *text* without the scheme of a link; empty when it is unsafe."""
    try:
        return _PHONE_LINK.sub("", normalize_number(text), count=1)
    except UnsafeTextError:
        return ""
