"""Cards of British Columbia: a barcode with the text of a magnetic stripe, three tracks one after the other.

AAMVA DL/ID Card Design Standard, annex F, with one difference: track 3 begins with ``_%``. The province's
description is its Teleplan specification 4.4, "Card specifications - combined card".
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar

from proofing.plugin import Applicant, DocumentType, parse_text
from proofing_reader import aamva_values as values
from proofing_reader.card import Card, CardSource, Note, RefusalCode, Refused
from proofing_reader.issuers import CANADA

_Value = TypeVar("_Value")

_IIN = "636028"
_MAX_CHARACTERS = 400
#: Fields that are full have no mark behind them.
_CITY, _NAME = 13, 35
_TRACKS = re.compile(
    r"%BC(?P<track1>[^%?]{1,100})\?;636028(?P<number>\d{7,9})=(?P<expires>\d{4})(?P<birth>\d{8})=\?_%"
    r"(?P<version>.)(?P<layout>.)(?P<postal_code>.{11})(?P<class>.{2})(?P<more>.{14})"
    r"(?P<sex>[MFX12])(?P<height>.{3})(?P<weight>.{3})(?P<hair>.{3})(?P<eyes>.{3})(?P<rest>.{0,60})\?",
    re.ASCII,
)


def read_stripe(payload: bytes, *, today: date) -> Card:
    """Return what a card of British Columbia says. Whether it is a license or another card it does not say.

    Args:
        payload: the bytes of the symbol.
        today: by the calendar of the person.

    Raises:
        Refused: it is not in the form of these cards.
    """
    try:
        text = payload.decode("ascii")
    except UnicodeDecodeError:
        text = payload.decode("latin-1")
    if len(text) > _MAX_CHARACTERS:
        raise Refused(RefusalCode.TOO_LARGE, "the text is longer than a barcode of a card")
    found = _TRACKS.fullmatch(text.rstrip("\r\n"))
    if found is None or re.search(r"[\x00-\x1f\x7f-\x9f]", text.rstrip("\r\n")):
        raise Refused(RefusalCode.ELEMENTS, "the tracks of the card are not in their form")
    track_city, name, address = _track1(found["track1"])
    birth, expires = _dates(found["birth"], found["expires"], today)
    last, first, middle = _names(name)
    notes = {Note.EXPIRATION_MONTH}
    street, second, city, state = _address(address, track_city)
    sex = _understood(notes, lambda: values.read_sex(found["sex"]))
    height = _understood(notes, lambda: _height(found["height"]))
    weight = _understood(notes, lambda: values.read_weight(found["weight"], kilograms=True))
    if len(name) >= _NAME:
        notes.add(Note.NAME_TRUNCATED)
    if middle:
        notes.add(Note.NAME_GUESSED)
    return Card(
        applicant=Applicant(
            first_name=first,
            middle_name=middle,
            last_name=last,
            dob=birth.isoformat(),
            sex={"M": "male", "F": "female"}.get(sex or ""),
            height=height,
            weight=weight,
            eye_color=_understood(notes, lambda: values.read_eye_color(found["eyes"])),
            address1=street,
            address2=second,
            city=city,
            state=state,
            zipcode=_understood(notes, lambda: values.read_postal_code(found["postal_code"])),
            state_id_number=found["number"],
            state_id_jurisdiction="BC",
            state_id_expiration=expires.isoformat(),
            issuing_country_code=CANADA,
            document_type_received=DocumentType.OTHER,
        ),
        source=CardSource.STRIPE,
        issuer="BC",
        country=CANADA,
        iin=_IIN,
        sex=sex,
        hair_color=_understood(notes, lambda: values.read_hair_color(found["hair"])),
        maybe_truncated=frozenset({"first_name", "middle_name", "last_name"})
        if len(name) >= _NAME
        else frozenset(),
        notes=frozenset(notes),
    )


def _track1(text: str) -> tuple[str, str, str]:
    """Return city, name and address."""
    fields = []
    for size in (_CITY, _NAME):
        before, mark, after = text.partition("^")
        if mark and len(before) <= size:
            fields.append(before)
            text = after
        else:
            fields.append(text[:size])
            text = text[size:]
    city, name = fields
    return city, name, text.removesuffix("^")


def _names(text: str) -> tuple[str | None, str | None, str | None]:
    """Return family, first and middle name. A person with one name has the family name."""
    family, comma, given = text.partition(",")
    given = given.removeprefix("$")
    if not comma or "," in given or "$" in family + given or "^" in text:
        raise Refused(RefusalCode.NAME, "nothing divides the name into its parts")
    first, _, middle = given.strip().partition(" ")
    last = _line(family)
    if last is None:
        raise Refused(RefusalCode.NAME, "the card has no name")
    return last, _line(first), _line(middle)


def _dates(birth_text: str, expires_text: str, today: date) -> tuple[date, date]:
    """Return the day of birth, and the last day of the month of expiration."""
    try:
        found = values.read_date(birth_text)
    except values.NotUnderstoodError:
        found = None
    birth = found.day if found else None
    year, month = 2000 + int(expires_text[:2]), int(expires_text[2:])
    if birth is None or not 1 <= month <= 12:  # noqa: PLR2004 - months
        raise Refused(RefusalCode.DATE, "a date is malformed, or no such day exists")
    if birth >= min(today, date(year, month, 1)):
        raise Refused(RefusalCode.IMPLAUSIBLE, "the date of birth is not before the others")
    return birth, date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _address(text: str, city: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Return one or two lines, the city, which track 1 may have cut off, and the province."""
    *lines, last = text.split("$")
    found = re.fullmatch(r"(?P<city>.+?) (?P<province>[A-Z]{2})(?: +[A-Z]\d[A-Z] ?\d[A-Z]\d)?", last.strip())
    if found is None or not found["city"].startswith(city.strip()):
        return None, None, _line(city), None
    street, second = (*(_line(line) for line in lines), None, None)[:2]
    return street, second, _line(found["city"]), found["province"]


def _height(text: str) -> int | None:
    """Return inches; the track has centimeters."""
    return values.read_height(f"{text.strip()} cm") if text.strip() else None


def _line(text: str) -> str | None:
    return parse_text(text)


def _understood(notes: set[Note], read: Callable[[], _Value | None]) -> _Value | None:
    try:
        return read()
    except values.NotUnderstoodError:
        notes.add(Note.VALUE_UNKNOWN)
        return None
