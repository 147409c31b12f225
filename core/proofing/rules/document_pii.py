"""What must have been read from a document for it to be of use."""

from collections.abc import Collection
from datetime import date

from proofing.applicant import (
    DOCUMENT_TYPES,
    LICENCE_TYPES,
    STATES,
    Applicant,
    age_on,
    parse_zipcode,
)
from proofing.rules.document_errors import ErrorCode


def pii_errors(
    applicant: Applicant | None,
    *,
    today: date,
    min_age_years: int,
    chosen_types: Collection[str] | None = None,
) -> tuple[ErrorCode, ...]:
    """Return what is missing or wrong, in the order of the rules.

    Args:
        applicant: as read; None when nothing could be read.
        today: the date on which age and expiration count.
        min_age_years: younger persons are refused.
        chosen_types: the document types that the person's choice allows; None for all known ones.
    """
    read = applicant or Applicant()
    errors: list[ErrorCode] = []
    if not (_has_text(read.first_name) and _has_text(read.last_name)):
        errors.append(ErrorCode.NAME)
    errors += _dob_errors(read.dob, today, min_age_years)
    kind = read.document_type_received
    if kind not in DOCUMENT_TYPES:
        errors.append(ErrorCode.DOC_TYPE)
    elif chosen_types is not None and kind not in chosen_types:
        errors.append(ErrorCode.DOC_TYPE_MISMATCH)
    if kind in LICENCE_TYPES:
        errors += _licence_errors(read)
    elif kind is not None and kind.startswith("passport"):
        errors += _passport_errors(read)
    if any(_is_past(text, today) for text in (read.state_id_expiration, read.passport_expiration)):
        errors.append(ErrorCode.EXPIRED)
    return tuple(errors)


def _dob_errors(dob: str | None, today: date, min_age_years: int) -> list[ErrorCode]:
    try:
        age = age_on(dob or "", today)
    except ValueError:
        return [ErrorCode.DOB]
    return [ErrorCode.UNDERAGE] if age < min_age_years else []


def _licence_errors(read: Applicant) -> list[ErrorCode]:
    rules = (
        (_has_text(read.address1), ErrorCode.ADDRESS),
        (read.state in STATES, ErrorCode.STATE),
        (read.zipcode is not None and parse_zipcode(read.zipcode) is not None, ErrorCode.ZIPCODE),
        (read.state_id_jurisdiction in STATES, ErrorCode.JURISDICTION),
        (_has_text(read.state_id_number), ErrorCode.STATE_ID_NUMBER),
    )
    return [code for holds, code in rules if not holds]


def _passport_errors(read: Applicant) -> list[ErrorCode]:
    rules = (
        (_has_text(read.mrz), ErrorCode.MRZ),
        (_has_text(read.issuing_country_code), ErrorCode.ISSUING_COUNTRY),
    )
    return [code for holds, code in rules if not holds]


def _has_text(text: str | None) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _is_past(text: str | None, today: date) -> bool:
    """Tell whether the ISO date *text* is over; what is no date is not held against the person."""
    try:
        return text is not None and date.fromisoformat(text) < today
    except ValueError:
        return False
