"""What happens at vendors, as web processes learn of it: webhooks, people who come back, wallets that answer.

Each becomes a note of the job whose question it belongs to, and wakes the job. Waking comes first and may
be repeated; the mark by which a second delivery is known comes last, or a crash between the two would lose
the event. docs/explanation/parked-jobs.md.
"""

import json
import logging
from collections.abc import Mapping
from typing import Literal

from proofing.base.logs import get_logger, log
from proofing.base.metrics import WEBHOOKS_RECEIVED
from proofing.contracts.continuation import (
    Answered,
    Event,
    Exchange,
    Received,
    Returned,
)
from proofing.contracts.queues import MAX_NOTES, Capability, Wake
from proofing.contracts.records import StatusRecord
from proofing.contracts.webhooks import Incoming, NotAuthenticError, Reply
from proofing.crypto.contexts import early_event_context, note_context
from proofing.crypto.record_macs import is_genuine, sign_record
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.notes import Note, seal_note
from proofing.jobs.parking import EARLY_SECONDS, VendorPages, early_key, reference_key
from proofing.jobs.way_back import QuestionAddress
from proofing.jobs.webhook_calls import WebhookCalls
from proofing.registry.plugins import LoadedWebhook

_logger = get_logger(__name__)

#: How long a second delivery of an event is known.
_SEEN_SECONDS = 7 * 86_400.0
#: How long a person who comes back again wakes the job no second time: a reload is not a reason.
_RETURN_PAUSE_SECONDS = 5.0
#: Answers of wallets to one question, until none came for the window: anybody who knows the address may post
#: them, and what a stranger posted a moment ago must not keep the wallet's own answer out.
_MAX_ANSWERS = 5
_ANSWERS_WINDOW_SECONDS = 10.0
#: A second delivery of an event without an id is known by its body, for as long as it may be on its way.
_SEEN_WITHOUT_ID_SECONDS = 60.0
_EARLY = "early"
_REFUSED = Reply(status=401)
#: The vendor sends it again.
_LATER = Reply(status=503)


class VendorEvents:
    """Passes on what vendors post and that people come back. Holds no proofer, and opens no job."""

    def __init__(self, parts: Dependencies, webhooks: Mapping[str, LoadedWebhook]) -> None:
        """Wake the jobs of the queue of *parts*; *webhooks* judge what vendors post, by their names."""
        self._queue = parts.queue
        self._results = parts.results
        self._sealer = parts.sealer
        self._keys = parts.keys
        self._way_back = parts.way_back
        self._live = parts.live
        self._webhooks = WebhookCalls(webhooks)
        self._pages = VendorPages(parts)

    def max_body_bytes(self, name: str) -> int:
        """Return the largest body of the webhook *name*; 0 when there is no such one."""
        return self._webhooks.max_body_bytes(name)

    def close(self) -> None:
        """End the threads in which webhooks judge."""
        self._webhooks.close()

    async def receive(self, name: str, incoming: Incoming) -> Reply:
        """Take what was posted to the webhook *name*, and return the reply.

        Raises:
            KeyError: there is no such webhook.
            StoreUnavailableError, QueueUnavailableError: it is not kept; the vendor has to send it again.
            PluginError: the webhook broke its contract.
        """
        try:
            event, reply = await self._webhooks.receive(name, incoming)
        except NotAuthenticError:
            _count(name, "refused")
            log(_logger, "webhook_refused", level=logging.WARNING, webhook=name)
            return _REFUSED
        except TimeoutError:
            _count(name, "timed_out")
            return _LATER
        if event is None:
            _count(name, "ignored")
            return reply
        outcome = await self._keep(name, event, incoming.body)
        _count(name, outcome)
        log(_logger, "webhook_received", webhook=name, event_kind=event.kind.value, outcome=outcome)
        return _LATER if outcome == Wake.FULL else reply

    async def returned(self, question_id: str) -> str | None:
        """Note that a person came back from a vendor's page; return the attempt, or None for a wrong id.

        Raises:
            StoreUnavailableError, QueueUnavailableError: it is not noted; coming back again is safe.
        """
        question = self._way_back.read(question_id)
        if question is None:
            return None
        record = await self._results.status(question.result_id)
        if not self._may_be_open(record):
            return question.result_id
        mark = f"returned:{question_id}"
        if await self._results.load(mark) is not None:
            return question.result_id
        await self._note_return(record)
        outcome = await self._wake(question, Note(question.number, Returned()))
        if outcome is not Wake.FULL:
            await self._results.save(mark, b"", ttl_seconds=_RETURN_PAUSE_SECONDS)
        log(_logger, "person_returned", job_id=question.result_id, outcome=outcome)
        return question.result_id

    async def answered(self, question_id: str, body: bytes) -> Wake | None:
        """Note that a wallet answered; return what became of the note, None for a wrong id.

        Raises:
            StoreUnavailableError, QueueUnavailableError: it is not noted.
        """
        question = self._way_back.read(question_id)
        if question is None:
            return None
        record = await self._results.status(question.result_id)
        if not self._may_be_open(record):
            return Wake.GONE
        usage = await self._results.count(
            f"answered:{question_id}", maximum=_MAX_ANSWERS, window_seconds=_ANSWERS_WINDOW_SECONDS
        )
        if not usage.counted:
            return Wake.FULL
        await self._note_return(record)
        outcome = await self._wake(question, Note(question.number, Answered(body)))
        log(_logger, "wallet_answered", job_id=question.result_id, outcome=outcome)
        return outcome

    def knows(self, question_id: str) -> bool:
        """Return whether *question_id* is genuine."""
        return self._way_back.read(question_id) is not None

    def return_url(self, question_id: str) -> str:
        """Return where a person comes back to from the vendor of the question."""
        return self._way_back.return_url(question_id)

    def is_of(self, question_id: str, result_id: str) -> bool:
        """Return whether *question_id* is that of a question of the job *result_id*."""
        question = self._way_back.read(question_id)
        return question is not None and question.result_id == result_id

    async def served(self, question_id: str) -> Exchange | None:
        """Return the exchange whose request object a wallet may fetch; None when there is none."""
        question = self._way_back.read(question_id)
        record = await self._results.status(question.result_id) if question else None
        if record is None or not record.needs_person or not is_genuine(self._keys, record):
            return None
        page = await self._pages.load(record)
        is_it = page is not None and page.question_id == question_id
        return page.then if page and is_it and isinstance(page.then, Exchange) else None

    def _may_be_open(self, record: StatusRecord | None) -> bool:
        """Return whether the job of *record* may wait. Of one that the store has lost the queue knows."""
        return record is None or (not record.is_done and is_genuine(self._keys, record))

    async def _note_return(self, record: StatusRecord | None) -> None:
        """Have the waiting page wait for the answer from now on."""
        if record is None:
            return
        back = record.returned(at=self._results.now())
        await self._results.update(
            sign_record(self._keys, back), ttl_seconds=self._live.current.session_max_age_seconds
        )

    async def _keep(self, name: str, event: Event, body: bytes) -> str:
        """Wake the job of *event*, or keep it until its job is parked; return what became of it."""
        # Of the event of one question: ids of others, and equal callbacks minutes apart, are other events.
        named = [event.id, event.question_id, event.reference]
        distinct = body if event.id is None else json.dumps(named).encode()
        seconds = _SEEN_SECONDS if event.id is not None else _SEEN_WITHOUT_ID_SECONDS
        mark = f"webhook_seen:{name}:{self._keys.sign(distinct, 'webhook event')}"
        if await self._results.load(mark) is not None:
            return "repeated"
        question = await self._find(name, event)
        if question is Wake.GONE:
            outcome = Wake.GONE.value
        elif question is not None:
            outcome = str(await self._wake(question, Note(question.number, Received(event), name)))
        elif event.reference is not None:
            outcome = await self._keep_early(name, event, event.reference)
        else:
            outcome = "unknown"
        if outcome in (Wake.KEPT, _EARLY):
            await self._results.save(mark, b"", ttl_seconds=seconds)
        return outcome

    async def _find(self, name: str, event: Event) -> QuestionAddress | Literal[Wake.GONE] | None:
        """Return the question of *event*, by our id if it has that, else by the vendor's reference.

        Gone if its person was erased.
        """
        if event.question_id is not None:
            return self._way_back.read(event.question_id)
        for mark in self._way_back.reference_marks(name, event.reference or ""):
            if (entry := await self._results.load(reference_key(mark))) is not None:
                return self._way_back.read(entry.decode("ascii", "replace")) if entry else Wake.GONE
        return None

    async def _keep_early(self, name: str, event: Event, reference: str) -> str:
        """Keep an event whose question is not parked yet, where parking looks for it."""
        mark = self._way_back.reference_marks(name, reference)[0]
        if len(await self._results.members(early_key(mark))) >= MAX_NOTES:
            return Wake.FULL
        # Parking gives it the number of its question.
        sealed = await seal_note(self._sealer, Note(0, Received(event), name), early_event_context(mark))
        await self._results.add_member(early_key(mark), sealed, ttl_seconds=EARLY_SECONDS)
        # Parked in between, its entry was written before this was: it looked too soon, and is woken now.
        question = await self._find(name, event)
        if question is None:
            return _EARLY
        if question is Wake.GONE:
            await self._results.drop_members(early_key(mark))
            return Wake.GONE
        return str(await self._wake(question, Note(question.number, Received(event), name)))

    async def _wake(self, question: QuestionAddress, note: Note) -> Wake:
        """Keep *note* with its job, which then runs."""
        if Capability.PARK not in self._queue.capabilities:
            return Wake.GONE
        sealed = await seal_note(self._sealer, note, note_context(question.result_id))
        return await self._queue.wake(question.result_id, sealed, is_event=isinstance(note.because, Received))


def _count(name: str, outcome: str) -> None:
    """Count one post."""
    WEBHOOKS_RECEIVED.labels(name, outcome).inc()
