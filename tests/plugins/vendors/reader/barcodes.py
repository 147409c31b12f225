"""Writes AAMVA barcodes for tests, apart from the parser. People and numbers are made up."""

from collections.abc import Mapping
from datetime import date

TODAY = date(2026, 11, 30)
SEPARATORS = b"\n\x1e\r"

#: Of version 04 and later. A value is as in the barcode.
LICENSE = {
    "DAQ": "T64235789",
    "DCS": "SAMPLE",
    "DDE": "N",
    "DAC": "MICHAEL",
    "DDF": "N",
    "DAD": "JOHN",
    "DDG": "N",
    "DCA": "D",
    "DCB": "K",
    "DCD": "PH",
    "DBD": "06062020",
    "DBB": "06061986",
    "DBA": "12102028",
    "DBC": "1",
    "DAU": "068 in",
    "DAY": "BRO",
    "DAG": "2300 WEST BROAD STREET",
    "DAI": "RICHMOND",
    "DAJ": "VA",
    "DAK": "232690000  ",
    "DCF": "2424244747474786102204",
    "DCG": "USA",
}
#: Of versions 02 and 03.
LICENSE_03 = {
    name: value for name, value in LICENSE.items() if name not in {"DAC", "DAD", "DDE", "DDF", "DDG"}
} | {"DCT": "MICHAEL,JOHN", "DCH": "NONE"}
#: Of version 01.
LICENSE_01 = {
    "DAQ": "102639206",
    "DAA": "SMITH,MARY,ROBIN,",
    "DAG": "209 CEDAR HILL DR UNIT 12",
    "DAI": "SURFSIDE BEACH",
    "DAJ": "SC",
    "DAK": "295754321  ",
    "DAR": "D   ",
    "DAS": "J         ",
    "DAT": "     ",
    "DAU": "510",
    "DAW": "128",
    "DAY": "BRO",
    "DBA": "20280212",
    "DBB": "19720212",
    "DBC": "2",
    "DBD": "20190619",
}
#: The issuers of those.
VIRGINIA, SOUTH_CAROLINA = "636000", "636005"


def segment(kind: str, elements: Mapping[str, str | bytes], *, ending: bytes = b"\r") -> bytes:
    """Return one subfile: its type, its elements with a line feed between them, and what ends it."""
    lines = [
        name.encode() + (value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in elements.items()
    ]
    return kind.encode() + b"\n".join(lines) + ending


def table_bytes(version: int, count: int, *, old: bool = False) -> int:
    """Return where the data begins behind a table of *count* subfiles."""
    return (19 if version == 1 or old else 21) + 10 * count


def barcode(
    elements: Mapping[str, str | bytes] = LICENSE,
    *,
    iin: str = VIRGINIA,
    version: int = 9,
    kind: str = "DL",
    own: Mapping[str, Mapping[str, str | bytes]] | None = None,
    file_type: bytes = b"ANSI ",
    separators: bytes = SEPARATORS,
    old_table: bool = False,
    offset: str | None = None,
    length: str | None = None,
) -> bytes:
    """Return a whole barcode. Its table is right, but for *offset* and *length* of the first subfile."""
    parts = [segment(kind, elements), *(segment(name, values) for name, values in (own or {}).items())]
    kinds = [kind, *(own or {})]
    start = table_bytes(version, len(parts), old=old_table)
    entries = b""
    for place, (one, part) in enumerate(zip(kinds, parts, strict=True)):
        at = f"{start:04d}" if place or offset is None else offset
        size = f"{len(part):04d}" if place or length is None else length
        entries += f"{one}{at}{size}".encode()
        start += len(part)
    jurisdiction_version = "" if version == 1 or old_table else "00"
    head = f"{iin}{version:02d}{jurisdiction_version}{len(parts):02d}".encode()
    return b"@" + separators + file_type + head + entries + b"".join(parts)


def changed(elements: Mapping[str, str], **changes: str | None) -> dict[str, str]:
    """Return *elements* with the *changes*; None leaves one out."""
    return {name: value for name, value in (dict(elements) | changes).items() if value is not None}
