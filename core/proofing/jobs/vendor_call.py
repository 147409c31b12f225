"""One call of one adapter: within its time, through its gate, and held to its contract."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import VENDOR_CALLS, VENDOR_SECONDS
from proofing.contracts.continuation import Because, Pending
from proofing.contracts.proofers import ProoferDescriptor, ProofingContext, ProofingRequest
from proofing.contracts.results import RESULT_TYPES, Check, Match, Outcome, StateIDResult
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.continuing import accept, after_error
from proofing.jobs.intents import QuestionIntent
from proofing.jobs.questions import Waiting
from proofing.jobs.resumption_gate import ResumptionGate
from proofing.registry.proofers import LoadedProofer, vendor_labels
from proofing.rules.state_id import in_maintenance

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VendorCall:
    """What an adapter is called with.

    Attributes:
        loaded: the vendor.
        request: reduced to what it declared.
        context: what it may use; its time is that of the call.
        intent: noted before it may be billed.
        gate: of a question that is resumed.
        before: what waited; None for a new question.
        because: why it is resumed; None for a new question.
        latest: when it is not waited for anymore; None for no bound.
        trace_id: for log lines.
    """

    loaded: LoadedProofer
    request: ProofingRequest
    context: ProofingContext
    intent: QuestionIntent
    gate: ResumptionGate
    before: Waiting | None
    because: Because | None
    latest: datetime | None
    trace_id: str

    async def make(self, clients: VendorClientPool) -> tuple[Check[Any] | Waiting, str]:
        """Call, and return the answer with the cause why there is none, "" where there is one.

        Raises:
            PluginError: the adapter broke its contract.
            ProofingError: the intent could not be noted; the vendor was not called.
        """
        descriptor, started = self.loaded.descriptor, time.perf_counter()
        found: Check[Any] | Waiting
        # What ends neither way: canceled with its job.
        outcome, cause = "error", "canceled"
        try:
            async with asyncio.timeout(self.context.remaining_seconds()):
                await clients.proofers.open(self.loaded, self.context)
                answer = await self._answer(clients)
            found, outcome, cause = *self._accepted(answer), ""
            self.gate.leave(None)
        except (TimeoutError, VendorError) as raised:
            self.intent.require()
            error = raised if isinstance(raised, VendorError) else self._timed_out()
            if self.request.in_maintenance_window:
                error = in_maintenance(error)
            found, cause = self._after(error), error.cause.value
            self.gate.leave(error)
        except PluginError:
            cause = "plugin_error"
            raise
        finally:
            self.gate.release()
            if self.gate.refusal is None and not self.intent.has_failed:
                _count_call(descriptor, outcome, cause, time.perf_counter() - started)
        return found, self.gate.refusal.codes[0] if self.gate.refusal else cause

    async def _answer(self, clients: VendorClientPool) -> Any:
        """Have the adapter ask, or resume; `LoadedProofer.proofer` lets only what can do so through."""
        try:
            if not self.loaded.policy().hosts:
                # It has no call that could do so.
                await self.gate.enter(self.context.remaining_seconds())
                if not self.loaded.descriptor.idempotent:
                    await self.intent.note()
            answer = await self._call(clients)
        except (PluginError, VendorError):
            self._require_let_through()
            raise
        self._require_let_through()
        return answer

    def _require_let_through(self) -> None:
        """Raise what kept the vendor from being called, whatever the adapter has made of it."""
        self.intent.require()
        self.gate.require()

    async def _call(self, clients: VendorClientPool) -> Any:
        """Call the method of the adapter."""
        proofer: Any = self.loaded.proofer
        plugin, request, context = self.loaded.plugin, self.request, self.context
        if self.before is None and request.message is not None:
            return await clients.call(plugin, proofer.send, request.message, context)
        if self.before is None:
            return await clients.call(plugin, proofer.proof, request, context)
        resume = getattr(proofer, "resume", None)
        if resume is None:
            # Its plugin was replaced while the job was parked.
            raise PluginError(f"{self.loaded.descriptor.name} cannot resume its question")
        return await clients.call(plugin, resume, request, self.before.pending, self.because, context)

    def _accepted(self, answer: Any) -> tuple[Check[Any] | Waiting, str]:
        """Return what the *answer* comes to, with its outcome.

        Raises:
            PluginError: the adapter may not answer so.
            VendorError: the question has expired, and this is no end.
        """
        descriptor = self.loaded.descriptor
        if isinstance(answer, Pending):
            waiting = accept(answer, descriptor, before=self.before, because=self.because, latest=self.latest)
            return waiting, "pending"
        wanted = RESULT_TYPES[descriptor.kind]
        if not isinstance(answer, wanted):
            raise PluginError(
                f"{descriptor.name} answered with {type(answer).__name__}, not {wanted.__name__}"
            )
        if not _is_sound(answer):
            raise PluginError(f"{descriptor.name} answered with fields of wrong types")
        if isinstance(answer, StateIDResult):
            is_in_window = answer.jurisdiction_in_maintenance_window or self.request.in_maintenance_window
            answer = replace(answer, jurisdiction_in_maintenance_window=is_in_window)
        return Check(result=answer), answer.outcome.value

    def _timed_out(self) -> VendorError:
        """Return the error of a vendor that did not answer in time."""
        descriptor = self.loaded.descriptor
        return VendorError(
            Cause.TIMEOUT,
            "no answer within the time limit",
            vendor_name=descriptor.name,
            # Without the note no call was made but free ones.
            billed=descriptor.idempotent or self.before is not None or self.intent.is_noted,
        )

    def _after(self, error: VendorError) -> Check[Any] | Waiting:
        """Return what *error* comes to: the end, unless a waiting question may still have its answer."""
        if error.cause is Cause.AUTHENTICATION:
            log(
                _logger,
                "vendor_credentials_refused",
                level=logging.ERROR,
                vendor=self.loaded.descriptor.name,
                trace_id=self.trace_id,
            )
        if self.before is None or self.because is None:
            return Check(error=error)
        return after_error(self.before, error, self.because) or Check(error=error)


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
