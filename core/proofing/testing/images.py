"""Real images for tests, made byte by byte: valid for every decoder, tiny, and as distinct as wanted.

Sources: ITU T.81 annexes B and F (JPEG), PNG specification 5 and 11.2.
"""

import hashlib
import struct
import zlib

_ZIGZAG_ENTRIES = 64


def make_jpeg(width: int = 640, height: int = 400, *, comment: bytes = b"", padding_bytes: int = 0) -> bytes:
    """Return a gray baseline JPEG.

    Args:
        width: in pixels.
        height: in pixels.
        comment: makes the bytes, and so the fingerprint, differ, with the comment and without it (in what no
            pixel depends on: quantization of zeros, density); at most 65,533 bytes.
        padding_bytes: how much metadata to add, to reach a size.
    """
    pieces = [b"\xff\xd8", _segment(0xE0, b"JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00")]
    while padding_bytes > 0:
        size = min(padding_bytes, 65_000)
        pieces.append(_segment(0xEF, b"\x00" * size))
        padding_bytes -= size
    if comment:
        pieces.append(_segment(0xFE, comment))
    blocks = -(-width // 8) * -(-height // 8)
    pieces += [
        _segment(0xDB, b"\x00" + _distinct(comment, _ZIGZAG_ENTRIES)),
        _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"),
        # Both Huffman tables hold one code of one bit: "no difference" and "end of block".
        _segment(0xC4, b"\x00" + b"\x01" + b"\x00" * 15 + b"\x00"),
        _segment(0xC4, b"\x10" + b"\x01" + b"\x00" * 15 + b"\x00"),
        _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
        _zero_bits(2 * blocks),
        b"\xff\xd9",
    ]
    return b"".join(pieces)


def make_png(width: int = 640, height: int = 400, *, comment: bytes = b"", padding_bytes: int = 0) -> bytes:
    """Return a black grayscale PNG. Arguments as of `make_jpeg`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * ((width + 1) * height))
    pieces = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", header)]
    if comment:
        pieces.append(_chunk(b"tEXt", b"Comment\x00" + comment))
        pieces.append(_chunk(b"pHYs", _distinct(comment, 8) + b"\x00"))
    if padding_bytes:
        pieces.append(_chunk(b"paDd", b"\x00" * padding_bytes))
    return b"".join([*pieces, _chunk(b"IDAT", rows), _chunk(b"IEND", b"")])


def _distinct(comment: bytes, count: int) -> bytes:
    """Return *count* bytes from 1 to 127, other ones for each *comment*; all 1 without one."""
    if not comment:
        return b"\x01" * count
    return bytes(byte % 127 + 1 for byte in hashlib.shake_128(comment).digest(count))


def _segment(marker: int, content: bytes) -> bytes:
    """Return one JPEG marker segment; its length counts the two bytes of the length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _zero_bits(count: int) -> bytes:
    """Return *count* zero bits, filled up with ones as F.1.2.3 asks."""
    whole, rest = divmod(count, 8)
    return b"\x00" * whole + (bytes([0xFF >> rest]) if rest else b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
