"""Files that are made to break a reader of cards: each number is one, and always the same."""

import io
import random
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image as Pixels

from proofing_reader.specimens.cards import Card, draw_barcode
from proofing_reader.specimens.layouts import LAYOUTS

#: The kind with a barcode of its own.
BARCODE = "a hostile barcode"
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


@dataclass(frozen=True, slots=True)
class Made:
    """One hostile file.

    Attributes:
        kind: of which it is.
        payload: the only barcode that may be read of it.
    """

    kind: str
    content: bytes
    payload: bytes


class Hostile:
    """Makes hostile files of valid ones."""

    def __init__(self, valid: Mapping[str, bytes], payload: bytes) -> None:
        """Take files of one photo by their form, and what its barcode holds."""
        self.valid = valid
        self._payload = payload
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
            "beginnings of barcodes": lambda rng: beginnings(
                rng.choice((600, 1300, 2690)), rng.randint(12, 40)
            ),
            BARCODE: self._changed_payload,
        }

    def make(self, number: int) -> Made:
        """Return the file *number*, always the same."""
        kind = list(self.kinds)[number % len(self.kinds)]
        rng = random.Random(number)  # noqa: S311 - a number repeats the file
        if kind == BARCODE:
            payload = self._changed_payload(rng)
            return Made(kind, encoded(draw_barcode(payload, LAYOUTS[16], 14), "PNG"), payload)
        return Made(kind, self.kinds[kind](rng), self._payload)

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

    def _changed_payload(self, rng):
        payload = bytearray(self._payload)
        for _ in range(rng.randint(1, 30)):
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        return rng.choice((bytes(payload), bytes(payload)[: rng.randint(1, 300)], rng.randbytes(300)))


def encoded(pixels: Pixels.Image, form: str = "JPEG", **options: object) -> bytes:
    """Return *pixels* as the bytes of a file."""
    file = io.BytesIO()
    pixels.save(file, form, **options)
    return file.getvalue()


def on_table(side: Pixels.Image, *, turn: float = 0) -> Pixels.Image:
    """Return one side of a card in front of something gray, turned by degrees."""
    table = Pixels.new("RGB", (side.width * 9 // 8, side.height * 5 // 4), "#8d8a83")
    table.paste(side, (side.width // 16, side.height // 8), side)
    return table.rotate(turn, Pixels.Resampling.BICUBIC, expand=True, fillcolor="#8d8a83")


def hostile_of(card: Card) -> Hostile:
    """Return what makes hostile files of the back of *card*."""
    back = on_table(card.back, turn=3)
    valid = {
        "jpeg": encoded(back, quality=60),
        "progressive": encoded(back, quality=60, progressive=True),
        "png": encoded(back.convert("L").resize((900, 640), Pixels.Resampling.LANCZOS), "PNG"),
    }
    return Hostile(valid, card.payload)


def beginnings(side=2690, height=20):
    """Return a PNG of ten kilobytes that is full of the beginnings of barcodes.

    Behind each of them zxing-cpp looks for an end, in all rows below: 18 seconds of CPU in one call.
    """
    bars = "11111111010101000" * (side // 17 + 2)
    rows = []
    for number in range(side // height + 1):
        shift = 6 * (number % 3)
        rows.append(bytes(0 if bar == "1" else 255 for bar in bars[shift : shift + side]) * height)
    return encoded(Pixels.frombytes("L", (side, side), b"".join(rows)[: side * side]), "PNG")
