"""Erases all data about a person in every store and the queue, with a receipt for each.

Nothing is opened here but what vendors that have to delete something need to know. An erasure may be repeated
at any time; one that found a store down, a job still running, or a vendor that did not delete, reports it and
keeps the index entries that the next one needs. docs/adr/0008.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from proofing.app.result_erasure import ResultErasure, jobs_of
from proofing.base.errors import QueueError, StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import Capability
from proofing.crypto.encryption import KeyRing
from proofing.jobs.forgetting import ForgetOutcome, Forgetter, Forgotten
from proofing.registry.backends import Backends
from proofing.routing.people import RoutedPeople
from proofing.rules import limits
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex
from proofing.settings import LiveSettings

_logger = get_logger(__name__)

#: How long running jobs may take to stop, and how often they are counted meanwhile.
STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.25
_QUEUE, _IMAGES, _RESULTS = "queue", "image_store", "result_store"
_VERIFICATIONS, _CALLS = "verification_store", "call_store"

#: How many things were deleted, and why the step must be repeated.
_Done = tuple[int, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What happened in one store.

    Attributes:
        store: ``queue``, ``image_store``, ``result_store``, ``verification_store`` or ``call_store``.
        removed: how many things were there and are gone.
        problem: why the erasure must be repeated; None when nothing is left.
    """

    store: str
    removed: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure.

    Attributes:
        person: the opaque reference by which to repeat it.
        vendors: what the vendors answered for whom jobs were parked and that can delete.
    """

    person: str
    receipts: tuple[Receipt, ...]
    vendors: tuple[Forgotten, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return all(receipt.problem is None for receipt in self.receipts)


class Eraser:
    """Erases people. The backends may be closed, or down: that becomes a receipt, not an error."""

    def __init__(
        self,
        backends: Backends,
        keys: KeyRing,
        live: LiveSettings,
        forgetter: Forgetter,
        people: RoutedPeople,
        *,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        """Erase from *backends*; *keys* sign the end of jobs that are stopped, within *stop_seconds*.

        *forgetter* tells vendors; *people* finds their routing decisions.
        """
        self._people = people
        self._calls = backends.calls
        self._forgetter = forgetter
        self._queue = backends.queue
        self._results = backends.results
        self._images = backends.images
        self._verifications = backends.verifications
        self._result_erasure = ResultErasure(backends.results, keys, live)
        self._stop_seconds = stop_seconds
        self._erasure_index = ErasureIndex(backends.results, live)

    async def erase(self, reference: str) -> Erasure:
        """Erase a person.

        Args:
            reference: the person's opaque reference, the id of one of their verifications, or the result id
                of one of their jobs.
        """
        owner = await self._find_owner(reference)
        try:
            footprints = await self._erasure_index.read(owner)
        except StoreError:
            footprints = []
        receipts: list[Receipt] = []

        async def take(store: str, step: Awaitable[_Done]) -> bool:
            receipts.append(await _receipt(store, step))
            return receipts[-1].problem is None

        stopped: frozenset[str] = frozenset()
        vendors: list[Forgotten] = []

        async def close() -> _Done:
            nonlocal stopped
            removed, stopped = await self._result_erasure.close(footprints)
            return removed, None

        async def delete_records() -> _Done:
            can_stop = Capability.CANCEL_RUNNING in self._queue.capabilities and has_purged
            return await self._result_erasure.delete_records(footprints, stopped, can_stop=can_stop), None

        # A verification that is gone takes no submit and no end; the relying party's copy is its own.
        await take(_VERIFICATIONS, self._delete_verifications(owner))
        # Sessions first, so that nothing new is submitted; ends with them, so that running jobs publish none.
        await take(_RESULTS, close())
        has_purged = await take(_QUEUE, self._purge_jobs(owner))
        await take(_IMAGES, self._delete_objects(footprints))
        if has_purged:
            # No worker is left that could open another session there.
            await take(_RESULTS, self._tell_vendors(owner, footprints, vendors))
        # No job is left that would add another one.
        await take(_CALLS, self._forget_decisions(owner))
        await take(_RESULTS, delete_records())
        if all(receipt.problem is None for receipt in receipts):
            await take(_RESULTS, self._delete_notes(owner, known=len(footprints)))
        erasure = Erasure(person=owner, receipts=_by_store(receipts), vendors=tuple(vendors))
        count = sum(item.removed for item in receipts)
        if erasure.is_complete:
            log(_logger, "erased", count=count)
        else:
            log(_logger, "erasure_incomplete", level=logging.WARNING, count=count)
        return erasure

    async def _find_owner(self, reference: str) -> str:
        """Return whose job *reference* is, or itself when it is not a job that is known."""
        with contextlib.suppress(StoreError):
            stored = await self._verifications.load(reference)
            if stored is not None:
                return stored.record.person
        for find in (self._results.status, self._queue.final_status):
            try:
                record = await find(reference)
            except (StoreError, QueueError):
                continue
            if record is not None:
                return record.owner
        return reference

    async def _delete_verifications(self, owner: str) -> _Done:
        """Delete the person's verifications, with their events and what is sealed of them."""
        removed = 0
        for record in await self._verifications.of_person(owner):
            removed += await self._verifications.delete(record.id)
        return removed, None

    async def _forget_decisions(self, owner: str) -> _Done:
        """Delete which vendors were chosen for the person, and why; call records name nobody."""
        return await self._calls.forget(self._people.hash_of(owner)), None

    async def _purge_jobs(self, owner: str) -> _Done:
        """Delete the person's jobs, repeatedly until none is found.

        Between two calls a job may begin, be handed back, or end.
        """
        deadline = time.monotonic() + self._stop_seconds
        removed = 0
        while True:
            found = await self._queue.purge_owner(owner)
            removed += found.removed
            if not found.running and not found.removed:
                return removed, None
            if time.monotonic() > deadline:
                return removed, f"{found.running} still running: run again"
            if found.running:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _delete_objects(self, footprints: list[DataFootprint]) -> _Done:
        """Delete the person's images; the store does not say which were there."""
        keys = {key for footprint in footprints for key in footprint.objects}
        for key in keys:
            await self._images.delete(key)
        return len(keys), None

    async def _tell_vendors(
        self, owner: str, footprints: list[DataFootprint], answers: list[Forgotten]
    ) -> _Done:
        """Have vendors delete what they hold of pending questions; what they say goes to *answers*."""
        removed = 0
        for job in jobs_of(footprints):
            found = await self._forgetter.forget(owner, job)
            answers += found
            removed += bool(found) and all(one.outcome is not ForgetOutcome.FAILED for one in found)
        has_failed = any(one.outcome is ForgetOutcome.FAILED for one in answers)
        return removed, "a vendor did not delete: run again" if has_failed else None

    async def _delete_notes(self, owner: str, *, known: int) -> _Done:
        """Delete limit counters and, finally, the index entries by which everything else was found.

        If there are more entries than the *known* ones, all are kept: a request in progress added something.
        """
        footprints = await self._erasure_index.read(owner)
        if len(footprints) > known:
            return 0, "the person continued meanwhile: run again"
        counters = {limits.counter_key(limit, owner) for limit in limits.LIMITS.values()}
        for footprint in footprints:
            counters |= set(footprint.counters)
        removed = 0
        for counter in sorted(counters):
            removed += await self._results.reset(counter)
        return removed + await self._erasure_index.erase(owner), None


async def _receipt(store: str, step: Awaitable[_Done]) -> Receipt:
    """Wait for *step* and return its receipt."""
    try:
        removed, problem = await step
    except (StoreError, QueueError):
        return Receipt(store=store, problem="unreachable: run again")
    return Receipt(store=store, removed=removed, problem=problem)


def _by_store(receipts: Sequence[Receipt]) -> tuple[Receipt, ...]:
    """Return one receipt a store, with the sum of its steps and the first problem."""
    return tuple(
        Receipt(
            store=store,
            removed=sum(item.removed for item in receipts if item.store == store),
            problem=next((item.problem for item in receipts if item.store == store and item.problem), None),
        )
        for store in (_QUEUE, _IMAGES, _RESULTS, _VERIFICATIONS, _CALLS)
    )
