"""The machine-readable zone of a passport, format TD3: ICAO Doc 9303, parts 3 and 4."""

import re
from dataclasses import dataclass

#: Two lines of 44 characters.
_LENGTH = 88
_FORM = re.compile(r"P[A-Z<][A-Z<]{3}[A-Z<]{39}[A-Z0-9<]{44}")
#: What each check digit covers, and where it is; part 4, section 4.2.2. The last one covers the others.
_CHECKED = (
    ((slice(44, 53),), 53),
    ((slice(57, 63),), 63),
    ((slice(65, 71),), 71),
    ((slice(44, 54), slice(57, 64), slice(65, 87)), 87),
)
#: Of the personal number, which may be empty and then has no digit.
_PERSONAL, _PERSONAL_DIGIT = slice(72, 86), 86
#: Weights and values of characters; part 3, section 4.9.
_WEIGHTS = (7, 3, 1)
_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {
    "<": 0
}


@dataclass(frozen=True, slots=True, repr=False)
class PassportZone:
    """What the zone says, as far as it is compared with the page above it.

    Attributes:
        text: both lines, 88 characters.
        issuer, nationality: codes of up to three letters.
        dob, expiration: as in the zone, ``YYMMDD``.
    """

    text: str
    issuer: str
    nationality: str
    number: str
    dob: str
    expiration: str


def read_zone(text: str) -> PassportZone | None:
    """Return what *text*, of one line or two, holds; None when a character or check digit is wrong."""
    zone = re.sub(r"\s", "", text).upper()
    if len(zone) != _LENGTH or not _FORM.fullmatch(zone) or not _digits_hold(zone):
        return None
    return PassportZone(
        text=zone,
        issuer=zone[2:5].rstrip("<"),
        nationality=zone[54:57].rstrip("<"),
        number=zone[44:53].rstrip("<"),
        dob=zone[57:63],
        expiration=zone[65:71],
    )


def _digits_hold(zone: str) -> bool:
    personal = zone[_PERSONAL]
    digits = {_check_digit(personal), "<"} if not personal.strip("<") else {_check_digit(personal)}
    return zone[_PERSONAL_DIGIT] in digits and all(
        zone[place] == _check_digit("".join(zone[part] for part in parts)) for parts, place in _CHECKED
    )


def _check_digit(text: str) -> str:
    return str(sum(_VALUES[character] * _WEIGHTS[i % 3] for i, character in enumerate(text)) % 10)
