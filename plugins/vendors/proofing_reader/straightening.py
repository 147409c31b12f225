"""Straightens the barcode of a bent card, whose rows are waves and which no decoder can follow.

In vertical strips of an image with upright bars, the barcode is where the differences across are. Its upper
and lower edges, strip by strip, are two curves; what lies between them is drawn as a rectangle.
"""

from itertools import pairwise
from statistics import median
from typing import Any

from PIL import Image, ImageChops

_STRIPS = 28
#: Height of a cell in pixels.
_CELL = 4
#: Cells of the barcode have at least this share of the energy of strong cells.
_SHARE = 0.2
#: A gap of so many cells still belongs to a barcode; the white around it is wider.
_GAP = 2
#: How much of the edges' height two strips that lie together may differ by.
_TOLERANCE = 0.35
_SQUARES = [value * value for value in range(256)]


def straighten(image: Image.Image) -> Image.Image | None:
    """Return the barcode of *image*, whose bars are upright, with straight rows; None when there is none."""
    width = image.width // _STRIPS
    if width < _CELL or image.height < 8 * _CELL:
        return None
    edges = _edges(_energies(image, width))
    if not any(edges):
        return None
    tops, bottoms = (_smooth([edge[at] if edge else None for edge in edges]) for at in (0, 1))
    height = median(bottoms) - median(tops)
    if height < 6 * _CELL:
        return None
    margin = height * 0.12
    size = (width * _STRIPS, round(height + 2 * margin))
    lines = list(zip(_borders(tops), _borders(bottoms), strict=True))
    mesh = []
    for at, ((top, bottom), (next_top, next_bottom)) in enumerate(pairwise(lines)):
        left, right = at * width, (at + 1) * width
        quad = (
            *(left, top - margin, left, bottom + margin),
            *(right, next_bottom + margin, right, next_top - margin),
        )
        mesh.append(((left, 0, right, size[1]), quad))
    return image.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR, fillcolor=255)


def _energies(image: Image.Image, width: int) -> list[list[float]]:
    """Return for each strip of *width* pixels the mean squares of differences across, from the top."""
    differences = ImageChops.difference(image, ImageChops.offset(image, 1, 0)).point(_SQUARES, "F")
    cells = differences.crop((0, 0, width * _STRIPS, image.height)).reduce((width, _CELL))
    values: Any = cells.get_flattened_data()  # floats, in this mode
    return [list(values[at :: cells.width]) for at in range(_STRIPS)]


def _edges(strips: list[list[float]]) -> list[tuple[float, float] | None]:
    """Return where the barcode begins and ends in each strip, in pixels; None where it is not found."""
    ordered = sorted(value for strip in strips for value in strip)
    floor = ordered[len(ordered) * 3 // 4] * _SHARE
    runs = [_runs(strip, floor) for strip in strips]
    found: list[tuple[float, float] | None] = [None] * len(runs)
    middle = range(len(runs) // 4, len(runs) * 3 // 4)
    longest = [max(runs[at], key=lambda run: run[1] - run[0], default=None) for at in middle]
    heights = [run[1] - run[0] for run in longest if run]
    if not heights:
        return found
    usual = median(heights)
    start = next(
        at for at, run in zip(middle, longest, strict=True) if run and run[1] - run[0] <= usual * 1.1
    )
    for way in (range(start, len(runs)), range(start - 1, -1, -1)):
        known = max(runs[start], key=lambda run: run[1] - run[0])
        for at in way:
            near = min(
                runs[at], key=lambda run: abs(run[0] - known[0]) + abs(run[1] - known[1]), default=None
            )
            if near is None or abs(near[0] - known[0]) + abs(near[1] - known[1]) > _TOLERANCE * usual:
                continue
            found[at] = near
            known = near
    return found


def _runs(strip: list[float], floor: float) -> list[tuple[float, float]]:
    """Return where *strip* has cells above *floor* in a row, in pixels."""
    runs: list[tuple[float, float]] = []
    start, last = None, 0
    for at, value in enumerate([*strip, *([0.0] * (_GAP + 1))]):
        if value > floor:
            start = at if start is None else start
            last = at
        elif start is not None and at - last > _GAP:
            runs.append((start * _CELL, (last + 1) * _CELL))
            start = None
    return runs


def _smooth(values: list[float | None]) -> list[float]:
    """Return a smooth curve through *values*, of which some, but not all, may be missing."""
    known = [at for at, value in enumerate(values) if value is not None]
    whole = []
    for at in range(len(values)):
        nearest = min(known, key=lambda other: abs(other - at))
        whole.append(values[nearest] or 0.0)
    medians = [median(whole[max(0, at - 1) : at + 2]) for at in range(len(whole))]
    return [
        sum(medians[max(0, at - 1) : at + 2]) / len(medians[max(0, at - 1) : at + 2])
        for at in range(len(medians))
    ]


def _borders(values: list[float]) -> list[float]:
    """Return the values between strips, from those in the middle of each."""
    inner = [(one + other) / 2 for one, other in pairwise(values)]
    first, last = 2 * values[0] - inner[0], 2 * values[-1] - inner[-1]
    return [first, *inner, last]
