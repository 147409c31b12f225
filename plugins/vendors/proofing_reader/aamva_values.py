"""Values of AAMVA elements: dates, colors, measures, ZIP codes.

AAMVA DL/ID Card Design Standard, annex D; ANSI D-20. A value that is not understood is None, never a guess.
"""

import re
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

_CENTIMETERS_PER_INCH = 2.54
_POUNDS_PER_KILOGRAM = 2.20462
_INCHES_PER_FOOT = 12
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2199
#: Of people, in inches, with some room. Issuers that write 5 feet 4 inches as ``504 in`` are beyond it.
_SHORTEST, _TALLEST = 20, 110

#: What stands for no value, in capital letters.
_NO_VALUE = frozenset({"", "UNAVL", "UNAVAIL"})

_SEXES = MappingProxyType({"1": "M", "M": "M", "2": "F", "F": "F", "9": "X", "X": "X"})

#: Spellings in use, each with its code.
_EYES = (
    ("BLK|BLACK", "BLK"),
    ("BLU?|BLUE", "BLU"),
    ("BRO?|BR?N|BROWN", "BRO"),
    ("DIC|DICHROMATIC", "DIC"),
    ("GRN|GN|GREEN", "GRN"),
    ("G[RAE]*Y", "GRY"),
    ("HZ|HA?ZL?|HAZEL", "HAZ"),
    ("MAR|MAROON", "MAR"),
    ("PNK|PINK", "PNK"),
)
_HAIR = (
    ("BAL|BALD", "BAL"),
    ("BLK|BLACK", "BLK"),
    ("BL[NOD]|BLONDE?", "BLN"),
    ("BRO?|BR?N|BROWN", "BRO"),
    ("G[RAE]*Y", "GRY"),
    ("RED", "RED"),
    ("SDY|SANDY", "SDY"),
    ("WHI|WHITE", "WHI"),
)
#: For a color or sex that the issuer does not know.
_UNKNOWN = frozenset({"", "UNAVL", "UNAVAIL", "NONE", "UNK", "UNKNOWN"})

_CANADIAN_CODE = re.compile(r"([A-Z]\d[A-Z]) ?(\d[A-Z]\d)", re.ASCII)


class NotUnderstoodError(ValueError):
    """A value is not in any known form. Has no value in its message."""


@dataclass(frozen=True, slots=True)
class ReadDate:
    """A date, and in which order it was written."""

    day: date
    year_first: bool


def has_value(text: str) -> bool:
    """Return whether *text*, without the spaces around it, is more than a word for nothing."""
    return text.strip().upper() not in _NO_VALUE


def read_date(text: str, *, hyphens: bool = False) -> ReadDate | None:
    """Return the date of eight digits, month first or year first; None where there is none.

    The orders cannot be confused: no month is 19 to 21.

    Raises:
        NotUnderstoodError: it is not eight digits, or no such day exists.
    """
    digits = text.strip()
    if hyphens:
        digits = re.sub(r"(\d\d)-(\d\d)-(\d{4})", r"\1\2\3", digits, count=1)
    if not has_value(digits) or digits.upper() in {"00000000", "NONE"}:
        return None
    if not re.fullmatch(r"\d{8}", digits, re.ASCII):
        raise NotUnderstoodError
    found = [
        ReadDate(day, year_first)
        for year_first, parts in (
            (False, (digits[4:], digits[:2], digits[2:4])),
            (True, (digits[:4], digits[4:6], digits[6:])),
        )
        if (day := _day(*parts)) is not None
    ]
    if len(found) != 1:
        raise NotUnderstoodError
    return found[0]


def read_sex(text: str) -> str | None:
    """Return M, F or X.

    Raises:
        NotUnderstoodError: it is another code.
    """
    value = text.strip().upper()
    if value in _UNKNOWN:
        return None
    if value not in _SEXES:
        raise NotUnderstoodError
    return _SEXES[value]


def read_eye_color(text: str) -> str | None:
    """Return three letters of ANSI D-20.

    Raises:
        NotUnderstoodError: it is another code.
    """
    return _color(_EYES, text)


def read_hair_color(text: str) -> str | None:
    """Return three letters of ANSI D-20.

    Raises:
        NotUnderstoodError: it is another code.
    """
    return _color(_HAIR, text)


def read_height(text: str, *, centimeters: bool = False) -> int | None:
    """Return a height in inches.

    Args:
        text: with its unit; or feet and inches, such as ``506``, ``5-06`` or ``5'-06"``, which no number of
            inches or centimeters of a person can be taken for.
        centimeters: a number alone means centimeters, as in DAV of version 01.

    Raises:
        NotUnderstoodError: it is in another form, or nobody is of that height.
    """
    value = text.strip().upper()
    if value in _UNKNOWN or not value.strip("0"):
        return None
    if found := re.fullmatch(r"(\d{2,3}) ?(IN|CM)", value, re.ASCII):
        return _inches(int(found[1]), metric=found[2] == "CM")
    if found := re.fullmatch(r"([3-8])'?-?(0\d|1[01])\"?", value, re.ASCII):
        return int(found[1]) * _INCHES_PER_FOOT + int(found[2])
    if centimeters and re.fullmatch(r"\d{3}", value, re.ASCII):
        return _inches(int(value), metric=True)
    raise NotUnderstoodError


def inches_of(centimeters: int) -> int:
    """Return a height in whole inches."""
    return round(centimeters / _CENTIMETERS_PER_INCH)


def read_weight(text: str, *, kilograms: bool) -> int | None:
    """Return a weight in pounds.

    Raises:
        NotUnderstoodError: it is in another form.
    """
    value = text.strip().upper()
    if value in _UNKNOWN or not value.strip("0"):
        return None
    found = re.fullmatch(r"(\d{1,3}) ?(LBS?|KG)?", value, re.ASCII)
    if found is None:
        raise NotUnderstoodError
    metric = kilograms if found[2] is None else found[2] == "KG"
    return round(int(found[1]) * _POUNDS_PER_KILOGRAM) if metric else int(found[1])


def read_state(text: str) -> str | None:
    """Return the two letters of a state, territory or province.

    Raises:
        NotUnderstoodError: it is in another form.
    """
    value = text.strip(", ").upper()
    if not has_value(value):
        return None
    if not re.fullmatch("[A-Z]{2}", value, re.ASCII):
        raise NotUnderstoodError
    return value


def read_postal_code(text: str, *, zip5: bool = False) -> str | None:
    """Return ``12345``, ``12345-6789``, or a Canadian ``A1A 1A1``.

    Args:
        text: nine digits of which the last four are zero when they are not known, or five, padded.
        zip5: of another length, the first five digits are the code.

    Raises:
        NotUnderstoodError: it is in another form.
    """
    value = text.strip().upper()
    if not has_value(value):
        return None
    if found := _CANADIAN_CODE.fullmatch(value):
        return f"{found[1]} {found[2]}"
    if found := re.fullmatch(r"(\d{5})[- ]?(\d{4})?", value, re.ASCII):
        return found[1] if found[2] in {None, "0000"} else f"{found[1]}-{found[2]}"
    if zip5 and (found := re.fullmatch(r"(\d{5})[ \d]{1,6}", value, re.ASCII)):
        return found[1]
    raise NotUnderstoodError


def _day(year: str, month: str, day: str) -> date | None:
    if not _EARLIEST_YEAR <= int(year) <= _LATEST_YEAR:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _color(spellings: tuple[tuple[str, str], ...], text: str) -> str | None:
    value = text.strip().upper()
    if value in _UNKNOWN:
        return None
    for pattern, code in spellings:
        if re.fullmatch(pattern, value):
            return code
    raise NotUnderstoodError


def _inches(number: int, *, metric: bool) -> int | None:
    if not number:
        return None
    inches = inches_of(number) if metric else number
    if not _SHORTEST <= inches <= _TALLEST:
        raise NotUnderstoodError
    return inches
