"""The gates before vendors in Redis.

Keys (``proofing`` is the setting ``key_prefix``)::

    proofing:{gates}:breaker:NAME  hash: faults (their entrants), until, probe, probe_until
    proofing:{gates}:counts:SCOPE  hash: tokens, at; hour, calls
    proofing:{gates}:leases:SCOPE  sorted set: entrants by the end of their lease

One script admits a question to the first of several vendors that can take it. So on a cluster all of them lie
in one slot, whose server answers for all vendors.
"""

import asyncio
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from proofing.plugin import (
    FAULT_MEMORY_SECONDS,
    BreakerState,
    Entry,
    Gate,
    GateOutcome,
    GateState,
    LimitState,
    RoutingRefusal,
)
from proofing_redis.connection import RedisConnection

_ENTER, _LEAVE, _READ = (
    resources.files("proofing_redis").joinpath("lua", f"gates_{name}.lua").read_text("utf-8")
    for name in ("enter", "leave", "read")
)


class RedisVendorGates:
    """Keeps the contract `proofing.plugin.VendorGates`."""

    def __init__(self, connection: RedisConnection, prefix: str) -> None:
        """Use keys that begin with *prefix*."""
        self._gates_connection = connection
        self._gates_prefix = f"{prefix}:{{gates}}"

    async def enter(self, gates: Sequence[Gate], *, entrant: str, max_wait_seconds: float) -> Entry:
        """Enter the first of *gates* that admits, or none."""
        keys = [key for gate in gates for key in self._keys(gate)]
        arguments = [argument for gate in gates for argument in _terms(gate)]
        place, wait, is_probe, has_faults, *refused = await self._gates_connection.evaluate(
            _ENTER, keys, entrant, max_wait_seconds, FAULT_MEMORY_SECONDS, len(gates), *arguments
        )
        return Entry(
            index=place - 1 if place else None,
            wait_seconds=float(wait),
            is_probe=bool(is_probe),
            has_faults=bool(has_faults),
            refused=tuple(RoutingRefusal(why.decode()) for why in refused),
        )

    async def leave(self, gate: Gate, *, entrant: str, outcome: GateOutcome) -> BreakerState | None:
        """Report how the call ended and release its places."""
        keys = [self._breaker(gate), *(self._leases(limit.scope) for limit in gate.limits)]
        terms = gate.breaker
        state = await self._gates_connection.evaluate(
            _LEAVE,
            keys,
            entrant,
            outcome.value,
            terms.faults if terms else "",
            terms.open_seconds if terms else "",
            FAULT_MEMORY_SECONDS,
        )
        return BreakerState(state.decode()) if state else None

    async def gate_states(self, gates: Sequence[Gate]) -> list[GateState]:
        """Return the state of each of *gates*."""
        return list(await asyncio.gather(*(self._state(gate) for gate in gates)))

    async def close_breaker(self, gate: Gate) -> bool:
        """Close the breaker of *gate* and forget its faults; return whether it had any."""
        return bool(await self._gates_connection.command("DEL", self._breaker(gate)))

    async def _state(self, gate: Gate) -> GateState:
        """Return the state of one gate."""
        faults, until, has_opened, is_probed, *numbers = await self._gates_connection.evaluate(
            _READ, self._keys(gate), gate.breaker.open_seconds if gate.breaker else "", *_numbers(gate)
        )
        breaker = BreakerState.HALF_OPEN if has_opened else BreakerState.CLOSED
        return GateState(
            breaker=BreakerState.OPEN if until else breaker,
            faults=faults,
            until=float(until) if until else None,
            is_probed=bool(is_probed),
            limits=tuple(_limit_states(iter(numbers))),
        )

    def _keys(self, gate: Gate) -> list[str]:
        """Return every key of *gate*: its breaker, and for each limit the counts and the leases."""
        keys = [self._breaker(gate)]
        for limit in gate.limits:
            keys += [f"{self._gates_prefix}:counts:{limit.scope}", self._leases(limit.scope)]
        return keys

    def _breaker(self, gate: Gate) -> str:
        return f"{self._gates_prefix}:breaker:{gate.name}"

    def _leases(self, scope: str) -> str:
        return f"{self._gates_prefix}:leases:{scope}"


def _terms(gate: Gate) -> list[str | float]:
    """Return the arguments of one gate."""
    terms = gate.breaker
    breaker = ["1", terms.open_seconds, terms.probe_seconds] if terms else ["", "", ""]
    return [*breaker, gate.lease_seconds, len(gate.limits), *_numbers(gate)]


def _numbers(gate: Gate) -> list[str | float]:
    """Return four arguments for each limit of *gate*; "" is no such limit."""
    return [
        "" if number is None else number
        for limit in gate.limits
        for number in (limit.per_second, limit.burst, limit.concurrent, limit.per_hour)
    ]


def _limit_states(numbers: Iterator[Any]) -> Iterator[LimitState]:
    """Read three numbers for each limit."""
    for running, calls, wait in zip(numbers, numbers, numbers, strict=True):
        yield LimitState(running=running, calls_this_hour=calls, wait_seconds=float(wait))
