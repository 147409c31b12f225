"""What was kept of a person, noted so that it can be found and erased: docs/adr/0008.

Stores are asked by key, so nothing in them can be found by person. Each note names what one step of the
person left: a job, keys, counters, objects. The notes of one person are one set in the result store, to which
steps at the same moment add without overwriting each other. Notes hold opaque ids only, and live as long as
the longest-lived thing that they name.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from proofing.contracts.stores import ResultStore
from proofing.settings import LiveSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFootprint:
    """What one step left.

    Attributes:
        verification: id of the verification that it belongs to; None for none.
        job: result id of a submitted job.
        keys: of values in the result store.
        sets: keys of sets in the result store.
        counters: of the result store.
        objects: keys in the image store.
        emptied: keys of values in the result store by which late events find the person's jobs. An erasure
            leaves them, empty, for as long as an event may come: it is dropped then, and not kept.
    """

    verification: str | None = None
    job: str | None = None
    keys: Sequence[str] = ()
    sets: Sequence[str] = ()
    counters: Sequence[str] = ()
    objects: Sequence[str] = ()
    emptied: Sequence[str] = ()


class ErasureIndex:
    """Writes and reads the notes of all people."""

    def __init__(self, results: ResultStore, live: LiveSettings) -> None:
        """Keep notes in *results*."""
        self._results = results
        self._live = live

    async def record(self, owner: str, footprint: DataFootprint, *, ttl_seconds: float | None = None) -> None:
        """Note what the person *owner* leaves; call it before or concurrently, and wait for both.

        What is left when a crash prevents the note is not found by an erasure; it expires.

        Args:
            owner: opaque reference of the person.
            footprint: what will be left.
            ttl_seconds: of what is left, when shorter than that of a status record.
        """
        life = ttl_seconds or self._live.current.session_max_age_seconds
        await self._results.add_member(
            _key(owner), json.dumps(asdict(footprint), sort_keys=True).encode(), ttl_seconds=life
        )

    async def read(self, owner: str, *, verification: str | None = None) -> list[DataFootprint]:
        """Return every note about *owner* that lives; only those of one *verification*, when it is given."""
        notes: list[dict[str, Any]] = [
            json.loads(note) for note in sorted(await self._results.members(_key(owner)))
        ]
        footprints = [DataFootprint(**note) for note in notes]
        return [one for one in footprints if verification in {None, one.verification}]

    async def erase(self, owner: str) -> int:
        """Delete every note about *owner* and return how many there were."""
        return await self._results.drop_members(_key(owner))


def _key(owner: str) -> str:
    """Return the key of the notes about *owner*."""
    return f"erasure_index:{owner}"
