"""How far a percentile has changed, and how sure that is: a bootstrap over the rounds of one run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.report import quantile

_RESAMPLES = 1000
#: Of the interval, two-sided.
_CONFIDENCE = 0.95

#: The latencies of each round.
Rounds = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in percent, with the interval in which it lies with a confidence of 95 %."""

    percent: float
    low: float
    high: float

    def is_at_most(self, percent: float) -> bool | None:
        """Return whether the change is shown to be so small, or to be larger; None for neither."""
        if self.high <= percent:
            return True
        return False if self.low > percent else None


def change_of(with_it: Rounds, without: Rounds, *, share: float, seed: int = 1) -> Change:
    """Return by how much the quantile *share* of all latencies differs between the two.

    Rounds are drawn again with replacement, both sides of a round together: what a round had in common, as a
    busy moment of the machine, is not taken for chance of single jobs.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    numbers = range(len(without))
    found = sorted(
        _percent(with_it, without, chance.choices(numbers, k=len(numbers)), share) for _ in range(_RESAMPLES)
    )
    tail = (1 - _CONFIDENCE) / 2
    return Change(
        percent=_percent(with_it, without, numbers, share),
        low=quantile(found, tail),
        high=quantile(found, 1 - tail),
    )


def _percent(with_it: Rounds, without: Rounds, numbers: Sequence[int], share: float) -> float:
    """Return the change in percent over the rounds *numbers*."""
    ours, theirs = (
        quantile([one for number in numbers for one in rounds[number]], share)
        for rounds in (with_it, without)
    )
    return (ours / theirs - 1) * 100
