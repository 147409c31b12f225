"""Pictures of documents: their sides, their limits, and the gate that bytes must pass.

No picture is ever decoded in our processes: the gate reads headers only, so that hostile input reaches no
image library. Sources: ITU T.81 annex B (JPEG markers), PNG specification 5 and 11.2.
"""

import base64
import hashlib
import struct
from dataclasses import dataclass
from enum import StrEnum

from proofing.errors import ImageError

MAX_IMAGE_BYTES = 15 * 1024 * 1024
MAX_SIDE_PIXELS = 12_000
MAX_PIXELS = 50_000_000

_JPEG_START = b"\xff\xd8\xff"
_FILL = 0xFF  # introduces a marker, and may be repeated before it (T.81 B.1.1.2)
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
#: Start-of-frame markers: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers that stand alone, without a length: TEM, RST0 to RST7, SOI, EOI.
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xDA)})
#: How far from the end the closing marker may stand; cameras append small trailers.
_TRAILER_BYTES = 64 * 1024


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
        """SHA-256 of the bytes in URL-safe base64 without padding; failed pictures are known by it."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.content).digest()).rstrip(b"=").decode()


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
        complete = _JPEG_END in content[-_TRAILER_BYTES:]
    elif content.startswith(_PNG_START):
        media_type, (width, height) = "image/png", _png_size(content)
        complete = _PNG_END in content[-_TRAILER_BYTES:]
    elif allow_yaml and _is_text(content):
        return Image(content, "application/yaml")
    else:
        raise ImageError("not_an_image")
    if not complete or not width or not height:
        raise ImageError("truncated")
    if max(width, height) > MAX_SIDE_PIXELS or width * height > MAX_PIXELS:
        raise ImageError("too_many_pixels")
    return Image(content, media_type, width, height)


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the first frame header, or zeros when there is none before the scan."""
    position = 2
    while position + 4 <= len(content):
        if content[position] != _FILL:
            return 0, 0
        marker = content[position + 1]
        if marker == _FILL:
            position += 1
            continue
        if marker in _JPEG_ALONE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", content, position + 2)
        if marker in _JPEG_FRAMES:
            if position + 9 > len(content):
                return 0, 0
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        if marker == 0xDA or length < 2:  # noqa: PLR2004 - start of scan; a length counts its own two bytes
            return 0, 0
        position += 2 + length
    return 0, 0


def _png_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the IHDR chunk, which must be the first."""
    if len(content) < 24 or content[12:16] != b"IHDR":  # noqa: PLR2004 - signature, length, type, two integers
        return 0, 0
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _is_text(content: bytes) -> bool:
    """Tell whether *content* is UTF-8 text without NUL."""
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False
