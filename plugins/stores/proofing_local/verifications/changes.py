"""The transactions that create, change and delete verifications.

Each function is the whole work of one transaction, which has the write lock from its beginning.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from proofing.plugin import (
    BegunJob,
    Changed,
    Created,
    IdempotentAnswer,
    JobEnd,
    NewEvent,
    Sealed,
    StoredVerification,
    VerificationRecord,
)
from proofing.plugin.support import answer_columns, answer_of, read_json, verification_columns
from proofing_local.verifications.statements import every, one, query, script


def create(
    db: sqlite3.Connection,
    record: VerificationRecord,
    *,
    sealed: Mapping[Sealed, bytes],
    events: Sequence[NewEvent],
    idempotency: IdempotentAnswer | None,
    now: float,
) -> Created:
    """Do the work of `VerificationStore.create`."""
    if idempotency is not None and (earlier := _kept_answer(db, idempotency.scope, idempotency.key)):
        return Created(replayed=earlier)
    values = verification_columns(record)
    if one(db, "insert_verification", values) is None:
        (body,) = one(db, "open_verification", values)
        return Created(open=read_json(VerificationRecord, body))
    _save_sealed(db, record.id, sealed)
    _save_events(db, record, events, now)
    if idempotency is not None:
        keep_answer(db, idempotency)
    return Created(record=record)


def change(
    db: sqlite3.Connection,
    record: VerificationRecord,
    *,
    sealed: Mapping[Sealed, bytes | None],
    events: Sequence[NewEvent],
    begun: BegunJob | None,
    end: JobEnd | None,
    idempotency: IdempotentAnswer | None,
    now: float,
) -> Changed:
    """Do the work of `VerificationStore.change`."""
    if idempotency is not None and (answer := _kept_answer(db, idempotency.scope, idempotency.key)):
        return Changed(is_kept=False, replayed=answer)
    if end is not None and (earlier := _end_of(db, end.result_id)):
        return Changed(is_kept=False, end=earlier)
    if one(db, "update_verification", verification_columns(record)) is None:
        return Changed(is_kept=False)
    _save_sealed(db, record.id, sealed)
    if begun is not None:
        _insert_begun(db, begun)
    if end is not None:
        _insert_end(db, end)
    _save_events(db, record, events, now)
    if idempotency is not None:
        keep_answer(db, idempotency)
    return Changed(is_kept=True, end=end)


def delete(db: sqlite3.Connection, verification_id: str) -> bool:
    """Do the work of `VerificationStore.delete`."""
    values = {"id": verification_id}
    for statement in script("delete_with_verification"):
        db.execute(statement, values)
    return one(db, "delete_verification", values) is not None


def load(db: sqlite3.Connection, by: str, values: Mapping[str, str]) -> StoredVerification | None:
    """Return the verification that the statement *by* finds, with its sealed values."""
    row = one(db, by, values)
    if row is None:
        return None
    record = read_json(VerificationRecord, row[0])
    sealed = {Sealed(name): bytes(body) for name, body in every(db, "sealed_values", {"id": record.id})}
    return StoredVerification(record=record, sealed=sealed)


def keep_answer(db: sqlite3.Connection, answer: IdempotentAnswer) -> IdempotentAnswer | None:
    """Keep an idempotent answer; return the one that was kept before, if any."""
    if one(db, "insert_answer", answer_columns(answer)) is None:
        return _kept_answer(db, answer.scope, answer.key)
    return None


def _end_of(db: sqlite3.Connection, result_id: str) -> JobEnd | None:
    row = one(db, "end_of", {"result_id": result_id})
    return None if row is None else read_json(JobEnd, row[0])


def _kept_answer(db: sqlite3.Connection, scope: str, key: str) -> IdempotentAnswer | None:
    row = one(db, "answer", {"scope": scope, "key": key})
    return None if row is None else answer_of(row)


def _insert_begun(db: sqlite3.Connection, begun: BegunJob) -> None:
    values = {
        "result_id": begun.result_id,
        "verification_id": begun.verification_id,
        "give_up_at": begun.give_up_at,
        "body": begun.to_json(),
    }
    db.execute(query("insert_begun"), values)


def _insert_end(db: sqlite3.Connection, end: JobEnd) -> None:
    values = {"result_id": end.result_id, "verification_id": end.verification_id, "body": end.to_json()}
    db.execute(query("insert_end"), values)
    db.execute(query("delete_begun"), values)


def _save_sealed(db: sqlite3.Connection, verification_id: str, sealed: Mapping[Sealed, bytes | None]) -> None:
    for name, body in sealed.items():
        statement = query("delete_sealed" if body is None else "save_sealed")
        db.execute(statement, {"id": verification_id, "name": name, "body": body})


def _save_events(
    db: sqlite3.Connection, record: VerificationRecord, events: Sequence[NewEvent], now: float
) -> None:
    """Keep events and a delivery for each endpoint; nobody else can take a cursor before the commit."""
    owner = {"relying_party": record.relying_party, "mode": record.mode}
    for event in events:
        (cursor,) = one(db, "next_cursor", owner)
        values = {
            **owner,
            "id": event.id,
            "verification_id": record.id,
            "type": event.type,
            "created_at": event.created_at,
            "cursor": cursor,
            "body": event.body,
        }
        db.execute(query("insert_event"), values)
        for endpoint in event.endpoints:
            delivery = {
                **owner,
                "event_id": event.id,
                "endpoint": endpoint,
                "due_at": now + event.delay_seconds,
                "copies": event.copies,
            }
            db.execute(query("insert_delivery"), delivery)
