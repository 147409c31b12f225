"""What `proofing sample-card` and `proofing smoke` show: the images of one specimen."""

import io
import random
from collections.abc import Mapping
from datetime import UTC, datetime

from PIL import Image

from proofing_reader.specimens.cards import draw_card
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.specimens.passports import draw_passport
from proofing_reader.specimens.people import Person, make_person

_STATES = sorted({layout.state for layout in LAYOUTS})


def draw_specimen(
    *, seed: int | None = None, state: str | None = None, passport: bool = False
) -> tuple[Mapping[str, bytes], str]:
    """Return JPEG images of one specimen by their side, and a sentence that says who is on it.

    Args:
        seed: draws the same specimen again, all year; None for any.
        state: two letters of the issuer, in either case; None for any.
        passport: whether it is the page of a passport, and no license.

    Raises:
        ValueError: there are no specimens of *state*; the message names those that there are.
    """
    rng = random.Random(seed)  # noqa: S311 - a seed repeats the specimen
    layouts = [layout for layout in LAYOUTS if state is None or state.upper() == layout.state]
    if not layouts:
        raise ValueError(f"--state must be one of {', '.join(_STATES)}")
    layout = rng.choice(layouts)
    person = make_person(rng, layout.state, today=datetime.now(UTC).date())
    if passport:
        sides = {"passport": draw_passport(person, rng).page}
    else:
        card = draw_card(person, layout, rng)
        sides = {"front": card.front, "back": card.back}
    return {side: _on_table(image) for side, image in sides.items()}, _person_line(person)


def _on_table(image: Image.Image) -> bytes:
    """Return *image* on a light table, as a JPEG."""
    around = image.width // 24
    table = Image.new("RGB", (image.width + 2 * around, image.height + 2 * around), "#e9e9e6")
    table.paste(image, (around, around), image if image.mode == "RGBA" else None)
    file = io.BytesIO()
    table.save(file, "JPEG", quality=90)
    return file.getvalue()


def _person_line(person: Person) -> str:
    """Return who is on it; nobody real."""
    name = " ".join(filter(None, (person.given, person.middle, person.family, person.suffix)))
    return f"A made-up person: {name}, born {person.birth:%m/%d/%Y}"
