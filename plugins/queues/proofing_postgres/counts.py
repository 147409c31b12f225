"""What a worker counts: kept in memory, shown in its row at every renewal, and added up by `stats`."""

import json
from collections import Counter
from enum import StrEnum


class Cause(StrEnum):
    """What made a worker look for the jobs that it then found."""

    #: The wake-up channel.
    NOTIFY = "notify"
    #: The clock.
    POLL = "poll"
    #: A slot became free, or the last look had found as much as it asked for.
    CHAIN = "chain"


class Counts:
    """Sums since this worker began; names are those of `QueueStats.totals`."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._states: dict[str, float] = {}

    def add(self, name: str, value: float = 1) -> None:
        """Add *value* to the sum *name*."""
        self._sums[name] += value  # type: ignore[assignment] # a Counter sums floats as well

    def set(self, name: str, value: float) -> None:
        """Replace the sum *name* by *value*: for what is a state and no sum."""
        self._states[name] = value

    def __getitem__(self, name: str) -> float:
        return self._states.get(name, self._sums[name])

    def picked_up(self, cause: Cause, ages: list[float]) -> None:
        """Count jobs that were claimed *ages* seconds after they could begin."""
        self.add(f"pickup_{cause.value}_count", len(ages))
        self.add(f"pickup_{cause.value}_seconds", sum(ages))

    def ran(self, seconds: float) -> None:
        """Count one run of a job."""
        self._sums["run_count"] += 1
        self._sums["run_seconds"] += seconds  # type: ignore[assignment] # as above

    def snapshot(self) -> Counter[str]:
        """Return all sums, without states; called from the heartbeat's thread too."""
        return self._sums.copy()


def since(now: Counter[str], kept: Counter[str]) -> str:
    """Return, as JSON, what was counted beyond *kept*, which is in the row of a former worker id."""
    return json.dumps({name: value - kept[name] for name, value in now.items()})
