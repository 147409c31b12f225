"""What rows of verification stores mean, and which values their statements take: for stores on SQL.

Each row holds the fields of its class in their order; records and ends are JSON, scopes are a JSON list.
`SQLVerificationStore` runs what is one statement; the transactions of several are each database's own.
"""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from proofing.base.errors import StoreError
from proofing.contracts.sql_stores import Row, SQLStore
from proofing.contracts.verification_store import (
    Credential,
    CredentialKind,
    Delivery,
    DeliveryState,
    EndpointState,
    IdempotentAnswer,
    StoredEvent,
)
from proofing.contracts.verifications import (
    BegunJob,
    EventType,
    JobEnd,
    Mode,
    VerificationRecord,
    VerificationState,
)

RecordT = TypeVar("RecordT", VerificationRecord, JobEnd, BegunJob)

#: Columns of a delivery; those of its event follow.
_DELIVERY_COLUMNS = 7
#: Later than every verification: where the first page begins.
_AFTER_ALL = (float("inf"), "")


def read_json(kind: type[RecordT], text: str) -> RecordT:
    """Return the record that *text* spells. Raises `StoreError`."""
    try:
        return kind.from_json(text)
    except ValueError:
        raise StoreError("the verification store holds a damaged record") from None


def verification_columns(record: VerificationRecord) -> dict[str, Any]:
    """Return the values of the columns of *record*."""
    return {
        "id": record.id,
        "relying_party": record.relying_party,
        "mode": record.mode,
        "policy": record.policy,
        "person": record.person,
        "state": record.state,
        "is_ended": record.state.is_end,
        "sequence": record.sequence,
        "created_at": record.created_at,
        "due_at": record.due_at,
        "link_digest": record.link.digest if record.link else None,
        "body": record.to_json(),
    }


def answer_of(row: Row) -> IdempotentAnswer:
    """Return the idempotent answer of a row."""
    return IdempotentAnswer(**_named(IdempotentAnswer, row))


def event_of(row: Row) -> StoredEvent:
    """Return the event of a row."""
    values = _named(StoredEvent, row)
    return StoredEvent(**{**values, "mode": Mode(values["mode"]), "type": EventType(values["type"])})


def delivery_of(row: Row) -> Delivery:
    """Return the delivery of a row with endpoint, state, attempts, times, status, failure, and its event."""
    endpoint, state, attempts, next_at, first_at, status, failure = row[:_DELIVERY_COLUMNS]
    return Delivery(
        event=event_of(row[_DELIVERY_COLUMNS:]),
        endpoint=endpoint,
        state=DeliveryState(state),
        attempts=attempts,
        next_at=next_at,
        first_at=first_at,
        status=status,
        failure=failure,
    )


def endpoint_of(row: Row) -> EndpointState:
    """Return what a row remembers of an endpoint."""
    values = _named(EndpointState, row)
    return EndpointState(**{**values, "mode": Mode(values["mode"])})


def answer_columns(answer: IdempotentAnswer) -> dict[str, Any]:
    """Return the values of the columns of *answer*."""
    return asdict(answer)


def endpoint_columns(state: EndpointState) -> dict[str, Any]:
    """Return the values of the columns of *state*."""
    return asdict(state)


def credential_columns(credential: Credential) -> dict[str, Any]:
    """Return the values of the columns of *credential*."""
    return {**asdict(credential), "scopes": json.dumps(credential.scopes)}


def credential_of(row: Row) -> Credential:
    """Return the credential of a row."""
    values = _named(Credential, row)
    typed = {
        "mode": Mode(values["mode"]),
        "kind": CredentialKind(values["kind"]),
        "scopes": tuple(json.loads(values["scopes"])),
    }
    return Credential(**{**values, **typed})


def _named(kind: Any, row: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a row whose columns are the fields of *kind*, in order."""
    return dict(zip((field.name for field in fields(kind)), row, strict=True))


class SQLVerificationStore(SQLStore):
    """What verification stores on SQL do alike.

    See `proofing.contracts.verification_store.VerificationStore`.
    """

    @abstractmethod
    def now(self) -> float:
        """Return the store's time, as far as this process knows it."""

    async def end_of(self, result_id: str) -> JobEnd | None:
        """Return the recorded end of a job."""
        found = await self._records(JobEnd, "end_of", {"result_id": result_id})
        return found[0] if found else None

    async def ends(self, verification_id: str) -> Sequence[JobEnd]:
        """Return the recorded ends of a verification's jobs."""
        return await self._records(JobEnd, "ends", {"id": verification_id})

    async def begun_jobs(self, verification_id: str) -> Sequence[BegunJob]:
        """Return the jobs of a verification that have no end."""
        return await self._records(BegunJob, "begun_jobs", {"id": verification_id})

    async def overdue_jobs(self, *, before: float, limit: int) -> Sequence[BegunJob]:
        """Return jobs without an end whose time is over."""
        return await self._records(BegunJob, "overdue_jobs", {"before": before, "limit": limit})

    async def overdue_verifications(self, *, before: float, limit: int) -> Sequence[VerificationRecord]:
        """Return verifications to which time does something."""
        given = {"before": before, "limit": limit}
        return await self._records(VerificationRecord, "overdue_verifications", given)

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
        given = {
            "relying_party": relying_party,
            "mode": mode,
            "limit": limit,
            "before_at": before_at,
            "before_id": before_id,
            "state": state,
            "person": person,
        }
        # A statement each, so that each finds the index that fits.
        by_state = "page" if state is None else "page_of_state"
        return await self._records(
            VerificationRecord, by_state if person is None else "page_of_person", given
        )

    async def of_person(self, person: str) -> Sequence[VerificationRecord]:
        """Return all verifications of a person."""
        return await self._records(VerificationRecord, "of_person", {"person": person})

    async def idempotent_answer(self, scope: str, key: str) -> IdempotentAnswer | None:
        """Return the answer that is kept under *key*."""
        rows = await self._read("answer", {"scope": scope, "key": key})
        return answer_of(rows[0]) if rows else None

    async def purge_answers(self, *, before: float) -> int:
        """Delete old idempotent answers."""
        return await self._purge("purge_answers", before)

    async def events(
        self, relying_party: str, mode: Mode, *, after: int, limit: int, types: Sequence[EventType] = ()
    ) -> Sequence[StoredEvent]:
        """Return events after a cursor, in order."""
        given = {
            "relying_party": relying_party,
            "mode": mode,
            "after": after,
            "limit": limit,
            "types": self._list(types) if types else None,
        }
        return [event_of(row) for row in await self._read("events", given)]

    async def next_delivery_at(self) -> float | None:
        """Return when the next delivery may be claimed."""
        ((found,),) = await self._read("next_delivery_at", {})
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
        return [delivery_of(row) for row in await self._read("deliveries", given)]

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
        given = {
            "relying_party": relying_party,
            "endpoint": endpoint,
            "event_id": event_id,
            "state": state,
            "since": since,
            "now": self.now(),
        }
        return await self._count("replay_deliveries", given)

    async def endpoint_states(self, relying_party: str | None = None) -> Sequence[EndpointState]:
        """Return what is remembered of endpoints."""
        rows = await self._read("endpoint_states", {"relying_party": relying_party})
        return [endpoint_of(row) for row in rows]

    async def set_endpoint(self, state: EndpointState) -> None:
        """Replace what is remembered of an endpoint."""
        await self._count("set_endpoint", endpoint_columns(state))

    async def add_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self._count("insert_credential", credential_columns(credential))

    async def credential(self, credential_id: str) -> Credential | None:
        """Return the credential with that id, also a retired one."""
        rows = await self._read("credential", {"id": credential_id})
        return credential_of(rows[0]) if rows else None

    async def credentials(
        self, *, relying_party: str | None = None, kind: CredentialKind | None = None
    ) -> Sequence[Credential]:
        """Return credentials, oldest first, also retired ones."""
        rows = await self._read("credentials", {"relying_party": relying_party, "kind": kind})
        return [credential_of(row) for row in rows]

    async def retire_credential(self, credential_id: str, *, at: float) -> bool:
        """Have a credential be refused from *at* on."""
        return await self._count("retire_credential", {"id": credential_id, "at": at}) > 0

    async def note_use(self, credential_id: str, *, at: float) -> None:
        """Remember that a credential was used."""
        await self._count("note_use", {"id": credential_id, "at": at})

    async def delete_credential(self, credential_id: str) -> bool:
        """Delete a credential."""
        return await self._count("delete_credential", {"id": credential_id}) > 0

    async def _records(self, kind: type[RecordT], name: str, values: Mapping[str, Any]) -> list[RecordT]:
        """Run a statement that reads records."""
        return [read_json(kind, body) for (body,) in await self._read(name, values)]
