"""Has a job wait for its vendors: what is sealed for its next run, what its page shows, how events find it.

docs/explanation/parked-jobs.md.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from proofing.base.errors import EncryptionError, StoreError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import JOBS_PARKED
from proofing.contracts.continuation import Again, Exchange, Leave, read_then, write_then
from proofing.contracts.queues import Capability, JobMessage, Parked
from proofing.contracts.records import EndState, StatusRecord
from proofing.crypto.contexts import early_event_context, parked_context, vendor_page_context
from proofing.crypto.record_macs import is_genuine, sign_record
from proofing.jobs.arguments import JobResult, write_parked
from proofing.jobs.cleanup import delete_if_possible
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.forgetting import ForgettingKeeper
from proofing.jobs.notes import Note, open_notes
from proofing.jobs.questions import Question
from proofing.jobs.run import JobRun
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex

_logger = get_logger(__name__)

#: How long an event is kept whose question is not parked yet.
EARLY_SECONDS = 15 * 60.0
_PAGE_LABEL = "vendor page"
_MARK_CHARACTERS = 16


class Parker:
    """Parks jobs. `VendorPages` reads what their pages show."""

    def __init__(self, parts: Dependencies) -> None:
        """Park in queue and result store of *parts*."""
        self._queue = parts.queue
        self._results = parts.results
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._way_back = parts.way_back
        self._live = parts.live
        self._deadlines = parts.deadlines
        self._router = parts.router
        self._pages = VendorPages(parts)
        self._forgetting = ForgettingKeeper(parts)
        self._erasure_index = ErasureIndex(parts.results, parts.live)

    async def park(self, run: JobRun) -> JobResult | Parked:
        """Have the job wait for its vendors, as its record says from now on; or return its end."""
        message, kept = run.message, run.kept
        if kept is None or Capability.PARK not in self._queue.capabilities:
            # Refused at start; a vendor that answers later anyway breaks its contract.
            return JobResult(end_state=EndState.PLUGIN_ERROR)
        waiting = [(question, question.waiting) for question in run.questions.waiting if question.waiting]
        first, due_at = min(((one, held.due_at) for one, held in waiting), key=lambda one: one[1])
        until = max(held.pending.expires_at for _question, held in waiting)
        page = next((one for one, held in waiting if held.needs_person), None)
        try:
            early = await self._deadlines.retry_while_unavailable(lambda: self._open_ways_back(run, until))
            sealed = await self._deadlines.retry_while_unavailable(
                lambda: self._sealer.seal(write_parked(kept, run.questions, early), parked_context(message))
            )
            await self._deadlines.retry_while_unavailable(
                lambda: self._forgetting.save(run, ttl_seconds=_seconds_until(until))
            )
            if page is not None:
                await self._deadlines.retry_while_unavailable(
                    lambda: self._pages.save(run, page, until=until)
                )
            is_open = await self._deadlines.retry_while_unavailable(
                lambda: self._keep_record(run, until=until, page=page)
            )
        except StoreError:
            return JobResult(end_state=EndState.INTERNAL_ERROR)
        if not is_open:
            # Ended while it was asked, such as by its person; that end is kept, and what was written is not.
            await self.clean_up(message.result_id)
            return JobResult(end_state=EndState.CANCELED)
        seconds = 0.0 if early else max(0.0, (due_at - datetime.now(UTC)).total_seconds())
        log(_logger, "job_parked", **message.log_fields, vendor=first.vendor, seconds=round(seconds, 2))
        JOBS_PARKED.labels(message.kind.value).inc()
        return Parked(encrypted_arguments=sealed, run_in_seconds=seconds, vendor=first.vendor)

    async def clean_up(self, result_id: str) -> None:
        """Delete what parking has kept in the result store for a job that has ended."""
        await asyncio.gather(
            self._pages.delete_if_possible(result_id), self._forgetting.delete_if_possible(result_id)
        )

    async def _keep_record(self, run: JobRun, *, until: datetime, page: Question | None) -> bool:
        """Write until when the job waits, and for which *page* of its person; False when it has ended."""
        message = run.message
        standing = await self._results.status(message.result_id) if message.is_parked else None
        if standing is None or standing.is_done or not is_genuine(self._keys, standing):
            standing = unfinished_record(message)
        # Somebody who came back during this run has woken the job, and nobody knows yet what is missing.
        is_back = standing.returned_at not in (None, run.returned_at)
        mark = None if page is None or is_back else self._pages.mark(page)
        record = standing.parked(until=until.timestamp(), vendor_page=mark)
        life = self._live.current.session_max_age_seconds
        return await self._results.update(sign_record(self._keys, record), ttl_seconds=life)

    async def _open_ways_back(self, run: JobRun, until: datetime) -> list[Note]:
        """Write the entries by which references lead to questions, and return the events that came first.

        An event finds the entry, or keeps itself where this looks after writing it: none is lost. What is
        found here stays until it expires, as a worker that dies now has parked nothing.
        """
        message = run.message
        early: list[Note] = []
        life = _seconds_until(until)
        for question in run.questions.new_references:
            webhook = self._router.named(question.kind, question.vendor).descriptor.webhook
            # Neither is None: `continuing.accept`.
            reference, webhook = question.reference or "", webhook or ""
            number = run.questions.number_of(question)
            marks = self._way_back.reference_marks(webhook, reference)
            key = reference_key(marks[0])
            footprint = DataFootprint(
                verification=message.verification_id,
                emptied=[key],
                sets=[early_key(mark) for mark in marks],
            )
            await self._erasure_index.record(message.owner, footprint, ttl_seconds=max(life, EARLY_SECONDS))
            question_id = self._way_back.question_id(run.address_of(number))
            await self._results.save(key, question_id.encode(), ttl_seconds=life)
            # Processes of either key keep events while keys are rotated.
            for mark in marks:
                kept = await self._results.members(early_key(mark))
                notes = await open_notes(
                    self._sealer, kept, early_event_context(mark), result_id=message.result_id
                )
                early += [replace(note, question=number) for note in notes]
        return early


@dataclass(frozen=True, slots=True, repr=False)
class VendorPage:
    """What a person has to do at a vendor.

    Attributes:
        then: the page to visit, or the exchange with a wallet.
        question_id: of the question that this answers.
    """

    then: Leave | Exchange
    question_id: str


class VendorPages:
    """What people have to do at vendors, sealed in the result store for their waiting pages."""

    def __init__(self, parts: Dependencies) -> None:
        """Keep them in the result store of *parts*."""
        self._results = parts.results
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._way_back = parts.way_back
        self._erasure_index = ErasureIndex(parts.results, parts.live)

    def mark(self, question: Question) -> str:
        """Return by what a waiting page knows what *question* wants of its person from anything else."""
        return self._keys.sign(json.dumps(_then(question)).encode(), _PAGE_LABEL)[:_MARK_CHARACTERS]

    async def save(self, run: JobRun, question: Question, *, until: datetime) -> None:
        """Keep what *question* wants of its person. Raises `StoreUnavailableError`."""
        message = run.message
        key, life = _page_key(message.result_id), _seconds_until(until)
        question_id = self._way_back.question_id(run.address_of(run.questions.number_of(question)))
        plain = json.dumps({"then": _then(question), "question_id": question_id}).encode()
        sealed = await self._sealer.seal(plain, vendor_page_context(message.owner, message.result_id))
        footprint = DataFootprint(verification=message.verification_id, keys=[key])
        await self._erasure_index.record(message.owner, footprint, ttl_seconds=life)
        await self._results.save(key, sealed, ttl_seconds=life)

    async def load(self, record: StatusRecord) -> VendorPage | None:
        """Return what the job of *record* wants of its person; None for nothing, or what cannot be opened.

        Raises:
            StoreUnavailableError: the store or the key service does not answer.
        """
        sealed = await self._results.load(_page_key(record.result_id))
        if sealed is None:
            return None
        try:
            context = vendor_page_context(record.owner, record.result_id)
            values = json.loads(await self._sealer.open(sealed, context))
            then = read_then(values["then"])
            return None if isinstance(then, Again) else VendorPage(then, values["question_id"])
        except (EncryptionError, ValueError, KeyError, TypeError):
            return None

    async def delete_if_possible(self, result_id: str) -> None:
        """Delete the page of a job that has ended; what a store that is down still has expires."""
        await delete_if_possible(self._results, _page_key(result_id), result_id)


def unfinished_record(message: JobMessage) -> StatusRecord:
    """Return the record of *message*, in progress and without a MAC."""
    return StatusRecord(
        result_id=message.result_id,
        kind=message.kind,
        owner=message.owner,
        submitted_at=message.enqueued_at,
    )


def reference_key(mark: str) -> str:
    """Return the key of the entry that leads from a vendor's reference to its question."""
    return f"vendor_reference:{mark}"


def early_key(mark: str) -> str:
    """Return the key of the events whose question was not parked yet."""
    return f"early_event:{mark}"


def _then(question: Question) -> dict[str, Any]:
    """Return what *question* wants of its person, as JSON values."""
    return write_then(question.waiting.pending.then) if question.waiting else {}


def _page_key(result_id: str) -> str:
    """Return the key of the vendor's page."""
    return f"vendor_page:{result_id}"


def _seconds_until(time: datetime) -> float:
    """Return how long something lives that is needed until *time*: a second at least."""
    return max(1.0, (time - datetime.now(UTC)).total_seconds())
