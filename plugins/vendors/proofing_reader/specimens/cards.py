"""Draws the front and the back of a specimen license, in the size of an ID-1 card (85.6 by 54 mm)."""

import colorsys
import math
import random
from dataclasses import dataclass

import zxingcpp
from PIL import Image, ImageDraw, ImageFont, ImageOps

from proofing_reader.specimens.encoding import encode
from proofing_reader.specimens.layouts import Layout
from proofing_reader.specimens.people import Person
from proofing_reader.specimens.portraits import draw_portrait

CARD_MM = (85.6, 54.0)
_RADIUS_MM = 3.2
#: Places in the magnetic stripe and the one-dimensional barcode.
_STRIPE_MM = (3.0, 9.0)


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """A specimen: both sides, and what its barcode holds."""

    front: Image.Image
    back: Image.Image
    payload: bytes


def draw_card(person: Person, layout: Layout, rng: random.Random, *, pixels_per_mm: int = 24) -> Card:
    """Draw the card of *person* in *layout*."""
    payload = encode(person, layout)
    return Card(
        front=_front(person, layout, rng, pixels_per_mm),
        back=_back(person, layout, payload, rng, pixels_per_mm),
        payload=payload,
    )


def draw_barcode(payload: bytes, layout: Layout, pixels_per_mm: int) -> Image.Image:
    """Return the PDF417 of *payload*, with its quiet zone.

    Raises:
        ValueError: it does not fit into the columns of *layout*.
    """
    code = zxingcpp.create_barcode(
        payload, zxingcpp.BarcodeFormat.PDF417, columns=layout.columns, eclevel=layout.level
    )
    bits = code.to_image(scale=1, add_quiet_zones=False)
    height, width = bits.shape
    module = max(1, round(layout.module_mm * pixels_per_mm))
    # The writer's rows are three modules high.
    image = Image.frombytes("L", (width, height), bytes(bits)).resize(
        (width * module, height * module * layout.row_modules // 3), Image.Resampling.NEAREST
    )
    return ImageOps.expand(image, round(layout.quiet_mm * pixels_per_mm), 255)


def font(pixels: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of specimens, whose letters are so many pixels high."""
    return ImageFont.load_default(size=max(6, round(pixels)))


def mark_specimen(image: Image.Image) -> None:
    """Write SPECIMEN across *image*, through everything on it but a barcode."""
    word = Image.new("L", image.size, 0)
    ImageDraw.Draw(word).text(
        (image.width / 2, image.height / 2), "SPECIMEN", fill=90, font=font(image.width * 0.15), anchor="mm"
    )
    word = word.rotate(24, Image.Resampling.BILINEAR)
    image.paste(Image.new("RGB", image.size, "#b00020"), (0, 0), word)


def background(size: tuple[int, int], hue: int, pattern: str, rng: random.Random) -> Image.Image:
    """Return a design in light tones of *hue*."""
    width, height = size
    image = Image.new("RGB", size, _tone(hue, 0.10, 0.98))
    draw = ImageDraw.Draw(image)
    line, second = _tone(hue, 0.28, 0.93), _tone(hue + 40, 0.22, 0.95)
    step = width // 48
    if pattern == "waves":
        for top in range(0, height + step, step):
            points = [(at, top + math.sin(at / width * 9 + top) * step) for at in range(0, width + 8, 8)]
            draw.line(points, fill=line, width=2)
    elif pattern == "rays":
        for degrees in range(0, 360, 4):
            end = (
                width / 3 + math.cos(math.radians(degrees)) * width,
                height + math.sin(math.radians(degrees)) * width,
            )
            draw.line((width / 3, height, *end), fill=line, width=2)
    elif pattern == "rings":
        x, y = width * 0.8, height * 0.3
        for radius in range(step, width, step):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=line, width=2)
    else:
        for at in range(4):
            rise = height * (0.45 + 0.15 * at)
            hill = [
                (x, rise + math.sin(x / width * (3 + at) + at * 2 + rng.random() * 0.01) * height * 0.12)
                for x in range(0, width + 16, 16)
            ]
            draw.polygon([(0, height), *hill, (width, height)], fill=second if at % 2 else line)
    return image


def _tone(hue: int, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _front(person: Person, layout: Layout, rng: random.Random, scale: int) -> Image.Image:
    size = (round(CARD_MM[0] * scale), round(CARD_MM[1] * scale))
    if layout.upright:
        size = (size[1], size[0])
    image = background(size, layout.hue, layout.pattern, rng)
    draw = ImageDraw.Draw(image)
    dark = _tone(layout.hue, 0.85, 0.35)
    draw.rectangle((0, 0, size[0], 8 * scale), fill=dark)
    title = "DRIVER LICENSE" if layout.card == "DL" else "IDENTIFICATION CARD"
    draw.text(
        (3 * scale, 4 * scale), f"{layout.state}  USA", fill="white", font=font(4.5 * scale), anchor="lm"
    )
    draw.text((size[0] - 3 * scale, 4 * scale), title, fill="white", font=font(2.8 * scale), anchor="rm")
    portrait = draw_portrait(rng, 23 * scale, 29 * scale)
    image.paste(portrait, (3 * scale, 11 * scale))
    left, top = (29.0 * scale, 10.5 * scale) if not layout.upright else (3.0 * scale, 42.0 * scale)
    for label, value in _printed(person, layout):
        draw.text((left, top), label, fill=dark, font=font(1.7 * scale))
        draw.text((left + 5.5 * scale, top - 0.5 * scale), value, fill="black", font=font(2.7 * scale))
        top += 3.35 * scale
    mark_specimen(image)
    return _rounded(image, scale)


def _printed(person: Person, layout: Layout) -> list[tuple[str, str]]:
    """Return what the front shows: number of the field in the standard and label, then its text."""
    family = f"{person.family} {person.suffix}" if person.suffix else person.family
    given = f"{person.given} {person.middle}" if person.middle else person.given
    street = f"{person.street} {person.unit}" if person.unit else person.street
    zipcode = person.zipcode if len(person.zipcode) == 5 else f"{person.zipcode[:5]}-{person.zipcode[5:]}"  # noqa: PLR2004
    feet, inches = divmod(person.height, 12)
    rows = [
        ("4d", person.number),
        ("1", family),
        ("2", given),
        ("8", street),
        ("", f"{person.city}, {person.state} {zipcode}"),
        ("3", f"{person.birth:%m/%d/%Y}"),
        ("4a", f"{person.issued:%m/%d/%Y}"),
        ("4b", f"{person.expires:%m/%d/%Y}"),
        ("15", f"{person.sex}   16 {feet}'-{inches:02}\"   18 {person.eyes}"),
    ]
    if layout.card == "DL":
        rows.append(("9", "C   9a NONE   12 NONE" if layout.version != 1 else "D   9a NONE   12 NONE"))
    if layout.version > 1:
        rows.append(("5", person.discriminator))
    return rows


def _back(person: Person, layout: Layout, payload: bytes, rng: random.Random, scale: int) -> Image.Image:
    size = (round(CARD_MM[0] * scale), round(CARD_MM[1] * scale))
    image = background(size, layout.hue + 20, layout.pattern, rng)
    mark_specimen(image)
    draw = ImageDraw.Draw(image)
    top = layout.top_mm
    if layout.stripe:
        draw.rectangle((0, _STRIPE_MM[0] * scale, size[0], _STRIPE_MM[1] * scale), fill="#241f1d")
        top = max(top, _STRIPE_MM[1] + 2)
    code = draw_barcode(payload, layout, scale)
    top = min(top * scale, size[1] - code.height - 1 * scale)
    place = (round((size[0] - code.width) / 2), round(top))
    image.paste(code, place)
    below = float(place[1] + code.height + scale)
    if layout.serial and size[1] - below > 7 * scale:
        serial = zxingcpp.create_barcode(
            f"{rng.randrange(10**10):010}", zxingcpp.BarcodeFormat.Code128
        ).to_image(scale=1, add_quiet_zones=True)
        bars = Image.frombytes("L", (serial.shape[1], serial.shape[0]), bytes(serial)).convert("RGB")
        image.paste(bars.resize((30 * scale, 5 * scale), Image.Resampling.NEAREST), (4 * scale, round(below)))
        below += 5.5 * scale
    lines = (
        "CLASS: NONE   END: NONE   REST: NONE" if layout.card == "ID" else "CLASS C: single vehicles",
        "A specimen of a made-up design. Not issued by anyone.",
        f"{'ORGAN DONOR' if person.is_donor else ''} {'VETERAN' if person.is_veteran else ''}".strip(),
    )
    for line in lines:
        if size[1] - below > 3 * scale:
            draw.text((4 * scale, below), line, fill="#222222", font=font(2.1 * scale))
            below += 2.8 * scale
    return _rounded(image, scale)


def _rounded(image: Image.Image, scale: int) -> Image.Image:
    """Return *image* with the round corners of a card, transparent outside."""
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, image.width - 1, image.height - 1), _RADIUS_MM * scale, fill=255
    )
    image.putalpha(mask)
    return image
