"""What jobs keep of their questions: the calls that vendors bill, and why each vendor was chosen.

A run collects its records; they are added while its end is published, before the queue completes the job. A
worker that dies in between leaves a job that is rescued, and the rescue adds the same records again.
docs/adr/0056.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proofing.base.backoff import Backoff
from proofing.base.errors import StoreError
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.metrics import CALL_RECORDS_LOST
from proofing.base.retries import FIRST_WAIT_SECONDS, RETRY_SECONDS
from proofing.contracts.call_records import CallRecord, CallStore, RecordedDecision
from proofing.contracts.call_rows import call_columns
from proofing.contracts.queues import JobMessage
from proofing.contracts.results import Check, ProoferKind
from proofing.contracts.verifications import Mode
from proofing.jobs.asked_questions import AskedQuestion
from proofing.jobs.questions import QuestionKey
from proofing.settings import Settings
from proofing.settings.routing import of_vendor

#: How many records of jobs that end side by side share a transaction, about.
BATCH = 500
#: So long after the end of a job one of its decisions may still come to the store: for `RETRY_SECONDS` a try
#: may begin, which the store ends by a deadline of its own.
DECISIONS_WITHIN_SECONDS = 60.0
#: The longest id of a vendor that is kept.
_MAX_TRANSACTION_CHARACTERS = 200
#: Labels of lost records.
_KINDS = ("call", "decision")
#: The longest wait between two tries.
_LONGEST_WAIT_SECONDS = 1.0

_logger = get_logger(__name__)


def question_digest(result_id: str, key: QuestionKey, vendor: str) -> str:
    """Return what one question to one vendor is known by outside of its job: 64 hexadecimal digits.

    The same in every run of the job; the vendor gets it as its idempotency key.
    """
    asked = f"{result_id}:{key.step}:{key.ordinal}:{vendor}"
    return hashlib.sha256(asked.encode()).hexdigest()


def call_record(
    message: JobMessage,
    key: QuestionKey,
    vendor: str,
    kind: ProoferKind,
    check: Check[Any],
    *,
    settings: Settings,
    at: float,
) -> CallRecord | None:
    """Return the record of a question that has ended; None where the vendor bills nothing.

    Args:
        message: of its job.
        key: which question.
        vendor: who was asked.
        kind: of the question.
        check: what came of it.
        settings: that name price and purpose.
        at: when it ended, in seconds since the epoch.
    """
    identifier = question_digest(message.result_id, key, vendor)
    return _ended_record(identifier, message.partner, vendor, kind, check, settings=settings, at=at)


def shadow_record(
    question: AskedQuestion, vendor: str, check: Check[Any], *, settings: Settings, at: float
) -> CallRecord | None:
    """Return the record of a shadow of *question* at *vendor*; None where the vendor bills nothing.

    *check* is what came of it, *at* is when it ended, in seconds since the epoch.
    """
    identifier = hashlib.sha256(f"{question.id}:{vendor}:shadow".encode()).hexdigest()
    record = _ended_record(
        identifier, question.relying_party, vendor, question.kind, check, settings=settings, at=at
    )
    return None if record is None else replace(record, is_shadow=True)


class JobRecords:
    """What one run of a job has to record. A job in test mode has nothing: it asks mocks alone."""

    def __init__(
        self, message: JobMessage, settings: Settings | None, now: Callable[[], float] = time.time
    ) -> None:
        """Begin a run of the job of *message*.

        Args:
            message: of the job.
            settings: that name prices and purposes; None where nothing is recorded, as of trials by hand.
            now: the time in seconds since the epoch.
        """
        self._message = message
        self._settings = settings if message.mode is Mode.LIVE else None
        self._now = now
        self._calls: list[CallRecord] = []
        self._decisions: list[RecordedDecision] = []

    def asked(self, question: AskedQuestion) -> None:
        """Keep for which vendor a question was decided; a `QuestionListener`."""
        if self._settings is not None:
            self._decisions.append(
                RecordedDecision(
                    id=question.id, job=question.job, step=question.step, decision=question.decision
                )
            )

    def ended(self, key: QuestionKey, vendor: str, kind: ProoferKind, check: Check[Any]) -> None:
        """Keep the call of a question that has ended; one that was asked in an earlier run, too."""
        if self._settings is None:
            return
        record = call_record(self._message, key, vendor, kind, check, settings=self._settings, at=self._now())
        if record is not None:
            self._calls.append(record)

    def cut_off(self, key: QuestionKey, vendor: str, kind: ProoferKind, outcome: str) -> None:
        """Keep a call that came to no end: its vendor alone knows whether it was billed."""
        if self._settings is not None:
            self._calls.append(
                _record(
                    question_digest(self._message.result_id, key, vendor),
                    self._message.partner,
                    vendor,
                    kind,
                    outcome,
                    settings=self._settings,
                    at=self._now(),
                    is_uncertain=True,
                )
            )

    def take(self) -> tuple[Sequence[CallRecord], Sequence[RecordedDecision]]:
        """Return what was kept since the last time."""
        taken = self._calls, self._decisions
        self._calls, self._decisions = [], []
        return taken


@dataclass(slots=True)
class _Batch:
    """The records of one job, and who waits for them."""

    calls: Sequence[CallRecord]
    decisions: Sequence[RecordedDecision]
    give_up_at: float
    done: asyncio.Event = field(default_factory=asyncio.Event)


class CallRecorder:
    """Adds records to a call store: what comes while one transaction runs shares the next one.

    A store that is down is tried again for a while. Then calls are logged, with all that is needed to add
    them by hand, and counted; decisions are counted alone. A decision whose time passed before it was tried
    is not added either: its verification may have been redacted meanwhile.
    """

    def __init__(
        self,
        store: CallStore,
        *,
        retry_seconds: float = RETRY_SECONDS,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
    ) -> None:
        """Add to *store*; try again for *retry_seconds*, at first after *first_wait_seconds*."""
        self._store = store
        self._retry_seconds = retry_seconds
        self._first_wait_seconds = first_wait_seconds
        self._waiting: list[_Batch] = []
        for kind in _KINDS:
            CALL_RECORDS_LOST.labels(kind)  # from the start, or the first loss would be no increase
        self._adding: asyncio.Task[None] | None = None

    def begin(self, records: tuple[Sequence[CallRecord], Sequence[RecordedDecision]]) -> asyncio.Event:
        """Begin to add calls and decisions; the event is set when they are kept, or lost."""
        calls, decisions = records
        batch = _Batch(calls, decisions, time.monotonic() + self._retry_seconds)
        if not (calls or decisions):
            batch.done.set()
            return batch.done
        self._waiting.append(batch)
        if self._adding is None or self._adding.done():
            self._adding = asyncio.create_task(self._add_waiting())
        return batch.done

    async def close(self) -> None:
        """Wait until nothing is left to add."""
        if self._adding is not None:
            await self._adding

    async def _add_waiting(self) -> None:
        """Add what waits, until nothing does."""
        backoff = Backoff(self._first_wait_seconds, _LONGEST_WAIT_SECONDS, jitter=(1.0, 1.0))
        while self._waiting:
            group = self._next_group()
            _drop_late_decisions(group)
            try:
                await self._store.add(
                    [call for batch in group for call in batch.calls],
                    [decision for batch in group for decision in batch.decisions],
                )
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything; nobody's job depends on it
                is_passing = isinstance(error, StoreError)
                await self._after_failure(group, error, backoff.next_seconds() if is_passing else None)
            else:
                backoff.reset()
                self._end(group)

    def _next_group(self) -> list[_Batch]:
        """Return those that waited longest, and not many more records than one transaction should have."""
        group: list[_Batch] = []
        count = 0
        for batch in self._waiting:
            group.append(batch)
            count += len(batch.calls) + len(batch.decisions)
            if count >= BATCH:
                break
        return group

    async def _after_failure(self, group: list[_Batch], error: Exception, wait: float | None) -> None:
        """Wait before the next try; drop those whose time is over by then, or all without a *wait*."""
        over = [one for one in group if wait is None or one.give_up_at < time.monotonic() + wait]
        for batch in over:
            _log_lost(batch, error)
        self._end(over)
        if wait is not None and self._waiting:
            await asyncio.sleep(wait)

    def _end(self, group: Sequence[_Batch]) -> None:
        """Tell those who wait that there is nothing more to wait for."""
        for batch in group:
            self._waiting.remove(batch)
            batch.done.set()


def _drop_late_decisions(group: Sequence[_Batch]) -> None:
    """Drop, and count, the decisions that would be added later than a redaction waits for."""
    now = time.monotonic()
    for batch in group:
        if batch.give_up_at < now and batch.decisions:
            CALL_RECORDS_LOST.labels("decision").inc(len(batch.decisions))
            batch.decisions = ()


def _log_lost(batch: _Batch, error: Exception) -> None:
    """Log the calls that could not be kept, and count all records."""
    for call in batch.calls:
        log(
            _logger,
            "call_record_lost",
            level=logging.ERROR,
            call=call_columns(call),
            **exception_fields(error),
        )
    for kind, records in zip(_KINDS, (batch.calls, batch.decisions), strict=True):
        CALL_RECORDS_LOST.labels(kind).inc(len(records))


def _ended_record(
    identifier: str,
    relying_party: str | None,
    vendor: str,
    kind: ProoferKind,
    check: Check[Any],
    *,
    settings: Settings,
    at: float,
) -> CallRecord | None:
    """Return the record of a question that has ended; None where the vendor bills nothing."""
    ended = check.result or check.error
    if ended is None or not ended.billed:
        return None
    return _record(
        identifier,
        relying_party,
        vendor,
        kind,
        check.result.outcome.value if check.result else _cause(check),
        settings=settings,
        at=at,
        transaction_id=ended.transaction_id,
        is_uncertain=check.result is None,
    )


def _record(
    identifier: str,
    relying_party: str | None,
    vendor: str,
    kind: ProoferKind,
    outcome: str,
    *,
    settings: Settings,
    at: float,
    is_uncertain: bool,
    transaction_id: str | None = None,
) -> CallRecord:
    """Return a record with price and purpose of the settings."""
    price = of_vendor(settings.vendor_prices, vendor)
    return CallRecord(
        id=identifier,
        at=at,
        vendor=vendor,
        kind=kind,
        transaction_id=_printable(transaction_id),
        relying_party=relying_party,
        outcome=outcome,
        is_uncertain=is_uncertain,
        permissible_purpose=of_vendor(settings.vendor_permissible_purposes, vendor),
        price=price.price if price else None,
        currency=price.currency if price else None,
    )


def _cause(check: Check[Any]) -> str:
    """Return why a question has no answer."""
    return check.error.cause.value if check.error else ""


def _printable(text: str | None) -> str | None:
    """Return a vendor's *text* without what no database takes, so that one bad id keeps no others out."""
    if text is None:
        return None
    return "".join(one if one.isprintable() else "?" for one in text[:_MAX_TRANSACTION_CHARACTERS])
