"""The structure of an AAMVA barcode: header, table of subfiles, elements.

AAMVA DL/ID Card Design Standard, D.12. Read twice, by the table and in the order of the data; where both
differ, only a rule of `aamva_oddities` decides.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proofing_reader.aamva_oddities import Oddity, oddity_of
from proofing_reader.card import Note, RefusalCode, Refused
from proofing_reader.issuers import ISSUERS, Issuer

#: More than a PDF417 symbol can hold: 1,850 characters.
MAX_BYTES = 2_000
_MAX_VERSION = 11
_MAX_ENTRIES = 5
_ENTRY_BYTES = 10
#: Race, and what is the Social Security number on some cards of version 01: not kept.
_DISCARDED = frozenset({"DCL", "DBK", "DBM"})
#: Licenses, ID cards and enhanced licenses, which New York has.
_IDENTITY_TYPES = frozenset({b"DL", b"ID", b"EN"})
_ENTRY = re.compile(rb"(?:DL|ID|EN|Z[A-Z0-9])\d{8}")
#: Where the issuer's own subfile begins: its type, and an element of it.
_OWN_SUBFILE = re.compile(rb"\n(?=(Z[A-Z0-9])\1[A-Z])")
#: No id of an element begins with DL, as a license does.
_ELEMENT = re.compile(rb"(?!DL)[DZ][A-Z]{2}")
_HEADER = re.compile(
    rb"@(?P<separators>[\n\r\x1c\x1e]{2,3})(?P<file_type>ANSI |AAMVA)(?P<iin>\d{6})(?P<version>\d\d)"
)
_BEGINNING = re.compile(rb"(?:ANSI |AAMVA)\d{5}")
#: North Carolina before 2000: one digit counts the subfiles; the first digit of the IIN may be lost.
_NORTH_CAROLINA_00 = re.compile(
    rb"@\n\x1e\rAAMVA6?3600400(?P<count>1)(?P<type>DL|ID)(?P<offset>\d{4})(?P<length>\d{4})"
)
NORTH_CAROLINA = "636004"


@dataclass(frozen=True, slots=True)
class Barcode:
    """A barcode as its structure says, before any value is understood.

    Attributes:
        iin: six digits.
        version: of the standard, by which the elements are understood.
        subfile_type: ``DL``, ``ID`` or ``EN``.
        elements: of the license or ID card, raw values by id.
        issuer_elements: of the issuer's own subfiles.
        oddity: what is accepted of this issuer.
    """

    iin: str
    version: int
    issuer: Issuer
    subfile_type: str
    elements: Mapping[str, bytes]
    issuer_elements: Mapping[str, bytes]
    oddity: Oddity
    notes: frozenset[Note]


@dataclass(frozen=True, slots=True)
class _Header:
    iin: str
    version: int
    issuer: Issuer
    oddity: Oddity
    table_start: int


@dataclass(frozen=True, slots=True)
class _Entry:
    type: bytes
    offset: bytes
    length: bytes


def split_barcode(payload: bytes) -> Barcode:
    """Return the elements of the barcode *payload*.

    Raises:
        Refused: it is not the text of a license or ID card, or contradicts itself.
    """
    if len(payload) > MAX_BYTES:
        raise Refused(RefusalCode.TOO_LARGE, "the text is longer than a barcode of a card")
    if payload.startswith(b"IDUS"):
        raise Refused(RefusalCode.UNSUPPORTED, "military ID cards are not read")
    if len(_BEGINNING.findall(payload)) > 1:
        raise Refused(RefusalCode.HEADER, "the text has parts of two cards")
    if old := _NORTH_CAROLINA_00.match(payload):
        issuer = ISSUERS[NORTH_CAROLINA]
        header = _Header(NORTH_CAROLINA, 0, issuer, oddity_of(issuer.code, 0), old.end())
        entries, start = [_Entry(old["type"], old["offset"], old["length"])], old.end()
    else:
        header = _header(payload)
        entries, start = _entries(payload, header)
    return _barcode(payload, header, entries, start)


def _header(payload: bytes) -> _Header:
    found = _HEADER.match(payload)
    if found is None:
        raise Refused(RefusalCode.HEADER, "the text does not begin with the header of a license or ID card")
    iin, version = found["iin"].decode(), int(found["version"])
    issuer = ISSUERS.get(iin)
    if issuer is None:
        raise Refused(RefusalCode.ISSUER, "the issuer identification number is not known")
    if not 1 <= version <= _MAX_VERSION:
        raise Refused(RefusalCode.VERSION, "no rule reads this version of the standard")
    oddity = oddity_of(issuer.code, version)
    if found["separators"] not in oddity.separators or (found["file_type"] == b"AAMVA" and version > 1):
        raise Refused(RefusalCode.HEADER, "the header is not the one of its version")
    # Version 01 has no version of the jurisdiction, and so its first type is two bytes earlier.
    is_old = version == 1 or (oddity.old_table and payload[found.end() + 2 :][:2] in _IDENTITY_TYPES)
    start = found.end() + (0 if is_old else 2)
    if start > found.end() and not payload[found.end() : start].isdigit():
        raise Refused(RefusalCode.HEADER, "the version of the jurisdiction is missing")
    return _Header(iin, version, issuer, oddity, start)


def _entries(payload: bytes, header: _Header) -> tuple[list[_Entry], int]:
    """Return the table of subfiles, and where the data begins."""
    start = header.table_start
    count = payload[start : start + 2]
    if not re.fullmatch(rb"0[1-5]", count):
        raise Refused(RefusalCode.SUBFILES, "a card has one to five subfiles")
    start += 2
    if header.oddity.wrong_count and count == b"01" and _ENTRY.match(payload, start + _ENTRY_BYTES):
        count = b"02"
    if header.oddity.loose_table:
        found = re.compile(rb"(DL|ID)([0-9A-Za-z]{4})([0-9A-Za-z]{4})?(?=\1[DZ][A-Z]{2})").match(
            payload, start
        )
        if found is None or count != b"01":
            raise Refused(RefusalCode.SUBFILES, "the table of subfiles cannot be read")
        return [_Entry(found[1], found[2], found[3] or b"")], found.end()
    entries = []
    for _ in range(int(count)):
        entry = payload[start : start + _ENTRY_BYTES]
        if not _ENTRY.fullmatch(entry):
            raise Refused(RefusalCode.SUBFILES, "the table of subfiles cannot be read")
        entries.append(_Entry(entry[:2], entry[2:6], entry[6:]))
        start += _ENTRY_BYTES
    return entries, start


def _barcode(payload: bytes, header: _Header, entries: list[_Entry], start: int) -> Barcode:
    if sum(entry.type in _IDENTITY_TYPES for entry in entries) != 1:
        raise Refused(RefusalCode.SUBFILES, "there is not exactly one license or ID card in the text")
    oddity, notes = header.oddity, set[Note]()
    parts = _segments(payload[start:], oddity)
    if oddity.own_has_returns and entries[-1].type not in _IDENTITY_TYPES:
        last = len(entries) - 1
        parts[last:] = [b"\n".join(part.removesuffix(b"\n") for part in parts[last:])]
    if len(parts) != len(entries):
        raise Refused(RefusalCode.SUBFILES, "the table lists more or fewer subfiles than there are")
    elements: dict[str, bytes] = {}
    own: dict[str, bytes] = {}
    place = start
    for entry, part in zip(entries, parts, strict=True):
        is_identity = entry.type in _IDENTITY_TYPES
        found = _parse_segment(entry.type, part, oddity)
        accurate = _by_table(payload, entry, start, oddity) == found
        if not accurate:
            notes.add(Note.SUBFILE_TABLE)
        # Both readings begin here; where it ends, its end says, whatever the table has for a length.
        begins_here = entry.offset == b"%04d" % place
        place += len(part) + 1
        if is_identity and not (accurate or begins_here or oddity.follows_sequence(entry.offset)):
            raise Refused(RefusalCode.SUBFILES, "the table of subfiles contradicts the data")
        if found.keys() & (elements.keys() | own.keys()):
            raise Refused(RefusalCode.DUPLICATE, "an element occurs twice")
        (elements if is_identity else own).update(found)
    has_old_layout = oddity.old_table and "DAA" in elements and "DCS" not in elements
    return Barcode(
        iin=header.iin,
        version=1 if has_old_layout else header.version,
        issuer=header.issuer,
        subfile_type=next(entry.type for entry in entries if entry.type in _IDENTITY_TYPES).decode(),
        elements=MappingProxyType(
            {name: value for name, value in elements.items() if name not in _DISCARDED}
        ),
        issuer_elements=MappingProxyType(own),
        oddity=oddity,
        notes=frozenset(notes),
    )


def _segments(data: bytes, oddity: Oddity) -> list[bytes]:
    """Return the subfiles in the order of the data. What ends one ends the last, too."""
    if oddity.filler and not data.endswith(b"\n"):
        data = data.rstrip(oddity.filler)
    if oddity.line_feed_ends and data.endswith(b"\n") and b"\r" not in data:
        data = _OWN_SUBFILE.sub(b"\r", data[:-1]) + b"\r"
    end = next((end for end in sorted(oddity.segment_end, reverse=True) if end in data), None)
    # More of them behind the last is what some encoders and scanners add.
    whole = data.rstrip(b"\r\n")
    if end is None or end not in data[len(whole) :]:
        raise Refused(RefusalCode.SUBFILES, "the text ends within a subfile")
    return whole.split(end)


def _by_table(payload: bytes, entry: _Entry, start: int, oddity: Oddity) -> dict[str, bytes] | None:
    """Return the elements where the table says they are; None where there are none.

    Args:
        payload: the whole text.
        entry: of the table.
        start: where the table ends.
        oddity: of the issuer.
    """
    if not (entry.offset + entry.length).isdigit():
        return None
    offset = int(entry.offset)
    end = offset + int(entry.length)
    if offset < start or end > len(payload):
        return None
    part = payload[offset:end]
    for mark in oddity.segment_end:
        part = part.partition(mark)[0]
    try:
        return _parse_segment(entry.type, part, oddity)
    except Refused:
        return None


def _parse_segment(subfile_type: bytes, part: bytes, oddity: Oddity) -> dict[str, bytes]:
    """Return the elements of one subfile.

    Raises:
        Refused: its type is missing, an id is malformed or occurs twice, or a value has control characters.
    """
    if part.startswith(subfile_type):
        part = part[2:].removeprefix(b"\n")
    elif not (oddity.type_missing and _ELEMENT.match(part)):
        raise Refused(RefusalCode.SUBFILES, "a subfile does not begin with its type")
    found: dict[str, bytes] = {}
    if not part and subfile_type not in _IDENTITY_TYPES:
        # Delaware and the District of Columbia have such a subfile.
        return found
    for line in part.removesuffix(b"\n").split(b"\n"):
        if not _ELEMENT.match(line):
            raise Refused(RefusalCode.ELEMENTS, "a line does not begin with the id of an element")
        name, value = line[:3].decode(), line[3:]
        if name in found and not (name in oddity.repeated and found[name] == value):
            raise Refused(RefusalCode.DUPLICATE, "an element occurs twice")
        if re.search(rb"[\x00-\x1f\x7f]", value):
            raise Refused(RefusalCode.ELEMENTS, "a value has control characters")
        found[name] = value
    return found
