"""The intervals of benchmarks: what is alike does not differ, and what is slower is noticed."""

import random

import pytest
from bench.shadows.intervals import Change, change_of


def rounds(factor, seed):
    """Return ten rounds of latencies, each with a mood of its own, as of a machine."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    moods = [1 + 0.03 * number / 10 for number in range(10)]
    return [[factor * mood * (300 + chance.expovariate(0.2)) for _ in range(200)] for mood in moods]


def test_what_is_alike():
    """Two per cent lie outside of the interval, and nothing lies within."""
    found = change_of(rounds(1.0, 1), rounds(1.0, 2), share=0.99)
    assert found.low < 0 < found.high
    assert found.is_at_most(2.0) is True


def test_what_is_slower():
    """By five per cent, which are more than two."""
    found = change_of(rounds(1.05, 1), rounds(1.0, 2), share=0.99)
    assert found.low < 5 < found.high
    assert found.is_at_most(2.0) is False


@pytest.mark.parametrize(("low", "high", "expected"), [(-1, 2, True), (-1, 2.1, None), (2.1, 3, False)])
def test_what_an_interval_shows(low, high, expected):
    """It may show neither."""
    assert Change(percent=(low + high) / 2, low=low, high=high).is_at_most(2.0) is expected
