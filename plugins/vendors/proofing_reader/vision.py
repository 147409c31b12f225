"""What runs in CPU children: finds the PDF417 in a photo of a card's back, at any rotation, and reads it.

`read_back` is the function of `ProofingContext.cpu`. The decoder of zxing-cpp finds a code that is turned by
at most two or three degrees from a right angle, so regions with the edges of a barcode are located first
(`proofing_reader.locating`), cut out of the photo, and turned upright. What cannot be read that way is tried
at more sizes, thresholds and angles, while there is time. docs/adr/0051-reader.md
"""

import base64
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from proofing_reader.decoding import Photo, UndecodableError
from proofing_reader.locating import Region, find_regions, measure_angle
from proofing_reader.straightening import straighten

_PDF417 = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.PDF417)
#: On a busy machine CPU time goes slower than the clock, and an answer is due.
_CLOCK_SHARE = 4
#: The long side, in pixels, that a photo has at least when it is searched first.
_SEARCHED_PIXELS = 1350
#: The width of an upright barcode, in pixels: three or more for each of its 205 to 409 modules.
_BARCODE_PIXELS = (1000, 1800)
#: Of a region: pixels that are cut out of the photo at most, and those that are tried in one way.
_CUT_PIXELS, _TRIED_PIXELS = 12_000_000, 4_000_000
#: The photo is not made smaller than one part of so many for a region of it.
_LEAST_OF_PHOTO = 8
#: A barcode so wide in the small photo is read there: the whole one would not show more.
_ENOUGH_PIXELS = 1250
#: Angles that are tried after the one that was measured, in degrees.
_TURNS = (1.5, -1.5, 3.0, -3.0)
_STEP_DEGREES = 2.5
#: Of the weight of a barcode that was read, what a region has at least that may be a second one.
_SECOND_SHARE = 0.3
#: What has fewer edges on its area is text, or cloth.
_MIN_DENSITY = 0.3
#: A barcode whose sharpest edges differ by less, of 255, is blurred.
_MIN_EDGE = 40
#: A reflection hides bars: squares so wide that are white all over, and the share of them that is too much.
_SPOT_PIXELS, _WHITE, _GLARE_SHARE = 24, 250, 0.05
#: Pixels of the photo, below which its modules are narrower than two.
_MIN_WIDTH = 420


class Reading(StrEnum):
    """What reading a photo came to."""

    #: One barcode was read: ``payload`` holds its bytes.
    READ = "read"
    #: The bytes are no image.
    UNDECODABLE = "undecodable"
    #: There is no barcode.
    ABSENT = "absent"
    #: There is one, or there seems to be, which cannot be read; ``quality`` says why if that is known.
    UNREADABLE = "unreadable"
    #: It was read, but only with all of its error correction: it may be wrong.
    UNCERTAIN = "uncertain"
    #: Barcodes of two cards.
    SEVERAL = "several"
    #: A negative: light bars on a dark ground.
    INVERTED = "inverted"


class Quality(StrEnum):
    """Why a barcode cannot be read."""

    BLUR = "blur"
    GLARE = "glare"
    LOW_RESOLUTION = "low_resolution"


def read_back(content: bytes, args: Any) -> dict[str, Any]:
    """Read the barcode in a photo.

    Args:
        content: a JPEG or PNG.
        args: ``seconds`` of CPU, after which no further try is begun, and optionally ``clock_seconds`` by the
            clock, after which none is, either: four times as many.

    Returns:
        ``reading``, a `Reading`; ``payload``, base64, with `Reading.READ`; ``quality``, a `Quality` or None.
    """
    seconds = float(args["seconds"])
    deadlines = (
        time.process_time() + seconds,
        time.monotonic() + float(args.get("clock_seconds", _CLOCK_SHARE * seconds)),
    )
    try:
        search = _Search(Photo(content), *deadlines)
        return search.run()
    except UndecodableError:
        return _result(Reading.UNDECODABLE)


def _result(
    reading: Reading, *, payload: bytes | None = None, quality: Quality | None = None
) -> dict[str, Any]:
    encoded = None if payload is None else base64.b64encode(payload).decode()
    return {"reading": reading.value, "payload": encoded, "quality": quality.value if quality else None}


class _Place:
    """A region of the photo, and what it looks like when its bars are turned upright."""

    def __init__(self, photo: Photo, region: Region, small: Image.Image, scale: float) -> None:
        """Take a *region* of the *photo*, which is *small* at *scale*."""
        self.region = region
        self.width = region.width / scale
        self.is_read = False
        self.is_exhausted = False
        self._photo = photo
        self._small = small
        self._scale = scale
        self._ways = self._variants()

    @cached_property
    def upright(self) -> Image.Image:
        """The region out of the photo, upright, and of a size that is read well."""
        region, scale = self.region, self._scale
        box = replace(region, width=region.width * 1.12 + 32, height=region.height * 1.3 + 48)
        # The tensor is exact for edges that are nearly upright: what is left is measured again.
        rest = measure_angle(_cut(self._small, box, Image.Resampling.BILINEAR))
        if abs(rest) < 12:  # noqa: PLR2004 - more is a sign that something else was measured
            box = replace(box, angle=box.angle + rest)
        least, most = _BARCODE_PIXELS
        if region.width >= _ENOUGH_PIXELS:
            cut = _cut(self._small, box)
            most = cut.width
        else:
            pixels, larger = self._larger(box)
            cut = _cut(pixels, box.scaled(larger / scale))
        shrink = min(1.0, most / cut.width, math.sqrt(_TRIED_PIXELS / (cut.width * cut.height)))
        if shrink < 1:
            size = (max(1, round(cut.width * shrink)), max(1, round(cut.height * shrink)))
            return cut.resize(size, Image.Resampling.BOX)
        if cut.width < least:
            return _enlarged(cut, 2) or cut
        return cut

    def _larger(self, box: Region) -> tuple[Image.Image, float]:
        """Return the photo as large as *box* needs it, and its scale."""
        width, height = box.width / self._scale, box.height / self._scale
        divisor = 1
        while divisor < _LEAST_OF_PHOTO and (
            width >= 2 * divisor * _BARCODE_PIXELS[1] or width * height > divisor**2 * _CUT_PIXELS
        ):
            divisor *= 2
        return self._photo.gray(divisor)

    def next_way(self) -> Image.Image | None:
        """Return the region in the next way that may be read; None when there is none anymore."""
        image = next(self._ways, None)
        self.is_exhausted = image is None
        return image

    def _variants(self) -> Iterator[Image.Image]:
        """Yield the region in ways that may be read, the likeliest first."""
        upright = self.upright
        yield upright
        if straight := straighten(upright):
            yield straight
        yield upright.filter(ImageFilter.UnsharpMask(radius=3, percent=180, threshold=0))
        for turn in _TURNS:
            yield upright.rotate(turn, Image.Resampling.BICUBIC, fillcolor=255)
        yield upright.filter(ImageFilter.MedianFilter(3))
        if enlarged := _enlarged(upright, 1.5):
            yield enlarged
        yield upright.resize((upright.width * 2 // 3, upright.height * 2 // 3), Image.Resampling.BOX)
        yield _flatten(upright)

    @property
    def is_like_a_barcode(self) -> bool:
        """Whether a person would see one there."""
        region = self.region
        return region.width > 2 * region.height and region.density > _MIN_DENSITY

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point of the photo lies in it."""
        return self.region.holds(x * self._scale, y * self._scale)


class _Search:
    """Looks for barcodes in one photo."""

    def __init__(self, photo: Photo, cpu_deadline: float, clock_deadline: float) -> None:
        self._photo = photo
        self._cpu_deadline = cpu_deadline
        self._clock_deadline = clock_deadline
        self._found: set[bytes] = set()
        self._is_damaged = False
        self._is_uncertain = False

    def run(self) -> dict[str, Any]:
        """Try until there is a barcode, or no time or idea is left."""
        longest = max(self._photo.width, self._photo.height)
        divisor = next((one for one in (8, 4, 2) if longest / one >= _SEARCHED_PIXELS), 1)
        small, scale = self._photo.gray(divisor)
        read_at = self._read(small)
        places = [_Place(self._photo, region, small, scale) for region in find_regions(small)]
        for place in places:
            place.is_read = any(place.holds(x / scale, y / scale) for x, y in read_at)
        self._try_places(places)
        if places and not self._found:
            self._try_angles(small)
        return self._conclude(places)

    def _try_places(self, places: list[_Place]) -> None:
        """Try each place in one way, then each in the next, until one is read.

        When one is, the others are still tried in the first way: a second card must not go unnoticed.
        """
        waiting = [place for place in places if not place.is_read]
        if self._found:
            known = max((place.region.weight for place in places if place.is_read), default=0.0)
            waiting = [place for place in waiting if place.region.weight > known * _SECOND_SHARE]
        while waiting and self._is_time():
            # The likeliest has two turns.
            for place in [waiting[0], *waiting]:
                if not place.is_read and self._is_time() and (image := place.next_way()):
                    place.is_read = self._try_both(image)
            if self._found:
                return
            waiting = [place for place in waiting if not place.is_exhausted]

    def _try_angles(self, small: Image.Image) -> None:
        """Try the whole photo, turned step by step."""
        for step in range(1, int(45 / _STEP_DEGREES) + 1):
            for degrees in (step * _STEP_DEGREES, -step * _STEP_DEGREES):
                if self._found or not self._is_time():
                    return
                self._try_both(small.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255))

    def _conclude(self, places: list[_Place]) -> dict[str, Any]:
        if len(self._found) > 1:
            return _result(Reading.SEVERAL)
        if self._found:
            return _result(Reading.READ, payload=next(iter(self._found)))
        if self._is_uncertain:
            return _result(Reading.UNCERTAIN)
        return self._explain(places)

    def _explain(self, places: list[_Place]) -> dict[str, Any]:
        """Return why nothing was read."""
        if places and self._read(ImageOps.invert(places[0].upright)):
            return _result(Reading.INVERTED)
        if places and (self._is_damaged or places[0].is_like_a_barcode):
            return _result(Reading.UNREADABLE, quality=_quality(places[0].upright, places[0].width))
        return _result(Reading.UNREADABLE if self._is_damaged else Reading.ABSENT)

    def _is_time(self) -> bool:
        return time.process_time() < self._cpu_deadline and time.monotonic() < self._clock_deadline

    def _try_both(self, image: Image.Image) -> bool:
        """Read *image* by local averages, then by one threshold for all of it; return whether that worked."""
        if self._read(image):
            return True
        return self._is_time() and bool(self._read(_threshold(image), zxingcpp.Binarizer.FixedThreshold))

    def _read(
        self, image: Image.Image, binarizer: Any = zxingcpp.Binarizer.LocalAverage
    ) -> list[tuple[float, float]]:
        """Read *image* as it is; return the centers of the barcodes that were read."""
        centers = []
        for barcode in zxingcpp.read_barcodes(
            image,
            formats=_PDF417,
            text_mode=zxingcpp.TextMode.Plain,
            binarizer=binarizer,
            return_errors=True,
        ):
            if not barcode.valid:
                self._is_damaged = True
            elif not _unused_correction(barcode):
                # Nothing proves that such a reading is right: section on wrong reads in the ADR.
                self._is_uncertain = True
            else:
                self._found.add(bytes(barcode.bytes))
                one, other = barcode.position.top_left, barcode.position.bottom_right
                centers.append(((one.x + other.x) / 2, (one.y + other.y) / 2))
        return centers


def _unused_correction(barcode: zxingcpp.Barcode) -> float:
    """Return the share of the error correction that *barcode* did not need."""
    extra: Any = barcode.extra
    return float(extra.get("UEC", 0))


def _cut(
    image: Image.Image, box: Region, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> Image.Image:
    """Return what *box* holds of *image*, turned upright."""
    size = (max(8, round(box.width)), max(8, round(box.height)))
    c, s = math.cos(math.radians(box.angle)), math.sin(math.radians(box.angle))
    start_x = box.x - c * size[0] / 2 + s * size[1] / 2
    start_y = box.y - s * size[0] / 2 - c * size[1] / 2
    data = (c, -s, start_x, s, c, start_y)
    return image.transform(size, Image.Transform.AFFINE, data, resample, fillcolor=255)


def _enlarged(image: Image.Image, factor: float) -> Image.Image | None:
    """Return *image* larger by *factor*; None where that is more than is tried at once."""
    size = (round(image.width * factor), round(image.height * factor))
    return None if math.prod(size) > _TRIED_PIXELS else image.resize(size, Image.Resampling.BICUBIC)


def _threshold(image: Image.Image) -> Image.Image:
    """Return *image* in black and white, by the threshold that separates its pixels best (Otsu 1979)."""
    histogram = image.histogram()
    total, weighted = sum(histogram), sum(value * count for value, count in enumerate(histogram))
    below = below_weighted = 0
    best, threshold = -1.0, 127
    for value, count in enumerate(histogram):
        below += count
        below_weighted += value * count
        if not 0 < below < total:
            continue
        above = total - below
        gap = below_weighted / below - (weighted - below_weighted) / above
        if (spread := below * above * gap * gap) > best:
            best, threshold = spread, value
    return image.point([0 if value <= threshold else 255 for value in range(256)])


def _flatten(image: Image.Image) -> Image.Image:
    """Return *image* without the slow changes of its light."""
    light = image.reduce(8).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(4))
    shade = ImageChops.subtract(Image.new("L", image.size, 255), light.resize(image.size))
    return ImageOps.autocontrast(ImageChops.add(image, shade), cutoff=1)


def _quality(upright: Image.Image, width: float) -> Quality | None:
    """Return why the barcode in *upright*, *width* pixels wide in the photo, cannot be read, if it shows."""
    if width < _MIN_WIDTH:
        return Quality.LOW_RESOLUTION
    inner = upright.crop(
        (upright.width // 8, upright.height // 4, upright.width * 7 // 8, upright.height * 3 // 4)
    )
    spots = inner.reduce(_SPOT_PIXELS).histogram()
    if sum(spots[_WHITE:]) > _GLARE_SHARE * sum(spots):
        return Quality.GLARE
    edges = ImageChops.difference(inner, ImageChops.offset(inner, 1, 0)).histogram()
    left = sum(edges) // 50
    for value in range(255, _MIN_EDGE - 1, -1):
        left -= edges[value]
        if left < 0:
            return None
    return Quality.BLUR
