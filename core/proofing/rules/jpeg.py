"""The structure of a JPEG file: its first image, without metadata, and its size.

Nothing is decoded: markers are followed segment by segment, and entropy-coded bytes are copied as they are.
`static/jpeg.js` does the same in the browser, with the same result for every input. Sources: ITU T.81 annex B
(markers), JFIF 1.02, ITU T.872 (Adobe APP14), ICC.1 B.4 (profiles), TIFF 6.0 and Exif 2.32 4.6 (orientation).
"""

import re
import struct
from dataclasses import dataclass, field

from proofing.base.errors import ImageError

JPEG_START = b"\xff\xd8\xff"

_END = 0xD9
_SCAN = 0xDA
_LINES = 0xDC
_EXIF_SEGMENT = 0xE1
#: Start-of-frame markers of baseline, extended and progressive coding, the only ones that browsers read.
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
#: Lossless, hierarchical and arithmetic frames, and the markers that belong to them (DHP, EXP).
_FOREIGN = (frozenset(range(0xC0, 0xD0)) - _FRAMES - {0xC4, 0xC8, 0xCC}) | {0xDE, 0xDF}
#: Markers without a length that may come before a frame: TEM, RST0 to RST7.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
#: What a decoder needs besides the frame: Huffman tables, scans, quantization tables, restart interval.
_TABLES = frozenset({0xC4, 0xDB, 0xDD})
#: Segments that a file may hold; a color profile of 4 MB takes 64, an extended XMP of 15 MB takes 230.
_MAX_SEGMENTS = 2_000
#: Bits a sample (B.2.2).
_PRECISIONS = frozenset({8, 12})
#: In a scan, 0xFF before a stuffed zero, a restart marker or a fill byte is not a marker (B.1.1.5).
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_NOT_FILL = re.compile(rb"[^\xff]", re.DOTALL)
_JFIF_BYTES = 12
_ADOBE_BYTES = 12
_ORIENTATION_TAG = 0x0112
_SHORT = 3
_UPRIGHT = 1


@dataclass(frozen=True, slots=True, repr=False)
class JPEGImage:
    """The first image of a JPEG file.

    Attributes:
        content: the file with that image alone. Of the metadata it has the parts that decide how samples
            become colors (JFIF without its thumbnail, ICC profile, Adobe), and the orientation, if it is not
            upright.
        width: of the samples in pixels, before the orientation is applied.
        height: as *width*.
        orientation: 1 to 8, as Exif counts; 1 is upright.
    """

    content: bytes
    width: int
    height: int
    orientation: int


def read_jpeg(content: bytes) -> JPEGImage:
    """Return the first image of *content*, which begins with `JPEG_START`.

    Raises:
        ImageError: ``truncated`` for a file that is cut short or damaged, ``not_an_image`` for one that is
            coded in a way that no browser reads.
    """
    walk = _Walk(content)
    walk.to_the_end()
    if not walk.width or not walk.height:
        raise ImageError("truncated")
    return JPEGImage(b"".join(walk.pieces), walk.width, walk.height, walk.orientation or _UPRIGHT)


@dataclass(slots=True, repr=False)
class _Walk:
    """A walk over the segments of one file, with what was found so far."""

    content: bytes
    position: int = 2
    width: int = 0
    height: int = 0
    orientation: int = 0
    has_frame: bool = False
    has_scan: bool = False
    pieces: list[bytes | memoryview] = field(default_factory=lambda: [b"\xff\xd8"])

    def to_the_end(self) -> None:
        """Take every segment up to the end marker of the first image."""
        for _ in range(_MAX_SEGMENTS):
            marker = self._next_marker()
            if marker == _END and self.has_scan:
                self.pieces.append(b"\xff\xd9")
                return
            if marker in _ALONE and not self.has_scan:
                continue
            if marker in _FOREIGN or (marker in _FRAMES and self.has_frame):
                raise ImageError("not_an_image")
            payload = self._payload(marker)
            self._take(marker, payload)
            if marker == _SCAN:
                self._skip_scan()
        raise ImageError("truncated")

    def _next_marker(self) -> int:
        """Step over the next marker and the fill bytes before it (B.1.1.2), and return it."""
        content = self.content
        if content[self.position : self.position + 1] != b"\xff":
            raise ImageError("truncated")
        found = _NOT_FILL.search(content, self.position)
        if found is None:
            raise ImageError("truncated")
        self.position = found.end()
        return content[found.start()]

    def _payload(self, marker: int) -> memoryview:
        """Step over the segment of *marker* and return what it holds after its length."""
        # Zero is not a marker; SOI would begin another image, the other markers are reserved or have no data.
        has_length = marker not in {0x00, 0xD8, _END} and marker not in _ALONE
        if not has_length or self.position + 2 > len(self.content):
            raise ImageError("truncated")
        (length,) = struct.unpack_from(">H", self.content, self.position)
        end = self.position + length
        if length < 2 or end > len(self.content):  # noqa: PLR2004 - a length counts its own bytes
            raise ImageError("truncated")
        payload = memoryview(self.content)[self.position + 2 : end]
        self.position = end
        return payload

    def _take(self, marker: int, payload: memoryview) -> None:
        """Note what a segment contains, and keep it if the image needs it."""
        if marker in _FRAMES:
            self._read_frame(payload)
        elif marker == _LINES:
            self._read_lines(payload)
        elif marker == _SCAN:
            if not self.has_frame:
                raise ImageError("truncated")
            self.has_scan = True
        elif marker == _EXIF_SEGMENT:
            if self.orientation:
                return
            self.orientation = _orientation(bytes(payload))
            if self.orientation > _UPRIGHT:
                self._keep(marker, orientation_payload(self.orientation))
            return
        elif marker not in _TABLES:
            kept = _color_payload(marker, payload)
            if kept is not None:
                self._keep(marker, kept)
            return
        self._keep(marker, payload)

    def _keep(self, marker: int, payload: bytes | memoryview) -> None:
        """Write a segment."""
        self.pieces += [struct.pack(">BBH", 0xFF, marker, len(payload) + 2), payload]

    def _read_frame(self, payload: memoryview) -> None:
        """Note the size in the frame header (B.2.2)."""
        self.has_frame = True
        if len(payload) < 6:  # noqa: PLR2004 - precision, height, width, count
            raise ImageError("truncated")
        precision, self.height, self.width, components = struct.unpack_from(">BHHB", payload)
        if not 1 <= components <= 4 or len(payload) != 6 + 3 * components:  # noqa: PLR2004
            raise ImageError("truncated")
        if precision not in _PRECISIONS:
            raise ImageError("not_an_image")

    def _read_lines(self, payload: memoryview) -> None:
        """Note the height that a frame header may leave open until after the first scan (B.2.5)."""
        if len(payload) != 2 or not self.has_scan:  # noqa: PLR2004 - the number of lines
            raise ImageError("truncated")
        if not self.height:
            (self.height,) = struct.unpack(">H", payload)

    def _skip_scan(self) -> None:
        """Keep the entropy-coded bytes as they are, up to the next marker that is not part of them."""
        found = _MARKER_IN_SCAN.search(self.content, self.position)
        if found is None:
            raise ImageError("truncated")
        self.pieces.append(memoryview(self.content)[self.position : found.start()])
        self.position = found.start()


def orientation_payload(orientation: int) -> bytes:
    """Return an EXIF segment's payload that holds *orientation* (1 to 8) alone."""
    return b"Exif\x00\x00MM\x00*" + struct.pack(
        ">IHHHIHHI", 8, 1, _ORIENTATION_TAG, _SHORT, 1, orientation, 0, 0
    )


def _orientation(payload: bytes) -> int:
    """Return the orientation that an EXIF segment gives, 1 to 8; 0 when it gives none."""
    order = {b"II": "<", b"MM": ">"}.get(payload[6:8])
    if payload[:6] != b"Exif\x00\x00" or order is None or len(payload) < 14:  # noqa: PLR2004 - the TIFF header
        return 0
    magic, offset = struct.unpack_from(order + "HI", payload, 8)
    directory = 6 + offset
    if magic != 42 or directory + 2 > len(payload):  # noqa: PLR2004 - TIFF 6.0, section 2
        return 0
    (count,) = struct.unpack_from(order + "H", payload, directory)
    for number in range(count):
        entry = directory + 2 + 12 * number
        if entry + 12 > len(payload):
            return 0
        tag, kind, values, value = struct.unpack_from(order + "HHIH", payload, entry)
        if tag == _ORIENTATION_TAG:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else 0  # noqa: PLR2004
    return 0


def _color_payload(marker: int, payload: memoryview) -> bytes | memoryview | None:
    """Return what is kept of an application segment: how samples become colors; None for everything else."""
    start = bytes(payload[:12])
    if marker == 0xE0 and start[:5] == b"JFIF\x00" and len(payload) >= _JFIF_BYTES + 2:  # noqa: PLR2004
        return start + b"\x00\x00"  # its thumbnail is an image of its own
    if marker == 0xE2 and start == b"ICC_PROFILE\x00":  # noqa: PLR2004
        return payload
    if marker == 0xEE and start[:5] == b"Adobe" and len(start) == _ADOBE_BYTES:  # noqa: PLR2004
        return start
    return None
