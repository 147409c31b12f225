"""Draws the data page of a specimen passport book (ID-3, 125 by 88 mm) with its machine-readable zone.

The zone is written by ICAO Doc 9303, part 4, apart from the parser. The issuer is Utopia, which the standard
reserves for specimens.
"""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from proofing_reader.specimens.cards import background, font, mark_specimen
from proofing_reader.specimens.people import Person
from proofing_reader.specimens.portraits import draw_portrait

ISSUER = "UTO"
_PAGE_MM = (125.0, 88.0)
_LINE_CHARACTERS = 44
_WEIGHTS = (7, 3, 1)
_PITCH_MM = 2.54
_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}


@dataclass(frozen=True, slots=True, repr=False)
class Passport:
    """A specimen: its page, and the two lines of its zone."""

    page: Image.Image
    lines: tuple[str, str]


def write_zone(person: Person) -> tuple[str, str]:
    """Return the two lines of 44 characters for *person*."""
    given = f"{person.given} {person.middle}" if person.middle else person.given
    names = f"P<{ISSUER}{_filled(person.family)}<<{_filled(given)}"
    number = f"{person.number:<<9.9}"
    birth, expires = (f"{day:%y%m%d}" for day in (person.birth, person.expires))
    checked = [f"{field}{_check_digit(field)}" for field in (number, birth, expires, "<" * 14)]
    sex = {"X": "<"}.get(person.sex, person.sex)
    last = _check_digit("".join(checked))
    second = f"{checked[0]}{ISSUER}{checked[1]}{sex}{checked[2]}{checked[3]}{last}"
    return f"{names:<<{_LINE_CHARACTERS}.{_LINE_CHARACTERS}}", second


def draw_passport(person: Person, rng: random.Random, *, pixels_per_mm: int = 16) -> Passport:
    """Draw the data page of *person*."""
    scale = pixels_per_mm
    size = (round(_PAGE_MM[0] * scale), round(_PAGE_MM[1] * scale))
    image = background(size, rng.randrange(360), "waves", rng)
    draw = ImageDraw.Draw(image)
    draw.text((8 * scale, 6 * scale), "PASSPORT", fill="#333333", font=font(4.5 * scale), anchor="lm")
    draw.text((117 * scale, 6 * scale), "UTOPIA", fill="#333333", font=font(4.5 * scale), anchor="rm")
    image.paste(draw_portrait(rng, 34 * scale, 44 * scale), (6 * scale, 14 * scale))
    top = 13.0 * scale
    for label, value in _printed(person):
        draw.text((45 * scale, top), label, fill="#555555", font=font(1.8 * scale))
        draw.text((45 * scale, top + 1.9 * scale), value, fill="black", font=font(3.2 * scale))
        top += 6.2 * scale
    mark_specimen(image)
    lines = write_zone(person)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 66 * scale, size[0], size[1]), fill="white")
    for row, line in enumerate(lines):
        y = (71 + 9 * row) * scale
        for at, character in enumerate(line):
            x = (6.5 + (at + 0.5) * _PITCH_MM) * scale
            draw.text((x, y), character, fill="black", font=font(3.6 * scale), anchor="mm")
    return Passport(page=image, lines=lines)


def _printed(person: Person) -> list[tuple[str, str]]:
    given = f"{person.given} {person.middle}" if person.middle else person.given
    return [
        ("Type / Code / No.", f"P   {ISSUER}   {person.number[:9]}"),
        ("Surname", person.family),
        ("Given names", given),
        ("Nationality", "UTOPIAN"),
        ("Date of birth", f"{person.birth:%d %b %Y}".upper()),
        ("Sex", person.sex),
        ("Date of issue", f"{person.issued:%d %b %Y}".upper()),
        ("Date of expiration", f"{person.expires:%d %b %Y}".upper()),
    ]


def _filled(name: str) -> str:
    """Return *name* as a zone writes it: letters, and fillers for what separates them."""
    return "<".join(name.replace("'", "").replace("-", " ").upper().split())


def _check_digit(field: str) -> int:
    values = (_VALUES.get(character, 0) for character in field)  # a filler counts nothing
    return sum(value * _WEIGHTS[at % 3] for at, value in enumerate(values)) % 10
