"""Draws the photos of a measurement, before it begins."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

from proofing_reader.specimens.samples import take_sample

#: The day of every measurement: on another one other specimens would have expired.
DAY = date(2026, 11, 30)


def drawn_at(directory: Path, number: int, seed: int) -> Path:
    """Draw the photo *number* of the series *seed*, unless it is there; return its file."""
    path = directory / f"{seed}-{number}.jpg"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(take_sample(number, seed=seed, today=DAY).photo)
        unfinished.rename(path)
    return path


def draw(directory: Path, count: int, seed: int) -> list[Path]:
    """Draw *count* photos into *directory*."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        numbers = range(count)
        return list(executor.map(drawn_at, [directory] * count, numbers, [seed] * count, chunksize=8))
