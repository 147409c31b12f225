"""What makes a barcode acceptable: every rule by which a text with a valid structure is still refused.

A card that breaks one is not read at all. What is only unusual becomes a note, where the value is understood.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from proofing_reader.aamva_subfiles import Barcode
from proofing_reader.aamva_values import has_value
from proofing_reader.card import RefusalCode, Refused

#: Of a license, at the day of its issue.
MIN_AGE, MAX_AGE = 14, 120
#: The longest that a license is valid; most are for 4 to 8 years, and Montana's for 12.
MAX_TERM_YEARS = 12
_AGE_65 = 65
#: Where the day begins earlier than here.
_TOMORROW = timedelta(days=1)
_MAX_NUMBER_CHARACTERS = 25

#: Of versions 04 to 11. A license has all, an ID card all but those of driving.
_MANDATORY = frozenset(
    "DCA DCB DCD DBA DCS DAC DAD DBD DBB DBC DAY DAU DAG DAI DAJ DAK DAQ DCF DCG DDE DDF DDG".split()
)
_DRIVING = frozenset("DCA DCB DCD".split())
#: Of versions 02 and 03, which have no flags of truncation, and first names in one element.
_MANDATORY_02 = _MANDATORY - frozenset("DAC DAD DDE DDF DDG".split()) | {"DCT"}
#: Of version 01; the name is in one of several elements.
_MANDATORY_01 = frozenset("DAQ DBA DBB DBC DBD".split())
#: In place of the whole name.
_PARTS_OF_NAME = frozenset({"DAB", "DAC"})
#: The day on which the holder reaches an age, in years.
_UNTIL_AGE = {"DDH": 18, "DDI": 19, "DDJ": 21}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDates:
    """The dates of a card; None where it has none.

    Attributes:
        until_age: the day on which an age is reached, by element id.
    """

    birth: date
    issue: date | None
    expiry: date | None
    until_age: Mapping[str, date]


def mandatory_elements(barcode: Barcode) -> frozenset[str]:
    """Return the ids of the elements that a card of this version, type and issuer must have."""
    if barcode.version <= 1:
        return _MANDATORY_01
    required = _MANDATORY_02 if barcode.version <= 3 else _MANDATORY  # noqa: PLR2004 - of 2005
    if barcode.subfile_type == "ID":
        required -= _DRIVING
    return required - barcode.oddity.waived


def check_elements(barcode: Barcode) -> None:
    """Refuse a card without an element that it must have.

    Raises:
        Refused: it has not.
    """
    has_name = barcode.version > 1 or "DAA" in barcode.elements
    parts_of_name = frozenset[str]() if has_name and not barcode.oddity.names_of_01 else _PARTS_OF_NAME
    if (mandatory_elements(barcode) | parts_of_name) - barcode.elements.keys():
        raise Refused(RefusalCode.MISSING, "an element is missing that every card of this version has")
    if barcode.version == 0 and barcode.elements.get("DAO", b"").strip() != b"NC":
        raise Refused(RefusalCode.VERSION, "no rule reads this version of the standard")


def check_number(text: str) -> str:
    """Return the number of a card without the spaces around it.

    Raises:
        Refused: there is none, or it has other characters than letters, digits, hyphens, spaces and stars.
    """
    number = text.strip()
    if not has_value(number) or number.upper() == "NONE":
        raise Refused(RefusalCode.NUMBER, "the card has no number")
    # Washington's older numbers have stars; some issuers divide them by hyphens or spaces.
    well_formed = re.fullmatch(r"[A-Z0-9]([A-Z0-9* -]*[A-Z0-9*])?", number, re.ASCII | re.IGNORECASE)
    if not well_formed or len(number) > _MAX_NUMBER_CHARACTERS or not re.search(r"\d", number, re.ASCII):
        raise Refused(RefusalCode.NUMBER, "the number has characters that no number has")
    return number


def check_dates(dates: CardDates, barcode: Barcode, today: date) -> None:
    """Refuse a card whose dates contradict each other or *today*.

    Raises:
        Refused: they do.
    """
    is_license = barcode.subfile_type != "ID"
    issue, expiry = dates.issue, dates.expiry
    if issue is None and "DBD" in mandatory_elements(barcode):
        raise Refused(RefusalCode.DATE, "the card has no date of issue")
    if expiry is None and is_license:
        raise Refused(RefusalCode.DATE, "the license has no date of expiration")
    if (
        not dates.birth < (issue or expiry or today)
        or dates.birth > today
        or age_at(dates.birth, today) > MAX_AGE
    ):
        raise Refused(RefusalCode.IMPLAUSIBLE, "the date of birth is not before the others")
    if issue is not None and issue > today + _TOMORROW:
        raise Refused(RefusalCode.IMPLAUSIBLE, "the card is issued in the future")
    if expiry is not None and expiry <= (issue or dates.birth):
        raise Refused(RefusalCode.IMPLAUSIBLE, "the card expires before it is issued")
    if is_license:
        _check_license(dates, barcode)
    for name, day in dates.until_age.items():
        if day not in birthdays(dates.birth, _UNTIL_AGE[name]):
            raise Refused(RefusalCode.IMPLAUSIBLE, "the dates of age do not follow from the date of birth")


def _check_license(dates: CardDates, barcode: Barcode) -> None:
    issue, expiry = dates.issue, dates.expiry
    if not MIN_AGE <= age_at(dates.birth, issue or expiry or dates.birth) <= MAX_AGE:
        raise Refused(RefusalCode.IMPLAUSIBLE, "nobody of that age gets a license")
    if issue is None or expiry is None or expiry <= max(birthdays(issue, MAX_TERM_YEARS)):
        return
    if barcode.oddity.expires_at_65 and expiry <= max(birthdays(dates.birth, _AGE_65)):
        return
    raise Refused(RefusalCode.IMPLAUSIBLE, "no license is valid for so long")


def age_at(birth: date, day: date) -> int:
    """Return the full years from *birth* to *day*."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def birthdays(birth: date, years: int) -> frozenset[date]:
    """Return the day *years* after *birth*; both days in use for February 29."""
    try:
        return frozenset({birth.replace(year=birth.year + years)})
    except ValueError:
        return frozenset({date(birth.year + years, 2, 28), date(birth.year + years, 3, 1)})
