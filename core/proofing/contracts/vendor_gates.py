"""The gates before every vendor, shared by all workers: circuit breaker, rate, concurrency, hourly budget.

They are part of the contract of result stores: one atomic step of the store admits a question to the first of
several vendors that can take it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from proofing.contracts.routing import Refusal


class GateOutcome(StrEnum):
    """What a call tells the circuit breaker of its vendor."""

    #: It answered, whatever it said of the person.
    ANSWERED = "answered"
    #: It failed in a way that counts.
    FAULT = "fault"
    #: It tells nothing: canceled, or never sent.
    NOTHING = "nothing"


class BreakerState(StrEnum):
    """Where the circuit breaker of a vendor's product is."""

    #: Questions pass.
    CLOSED = "closed"
    #: None passes, until its time is over.
    OPEN = "open"
    #: One question passes as a probe; its outcome decides.
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTerms:
    """When a circuit breaker opens.

    Attributes:
        faults: so many in a row, of all workers, open it.
        open_seconds: for how long.
        probe_seconds: a probe whose outcome is not reported by then is replaced by another one.
    """

    faults: int
    open_seconds: float
    probe_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How many calls may be made under one name, by all processes together; None: no such limit.

    Attributes:
        scope: what the settings name: a vendor, for all its products together, or one product.
        per_second: calls a second, more than 0; a call that comes too early waits for its place.
        burst: calls that may begin at once after a quiet time; at least 1.
        concurrent: calls at once.
        per_hour: calls in one clock hour.
    """

    scope: str
    per_second: float | None = None
    burst: int = 1
    concurrent: int | None = None
    per_hour: int | None = None

    @property
    def limits_anything(self) -> bool:
        """Whether there is any such limit."""
        return (self.per_second, self.concurrent, self.per_hour) != (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one vendor's product allows.

    Attributes:
        name: of the vendor's product, as the settings name it, with its kind: ``resolution/mock``.
        breaker: None: it has no circuit breaker.
        limits: all of them hold.
        lease_seconds: a call whose end is never reported counts as running for so long.
    """

    name: str
    breaker: BreakerTerms | None = None
    limits: tuple[CallLimits, ...] = ()
    lease_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What came of `VendorGates.enter`.

    Attributes:
        index: of the gate that was entered; None for none.
        wait_seconds: how long to wait before the call; the place in the rate is taken already.
        is_probe: whether the outcome decides about a half-open breaker.
        has_faults: whether the breaker has counted faults, so that an answer must be reported, too.
        refused: why each gate before it, or every gate, refused; by index.
    """

    index: int | None
    wait_seconds: float = 0.0
    is_probe: bool = False
    has_faults: bool = False
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitState:
    """How far `CallLimits` are used.

    Attributes:
        running: calls in progress; 0 where their number has no limit.
        calls_this_hour: 0 where their number has no limit.
        wait_seconds: how long a call that came now would wait for the rate.
    """

    running: int = 0
    calls_this_hour: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """The state of a gate, for operators.

    Attributes:
        faults: in a row, as far as they count.
        until: when an open breaker lets a probe through, in seconds since the epoch by the store's clock;
            None unless it is open.
        is_probed: whether a half-open breaker has let its probe through, and so lets nothing else through.
        limits: one for each of the gate's.
    """

    breaker: BreakerState = BreakerState.CLOSED
    faults: int = 0
    until: float | None = None
    is_probed: bool = False
    limits: tuple[LimitState, ...] = ()


#: A breaker without a fault for so long forgets those it has counted, and one that was open closes.
FAULT_MEMORY_SECONDS = 3600.0


class VendorGates(Protocol):
    """The part of a result store that admits questions to vendors, for all processes that share the store.

    The store's clock decides about everything. A store that lost its data admits: breakers are closed,
    places free, budgets unused.
    """

    async def enter(self, gates: Sequence[Gate], *, entrant: str, max_wait_seconds: float) -> Entry:
        """Enter the first of *gates* that admits, or none. One atomic step, one round trip.

        A gate that admits has counted the call on all its limits, and one that refuses on none. What is
        counted on rate and budget is never refunded. A half-open breaker admits one call, its probe; another
        one when that has ended without an outcome, or not within `BreakerTerms.probe_seconds`.

        Args:
            gates: in the order of preference.
            entrant: opaque and unique, at most 64 letters, digits, ``-`` and ``_``; leaves again by `leave`.
            max_wait_seconds: a rate that would make the call wait longer refuses it.
        """

    async def leave(self, gate: Gate, *, entrant: str, outcome: GateOutcome) -> BreakerState | None:
        """Report how the call ended and release its places; may be repeated. Atomic.

        A closed breaker counts a fault once for each entrant, and forgets all faults with an answer. One that
        is not closed listens to its probe alone: calls that began before it opened say nothing new.

        Returns:
            The state into which this has brought the breaker; None when it has not changed.
        """

    async def gate_states(self, gates: Sequence[Gate]) -> list[GateState]:
        """Return the state of each of *gates*, changing nothing."""

    async def close_breaker(self, gate: Gate) -> bool:
        """Close the breaker of *gate* and forget its faults; return whether it had any."""
