"""People who do not exist, and what their cards say of them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

#: How license numbers of an issuer look: A stands for a letter, 9 for a digit.
_NUMBERS: Mapping[str, str] = {
    "AZ": "A99999999",
    "CA": "A9999999",
    "CO": "999999999",
    "CT": "999999999",
    "FL": "A999999999999",
    "GA": "999999999",
    "IA": "999AA9999",
    "IL": "A99999999999",
    "IN": "9999999999",
    "KS": "A99999999",
    "KY": "A99999999",
    "LA": "999999999",
    "MA": "A99999999",
    "MD": "A999999999999",
    "ME": "9999999",
    "MI": "A999999999999",
    "MN": "A999999999999",
    "MO": "A99999999",
    "NC": "999999999999",
    "NJ": "A99999999999999",
    "NM": "999999999",
    "NV": "9999999999",
    "NY": "999999999",
    "OH": "AA999999",
    "OK": "A999999999",
    "OR": "9999999",
    "PA": "99999999",
    "SC": "999999999",
    "TN": "999999999",
    "TX": "99999999",
    "UT": "999999999",
    "VA": "A99999999",
    "WI": "A9999999999999",
}
#: City and first three digits of its ZIP codes.
_CITIES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AZ": (("PHOENIX", "850"), ("TUCSON", "857")),
    "CA": (("SACRAMENTO", "958"), ("OAKLAND", "946")),
    "CO": (("DENVER", "802"), ("PUEBLO", "810")),
    "CT": (("HARTFORD", "061"), ("NEW HAVEN", "065")),
    "FL": (("TALLAHASSEE", "323"), ("ORLANDO", "328")),
    "GA": (("ATLANTA", "303"), ("MACON", "312")),
    "IA": (("DES MOINES", "503"), ("DUBUQUE", "520")),
    "IL": (("SPRINGFIELD", "627"), ("PEORIA", "616")),
    "IN": (("INDIANAPOLIS", "462"), ("GARY", "464")),
    "KS": (("TOPEKA", "666"), ("WICHITA", "672")),
    "KY": (("FRANKFORT", "406"), ("LEXINGTON", "405")),
    "LA": (("BATON ROUGE", "708"), ("MONROE", "712")),
    "MA": (("BOSTON", "021"), ("WORCESTER", "016")),
    "MD": (("ANNAPOLIS", "214"), ("BALTIMORE", "212")),
    "ME": (("AUGUSTA", "043"), ("PORTLAND", "041")),
    "MI": (("LANSING", "489"), ("FLINT", "485")),
    "MN": (("SAINT PAUL", "551"), ("DULUTH", "558")),
    "MO": (("JEFFERSON CITY", "651"), ("JOPLIN", "648")),
    "NC": (("RALEIGH", "276"), ("DURHAM", "277")),
    "NJ": (("TRENTON", "086"), ("NEWARK", "071")),
    "NM": (("SANTA FE", "875"), ("ROSWELL", "882")),
    "NV": (("CARSON CITY", "897"), ("RENO", "895")),
    "NY": (("ALBANY", "122"), ("BUFFALO", "142")),
    "OH": (("COLUMBUS", "432"), ("DAYTON", "454")),
    "OK": (("OKLAHOMA CITY", "731"), ("TULSA", "741")),
    "OR": (("SALEM", "973"), ("EUGENE", "974")),
    "PA": (("HARRISBURG", "171"), ("ERIE", "165")),
    "SC": (("COLUMBIA", "292"), ("GREENVILLE", "296")),
    "TN": (("NASHVILLE", "372"), ("MEMPHIS", "381")),
    "TX": (("AUSTIN", "787"), ("DALLAS", "752")),
    "UT": (("SALT LAKE CITY", "841"), ("OGDEN", "844")),
    "VA": (("RICHMOND", "232"), ("NORFOLK", "235")),
    "WI": (("MADISON", "537"), ("GREEN BAY", "543")),
}
JURISDICTIONS = tuple(sorted(_CITIES))
_FAMILIES = (
    *("ABARA", "BENNETT", "CASTELLANOS", "DELACROIX", "ELLINGTON", "FITZGERALD", "GUTIERREZ", "HOLLOWAY"),
    *("IVERSON", "JARAMILLO", "KOWALCZYK", "LINDQVIST", "MCALLISTER", "NAKAGAWA", "O'DONNELL", "PEMBERTON"),
    *("QUINTERO", "RAMASWAMY", "SMITH-JONES", "THORNBURG", "UNDERWOOD", "VAN DER BERG", "WINTERS", "XU"),
    *("YAMAMOTO", "ZELLER"),
)
_GIVEN: Mapping[str, tuple[str, ...]] = {
    "F": ("ADA", "BEATRICE", "CARMEN", "DOLORES", "EUGENIA", "FATIMA", "GRETA", "HELENA", "INGRID", "JO-ANN"),
    "M": ("ALBERT", "BRUNO", "CYRUS", "DMITRI", "EZEKIEL", "FELIX", "GIDEON", "HECTOR", "IGNACIO", "JASPER"),
    "X": ("ALEXIS", "BLAIR", "CASEY", "DREW", "EMERSON", "FINLEY", "GRAY", "HARPER", "INDIGO", "JORDAN"),
}
_MIDDLES = (None, "LEE", "MARIE", "Q", "ROSE", "THOMAS", "VALENTINE", "WINSLOW")
_SUFFIXES = (None, None, None, None, "JR", "SR", "II", "III")
_STREETS = ("ALDER CT", "BIRCHWOOD AVE", "CANYON RD", "DOGWOOD LN", "ELM ST", "FOUNTAIN BLVD", "GROVE PL")
_BIRTHS = (date(1950, 1, 1), date(2004, 12, 31))
_EYES = ("BLU", "BRO", "GRN", "GRY", "HAZ", "BLK")
_HAIR = ("BLK", "BLN", "BRO", "GRY", "RED", "SDY", "WHI")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Person:
    """Somebody who does not exist, with a card.

    Attributes:
        sex: M, F or X.
        eyes, hair: three letters of ANSI D-20.
        height: inches; weight: pounds.
        zipcode: five or nine digits.
    """

    family: str
    given: str
    middle: str | None
    suffix: str | None
    birth: date
    sex: str
    eyes: str
    hair: str
    height: int
    weight: int
    street: str
    unit: str | None
    city: str
    state: str
    zipcode: str
    number: str
    discriminator: str
    issued: date
    expires: date
    is_donor: bool
    is_veteran: bool

    def __repr__(self) -> str:
        return "Person(<synthetic>)"


def make_person(rng: random.Random, state: str, *, today: date) -> Person:
    """Return somebody of *state* with a card that is valid *today*; of one seed, the same all year.

    Raises:
        KeyError: there are no specimens of that state.
    """
    sex = rng.choice("FMMFX")
    city, zip_start = rng.choice(_CITIES[state])
    birth = _some_day(rng, *_BIRTHS)
    issued = _some_day(rng, date(today.year - 5, 1, 1), date(today.year - 1, 12, 31))
    expires = _expiry(birth, issued, today)
    zipcode = f"{zip_start}{rng.randrange(100):02}"
    return Person(
        family=rng.choice(_FAMILIES),
        given=rng.choice(_GIVEN[sex]),
        middle=rng.choice(_MIDDLES),
        suffix=rng.choice(_SUFFIXES) if sex == "M" else None,
        birth=birth,
        sex=sex,
        eyes=rng.choice(_EYES),
        hair=rng.choice(_HAIR),
        height=rng.randint(58, 77),
        weight=rng.randint(105, 265),
        street=f"{rng.randint(10, 9899)} {rng.choice(_STREETS)}",
        unit=f"APT {rng.randint(1, 99)}" if rng.random() < 0.3 else None,  # noqa: PLR2004 - three of ten
        city=city,
        state=state,
        zipcode=zipcode + (f"{rng.randint(1, 9999):04}" if rng.random() < 0.5 else ""),  # noqa: PLR2004 - half
        number="".join(_character(rng, kind) for kind in _NUMBERS[state]),
        discriminator="".join(rng.choice("0123456789ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(12)),
        issued=issued,
        expires=expires,
        is_donor=rng.random() < 0.5,  # noqa: PLR2004 - half
        is_veteran=rng.random() < 0.1,  # noqa: PLR2004 - one of ten
    )


def _character(rng: random.Random, kind: str) -> str:
    return rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if kind == "A" else rng.choice("0123456789")


def _some_day(rng: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def _years(day: date, years: int) -> date:
    return (day - timedelta(days=1) if (day.month, day.day) == (2, 29) else day).replace(
        year=day.year + years
    )


def _expiry(birth: date, issued: date, today: date) -> date:
    """Return the first birthday at which a card of *issued* is four years old or more, and valid *today*."""
    years = 4
    while True:
        day = _years(birth, issued.year + years - birth.year)
        if day > today + timedelta(days=30):
            return day
        years += 1
