"""How text on cards is compared: names, numbers, dates, addresses; as print, barcodes and zones have them."""

import re
import unicodedata
from datetime import date

from proofing_reader.issuers import CANADA

#: Read for one another by recognition, in numbers.
_CONFUSED = str.maketrans("OISB", "0158")
#: Letters that zones write in more than one way: ICAO Doc 9303, part 3, section 6.
_TRANSLITERATIONS = tuple(
    {ord(letter): text for letter, text in zip("ÄÖÜÅÑØÆÞÐĲ", texts, strict=True)}
    for texts in (
        ("AE", "OE", "UE", "AA", "N", "OE", "AE", "TH", "D", "IJ"),
        ("A", "O", "UXX", "A", "NXX", "O", "AE", "TH", "D", "IJ"),
        ("A", "O", "U", "A", "N", "O", "AE", "TH", "D", "IJ"),
    )
)
_SUFFIXES = {
    **dict.fromkeys(("JR", "JUNIOR"), "JR"),
    **dict.fromkeys(("SR", "SENIOR"), "SR"),
    **dict.fromkeys(("II", "2ND"), "II"),
    **dict.fromkeys(("III", "3RD"), "III"),
    **dict.fromkeys(("IV", "4TH"), "IV"),
    **dict.fromkeys(("V", "5TH"), "V"),
}
#: USPS Publication 28, appendixes B and C, as far as they are common; each with the abbreviation.
_STREET_WORDS = {
    "ALLEY": "ALY",
    "AVENUE": "AVE",
    "AV": "AVE",
    "BOULEVARD": "BLVD",
    "CIRCLE": "CIR",
    "COURT": "CT",
    "COVE": "CV",
    "CROSSING": "XING",
    "DRIVE": "DR",
    "EAST": "E",
    "EXPRESSWAY": "EXPY",
    "FREEWAY": "FWY",
    "HEIGHTS": "HTS",
    "HIGHWAY": "HWY",
    "LANE": "LN",
    "MOUNT": "MT",
    "NORTH": "N",
    "NORTHEAST": "NE",
    "NORTHWEST": "NW",
    "PARKWAY": "PKWY",
    "PLACE": "PL",
    "PLAZA": "PLZ",
    "POINT": "PT",
    "ROAD": "RD",
    "ROUTE": "RTE",
    "SAINT": "ST",
    "SOUTH": "S",
    "SOUTHEAST": "SE",
    "SOUTHWEST": "SW",
    "SQUARE": "SQ",
    "STREET": "ST",
    "TERRACE": "TER",
    "TRAIL": "TRL",
    "WEST": "W",
}
#: Words in front of the number of a unit, which are written or left out.
_UNIT_WORDS = frozenset("APARTMENT APT BUILDING BLDG FLOOR FL NO ROOM RM SPACE SPC SUITE STE UNIT".split())
_DATE = re.compile(r"(\d{1,4})[/. -](\d{1,2})[/. -](\d{1,4})", re.ASCII)


def fold(text: str) -> str:
    """Return *text* in capital letters without accents, with single spaces for punctuation."""
    plain = unicodedata.normalize("NFKD", text.upper().replace("ß", "SS"))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^A-Z0-9]+", " ", letters).split())


def spellings(text: str) -> frozenset[str]:
    """Return *text* folded, in all ways in which zones write its letters."""
    upper = unicodedata.normalize("NFC", text).upper()
    return frozenset({fold(text)} | {fold(upper.translate(table)) for table in _TRANSLITERATIONS})


def number_of(text: str) -> str:
    """Return the letters and digits of a number."""
    return fold(text).replace(" ", "")


def look_alike(first: str, second: str) -> bool:
    """Return whether two numbers are the same but for characters that recognition confuses."""
    return first.translate(_CONFUSED) == second.translate(_CONFUSED)


def suffix_of(text: str) -> str:
    """Return a suffix in the one form that is compared."""
    word = number_of(text)
    return _SUFFIXES.get(word, word)


def is_suffix(word: str) -> bool:
    """Return whether a folded word is a suffix of a name."""
    return word in _SUFFIXES


def printed_dates(text: str, *, country: str) -> list[date]:
    """Return the dates in *text*: the year is first, or last and behind month and day, but in Canada."""
    found = []
    for first, second, third in _DATE.findall(text):
        if len(first) == 4:  # noqa: PLR2004 - of a year
            parts = (first, second, third)
        elif len(third) == 4 and country != CANADA:  # noqa: PLR2004 - of a year
            parts = (third, first, second)
        else:
            continue
        try:
            found.append(date(*map(int, parts)))
        except ValueError:
            continue
    return found


def address_words(text: str) -> frozenset[str]:
    """Return the words of an address in their abbreviations, without those in front of a unit's number."""
    words = (_STREET_WORDS.get(word, word) for word in fold(text).split())
    return frozenset(word for word in words if word not in _UNIT_WORDS)
