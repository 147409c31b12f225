"""The forms that a person fills in: from text fields to values, or to a problem code for each wrong field.

Codes are keys below ``errors`` of the catalog of texts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from proofing.base.text import UnsafeTextError, digits_of, is_visible, normalize
from proofing.contracts.applicant import (
    HOME_ADDRESS,
    JURISDICTIONS,
    MAX_TEXT_CHARACTERS,
    MILITARY_CITIES,
    MILITARY_STATES,
    STATES,
    DocumentType,
    has_phone_extension,
    parse_email,
    parse_iso_date,
    parse_phone,
    parse_ssn,
    parse_zipcode,
)
from proofing.rules.dates import has_reached_age

#: The fields of a date, in the order in which Americans write it.
DATE_PARTS = ("dob_month", "dob_day", "dob_year")
#: Kinds of ID whose number licensing agencies know.
STATE_ID_TYPES = (DocumentType.DRIVERS_LICENSE, DocumentType.DRIVERS_PERMIT, DocumentType.STATE_ID_CARD)
#: Nobody has become older. The longest life on record is 122 years.
_MAX_AGE_YEARS = 125
#: The longest number of a license has 19 characters; AAMVA's field, 25.
_MAX_ID_CHARACTERS = 25


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


def read_identity(fields: Mapping[str, str], *, now: float, min_age_years: int, asks_for_id: bool) -> Form:
    """Read the form of name and date of birth.

    A person with one name leaves one of the two empty.

    Args:
        fields: of the form.
        now: seconds since the epoch.
        min_age_years: who is younger is refused.
        asks_for_id: whether the number and state of a license or ID card are asked for.
    """
    form = Form()
    for name in ("first_name", "middle_name", "last_name"):
        _read_text(form, name, fields.get(name, ""), required=False)
    if not {"first_name", "last_name"} & {*form.values, *form.errors}:
        form.errors["first_name"] = "name_missing"
    _read_birth_date(form, fields, now=now, min_age_years=min_age_years)
    if asks_for_id:
        _read_state_id(form, fields)
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


def _read_birth_date(form: Form, fields: Mapping[str, str], *, now: float, min_age_years: int) -> None:
    """Read the date of birth from its three fields; the first wrong one gets the problem."""
    texts = [fields.get(name, "") for name in DATE_PARTS]
    if blank := [name for name, text in zip(DATE_PARTS, texts, strict=True) if _is_blank(text)]:
        form.errors[blank[0]] = "dob_missing"
        return
    digits = [digits_of(text) or "" for text in texts]
    born = _date_of(*digits)
    moment = datetime.fromtimestamp(now, UTC)
    if (
        born is None
        or born > moment.date()
        or has_reached_age(born, _MAX_AGE_YEARS, moment, jurisdiction=None)
    ):
        form.errors[DATE_PARTS[0]] = "dob_format"
    elif not has_reached_age(born, min_age_years, moment, jurisdiction=None):
        form.errors[DATE_PARTS[0]] = "dob_underage"
    else:
        form.values["dob"] = born.isoformat()


def _date_of(month: str, day: str, year: str) -> date | None:
    """Return the date of three groups of digits, the year in full; None when there is none."""
    lengths_fit = len(month) in {1, 2} and len(day) in {1, 2} and len(year) == len("2000")
    return parse_iso_date(f"{year}-{month:0>2}-{day:0>2}") if lengths_fit else None


def _read_state_id(form: Form, fields: Mapping[str, str]) -> None:
    """Read kind, number and state of a license or ID card."""
    for name, known in (
        ("document_type_received", {one.value for one in STATE_ID_TYPES}),
        ("state_id_jurisdiction", JURISDICTIONS),
    ):
        if (chosen := fields.get(name, "")) in known:
            form.values[name] = chosen
        else:
            form.errors[name] = f"{name}_missing"
    _read_text(form, "state_id_number", fields.get("state_id_number", ""), required=True)
    number = form.values.get("state_id_number", "")
    if len(number) > _MAX_ID_CHARACTERS:
        del form.values["state_id_number"]
        form.errors["state_id_number"] = "state_id_number_format"


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
