"""A host whose clock is wrong is reported, with the direction."""

import pytest

from proofing.registry.clocks import clock_advice


class Clock:
    """A backend whose clock shows 1000 s."""

    async def time(self):
        """Return it."""
        return 1000.0


@pytest.mark.parametrize(
    ("here", "said"), [(1060.0, "60.0 s ahead of"), (940.0, "60.0 s behind"), (1000.5, None)]
)
async def test_a_skewed_clock_is_advice(here, said):
    """Half a second is none."""
    advice = await clock_advice(Clock(), clock=lambda: here)
    assert advice == (
        () if said is None else (f"the clock of this host is {said} the backend's: set both by NTP",)
    )


async def test_a_backend_without_a_clock_is_not_judged():
    """Nothing is known of it."""
    assert await clock_advice(object()) == ()
