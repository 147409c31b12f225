"""Which phones a confirmation code may be sent to: country and kind of line.

What a number itself says is known without asking anybody. It is ten digits of the North American Numbering
Plan, whose area codes belong to countries. Source: NANPA, "Area codes" and "NPAs not in the United States".
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from proofing.contracts.results import LineType

#: What ten digits have in front in E.164.
COUNTRY_CODE = "+1"
_UNITED_STATES = "US"
_AREA_CODES: Mapping[str, str] = {
    "AG": "268",
    "AI": "264",
    "AS": "684",
    "BB": "246",
    "BM": "441",
    "BS": "242",
    "CA": "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 "
    "468 474 506 514 519 548 579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 "
    "742 753 778 780 782 807 819 825 867 873 879 902 905 942",
    "DM": "767",
    "DO": "809 829 849",
    "GD": "473",
    "GU": "671",
    "JM": "658 876",
    "KN": "869",
    "KY": "345",
    "LC": "758",
    "MP": "670",
    "MS": "664",
    "PR": "787 939",
    "SX": "721",
    "TC": "649",
    "TT": "868",
    "VC": "784",
    "VG": "284",
    "VI": "340",
}
_COUNTRY_OF: Mapping[str, str] = MappingProxyType(
    {code: country for country, codes in _AREA_CODES.items() for code in codes.split()}
)
_TOLL_FREE = frozenset({"800", "822", "833", "844", "855", "866", "877", "888"})
_PREMIUM = "900"
#: The exchange of numbers that cost extra within their area.
_PREMIUM_EXCHANGE = "976"
#: Numbers that follow a person or a machine.
_PERSONAL = frozenset({"500", "521", "522", "523", "524", "525", "526", "527", "528", "529"}) | frozenset(
    {"533", "544", "566", "577", "588", "700"}
)

#: Two letters of each country that a number can belong to.
COUNTRIES: frozenset[str] = frozenset({_UNITED_STATES, *_AREA_CODES})


def country_of(phone: str) -> str:
    """Return the two letters of the country of *phone*, ten digits; an area code of no other is of the US."""
    return _COUNTRY_OF.get(phone[:3], _UNITED_STATES)


def line_type_of(phone: str) -> LineType | None:
    """Return the kind of line that *phone*, ten digits, shows by itself; None where any phone may have it."""
    area, exchange = phone[:3], phone[3:6]
    if area in _TOLL_FREE:
        return LineType.TOLL_FREE
    if area == _PREMIUM or exchange == _PREMIUM_EXCHANGE:
        return LineType.PREMIUM
    return LineType.OTHER if area in _PERSONAL else None


def may_get_code(
    phone: str,
    *,
    countries: Collection[str],
    refused: Collection[LineType],
    line_type: LineType | None = None,
) -> bool:
    """Return whether codes are sent to *phone*, ten digits.

    Args:
        phone: the number.
        countries: that codes are sent to.
        refused: kinds of lines that none are sent to.
        line_type: what a vendor knows of the line; None for nothing.
    """
    kinds = {line_type_of(phone), line_type} - {None}
    return country_of(phone) in countries and kinds.isdisjoint(refused)
