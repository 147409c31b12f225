"""Files that are made to break a reader: each comes to a typed answer, and none to wrong data."""

import struct
import time
import zlib
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from PIL import Image as Pixels
from tests.plugins.vendors.reader.passport_photos import usual_page
from tests.plugins.vendors.reader.photos import encoded, on_table, rng_of, specimen

from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import CPUWorkError
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import DocumentResult, Outcome
from proofing_reader.proofer import CardReader
from proofing_reader.settings import ReaderSettings
from proofing_reader.specimens.cards import draw_barcode
from proofing_reader.specimens.layouts import LAYOUTS

#: Of other types, by their first bytes.
FOREIGN = (
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"RIFF\0\0\0\0WEBP",
    b"%PDF-1.7",
    b"PK\3\4",
    b"<svg/>",
    b"8BPS",
    b"\0\0\1\0",
)


def chunk(kind, data):
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, depth=8, color=0, interlace=0):
    """Return a PNG with these *chunks* after its header."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


class Hostile:
    """Makes hostile files of a valid one."""

    def __init__(self, valid):
        self.valid = valid
        jpeg, other = valid["jpeg"], valid["png"]
        self.kinds = {
            "noise": lambda rng: rng.randbytes(rng.randint(0, 4000)),
            "noise after the start of a JPEG": lambda rng: jpeg[: rng.randint(2, 400)] + rng.randbytes(3000),
            "cut short": lambda rng: self._any(rng)[: rng.randint(1, len(jpeg) - 1)],
            "changed": self._changed,
            "changed header": lambda rng: self._changed(rng, first=600),
            "pieces moved": self._moved,
            "another type": lambda rng: rng.choice(FOREIGN) + rng.randbytes(2000),
            "huge by its header": self._huge,
            "bomb": self._bomb,
            "bomb of text": lambda rng: other[:33] + self._text(rng) + other[33:],
            "metadata": lambda rng: jpeg[:2] + self._segments(rng) + jpeg[2:],
            "sizes changed": self._resized,
            "a hostile barcode": self._barcode,
        }

    def make(self, number):
        """Return the kind and the bytes of the case *number*."""
        kind = list(self.kinds)[number % len(self.kinds)]
        return kind, self.kinds[kind](rng_of(number))

    def _any(self, rng):
        return self.valid[rng.choice(list(self.valid))]

    def _changed(self, rng, first=None):
        content = bytearray(self._any(rng))
        for _ in range(rng.choice((1, 2, 8, 64))):
            content[rng.randrange(min(len(content), first or len(content)))] = rng.randrange(256)
        return bytes(content)

    def _moved(self, rng):
        content = self._any(rng)
        one, other = sorted(rng.randrange(len(content)) for _ in range(2))
        return rng.choice((content[:one] + content[other:], content[:other] + content[one:]))

    def _huge(self, rng):
        sides = (1, 60_000, 65_535, 2**31 - 1, 2**32 - 1, 0)
        return png(rng.choice(sides), rng.choice(sides), chunk(b"IDAT", zlib.compress(bytes(1000))))

    def _bomb(self, rng):
        side = rng.choice((7900, 8000, 12_000))
        depth, color, of = rng.choice(((8, 0, 1), (1, 0, 1 / 8), (8, 2, 3), (16, 0, 2)))
        data = zlib.compress(bytes(round(side * of + 1) * rng.choice((side, side // 3))), 1)
        return png(side, side, chunk(b"IDAT", data), depth=depth, color=color, interlace=rng.randrange(2))

    def _text(self, rng):
        packed = zlib.compress(bytes(rng.choice((1_000_000, 70_000_000))), 1)
        kinds = (
            (b"zTXt", b"a\0\0" + packed),
            (b"iTXt", b"a\0\1\0\0\0" + packed),
            (b"iCCP", b"a\0\0" + packed),
        )
        return chunk(*rng.choice(kinds)) * rng.randint(1, 3)

    def _segments(self, rng):
        found = b""
        for _ in range(rng.choice((1, 20, 300))):
            start = rng.choice(
                (b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*", b"ICC_PROFILE\0\1\1", b"MPF\0", b"Adobe\0")
            )
            data = start + rng.randbytes(rng.randint(0, 300))
            found += (
                bytes((0xFF, rng.choice((0xE0, 0xE1, 0xE2, 0xEE, 0xFE))))
                + struct.pack(">H", len(data) + 2)
                + data
            )
        return found

    def _resized(self, rng):
        content = bytearray(self.valid["jpeg"])
        at = content.find(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(
            ">HH", rng.choice((1, 100, 9000, 65_500)), rng.choice((1, 100, 7000))
        )
        return bytes(content)

    def _barcode(self, rng):
        payload = bytearray(self.valid_payload)
        for _ in range(rng.randint(1, 30)):
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        payload = rng.choice((bytes(payload), bytes(payload)[: rng.randint(1, 300)], rng.randbytes(300)))
        code = draw_barcode(payload, LAYOUTS[16], 14)
        return encoded(code, "PNG")

    valid_payload = specimen(16).card.payload


@pytest.fixture(scope="module")
def hostile():
    """Return what makes hostile files."""
    back = on_table(specimen(16).card.back, turn=3)
    valid = {
        "jpeg": encoded(back, quality=60),
        "progressive": encoded(back, quality=60, progressive=True),
        "png": encoded(back.convert("L").resize((900, 640), Pixels.Resampling.LANCZOS), "PNG"),
    }
    return Hostile(valid)


@pytest.mark.parametrize("count", [26, pytest.param(2000, marks=pytest.mark.security)])
async def test_hostile_files_come_to_a_typed_answer(hostile, count, claim):
    """And the next photo is read."""
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings())
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 60.0)
    person, answers, slowest = specimen(16).person, Counter(), 0.0

    async def ask(content):
        image = Image(content, "image/jpeg")
        return await reader.proof(ProofingRequest(images={Side.FRONT: image, Side.BACK: image}), context)

    for number in range(count):
        kind, content = hostile.make(number)
        started = time.perf_counter()
        try:
            result = await ask(content)
        except CPUWorkError as error:
            answers[f"cpu_{error.failure}"] += 1
            continue
        slowest = max(slowest, time.perf_counter() - started)
        assert isinstance(result, DocumentResult)
        answers[result.reasons[0]] += 1
        if result.outcome is Outcome.PASSED and kind != "a hostile barcode":
            read = result.applicant
            assert (read.last_name, read.dob) == (person.family, person.birth.isoformat()), (number, kind)
    whole = await ask(hostile.valid["jpeg"])
    await pool.close()
    assert whole.outcome is Outcome.PASSED
    assert sum(answers.values()) == count
    assert len(answers) > 3
    assert not answers["cpu_crash"] + answers["cpu_raised"]
    told = ", ".join(f"{reason} {times}" for reason, times in answers.most_common())
    claim(
        "S7",
        "Hostile files to the reader of cards: 0 crashes, each typed, 0 wrong data",
        f"{count}; {told}; slowest {slowest:.1f} s",
    )


@pytest.mark.parametrize("count", [8, pytest.param(400, marks=pytest.mark.security)])
async def test_hostile_files_come_to_a_typed_answer_of_ocr(hostile, count):
    """And the page of a passport after them is read."""
    pool = CPUPool(1)
    reader = CardReader(ReaderSettings(), reads_zones=True)
    context = SimpleNamespace(cpu=pool.run, now=lambda: datetime.now(UTC), remaining_seconds=lambda: 60.0)
    answers = Counter()
    for number in range(count):
        kind, content = hostile.make(number)
        try:
            page = Image(content, "image/jpeg")
            result = await reader.proof(ProofingRequest(images={Side.PASSPORT: page}), context)
        except CPUWorkError as error:
            answers[f"cpu_{error.failure}"] += 1
        else:
            assert result.outcome is Outcome.FAILED, kind
            assert len(result.findings) == 1, kind
            answers[result.reasons[0]] += 1
    after = await reader.proof(ProofingRequest(images={Side.PASSPORT: usual_page()}), context)
    await pool.close()
    assert after.outcome is Outcome.PASSED
    assert not answers["cpu_crash"] + answers["cpu_raised"], answers
