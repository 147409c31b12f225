"""Finds where in a gray image many parallel edges lie close together, as in a barcode, and their angle.

The structure tensor of the image, in cells: differences of neighbors in four directions give the energy of
edges and their direction by its double angle. A PDF417 is a region of cells whose edges agree on a
direction. Everything that touches pixels is done by Pillow; Python counts cells alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageChops

#: Side of a cell in pixels.
CELL = 16
#: Directions are counted in bins of so many degrees.
_BIN_DEGREES = 6
_BINS = 180 // _BIN_DEGREES
#: Edges of a region agree on its direction within so many degrees.
_SPREAD_DEGREES = 18.0
#: Of the energy of a cell, how much has its direction, at least.
_MIN_COHERENCE = 0.25
#: Cells with less than this share of the energy of the strongest cells do not count.
_MIN_ENERGY = 0.06
_MIN_CELLS = 6
_SQUARES = [value * value for value in range(256)]


@dataclass(frozen=True, slots=True)
class Region:
    """Where a barcode may be.

    Attributes:
        x, y: its center in pixels of the image.
        angle: degrees by which its bars are turned from upright, clockwise as seen; -90 to 90.
        width: across the bars, in pixels; height: along them.
        weight: how much of the image's edges it holds.
        density: the share of it that has such edges.
    """

    x: float
    y: float
    angle: float
    width: float
    height: float
    weight: float
    density: float

    def scaled(self, factor: float) -> "Region":
        """Return the same region of an image that is larger by *factor*."""
        place = {"x": self.x * factor, "y": self.y * factor}
        return replace(self, **place, width=self.width * factor, height=self.height * factor)

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point of the image lies in it."""
        turn = math.radians(self.angle)
        x, y = x - self.x, y - self.y
        u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        return abs(u) < self.width / 2 and abs(v) < self.height / 2


@dataclass(frozen=True, slots=True)
class _Cell:
    angle: float  # of the gradient, degrees, 0 to 180
    weight: float  # root of the energy, by its coherence


def find_regions(image: Image.Image, most: int = 4) -> list[Region]:
    """Return at most so many regions of *image*, the likeliest first."""
    if min(image.size) <= CELL:
        return []
    columns, rows = -(-(image.width - 1) // CELL), -(-(image.height - 1) // CELL)
    cells = _coherent_cells(image)
    regions: list[Region] = []
    for peak in _peaks(cells):
        near = {place for place, cell in cells.items() if abs(_turn(cell.angle - peak)) < _SPREAD_DEGREES}
        regions += [_region(group, cells, columns) for group in _groups(near, columns, rows)]
    regions.sort(key=lambda region: region.weight, reverse=True)
    return _apart(regions)[:most]


def measure_angle(image: Image.Image) -> float:
    """Return the direction of most edges of *image*, in degrees from upright bars, -90 to 90."""
    cosine = sine = 0.0
    for across, along, one, other in zip(*_energies(image), strict=True):
        cosine += across - along
        sine += (one - other) / 2
    return math.degrees(math.atan2(sine, cosine)) / 2


def _energies(image: Image.Image) -> list[list[float]]:
    """Return the mean squares of differences by cell: across, down, and along both diagonals."""
    width, height = image.width - 1, image.height - 1
    here = image.crop((0, 0, width, height))
    right = image.crop((1, 0, width + 1, height))
    below = image.crop((0, 1, width, height + 1))
    diagonal = image.crop((1, 1, width + 1, height + 1))
    pairs = ((right, here), (below, here), (diagonal, here), (below, right))
    found: list[list[float]] = []
    for one, other in pairs:
        squares = ImageChops.difference(one, other).point(_SQUARES, "F")
        values: Any = squares.reduce(CELL).get_flattened_data()  # floats, in this mode
        found.append(list(values))
    return found


def _coherent_cells(image: Image.Image) -> dict[int, _Cell]:
    """Return the cells with strong edges of one direction, by their place: row by row, from the left."""
    across, down, one, other = _energies(image)
    energies = [a + b for a, b in zip(across, down, strict=True)]
    floor = sorted(energies)[-1 - len(energies) // 100] * _MIN_ENERGY
    cells = {}
    for place, energy in enumerate(energies):
        if energy <= floor:
            continue
        cosine, sine = across[place] - down[place], (one[place] - other[place]) / 2
        coherence = math.hypot(cosine, sine) / energy
        if coherence > _MIN_COHERENCE:
            angle = math.degrees(math.atan2(sine, cosine)) / 2 % 180
            cells[place] = _Cell(angle, math.sqrt(energy) * coherence)
    return cells


def _peaks(cells: dict[int, _Cell]) -> Iterator[float]:
    """Yield the directions, in degrees, that most edges have; at most three."""
    bins = [0.0] * _BINS
    for cell in cells.values():
        bins[int(cell.angle / _BIN_DEGREES) % _BINS] += cell.weight
    smooth = [bins[at - 1] / 2 + bins[at] + bins[(at + 1) % _BINS] / 2 for at in range(_BINS)]
    most = max(smooth)
    order = sorted(range(_BINS), key=smooth.__getitem__, reverse=True)
    chosen: list[float] = []
    for at in order:
        angle = (at + 0.5) * _BIN_DEGREES
        if smooth[at] <= most / 10 or len(chosen) == 3:  # noqa: PLR2004 - as documented
            return
        if all(abs(_turn(angle - other)) > _SPREAD_DEGREES for other in chosen):
            chosen.append(angle)
            yield angle


def _groups(near: set[int], columns: int, rows: int) -> Iterator[list[int]]:
    """Yield the groups of cells that touch, over gaps of one cell; each is a list of places."""
    while near:
        group, waiting = [], [near.pop()]
        while waiting:
            place = waiting.pop()
            group.append(place)
            row, column = divmod(place, columns)
            for other_row in range(max(0, row - 2), min(rows, row + 3)):
                first = other_row * columns
                for other in range(first + max(0, column - 2), first + min(columns, column + 3)):
                    if other in near:
                        near.remove(other)
                        waiting.append(other)
        if len(group) >= _MIN_CELLS:
            yield group


def _region(group: list[int], cells: dict[int, _Cell], columns: int) -> Region:
    """Return the box around *group*, turned as its edges are."""
    cosine = sine = 0.0
    for place in group:
        cell = cells[place]
        cosine += math.cos(math.radians(2 * cell.angle)) * cell.weight
        sine += math.sin(math.radians(2 * cell.angle)) * cell.weight
    direction = math.atan2(sine, cosine) / 2
    across, along = math.cos(direction), math.sin(direction)
    us, vs = [], []
    for place in group:
        row, column = divmod(place, columns)
        x, y = (column + 0.5) * CELL, (row + 0.5) * CELL
        us.append(x * across + y * along)
        vs.append(y * across - x * along)
    us.sort()
    vs.sort()
    trim = len(us) // 100
    left, right, top, bottom = us[trim], us[-1 - trim], vs[trim], vs[-1 - trim]
    u, v = (left + right) / 2, (top + bottom) / 2
    width, height = right - left + CELL, bottom - top + CELL
    return Region(
        x=u * across - v * along,
        y=u * along + v * across,
        angle=math.degrees(direction),
        width=width,
        height=height,
        weight=math.hypot(cosine, sine),
        density=len(group) * CELL * CELL / (width * height),
    )


def _apart(regions: list[Region]) -> list[Region]:
    """Return *regions* without those whose center lies in a heavier one of about the same direction."""
    kept: list[Region] = []
    for region in regions:
        if not any(_repeats(other, region) for other in kept):
            kept.append(region)
    return kept


def _repeats(outer: Region, inner: Region) -> bool:
    return outer.holds(inner.x, inner.y) and abs(_turn(outer.angle - inner.angle)) < 2 * _SPREAD_DEGREES


def _turn(degrees: float) -> float:
    """Return the same direction of a line in -90 to 90 degrees."""
    return (degrees + 90) % 180 - 90
