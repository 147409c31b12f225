"""How the barcodes of some issuers differ from the standard of their version, and what is accepted of that.

Everything that is accepted outside of the standard is in this table; whatever is not in it is refused. Which
versions an oddity concerns is part of the rule: issuers correct them with their next card.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

#: Line feed, record separator, carriage return: behind the `@` of a header.
SEPARATORS = b"\n\x1e\r"


class NameOrder(StrEnum):
    """How the name of version 01 is written. By the standard, commas divide it, family name first."""

    #: As the standard has it; without a comma it cannot be divided.
    STANDARD = "standard"
    #: First names before the family name where spaces divide it, else as the standard.
    FIRST_NAME_FIRST_BY_SPACES = "first_name_first_by_spaces"
    #: First names before the family name, whatever divides it.
    FIRST_NAME_FIRST = "first_name_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What is accepted of one issuer.

    Attributes:
        separators: the three bytes behind the `@`; one of these.
        old_table: the table of subfiles may have the layout of version 01, without a version of the
            jurisdiction, and the elements may be those of version 01.
        sequence_at: the offset, as it is in the table, where the order of the data decides against the table.
        wrong_count: the table may have two entries where it counts one.
        filler: the byte that may follow the last subfile up to the end of the symbol.
        loose_table: the table is four to eight letters or digits, which mean nothing.
        type_missing: a subfile may begin without its type.
        segment_end: what ends a subfile.
        line_feed_ends: no carriage return ends a subfile; the type of the next does, or the end of the text.
        own_has_returns: the last subfile, the issuer's own, has carriage returns in it.
        repeated: elements that may occur twice, with the same value.
        waived: elements that may be missing though the version requires them.
        ignored: elements that are not read, because the issuer fills them with something else.
        name_order: see `NameOrder`.
        middle_in_first_name: middle names are in the first name, behind a space.
        names_of_01: family, first and middle name are in DAB, DAC, DAD.
        street_in_residence: the street is in DAL, the rest of the address in DAI, DAJ, DAK.
        city_in_second_line: the second line of the address repeats the city.
        zip5: a ZIP code that is neither 5 nor 9 digits is one of 5 and something else.
        expires_at_65: a license is valid until that birthday.
        kilograms: weights are in kilograms.
    """

    separators: frozenset[bytes] = frozenset({SEPARATORS})
    old_table: bool = False
    sequence_at: bytes | None = None
    wrong_count: bool = False
    filler: bytes = b""
    loose_table: bool = False
    type_missing: bool = False
    segment_end: frozenset[bytes] = frozenset({b"\r"})
    line_feed_ends: bool = False
    own_has_returns: bool = False
    repeated: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    name_order: NameOrder = NameOrder.STANDARD
    middle_in_first_name: bool = False
    names_of_01: bool = False
    street_in_residence: bool = False
    city_in_second_line: bool = False
    zip5: bool = False
    expires_at_65: bool = False
    kilograms: bool = False

    def follows_sequence(self, offset: bytes) -> bool:
        """Return whether the order of the data decides where the table has this *offset*."""
        return self.sequence_at is not None and re.fullmatch(self.sequence_at, offset) is not None


_STANDARD = Oddity()
_FILE_SEPARATOR = b"\n\x1c\r"
_PHYSICAL = frozenset({"DAY", "DAU"})

#: By issuer and version of the header: as users of other parsers reported them (c0shea/IdParser,
#: rechner/py-aamva, lamassu/lamassu-machine, mvayngrib/parse-usdl, googlesamples/android-vision), and as
#: strings in the tests of such parsers show them.
_ODDITIES: Mapping[tuple[str, int], Oddity] = MappingProxyType(
    {
        # The type is not repeated in front of its elements, and may be counted in the length.
        ("CT", 1): Oddity(type_missing=True),
        # Neither discriminator, country nor flags of truncation.
        ("AL", 4): Oddity(waived=frozenset({"DCF", "DCG", "DDE", "DDF", "DDG"})),
        ("IL", 2): Oddity(old_table=True),
        # A file separator in place of the record separator; the offset is one too large.
        ("SC", 1): Oddity(separators=frozenset({SEPARATORS, _FILE_SEPARATOR}), sequence_at=rb"0030"),
        # As Connecticut; some have a file separator in place of the record separator.
        ("PA", 1): Oddity(
            separators=frozenset({SEPARATORS, _FILE_SEPARATOR}),
            type_missing=True,
            name_order=NameOrder.FIRST_NAME_FIRST_BY_SPACES,
        ),
        # A carriage return in front of the last element of its own subfile.
        **dict.fromkeys([("PA", 8), ("PA", 9), ("PA", 10)], Oddity(own_has_returns=True)),
        ("CO", 1): Oddity(name_order=NameOrder.FIRST_NAME_FIRST),
        ("MA", 4): Oddity(zip5=True),
        **{("AZ", version): Oddity(expires_at_65=True) for version in range(1, 12)},
        # Where the record separator is missing, offsets count it.
        ("OR", 1): Oddity(
            separators=frozenset({SEPARATORS, b"\n\r"}),
            sequence_at=rb"0029|0039",
            street_in_residence=True,
            middle_in_first_name=True,
            line_feed_ends=True,
        ),
        ("LA", 1): Oddity(middle_in_first_name=True),
        ("MO", 1): Oddity(zip5=True),
        ("PR", 5): Oddity(filler=b"8"),
        **{("FL", version): Oddity(waived=frozenset({"DAY"})) for version in range(4, 12)},
        # Height, weight and hair are in the issuer's own subfile.
        ("IN", 3): Oddity(waived=_PHYSICAL),
        ("MI", 3): Oddity(waived=_PHYSICAL | {"DCG"}, wrong_count=True),
        # As Connecticut; both dates lose leading zeros.
        ("WV", 4): Oddity(type_missing=True, line_feed_ends=True, ignored=frozenset({"DDH", "DDJ"})),
        ("WY", 4): Oddity(
            type_missing=True, line_feed_ends=True, middle_in_first_name=True, city_in_second_line=True
        ),
        ("HI", 4): Oddity(zip5=True),
        ("NV", 3): Oddity(
            separators=frozenset({SEPARATORS, b"\n\x1e\n"}), segment_end=frozenset({b"\r", b"\n\n"})
        ),
        ("ON", 3): Oddity(sequence_at=rb"0000", waived=frozenset({"DAY"})),
        ("AB", 3): Oddity(
            loose_table=True,
            sequence_at=rb"[0-9A-Za-z]{4}",
            names_of_01=True,
            kilograms=True,
            waived=frozenset({"DCA", "DCB", "DCD", "DBD", "DCF", "DCG"}),
        ),
        **{("QC", version): Oddity(waived=frozenset({"DCG"})) for version in range(2, 12)},
        # No date of issue: NONE.
        ("TX", 3): Oddity(waived=frozenset({"DBD"})),
        # The class of the license once more at the end.
        ("VA", 3): Oddity(repeated=frozenset({"DCA"})),
        # In the form of before 2000; the offset counts the digit of the IIN that may be lost.
        ("NC", 0): Oddity(sequence_at=rb"0028"),
    }
)


def oddity_of(issuer: str, version: int) -> Oddity:
    """Return what is accepted of *issuer*; of most, nothing beyond the standard."""
    return _ODDITIES.get((issuer, version), _STANDARD)
