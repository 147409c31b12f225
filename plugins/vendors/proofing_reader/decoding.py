"""Opens the image of a stranger as gray pixels, within bounds; runs in CPU children alone.

JPEG and PNG only, by their content. A JPEG is decoded as its luma alone, where it has one, and at a fraction
of its size when less is enough. The orientation that a camera notes is applied for text alone: a barcode is
found whatever way it is turned. docs/adr/0051-reader.md
"""

import io
import struct
import warnings
import zlib

from PIL import ExifTags, Image

#: The most pixels, and the longest side, that the check of images lets through.
MAX_PIXELS, MAX_SIDE_PIXELS = 64_000_000, 12_000
#: What Pillow raises about bytes that are no image, or a broken one.
_BROKEN = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)
#: What makes a photo upright, by the orientation in its Exif data.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BITS = [value >> 8 for value in range(65_536)]

Image.init()  # in the child once, not in each of its forks


class UndecodableError(Exception):
    """The bytes are no image that can be decoded."""


class Photo:
    """The bytes of one image, decoded as often as a size of it is needed."""

    def __init__(self, content: bytes) -> None:
        """Read the header. Raises `UndecodableError`."""
        self._content = content
        self._decoded: dict[int, tuple[Image.Image, float]] = {}
        self.width, self.height = self._open().size

    def gray(self, divisor: int = 1) -> tuple[Image.Image, float]:
        """Return the pixels as gray at about 1/*divisor* of the size, and the scale that they really have.

        Args:
            divisor: 1, 2, 4 or 8; each is decoded once.

        Raises:
            UndecodableError: the pixels are broken.
        """
        if divisor not in self._decoded:
            self._decoded[divisor] = self._decode(divisor)
        return self._decoded[divisor]

    def upright(self, divisor: int = 1) -> Image.Image:
        """Return the pixels as `gray` does, turned as the camera noted. Raises `UndecodableError`."""
        pixels, _scale = self.gray(divisor)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                turn = _TURNS.get(self._open().getexif().get(ExifTags.Base.Orientation, 1))
        except _BROKEN:
            turn = None  # the notes are broken, and not the photo
        return pixels if turn is None else pixels.transpose(turn)

    def _decode(self, divisor: int) -> tuple[Image.Image, float]:
        image = self._open()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                if image.format == "JPEG":
                    wanted = (-(-self.width // divisor), -(-self.height // divisor))
                    image.draft("L" if image.mode in {"L", "RGB"} else image.mode, wanted)
                image.load()
                pixels = _to_gray(image)
        except _BROKEN:
            raise UndecodableError from None
        rest = round(divisor * pixels.width / self.width)
        if rest > 1:
            pixels = pixels.reduce(rest)
        return pixels, pixels.width / self.width

    def _open(self) -> Image.Image:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                image = Image.open(io.BytesIO(self._content), formats=["JPEG", "PNG"])
        except _BROKEN:
            raise UndecodableError from None
        if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE_PIXELS:
            raise UndecodableError
        return image


def _to_gray(image: Image.Image) -> Image.Image:
    """Return *image* in eight bits of gray."""
    if image.mode.startswith("I"):
        # Sixteen bits, which a conversion would cut off instead of scaling.
        whole = image if image.mode == "I" else image.convert("I")
        return whole.point(_SIXTEEN_BITS, "L")
    return image if image.mode == "L" else image.convert("L")
