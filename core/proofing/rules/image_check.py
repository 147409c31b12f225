"""The check that the bytes of an image must pass.

No image is ever decoded in our processes: the check reads headers only, so that hostile input reaches no
image library. It follows the structure that every reader relies on, segment by segment and chunk by chunk, in
bounded steps, and keeps of a file its first image, without metadata (`proofing.rules.jpeg`,
`proofing.rules.png`). `static/images.js` is the same check in the browser.
"""

import codecs

from proofing.base.errors import ImageError
from proofing.contracts.images import FORM_TYPE, MAX_IMAGE_BYTES, Image
from proofing.rules.jpeg import JPEG_START, JPEGImage, read_jpeg
from proofing.rules.png import PNG_START, PNGImage, read_png

MAX_SIDE_PIXELS = 12_000


#: 64 megapixels.
MAX_PIXELS = 64_000_000


#: Brands of the HEIC family in the first box of a file (ISO/IEC 23008-12, B.4).
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevm", b"hevs", b"hevx", b"mif1", b"msf1"}
)


_TEXT_PIECE_BYTES = 64 * 1024


def inspect_image(content: bytes, *, allow_yaml: bool = False) -> Image:
    """Let *content* through the gate and return its first image, without metadata, with type and size.

    What is returned passes again, unchanged. Pixels stay as they are: see `read_jpeg` and `read_png`.

    Args:
        content: the bytes as decrypted or posted; the caller bounds them.
        allow_yaml: whether UTF-8 text is let through as the testers' document form. Only where the vendor
            is a mock.

    Raises:
        ImageError: the bytes are empty, no JPEG or PNG (``heic`` names one kind of these), or cut short; or
            the image is larger than `MAX_IMAGE_BYTES` or has too many pixels.
    """
    if not content:
        raise ImageError("empty")
    found: JPEGImage | PNGImage | None
    if content.startswith(JPEG_START):
        media_type, found = "image/jpeg", read_jpeg(content)
    elif content.startswith(PNG_START):
        media_type, found = "image/png", read_png(content)
    elif content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        raise ImageError("heic")
    elif allow_yaml and is_text(content):
        media_type, found = FORM_TYPE, None
    else:
        raise ImageError("not_an_image")
    image = (
        Image(found.content, media_type, found.width, found.height) if found else Image(content, media_type)
    )
    if len(image.content) > MAX_IMAGE_BYTES:
        raise ImageError("too_large")
    if max(image.width, image.height) > MAX_SIDE_PIXELS or image.width * image.height > MAX_PIXELS:
        raise ImageError("too_many_pixels")
    return image


def is_text(content: bytes) -> bool:
    """Return whether *content* is UTF-8 text without NUL, piece by piece so that it is never held twice."""
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
