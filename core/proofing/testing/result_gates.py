"""The cases of the result store contract about the gates before vendors."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence

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
from proofing.testing.store_basis import LIFE_SECONDS, SHORT_LIFE_SECONDS, ResultStoreBasis
from proofing.testing.waiting import eventually

_NAME = "resolution/acme:resolution"
_FAULTS = 3
_ANSWERED, _FAULT, _NOTHING = GateOutcome.ANSWERED, GateOutcome.FAULT, GateOutcome.NOTHING


def make_gate(
    name: str = _NAME,
    *,
    open_seconds: float = LIFE_SECONDS,
    probe_seconds: float = LIFE_SECONDS,
    limits: Sequence[CallLimits] = (),
    lease_seconds: float = LIFE_SECONDS,
) -> Gate:
    """Return a gate whose breaker opens with the third fault."""
    terms = BreakerTerms(faults=_FAULTS, open_seconds=open_seconds, probe_seconds=probe_seconds)
    return Gate(name=name, breaker=terms, limits=tuple(limits), lease_seconds=lease_seconds)


async def enter(store: ResultStore, *gates: Gate, entrant: str = "", max_wait_seconds: float = 0.0) -> Entry:
    """Enter as somebody new, or as *entrant*."""
    entrant = entrant or uuid.uuid4().hex
    return await store.enter(gates, entrant=entrant, max_wait_seconds=max_wait_seconds)


async def open_breaker(stores: Sequence[ResultStore], gate: Gate) -> None:
    """Report as many faults as open the breaker, by turns over *stores*."""
    for number in range(_FAULTS):
        store = stores[number % len(stores)]
        changed = await store.leave(gate, entrant=uuid.uuid4().hex, outcome=_FAULT)
        assert changed is (BreakerState.OPEN if number == _FAULTS - 1 else None)


async def probe_of(store: ResultStore, gate: Gate) -> str:
    """Wait until the breaker is half-open, and return the entrant of its probe."""
    entrant = uuid.uuid4().hex

    async def is_probe() -> bool:
        return (await enter(store, gate, entrant=entrant)).is_probe

    await eventually(is_probe)
    return entrant


class GateCases(ResultStoreBasis):
    """Breakers, rates, concurrency and budgets are exact however many processes enter at once."""

    async def test_a_gate_without_terms_admits(self, store: ResultStore) -> None:
        """It limits nothing; without any gate there is nothing to enter."""
        assert await enter(store, Gate(name=_NAME)) == Entry(index=0)
        assert await store.enter([], entrant="e", max_wait_seconds=0) == Entry(index=None)
        assert await store.leave(Gate(name=_NAME), entrant="e", outcome=_FAULT) is None
        assert await store.gate_states([Gate(name=_NAME)]) == [GateState()]
        assert await store.gate_states([]) == []

    # Circuit breakers

    async def test_faults_in_a_row_open_the_breaker(self, pair: Sequence[ResultStore]) -> None:
        """No matter which process reports them. Then the next vendor is entered."""
        gate, other = make_gate(), make_gate("resolution/other")
        assert await enter(pair[0], gate, other) == Entry(index=0)
        await open_breaker(pair, gate)
        for store in pair:
            entry = await enter(store, gate, other)
            assert entry == Entry(index=1, refused=(Refusal.BREAKER_OPEN,))
            assert await enter(store, gate) == Entry(index=None, refused=(Refusal.BREAKER_OPEN,))
        (state,) = await pair[1].gate_states([gate])
        assert (state.breaker, state.faults) == (BreakerState.OPEN, _FAULTS)
        assert state.until is not None
        assert 0 < state.until - await pair[0].time() <= LIFE_SECONDS

    async def test_parallel_faults_open_it_once(self, pair: Sequence[ResultStore]) -> None:
        """Of many faults at once, one opens the breaker; the others come too late."""
        gate = make_gate()
        changes = await asyncio.gather(
            *(store.leave(gate, entrant=uuid.uuid4().hex, outcome=_FAULT) for store in pair for _ in range(9))
        )
        assert Counter(changes) == {BreakerState.OPEN: 1, None: 17}

    async def test_an_answer_between_faults(self, pair: Sequence[ResultStore]) -> None:
        """Only faults in a row count; an entry shows whether there are any, so that an answer is reported."""
        first, second = pair
        gate = make_gate()
        for _ in range(3):
            for _ in range(_FAULTS - 1):
                assert await first.leave(gate, entrant=uuid.uuid4().hex, outcome=_FAULT) is None
            assert await enter(second, gate) == Entry(index=0, has_faults=True)
            assert await first.leave(gate, entrant="nothing", outcome=_NOTHING) is None
            assert (await first.gate_states([gate]))[0].faults == _FAULTS - 1
            assert await second.leave(gate, entrant="answered", outcome=_ANSWERED) is None
            assert await enter(first, gate) == Entry(index=0)

    async def test_a_fault_that_is_reported_again(self, store: ResultStore) -> None:
        """It counts once."""
        gate = make_gate()
        for _ in range(_FAULTS * 2):
            assert await store.leave(gate, entrant="same", outcome=_FAULT) is None
        # An entrant whose name is part of another's is another one.
        assert await store.leave(gate, entrant="sam", outcome=_FAULT) is None
        assert (await store.gate_states([gate]))[0].faults == 2

    async def test_one_probe_passes(self, pair: Sequence[ResultStore]) -> None:
        """Of many that come after the open time one is admitted, and its answer closes the breaker."""
        first, second = pair
        gate = make_gate(open_seconds=SHORT_LIFE_SECONDS)
        await open_breaker(pair, gate)

        async def is_half_open() -> bool:
            return (await first.gate_states([gate]))[0].breaker is BreakerState.HALF_OPEN

        await eventually(is_half_open)
        assert not (await first.gate_states([gate]))[0].is_probed
        names = [uuid.uuid4().hex for _ in range(20)]
        entries = await asyncio.gather(
            *(enter(pair[number % 2], gate, entrant=name) for number, name in enumerate(names))
        )
        admitted = [name for name, entry in zip(names, entries, strict=True) if entry.index is not None]
        assert len(admitted) == 1
        assert Counter(entry.is_probe for entry in entries) == {True: 1, False: 19}
        assert {entry.refused for entry in entries if not entry.is_probe} == {(Refusal.BREAKER_OPEN,)}
        assert (await first.gate_states([gate]))[0].is_probed
        assert await second.leave(gate, entrant=admitted[0], outcome=_ANSWERED) is BreakerState.CLOSED
        assert await second.leave(gate, entrant=admitted[0], outcome=_ANSWERED) is None
        assert not (await first.gate_states([gate]))[0].is_probed
        assert await enter(first, gate) == Entry(index=0)

    async def test_a_probe_that_fails(self, pair: Sequence[ResultStore]) -> None:
        """Its fault opens the breaker again, at once and for as long; reported again, it changes nothing."""
        first, second = pair
        gate = make_gate(open_seconds=SHORT_LIFE_SECONDS)
        await open_breaker(pair, gate)
        probe = await probe_of(first, gate)
        longer = make_gate()
        assert await second.leave(longer, entrant=probe, outcome=_FAULT) is BreakerState.OPEN
        assert (await enter(first, longer)).refused == (Refusal.BREAKER_OPEN,)
        assert await second.leave(longer, entrant=probe, outcome=_FAULT) is None
        assert await second.leave(longer, entrant=probe, outcome=_ANSWERED) is None
        assert (await first.gate_states([longer]))[0].breaker is BreakerState.OPEN

    async def test_a_probe_without_an_outcome(self, store: ResultStore) -> None:
        """It is canceled, and the next question is the probe."""
        gate = make_gate(open_seconds=SHORT_LIFE_SECONDS)
        await open_breaker([store], gate)
        probe = await probe_of(store, gate)
        assert (await enter(store, gate)).index is None
        assert await store.leave(gate, entrant=probe, outcome=_NOTHING) is None
        assert (await enter(store, gate)).is_probe

    async def test_a_lost_probe(self, store: ResultStore) -> None:
        """Its worker died: another probe passes after its time, late outcomes of the first are ignored."""
        gate = make_gate(open_seconds=SHORT_LIFE_SECONDS, probe_seconds=SHORT_LIFE_SECONDS)
        await open_breaker([store], gate)
        lost = await probe_of(store, gate)
        second = await probe_of(store, gate)
        for outcome in GateOutcome:
            assert await store.leave(gate, entrant=lost, outcome=outcome) is None
        assert await store.leave(gate, entrant=second, outcome=_ANSWERED) is BreakerState.CLOSED

    async def test_calls_that_began_before_it_opened(self, store: ResultStore) -> None:
        """Whatever comes of them says nothing new: an open or half-open breaker stays as it is."""
        gate = make_gate(open_seconds=SHORT_LIFE_SECONDS)
        await open_breaker([store], gate)
        for outcome in GateOutcome:
            assert await store.leave(gate, entrant="late", outcome=outcome) is None
        probe = await probe_of(store, gate)
        for outcome in GateOutcome:
            assert await store.leave(gate, entrant="late", outcome=outcome) is None
        assert (await enter(store, gate)).refused == (Refusal.BREAKER_OPEN,)
        assert await store.leave(gate, entrant=probe, outcome=_ANSWERED) is BreakerState.CLOSED

    async def test_a_shorter_open_time_holds_at_once(self, store: ResultStore) -> None:
        """A breaker that was opened for longer than the terms say now is half-open."""
        gate = make_gate()
        await open_breaker([store], gate)
        shorter = make_gate(open_seconds=LIFE_SECONDS / 10)
        (state,) = await store.gate_states([shorter])
        assert (state.breaker, state.until) == (BreakerState.HALF_OPEN, None)
        assert (await enter(store, shorter)).is_probe

    async def test_an_operator_closes_it(self, pair: Sequence[ResultStore]) -> None:
        """Faults are forgotten, open or not."""
        first, second = pair
        gate = make_gate()
        assert not await second.close_breaker(gate)
        await open_breaker(pair, gate)
        assert await second.close_breaker(gate)
        assert await enter(first, gate) == Entry(index=0)
        assert not await second.close_breaker(gate)

    async def test_a_breaker_that_was_switched_off(self, store: ResultStore) -> None:
        """A gate without breaker admits while that of its name is open; switched on again, it refuses."""
        gate = make_gate()
        await open_breaker([store], gate)
        assert await enter(store, Gate(name=gate.name)) == Entry(index=0)
        assert await store.gate_states([Gate(name=gate.name)]) == [GateState()]
        assert (await enter(store, gate)).index is None

    # Rate

    async def test_places_in_the_rate_are_taken_one_after_the_other(
        self, pair: Sequence[ResultStore]
    ) -> None:
        """Those who come at once wait as long as the rate says, each for a place of its own."""
        gate = make_gate(limits=[CallLimits(scope="acme", per_second=5.0, burst=2)])
        began = time.monotonic()
        entries = await asyncio.gather(
            *(enter(store, gate, max_wait_seconds=60.0) for store in pair for _ in range(10))
        )
        took = time.monotonic() - began
        waits = sorted(entry.wait_seconds for entry in entries)
        assert {entry.index for entry in entries} == {0}
        assert waits[:2] == [0.0, 0.0]
        for place, wait in enumerate(waits):
            assert max(0.0, (place - 1) / 5.0 - took) <= wait + 0.001
            assert wait <= max(0.0, (place - 1) / 5.0) + 0.001
        (state,) = await pair[0].gate_states([gate])
        assert state.limits[0].wait_seconds > waits[-1]

    async def test_a_wait_that_is_too_long_refuses(self, store: ResultStore) -> None:
        """And takes no place: the next vendor is entered, and the wait of others does not grow."""
        gate = make_gate(limits=[CallLimits(scope="acme", per_second=0.02)])
        other = make_gate("resolution/other")
        assert await enter(store, gate) == Entry(index=0)
        for _ in range(5):
            assert await enter(store, gate, other, max_wait_seconds=40.0) == Entry(
                index=1, refused=(Refusal.RATE_LIMIT,)
            )
        assert 40.0 < (await enter(store, gate, max_wait_seconds=60.0)).wait_seconds <= 50.0

    async def test_a_quiet_time_fills_the_rate(self, store: ResultStore) -> None:
        """Up to the burst, and no further."""
        gate = make_gate(limits=[CallLimits(scope="acme", per_second=20.0, burst=2)])

        async def burst() -> int:
            entries = await asyncio.gather(*(enter(store, gate) for _ in range(5)))
            return sum(entry.index == 0 for entry in entries)

        assert await burst() >= 2

        async def is_full() -> bool:
            return (await store.gate_states([gate]))[0].limits[0].wait_seconds == 0

        for _ in range(3):
            await eventually(is_full)
            assert await burst() >= 1

    async def test_a_higher_rate_holds_at_once(self, store: ResultStore) -> None:
        """Places that were taken at the lower rate are worked off at the new one."""
        slow = make_gate(limits=[CallLimits(scope="acme", per_second=0.01)])
        for _ in range(3):
            assert (await enter(store, slow, max_wait_seconds=1000.0)).index == 0
        fast = make_gate(limits=[CallLimits(scope="acme", per_second=100.0)])
        assert (await enter(store, fast, max_wait_seconds=1.0)).index == 0

    # Calls at once

    async def test_calls_at_once_are_exact(self, pair: Sequence[ResultStore]) -> None:
        """However many enter; one that leaves makes room for one, also when it leaves twice."""
        first, second = pair
        gate = make_gate(limits=[CallLimits(scope="acme", concurrent=3)])
        names = [uuid.uuid4().hex for _ in range(30)]
        entries = await asyncio.gather(
            *(enter(pair[number % 2], gate, entrant=name) for number, name in enumerate(names))
        )
        inside = [name for name, entry in zip(names, entries, strict=True) if entry.index == 0]
        assert len(inside) == 3
        assert (await second.gate_states([gate]))[0].limits == (LimitState(running=3),)
        for _ in range(2):
            await first.leave(gate, entrant=inside[0], outcome=_ANSWERED)
        assert (await enter(second, gate)).index == 0
        assert await enter(first, gate) == Entry(index=None, refused=(Refusal.CONCURRENCY_LIMIT,))

    async def test_a_lost_lease_ends(self, store: ResultStore) -> None:
        """The place of a worker that died is free after its time."""
        limits = [CallLimits(scope="acme", concurrent=1)]
        gate = make_gate(limits=limits, lease_seconds=SHORT_LIFE_SECONDS)
        assert (await enter(store, gate)).index == 0

        async def is_free() -> bool:
            return (await enter(store, make_gate(limits=limits))).index == 0

        await eventually(is_free)
        assert (await enter(store, gate)).index is None

    async def test_other_limits_hold_at_once(self, store: ResultStore) -> None:
        """Raised they admit, lowered they refuse until enough calls have ended; nobody is thrown out."""

        def gate(concurrent: int | None) -> Gate:
            return make_gate(limits=[CallLimits(scope="acme", concurrent=concurrent)])

        for name in ("a", "b"):
            assert (await enter(store, gate(2), entrant=name)).index == 0
        assert (await enter(store, gate(2))).index is None
        assert (await enter(store, gate(3), entrant="c")).index == 0
        assert (await enter(store, gate(1))).index is None
        assert (await enter(store, gate(None))).index == 0
        for name in ("a", "b", "c"):
            assert (await enter(store, gate(1))).index is None
            await store.leave(gate(None), entrant=name, outcome=_ANSWERED)
        assert (await enter(store, gate(1))).index == 0

    # Budgets

    async def test_a_budget_is_exact(self, pair: Sequence[ResultStore]) -> None:
        """In each hour of the store's; calls that ended, and failed, count too."""
        gate = make_gate(limits=[CallLimits(scope="acme", per_hour=7)])
        await self._await_a_fresh_hour(pair[0])
        names = [uuid.uuid4().hex for _ in range(40)]
        entries = await asyncio.gather(
            *(enter(pair[number % 2], gate, entrant=name) for number, name in enumerate(names))
        )
        assert sum(entry.index == 0 for entry in entries) == 7
        assert {entry.refused for entry in entries if entry.index is None} == {(Refusal.BUDGET,)}
        await pair[0].leave(gate, entrant=names[0], outcome=_NOTHING)
        assert (await enter(pair[1], gate)).index is None
        assert (await pair[1].gate_states([gate]))[0].limits == (LimitState(calls_this_hour=7),)
        more = make_gate(limits=[CallLimits(scope="acme", per_hour=8)])
        assert (await enter(pair[0], more)).index == 0
        assert (await enter(pair[0], more)).index is None

    async def test_nothing_is_admitted_at_zero(self, store: ResultStore) -> None:
        """A budget or a number of calls at once of 0 admits nobody."""
        for limits, why in (
            (CallLimits(scope="acme", per_hour=0), Refusal.BUDGET),
            (CallLimits(scope="acme", concurrent=0), Refusal.CONCURRENCY_LIMIT),
        ):
            assert await enter(store, make_gate(limits=[limits])) == Entry(index=None, refused=(why,))

    # All together

    async def test_a_refused_call_counts_nowhere(self, store: ResultStore) -> None:
        """One limit of several refuses: the others, and a half-open breaker, are as they were."""
        wide = CallLimits(scope="acme", per_second=100.0, burst=100, concurrent=2, per_hour=100)
        gate = make_gate(limits=[wide, CallLimits(scope="acme:resolution", per_hour=1)], open_seconds=0.0)
        await self._await_a_fresh_hour(store)
        await open_breaker([store], gate)
        first = await enter(store, gate, entrant="first")
        assert first == Entry(index=0, is_probe=True, has_faults=True)
        await store.leave(gate, entrant="first", outcome=_NOTHING)
        for _ in range(3):
            assert await enter(store, gate) == Entry(index=None, refused=(Refusal.BUDGET,))
        (state,) = await store.gate_states([gate])
        assert (state.limits[0].running, state.limits[0].calls_this_hour) == (0, 1)
        assert state.limits[1].calls_this_hour == 1
        free = make_gate(limits=[wide], open_seconds=0.0)
        assert (await enter(store, free)).is_probe

    async def test_products_share_the_limits_of_their_vendor(self, store: ResultStore) -> None:
        """And each has a breaker of its own."""
        shared = CallLimits(scope="acme", concurrent=2)
        own = CallLimits(scope="acme:phone", concurrent=1)
        resolution = make_gate(limits=[shared])
        phone = make_gate("phone/acme:phone", limits=[shared, own])
        await open_breaker([store], resolution)
        assert (await enter(store, phone, entrant="a")).index == 0
        assert (await enter(store, phone)).refused == (Refusal.CONCURRENCY_LIMIT,)
        assert await store.close_breaker(resolution)
        assert (await enter(store, resolution)).index == 0
        assert (await enter(store, resolution)).refused == (Refusal.CONCURRENCY_LIMIT,)
        await store.leave(phone, entrant="a", outcome=_ANSWERED)
        assert (await enter(store, phone)).index == 0

    async def test_several_vendors_in_one_step(self, pair: Sequence[ResultStore]) -> None:
        """Each is asked as long as it admits, in their order; of each one why it does not."""
        gates = [
            make_gate("resolution/a", limits=[CallLimits(scope="a", concurrent=2)]),
            make_gate("resolution/b", limits=[CallLimits(scope="b", per_second=0.001, burst=3)]),
            make_gate("resolution/c", limits=[CallLimits(scope="c", per_hour=4)]),
        ]
        await self._await_a_fresh_hour(pair[0])
        entries = await asyncio.gather(*(enter(store, *gates) for store in pair for _ in range(6)))
        assert Counter(entry.index for entry in entries) == {0: 2, 1: 3, 2: 4, None: 3}
        whys = (Refusal.CONCURRENCY_LIMIT, Refusal.RATE_LIMIT, Refusal.BUDGET)
        for entry in entries:
            assert entry.refused == whys[: 3 if entry.index is None else entry.index]

    async def test_a_store_that_has_forgotten(self, store: ResultStore) -> None:
        """Leaving a gate that nobody has entered is harmless."""
        gate = make_gate(limits=[CallLimits(scope="acme", per_second=1.0, concurrent=1, per_hour=1)])
        for outcome in (_NOTHING, _ANSWERED):
            assert await store.leave(gate, entrant="unknown", outcome=outcome) is None
        assert await store.gate_states([gate]) == [GateState(limits=(LimitState(),))]
        assert (await enter(store, gate)).index == 0

    async def _await_a_fresh_hour(self, store: ResultStore) -> None:
        """Let an hour of the store's turn first if it is about to: a test counts within one."""

        async def is_far() -> bool:
            return 3600.0 - await store.time() % 3600.0 > 10.0

        await eventually(is_far, within_seconds=30.0)
