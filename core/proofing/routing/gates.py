"""Who may be asked now: the gates before vendors, with the terms of the settings, kept by the result store.

`Gatekeeper.enter` is called once for each new question, with the vendors that may answer it in their order.
The store admits it to the first that can take it, in one round trip; a place in a rate is waited for here.
How the call ended is reported in the background, and only if it matters: an answer of a vendor without faults
and without a limit of calls at once costs nothing. docs/adr/0057-vendor-gates.md

While the store can't be reached, a vendor whose calls are limited is not asked, as nobody knows whether the
contract with it allows a call; one that has only a circuit breaker is asked without it.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType, TracebackType
from typing import Self

from proofing.base.concurrency import Background
from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import VENDOR_BREAKER_CHANGES, VENDOR_BUDGETS_REACHED, VENDOR_REFUSALS
from proofing.base.retries import retry_while_unavailable
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import (
    BreakerState,
    BreakerTerms,
    CallLimits,
    Entry,
    Gate,
    GateOutcome,
    GateState,
    LimitState,
)
from proofing.registry.proofers import labels_of
from proofing.rules.state_id import is_agency_maintenance, is_of_unknown_maintenance
from proofing.settings import LiveSettings, Settings

#: A question waits so long for its place in the rate of a vendor, and for at most half of its job's time.
MAX_WAIT_SECONDS = 5.0
#: How long reports that are on their way have when the process ends.
_CLOSE_SECONDS = 2.0

#: After these the vendor, or the way to it, is at fault, and another question would meet the same. Not among
#: them: sources behind a vendor (one licensing agency of fifty), and questions that are wrong themselves.
FAULTS = frozenset(
    {
        Cause.AUTHENTICATION,
        Cause.MAINTENANCE,
        Cause.NONSENSE,
        Cause.QUOTA,
        Cause.TIMEOUT,
        Cause.UNREACHABLE,
    }
)
#: These tell nothing of the vendor.
_NOTHING = frozenset({Cause.ABANDONED, Cause.INTERRUPTED})

_logger = get_logger(__name__)


def outcome_of(error: VendorError | None) -> GateOutcome:
    """Return what a question that ended with *error* tells the breaker; None is an answer, or one to come."""
    if error is None:
        return GateOutcome.ANSWERED
    if is_of_unknown_maintenance(error):
        return GateOutcome.NOTHING
    if is_agency_maintenance(error):
        return GateOutcome.ANSWERED
    if error.cause in FAULTS:
        return GateOutcome.FAULT
    return GateOutcome.NOTHING if error.cause in _NOTHING else GateOutcome.ANSWERED


def gate_of(settings: Settings, kind: ProoferKind, name: str) -> Gate:
    """Return the gate of the product *name* for questions of *kind*.

    Its breaker is its own. Limits of its vendor (``acme``) are counted for all products of the vendor
    together, those of the product (``acme:phone``) for all kinds of questions to it; both hold.
    """
    own = settings.breaker_of(name)
    breaker = None
    if own is not None:
        breaker = BreakerTerms(
            faults=own.faults, open_seconds=own.open_seconds, probe_seconds=own.probe_seconds
        )
    return Gate(
        name=f"{kind.value}/{name}",
        breaker=breaker,
        limits=call_limits(settings, name),
        lease_seconds=settings.job_deadline_seconds,
    )


def call_limits(settings: Settings, name: str) -> tuple[CallLimits, ...]:
    """Return the limits of the product *name*: those of its vendor, then its own."""
    vendor = name.partition(":")[0]
    found = []
    for scope in dict.fromkeys((vendor, name)):
        rate = settings.vendor_rate_limits.get(scope)
        limits = CallLimits(
            scope=scope,
            per_second=rate,
            # The calls of 10 ms: vendors count by the second, and no loop waits more exactly.
            burst=max(1, int((rate or 0) / 100)),
            concurrent=settings.vendor_concurrency_limits.get(scope),
            per_hour=settings.vendor_hourly_budgets.get(scope),
        )
        if limits.limits_anything:
            found.append(limits)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the store admitted."""

    gate: Gate
    entrant: str
    entry: Entry

    def concerns(self, outcome: GateOutcome) -> bool:
        """Return whether the store has to know of *outcome*."""
        if any(limits.concurrent is not None for limits in self.gate.limits) or self.entry.is_probe:
            return True
        if self.gate.breaker is None or outcome is GateOutcome.NOTHING:
            return False
        return outcome is GateOutcome.FAULT or self.entry.has_faults


class Permit:
    """What came of one question at the gates; a context manager around the call.

    Attributes:
        vendor: who is to be asked now; None for nobody.
        refused: why each vendor that comes before it, or every vendor, is not; in their order.
        is_probe: whether the call decides about a half-open circuit breaker.
    """

    def __init__(
        self,
        gatekeeper: "Gatekeeper",
        vendor: str | None,
        refused: Mapping[str, Refusal] = MappingProxyType({}),
        held: _Held | None = None,
    ) -> None:
        """Hold what the store admitted; None: it was not asked, or admitted nobody."""
        self.vendor = vendor
        self.refused = refused
        self.is_probe = held is not None and held.entry.is_probe
        self._gatekeeper = gatekeeper
        self._held = held
        self._outcome = GateOutcome.NOTHING

    def report(self, outcome: GateOutcome) -> None:
        """Say how the call ended; a permit without a report is released as one that tells nothing."""
        self._outcome = outcome

    def release(self) -> None:
        """Release the place, and tell the store in the background what it has to know. May be repeated."""
        held, self._held = self._held, None
        if held is not None and held.concerns(self._outcome):
            self._gatekeeper.leave(held.gate, held.entrant, self._outcome)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release it."""
        self.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReading:
    """The gate of a vendor's product for a kind of question, and its state."""

    kind: ProoferKind
    vendor: str
    gate: Gate
    state: GateState

    @property
    def limits(self) -> list[tuple[CallLimits, LimitState]]:
        """Each limit with its state."""
        return list(zip(self.gate.limits, self.state.limits, strict=True))

    @property
    def refusal(self) -> Refusal | None:
        """Why a question would not be let through now, but for its place in a rate; None when it would."""
        if self.state.until is not None or self.state.is_probed:
            return Refusal.BREAKER_OPEN
        if not self.has_budget:
            return Refusal.BUDGET
        limits = [(one.concurrent, now.running) for one, now in self.limits]
        is_full = any(most is not None and running >= most for most, running in limits)
        return Refusal.CONCURRENCY_LIMIT if is_full else None

    @property
    def has_budget(self) -> bool:
        """Whether a call is left in this hour."""
        return all(
            limits.per_hour is None or state.calls_this_hour < limits.per_hour
            for limits, state in self.limits
        )


class Gatekeeper:
    """Lets questions of this process through the gates that all processes share."""

    def __init__(self, results: ResultStore, live: LiveSettings) -> None:
        """Ask *results*; the terms are those of the settings in effect."""
        self._results = results
        self._live = live
        self._settings = live.current
        self._gates: dict[tuple[ProoferKind, str], Gate] = {}
        self._reports = Background()

    async def enter(
        self,
        kind: ProoferKind,
        names: Sequence[str],
        *,
        seconds_left: float,
        is_resumed: bool = False,
        is_last: bool = False,
    ) -> Permit:
        """Return a permit for the first of the products *names* that can be asked about *kind* now.

        A rate is waited for; when that is canceled, the place in the rate is lost, and nothing else.

        Args:
            kind: of the question.
            names: of the vendors' products, at least one, in the order of preference.
            seconds_left: of the job.
            is_resumed: whether a vendor has the question already; it is on the budget since it was put.
            is_last: whether the vendor is asked even when it refuses, so that nobody is passed over.

        Raises:
            StoreUnavailableError: nothing is known, and the calls of the first vendor are limited: it must
                not be asked.
        """
        gates = [self.gate(kind, name) for name in names]
        if is_resumed:
            gates = [_without_budget(gate) for gate in gates]
        if gates[0].breaker is None and not gates[0].limits:
            return Permit(self, names[0])
        entrant = secrets.token_hex(8)
        max_wait = min(MAX_WAIT_SECONDS, max(0.0, seconds_left) / 2)
        try:
            entry = await self._results.enter(gates, entrant=entrant, max_wait_seconds=max_wait)
        except StoreUnavailableError:
            if gates[0].limits:
                raise
            log(_logger, "vendor_asked_without_gate", level=logging.WARNING, vendor=names[0], kind=kind.value)
            return Permit(self, names[0])
        except asyncio.CancelledError:
            # The store may have admitted it; which gate, nobody knows.
            for gate in gates:
                self.leave(gate, entrant, GateOutcome.NOTHING)
            raise
        refused = dict(zip(names, entry.refused, strict=False))
        self._count(kind, {} if is_last else refused)
        if entry.index is None:
            return Permit(self, None, refused)
        held = _Held(gate=gates[entry.index], entrant=entrant, entry=entry)
        permit = Permit(self, names[entry.index], refused, held)
        if entry.wait_seconds:
            try:
                await asyncio.sleep(entry.wait_seconds)
            except asyncio.CancelledError:
                permit.release()
                raise
        return permit

    def leave(self, gate: Gate, entrant: str, outcome: GateOutcome) -> None:
        """Report, in the background, how a call ended. See `Permit`, which does so by itself."""
        self._reports.begin(self._leave(gate, entrant, outcome))

    def gate(self, kind: ProoferKind, name: str) -> Gate:
        """Return the gate of the product *name*, by the settings in effect."""
        settings = self._live.current
        if settings is not self._settings:
            self._settings, self._gates = settings, {}
        found = self._gates.get((kind, name))
        if found is None:
            found = self._gates[kind, name] = gate_of(settings, kind, name)
        return found

    async def read(self, products: Sequence[tuple[ProoferKind, str]]) -> list[GateReading]:
        """Return the gates of *products* and their states.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        gates = [self.gate(kind, name) for kind, name in products]
        states = await self._results.gate_states(gates)
        return [
            GateReading(kind=kind, vendor=name, gate=gate, state=state)
            for (kind, name), gate, state in zip(products, gates, states, strict=True)
        ]

    async def close_breaker(self, kind: ProoferKind, name: str) -> bool:
        """Close a breaker for an operator and forget its faults; return whether it had any.

        Raises:
            StoreUnavailableError: nothing is known.
        """
        had_faults = await self._results.close_breaker(self.gate(kind, name))
        if had_faults:
            _note_change(kind, name, BreakerState.CLOSED)
        return had_faults

    async def close(self) -> None:
        """Give the reports that are on their way a moment, and end."""
        if pending := self._reports.pending():
            await asyncio.wait(pending, timeout=_CLOSE_SECONDS)
        await self._reports.close()

    async def _leave(self, gate: Gate, entrant: str, outcome: GateOutcome) -> None:
        """Report how a call ended, and what became of the breaker."""

        async def leave() -> BreakerState | None:
            return await self._results.leave(gate, entrant=entrant, outcome=outcome)

        kind, _, name = gate.name.partition("/")
        try:
            changed = await retry_while_unavailable(leave)
        except StoreUnavailableError:
            # The place ends with its lease, and a probe with its time.
            log(_logger, "vendor_gate_report_failed", level=logging.WARNING, vendor=name, kind=kind)
            return
        if changed is not None:
            _note_change(ProoferKind(kind), name, changed)

    @staticmethod
    def _count(kind: ProoferKind, refused: Mapping[str, Refusal]) -> None:
        """Count who was not asked."""
        for name, why in refused.items():
            VENDOR_REFUSALS.labels(*labels_of(kind, name), why.value).inc()
            if why is Refusal.BUDGET:
                VENDOR_BUDGETS_REACHED.labels(name).inc()


def _without_budget(gate: Gate) -> Gate:
    """Return *gate* for a call that is on its budgets already."""
    limits = [replace(one, per_hour=None) for one in gate.limits]
    return replace(gate, limits=tuple(one for one in limits if one.limits_anything))


def _note_change(kind: ProoferKind, name: str, state: BreakerState) -> None:
    """Count and log that a breaker has opened or closed."""
    VENDOR_BREAKER_CHANGES.labels(*labels_of(kind, name), state.value).inc()
    if state is BreakerState.OPEN:
        log(_logger, "vendor_breaker_opened", level=logging.WARNING, vendor=name, kind=kind.value)
    else:
        log(_logger, "vendor_breaker_closed", vendor=name, kind=kind.value)
