"""The verification store that core sees: `proofing.plugin.VerificationStore` on PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

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
from proofing.plugin.support import NamedQueries, SQLVerificationStore, answer_columns, seam
from proofing_postgres.connections import Row
from proofing_postgres.durability import find_losses
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.tables import StoreOnTables
from proofing_postgres.verifications import changes
from proofing_postgres.verifications import deliveries as delivering

_QUERY = NamedQueries("proofing_postgres.verifications").query


@seam(StoreUnavailableError, "the verification store (postgres)")
class PostgresVerificationStore(StoreOnTables, SQLVerificationStore):
    """One view of the tables of verifications; a process makes one.

    Args:
        settings: the section ``postgres``.

    Raises:
        ConfigurationError: the DSN cannot be read, or no connection can come of it.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        super().__init__(settings, _QUERY, connections=settings.verification_pool_size, what="verifications")

    async def ping(self) -> None:
        """Read from the tables."""
        await self._exchange.read("ping", {})

    async def check(self) -> Sequence[str]:
        """Return by which accidents a verification may be lost, whatever the queue is."""
        ((commit, standbys, fsync),) = await self._exchange.read("durability", {})
        return find_losses(
            self._settings.replication, str(commit), str(standbys), str(fsync), what="recorded verifications"
        )

    def now(self) -> float:
        """Return the server's clock."""
        return self._exchange.now()

    async def create(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes],
        events: Sequence[NewEvent] = (),
        idempotency: IdempotentAnswer | None = None,
    ) -> Created:
        """Keep a new verification with all that belongs to it, or return why not."""
        return await changes.create(
            self._exchange, record, sealed=sealed, events=events, idempotency=idempotency
        )

    async def load(self, verification_id: str) -> StoredVerification | None:
        """Return the verification, of whichever relying party."""
        return changes.stored(await self._read("load", {"id": verification_id}))

    async def find_link(self, digest: str) -> StoredVerification | None:
        """Return the verification whose current link has this digest."""
        return changes.stored(await self._read("find_link", {"digest": digest}))

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
        return await changes.change(
            self._exchange,
            record,
            sealed=sealed or {},
            events=events,
            begun=begun,
            end=end,
            idempotency=idempotency,
        )

    async def delete(self, verification_id: str) -> bool:
        """Delete a verification with all that belongs to it."""
        return await self._count("delete_verification", {"id": verification_id}) > 0

    async def keep_answer(self, answer: IdempotentAnswer) -> IdempotentAnswer | None:
        """Keep a decided refusal; return the one that was kept before, if any."""
        if await self._count("insert_answer", answer_columns(answer)):
            return None
        return await self.idempotent_answer(answer.scope, answer.key)

    async def purge_events(self, *, before: float) -> int:
        """Delete old events whose deliveries have ended."""
        return await self._purge("purge_events", before)

    async def claim_deliveries(
        self, *, limit: int, per_endpoint: int, lease_seconds: float
    ) -> Sequence[ClaimedDelivery]:
        """Claim deliveries that are due."""
        return await delivering.claim(
            self._exchange, limit=limit, per_endpoint=per_endpoint, lease_seconds=lease_seconds
        )

    async def finish_delivery(
        self, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None = None
    ) -> bool:
        """Keep what came of a claimed delivery."""
        return await delivering.finish(self._exchange, claimed, outcome, endpoint)

    async def _read(self, name: str, values: Mapping[str, Any]) -> Sequence[Row]:
        # All conditions of ``deliveries`` are optional: planned for its values, it finds an index that fits.
        return await self._exchange.read(name, values, prepare=name != "deliveries")
