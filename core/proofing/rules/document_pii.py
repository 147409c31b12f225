"""What is read from a document: its normal form, and what must be there for it to be of use."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from proofing.base.text import is_visible, normalize
from proofing.contracts.applicant import (
    ATTRIBUTES,
    JURISDICTIONS,
    LICENSE_TYPES,
    MAX_TEXT_CHARACTERS,
    PASSPORT_TYPES,
    STATES,
    Applicant,
    DocumentType,
    parse_iso_date,
    parse_phone,
    parse_ssn,
    parse_zipcode,
)
from proofing.rules.dates import has_reached_age, is_over
from proofing.rules.document_errors import ErrorCode

#: References that Proofing makes, which no document holds.
_OURS = frozenset({"uuid", "uuid_prefix"})
#: What is not text, and its type.
_TYPES: Mapping[str, type] = MappingProxyType({"height": int, "weight": int, "same_address_as_id": bool})


def normal_reading(applicant: Applicant | None) -> Applicant:
    """Return what a vendor read, in the normal form of `proofing.base.text`; what cannot be read is unknown.

    Dates and ZIP codes that `pii_errors` judges stay as they are when they have no normal form.

    Raises:
        UnsafeTextError: a text shows another one than it is, or holds what no text holds.
    """
    known = applicant.reveal() if applicant else {}
    return Applicant(**{name: _normal(name, known[name]) for name in ATTRIBUTES if name in known})


def pii_errors(
    read: Applicant,
    document_type: DocumentType | None,
    *,
    now: datetime,
    min_age_years: int,
    chosen_types: Collection[DocumentType] | None = None,
) -> tuple[ErrorCode, ...]:
    """Return what is missing or wrong, in the order of the rules.

    Args:
        read: as `normal_reading` returns it. One name is enough: not everybody has two.
        document_type: what the document is; None is not enough.
        now: the moment at which age and expiration count, with its zone.
        min_age_years: younger people are refused.
        chosen_types: the document types that the person's choice allows; None for all known ones.
    """
    errors: list[ErrorCode] = []
    if read.first_name is None and read.last_name is None:
        errors.append(ErrorCode.NAME)
    errors += _dob_errors(read, document_type, now, min_age_years)
    if document_type is None or document_type is DocumentType.OTHER:
        errors.append(ErrorCode.DOC_TYPE)
    elif chosen_types is not None and document_type not in chosen_types:
        errors.append(ErrorCode.DOC_TYPE_MISMATCH)
    if document_type in LICENSE_TYPES:
        errors += _license_errors(read)
    elif document_type in PASSPORT_TYPES:
        errors += _passport_errors(read)
    return (*errors, *_expiration_errors(read, now))


def _normal(name: str, value: Any) -> Any:
    """Return one attribute in its normal form, None when it cannot be read."""
    if name in _OURS:
        return value
    if name in _TYPES:
        return value if type(value) is _TYPES[name] else None
    if not isinstance(value, str):
        return None
    text = normalize(value)
    if not is_visible(text) or len(text) > MAX_TEXT_CHARACTERS:
        return None
    return _SPELLINGS[name](text) if name in _SPELLINGS else text


def _issue_date(text: str) -> str | None:
    """Return an issue date, on which nothing depends, or None."""
    return text if parse_iso_date(text) else None


#: Attributes with a spelling of their own.
_SPELLINGS: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        **dict.fromkeys(("state", "state_id_jurisdiction", "identity_doc_address_state"), str.upper),
        "eye_color": str.upper,
        **dict.fromkeys(("zipcode", "identity_doc_zipcode"), lambda text: parse_zipcode(text) or text),
        **dict.fromkeys(("state_id_issued", "passport_issued"), _issue_date),
        "ssn": parse_ssn,
        "phone": parse_phone,
    }
)


def _dob_errors(
    read: Applicant, document_type: DocumentType | None, now: datetime, min_age_years: int
) -> list[ErrorCode]:
    born = parse_iso_date(read.dob or "")
    if born is None:
        return [ErrorCode.DOB]
    jurisdiction = read.state_id_jurisdiction if document_type in LICENSE_TYPES else None
    of_age = has_reached_age(born, min_age_years, now, jurisdiction=jurisdiction)
    return [] if of_age else [ErrorCode.UNDERAGE]


def _license_errors(read: Applicant) -> list[ErrorCode]:
    rules = (
        (read.address1 is not None, ErrorCode.ADDRESS),
        (read.state in STATES, ErrorCode.STATE),
        (read.zipcode is not None and parse_zipcode(read.zipcode) is not None, ErrorCode.ZIPCODE),
        (read.state_id_jurisdiction in JURISDICTIONS, ErrorCode.JURISDICTION),
        (read.state_id_number is not None, ErrorCode.STATE_ID_NUMBER),
    )
    return [code for holds, code in rules if not holds]


def _passport_errors(read: Applicant) -> list[ErrorCode]:
    rules = (
        (read.mrz is not None, ErrorCode.MRZ),
        (read.issuing_country_code is not None, ErrorCode.ISSUING_COUNTRY),
    )
    return [code for holds, code in rules if not holds]


def _expiration_errors(read: Applicant, now: datetime) -> list[ErrorCode]:
    """Return what the last day comes to; a document without one does not expire."""
    texts = [text for text in (read.state_id_expiration, read.passport_expiration) if text is not None]
    days = [parse_iso_date(text) for text in texts]
    if None in days:
        return [ErrorCode.EXPIRATION_DATE]
    return [ErrorCode.EXPIRED] if any(is_over(day, now) for day in days if day) else []
