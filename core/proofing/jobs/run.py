"""One run of one job: its deadline, its clock, and how it asks a vendor.

A vendor gets a copy of the attributes it declared and a context. Answers of the wrong type are refused, and
no call outlives the job.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from proofing.base.errors import Cause, PluginError, ProofingError, VendorError
from proofing.base.logs import Stopwatch, get_logger, log
from proofing.base.metrics import VENDOR_CALLS, VENDOR_SECONDS
from proofing.base.tracing import SpanKind, span
from proofing.contracts.continuation import Because, Due, Expired, Pending
from proofing.contracts.proofers import (
    ProoferDescriptor,
    ProofingContext,
    ProofingRequest,
)
from proofing.contracts.queues import ClaimedJob, Parked
from proofing.contracts.records import EndState, StatusRecord
from proofing.contracts.results import RESULT_TYPES, Check, Match, Outcome, StateIDResult, VendorResult
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.continuing import Resumption, accept, after_error
from proofing.jobs.intents import Checkpoints, QuestionIntent
from proofing.jobs.questions import Question, QuestionKey, QuestionLog, Waiting
from proofing.jobs.way_back import QuestionAddress, WayBack
from proofing.outbound.client import OutboundPolicy
from proofing.registry.proofers import LoadedProofer, vendor_labels

if TYPE_CHECKING:
    from proofing.jobs.arguments import Arguments

_logger = get_logger(__name__)


class JobPendingError(ProofingError):
    """A vendor answers later: the run ends here, and its job is to be parked."""


class JobRun:
    """One start of one job.

    Attributes:
        questions: what the job has asked, in this run and before.
        kept: what it is parked with, when it is; the work may replace it.
        resumption: why its waiting questions are resumed.
        interrupted: numbers of the questions whose answer was lost with the worker of an earlier run.
        returned_at: when its person had come back for the last time before it began; None for never.
    """

    def __init__(
        self,
        job: ClaimedJob,
        clients: VendorClientPool,
        way_back: WayBack,
        seal_answers: Callable[[bytes], Awaitable[bytes]],
        *,
        pending_max_seconds: float = float("inf"),
    ) -> None:
        """Start the clock of *job*.

        Args:
            job: the start.
            clients: what all runs share.
            way_back: makes the ids of its questions.
            seal_answers: seals what it has of its vendors while it runs, for the job's next run.
            pending_max_seconds: how long after its submit it may be pending.
        """
        self.job = job
        self.message = job.message
        self.stopwatch = Stopwatch()
        self.calls: list[dict[str, Any]] = []
        self.questions = QuestionLog()
        self.kept: Arguments | None = None
        self.resumption = Resumption(self.questions, {})
        self.interrupted = frozenset(job.message.intents)
        self.returned_at: float | None = None
        self._clients = clients
        self._way_back = way_back
        self._pending_max_seconds = pending_max_seconds
        self._deadline = time.monotonic() + job.message.deadline_seconds
        self._checkpoints = Checkpoints(job, lambda: seal_answers(self.questions.answers_to_bytes()))
        self._open_questions = 0
        self._one_ended = asyncio.Event()

    def address_of(self, number: int) -> QuestionAddress:
        """Return where the question with this *number* is found."""
        return QuestionAddress(self.message.result_id, number)

    def remaining_seconds(self) -> float:
        """Return what is left of the job's deadline."""
        return max(0.0, self._deadline - time.monotonic())

    async def ask(self, loaded: LoadedProofer, request: ProofingRequest, *, step: str) -> Check[Any]:
        """Put one question to one vendor and return its answer, or the `VendorError` that came instead.

        What was answered before the job was parked is returned again; what was pending is resumed.

        Args:
            loaded: the vendor; for a question that is pending the one it was put to (see `Tools`).
            request: about whom; reduced to what the vendor declared.
            step: name of the timer in the summary line.

        Raises:
            JobPendingError: the vendor answers later; all other open questions have ended.
            PluginError: the adapter broke its contract.
            LeaseLostError: the job is no longer ours; the vendor was not called.
        """
        key = self.questions.next_key(step)
        known = self.questions.get(key)
        if known is not None and known.check is not None:
            return known.check
        if key.number in self.interrupted:
            lost = VendorError(
                Cause.INTERRUPTED, "the worker ended during the call", vendor_name=loaded.descriptor.name
            )
            check = self._not_asked(loaded.descriptor, step, lost)
            # Kept with the answers: a park forgets the intents.
            descriptor = loaded.descriptor
            self.questions.note(key, Question(vendor=descriptor.name, kind=descriptor.kind, check=check))
            return check
        self._open_questions += 1
        try:
            waiting = known.waiting if known is not None else None
            if waiting is not None:
                found = await self._resume(loaded, request, key, waiting)
            else:
                found = await self._put(loaded, request, key)
                if isinstance(found, Waiting) and self.resumption.has_news(key):
                    # Of a run whose worker died before the job was parked.
                    found = await self._resume(loaded, request, key, found)
        finally:
            self._open_questions -= 1
            self._one_ended.set()
        descriptor = loaded.descriptor
        if isinstance(found, Waiting):
            self.questions.note(key, Question(vendor=descriptor.name, kind=descriptor.kind, waiting=found))
            await self._until_no_question_is_open()
            raise JobPendingError
        self.questions.note(key, Question(vendor=descriptor.name, kind=descriptor.kind, check=found))
        self._checkpoints.answered(others_are_open=self._open_questions > 0)
        return found

    def close(self) -> None:
        """Write nothing anymore."""
        self._checkpoints.close()

    async def _resume(
        self, loaded: LoadedProofer, request: ProofingRequest, key: QuestionKey, waiting: Waiting
    ) -> Check[Any] | Waiting:
        """Resume a question for each reason there is, until it has an end; not at all while there is none."""
        without_images = replace(request, images={})
        reasons = self.resumption.reasons(key, waiting, loaded.descriptor)
        has_expired = bool(reasons) and isinstance(reasons[-1].because, Expired)
        for place, note in enumerate(reasons):
            found = await self._put(loaded, without_images, key, waiting, note.because)
            if isinstance(found, Check):
                return found
            waiting = found
            if waiting.failures and not has_expired:
                # What happened is given again when the vendor can be asked.
                unread = [one for one in reasons[place:] if not isinstance(one.because, Due)]
                return replace(waiting, news=tuple(unread))
        return waiting

    async def _until_no_question_is_open(self) -> None:
        """Wait for the questions side by side: none is canceled because another one is pending."""
        while self._open_questions:
            self._one_ended.clear()
            await self._one_ended.wait()

    async def _put(
        self,
        loaded: LoadedProofer,
        request: ProofingRequest,
        key: QuestionKey,
        before: Waiting | None = None,
        because: Because | None = None,
    ) -> Check[Any] | Waiting:
        """Ask, or resume what waited *before*, for the reason *because*."""
        descriptor, step = loaded.descriptor, key.step
        _ = loaded.proofer  # made, or nothing is noted
        budgets = self._clients.budgets
        if before is None and budgets is not None and not await budgets.spend(descriptor.name):
            used_up = VendorError(
                Cause.QUOTA,
                "the hourly budget is used up",
                vendor_name=descriptor.name,
                codes=("budget_reached",),
            )
            return self._not_asked(descriptor, step, used_up)
        policy = loaded.policy()
        intent = QuestionIntent(self._checkpoints, descriptor.name, key.number)
        if not descriptor.idempotent and not policy.hosts:
            await intent.note()
        with span(f"ask {descriptor.name}", vendor=descriptor.name, step=step) as asking:
            context = self._context(loaded, policy, intent, key)
            reduced = self._with_references(request).reduce(descriptor)
            found, cause = await self._ask_within_limit(
                loaded, reduced, step, context, intent=intent, before=before, because=because
            )
            if cause:
                asking.fail(cause)
            if isinstance(found, Waiting):
                asking.set(outcome="pending")
                self.calls.append(
                    {"vendor": descriptor.name, "step": step, "success": False, "pending": True}
                )
                return found
            asking.set(outcome=found.result.outcome if found.result else "error")
        self.calls.append(_call_facts(descriptor.name, step, found))
        return found

    def _with_references(self, request: ProofingRequest) -> ProofingRequest:
        """Return *request* about a person whom vendors may know by our references."""
        applicant = replace(request.applicant, uuid=self.message.owner, uuid_prefix=self.message.partner)
        return replace(request, applicant=applicant)

    async def _ask_within_limit(
        self,
        loaded: LoadedProofer,
        request: ProofingRequest,
        step: str,
        context: ProofingContext,
        *,
        intent: QuestionIntent,
        before: Waiting | None,
        because: Because | None,
    ) -> tuple[Check[Any] | Waiting, str]:
        """Ask, and return the answer with the cause why there is none."""
        descriptor = loaded.descriptor
        started = time.perf_counter()
        found: Check[Any] | Waiting
        # What ends neither way: canceled with its job.
        outcome, cause = "error", "canceled"
        try:
            async with asyncio.timeout(context.remaining_seconds()):
                await self._clients.proofers.open(loaded, context)
                answer = await self._answer(loaded, request, context, before, because)
            intent.require()
            if isinstance(answer, Pending):
                found = accept(
                    answer,
                    descriptor,
                    before=before,
                    because=because,
                    latest=self._latest,
                )
                outcome, cause = "pending", ""
            else:
                result = self._require_type(loaded, answer)
                found = Check(result=result)
                outcome, cause = result.outcome.value, ""
        except TimeoutError:
            error = VendorError(Cause.TIMEOUT, "no answer within the time limit", vendor_name=descriptor.name)
            found, cause = _after_error(error, before, because), error.cause.value
        except VendorError as error:
            intent.require()
            found, cause = _after_error(error, before, because), error.cause.value
            if error.cause is Cause.AUTHENTICATION:
                log(
                    _logger,
                    "vendor_credentials_refused",
                    level=logging.ERROR,
                    vendor=descriptor.name,
                    trace_id=self.message.trace_id,
                )
        except PluginError:
            intent.require()
            cause = "plugin_error"
            raise
        finally:
            self.stopwatch.note(step, started)
            _count_call(descriptor, outcome, cause, time.perf_counter() - started)
        return found, cause

    @property
    def _latest(self) -> datetime | None:
        """When no question of the job is waited for anymore; None for no bound."""
        if self._pending_max_seconds == float("inf"):
            return None
        submitted = datetime.fromtimestamp(self.message.enqueued_at, UTC)
        return submitted + timedelta(seconds=self._pending_max_seconds)

    def _not_asked(self, descriptor: ProoferDescriptor, step: str, error: VendorError) -> Check[Any]:
        """Return the check of a vendor that is not asked, because of *error*."""
        check: Check[Any] = Check(error=error)
        self.calls.append(_call_facts(descriptor.name, step, check))
        return check

    def _context(
        self, loaded: LoadedProofer, policy: OutboundPolicy, intent: QuestionIntent, question: QuestionKey
    ) -> ProofingContext:
        """Return what the adapter may use for *question*."""
        name = loaded.descriptor.name
        made = self._clients.context(
            loaded,
            policy,
            deadline=self._deadline,
            trace_id=self.message.trace_id,
            note_intent=None if loaded.descriptor.idempotent else intent.note,
        )
        asked = f"{self.message.result_id}:{question.step}:{question.ordinal}:{name}"
        key = hashlib.sha256(asked.encode()).hexdigest()
        question_id = self._way_back.question_id(self.address_of(question.number))
        values = {field.name: getattr(made, field.name) for field in fields(made)}
        return ProofingContext(
            idempotency_key=key,
            question_id=question_id,
            return_url=self._way_back.return_url(question_id),
            answer_url=self._way_back.answer_url(question_id),
            **values,
        )

    async def _answer(
        self,
        loaded: LoadedProofer,
        request: ProofingRequest,
        context: ProofingContext,
        before: Waiting | None,
        because: Because | None,
    ) -> Any:
        """Have the adapter ask, or resume; `LoadedProofer.proofer` lets only what can do so through."""
        proofer: Any = loaded.proofer
        if before is None and request.message is not None:
            return await self._clients.call(loaded.plugin, proofer.send, request.message, context)
        if before is None:
            return await self._clients.call(loaded.plugin, proofer.proof, request, context)
        resume = getattr(proofer, "resume", None)
        if resume is None:
            # Its plugin was replaced while the job was parked.
            raise PluginError(f"{loaded.descriptor.name} cannot resume its question")
        return await self._clients.call(loaded.plugin, resume, request, before.pending, because, context)

    @staticmethod
    def _require_type(loaded: LoadedProofer, result: Any) -> VendorResult:
        """Return *result* if it is what the kind must answer with, down to the words that rules read."""
        wanted = RESULT_TYPES[loaded.descriptor.kind]
        if not isinstance(result, wanted):
            raise PluginError(
                f"{loaded.descriptor.name} answered with {type(result).__name__}, not {wanted.__name__}"
            )
        if not _is_sound(result):
            raise PluginError(f"{loaded.descriptor.name} answered with fields of wrong types")
        return result


async def side_by_side(*steps: Awaitable[Any]) -> list[Any]:
    """Await *steps* of a run's work together, each to its end: no call is canceled because of another one.

    Raises:
        JobPendingError: a vendor answers later, and nothing else went wrong. What a run asked meanwhile is
            answered from its log when the job continues.
    """
    answers = await asyncio.gather(*steps, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    # A job that broke is not parked.
    for failure in sorted(failures, key=lambda one: isinstance(one, JobPendingError)):
        raise failure
    return answers


async def traced(job: ClaimedJob, running: Awaitable[StatusRecord | Parked]) -> StatusRecord | Parked:
    """Await what is *running* *job*, as part of the trace of its submit."""
    message = job.message
    with span(
        f"perform {message.kind}",
        SpanKind.CONSUMER,
        parent=message.traceparent or "",
        kind=message.kind,
        job_id=message.result_id,
        attempt=job.attempt,
        queued_ms=round(job.age_seconds * 1000, 2),
    ) as performing:
        record = await running
        if isinstance(record, Parked):
            performing.set(parked=True)
            return record
        performing.set(end_state=record.end_state, outcome=record.outcome)
        if record.end_state is not EndState.DONE:
            performing.fail(record.end_state or "")
        return record


def _after_error(error: VendorError, before: Waiting | None, because: Because | None) -> Check[Any] | Waiting:
    """Return what *error* comes to: the end, unless a waiting question may still have its answer."""
    waiting = after_error(before, error, because) if before is not None and because is not None else None
    return waiting or Check(error=error)


def _count_call(descriptor: ProoferDescriptor, outcome: str, cause: str, seconds: float) -> None:
    """Count one question."""
    vendor, product = vendor_labels(descriptor)
    VENDOR_CALLS.labels(vendor, product, outcome, cause).inc()
    VENDOR_SECONDS.labels(vendor, product).observe(seconds)


def _is_sound(answer: Any) -> bool:
    """Return whether the fields that every answer has are of their types, which Python does not check."""
    # One text in place of a tuple would pass for a list of its letters.
    lists = (answer.reasons, answer.vendor_codes)
    optional = (answer.transaction_id, answer.reference, answer.vendor_workflow)
    return (
        isinstance(answer.vendor_name, str)
        and isinstance(answer.outcome, Outcome)
        and isinstance(answer.attributes, Mapping)
        and all(isinstance(match, Match) for match in answer.attributes.values())
        and all(isinstance(words, tuple) and all(isinstance(word, str) for word in words) for words in lists)
        and all(text is None or isinstance(text, str) for text in optional)
    )


def _call_facts(vendor_name: str, step: str, check: Check[Any]) -> dict[str, Any]:
    """Return what the summary line says of one call; no PII."""
    facts: dict[str, Any] = {"vendor": vendor_name, "step": step, "success": check.passed}
    if check.result is not None:
        facts |= {"transaction_id": check.result.transaction_id, "billed": check.result.billed}
    if isinstance(check.result, StateIDResult) and check.result.jurisdiction_in_maintenance_window:
        facts["jurisdiction_in_maintenance_window"] = True
    if check.error is not None:
        facts |= {
            "cause": check.error.cause.value,
            "codes": list(check.error.codes),
            "transaction_id": check.error.transaction_id,
            "billed": check.error.billed,
            "retry_after": check.error.retry_after,
            "timed_out": check.timed_out,
        }
    return facts
