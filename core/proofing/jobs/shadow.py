"""Asks a second vendor in the background, to compare its answers; they count for nobody.

Sampled, within an hourly budget of all processes, and only about people whose consent named the company. The
vendor gets neither images nor the SSN nor what licensing agencies are asked with. It is asked from a loop and
connections of its own: one that crashes, hangs or floods holds up no job. docs/adr/0058
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from proofing.base.concurrency import Background
from proofing.base.errors import Cause, PluginError, StoreError, VendorError
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.metrics import SHADOW_ANSWERS
from proofing.base.side_loop import SideLoop
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, ProoferKind
from proofing.contracts.routing import Refusal
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import CallLimits, Gate
from proofing.contracts.verifications import Mode
from proofing.jobs.asked_questions import AskedQuestion
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.questions import Waiting
from proofing.jobs.recording import CallRecorder, shadow_record
from proofing.jobs.trying import try_vendor
from proofing.registry.proofers import LoadedProofer, vendor_labels
from proofing.routing.gates import call_limits, outcome_of
from proofing.routing.router import Router
from proofing.rules.routing import fraction
from proofing.rules.shadows import SHADOW_ATTRIBUTES, compare
from proofing.settings import LiveSettings, Settings
from proofing.settings.vendor_values import VendorShadow

#: Shadows of one process at a time; more are left out.
MAX_RUNNING = 8
#: One process begins no more than one in this time: a sample needs no more, and people's jobs need the CPU.
SPACING_SECONDS = 0.5
#: How long a shadow may take.
ANSWER_SECONDS = 20.0
#: How long nobody is asked after a limit was met: a flood asks the store once a minute.
PAUSE_SECONDS = 60.0
_CLOSE_SECONDS = 1.0

_logger = get_logger(__name__)


class VendorShadows:
    """Keeps the contract `proofing.jobs.asked_questions.Shadow`."""

    def __init__(
        self,
        results: ResultStore,
        live: LiveSettings,
        router: Router,
        make_clients: Callable[[Settings], VendorClientPool],
        recorder: CallRecorder | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        spacing_seconds: float = SPACING_SECONDS,
    ) -> None:
        """Ask nobody yet.

        Args:
            results: has the gates of all processes.
            live: the settings in effect.
            router: knows the vendors.
            make_clients: makes connections and threads of the shadows' own, in their loop.
            recorder: keeps what is billed; None where nothing is recorded.
            answer_seconds: how long a shadow may take.
            spacing_seconds: the shortest time between the beginnings of two.
        """
        self._results = results
        self._live = live
        self._router = router
        self._make_clients = make_clients
        self._recorder = recorder
        self._answer_seconds = answer_seconds
        self._spacing_seconds = spacing_seconds
        self._next_at = 0.0
        self._loop = SideLoop("shadow")
        self._running = Background()
        self._clients: VendorClientPool | None = None
        self._loaded: dict[tuple[ProoferKind, str], LoadedProofer] = {}
        self._paused_until: dict[ProoferKind, float] = {}

    def __call__(self, question: AskedQuestion, request: ProofingRequest) -> None:
        """Begin to ask, if the settings, the sample and the consent want it. Returns at once."""
        try:
            wanted = self._wanted(question, request)
            if wanted is None:
                return
            loaded = self._own(question.kind, wanted.vendor)
            now = time.monotonic()
            if now < self._next_at or len(self._running.pending()) >= MAX_RUNNING:
                _count(loaded, "dropped")
                return
            self._next_at = now + self._spacing_seconds
            self._running.begin(self._ask(question, _reduced(request), loaded, wanted))
        except Exception as error:  # noqa: BLE001 - nobody's job may end because of a shadow
            log(_logger, "shadow_failed", level=logging.WARNING, **exception_fields(error))

    async def close(self) -> None:
        """Give up what is on its way, and close the connections."""
        await self._running.close()
        if self._clients is not None:
            closing = asyncio.wrap_future(self._loop.submit(self._clients.close()))
            await asyncio.wait([closing], timeout=_CLOSE_SECONDS)
        await self._loop.close(wait_seconds=_CLOSE_SECONDS)

    def _wanted(self, question: AskedQuestion, request: ProofingRequest) -> VendorShadow | None:
        """Return who is asked this question, too; None for nobody."""
        settings = self._live.current
        shadow: VendorShadow | None = getattr(settings, f"{question.kind}_vendor_shadow", None)
        asked = question.vendor
        if shadow is None or question.mode is not Mode.LIVE or asked is None:
            return None
        if asked.descriptor.name == shadow.vendor or time.monotonic() < self._paused_until.get(
            question.kind, 0.0
        ):
            return None
        if _place(question.id) > shadow.percentage:
            return None
        company = self._router.named(question.kind, shadow.vendor).descriptor.company
        if company is None or company not in (request.circumstances.compared_by or ()):
            return None
        terms = self._router.terms(question.kind)
        return None if terms.refusal(shadow.vendor, time.time()) is not None else shadow

    def _own(self, kind: ProoferKind, name: str) -> LoadedProofer:
        """Return a proofer that shares nothing with the one that people's questions go to."""
        known = self._router.named(kind, name)
        found = self._loaded.get((kind, name))
        if found is None or found.descriptor is not known.descriptor:
            found = self._loaded[kind, name] = known.again()
        return found

    async def _ask(
        self, question: AskedQuestion, request: ProofingRequest, loaded: LoadedProofer, shadow: VendorShadow
    ) -> None:
        """Ask, compare, and take note."""
        settings = self._live.current
        gate = _gate(settings, question.kind, shadow)
        entrant = hashlib.sha256(f"{question.id}:entrant".encode()).hexdigest()[:16]
        try:
            entry = await self._results.enter([gate], entrant=entrant, max_wait_seconds=0.0)
        except StoreError:
            self._pause(question.kind)
            _count(loaded, "store_unavailable")
            return
        if entry.index is None:
            if entry.refused[0] is not Refusal.CONCURRENCY_LIMIT:
                self._pause(question.kind)
            _count(loaded, entry.refused[0].value)
            return
        # What ends neither way: the process stops. The vendor alone knows whether it was billed.
        check = _without_answer(loaded, Cause.INTERRUPTED, "the process ended during the call")
        try:
            check = await self._answer(loaded, request, settings)
            self._note(question, loaded, check)
        finally:
            self._record(question, loaded, check, settings)
            try:
                await self._results.leave(gate, entrant=entrant, outcome=outcome_of(check.error))
            except StoreError:
                # Its place ends with its lease.
                _count(loaded, "store_unavailable")

    async def _answer(
        self, loaded: LoadedProofer, request: ProofingRequest, settings: Settings
    ) -> Check[Any]:
        """Return what the vendor says, from the loop of the shadows."""
        asking = self._loop.submit(self._ask_aside(loaded, request, settings))
        try:
            async with asyncio.timeout(self._answer_seconds + _CLOSE_SECONDS):
                return await asyncio.wrap_future(asking)
        except TimeoutError:
            # The vendor's code blocks the loop.
            self._pause(loaded.descriptor.kind)
            return _without_answer(loaded, Cause.TIMEOUT, "no answer within the time limit")

    async def _ask_aside(
        self, loaded: LoadedProofer, request: ProofingRequest, settings: Settings
    ) -> Check[Any]:
        """Put the question; runs in the loop of the shadows."""
        if self._clients is None:
            self._clients = self._make_clients(settings)
        try:
            found = await try_vendor(
                loaded, request, self._clients, settings, deadline_seconds=self._answer_seconds
            )
        except PluginError:
            return _without_answer(loaded, Cause.NONSENSE, "the proofer broke its contract")
        if isinstance(found, Waiting):
            return _without_answer(loaded, Cause.NONSENSE, "a shadow must answer at once")
        return found

    def _pause(self, kind: ProoferKind) -> None:
        """Ask no shadow of *kind* for a while."""
        self._paused_until[kind] = time.monotonic() + PAUSE_SECONDS

    def _note(self, question: AskedQuestion, loaded: LoadedProofer, check: Check[Any]) -> None:
        """Count what came of it, and write one line."""
        assert question.check is not None and question.vendor is not None  # noqa: S101, PT018 - see `_wanted`
        found = compare(question.check, check)
        _count(loaded, found.agreement)
        log(
            _logger,
            "shadow_compared",
            kind=question.kind,
            vendor=question.vendor.descriptor.name,
            outcome=found.outcome,
            shadow_vendor=loaded.descriptor.name,
            shadow_outcome=found.shadow_outcome,
            agreement=found.agreement,
            names=list(found.differing),
            job_id=question.job,
        )

    def _record(
        self, question: AskedQuestion, loaded: LoadedProofer, check: Check[Any], settings: Settings
    ) -> None:
        """Keep the call, if it may be billed."""
        name = loaded.descriptor.name
        record = shadow_record(question, name, check, settings=settings, at=time.time())
        if record is not None and self._recorder is not None:
            self._recorder.begin(([record], []))


def _without_answer(loaded: LoadedProofer, cause: Cause, why: str) -> Check[Any]:
    """Return the check of a shadow that did not answer."""
    return Check(error=VendorError(cause, why, vendor_name=loaded.descriptor.name))


def _reduced(request: ProofingRequest) -> ProofingRequest:
    """Return *request* with what a shadow may be told; no images, and nothing of the browser."""
    applicant = request.applicant.select(SHADOW_ATTRIBUTES)
    known = request.circumstances.select(("locale", "consented_at"))
    return replace(request, applicant=applicant, images={}, circumstances=known)


def _gate(settings: Settings, kind: ProoferKind, shadow: VendorShadow) -> Gate:
    """Return the gate of a shadow: the vendor's limits and its own budget, and no breaker of people's."""
    own = CallLimits(scope=f"shadow:{kind.value}", per_hour=shadow.per_hour)
    return Gate(
        name=f"shadow:{kind.value}/{shadow.vendor}",
        breaker=None,
        limits=(*call_limits(settings, shadow.vendor), own),
        lease_seconds=ANSWER_SECONDS * 2,
    )


def _place(question_id: str) -> float:
    """Return where a question falls in the sample, from 0 to 100; the same in every run of its job."""
    return fraction(hashlib.sha256(f"{question_id}:shadow".encode()).digest())


def _count(loaded: LoadedProofer, agreement: str) -> None:
    """Count one shadow."""
    SHADOW_ANSWERS.labels(*vendor_labels(loaded.descriptor), agreement).inc()
