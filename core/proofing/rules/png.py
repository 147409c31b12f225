"""The structure of a PNG file: its image, without metadata, and its size.

Nothing is decoded: chunks are followed one by one, and image data is copied as it is. `static/png.js` does
the same in the browser, with the same result for every input. Source: PNG specification, third edition,
sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from proofing.base.errors import ImageError

PNG_START = b"\x89PNG\r\n\x1a\n"

#: Chunks that a file may hold; some encoders write 8 kB each.
_MAX_CHUNKS = 10_000
#: Color type to the bit depths it allows (11.2.1).
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
#: What decides how samples become colors, and the density; all others are metadata or further frames.
_KEPT = _CRITICAL | {
    b"bKGD",
    b"cHRM",
    b"cICP",
    b"cLLI",
    b"gAMA",
    b"iCCP",
    b"mDCV",
    b"pHYs",
    b"sBIT",
    b"sRGB",
    b"tRNS",
}
#: The bit of a chunk type's first letter that is clear for critical chunks (5.4).
_ANCILLARY = 0x20


@dataclass(frozen=True, slots=True, repr=False)
class PNGImage:
    """The image of a PNG file.

    Attributes:
        content: the file with the image and its colors alone.
        width: in pixels.
        height: in pixels.
    """

    content: bytes
    width: int
    height: int


def read_png(content: bytes) -> PNGImage:
    """Return the image of *content*, which begins with `PNG_START`.

    Raises:
        ImageError: ``truncated`` for a file that is cut short or damaged, ``not_an_image`` for one with a
            critical chunk that no browser reads.
    """
    size, has_data = (0, 0), False
    view = memoryview(content)
    kept = [[0, len(PNG_START)]]  # where the kept chunks begin and end
    for kind, start, end in _chunks(content):
        if kind not in _CRITICAL and not kind[0] & _ANCILLARY:
            raise ImageError("not_an_image")
        if kind == b"IHDR":
            size = _header_size(content, start + 8, end - start - 12)
        has_data = has_data or (kind == b"IDAT" and end - start > 12)  # noqa: PLR2004 - length, type, checksum
        if kind in _KEPT:
            if kept[-1][1] != start:
                kept.append([start, start])
            kept[-1][1] = end
    if not (has_data and all(size)):
        raise ImageError("truncated")
    return PNGImage(b"".join(view[start:stop] for start, stop in kept), *size)


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of each chunk up to the last. Raises ImageError where one is damaged."""
    position = len(PNG_START)
    view = memoryview(content)
    for number in range(_MAX_CHUNKS):
        if position + 12 > len(content):
            break
        (length,) = struct.unpack_from(">I", content, position)
        kind, end = content[position + 4 : position + 8], position + 8 + length
        if end + 4 > len(content) or (kind == b"IHDR") is not (number == 0):
            break
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            break
        yield kind, position, end + 4
        if kind == b"IEND":
            return
        position = end + 4
    raise ImageError("truncated")


def _header_size(content: bytes, position: int, length: int) -> tuple[int, int]:
    """Return width and height of the header chunk's data at *position*; zeros when it makes no sense."""
    if length != 13:  # noqa: PLR2004 - 11.2.1
        return 0, 0
    width, height, depth, color, compression, filtering, interlace = struct.unpack_from(
        ">IIBBBBB", content, position
    )
    sound = depth in _DEPTHS.get(color, ()) and not compression and not filtering and interlace <= 1
    return (width, height) if sound else (0, 0)
