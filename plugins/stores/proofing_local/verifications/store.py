"""The verification store of one machine, on SQLite."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from proofing.plugin import (
    BegunJob,
    Changed,
    ClaimedDelivery,
    Created,
    Delivery,
    EndpointState,
    IdempotentAnswer,
    JobEnd,
    NewEvent,
    Sealed,
    StoredVerification,
    StoreUnavailableError,
    VerificationRecord,
)
from proofing.plugin.support import SQLVerificationStore, seam
from proofing_local.settings import LocalSettings
from proofing_local.tables import StoreOnTables
from proofing_local.verifications import changes
from proofing_local.verifications import deliveries as delivering
from proofing_local.verifications.statements import QUERIES

_NAME = "local verifications"


@seam(StoreUnavailableError, _NAME)
class LocalVerificationStore(StoreOnTables, SQLVerificationStore):
    """Keeps everything in ``verifications.db``; the wall clock of the machine is the store's."""

    def __init__(self, settings: LocalSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Use the directory of *settings*; *clock* gives seconds since the epoch."""
        super().__init__(settings, QUERIES, file="verifications.db", name=_NAME)
        self._clock = clock

    async def ping(self) -> None:
        """Read from the database."""
        await self._read("load", {"id": ""})

    def now(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def time(self) -> float:
        """Return the wall clock of the machine."""
        return self._clock()

    async def create(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes],
        events: Sequence[NewEvent] = (),
        idempotency: IdempotentAnswer | None = None,
    ) -> Created:
        """Keep a new verification with all that belongs to it, or return why not."""
        work = partial(
            changes.create,
            record=record,
            sealed=sealed,
            events=events,
            idempotency=idempotency,
            now=self._clock(),
        )
        return await self._database.write(work)

    async def load(self, verification_id: str) -> StoredVerification | None:
        """Return the verification, of whichever relying party."""
        return await self._database.read(lambda db: changes.load(db, "load", {"id": verification_id}))

    async def find_link(self, digest: str) -> StoredVerification | None:
        """Return the verification whose current link has this digest."""
        return await self._database.read(lambda db: changes.load(db, "find_link", {"digest": digest}))

    async def change(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes | None] | None = None,
        events: Sequence[NewEvent] = (),
        begun: BegunJob | None = None,
        end: JobEnd | None = None,
        idempotency: IdempotentAnswer | None = None,
    ) -> Changed:
        """Keep the next record with all that belongs to the change, or nothing."""
        work = partial(
            changes.change,
            record=record,
            sealed=sealed or {},
            events=events,
            begun=begun,
            end=end,
            idempotency=idempotency,
            now=self._clock(),
        )
        changed = await self._database.write(work)
        if changed.is_kept and sealed and None in sealed.values():
            await self._empty_log()
        return changed

    async def delete(self, verification_id: str) -> bool:
        """Delete a verification with all that belongs to it."""
        is_deleted = await self._database.write(lambda db: changes.delete(db, verification_id))
        if is_deleted:
            await self._empty_log()
        return is_deleted

    async def keep_answer(self, answer: IdempotentAnswer) -> IdempotentAnswer | None:
        """Keep a decided refusal; return the one that was kept before, if any."""
        return await self._database.write(lambda db: changes.keep_answer(db, answer))

    async def purge_events(self, *, before: float) -> int:
        """Delete old events whose deliveries have ended."""
        return await self._database.write(lambda db: delivering.purge(db, before))

    async def claim_deliveries(
        self, *, limit: int, per_endpoint: int, lease_seconds: float
    ) -> Sequence[ClaimedDelivery]:
        """Claim deliveries that are due."""
        now = self._clock()
        return await self._database.write(
            lambda db: delivering.claim(
                db, limit=limit, per_endpoint=per_endpoint, now=now, lease_end=now + lease_seconds
            )
        )

    async def finish_delivery(
        self, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None = None
    ) -> bool:
        """Keep what came of a claimed delivery."""
        now = self._clock()
        return await self._database.write(lambda db: delivering.finish(db, claimed, outcome, endpoint, now))
