"""The forms that a person fills in: from text fields to values, or to a problem code for each wrong field.

Codes are keys below ``errors`` of the catalogue of texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proofing.applicant import MAX_TEXT_CHARACTERS, STATES, parse_phone, parse_ssn, parse_text, parse_zipcode

ADDRESS_FIELDS = ("address1", "address2", "city", "state", "zipcode")


@dataclass(slots=True, repr=False)
class Form:
    """What became of a submitted form.

    Attributes:
        values: the fields that are right, in their normal form.
        errors: field to problem code.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def read_ssn(fields: Mapping[str, str]) -> Form:
    """Read the form of the Social Security number."""
    form = Form()
    text = fields.get("ssn", "")
    if ssn := parse_ssn(text.replace(" ", "")):
        form.values["ssn"] = ssn
    else:
        form.errors["ssn"] = "ssn_format" if text.strip() else "ssn_missing"
    return form


def read_address(fields: Mapping[str, str]) -> Form:
    """Read the form of the home address."""
    form = Form()
    for name in ("address1", "city"):
        _read_text(form, name, fields.get(name, ""), required=True)
    _read_text(form, "address2", fields.get("address2", ""), required=False)
    state = fields.get("state", "").strip().upper()
    if state in STATES:
        form.values["state"] = state
    else:
        form.errors["state"] = "state_missing"
    zipcode = fields.get("zipcode", "")
    if parsed := parse_zipcode(zipcode):
        form.values["zipcode"] = parsed
    else:
        form.errors["zipcode"] = "zipcode_format" if zipcode.strip() else "zipcode_missing"
    form.errors = {name: form.errors[name] for name in ADDRESS_FIELDS if name in form.errors}
    return form


def read_phone(fields: Mapping[str, str]) -> Form:
    """Read the form of the phone number."""
    form = Form()
    text = fields.get("phone", "")
    if phone := parse_phone(text):
        form.values["phone"] = phone
    else:
        form.errors["phone"] = "phone_format" if text.strip() else "phone_missing"
    return form


def show_phone(digits: str) -> str:
    """Return ten digits as people write them: ``(202) 555-0123``."""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def _read_text(form: Form, name: str, text: str, *, required: bool) -> None:
    """Read one line of text."""
    if not text.strip():
        if required:
            form.errors[name] = f"{name}_missing"
        return
    if value := parse_text(text):
        form.values[name] = value
    else:
        form.errors[name] = "too_long" if len(text.strip()) > MAX_TEXT_CHARACTERS else "characters"
