"""One run of one job: its deadline, its clock, and how it asks a vendor.

A vendor gets a copy of the attributes it declared and a context; whatever it does wrong stays here: foreign
errors become `PluginError` without their text, answers of the wrong type are refused, and no call outlives
the job. Plain (not async) adapters run in a bounded thread pool.
"""

import asyncio
import contextvars
import hashlib
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import (
    PluginError,
    VendorError,
    VendorResponseError,
    VendorTimeoutError,
    VendorUnavailableError,
)
from proofing.base.logs import Stopwatch, get_logger
from proofing.base.metrics import VENDOR_CALLS, VENDOR_SECONDS
from proofing.base.tracing import SpanKind, span
from proofing.contracts.proofers import PollingProofer, ProoferDescriptor, ProofingContext, ProofingRequest
from proofing.contracts.queues import ClaimedJob
from proofing.contracts.records import End, StatusRecord
from proofing.contracts.results import RESULT_TYPES, Check, Match, Outcome, VendorResult
from proofing.outbound.client import OutboundClient, OutboundTransport
from proofing.outbound.sessions import make_session
from proofing.registry.proofers import LoadedProofer, vendor_labels
from proofing.routing.shared_limits import VendorBudgets

#: First wait between two polls of a *submit, then poll* vendor, its growth, and its most.
_POLL_SECONDS, _POLL_GROWTH, _POLL_MOST_SECONDS = 0.5, 1.5, 3.0
#: Plain adapters of all jobs of one process share these threads.
_THREADS = 32
#: Why a question has no answer, for metrics.
_CAUSES: Mapping[type[VendorError], str] = {
    VendorTimeoutError: "timeout",
    VendorUnavailableError: "unavailable",
    VendorResponseError: "response",
}


class VendorClientPool:
    """What all runs of one process share: connections, threads, CPU children, each made at the first call."""

    def __init__(
        self,
        transport: OutboundTransport,
        budgets: VendorBudgets | None = None,
        cpu: CPUPool | None = None,
    ) -> None:
        """Send calls over *transport*, within *budgets*; decode and compute in *cpu*."""
        self.transport = transport
        self.budgets = budgets
        self.cpu = cpu or CPUPool()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def threads(self) -> ThreadPoolExecutor:
        """The pool for plain adapters."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="proofer")
        return self._threads

    async def close(self) -> None:
        """Close connections and end children; do not wait for threads that hang."""
        await self.cpu.close()
        await self.transport.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


class JobRun:
    """One start of one job."""

    def __init__(self, job: ClaimedJob, desk: VendorClientPool) -> None:
        """Start the clock of *job*."""
        self.job = job
        self.message = job.message
        self.stopwatch = Stopwatch()
        self.calls: list[dict[str, Any]] = []
        self._desk = desk
        self._deadline = time.monotonic() + job.message.deadline_seconds
        self._intent = asyncio.Lock()
        self._intent_noted = False

    def remaining_seconds(self) -> float:
        """Return what is left of the job's deadline."""
        return max(0.0, self._deadline - time.monotonic())

    async def ask(self, loaded: LoadedProofer, request: ProofingRequest, *, step: str) -> Check[Any]:
        """Put one question to one vendor and return its answer, or the `VendorError` that came instead.

        Args:
            loaded: the vendor.
            request: about whom; reduced to the attributes that the vendor declared.
            step: name of the timer in the summary line.

        Raises:
            PluginError: the adapter broke its contract.
            LeaseLostError: the job is no longer ours; the vendor was not called.
        """
        descriptor = loaded.descriptor
        proofer = loaded.proofer
        budgets = self._desk.budgets
        if budgets is not None and not await budgets.spend(descriptor.name):
            return self._not_asked(descriptor, step)
        if not descriptor.idempotent:
            await self._note_intent(descriptor.name)
        with span(f"ask {descriptor.name}", vendor=descriptor.name, step=step) as asking:
            check, cause = await self._ask_within_limit(loaded, proofer, request, step)
            if cause:
                asking.fail(cause)
            asking.set(outcome=check.result.outcome if check.result else "error")
        self.calls.append(_call_facts(descriptor.name, step, check))
        return check

    async def _ask_within_limit(
        self, loaded: LoadedProofer, proofer: Any, request: ProofingRequest, step: str
    ) -> tuple[Check[Any], str]:
        """Ask, and return the answer with the cause why there is none."""
        descriptor = loaded.descriptor
        limit, context = self._context(loaded)
        reduced = replace(request, applicant=request.applicant.select(descriptor.attributes))
        started = time.perf_counter()
        check: Check[Any]
        # What ends neither way: canceled with its job.
        outcome, cause = "error", "canceled"
        try:
            async with asyncio.timeout(limit):
                answer = await self._answer(proofer, reduced, context)
            result = self._require_type(loaded, answer)
            check = Check(result=result)
            outcome, cause = result.outcome.value, ""
        except TimeoutError:
            cause = _CAUSES[VendorTimeoutError]
            check = Check(
                error=VendorTimeoutError("no answer within the time limit", vendor_name=descriptor.name)
            )
        except VendorError as error:
            cause = _CAUSES.get(type(error), "vendor")
            check = Check(error=error)
        except PluginError:
            cause = "plugin_error"
            raise
        finally:
            self.stopwatch.note(step, started)
            _count_call(descriptor, outcome, cause, time.perf_counter() - started)
        return check, cause

    def _not_asked(self, descriptor: ProoferDescriptor, step: str) -> Check[Any]:
        """Return the check of a vendor whose budget is used up: no answer, and no call that is billed."""
        error = VendorUnavailableError(
            "the hourly budget is used up",
            vendor_name=descriptor.name,
            code="budget_reached",
        )
        check: Check[Any] = Check(error=error)
        self.calls.append(_call_facts(descriptor.name, step, check))
        return check

    async def _note_intent(self, vendor_name: str) -> None:
        """Note once a job, before its first call, that from now on it must not be run again."""
        async with self._intent:
            if not self._intent_noted:
                await self.job.record_intent(vendor_name)
                self._intent_noted = True

    def _context(self, loaded: LoadedProofer) -> tuple[float, ProofingContext]:
        """Return the time limit in seconds, and what the adapter may use."""
        name = loaded.descriptor.name
        hosts, seconds = loaded.bounds()
        limit = min(seconds, self.remaining_seconds())
        http = OutboundClient(
            self._desk.transport,
            vendor_name=name,
            hosts=hosts,
            timeout_seconds=limit,
            deadline=self._deadline,
            trace_id=self.message.trace_id,
        )
        key = hashlib.sha256(f"{self.message.result_id}:{loaded.descriptor.kind}:{name}".encode()).hexdigest()
        context = ProofingContext(
            idempotency_key=key,
            http=http,
            remaining_seconds=self.remaining_seconds,
            now=lambda: datetime.now(UTC),
            logger=get_logger(type(loaded.proofer).__module__),
            requests_session=lambda: make_session(http.bounds),
            cpu=self._desk.cpu.run,
        )
        return limit, context

    async def _answer(self, proofer: Any, request: ProofingRequest, context: ProofingContext) -> Any:
        """Run the adapter's shape to its answer; `LoadedProofer.proofer` lets only these two through."""
        if not isinstance(proofer, PollingProofer):
            return await self._call(proofer.proof, request, context)
        ticket = await self._call(proofer.submit, request, context)
        wait = _POLL_SECONDS
        while (result := await self._call(proofer.poll, ticket, context)) is None:
            await asyncio.sleep(wait)
            wait = min(wait * _POLL_GROWTH, _POLL_MOST_SECONDS)
        return result

    async def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call one method of an adapter, async or plain, keeping foreign errors in."""
        try:
            if inspect.iscoroutinefunction(method):
                return await method(*arguments)
            loop = asyncio.get_running_loop()
            # In our context, so that what it does belongs to our trace.
            step = partial(contextvars.copy_context().run, method, *arguments)
            answer = await loop.run_in_executor(self._desk.threads, step)
            return await answer if inspect.isawaitable(answer) else answer
        except (VendorError, TimeoutError, GeneratorExit):
            raise
        except BaseException as error:
            # An adapter may raise anything, also what would end the process; its text may hold PII. A
            # cancellation is ours only if somebody asked this task for it.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise PluginError(f"the proofer raised {type(error).__name__}") from None

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


async def traced(job: ClaimedJob, running: Awaitable[StatusRecord]) -> StatusRecord:
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
        performing.set(end=record.end, outcome=record.outcome)
        if record.end is not End.DONE:
            performing.fail(record.end or "")
        return record


def _count_call(descriptor: ProoferDescriptor, outcome: str, cause: str, seconds: float) -> None:
    """Count one question."""
    vendor, product = vendor_labels(descriptor)
    VENDOR_CALLS.labels(vendor, product, outcome, cause).inc()
    VENDOR_SECONDS.labels(vendor, product).observe(seconds)


def _is_sound(answer: Any) -> bool:
    """Tell whether the fields that every answer has are of their types, which Python does not check."""
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
    if check.error is not None:
        facts |= {
            "error": type(check.error).__name__,
            "code": check.error.code,
            "transaction_id": check.error.transaction_id,
            "timed_out": check.timed_out,
        }
    return facts
