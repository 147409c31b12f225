"""Whatever is read: a card that says what the text says, or a refusal, and no other exception."""

import random
import re
from collections import Counter
from datetime import date

import pytest
from tests.plugins.vendors.reader import vectors
from tests.plugins.vendors.reader.barcodes import (
    LICENSE,
    LICENSE_01,
    LICENSE_03,
    SOUTH_CAROLINA,
    TODAY,
    barcode,
    changed,
    segment,
)
from tests.plugins.vendors.reader.test_mrz import SPECIMENS
from tests.plugins.vendors.reader.test_oddities import ALBERTA, BRITISH_COLUMBIA, NORTH_CAROLINA, ROWS

from proofing_reader.aamva import read_barcode
from proofing_reader.card import Card, CardSource, Refused
from proofing_reader.mrz import read_mrz
from proofing_reader.signed_barcodes import check_signature

CARDS = (
    *(payload for payload, _ in ROWS.values()),
    *(barcode(LICENSE_03 if version < 4 else LICENSE, version=version) for version in range(2, 12)),
    barcode(LICENSE_01, iin=SOUTH_CAROLINA, version=1),
    barcode(changed(LICENSE, DCA=None, DCB=None, DCD=None), kind="ID", own={"ZV": {"ZVA": "01"}}),
    b"@\n\x1e\rANSI 990876030001DLabac" + segment("DL", ALBERTA),
    b"@\n\x1e\rAAMVA36004001DL00280191" + segment("DL", NORTH_CAROLINA),
    BRITISH_COLUMBIA,
    vectors.CALIFORNIA,
    vectors.CALIFORNIA_2,
)
ZONES = tuple(text for text, _ in SPECIMENS.values())
#: What means something in a barcode, and so gets further than chance.
WORDS = (
    *b"@ \n \r \x1e \x1c ANSI AAMVA DL ID ZC DAQ DBB DBA DBD DAA DCS DAC DCG ZCE % ; _% $ ^ ? < , -".split(
        b" "
    ),
    b"0" * 8,
    b"06061986",
    b"19860606",
    b"\xff",
    "Ñ".encode(),
    b"636014",
    b"00",
    b"11",
    b"0041",
)


def mutated(chance, original):
    """Return *original* with one to four changes: of a byte, a bit, a part, a digit or the end."""
    text = bytearray(original)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 4])):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.randrange(1, 12))
        match chance.randrange(9):
            case 0:
                text[place:end] = b""
            case 1:
                text[place:place] = chance.choice(WORDS)
            case 2 if place < len(text):
                text[place] ^= 1 << chance.randrange(8)
            case 3 if place < len(text):
                text[place] = chance.randrange(256)
            case 4:
                text[place:place] = text[place:end]
            case 5:
                del text[place + chance.randrange(40) :]
            case 6 if digits := [at for at, byte in enumerate(text) if 48 <= byte <= 57]:
                text[chance.choice(digits)] = 48 + chance.randrange(10)
            case 7:
                other = chance.randrange(len(text) + 1)
                text[place:end], text[other:other] = b"", text[place:end]
            case _:
                text[place:end] = chance.choice(WORDS)
    return bytes(text)


def cases(chance, count):
    """Yield *count* texts: half of them cards with a few changes, the rest more and more like noise."""
    for number in range(count):
        match number % 8:
            case 0:
                yield chance.randbytes(chance.randrange(400))
            case 1:
                yield b"@\n\x1e\rANSI 636014100102" + b"".join(chance.choices(WORDS, k=chance.randrange(60)))
            case 2:
                start = chance.choice(CARDS)
                yield start[: chance.randrange(len(start))] + chance.randbytes(chance.randrange(60))
            case 3:
                first, second = chance.sample(CARDS, 2)
                yield first[: chance.randrange(len(first))] + second[chance.randrange(len(second)) :]
            case _:
                yield mutated(chance, chance.choice(CARDS))


def says(payload, card):
    """Return whether birth date and number of *card* are in *payload*, and nothing else is in their places.

    Written apart from the parser: the value behind DBB and DAQ, each once, at the beginning of a line.
    """
    born = date.fromisoformat(card.applicant.dob)
    forms = {f"{born:%m%d%Y}", f"{born:%Y%m%d}", f"{born:%m-%d-%Y}"}
    if card.source is CardSource.STRIPE:
        found = re.search(rb";636028(\d+)=\d{4}(\d{8})=", payload)
        return (
            found is not None
            and found[2].decode() in forms
            and found[1].decode() == card.applicant.state_id_number
        )
    # The first element of all is in the line of the header, in front of which is a table.
    header = re.compile(rb"^(?:ANSI |AAMVA).*?(?=(?:DL|ID)?D[ABC][A-Z])")
    lines = [header.sub(b"", line, count=1) for line in re.split(rb"[\n\r]", payload)]
    lines = [line.removeprefix(b"DL").removeprefix(b"ID") for line in lines]
    values = {}
    for name in (b"DBB", b"DAQ"):
        found = [line[3:] for line in lines if line.startswith(name)]
        if len(found) != 1:
            return False
        values[name] = " ".join(found[0].decode().split())
    return values[b"DBB"] in forms and values[b"DAQ"] == card.applicant.state_id_number


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.security)])
def test_barcodes(count, claim, count_up):
    """Read or refused, and never with another birth date or number than the text has."""
    chance = random.Random(20261130)  # noqa: S311 - repeatable
    ends = Counter()
    for done, payload in enumerate(cases(chance, count)):
        count_up(done, count)
        try:
            card = read_barcode(payload, today=TODAY)
        except Refused as refused:
            ends[refused.code] += 1
            continue
        ends["read"] += 1
        assert isinstance(card, Card)
        assert says(payload, card), payload
        check_signature(
            card,
            issuers={vectors.CALIFORNIA_IIN: vectors.CALIFORNIA_KEYS},
            now=vectors.NOW,
            profiles=vectors.CALIFORNIA_PROFILES,
        )
    assert len(ends) > 10
    assert ends["read"] > count / 50
    claim(
        "S23",
        "Barcodes of noise, or of cards with a few changes: other exceptions, or other data than in the text",
        f"0 of {count:,}; {ends['read']:,} were read, the others refused for {len(ends) - 1} reasons",
    )


@pytest.mark.parametrize("count", [5_000, pytest.param(250_000, marks=pytest.mark.security)])
def test_zones(count, claim, count_up):
    """Read or refused."""
    chance = random.Random(20261130)  # noqa: S311 - repeatable
    ends = Counter()
    for done in range(count):
        count_up(done, count)
        text = mutated(chance, chance.choice(ZONES).encode()).decode("latin-1")
        try:
            card = read_mrz(text, today=TODAY)
        except Refused as refused:
            ends[refused.code] += 1
            continue
        ends["read"] += 1
        # The rest of a long number is in another place.
        number = card.applicant.document_number[:9]
        assert (
            number in text.upper().replace("<", "").replace("\n", "").replace(" ", "")
            or "repaired" in card.notes
        )
    assert len(ends) > 4
    claim("S23", "Machine-readable zones with a few changes: other exceptions", f"0 of {count:,}")
