"""What TrueID read from a document, as the attributes of an applicant.

Everything is taken from the field data, and the sex alone from the engine's result: the other dates there are
those of another reading and may differ.
"""

import re
from collections.abc import Mapping
from datetime import date

from proofing.plugin import PASSPORT_TYPES, Applicant, DocumentType
from proofing_lexisnexis.true_id_details import Details

_HEIGHT = re.compile(r"([0-9])' ?([0-9]{1,2})\"")
_ZIPCODE = re.compile(r"[0-9]{5}(-[0-9]{4})?")
_SEXES: Mapping[str | None, str] = {"Male": "male", "Female": "female"}
_INCHES = 12


def read_applicant(details: Details, document_type: DocumentType | None) -> Applicant | None:
    """Return what was read; None when that is nothing, or the type of the document is not known."""
    fields = details.fields
    if not fields or document_type is None or document_type is DocumentType.OTHER:
        return None
    issued, expiration = _date(fields, "IssueDate"), _date(fields, "ExpirationDate")
    number = fields.get("Fields_DocumentNumber")
    if document_type in PASSPORT_TYPES:
        own = {
            "passport_issued": issued,
            "passport_expiration": expiration,
            "document_number": number,
            "birth_place": fields.get("Fields_BirthPlace"),
            "nationality_code": fields.get("Fields_NationalityCode"),
            "mrz": fields.get("Fields_MRZ"),
        }
    else:
        own = {
            "address1": fields.get("Fields_AddressLine1"),
            "address2": fields.get("Fields_AddressLine2"),
            "city": fields.get("Fields_City"),
            "state": fields.get("Fields_State"),
            "zipcode": _zipcode(fields.get("Fields_PostalCode")),
            "state_id_issued": issued,
            "state_id_expiration": expiration,
            "state_id_number": number,
            "state_id_jurisdiction": fields.get("Fields_IssuingStateCode"),
        }
    is_passport = document_type in PASSPORT_TYPES
    return Applicant(
        first_name=fields.get("Fields_FirstName") or fields.get("Fields_GivenName"),
        middle_name=fields.get("Fields_MiddleName"),
        last_name=fields.get("Fields_Surname"),
        name_suffix=fields.get("Fields_NameSuffix"),
        dob=_date(fields, "DOB"),
        sex=_SEXES.get(details.sex),
        height=None if is_passport else _height(fields.get("Fields_Height")),
        issuing_country_code=fields.get("Fields_CountryCode"),
    ).merge(own)


def _date(fields: Mapping[str, str | None], name: str) -> str | None:
    """Return a date of three parts; None when there is no such day, as with what was misread."""
    day = fields.get(f"Fields_{name}_Day")
    if name == "ExpirationDate":
        # Without its first letter, as TrueID really sends it.
        day = fields.get("Fields_xpirationDate_Day") or day
    parts = (fields.get(f"Fields_{name}_Year"), fields.get(f"Fields_{name}_Month"), day)
    year, month, number = (_integer(part) for part in parts)
    try:
        return date(year, month, number).isoformat()
    except ValueError:
        return None


def _integer(text: str | None) -> int:
    """Return the number that *text* is, 0 for anything else."""
    found = re.fullmatch(r"\s*([0-9]{1,4})\s*", text or "")
    return int(found[1]) if found else 0


def _zipcode(text: str | None) -> str | None:
    """Return a ZIP code with or without its extension, otherwise the first five characters."""
    if text is None or _ZIPCODE.fullmatch(text):
        return text
    return text[:5]


def _height(text: str | None) -> int | None:
    """Return inches of a text such as ``5' 9"``; None when it is not one."""
    found = _HEIGHT.fullmatch((text or "").strip())
    return int(found[1]) * _INCHES + int(found[2]) if found else None
