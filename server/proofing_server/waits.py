"""How long a request has waited for others: its browser, and forms that were complete before its own.

A form's own time, which is bounded, does not count that: each of these waits has a bound of its own.
"""

import contextlib
import time
from collections.abc import Iterator

from starlette.types import Scope

_KEY = "proofing.waits"


class Waits:
    """The waits of one request, one after the other."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ended = 0.0
        self._since: float | None = None

    @classmethod
    def of(cls, scope: Scope) -> "Waits":
        """Return those of the request of *scope*."""
        waits: Waits = scope.setdefault(_KEY, cls())
        return waits

    @property
    def seconds(self) -> float:
        """All of them so far, the one in progress included."""
        return self._ended + (time.monotonic() - self._since if self._since is not None else 0.0)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count the length of the block as a wait."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._ended, self._since = self.seconds, None
