"""Issuers of licenses and ID cards, by their issuer identification number (IIN), and how their numbers look.

AAMVA's list of IINs of December 2023. The formats of numbers are advice: states change them, and a number
that is unlike them is noted, never refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

USA, CANADA, MEXICO = "USA", "CAN", "MEX"
#: The issuer of specimens alone, by ICAO Doc 9303 part 3 and the drafts of W3C: its documents can be tried,
#: and are never more than read.
UTOPIA = "UTO"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues cards.

    Attributes:
        code: two letters of the state, province or territory; three where there are no two.
        country: three letters.
    """

    code: str
    country: str = USA


_UNITED_STATES = {
    "6360": (
        "00 VA 01 NY 02 MA 03 MD 04 NC 05 SC 06 CT 07 LA 08 MT 09 NM 10 FL 11 DE 14 CA 15 TX 18 IA 19 GU "
        "20 CO 21 AR 22 KS 23 OH 24 VT 25 PA 26 AZ 27 DOS 29 OR 30 MO 31 WI 32 MI 33 AL 34 ND 35 IL 36 NJ "
        "37 IN 38 MN 39 NH 40 UT 41 ME 42 SD 43 DC 45 WA 46 KY 47 HI 49 NV 50 ID 51 MS 52 RI 53 TN 54 NE "
        "55 GA 58 OK 59 AK 60 WY 61 WV 62 VI"
    ),
    "6044": "27 AS 30 MP 31 PR",
}
_CANADA = {
    "6360": "12 ON 13 NS 16 NL 17 NB 28 BC 44 SK 48 MB",
    "6044": "26 PE 28 QC 29 YT 32 AB 33 NU 34 NT",
    # Alberta prints it on its cards of 2005.
    "9908": "76 AB",
}
#: Coahuila and Hidalgo.
_MEXICO = {"6360": "56 COA 57 HID"}
_SPECIMENS = {"0000": "00 UTO"}


def _issuers() -> dict[str, Issuer]:
    found = {}
    tables = ((USA, _UNITED_STATES), (CANADA, _CANADA), (MEXICO, _MEXICO), (UTOPIA, _SPECIMENS))
    for country, table in tables:
        for first, rest in table.items():
            words = rest.split()
            for digits, code in zip(words[::2], words[1::2], strict=True):
                found[first + digits] = Issuer(code, country)
    return found


#: By IIN.
ISSUERS: Mapping[str, Issuer] = MappingProxyType(_issuers())

#: Digits and letters of each issuer's numbers, without spaces and hyphens.
_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys("CO CT MS NY".split(), r"\d{9}"),
        **dict.fromkeys("PA TX".split(), r"\d{8}"),
        "CA": r"[A-Z]\d{7}",
        **dict.fromkeys("FL MD MI MN".split(), r"[A-Z]\d{12}"),
        "WI": r"[A-Z]\d{13}",
        "NJ": r"[A-Z]\d{14}",
        **dict.fromkeys("AZ HI KS KY MA VA".split(), r"[A-Z]\d{8}|\d{9}"),
        **dict.fromkeys("IN OK".split(), r"[A-Z]\d{9}|\d{9,10}"),
        "IL": r"[A-Z]\d{11,12}",
        "MO": r"[A-Z]\d{5,9}|\d{9}",
        "NE": r"[A-Z]\d{6,8}",
        **dict.fromkeys("RI WV".split(), r"[A-Z]\d{6}|\d{7}"),
        "OH": r"[A-Z]{2}\d{6}",
        "ID": r"[A-Z]{2}\d{6}[A-Z]|\d{9}",
        "ND": r"[A-Z]{3}\d{6}|\d{9}",
        **dict.fromkeys("AK DE".split(), r"\d{1,7}"),
        "AL": r"\d{1,8}",
        **dict.fromkeys("LA OR AS GU MP PR VI".split(), r"\d{1,9}"),
        "NC": r"\d{1,12}",
        "AR": r"\d{4,9}",
        "UT": r"\d{4,10}",
        "SC": r"\d{5,11}",
        "SD": r"\d{6,12}",
        **dict.fromkeys("GA TN".split(), r"\d{7,9}"),
        "NM": r"\d{8,9}",
        "WY": r"\d{9,10}",
        "DC": r"\d{7}|\d{9}",
        "ME": r"\d{7}[A-Z]?|\d{8}",
        "VT": r"\d{7}[A-Z]|\d{8}",
        "NV": r"\d{9}|\d{10}|\d{12}|X\d{8}",
        "MT": r"\d{9}|\d{13}",
        "IA": r"\d{9}|\d{3}[A-Z]{2}\d{4}",
        "NH": r"\d{2}[A-Z]{3}\d{5}|NH[A-Z]\d+",
        "WA": r"[A-Z0-9*]{12}|WDL[A-Z0-9]{9}",
        "ON": r"[A-Z]\d{14}",
        "QC": r"[A-Z]\d{12}",
        "BC": r"\d{7}",
    }
)


def is_usual_number(issuer: str, number: str) -> bool:
    """Return whether *number* looks like those of *issuer*; True where its format is not known."""
    form = _FORMATS.get(issuer)
    return form is None or re.fullmatch(form, re.sub(r"[ -]", "", number), re.ASCII) is not None
