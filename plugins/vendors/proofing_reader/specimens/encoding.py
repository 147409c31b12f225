"""Writes what a license's barcode holds, by the AAMVA Card Design Standards, versions 01 to 11.

Written from the standards' tables, apart from the parser: neither imports the other.
"""

from collections.abc import Iterator
from datetime import date

from proofing_reader.specimens.layouts import Layout
from proofing_reader.specimens.people import Person

_LF, _RS, _CR = "\n", "\x1e", "\r"
_SEXES = {"M": "1", "F": "2", "X": "9"}
_POUNDS = (70, 100, 130, 160, 190, 220, 250, 280, 320)
#: From the second standard on: the issuer's version, family names, discriminators, countries.
_SECOND = 2
_FIRST_WITH_SEPARATE_NAMES = 4
_DONOR, _REAL_ID = 6, 4


def encode(person: Person, layout: Layout) -> bytes:
    """Return the bytes of the barcode on the card of *person*."""
    subfiles = [(layout.card, _subfile(layout.card, _elements(person, layout)))]
    if layout.extra:
        kind = f"Z{layout.state[0]}"
        subfiles.append((kind, _subfile(kind, _own_elements(person, kind))))
    versions = f"{layout.version:02}"
    if layout.version >= _SECOND:
        versions += f"{layout.jurisdiction_version:02}"
    header = f"@{_LF}{_RS}{_CR}ANSI {layout.iin}{versions}{len(subfiles):02}"
    offset = len(header) + 10 * len(subfiles)
    for kind, text in subfiles:
        header += f"{kind}{offset:04}{len(text):04}"
        offset += len(text)
    return (header + "".join(text for _kind, text in subfiles)).encode("latin-1")


def _subfile(kind: str, elements: Iterator[tuple[str, str]]) -> str:
    return kind + "".join(f"{name}{value}{_LF}" for name, value in elements) + _CR


def _own_elements(person: Person, kind: str) -> Iterator[tuple[str, str]]:
    """Yield what only the issuer understands; some of it looks like data of the person."""
    yield f"{kind}A", person.birth.strftime("%y%m%d")
    yield f"{kind}B", "0123456789"
    yield f"{kind}C", "N"


def _elements(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    if layout.card == "DL":
        yield from _driving(layout)
    yield from _names(person, layout)
    yield from _dates(person, layout)
    yield "DBC", person.sex if layout.version == 1 and person.sex == "X" else _SEXES[person.sex]
    yield from _looks(person, layout)
    yield from _address(person, layout)
    yield "DAQ", person.number
    if layout.version >= _SECOND:
        yield "DCF", person.discriminator
        yield "DCG", "USA"
    yield from _flags(person, layout)


def _driving(layout: Layout) -> Iterator[tuple[str, str]]:
    names = ("DAR", "DAS", "DAT") if layout.version == 1 else ("DCA", "DCB", "DCD")
    yield from zip(names, ("C" if layout.version != 1 else "D", "NONE", "NONE"), strict=True)


def _names(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    given = [person.given, *([person.middle] if person.middle else [])]
    if layout.version == 1:
        parts = [person.family, person.given, person.middle or "", person.suffix or ""]
        yield "DAA", ",".join(parts).rstrip(",")
        return
    yield "DCS", person.family
    if layout.version < _FIRST_WITH_SEPARATE_NAMES:
        yield "DCT", ",".join(given)
        if person.suffix:
            yield "DCU", person.suffix
        return
    yield "DDE", "N"
    yield "DAC", person.given
    yield "DDF", "N"
    yield "DAD", person.middle or "NONE"
    yield "DDG", "N"
    if person.suffix:
        yield "DCU", person.suffix


def _dates(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    order = "%Y%m%d" if layout.version == 1 else "%m%d%Y"
    yield "DBD", person.issued.strftime(order)
    yield "DBB", person.birth.strftime(order)
    yield "DBA", person.expires.strftime(order)


def _looks(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    yield "DAY", person.eyes
    feet, inches = divmod(person.height, 12)
    if layout.version == 1:
        yield "DAU", f"{feet}{inches:02}"
        yield "DAW", f"{person.weight:03}"
    elif layout.metric:
        yield "DAU", f"{round(person.height * 2.54):03} cm"
        yield "DAX", f"{round(person.weight * 0.4536):03}"
    else:
        yield "DAU", f"{person.height:03} in"
        if layout.version < _FIRST_WITH_SEPARATE_NAMES:
            yield "DCE", str(sum(person.weight > limit for limit in _POUNDS))
        else:
            yield "DAW", f"{person.weight:03}"
    yield "DAZ", person.hair


def _address(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    yield "DAG", person.street
    if person.unit:
        yield "DAH", person.unit
    yield "DAI", person.city
    yield "DAJ", person.state
    plain = layout.version == 1 and len(person.zipcode) == 5  # noqa: PLR2004 - digits of a ZIP code
    yield "DAK", person.zipcode if plain else f"{person.zipcode:0<9}  "


def _flags(person: Person, layout: Layout) -> Iterator[tuple[str, str]]:
    if layout.version == 1:
        if person.is_donor:
            yield "DBH", "Y"
        return
    if layout.version >= _REAL_ID:
        yield "DCK", f"{person.discriminator}{person.number[:4]}"
        yield "DDA", "F"
        yield "DDB", date(2024, 1, 1).strftime("%m%d%Y")
    if layout.version >= _DONOR and person.is_donor:
        yield "DDK", "1"
    if layout.version >= _DONOR and person.is_veteran:
        yield "DDL", "1"
