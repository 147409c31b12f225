"""The verification store that core sees: `proofing.plugin.VerificationStore` on PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from proofing.plugin import (
    BegunJob,
    Changed,
    ClaimedDelivery,
    Created,
    Credential,
    CredentialKind,
    Delivery,
    DeliveryState,
    EndpointState,
    EventType,
    IdempotentAnswer,
    JobEnd,
    Mode,
    NewEvent,
    Sealed,
    StoredEvent,
    StoredVerification,
    StoreUnavailableError,
    VerificationRecord,
    VerificationState,
)
from proofing.plugin.support import (
    NamedQueries,
    answer_columns,
    answer_of,
    credential_columns,
    credential_of,
    delivery_of,
    endpoint_columns,
    endpoint_of,
    event_of,
    read_json,
    seam,
)
from proofing_postgres.connections import Row
from proofing_postgres.durability import find_losses
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.tables import StoreOnTables
from proofing_postgres.verifications import changes
from proofing_postgres.verifications import deliveries as delivering

_QUERY = NamedQueries("proofing_postgres.verifications").query
#: Later than every verification: where the first page begins.
_AFTER_ALL = (float("inf"), "")
#: How many rows one statement purges, so that it ends within its time limit.
_PURGE_ROWS = 2000


@seam(StoreUnavailableError, "the verification store (postgres)")
class PostgresVerificationStore(StoreOnTables):
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
        return changes.stored(await self._every("load", id=verification_id))

    async def find_link(self, digest: str) -> StoredVerification | None:
        """Return the verification whose current link has this digest."""
        return changes.stored(await self._every("find_link", digest=digest))

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

    async def end_of(self, result_id: str) -> JobEnd | None:
        """Return the recorded end of a job."""
        rows = await self._every("end_of", result_id=result_id)
        return read_json(JobEnd, rows[0][0]) if rows else None

    async def ends(self, verification_id: str) -> Sequence[JobEnd]:
        """Return the recorded ends of a verification's jobs."""
        return [read_json(JobEnd, body) for (body,) in await self._every("ends", id=verification_id)]

    async def begun_jobs(self, verification_id: str) -> Sequence[BegunJob]:
        """Return the jobs of a verification that have no end."""
        return [read_json(BegunJob, body) for (body,) in await self._every("begun_jobs", id=verification_id)]

    async def overdue_jobs(self, *, before: float, limit: int) -> Sequence[BegunJob]:
        """Return jobs without an end whose time is over."""
        rows = await self._every("overdue_jobs", before=before, limit=limit)
        return [read_json(BegunJob, body) for (body,) in rows]

    async def overdue_verifications(self, *, before: float, limit: int) -> Sequence[VerificationRecord]:
        """Return verifications to which time does something."""
        rows = await self._every("overdue_verifications", before=before, limit=limit)
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def page(
        self,
        relying_party: str,
        mode: Mode,
        *,
        limit: int,
        before: tuple[float, str] | None = None,
        state: VerificationState | None = None,
        person: str | None = None,
    ) -> Sequence[VerificationRecord]:
        """Return verifications of one relying party and mode, newest first."""
        before_at, before_id = before or _AFTER_ALL
        by_state = "page" if state is None else "page_of_state"
        rows = await self._every(
            by_state if person is None else "page_of_person",
            relying_party=relying_party,
            mode=mode,
            limit=limit,
            before_at=before_at,
            before_id=before_id,
            state=state,
            person=person,
        )
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def of_person(self, person: str) -> Sequence[VerificationRecord]:
        """Return all verifications of a person."""
        rows = await self._every("of_person", person=person)
        return [read_json(VerificationRecord, body) for (body,) in rows]

    async def delete(self, verification_id: str) -> bool:
        """Delete a verification with all that belongs to it."""
        return await self._count("delete_verification", id=verification_id) > 0

    async def idempotent_answer(self, scope: str, key: str) -> IdempotentAnswer | None:
        """Return the answer that is kept under *key*."""
        rows = await self._every("answer", scope=scope, key=key)
        return answer_of(rows[0]) if rows else None

    async def keep_answer(self, answer: IdempotentAnswer) -> IdempotentAnswer | None:
        """Keep a decided refusal; return the one that was kept before, if any."""
        if await self._count("insert_answer", **answer_columns(answer)):
            return None
        return await self.idempotent_answer(answer.scope, answer.key)

    async def purge_answers(self, *, before: float) -> int:
        """Delete old idempotent answers."""
        return await self._purge("purge_answers", before)

    async def events(
        self, relying_party: str, mode: Mode, *, after: int, limit: int, types: Sequence[EventType] = ()
    ) -> Sequence[StoredEvent]:
        """Return events after a cursor, in order."""
        wanted = list(types) or None
        rows = await self._every(
            "events", relying_party=relying_party, mode=mode, after=after, limit=limit, types=wanted
        )
        return [event_of(row) for row in rows]

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

    async def next_delivery_at(self) -> float | None:
        """Return when the next delivery may be claimed."""
        ((found,),) = await self._every("next_delivery_at")
        return None if found is None else float(found)

    async def deliveries(
        self,
        *,
        relying_party: str | None = None,
        state: DeliveryState | None = None,
        event_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""
        given = {"relying_party": relying_party, "state": state, "event_id": event_id, "limit": limit}
        rows = await self._exchange.read("deliveries", given, prepare=False)
        return [delivery_of(row) for row in rows]

    async def replay_deliveries(
        self,
        *,
        relying_party: str,
        endpoint: str | None = None,
        event_id: str | None = None,
        state: DeliveryState | None = None,
        since: float = 0.0,
    ) -> int:
        """Make ended deliveries due now."""
        return await self._count(
            "replay_deliveries",
            relying_party=relying_party,
            endpoint=endpoint,
            event_id=event_id,
            state=state,
            since=since,
            now=self.now(),
        )

    async def endpoint_states(self, relying_party: str | None = None) -> Sequence[EndpointState]:
        """Return what is remembered of endpoints."""
        rows = await self._every("endpoint_states", relying_party=relying_party)
        return [endpoint_of(row) for row in rows]

    async def set_endpoint(self, state: EndpointState) -> None:
        """Replace what is remembered of an endpoint."""
        await self._count("set_endpoint", **endpoint_columns(state))

    async def add_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self._count("insert_credential", **credential_columns(credential))

    async def credential(self, credential_id: str) -> Credential | None:
        """Return the credential with that id, also a retired one."""
        rows = await self._every("credential", id=credential_id)
        return credential_of(rows[0]) if rows else None

    async def credentials(
        self, *, relying_party: str | None = None, kind: CredentialKind | None = None
    ) -> Sequence[Credential]:
        """Return credentials, oldest first, also retired ones."""
        rows = await self._every("credentials", relying_party=relying_party, kind=kind)
        return [credential_of(row) for row in rows]

    async def retire_credential(self, credential_id: str, *, at: float) -> bool:
        """Have a credential be refused from *at* on."""
        return await self._count("retire_credential", id=credential_id, at=at) > 0

    async def note_use(self, credential_id: str, *, at: float) -> None:
        """Remember that a credential was used."""
        await self._count("note_use", id=credential_id, at=at)

    async def delete_credential(self, credential_id: str) -> bool:
        """Delete a credential."""
        return await self._count("delete_credential", id=credential_id) > 0

    async def _every(self, name: str, **values: Any) -> list[Row]:
        """Run a statement that reads and return its rows."""
        return await self._exchange.read(name, values)

    async def _count(self, name: str, **values: Any) -> int:
        """Run a statement that writes and return how many rows it changed."""
        return await self._exchange.count(name, values)

    async def _purge(self, name: str, before: float) -> int:
        """Run a statement that deletes old rows until none is left; return how many it deleted."""
        total = 0
        while True:
            deleted = await self._count(name, before=before, limit=_PURGE_ROWS)
            total += deleted
            if deleted < _PURGE_ROWS:
                return total
