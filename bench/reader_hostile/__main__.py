"""Hostile files to the reader: what they come to, and what they cost. None crashes it, or is read wrong.

    python -m bench.reader_hostile [--images 2000] [--texts 400] [--children 2]

Files are made by `bench.reader_hostile.images`: damaged, huge by their header, bombs, other types, metadata,
hostile barcodes. ``--images`` are put to the reader of barcodes, ``--texts`` as pages of passports to OCR, in
so many CPU children side by side. Times are CPU time in the child; the load of the machine is printed.
"""

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as time_of_day
from random import Random
from types import SimpleNamespace
from typing import Any

from bench.reader.drawing import DAY
from bench.reader_hostile.images import Hostile, hostile_of
from bench.report import Row, report
from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import CPUFailure, CPUWorkError
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import DocumentResult, Outcome
from proofing_reader.aamva import read_barcode
from proofing_reader.card import Refused
from proofing_reader.proofer import CardReader
from proofing_reader.settings import ReaderSettings
from proofing_reader.specimens.cards import draw_card
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.specimens.people import make_person

#: The function of the product to the one that also notes its costs.
_MEASURED = {
    "proofing_reader.vision:read_back": "bench.reader.functions:measured",
    "proofing_reader.print_reading:read_print": "bench.reader_ocr.functions:measured",
}
_NOW = datetime.combine(DAY, time_of_day(12), UTC)
_CRASHES = {f"cpu_{CPUFailure.CRASH}", f"cpu_{CPUFailure.RAISED}", f"cpu_{CPUFailure.ANSWER}"}
_LIMIT_SECONDS = 5
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Ended:
    """What one file came to."""

    number: int
    kind: str
    answer: str
    is_wrong: bool
    cpu_seconds: float
    clock_seconds: float
    megabytes: float


class _Meter:
    """A context of the proofer that has its functions measured."""

    def __init__(self, pool: CPUPool) -> None:
        self._pool = pool
        self.cpu_seconds = self.megabytes = 0.0

    async def cpu(self, function: str, data: bytes, args: Any, *, cpu_seconds: int, **bounds: Any) -> Any:
        """Call what measures *function*; one that the kernel ends took all of its CPU seconds."""
        try:
            found = await self._pool.run(_MEASURED[function], data, args, cpu_seconds=cpu_seconds, **bounds)
        except CPUWorkError as error:
            if error.failure is CPUFailure.PROCESSOR:
                self.cpu_seconds = float(cpu_seconds)
            raise
        self.cpu_seconds, self.megabytes = found["cpu_seconds"], found["peak_megabytes"]
        return found

    def context(self) -> Any:
        """Return what the proofer is given."""
        return SimpleNamespace(cpu=self.cpu, now=lambda: _NOW, remaining_seconds=lambda: 120.0)


async def ask(pool: CPUPool, hostile: Hostile, number: int, *, is_text: bool) -> Ended:
    """Put the file *number* to the reader."""
    made = await asyncio.to_thread(hostile.make, number)
    meter = _Meter(pool)
    reader = CardReader(ReaderSettings(), reads_zones=is_text)
    request = ProofingRequest(
        images={Side.PASSPORT if is_text else Side.BACK: Image(made.content, "image/jpeg")}
    )
    started = time.perf_counter()
    is_wrong = False
    try:
        result = await reader.proof(request, meter.context())
    except CPUWorkError as error:
        answer = f"no answer: cpu_{error.failure}"
    except Exception as error:  # noqa: BLE001 - what is counted
        answer = f"untyped: {type(error).__name__}"
    else:
        answer = result.reasons[0]
        is_wrong = result.outcome is Outcome.PASSED and (is_text or not _holds(made.payload, result))
    clock = time.perf_counter() - started
    return Ended(number, made.kind, answer, is_wrong, meter.cpu_seconds, clock, meter.megabytes)


def _holds(payload: bytes, result: DocumentResult) -> bool:
    """Return whether *payload* says what was read."""
    try:
        return read_barcode(payload, today=DAY).applicant == result.applicant
    except Refused:
        return False


async def measure(hostile: Hostile, count: int, children: int, *, is_text: bool) -> list[Ended]:
    """Put *count* files to the reader, as many side by side as there are *children*."""
    pool = CPUPool(children)
    numbers, found = iter(range(count)), []

    async def take(numbers: Iterator[int]) -> None:
        for number in numbers:
            found.append(await ask(pool, hostile, number, is_text=is_text))
            if len(found) % 100 == 0:
                print(f"{len(found)} at {datetime.now(UTC):%H:%M}, load {os.getloadavg()[0]:.1f}", flush=True)

    await asyncio.gather(*(take(numbers) for _ in range(children)))
    await pool.close()
    return found


def rows(what: str, outcomes: list[Ended]) -> list[Row]:
    """Print what the slowest are, and return the table."""
    print(f"{what}: {Counter(one.answer for one in outcomes).most_common()}")
    for one in sorted(outcomes, key=lambda one: -one.cpu_seconds)[:_SHOWN]:
        times = f"{one.cpu_seconds:.2f} s of CPU, {one.clock_seconds:.2f} s"
        print(f"  {times}: {one.number}, {one.kind}, {one.answer}")
    crashes = sum(one.answer.removeprefix("no answer: ") in _CRASHES for one in outcomes)
    untyped = sum(one.answer.startswith("untyped") for one in outcomes)
    return [
        Row(measure=f"{what}: files", unit="", ours=len(outcomes)),
        Row(measure=f"{what}: crashes", unit="", ours=crashes, limit="0"),
        Row(measure=f"{what}: untyped answers", unit="", ours=untyped, limit="0"),
        Row(measure=f"{what}: wrong data", unit="", ours=sum(one.is_wrong for one in outcomes), limit="0"),
        Row(
            measure=f"{what}: CPU time, most",
            unit="s",
            ours=max(one.cpu_seconds for one in outcomes),
            limit=f"<= {_LIMIT_SECONDS} s",
        ),
        Row(measure=f"{what}: by the clock, most", unit="s", ours=max(one.clock_seconds for one in outcomes)),
        Row(
            measure=f"{what}: memory of a child, most",
            unit="MiB",
            ours=max(one.megabytes for one in outcomes),
        ),
    ]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--children", type=int, default=2)
    options = parser.parse_args()
    rng = Random(1)  # noqa: S311 - a seed repeats the series
    layout = LAYOUTS[16]
    hostile = hostile_of(draw_card(make_person(rng, layout.state, today=DAY), layout, rng, pixels_per_mm=14))
    print(f"from {datetime.now(UTC):%H:%M}, load {os.getloadavg()[0]:.1f}", flush=True)
    table = []
    for what, count, is_text in (("barcodes", options.images, False), ("text", options.texts, True)):
        if count:
            outcomes = asyncio.run(measure(hostile, count, options.children, is_text=is_text))
            table += rows(what, outcomes)
    report("reader_hostile", table)


if __name__ == "__main__":
    main()
