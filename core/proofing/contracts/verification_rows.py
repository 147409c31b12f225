"""What rows of verification stores mean, and which values their statements take: for stores on SQL.

Each row holds the fields of its class in their order; records and ends are JSON, scopes are a JSON list.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from proofing.base.errors import StoreError
from proofing.contracts.verification_store import (
    Credential,
    CredentialKind,
    Delivery,
    DeliveryState,
    EndpointState,
    IdempotentAnswer,
    StoredEvent,
)
from proofing.contracts.verifications import BegunJob, EventType, JobEnd, Mode, VerificationRecord

RecordT = TypeVar("RecordT", VerificationRecord, JobEnd, BegunJob)

Row = tuple[Any, ...]
#: Columns of a delivery; those of its event follow.
_DELIVERY_COLUMNS = 7


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
