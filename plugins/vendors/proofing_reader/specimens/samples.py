"""A series of photos with known truth, for measuring readers: every layout under every distortion."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from proofing_reader.specimens.cards import draw_card
from proofing_reader.specimens.layouts import LAYOUTS, Layout
from proofing_reader.specimens.people import Person, make_person
from proofing_reader.specimens.photos import PHOTO_SIZE, Conditions, Distortion, choose, photograph
from proofing_reader.specimens.truth import expected_of


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sample:
    """One photo, and what is known of it.

    Attributes:
        photo: JPEG of a back.
        payload: what its barcode holds.
        expected: what must be read of it, by attribute of an `Applicant`.
    """

    number: int
    layout: Layout
    distortion: Distortion
    conditions: Conditions
    photo: bytes
    payload: bytes
    expected: Mapping[str, object]


def plan_sample(number: int, *, seed: int, today: date) -> tuple[random.Random, Person, Layout, Distortion]:
    """Return who and what the photo *number* of the series *seed* shows, and the dice that draw it.

    Distortions take turns; after each of them has had its turn, the layout changes. 320 numbers are every
    layout under every distortion.
    """
    distortions = list(Distortion)
    distortion = distortions[number % len(distortions)]
    layout = LAYOUTS[number // len(distortions) % len(LAYOUTS)]
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - a seed repeats the series
    return rng, make_person(rng, layout.state, today=today), layout, distortion


def take_sample(
    number: int, *, seed: int, today: date, size: tuple[int, int] = PHOTO_SIZE, mode: str = "YCbCr"
) -> Sample:
    """Return the photo *number* of the series *seed*."""
    rng, person, layout, distortion = plan_sample(number, seed=seed, today=today)
    card = draw_card(person, layout, rng)
    conditions = choose(distortion, rng, module_mm=layout.module_mm)
    return Sample(
        number=number,
        layout=layout,
        distortion=distortion,
        conditions=conditions,
        photo=photograph(card.back, conditions, rng, size=size, mode=mode),
        payload=card.payload,
        expected=expected_of(person, layout),
    )
