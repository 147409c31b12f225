"""Which lines of recognized text are side by side: a label and its value, at any tilt of the photo."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: Of the height of a line: how far the next one of its row may lie below it, and away from it.
_MOST_BELOW, _MOST_APART = 0.6, 5.0


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """Text where it was found.

    Attributes:
        confidence: of the recognition, 0 to 1.
        corners: upper left, upper right, lower right and lower left of the text as it is read, in pixels.
    """

    text: str
    confidence: float
    corners: tuple[tuple[float, float], ...]


def rows_of(lines: Sequence[Line]) -> list[tuple[str, float]]:
    """Return what is side by side as one text each, with the least of its confidences.

    A line that is alone is left out. Where two columns of a card touch, their rows are joined.
    """
    if not lines:
        return []
    turn = -median(_angle(line) for line in lines)
    placed = sorted((_Placed.of(line, turn) for line in lines), key=lambda one: one.left)
    rows: list[list[_Placed]] = []
    for one in placed:
        row = next((row for row in rows if row[-1].is_followed_by(one)), None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return [
        (" ".join(one.line.text for one in row), min(one.line.confidence for one in row))
        for row in rows
        if len(row) > 1
    ]


@dataclass(frozen=True, slots=True, repr=False)
class _Placed:
    """A line, and where it is when the text is level."""

    line: Line
    left: float
    right: float
    middle: float
    height: float

    @classmethod
    def of(cls, line: Line, turn: float) -> "_Placed":
        sine, cosine = math.sin(turn), math.cos(turn)
        places = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in line.corners]
        across, down = [x for x, _y in places], [y for _x, y in places]
        height = math.dist(line.corners[0], line.corners[3])
        return cls(line, min(across), max(across), (min(down) + max(down)) / 2, max(height, 1.0))

    def is_followed_by(self, other: "_Placed") -> bool:
        """Return whether *other* continues where this one ends."""
        size = max(self.height, other.height)
        is_level = abs(other.middle - self.middle) < _MOST_BELOW * size
        return is_level and -size < other.left - self.right < _MOST_APART * size


def _angle(line: Line) -> float:
    (x, y), (right, below) = line.corners[0], line.corners[1]
    return math.atan2(below - y, right - x)
