"""Waits grow to their bound, keep to their jitter, and begin again after a success."""

import pytest

from proofing.base.backoff import Backoff, jittered


def test_waits_double_up_to_the_longest():
    """Without jitter the sequence is exact."""
    backoff = Backoff(1.0, 5.0, jitter=(1.0, 1.0))
    assert [backoff.next_seconds() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_success_begins_again():
    """After a reset `is_first` is true and the waits start over."""
    backoff = Backoff(1.0, 60.0, jitter=(1.0, 1.0))
    assert backoff.is_first
    backoff.next_seconds()
    assert not backoff.is_first
    backoff.reset()
    assert backoff.is_first
    assert backoff.next_seconds() == 1.0


def test_jitter_stays_within_its_bounds():
    """Every wait is different, and none is longer than it may be."""
    waits = [Backoff(8.0, 8.0).next_seconds() for _ in range(200)]
    assert 4.0 <= min(waits) < max(waits) <= 8.0
    spread = [jittered(10.0) for _ in range(200)]
    assert 8.0 <= min(spread) < max(spread) <= 12.0


async def test_sleep_takes_the_next_wait():
    """And makes the one after it longer."""
    backoff = Backoff(0.001, 1.0, jitter=(1.0, 1.0))
    await backoff.sleep()
    assert backoff.next_seconds() == pytest.approx(0.002)
