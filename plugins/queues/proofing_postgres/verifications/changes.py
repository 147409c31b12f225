"""The transactions that create and change verifications."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proofing.plugin import (
    BegunJob,
    Changed,
    Created,
    IdempotentAnswer,
    JobEnd,
    NewEvent,
    Sealed,
    StoredVerification,
    StoreUnavailableError,
    VerificationRecord,
)
from proofing.plugin.support import answer_columns, answer_of, read_json, verification_columns
from proofing_postgres.connections import Row
from proofing_postgres.exchange import Exchange, Statement, Transaction


async def create(
    exchange: Exchange,
    record: VerificationRecord,
    *,
    sealed: Mapping[Sealed, bytes],
    events: Sequence[NewEvent],
    idempotency: IdempotentAnswer | None,
) -> Created:
    """Do the work of `VerificationStore.create`."""
    values = verification_columns(record)
    statements: list[Statement] = [("insert_verification", values)]
    statements += _sealed(record.id, sealed)
    statements += _events(record, events, exchange.now())
    outcome = Created(record=record)
    async with exchange.transaction() as transaction:
        earlier, (inserted, *_others) = await _run(transaction, idempotency, statements)
        if earlier is not None:
            outcome = Created(replayed=earlier)
        elif not inserted:
            outcome = Created(open=await _open_one(transaction, values))
        if outcome.record is None:
            transaction.undo()
    return outcome


async def change(
    exchange: Exchange,
    record: VerificationRecord,
    *,
    sealed: Mapping[Sealed, bytes | None],
    events: Sequence[NewEvent],
    begun: BegunJob | None,
    end: JobEnd | None,
    idempotency: IdempotentAnswer | None,
) -> Changed:
    """Do the work of `VerificationStore.change`."""
    # The update locks the row: changes of one verification follow one another.
    statements: list[Statement] = [("update_verification", verification_columns(record))]
    if end is not None:
        statements.append(("insert_end", _columns(end)))
    statements += _sealed(record.id, sealed)
    if begun is not None:
        statements.append(("insert_begun", {**_columns(begun), "give_up_at": begun.give_up_at}))
    statements += _events(record, events, exchange.now())
    outcome = Changed(is_kept=True, end=end)
    async with exchange.transaction() as transaction:
        earlier, rows = await _run(transaction, idempotency, statements)
        if earlier is not None:
            outcome = Changed(is_kept=False, replayed=earlier)
        elif end is not None and not (rows[0] and rows[1]):
            # Our own is undone; there is none where the record alone was overtaken.
            found = None if rows[1] else await _end_of(transaction, end.result_id)
            outcome = Changed(is_kept=False, end=found)
        elif not rows[0]:
            outcome = Changed(is_kept=False)
        if not outcome.is_kept:
            transaction.undo()
    return outcome


def stored(rows: Sequence[Row]) -> StoredVerification | None:
    """Return the verification of rows with its record and one sealed value each, or none."""
    if not rows:
        return None
    sealed = {Sealed(name): bytes(body) for _record, name, body in rows if name is not None}
    return StoredVerification(record=read_json(VerificationRecord, rows[0][0]), sealed=sealed)


async def _run(
    transaction: Transaction, answer: IdempotentAnswer | None, statements: Sequence[Statement]
) -> tuple[IdempotentAnswer | None, list[list[Row]]]:
    """Keep an answer, waiting for a twin, and run *statements*, whose rows are returned.

    First comes the answer that was kept before, if any; then nothing may be kept.
    """
    if answer is None:
        return None, await transaction.batch(statements)
    values = answer_columns(answer)
    kept, *rows = await transaction.batch([("insert_answer", values), *statements])
    if kept:
        return None, rows
    found = await transaction.rows("answer", values)
    if not found:
        raise StoreUnavailableError("an idempotent answer was purged at this moment: ask again")
    return answer_of(found[0]), rows


async def _open_one(transaction: Transaction, values: Mapping[str, Any]) -> VerificationRecord:
    rows = await transaction.rows("open_verification", values)
    if not rows:
        raise StoreUnavailableError("the person's open verification ended at this moment: ask again")
    return read_json(VerificationRecord, rows[0][0])


async def _end_of(transaction: Transaction, result_id: str) -> JobEnd | None:
    rows = await transaction.rows("end_of", {"result_id": result_id})
    return read_json(JobEnd, rows[0][0]) if rows else None


def _columns(job: BegunJob | JobEnd) -> dict[str, Any]:
    """Return the values of the columns that begun jobs and ends share."""
    return {"result_id": job.result_id, "verification_id": job.verification_id, "body": job.to_json()}


def _sealed(verification_id: str, sealed: Mapping[Sealed, bytes | None]) -> Iterator[Statement]:
    kept = {name: body for name, body in sealed.items() if body is not None}
    if kept:
        yield "save_sealed", {"id": verification_id, "names": list(kept), "bodies": list(kept.values())}
    if gone := [name for name, body in sealed.items() if body is None]:
        yield "delete_sealed", {"id": verification_id, "names": gone}


def _events(record: VerificationRecord, events: Sequence[NewEvent], now: float) -> Iterator[Statement]:
    """Keep events with a delivery for each endpoint; the last statement, since others wait for its commit."""
    if not events:
        return
    deliveries = [(event, endpoint) for event in events for endpoint in event.endpoints]
    yield (
        "insert_events",
        {
            "relying_party": record.relying_party,
            "mode": record.mode,
            "verification_id": record.id,
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "created": [event.created_at for event in events],
            "bodies": [event.body for event in events],
            "event_ids": [event.id for event, _endpoint in deliveries],
            "endpoints": [endpoint for _event, endpoint in deliveries],
            "due": [now + event.delay_seconds for event, _endpoint in deliveries],
            "copies": [event.copies for event, _endpoint in deliveries],
        },
    )
