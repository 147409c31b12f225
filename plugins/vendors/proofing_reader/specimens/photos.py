"""Photographs a specimen: a card in front of something, as phones see it, with what goes wrong in photos.

Every choice comes from a `random.Random`, so that a seed repeats the bytes.
"""

import io
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

from PIL import Image, ImageChops, ImageDraw, ImageFilter

#: A phone's photo of 12 megapixels.
PHOTO_SIZE = (4032, 3024)
_TILE = 512


class Distortion(StrEnum):
    """What is wrong with a photo."""

    #: Nothing: level within two degrees.
    UPRIGHT = "upright"
    #: Turned by up to 45 degrees.
    ROTATION = "rotation"
    #: Taken from the side.
    PERSPECTIVE = "perspective"
    #: Out of focus.
    BLUR = "blur"
    #: Compressed hard.
    JPEG = "jpeg"
    #: Taken in the dark, with the noise of a sensor.
    LOW_LIGHT = "low_light"
    #: A reflection on the barcode.
    GLARE = "glare"
    #: Bent and creased.
    CRUMPLE = "crumple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a photo is taken.

    Attributes:
        fill: width of the card, of that of the photo.
        turn: degrees.
        keystone: by how much the far edge is shorter, 0 to 1; from: the direction of it, in degrees.
        blur: standard deviation in pixels.
        light: of white, 0 to 1; slope: how much of it one side loses.
        noise: standard deviation, of 255.
        glare: diameter of a white spot on the card, of the card's width.
        bend: height of the waves of a crumpled card, of its width.
        quality: of the JPEG.
        clutter: how many other things there are in the photo.
    """

    fill: float = 0.7
    turn: float = 0.0
    keystone: float = 0.0
    tilted_from: float = 0.0
    blur: float = 0.6
    light: float = 0.95
    slope: float = 0.15
    noise: float = 1.5
    glare: float = 0.0
    bend: float = 0.0
    quality: int = 88
    clutter: int = 6


def choose(distortion: Distortion, rng: random.Random, *, module_mm: float = 0.2) -> Conditions:
    """Return conditions with one thing wrong, and the rest as it is when people take care.

    Args:
        distortion: the thing.
        rng: what decides how strong it is.
        module_mm: of the barcode: blur is as strong as its narrowest bars still show.
    """
    usual = Conditions(
        fill=rng.uniform(0.45, 0.9),
        turn=rng.uniform(-2, 2),
        keystone=rng.uniform(0, 0.04),
        tilted_from=rng.uniform(0, 360),
        blur=rng.uniform(0.4, 0.8),
        light=rng.uniform(0.75, 1.0),
        slope=rng.uniform(0, 0.3),
        noise=rng.uniform(0.5, 2.5),
        quality=rng.randint(80, 95),
        clutter=rng.randint(0, 12),
    )
    module = usual.fill * PHOTO_SIZE[0] / 85.6 * module_mm
    changes: dict[Distortion, Callable[[], Conditions]] = {
        Distortion.UPRIGHT: lambda: replace(usual, fill=rng.uniform(0.3, 0.9)),
        Distortion.ROTATION: lambda: replace(usual, turn=rng.uniform(-45, 45), fill=rng.uniform(0.35, 0.7)),
        Distortion.PERSPECTIVE: lambda: replace(
            usual, keystone=rng.uniform(0.08, 0.25), turn=rng.uniform(-8, 8)
        ),
        Distortion.BLUR: lambda: replace(usual, blur=rng.uniform(0.3, 0.5) * module),
        Distortion.JPEG: lambda: replace(
            usual, quality=rng.randint(12, 35), noise=rng.uniform(3, 8), turn=rng.uniform(-6, 6)
        ),
        Distortion.LOW_LIGHT: lambda: replace(
            usual, light=rng.uniform(0.15, 0.35), noise=rng.uniform(3, 8), slope=rng.uniform(0.2, 0.6)
        ),
        Distortion.GLARE: lambda: replace(usual, glare=rng.uniform(0.05, 0.14), turn=rng.uniform(-6, 6)),
        Distortion.CRUMPLE: lambda: replace(
            usual, bend=rng.uniform(0.004, 0.012), turn=rng.uniform(-6, 6), slope=rng.uniform(0.2, 0.5)
        ),
    }
    return changes[distortion]()


def photograph(
    card: Image.Image,
    conditions: Conditions,
    rng: random.Random,
    *,
    size: tuple[int, int] = PHOTO_SIZE,
    mode: str = "YCbCr",
) -> bytes:
    """Return a JPEG of *card*, an RGBA image of one side; *mode*: YCbCr as of phones, L or CMYK."""
    photo = _scene(size, conditions.clutter, rng)
    width = round(conditions.fill * size[0])
    scaled = card.resize((width, round(card.height * width / card.width)), Image.Resampling.LANCZOS)
    if conditions.bend:
        scaled = _bend(scaled, conditions.bend * width, rng)
    if conditions.glare:
        _add_glare(scaled, conditions.glare * width, rng)
    corners = _corners(scaled.size, conditions, rng, size)
    _place(photo, scaled, corners)
    # Eyes and cameras see less detail in color than in light, and so does a JPEG.
    luma, *chroma = photo.convert("L"), *photo.reduce(4).convert("YCbCr").split()[1:]
    luma = _shade(luma, conditions.light, conditions.slope, rng)
    if conditions.blur:
        luma = luma.filter(ImageFilter.GaussianBlur(conditions.blur))
    luma = _add_noise(luma, conditions.noise, rng)
    pale = [round(128 + (value - 128) * conditions.light) for value in range(256)]
    colors = [part.point(pale).resize(size, Image.Resampling.BILINEAR) for part in chroma]
    taken = luma if mode == "L" else Image.merge("YCbCr", (luma, *colors))
    if mode == "CMYK":
        taken = taken.convert("RGB").convert("CMYK")
    file = io.BytesIO()
    taken.save(file, "JPEG", quality=conditions.quality)
    return file.getvalue()


def _scene(size: tuple[int, int], clutter: int, rng: random.Random) -> Image.Image:
    """Return a table with things on it."""
    width, height = size
    base = tuple(rng.randint(40, 215) for _ in range(3))
    small = Image.new("RGB", (64, 48), base)
    draw = ImageDraw.Draw(small)
    for _ in range(40):
        x, y = rng.randint(-8, 64), rng.randint(-8, 48)
        tone = tuple(max(0, min(255, part + rng.randint(-18, 18))) for part in base)
        draw.rectangle((x, y, x + rng.randint(2, 40), y + rng.randint(1, 4)), fill=tone)
    scene = small.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(scene)
    for _ in range(clutter):
        x, y = rng.randint(0, width), rng.randint(0, height)
        span = rng.randint(width // 12, width // 4)
        color = tuple(rng.randint(20, 240) for _ in range(3))
        match rng.randrange(4):
            case 0:
                draw.ellipse((x, y, x + span, y + span), fill=color)
            case 1:
                for at in range(0, span, 40):  # a striped cloth
                    draw.rectangle((x + at, y, x + at + 19, y + span), fill=color)
            case 2:
                draw.rectangle((x, y, x + span, y + span), fill="white")
                for at in range(20, span - 20, 32):  # a page of writing
                    draw.line(
                        (x + 20, y + at, x + span - rng.randint(20, 200), y + at), fill="#333333", width=9
                    )
            case _:
                draw.line(
                    (x, y, x + span, y + rng.randint(-span, span)), fill=color, width=rng.randint(4, 40)
                )
    return scene


def _bend(card: Image.Image, height: float, rng: random.Random) -> Image.Image:
    """Return *card* with waves so many pixels high, and creases of light."""
    columns, rows = 24, 16
    phases = [rng.uniform(0, 2 * math.pi) for _ in range(4)]
    waves = [rng.uniform(0.6, 1.6) for _ in range(4)]
    width, tall = card.size

    def moved(x: float, y: float) -> tuple[float, float]:
        u, v = x / width * 2 * math.pi, y / tall * 2 * math.pi
        return (
            x + height * 0.6 * math.sin(waves[0] * v + phases[0]) * math.cos(waves[1] * u + phases[1]),
            y + height * math.sin(waves[2] * u + phases[2]) * math.cos(waves[3] * v * 0.5 + phases[3]),
        )

    mesh = []
    for row in range(rows):
        for column in range(columns):
            left, right = width * column // columns, width * (column + 1) // columns
            top, bottom = tall * row // rows, tall * (row + 1) // rows
            quad = (*moved(left, top), *moved(left, bottom), *moved(right, bottom), *moved(right, top))
            mesh.append(((left, top, right, bottom), quad))
    bent = card.transform(card.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)
    light = Image.new("L", (64, 40), 255)
    draw = ImageDraw.Draw(light)
    for _ in range(rng.randint(2, 5)):
        ends = (rng.randint(0, 64), rng.randint(0, 40), rng.randint(0, 64), rng.randint(0, 40))
        draw.line(ends, fill=rng.randint(150, 220), width=2)
    shade = light.resize(card.size, Image.Resampling.BICUBIC)
    alpha = bent.getchannel("A")
    shaded = ImageChops.multiply(bent.convert("RGB"), Image.merge("RGB", (shade, shade, shade)))
    shaded.putalpha(alpha)
    return shaded


def _add_glare(card: Image.Image, diameter: float, rng: random.Random) -> None:
    """Put a white spot anywhere on the upper two thirds of *card*."""
    x, y = rng.uniform(0.15, 0.85) * card.width, rng.uniform(0.1, 0.65) * card.height
    radius = diameter / 2
    spot = Image.new("L", (card.width // 8, card.height // 8), 0)
    tall = radius * rng.uniform(0.6, 1.0)
    ImageDraw.Draw(spot).ellipse([at / 8 for at in (x - radius, y - tall, x + radius, y + tall)], fill=255)
    soft = spot.filter(ImageFilter.GaussianBlur(radius / 30)).resize(card.size, Image.Resampling.BICUBIC)
    alpha = card.getchannel("A")
    card.paste(Image.new("RGBA", card.size, "white"), (0, 0), soft)
    card.putalpha(alpha)


def _corners(
    card: tuple[int, int], conditions: Conditions, rng: random.Random, size: tuple[int, int]
) -> list[tuple[float, float]]:
    """Return where the corners of the card lie: from the upper left one, clockwise."""
    width, height = card
    turn, side = math.radians(conditions.turn), math.radians(conditions.tilted_from)
    points = []
    for u, v in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        depth = 1 + conditions.keystone * (u * math.cos(side) + v * math.sin(side))
        x, y = u * width / depth, v * height / depth
        points.append((x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)))
    spans = [max(point[axis] for point in points) - min(point[axis] for point in points) for axis in (0, 1)]
    shift = [rng.uniform(-0.5, 0.5) * max(0.0, 0.96 * size[axis] - spans[axis]) for axis in (0, 1)]
    middle = [
        (max(point[axis] for point in points) + min(point[axis] for point in points)) / 2 for axis in (0, 1)
    ]
    return [
        (x - middle[0] + size[0] / 2 + shift[0], y - middle[1] + size[1] / 2 + shift[1]) for x, y in points
    ]


def _place(photo: Image.Image, card: Image.Image, corners: Sequence[tuple[float, float]]) -> None:
    """Draw *card* into *photo* so that its corners lie at *corners*."""
    left, top = (math.floor(min(point[axis] for point in corners)) for axis in (0, 1))
    right, bottom = (math.ceil(max(point[axis] for point in corners)) for axis in (0, 1))
    width, height = card.size
    inside = [(0, 0), (width, 0), (width, height), (0, height)]
    data = _coefficients([(x - left, y - top) for x, y in corners], inside)
    placed = card.transform(
        (right - left, bottom - top), Image.Transform.PERSPECTIVE, data, Image.Resampling.BICUBIC
    )
    photo.paste(placed, (left, top), placed)


def _coefficients(
    places: Sequence[tuple[float, float]], sources: Sequence[tuple[float, float]]
) -> list[float]:
    """Return the eight numbers of the projection that leads from *places* to *sources*."""
    rows = []
    for (x, y), (u, v) in zip(places, sources, strict=True):
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, float(u)])
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, float(v)])
    for at in range(8):
        pivot = max(range(at, 8), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(8):
            if other != at and rows[other][at]:
                factor = rows[other][at]
                rows[other] = [
                    value - factor * mine for value, mine in zip(rows[other], rows[at], strict=True)
                ]
    return [row[8] for row in rows]


def _shade(luma: Image.Image, light: float, slope: float, rng: random.Random) -> Image.Image:
    """Return *luma* darker: by *light*, and on one side by *slope* more."""
    turn = rng.uniform(0, 2 * math.pi)
    shade = Image.new("L", (32, 24))
    for y in range(24):
        for x in range(32):
            depth = 0.5 + (x / 32 - 0.5) * math.cos(turn) + (y / 24 - 0.5) * math.sin(turn)
            shade.putpixel((x, y), round(255 * light * (1 - slope * depth)))
    return ImageChops.multiply(luma, shade.resize(luma.size, Image.Resampling.BICUBIC))


def _add_noise(luma: Image.Image, deviation: float, rng: random.Random) -> Image.Image:
    """Return *luma* with the noise of a sensor."""
    if deviation <= 0:
        return luma
    normal = NormalDist(128, deviation)
    values = [max(0, min(255, round(normal.inv_cdf((at + 0.5) / 256)))) for at in range(256)]
    tile = Image.frombytes("L", (_TILE, _TILE), rng.randbytes(_TILE * _TILE)).point(values)
    noise = Image.new("L", luma.size)
    for x in range(0, luma.width, _TILE):
        for y in range(0, luma.height, _TILE):
            noise.paste(tile, (x, y))
    return ImageChops.add(luma, noise, 1, -128)
