"""One run of one job: its deadline, its clock, and how it asks a vendor.

A vendor gets a copy of the attributes it declared and a context. Answers of the wrong type are refused, and
no call outlives the job.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from proofing.base.errors import Cause, PluginError, ProofingError, VendorError
from proofing.base.logs import Stopwatch, get_logger
from proofing.base.tracing import SpanKind, span
from proofing.contracts.continuation import Because, Due, Expired
from proofing.contracts.proofers import (
    ProofingContext,
    ProofingRequest,
)
from proofing.contracts.queues import ClaimedJob, Parked
from proofing.contracts.records import EndState, StatusRecord
from proofing.contracts.results import Check, StateIDResult
from proofing.contracts.verifications import Mode
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.continuing import Resumption
from proofing.jobs.intents import Checkpoints, QuestionIntent
from proofing.jobs.questions import Question, QuestionKey, QuestionLog, Waiting
from proofing.jobs.recording import JobRecords, question_digest
from proofing.jobs.resumption_gate import ResumptionGate
from proofing.jobs.vendor_call import VendorCall
from proofing.jobs.way_back import QuestionAddress, WayBack
from proofing.outbound.client import OutboundPolicy
from proofing.registry.proofers import LoadedProofer
from proofing.routing.gates import Gatekeeper

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
        records: what is kept of its calls and decisions when it has ended.
        interrupted: numbers of the questions whose answer was lost with the worker of an earlier run.
        returned_at: when its person had come back for the last time before it began; None for never.
        gates: let questions through to vendors; None for no limits.
    """

    def __init__(
        self,
        job: ClaimedJob,
        clients: VendorClientPool,
        way_back: WayBack,
        seal_answers: Callable[[bytes], Awaitable[bytes]],
        *,
        records: JobRecords | None = None,
        pending_max_seconds: float = float("inf"),
        gates: Gatekeeper | None = None,
    ) -> None:
        """Start the clock of *job*.

        Args:
            job: the start.
            clients: what all runs share.
            way_back: makes the ids of its questions.
            seal_answers: seals what it has of its vendors while it runs, for the job's next run.
            records: empty; None where nothing is recorded.
            pending_max_seconds: how long after its submit it may be pending.
            gates: the attribute.
        """
        self.job = job
        self.message = job.message
        self.stopwatch = Stopwatch()
        self.calls: list[dict[str, Any]] = []
        self.questions = QuestionLog()
        self.records = records or JobRecords(job.message, None)
        self.kept: Arguments | None = None
        self.resumption = Resumption(self.questions, {})
        self.interrupted = frozenset(job.message.intents)
        self.returned_at: float | None = None
        self.gates = gates
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
            loaded: the vendor; for a question that is pending the one it was put to.
            request: about whom; reduced to what the vendor declared.
            step: name of the timer in the summary line.

        Raises:
            JobPendingError: the vendor answers later; all other open questions have ended.
            PluginError: the adapter broke its contract.
            LeaseLostError: the job is no longer ours; the vendor was not called.
        """
        if self.message.mode is Mode.TEST and not (loaded.is_mock or loaded.descriptor.offline):
            raise PluginError(f"test mode asks mocks alone, and {loaded.descriptor.name} is none")
        key = self.questions.next_key(step)
        known = self.questions.get(key)
        if known is not None and known.check is not None:
            self.records.ended(key, known.vendor, known.kind, known.check)
            return known.check
        if key.number in self.interrupted:
            lost = VendorError(
                Cause.INTERRUPTED, "the worker ended during the call", vendor_name=loaded.descriptor.name
            )
            check = self.not_asked(loaded.descriptor.name, step, lost)
            # Kept with the answers: a park forgets the intents.
            descriptor = loaded.descriptor
            self.questions.note(key, Question(vendor=descriptor.name, kind=descriptor.kind, check=check))
            self.records.ended(key, descriptor.name, descriptor.kind, check)
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
        self.records.ended(key, descriptor.name, descriptor.kind, found)
        self._checkpoints.answered(others_are_open=self._open_questions > 0)
        return found

    def was_interrupted(self, step: str) -> bool:
        """Return whether the answer of the next question of *step* was lost with an earlier run."""
        key = self.questions.upcoming_key(step)
        return key.number in self.interrupted and self.questions.get(key) is None

    def not_asked(self, vendor_name: str, step: str, error: VendorError) -> Check[Any]:
        """Return the check of a vendor that is not asked, because of *error*; the summary line names it."""
        check: Check[Any] = Check(error=error)
        self.calls.append(_call_facts(vendor_name, step, check))
        return check

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
            found = await self._put(
                loaded, without_images, key, waiting, note.because, has_expired=has_expired
            )
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
        *,
        has_expired: bool = False,
    ) -> Check[Any] | Waiting:
        """Ask, or resume what waited *before*, for the reason *because*; a last time if it *has_expired*."""
        descriptor, step = loaded.descriptor, key.step
        _ = loaded.proofer  # made, or nothing is noted
        policy = loaded.policy()
        intent = QuestionIntent(self._checkpoints, descriptor.name, key.number)
        resumed = self.gates if before is not None else None
        gate = ResumptionGate(resumed, descriptor, is_last=has_expired)
        with span(f"ask {descriptor.name}", vendor=descriptor.name, step=step) as asking:
            call = VendorCall(
                loaded=loaded,
                request=self._with_references(request).reduce(descriptor),
                context=self._context(loaded, policy, intent, gate, key),
                intent=intent,
                gate=gate,
                before=before,
                because=because,
                latest=self._latest,
                trace_id=self.message.trace_id,
            )
            started = time.perf_counter()
            try:
                found, cause = await call.make(self._clients)
            except (PluginError, asyncio.CancelledError) as error:
                if before is None and intent.is_noted:
                    outcome = "plugin_error" if isinstance(error, PluginError) else "canceled"
                    self.records.cut_off(key, descriptor.name, descriptor.kind, outcome)
                raise
            finally:
                self.stopwatch.note(step, started)
            if cause:
                asking.fail(cause)
            if isinstance(found, Waiting):
                asking.set(outcome="pending")
                facts = {"vendor": descriptor.name, "step": step, "success": False, "pending": True}
                self.calls.append(facts | ({"cause": cause} if cause else {}))
                return found
            asking.set(outcome=found.result.outcome if found.result else "error")
        self.calls.append(_call_facts(descriptor.name, step, found))
        return found

    def _with_references(self, request: ProofingRequest) -> ProofingRequest:
        """Return *request* about a person whom vendors may know by our references."""
        applicant = replace(request.applicant, uuid=self.message.owner, uuid_prefix=self.message.partner)
        return replace(request, applicant=applicant)

    @property
    def _latest(self) -> datetime | None:
        """When no question of the job is waited for anymore; None for no bound."""
        if self._pending_max_seconds == float("inf"):
            return None
        submitted = datetime.fromtimestamp(self.message.enqueued_at, UTC)
        return submitted + timedelta(seconds=self._pending_max_seconds)

    def _context(
        self,
        loaded: LoadedProofer,
        policy: OutboundPolicy,
        intent: QuestionIntent,
        gate: ResumptionGate,
        question: QuestionKey,
    ) -> ProofingContext:
        """Return what the adapter may use for *question*."""
        name = loaded.descriptor.name
        made = self._clients.context(
            loaded,
            policy,
            deadline=self._deadline,
            trace_id=self.message.trace_id,
            note_intent=None if loaded.descriptor.idempotent else intent.note,
            admit=gate.enter,
        )
        question_id = self._way_back.question_id(self.address_of(question.number))
        values = {field.name: getattr(made, field.name) for field in fields(made)}
        return ProofingContext(
            idempotency_key=question_digest(self.message.result_id, question, name),
            question_id=question_id,
            return_url=self._way_back.return_url(question_id),
            answer_url=self._way_back.answer_url(question_id),
            **values,
        )


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
