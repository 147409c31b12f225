"""The forms that a person fills in: from text fields to values, or to a problem code for each wrong field.

Codes are keys below ``errors`` of the catalog of texts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proofing.base.text import UnsafeTextError, is_visible, normalize
from proofing.contracts.applicant import (
    HOME_ADDRESS,
    MAX_TEXT_CHARACTERS,
    MILITARY_CITIES,
    MILITARY_STATES,
    STATES,
    has_phone_extension,
    parse_email,
    parse_phone,
    parse_ssn,
    parse_zipcode,
)


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
    _read_number(form, "ssn", fields, parse_ssn)
    return form


def read_address(fields: Mapping[str, str]) -> Form:
    """Read the form of the home address."""
    form = Form()
    for name in ("address1", "city"):
        _read_text(form, name, fields.get(name, ""), required=True)
    _read_text(form, "address2", fields.get("address2", ""), required=False)
    try:
        state = normalize(fields.get("state", "")).upper()
    except UnsafeTextError:
        state = ""
    if state in STATES:
        form.values["state"] = state
        _require_military_pair(form, state)
    else:
        form.errors["state"] = "state_missing"
    _read_number(form, "zipcode", fields, parse_zipcode)
    form.errors = {name: form.errors[name] for name in HOME_ADDRESS if name in form.errors}
    return form


def read_email(fields: Mapping[str, str]) -> Form:
    """Read the form of the email address."""
    form, text = Form(), fields.get("email", "")
    if value := parse_email(text):
        form.values["email"] = value
    else:
        form.errors["email"] = "email_missing" if _is_blank(text) else "email_format"
    return form


def read_phone(fields: Mapping[str, str]) -> Form:
    """Read the form of the phone number."""
    form = Form()
    _read_number(form, "phone", fields, parse_phone)
    if form.errors and has_phone_extension(fields.get("phone", "")):
        form.errors["phone"] = "phone_extension"
    return form


def read_code(fields: Mapping[str, str], *, digits: int) -> Form:
    """Read the form of the confirmation code, which may be typed in groups."""

    def parse(text: str) -> str | None:
        try:
            found = re.sub(r"[\s-]", "", normalize(text))
        except UnsafeTextError:
            return None
        return found if len(found) == digits and found.isascii() and found.isdecimal() else None

    form = Form()
    _read_number(form, "code", fields, parse)
    return form


def show_phone(digits: str) -> str:
    """Return ten digits as people write them: ``(202) 555-0123``."""
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def _read_text(form: Form, name: str, text: str, *, required: bool) -> None:
    """Read one line of text."""
    try:
        value = normalize(text)
    except UnsafeTextError:
        form.errors[name] = "characters"
        return
    if not is_visible(value):
        if required:
            form.errors[name] = f"{name}_missing"
    elif len(value) > MAX_TEXT_CHARACTERS:
        form.errors[name] = "too_long"
    else:
        form.values[name] = value


def _read_number(
    form: Form, name: str, fields: Mapping[str, str], parse: Callable[[str], str | None]
) -> None:
    """Read one field in which only digits matter."""
    text = fields.get(name, "")
    if value := parse(text):
        form.values[name] = value
    else:
        form.errors[name] = f"{name}_missing" if _is_blank(text) else f"{name}_format"


def _is_blank(text: str) -> bool:
    """Return whether *text* shows nothing."""
    try:
        return not is_visible(normalize(text))
    except UnsafeTextError:
        return False


def _require_military_pair(form: Form, state: str) -> None:
    """Demand that military mail names both its kind of post office and its region, or neither."""
    city = form.values.get("city", "")
    if city.upper() in MILITARY_CITIES:
        form.values["city"] = city.upper()
        if state not in MILITARY_STATES:
            form.errors["state"] = "state_military"
    elif city and state in MILITARY_STATES:
        form.errors["city"] = "city_military"
