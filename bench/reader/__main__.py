"""The reader on photos of specimens with known truth: fields right, wrong data accepted, time and memory.

    python -m bench.reader [--photos 600] [--seed 1] [--drawn DIR] [--keep DIR]

Photos have 12 megapixels and are drawn by `proofing_reader.specimens`: forty layouts, eight distortions. All
are drawn first, by two processes, which takes some minutes; then they are read one after the other in a CPU
child, as a worker has them read, and nothing else runs. A second run with the same ``--drawn`` draws nothing.
"""

import argparse
import asyncio
import base64
import contextlib
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.reader.drawing import DAY, draw
from bench.report import Row, quantile, report
from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import CPUWorkError
from proofing_reader.aamva import read_barcode
from proofing_reader.card import Refused
from proofing_reader.settings import ReaderSettings
from proofing_reader.specimens.photos import Distortion
from proofing_reader.specimens.samples import plan_sample
from proofing_reader.specimens.truth import expected_of

#: Of all photos of a distortion, in percent.
UPRIGHT_BAR, BAR = 98, 95


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one photo came to: *right*, *wrong*, or what was said in place of data."""

    distortion: Distortion
    verdict: str
    cpu_seconds: float
    clock_seconds: float
    megabytes: float


async def read(pool: CPUPool, number: int, seed: int, photo: bytes) -> Outcome:
    """Have the *photo* *number* of the series *seed* read, and compare every field."""
    _, person, layout, distortion = plan_sample(number, seed=seed, today=DAY)
    expected = expected_of(person, layout)
    settings = ReaderSettings()
    started = time.perf_counter()
    try:
        found = await pool.run(
            "bench.reader.functions:measured",
            photo,
            {"seconds": settings.search_seconds},
            seconds=60,
            megabytes=settings.megabytes,
        )
    except CPUWorkError as error:
        return Outcome(distortion, f"cpu_{error.failure}", 0, time.perf_counter() - started, 0)
    clock = time.perf_counter() - started
    verdict = found["reading"]
    if found["payload"] is not None:
        try:
            card = read_barcode(base64.b64decode(found["payload"]), today=DAY)
        except Refused as refused:
            verdict = f"refused_{refused.code}"
        else:
            values = {name: getattr(card.applicant, name) for name in expected}
            verdict = "right" if values == expected else "wrong"
    return Outcome(distortion, verdict, found["cpu_seconds"], clock, found["peak_megabytes"])


async def measure(paths: Sequence[Path], seed: int, keep: Path | None) -> list[Outcome]:
    """Read the photos at *paths*, those of the series *seed*; put those that are not read into *keep*."""
    pool = CPUPool(1)
    found = []
    for number, path in enumerate(paths):
        photo = await asyncio.to_thread(path.read_bytes)
        outcome = await read(pool, number, seed, photo)
        found.append(outcome)
        if outcome.verdict != "right":
            layout = plan_sample(number, seed=seed, today=DAY)[2]
            print(f"{number}: {outcome.verdict}; {layout}; {outcome.distortion}", flush=True)
            if keep is not None:
                await asyncio.to_thread((keep / path.name).write_bytes, photo)
    await pool.close()
    return found


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the table."""
    by_distortion: dict[Distortion, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_distortion[outcome.distortion].append(outcome)
    found = [
        Row(
            measure=f"all fields right, {distortion} ({len(some)} photos)",
            unit="%",
            ours=_right(some),
            limit=f">= {UPRIGHT_BAR if distortion is Distortion.UPRIGHT else BAR} %",
        )
        for distortion, some in by_distortion.items()
    ]
    wrong = sum(outcome.verdict == "wrong" for outcome in outcomes)
    cpu = [outcome.cpu_seconds * 1000 for outcome in outcomes]
    clock = [outcome.clock_seconds * 1000 for outcome in outcomes]
    return [
        Row(
            measure=f"all fields right ({len(outcomes)} photos)",
            unit="%",
            ours=_right(outcomes),
            limit=f">= {BAR} %",
        ),
        *found,
        Row(measure="wrong data accepted", unit="", ours=wrong, limit="0"),
        Row(measure="CPU time, p50", unit="ms", ours=quantile(cpu, 0.5), limit="<= 250 ms"),
        Row(measure="CPU time, p95", unit="ms", ours=quantile(cpu, 0.95), limit="<= 1,000 ms"),
        Row(measure="by the clock, p50", unit="ms", ours=quantile(clock, 0.5)),
        Row(measure="by the clock, p95", unit="ms", ours=quantile(clock, 0.95)),
        Row(
            measure="memory of a child, most",
            unit="MiB",
            ours=max(outcome.megabytes for outcome in outcomes),
            limit="<= 400 MiB",
        ),
    ]


def _right(outcomes: Sequence[Outcome]) -> float:
    return 100 * sum(outcome.verdict == "right" for outcome in outcomes) / len(outcomes)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drawn", type=Path, default=None, help="where photos are kept for a second run")
    parser.add_argument("--keep", type=Path, default=None, help="where photos that are not read are put")
    options = parser.parse_args()
    print(f"{options.photos} photos, seed {options.seed}, from {datetime.now(UTC):%H:%M}", flush=True)
    with contextlib.ExitStack() as stack:
        directory = options.drawn or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(exist_ok=True)
        paths = draw(directory, options.photos, options.seed)
        print(f"drawn at {datetime.now(UTC):%H:%M}; load {os.getloadavg()[0]:.1f}", flush=True)
        report("reader", rows(asyncio.run(measure(paths, options.seed, options.keep))))


if __name__ == "__main__":
    main()
