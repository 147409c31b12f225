"""What was kept of a person, noted so that it can be found and erased: docs/adr/0008.

Stores are asked by key, so nothing in them can be found by person. Each note names what one step of the
person left: a job, keys, counters, objects. A note is one key of the result store, numbered by an atomic
counter, so that steps at the same moment do not overwrite each other. Notes hold opaque ids only, and live as
long as the longest-lived thing that they name, a status record.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from proofing.settings import LiveSettings
from proofing.stores import ResultStore

#: More steps than a person can take in the life of a note.
_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one step left.

    Attributes:
        job: result id of a submitted job.
        keys: of values in the result store.
        counters: of the result store.
        objects: keys in the image store.
    """

    job: str | None = None
    keys: Sequence[str] = ()
    counters: Sequence[str] = ()
    objects: Sequence[str] = ()


class Traces:
    """Writes and reads the notes of all persons."""

    def __init__(self, results: ResultStore, live: LiveSettings) -> None:
        """Keep notes in *results*."""
        self._results = results
        self._live = live

    async def note(self, owner: str, trace: Trace) -> None:
        """Note what the person *owner* is about to leave; before it is left, so that nothing is missed."""
        life = self._live.current.session_total_seconds
        usage = await self._results.count(_counter(owner), maximum=_MOST, window_seconds=life)
        await self._results.save(
            _key(owner, usage.count), json.dumps(asdict(trace)).encode(), life_seconds=life
        )

    async def read(self, owner: str) -> list[Trace]:
        """Return every note about *owner* that lives."""
        found = []
        for number in range(1, (await self._results.usage(_counter(owner))).count + 1):
            blob = await self._results.load(_key(owner, number))
            if blob is not None:
                values: dict[str, Any] = json.loads(blob)
                found.append(Trace(**values))
        return found

    async def erase(self, owner: str) -> int:
        """Delete every note about *owner* and return how many there were."""
        count = (await self._results.usage(_counter(owner))).count
        for number in range(1, count + 1):
            await self._results.delete(_key(owner, number))
        await self._results.reset(_counter(owner))
        return count


def _counter(owner: str) -> str:
    """Return the counter that numbers the notes."""
    return f"traces:{owner}"


def _key(owner: str, number: int) -> str:
    """Return the key of one note."""
    return f"trace:{owner}:{number}"
