"""Photos of specimens for the tests of the reader, small ones where size is not what is tested."""

import functools
import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from bench.reader_hostile.images import encoded, on_table

from proofing.contracts.images import Image
from proofing.rules.image_check import inspect_image
from proofing_reader.specimens.cards import Card, draw_card
from proofing_reader.specimens.layouts import LAYOUTS, Layout
from proofing_reader.specimens.people import Person, make_person


def today() -> date:
    """Return the day on which specimens are valid: readers ask the clock."""
    return datetime.now(UTC).date()


def rng_of(seed: int) -> random.Random:
    """Return the choices of a seed."""
    return random.Random(seed)  # noqa: S311 - of specimens


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A card of somebody who does not exist."""

    person: Person
    layout: Layout
    card: Card


def specimen(at: int = 34, seed: int = 1, *, pixels_per_mm: int = 14, **changes: object) -> Specimen:
    """Return a specimen of the layout *at*, with *changes* of the person."""
    rng, layout = rng_of(seed), LAYOUTS[at]
    person = replace(make_person(rng, layout.state, today=today()), **changes)  # type: ignore[arg-type]
    return Specimen(
        person=person, layout=layout, card=draw_card(person, layout, rng, pixels_per_mm=pixels_per_mm)
    )


@functools.cache
def back_photo(at: int = 34, seed: int = 1) -> Image:
    """Return a photo of the back of a specimen, as the check of images hands it on."""
    return inspect_image(encoded(on_table(specimen(at, seed).card.back)))
