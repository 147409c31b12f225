"""Keeps what strangers can repeat from filling the log."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: One line per key in this time.
LINE_SECONDS = 60.0


@dataclass(slots=True)
class Throttle:
    """Lets one log line per key and minute pass, with the count of all that happened since the last one."""

    seconds: float = LINE_SECONDS
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, tuple[float, int]] = field(default_factory=dict)

    def count(self, key: str) -> int:
        """Count one event of *key*, one of a closed set; return how many a line must report now, or 0."""
        now = self.clock()
        next_line, held = self._keys.get(key, (now, 0))
        if now < next_line:
            self._keys[key] = (next_line, held + 1)
            return 0
        self._keys[key] = (now + self.seconds, 0)
        return held + 1
