"""The one place that judges dates on documents, by the calendar of the person and not by that of a server.

A document is valid through its last day, as long as that lasts anywhere. An age is reached when it is reached
everywhere that matters: in the whole jurisdiction that issued the document, or, where that is not known,
everywhere. docs/adr/0016-dates-by-the-persons-calendar.md
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: Where every day ends last and begins last: the zone of Baker and Howland Islands.
LAST_ZONE = timezone(timedelta(hours=-12))

#: The zone in each jurisdiction in which a day begins last, by its name in the IANA database. Where one
#: jurisdiction has several, it is the westernmost: 15 USC 261 and 49 CFR 71.
_ZONES: Mapping[str, str] = MappingProxyType(
    {
        "AK": "America/Adak",
        "AS": "Pacific/Pago_Pago",
        "AZ": "America/Phoenix",
        "GU": "Pacific/Guam",
        "HI": "Pacific/Honolulu",
        "MP": "Pacific/Guam",
        **dict.fromkeys("CA ID NV OR WA".split(), "America/Los_Angeles"),
        **dict.fromkeys("CO KS MT ND NE NM SD TX UT WY".split(), "America/Denver"),
        **dict.fromkeys("AL AR FL IA IL IN KY LA MI MN MO MS OK TN WI".split(), "America/Chicago"),
        **dict.fromkeys("CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV".split(), "America/New_York"),
        **dict.fromkeys("PR VI".split(), "America/Puerto_Rico"),
    }
)


def is_over(last_day: date, now: datetime) -> bool:
    """Return whether *last_day* has ended everywhere at the moment *now*, which must know its zone."""
    return now.astimezone(LAST_ZONE).date() > last_day


def has_reached_age(born: date, years: int, now: datetime, *, jurisdiction: str | None) -> bool:
    """Return whether a person is *years* old.

    Who was born on a leap day is a year older on March 1 of a common year: the later of the days in use.

    Args:
        born: as on the document.
        years: full years.
        now: with its zone.
        jurisdiction: two letters, of the document; None, or one that is not known, for the strictest answer.
    """
    today = now.astimezone(_last_zone_of(jurisdiction)).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) >= years


def _last_zone_of(jurisdiction: str | None) -> tzinfo:
    """Return the zone whose calendar decides; the last on earth where the system has no zone database."""
    name = _ZONES.get(jurisdiction or "")
    if name is None:
        return LAST_ZONE
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return LAST_ZONE
