"""The gates before vendors over four worker processes, and after one that was killed, in both stores."""

import random
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from proofing.contracts.routing import Refusal
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import BreakerState, BreakerTerms, CallLimits, Gate, GateOutcome
from proofing.testing.gate_process import (
    KIND,
    PRODUCT,
    Asker,
    ask_together,
    go,
    make_gatekeeper,
    make_results,
    read_call,
    start_asker,
)
from proofing.testing.waiting import eventually
from proofing_devtools.redis import RedisServer, running_redis

PROCESSES = 4
NEVER = 3600.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one Redis for this module."""
    with running_redis(password="synthetic") as server:
        yield server


def spec_of(name: str, request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Return plugin and settings of an empty store."""
    if name == "local":
        return "local", {"directory": str(request.getfixturevalue("tmp_path") / "local")}
    server = request.getfixturevalue("server")
    server.command("FLUSHALL")
    return "redis", {"url": server.url, "deadline_seconds": 15.0}


@pytest.fixture(params=["local", "redis"])
def spec(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Give plugin and settings of each store."""
    return spec_of(request.param, request)


@pytest.fixture
async def store(spec: tuple[str, dict[str, object]]) -> AsyncIterator[ResultStore]:
    """Give the store, open in this process, too."""
    store = make_results(*spec)
    await store.open()
    yield store
    await store.close()


def askers(spec: tuple[str, dict[str, object]], **what: object) -> list[Asker]:
    """Return four processes that do the same."""
    plugin, settings = spec
    return [Asker(plugin=plugin, settings=settings, **what) for _ in range(PROCESSES)]  # type: ignore[arg-type]


async def test_five_faults_open_the_breaker_of_all(
    spec: tuple[str, dict[str, object]], store: ResultStore
) -> None:
    """What is in progress then ends; after it, one probe in each open time and nothing else."""
    terms = {"faults": 5, "open_seconds": 0.4, "probe_seconds": NEVER}
    began = time.monotonic()
    calls = await ask_together(
        askers(spec, routing={"vendor_breaker": terms}, outcome=GateOutcome.FAULT, seconds=1.5)
    )
    seconds = time.monotonic() - began
    probes = [call for call in calls if call.is_probe]
    # One in progress in each process, and one that overtook the report of the one before it.
    assert 5 <= len(calls) - len(probes) <= 5 + 2 * PROCESSES
    assert 1 <= len(probes) <= seconds / 0.4
    gatekeeper = make_gatekeeper(store, {"vendor_breaker": terms})
    (reading,) = await gatekeeper.read([(KIND, PRODUCT)])
    assert reading.state.faults == 5
    assert reading.state.breaker is not BreakerState.CLOSED


async def test_one_probe_of_all_workers(spec: tuple[str, dict[str, object]], store: ResultStore) -> None:
    """While it lasts nobody else passes, however many try."""
    routing = {"vendor_breaker": {"faults": 1, "open_seconds": 0.001, "probe_seconds": NEVER}}
    gatekeeper = make_gatekeeper(store, routing)
    gate = gatekeeper.gate(KIND, PRODUCT)
    assert await store.leave(gate, entrant="e", outcome=GateOutcome.FAULT) is BreakerState.OPEN
    calls = await ask_together(askers(spec, routing=routing, side_by_side=5, seconds=0.5, call_seconds=3.0))
    assert [call.is_probe for call in calls] == [True]
    (reading,) = await gatekeeper.read([(KIND, PRODUCT)])
    assert reading.state.breaker is BreakerState.CLOSED


async def test_a_killed_probe(spec: tuple[str, dict[str, object]], store: ResultStore) -> None:
    """Another one passes after its time, and not before."""
    routing = {"vendor_breaker": {"faults": 1, "open_seconds": 0.001, "probe_seconds": 3.0}}
    gatekeeper = make_gatekeeper(store, routing)
    await store.leave(gatekeeper.gate(KIND, PRODUCT), entrant="e", outcome=GateOutcome.FAULT)
    (asker, *_) = askers(spec, routing=routing, call_seconds=NEVER)
    process = await start_asker(asker)
    assert process.stdout is not None
    began = time.monotonic()
    go(process, until=began + NEVER)
    assert read_call(await process.stdout.readline()).is_probe
    process.kill()
    await process.wait()

    async def passes() -> bool:
        with await gatekeeper.enter(KIND, [PRODUCT], seconds_left=1.0) as permit:
            assert permit.is_probe or permit.refused == {PRODUCT: Refusal.BREAKER_OPEN}
            return permit.is_probe

    await eventually(passes)
    assert time.monotonic() - began >= 3.0
    await gatekeeper.close()


async def test_calls_at_once_over_all_workers(
    spec: tuple[str, dict[str, object]], store: ResultStore
) -> None:
    """Never more than the limit; places of a worker that was killed are free after the time of a job."""
    routing = {"vendor_concurrency_limits": {"acme": 3}, "job_deadline_seconds": 2}
    calls = await ask_together(askers(spec, routing=routing, side_by_side=4, seconds=1.0, call_seconds=0.05))
    begins = sorted(call.at for call in calls)
    assert len(begins) > 3
    for place, at in enumerate(begins[3:]):
        assert at - begins[place] >= 0.05
    (asker, *_) = askers(spec, routing=routing, side_by_side=3, call_seconds=NEVER)
    process = await start_asker(asker)
    assert process.stdout is not None
    go(process, until=time.monotonic() + NEVER)
    for _ in range(3):
        await process.stdout.readline()
    gatekeeper = make_gatekeeper(store, routing)
    assert (await gatekeeper.read([(KIND, PRODUCT)]))[0].state.limits[0].running == 3
    process.kill()
    await process.wait()

    async def is_free() -> bool:
        return (await gatekeeper.enter(KIND, [PRODUCT], seconds_left=1.0)).vendor is not None

    await eventually(is_free)


async def test_a_budget_of_all_workers(spec: tuple[str, dict[str, object]], store: ResultStore) -> None:
    """Exactly so many calls in an hour."""

    async def is_far_from_the_next_hour() -> bool:
        return 3600.0 - await store.time() % 3600.0 > 20.0

    await eventually(is_far_from_the_next_hour)
    routing = {"vendor_hourly_budgets": {"acme": 40}}
    assert len(await ask_together(askers(spec, routing=routing, side_by_side=4, seconds=0.7))) == 40


async def test_a_rate_of_all_workers(spec: tuple[str, dict[str, object]], store: ResultStore) -> None:
    """No call comes before its place, however many wait; each place is used."""
    began = time.monotonic()
    routing = {"vendor_rate_limits": {"acme": 40}}
    calls = await ask_together(askers(spec, routing=routing, side_by_side=5, seconds=1.0))
    for place, call in enumerate(calls):
        # One may begin at once.
        assert call.at >= began + place / 40 - 0.001
    assert len(calls) >= 20


async def test_both_stores_do_the_same(request: pytest.FixtureRequest) -> None:
    """A long walk of random steps, whose times are never or at once, is answered alike by both."""
    stores = [make_results(*spec_of(name, request)) for name in ("local", "redis")]
    for store in stores:
        await store.open()
    seed = random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)  # noqa: S311 - a walk that can be repeated
    names = [f"e{number}" for number in range(6)]
    gates = [
        Gate(
            name=f"phone/{scope}",
            breaker=chance.choice([None, BreakerTerms(faults=2, open_seconds=open_, probe_seconds=probe)]),
            limits=tuple(
                CallLimits(
                    scope=one,
                    concurrent=chance.choice([None, 1, 2]),
                    per_hour=chance.choice([None, 30]),
                    per_second=chance.choice([None, 1e-7]),
                    burst=20,
                )
                for one in dict.fromkeys(("v", scope))
            ),
            lease_seconds=chance.choice([0.0, NEVER]),
        )
        for scope in ("v", "v:a", "v:b")
        for open_ in (0.0, NEVER)
        for probe in (0.0, NEVER)
    ]

    async def step(store: ResultStore, what: str, chosen: list[Gate], name: str, how: GateOutcome) -> object:
        if what == "enter":
            return await store.enter(chosen, entrant=name, max_wait_seconds=1.0)
        if what == "leave":
            return await store.leave(chosen[0], entrant=name, outcome=how)
        if what == "close":
            return await store.close_breaker(chosen[0])
        return [
            (state.breaker, state.faults, [(one.running, one.calls_this_hour) for one in state.limits])
            for state in await store.gate_states(chosen)
        ]

    try:
        for number in range(600):
            what = chance.choices(["enter", "leave", "close", "read"], [6, 6, 1, 2])[0]
            chosen, name = chance.choices(gates, k=chance.randint(1, 3)), chance.choice(names)
            how = chance.choice(list(GateOutcome))
            answers = [await step(store, what, chosen, name, how) for store in stores]
            assert answers[0] == answers[1], (seed, number, what, chosen)
    finally:
        for store in stores:
            await store.close()
