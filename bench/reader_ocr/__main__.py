"""The reader's OCR on photos of specimens with known truth: zones of passports, and fronts of cards.

    python -m bench.reader_ocr [--photos 100] [--seed 1]

Every second photo is the page of a passport, every other one the front of a card; photos have 12 megapixels
and the distortions of `proofing_reader.specimens`, but glare, which hides text for good. They are recognized
one after the other in a CPU child. Times are CPU time in the child, as in `bench.reader`.
"""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.reader.drawing import DAY
from bench.report import Row, quantile, report
from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import CPUWorkError
from proofing_reader.aamva import read_barcode
from proofing_reader.card import Refused
from proofing_reader.compare import Agreement, Item, RecognizedText, compare_lines
from proofing_reader.printed import recognized
from proofing_reader.settings import ReaderSettings
from proofing_reader.specimens.cards import draw_card
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.specimens.passports import draw_passport
from proofing_reader.specimens.people import make_person
from proofing_reader.specimens.photos import Distortion, choose, photograph
from proofing_reader.zones import find_zone

_DISTORTIONS = [one for one in Distortion if one is not Distortion.GLARE]
_ITEMS = (Item.FAMILY_NAME, Item.GIVEN_NAME, Item.BIRTH_DATE, Item.EXPIRATION, Item.NUMBER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one photo came to.

    Attributes:
        verdict: of a passport: right, wrong, or why it was refused; of a front: compared.
        agreements: of a front: how each of its items compares with the barcode of the same card.
    """

    distortion: Distortion
    verdict: str
    agreements: tuple[Agreement, ...]
    cpu_seconds: float
    clock_seconds: float
    megabytes: float


async def read(pool: CPUPool, number: int, seed: int) -> Outcome:
    """Draw one photo, have it recognized, and compare."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - a seed repeats the series
    layout = LAYOUTS[number // 2 % len(LAYOUTS)]
    distortion = _DISTORTIONS[number // 2 % len(_DISTORTIONS)]
    person = make_person(rng, layout.state, today=DAY)
    conditions = choose(distortion, rng)
    passport = draw_passport(person, rng) if number % 2 == 0 else None
    card = draw_card(person, layout, rng)
    side = card.front if passport is None else passport.page.convert("RGBA")
    photo = await asyncio.to_thread(photograph, side, conditions, rng)
    started = time.perf_counter()
    megabytes = ReaderSettings().ocr_megabytes
    try:
        found = await pool.run("bench.reader_ocr.functions:measured", photo, seconds=120, megabytes=megabytes)
    except CPUWorkError as error:
        return Outcome(distortion, f"cpu_{error.failure}", (), 0, time.perf_counter() - started, 0)
    clock = time.perf_counter() - started
    lines = recognized(found)
    if passport is not None:
        verdict, agreements = _of_passport(lines, passport.lines), tuple[Agreement, ...]()
    else:
        compared = compare_lines(read_barcode(card.payload, today=DAY), lines)
        verdict, agreements = "compared", tuple(one.agreement for one in compared if one.item in _ITEMS)
    return Outcome(distortion, verdict, agreements, found["cpu_seconds"], clock, found["peak_megabytes"])


def _of_passport(lines: Sequence[RecognizedText], zone: Sequence[str]) -> str:
    try:
        return "right" if find_zone(lines, today=DAY).lines == tuple(zone) else "wrong"
    except Refused as refused:
        return f"refused_{refused.code}"


async def measure(count: int, seed: int) -> list[Outcome]:
    """Read *count* photos of the series *seed*."""
    pool = CPUPool(1)
    found = []
    for number in range(count):
        outcome = await read(pool, number, seed)
        found.append(outcome)
        print(f"{number}: {outcome}", flush=True)
    await pool.close()
    return found


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the table."""
    passports = [one for one in outcomes if not one.agreements and one.verdict != "compared"]
    agreements = [agreement for one in outcomes for agreement in one.agreements]
    cpu = [one.cpu_seconds * 1000 for one in outcomes]
    clock = [one.clock_seconds * 1000 for one in outcomes]

    def share(agreement: Agreement) -> float:
        return 100 * agreements.count(agreement) / max(len(agreements), 1)

    right = 100 * sum(one.verdict == "right" for one in passports) / max(len(passports), 1)
    return [
        Row(measure=f"zones read ({len(passports)} passports)", unit="%", ours=right),
        Row(measure="wrong zones", unit="", ours=sum(one.verdict == "wrong" for one in passports), limit="0"),
        Row(measure=f"items of fronts that match ({len(agreements)})", unit="%", ours=share(Agreement.MATCH)),
        Row(measure="items not compared", unit="%", ours=share(Agreement.NOT_COMPARED)),
        Row(measure="items that differ, of the same card", unit="%", ours=share(Agreement.DIFFERS)),
        Row(measure="CPU time, p50", unit="ms", ours=quantile(cpu, 0.5)),
        Row(measure="CPU time, p95", unit="ms", ours=quantile(cpu, 0.95), limit="<= 4,000 ms"),
        Row(measure="by the clock, p50", unit="ms", ours=quantile(clock, 0.5)),
        Row(measure="by the clock, p95", unit="ms", ours=quantile(clock, 0.95)),
        Row(
            measure="memory of a child, most",
            unit="MiB",
            ours=max(one.megabytes for one in outcomes),
            limit="<= 900 MiB",
        ),
    ]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    at = f"{datetime.now(UTC):%H:%M}"
    print(f"{options.photos} photos, seed {options.seed}, from {at}, load {load:.1f}", flush=True)
    report("reader_ocr", rows(asyncio.run(measure(options.photos, options.seed))))


if __name__ == "__main__":
    main()
