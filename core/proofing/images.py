"""Pictures of documents: their sides, their limits, and the gate that bytes must pass.

No picture is ever decoded in our processes: the gate reads headers only, so that hostile input reaches no
image library. It follows the structure that every reader relies on, segment by segment and chunk by chunk, in
bounded steps. Sources: ITU T.81 annex B (JPEG markers), PNG specification 5 and 11.2.
"""

import base64
import codecs
import hashlib
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

from proofing.errors import ImageError

MAX_IMAGE_BYTES = 15 * 1024 * 1024
MAX_SIDE_PIXELS = 12_000
MAX_PIXELS = 50_000_000

_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
#: Start-of-frame markers of baseline, extended and progressive coding, the only ones that browsers read.
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
#: The other frames: lossless, hierarchical, arithmetic.
_JPEG_FOREIGN_FRAMES = frozenset(range(0xC0, 0xD0)) - _JPEG_FRAMES - {0xC4, 0xC8, 0xCC}
#: Markers that may stand alone, without a length, before a frame: TEM, RST0 to RST7.
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_SCAN = 0xDA
#: Markers with segments, and fill bytes, that a header may hold; a colour profile of 4 MB takes 64.
_MAX_SEGMENTS = 2_000
#: Chunks that a PNG may hold; some encoders write 8 kB each.
_MAX_CHUNKS = 10_000
#: Colour type to the bit depths it allows (PNG specification 11.2.2).
_PNG_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_TEXT_PIECE_BYTES = 64 * 1024


class Side(StrEnum):
    """A side of a document, or another picture of an attempt."""

    #: The side with the portrait.
    FRONT = "front"
    #: The side with the barcode.
    BACK = "back"
    #: The data page of a passport.
    PASSPORT = "passport"
    #: The person's face.
    SELFIE = "selfie"


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One decrypted picture that has passed the gate.

    Attributes:
        content: the bytes of the image file.
        media_type: ``image/jpeg``, ``image/png``, or ``application/yaml`` for the testers' document form.
    """

    content: bytes
    media_type: str
    width: int = 0
    height: int = 0

    def __repr__(self) -> str:
        return f"Image({self.media_type}, {len(self.content)} bytes, {self.width}x{self.height})"

    @property
    def fingerprint(self) -> str:
        """What failed pictures are known by; see `fingerprint_of`."""
        return fingerprint_of(self.content)


def fingerprint_of(content: bytes) -> str:
    """Return the SHA-256 of *content* in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def inspect_image(content: bytes, *, allow_yaml: bool = False) -> Image:
    """Let *content* through the gate and return it with its type and size.

    Args:
        content: the bytes as decrypted; at most `MAX_IMAGE_BYTES`.
        allow_yaml: whether UTF-8 text is let through as the testers' document form. Only where the vendor
            is a mock.

    Raises:
        ImageError: the bytes are empty, too large, no JPEG or PNG, cut short, or have too many pixels.
    """
    if not content:
        raise ImageError("empty")
    if len(content) > MAX_IMAGE_BYTES:
        raise ImageError("too_large")
    if content.startswith(_JPEG_START):
        media_type, (width, height) = "image/jpeg", _jpeg_size(content)
    elif content.startswith(_PNG_START):
        media_type, (width, height) = "image/png", _png_size(content)
    elif allow_yaml and _is_text(content):
        return Image(content, "application/yaml")
    else:
        raise ImageError("not_an_image")
    if not width or not height:
        raise ImageError("truncated")
    if max(width, height) > MAX_SIDE_PIXELS or width * height > MAX_PIXELS:
        raise ImageError("too_many_pixels")
    return Image(content, media_type, width, height)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the frame header; zeros unless a scan follows it and is closed.

    Raises:
        ImageError: the picture is coded in a way that no browser reads.
    """
    position, size = 2, (0, 0)
    for _ in range(_MAX_SEGMENTS):
        if position + 4 > len(content) or content[position] != 0xFF:  # noqa: PLR2004 - every marker starts so
            return 0, 0
        marker = content[position + 1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte (B.1.1.2)
            position += 1
            continue
        if marker in _JPEG_ALONE:
            position += 2
            continue
        if marker in _JPEG_FOREIGN_FRAMES:
            raise ImageError("not_an_image")
        (length,) = struct.unpack_from(">H", content, position + 2)
        if length < 2 or position + 2 + length > len(content):  # noqa: PLR2004 - a length counts its own bytes
            return 0, 0
        if marker in _JPEG_FRAMES:
            size = _frame_size(content, position, length)
        position += 2 + length
        if marker == _JPEG_SCAN:
            # In a scan 0xFF is followed by a stuffed zero or a restart marker (B.1.1.5), so the first end
            # marker after it is the picture's own; one in the thumbnail of a cut picture stands before.
            return size if content.find(_JPEG_END, position) > position else (0, 0)
    return 0, 0


def _frame_size(content: bytes, position: int, length: int) -> tuple[int, int]:
    """Return width and height of the frame header at *position* (B.2.2); zeros when its parts disagree."""
    if length < 8:  # noqa: PLR2004 - precision, height, width, count
        return 0, 0
    _precision, height, width, components = struct.unpack_from(">BHHB", content, position + 4)
    return (width, height) if 1 <= components <= 4 and length == 8 + 3 * components else (0, 0)  # noqa: PLR2004


def _png_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the header chunk; zeros unless all chunks up to the end are sound."""
    position, size, has_data = len(_PNG_START), (0, 0), False
    view = memoryview(content)
    for number in range(_MAX_CHUNKS):
        if position + 12 > len(content):
            return 0, 0
        (length,) = struct.unpack_from(">I", content, position)
        kind, end = content[position + 4 : position + 8], position + 8 + length
        if end + 4 > len(content) or (kind == b"IHDR") is not (number == 0):
            return 0, 0
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            return 0, 0
        if kind == b"IHDR":
            size = _header_size(content, position + 8, length)
        has_data = has_data or (kind == b"IDAT" and length > 0)
        if kind == b"IEND":
            return size if has_data else (0, 0)
        position = end + 4
    return 0, 0


def _header_size(content: bytes, position: int, length: int) -> tuple[int, int]:
    """Return width and height of the header chunk's data at *position*; zeros when it makes no sense."""
    if length != 13:  # noqa: PLR2004 - PNG specification 11.2.2
        return 0, 0
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(
        ">IIBBBBB", content, position
    )
    sound = depth in _PNG_DEPTHS.get(colour, ()) and not compression and not filtering and interlace <= 1
    return (width, height) if sound else (0, 0)


def _is_text(content: bytes) -> bool:
    """Tell whether *content* is UTF-8 text without NUL, piece by piece so that it is never held twice."""
    if b"\x00" in content:
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), _TEXT_PIECE_BYTES):
            decoder.decode(content[start : start + _TEXT_PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
