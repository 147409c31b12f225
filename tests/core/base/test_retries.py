"""Steps that are tried again while a store is down."""

import pytest

from proofing.base import retries
from proofing.base.errors import StoreUnavailableError
from proofing.base.retries import retry_while_unavailable


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """A clock in place of that of the module."""
    clock = Clock()
    monkeypatch.setattr(retries, "time", clock)
    monkeypatch.setattr(retries, "asyncio", clock)
    return clock


def away_until(clock, moment):
    """Return a step that fails until *moment*."""

    async def step():
        if clock.now < moment:
            raise StoreUnavailableError("away")
        return clock.now

    return step


@pytest.mark.parametrize("moment", [0.0, 0.5, 3.2, 6.4, 13.9])
async def test_a_store_that_is_back_is_noticed_within_a_second(clock, moment):
    """However long it was down: pages give up on an attempt whose submit is not taken back in time."""
    assert moment <= await retry_while_unavailable(away_until(clock, moment)) <= moment + 1


async def test_patience_ends(clock):
    """The error of the last try is raised in time."""
    with pytest.raises(StoreUnavailableError):
        await retry_while_unavailable(away_until(clock, 100.0), retry_seconds=15.0)
    assert 14.0 <= clock.now <= 15.0
