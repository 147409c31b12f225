"""The gates before vendors on SQLite: each step is one transaction that begins with the write lock."""

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from proofing.plugin import (
    FAULT_MEMORY_SECONDS,
    BreakerState,
    BreakerTerms,
    CallLimits,
    Entry,
    Gate,
    GateOutcome,
    GateState,
    LimitState,
    RoutingRefusal,
)
from proofing_local.database import Database
from proofing_local.queries import query

_HOUR_SECONDS = 3600.0
#: Two readings of a clock may differ by so much without anybody having set it.
_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Breaker:
    """A row of the table ``breaker``; the default is a closed one, which has none."""

    faults: tuple[str, ...] = ()
    opened_until: float | None = None
    probe: str | None = None
    probe_until: float | None = None

    def state(self, terms: BreakerTerms, now: float) -> BreakerState:
        """Return where it is under the *terms* of now."""
        if self.opened_until is None:
            return BreakerState.CLOSED
        left = self.opened_until - now
        # More is left than the terms give: they were shortened, or the clock was set back.
        is_open = 0 < left <= terms.open_seconds + _TOLERANCE_SECONDS
        return BreakerState.OPEN if is_open else BreakerState.HALF_OPEN

    def admits(self, terms: BreakerTerms | None, now: float) -> bool:
        """Return whether a call may pass."""
        if terms is None:
            return True
        return self.state(terms, now) is not BreakerState.OPEN and not self.is_probed(now)

    def is_probed(self, now: float) -> bool:
        """Return whether a probe is on its way."""
        return (self.probe_until or 0) > now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """How far the limits of one scope are used now.

    Attributes:
        tokens: calls that the rate allows at once; below 0 are the places of those who wait.
    """

    tokens: float
    calls: int
    running: int

    def wait_seconds(self, limits: CallLimits) -> float:
        """Return how long a call waits for the rate."""
        return max(0.0, (1 - self.tokens) / limits.per_second) if limits.per_second else 0.0

    def refusal(self, limits: CallLimits) -> RoutingRefusal | None:
        """Return why *limits* refuse a call however long it waits; None when they do not."""
        if limits.concurrent is not None and self.running >= limits.concurrent:
            return RoutingRefusal.CONCURRENCY_LIMIT
        if limits.per_hour is not None and self.calls >= limits.per_hour:
            return RoutingRefusal.BUDGET
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A gate as it is now: how long a call would wait, and `why` it is refused, or None."""

    breaker: _Breaker
    uses: tuple[_Use, ...]
    wait_seconds: float
    why: RoutingRefusal | None


class LocalVendorGates:
    """Keeps the contract `proofing.plugin.VendorGates`."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        """Use the tables of *database*; *clock* gives seconds since the epoch."""
        self._gates_database = database
        self._gates_clock = clock

    async def enter(self, gates: Sequence[Gate], *, entrant: str, max_wait_seconds: float) -> Entry:
        """Enter the first of *gates* that admits, or none."""

        def work(db: sqlite3.Connection) -> Entry:
            now = self._gates_clock()
            refused: list[RoutingRefusal] = []
            for index, gate in enumerate(gates):
                seen = _look(db, gate, now, max_wait_seconds)
                if seen.why is None:
                    return replace(_admit(db, gate, seen, entrant, now), index=index, refused=tuple(refused))
                refused.append(seen.why)
            return Entry(index=None, refused=tuple(refused))

        return await self._gates_database.write(work)

    async def leave(self, gate: Gate, *, entrant: str, outcome: GateOutcome) -> BreakerState | None:
        """Report how the call ended and release its places."""

        def work(db: sqlite3.Connection) -> BreakerState | None:
            for limits in gate.limits:
                db.execute(query("release_lease"), {"scope": limits.scope, "entrant": entrant})
            return _report(db, gate, entrant, outcome, self._gates_clock())

        return await self._gates_database.write(work)

    async def gate_states(self, gates: Sequence[Gate]) -> list[GateState]:
        """Return the state of each of *gates*."""

        def work(db: sqlite3.Connection) -> list[GateState]:
            now = self._gates_clock()
            return [_state(gate, _look(db, gate, now, math.inf), now) for gate in gates]

        return await self._gates_database.read(work)

    async def close_breaker(self, gate: Gate) -> bool:
        """Close the breaker of *gate* and forget its faults; return whether it had any."""
        values = {"name": gate.name, "now": self._gates_clock()}
        row = await self._gates_database.write(lambda db: _one(db, "close_breaker", values))
        return row is not None and bool(row[0])


def _look(db: sqlite3.Connection, gate: Gate, now: float, max_wait_seconds: float) -> _Seen:
    """Return *gate* as it is, changing nothing."""
    breaker = _read_breaker(db, gate, now) if gate.breaker else _Breaker()
    uses = tuple(_read_use(db, limits, now) for limits in gate.limits)
    used = list(zip(uses, gate.limits, strict=True))
    wait_seconds = max((use.wait_seconds(limits) for use, limits in used), default=0.0)
    whys = [
        None if breaker.admits(gate.breaker, now) else RoutingRefusal.BREAKER_OPEN,
        *(use.refusal(limits) for use, limits in used),
        RoutingRefusal.RATE_LIMIT if wait_seconds > max_wait_seconds else None,
    ]
    why = next((why for why in whys if why), None)
    return _Seen(breaker=breaker, uses=uses, wait_seconds=wait_seconds, why=why)


def _read_breaker(db: sqlite3.Connection, gate: Gate, now: float) -> _Breaker:
    """Return the breaker of *gate*."""
    row = _one(db, "breaker", {"name": gate.name, "now": now})
    if row is None:
        return _Breaker()
    faults, opened_until, probe, probe_until = row
    return _Breaker(
        faults=tuple(faults.split()), opened_until=opened_until, probe=probe, probe_until=probe_until
    )


def _read_use(db: sqlite3.Connection, limits: CallLimits, now: float) -> _Use:
    """Return how far *limits* are used."""
    tokens, calls = float(limits.burst), 0
    if limits.per_second is not None or limits.per_hour is not None:
        row = _one(db, "call_count", {"scope": limits.scope, "now": now})
        kept, counted_at, hour, counted = row or (None, now, None, 0)
        if limits.per_second is not None and kept is not None:
            passed = now - counted_at
            # After the clock was set back, the places of those who wait are forgotten.
            if passed >= -_TOLERANCE_SECONDS:
                tokens = min(tokens, kept + max(0.0, passed) * limits.per_second)
        if limits.per_hour is not None and hour == now // _HOUR_SECONDS:
            calls = counted
    running = 0
    if limits.concurrent is not None:
        (running,) = _one(db, "running_calls", {"scope": limits.scope, "now": now})
    return _Use(tokens=tokens, calls=calls, running=running)


def _admit(db: sqlite3.Connection, gate: Gate, seen: _Seen, entrant: str, now: float) -> Entry:
    """Count a call on all limits of *gate*, and make it the probe of a half-open breaker."""
    breaker, wait = seen.breaker, seen.wait_seconds
    is_probe = gate.breaker is not None and breaker.opened_until is not None
    if gate.breaker is not None and is_probe:
        until = now + wait + gate.breaker.probe_seconds
        probed = replace(breaker, probe=entrant, probe_until=until)
        _keep_breaker(db, gate, probed, expires=until + FAULT_MEMORY_SECONDS)
    for limits, use in zip(gate.limits, seen.uses, strict=True):
        if limits.concurrent is not None:
            lease = {"scope": limits.scope, "entrant": entrant, "expires": now + wait + gate.lease_seconds}
            db.execute(query("keep_lease"), lease)
        if limits.per_second is not None or limits.per_hour is not None:
            left = use.tokens - 1 if limits.per_second else None
            refill_seconds = (limits.burst - use.tokens + 1) / limits.per_second if limits.per_second else 0.0
            counts = {
                "scope": limits.scope,
                "tokens": left,
                "now": now,
                "hour": now // _HOUR_SECONDS if limits.per_hour is not None else None,
                "calls": use.calls + 1 if limits.per_hour is not None else None,
                "expires": now + max(_HOUR_SECONDS, refill_seconds),
            }
            db.execute(query("keep_call_count"), counts)
    return Entry(index=None, wait_seconds=wait, is_probe=is_probe, has_faults=bool(breaker.faults))


def _report(
    db: sqlite3.Connection, gate: Gate, entrant: str, outcome: GateOutcome, now: float
) -> BreakerState | None:
    """Let an outcome act on the breaker of *gate*; return the state into which it has come by that."""
    terms = gate.breaker
    if terms is None:
        return None
    breaker = _read_breaker(db, gate, now)
    has_opened = breaker.opened_until is not None
    if has_opened and breaker.probe != entrant:
        return None
    if outcome is GateOutcome.ANSWERED:
        _one(db, "close_breaker", {"name": gate.name, "now": now})
        return BreakerState.CLOSED if has_opened else None
    if outcome is GateOutcome.FAULT:
        # Each entrant counts once: a report may come again.
        known = breaker.faults
        faults = known if has_opened or entrant in known else (*known, entrant)
        opens = has_opened or (faults != known and len(faults) >= terms.faults)
        until = now + terms.open_seconds
        changed = _Breaker(faults=faults, opened_until=until if opens else None)
        _keep_breaker(db, gate, changed, expires=(until if opens else now) + FAULT_MEMORY_SECONDS)
        return BreakerState.OPEN if opens else None
    if has_opened:
        _keep_breaker(
            db, gate, replace(breaker, probe=None, probe_until=None), expires=now + FAULT_MEMORY_SECONDS
        )
    return None


def _state(gate: Gate, seen: _Seen, now: float) -> GateState:
    """Return the state of *gate* as operators read it."""
    breaker = seen.breaker.state(gate.breaker, now) if gate.breaker else BreakerState.CLOSED
    return GateState(
        breaker=breaker,
        faults=len(seen.breaker.faults),
        until=seen.breaker.opened_until if breaker is BreakerState.OPEN else None,
        is_probed=breaker is BreakerState.HALF_OPEN and seen.breaker.is_probed(now),
        limits=tuple(
            LimitState(running=use.running, calls_this_hour=use.calls, wait_seconds=use.wait_seconds(limits))
            for limits, use in zip(gate.limits, seen.uses, strict=True)
        ),
    )


def _keep_breaker(db: sqlite3.Connection, gate: Gate, breaker: _Breaker, *, expires: float) -> None:
    """Write *breaker* as that of *gate*."""
    values = {
        "name": gate.name,
        "faults": " ".join(breaker.faults),
        "opened_until": breaker.opened_until,
        "probe": breaker.probe,
        "probe_until": breaker.probe_until,
        "expires": expires,
    }
    db.execute(query("keep_breaker"), values)


def _one(db: sqlite3.Connection, name: str, values: Mapping[str, Any]) -> Any:
    """Run a statement to its end and return its first row, or None."""
    rows = db.execute(query(name), values).fetchall()
    return rows[0] if rows else None
