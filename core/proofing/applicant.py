"""The applicant: the personal data being checked, and the formats its fields must have.

Printing an applicant shows which fields are set, never their values. Formats follow the rules of
US identity proofing (nine-digit SSN, two-letter states, ZIP and ZIP+4); docs/reference/applicant.md.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Self

#: The 50 states, the District of Columbia, and the territories that have ZIP codes.
STATES = frozenset(
    "AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT "
    "NC ND NE NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY".split()
)
#: The document types that carry an address and a licence number.
LICENCE_TYPES = frozenset(
    {"drivers_license", "state_id_card", "identification_card", "drivers_permit", "mobile_drivers_license"}
)
DOCUMENT_TYPES = LICENCE_TYPES | {"passport", "passport_card"}
MAX_TEXT_CHARACTERS = 255

_SSN = re.compile(r"\d{3}-?\d{2}-?\d{4}", re.ASCII)
_ZIPCODE = re.compile(r"\d{5}(?:-?\d{4})?", re.ASCII)
#: Control characters, line separators, marks that turn the direction of writing, halves of surrogate pairs.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Applicant:
    """The personal data of one person. Every field may be unknown (None).

    Attributes:
        dob: ISO date, ``YYYY-MM-DD``; so are the issue and expiration dates.
        ssn: nine digits.
        phone: ten national digits.
        height: inches.
        state: two letters, as `STATES`; so are the jurisdictions.
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
    """Return the nine digits of *text* (dashes allowed after digits 3 and 5), or None when it is no SSN."""
    text = text.strip()
    return text.replace("-", "") if _SSN.fullmatch(text) else None


def mask_ssn(ssn: str) -> str:
    """Return *ssn* with all but the first and the last digit starred: ``9**-**-***4``."""
    return f"{ssn[0]}**-**-***{ssn[-1]}"


def parse_zipcode(text: str) -> str | None:
    """Return *text* as ``12345`` or ``12345-6789``, or None when it is no ZIP code."""
    text = text.strip()
    if not _ZIPCODE.fullmatch(text):
        return None
    digits = text.replace("-", "")
    return digits if len(digits) == 5 else f"{digits[:5]}-{digits[5:]}"  # noqa: PLR2004 - ZIP, not ZIP+4


def parse_phone(text: str) -> str | None:
    """Return the ten national digits of *text*, in any formatting, with or without a leading 1.

    None when it is no phone number.
    """
    if re.search(r"[^\d\s().+\-/]", text, re.ASCII):
        return None
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if len(digits) == 11 and digits[0] == "1":  # noqa: PLR2004 - country code and ten digits
        digits = digits[1:]
    # North American numbering plan: neither area code nor exchange starts with 0 or 1.
    return digits if re.fullmatch(r"[2-9]\d{2}[2-9]\d{6}", digits) else None


def parse_date(text: str) -> str | None:
    """Return *text* (``YYYY-MM-DD`` or ``MM/DD/YYYY``) as an ISO date, or None when it is no date."""
    text = text.strip()
    if slashed := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII):
        month, day, year = slashed.groups()
        text = f"{year}-{int(month):02d}-{int(day):02d}"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def parse_text(text: str, *, maximum: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return *text* without outer spaces, or None when it is empty, too long or holds control characters."""
    text = text.strip()
    return text if text and len(text) <= maximum and not _CONTROL.search(text) else None


def age_on(dob: str, today: date) -> int:
    """Return the full years between the ISO date *dob* and *today*."""
    born = date.fromisoformat(dob)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
