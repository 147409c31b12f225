"""Photos of specimens of passports, for the tests of the reader."""

import functools
from dataclasses import replace

from tests.plugins.vendors.reader.photos import encoded, on_table, rng_of, today

from proofing.contracts.images import Image
from proofing.rules.image_check import inspect_image
from proofing_reader.specimens.passports import Passport, draw_passport
from proofing_reader.specimens.people import Person, make_person


def passport(seed: int = 1, **changes: object) -> tuple[Passport, Person]:
    """Return a specimen, and who is on it, with *changes* of the person."""
    rng = rng_of(seed)
    person = replace(make_person(rng, "CA", today=today()), **changes)  # type: ignore[arg-type]
    return draw_passport(person, rng, pixels_per_mm=12), person


def page_photo(made: Passport, *, turn: float = 0) -> Image:
    """Return a photo of the page, as the check of images hands it on."""
    return inspect_image(encoded(on_table(made.page.convert("RGBA"), turn=turn)))


@functools.cache
def usual_page() -> Image:
    """Return a photo of the first specimen."""
    return page_photo(passport()[0])
