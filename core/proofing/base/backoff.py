"""Waits between tries that grow, with jitter, so that many processes do not try at the same moment."""

import asyncio
import random

_GROWTH = 2.0


class Backoff:
    """The waits of one loop: each twice as long as the one before, up to the longest."""

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float,
        *,
        jitter: tuple[float, float] = (0.5, 1.0),
    ) -> None:
        """Begin with the first wait.

        Args:
            first_seconds: before jitter.
            longest_seconds: no wait is longer, before jitter.
            jitter: each wait is multiplied by a random number between these two.
        """
        self._first = first_seconds
        self._longest = longest_seconds
        self._jitter = jitter
        self._next = first_seconds

    @property
    def is_first(self) -> bool:
        """Whether nothing has failed since the last `reset`."""
        return self._next == self._first

    def next_seconds(self) -> float:
        """Return the next wait in seconds; the one after it is longer."""
        seconds = self._next * random.uniform(*self._jitter)  # noqa: S311 - jitter, not a secret
        self._next = min(self._next * _GROWTH, self._longest)
        return seconds

    async def sleep(self) -> None:
        """Sleep for the next wait."""
        await asyncio.sleep(self.next_seconds())

    def reset(self) -> None:
        """Begin again with the first wait: the step has succeeded."""
        self._next = self._first


def jittered(seconds: float, share: float = 0.2) -> float:
    """Return *seconds*, more or less by a random part of at most *share*."""
    return seconds * random.uniform(1 - share, 1 + share)  # noqa: S311 - jitter, not a secret
