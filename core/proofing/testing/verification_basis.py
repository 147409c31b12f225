"""What the cases of the verification store contract share: making stores, records, events and credentials."""

import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import CheckState, Outcome
from proofing.contracts.verification_store import (
    Credential,
    CredentialKind,
    IdempotentAnswer,
    NewEvent,
    VerificationStore,
)
from proofing.contracts.verifications import (
    BegunJob,
    EventType,
    JobEnd,
    Link,
    Mode,
    Sealed,
    Step,
    Terms,
    VerificationRecord,
    new_id,
)
from proofing.testing.durable_stores import DurableStoreBasis

#: Long enough that nothing expires while a test runs.
LIFE_SECONDS = 300.0
#: By when a store that cannot be reached must have failed.
GIVE_UP_SECONDS = 20.0
#: A relying party, and one that must see nothing of it.
PARTY, OTHER_PARTY = "acme", "globex"
SEALED: Mapping[Sealed, bytes] = {Sealed.SUBJECT: b"\x00sealed subject", Sealed.CONTEXT: b"sealed context"}


def make_verification(**changes: Any) -> VerificationRecord:
    """Return a new record of a person of its own."""
    now = time.time()
    given = {
        "id": new_id("ver"),
        "relying_party": PARTY,
        "mode": Mode.LIVE,
        "policy": "standard",
        "terms": Terms(steps=(Step.DOCUMENT, Step.SELFIE)),
        "person": secrets.token_hex(16),
        "created_at": now,
        "updated_at": now,
        "expires_at": now + LIFE_SECONDS,
        "link": Link(number=1, digest=secrets.token_hex(32), expires_at=now + LIFE_SECONDS),
    }
    return VerificationRecord(**{**given, **changes})


def make_event(kind: EventType = EventType.CREATED, *, endpoints: Sequence[str] = ()) -> NewEvent:
    """Return an event that goes to *endpoints*."""
    return NewEvent(
        id=new_id("evt"),
        type=kind,
        created_at=time.time(),
        body=b'{"type": "' + kind.value.encode() + b'"}',
        endpoints=tuple(endpoints),
    )


def make_answer(key: str, *, scope: str = "acme/live/create", **changes: Any) -> IdempotentAnswer:
    """Return the answer to a request."""
    given = {"fingerprint": "0f", "status": 201, "answer": b'{"id": "ver_1"}', "created_at": time.time()}
    return IdempotentAnswer(scope=scope, key=key, **{**given, **changes})


def make_begun(record: VerificationRecord, *, give_up_seconds: float = LIFE_SECONDS) -> BegunJob:
    """Return a job of *record* that is about to be enqueued."""
    now = time.time()
    return BegunJob(
        result_id=str(uuid.uuid4()),
        verification_id=record.id,
        link=1,
        kind=JobKind.DOCUMENT,
        owner=record.person,
        begun_at=now,
        give_up_at=now + give_up_seconds,
        counter_keys=("counter",),
    )


def make_end(begun: BegunJob, end: EndState = EndState.DONE) -> JobEnd:
    """Return an end of that job."""
    record = StatusRecord(
        result_id=begun.result_id, kind=begun.kind, owner=begun.owner, submitted_at=begun.begun_at
    )
    outcome = Outcome.PASSED if end is EndState.DONE else Outcome.UNKNOWN
    return JobEnd(
        verification_id=begun.verification_id,
        link=begun.link,
        record=record.finished(end, at=time.time(), outcome=outcome),
        checks={"document": CheckState.PASSED},
    )


def make_credential(kind: CredentialKind = CredentialKind.API_KEY, **changes: Any) -> Credential:
    """Return a credential with every field filled that its kind has."""
    now = time.time()
    given: dict[str, Any] = {
        "id": new_id("key"),
        "relying_party": PARTY,
        "mode": Mode.LIVE,
        "kind": kind,
        "prefix": "pk_live_abc",
        "digest": b"\x00digest",
        "scopes": ("verifications:write", "events:read"),
        "created_at": now,
        "usable_at": now,
    }
    return Credential(**{**given, **changes})


class VerificationStoreBasis(DurableStoreBasis[VerificationStore]):
    """How the cases get their stores."""


async def record_of(store: VerificationStore, verification_id: str) -> VerificationRecord:
    """Return the stored record of a verification that is there."""
    found = await store.load(verification_id)
    assert found is not None
    return found.record


async def add(
    store: VerificationStore, *events: NewEvent, sealed: Mapping[Sealed, bytes] = SEALED, **changes: Any
) -> VerificationRecord:
    """Keep a new verification with *events* and return its record."""
    record = make_verification(**changes)
    assert (await store.create(record, sealed=sealed, events=events)).record == record
    return record
