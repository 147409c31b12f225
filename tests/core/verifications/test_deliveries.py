"""The deliverer: at least once, one at a time for an endpoint, and nobody waits for another's endpoint."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.base.metrics import DELIVERIES, DELIVERY_OLDEST_DUE_SECONDS, ENDPOINTS
from proofing.contracts.verification_store import DeliveryState, EndpointState
from proofing.contracts.verifications import Mode
from proofing.verifications.deliveries import LEASE_SECONDS, Deliverer
from proofing.verifications.endpoints import Answer, Failure

DELIVERED, DUE, DEAD = DeliveryState.DELIVERED, DeliveryState.DUE, DeliveryState.DEAD
FAILED = Answer(status=500, failure=Failure.HTTP_STATUS)


class Recorder:
    """A sender that records, answers as it is told to, and may be held by endpoint."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int]] = []
        self.answers: dict[str, Answer] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.changed = asyncio.Condition()

    async def send(self, delivery, *, now):
        name = delivery.endpoint
        self.running[name] += 1
        self.most[name] = max(self.most[name], self.running[name])
        async with self.changed:
            self.sent.append((delivery.event.id, name, delivery.attempts))
            self.changed.notify_all()
        if name in self.held:
            await self.held[name].wait()
        self.running[name] -= 1
        return self.answers.get(name, Answer(status=204))

    async def until(self, condition) -> None:
        """Wait until *condition* holds for what was sent."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: condition(self.sent))


@pytest.fixture
def sender():
    """Return a recorder."""
    return Recorder()


@asynccontextmanager
async def running(store, sender, **options):
    """Run a deliverer, and stop it at the end."""
    deliverer, stop = Deliverer(store, sender, poll_seconds=0.01, **options), asyncio.Event()
    task = asyncio.create_task(deliverer.run(stop))
    try:
        yield deliverer
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def settled(store, condition):
    """Wait until *condition* holds for the rows."""
    async with asyncio.timeout(10):
        while not condition(list(store.rows.values())):  # noqa: ASYNC110 - a plain dictionary changes
            await asyncio.sleep(0.005)


def all_are(state):
    """Return the condition that every row is in *state*."""
    return lambda rows: all(row.state is state for row in rows)


async def test_every_event_is_delivered_once(store, sender):
    """To each of its endpoints, whether it was there before the start or came later."""
    ids = [store.add("main", "other") for _ in range(20)]
    async with running(store, sender):
        ids += [store.add("main") for _ in range(20)]
        await settled(store, all_are(DELIVERED))
    assert Counter(event for event, name, _ in sender.sent if name == "main") == dict.fromkeys(ids, 1)
    assert len(sender.sent) == 60


async def test_an_endpoint_has_one_attempt_at_a_time_over_all_processes(store, sender):
    """Two deliverers of one store; the endpoint sees one request at once."""
    for _ in range(30):
        store.add("main")
    async with running(store, sender), running(store, sender):
        await settled(store, all_are(DELIVERED))
    assert sender.most["main"] == 1
    assert len(sender.sent) == 30


async def test_a_silent_endpoint_delays_no_other(store, sender):
    """Fifty that never answer, and one that does."""
    for number in range(50):
        sender.held[f"silent-{number}"] = asyncio.Event()
        for _ in range(3):
            store.add(f"silent-{number}")
    good = [store.add("good") for _ in range(20)]
    async with running(store, sender):
        await sender.until(lambda sent: sum(name == "good" for _, name, _ in sent) == len(good))
        await settled(
            store, lambda rows: all(row.state is DELIVERED for row in rows if row.endpoint == "good")
        )
        assert all(count == 1 for name, count in sender.most.items() if name != "good")
        for held in sender.held.values():
            held.set()


async def test_a_failure_is_tried_again_with_the_same_id(store, sender):
    """When its time has come, with the next number of attempt."""
    sender.answers["main"] = FAILED
    event = store.add("main")
    async with running(store, sender):
        await settled(store, lambda rows: rows[0].failure == "http_status")
        assert sender.sent == [(event, "main", 1)]
        sender.answers["main"] = Answer(status=200)
        store.ahead += 6
        await settled(store, all_are(DELIVERED))
    assert sender.sent == [(event, "main", 1), (event, "main", 2)]
    (state,) = store.states.values()
    assert (state.failures, state.failing_since) == (0, None)


async def test_a_dead_letter_after_ten_attempts(store, sender):
    """And then nothing more."""
    sender.answers["main"] = FAILED
    event = store.add("main")
    async with running(store, sender):
        for attempt in range(1, 11):
            await sender.until(lambda sent, attempt=attempt: (event, "main", attempt) in sent)
            await settled(store, lambda rows, attempt=attempt: rows[0].failure and not store.leases)
            store.states.clear()  # the breaker and disabling have tests of their own
            store.ahead += 27 * 3600
        await settled(store, all_are(DEAD))
    assert len(sender.sent) == 10


async def test_410_disables_and_enabling_continues(store, sender):
    """Its events wait; an operator who enables the endpoint loses none."""
    sender.answers["main"] = Answer(status=410, failure=Failure.GONE)
    first = store.add("main")
    async with running(store, sender):
        await settled(store, lambda _rows: bool(store.states))
        second = store.add("main")
        store.add("other")
        store.ahead += 60
        await sender.until(lambda sent: any(name == "other" for _, name, _ in sent))
        assert [event for event, name, _ in sender.sent if name == "main"] == [first]
        (place,) = store.states
        assert store.states[place].disabled_reason == "gone"
        sender.answers["main"] = Answer(status=204)
        store.states[place] = EndpointState(relying_party="agency", mode=Mode.LIVE, endpoint="main")
        await settled(store, all_are(DELIVERED))
    assert {event for event, name, _ in sender.sent if name == "main"} == {first, second}


async def test_the_breaker_spares_an_endpoint(store, sender):
    """Five failures in a row pause it; then one delivery tries, and a success lets all through."""
    sender.answers["main"] = FAILED
    for _ in range(20):
        store.add("main")
    async with running(store, sender):
        await settled(store, lambda _rows: any(state.paused_until for state in store.states.values()))
        assert len(sender.sent) == 5
        store.ahead += 31
        await sender.until(lambda sent: len(sent) == 6)
        await settled(store, lambda _rows: next(iter(store.states.values())).failures == 6)
        sender.answers["main"] = Answer(status=204)
        store.ahead += 70
        await settled(store, all_are(DELIVERED))


async def test_a_killed_process_leaves_its_claims_to_others(store, sender):
    """When the lease has ended: again, with the same id, and counted as an attempt."""
    event = store.add("main")
    (claimed,) = await store.claim_deliveries(limit=1, per_endpoint=1, lease_seconds=LEASE_SECONDS)
    async with running(store, sender):
        store.add("other")
        await sender.until(lambda sent: [name for _, name, _ in sent] == ["other"])
        store.ahead += LEASE_SECONDS + 1
        await settled(store, all_are(DELIVERED))
    assert (event, "main", 2) in sender.sent
    # What the killed one would have kept, had it only been slow, is refused.
    assert not await store.finish_delivery(claimed, claimed.delivery)


async def test_a_result_after_its_lease_is_not_kept(store, sender, caplog):
    """Another process may have made the attempt again: its result counts."""
    sender.held["main"] = asyncio.Event()
    store.add("main")
    async with running(store, sender):
        await sender.until(bool)
        key = next(iter(store.leases))
        store.leases[key] = ("lease_other", store.now() + 100)
        sender.held["main"].set()
        await settled(store, lambda _rows: "delivery_lease_lost" in caplog.messages)
        assert store.rows[key].state is DUE


async def test_a_stop_waits_for_attempts_and_begins_none(store, sender):
    """What was begun is kept; what is due stays due."""
    sender.held["main"] = asyncio.Event()
    store.add("main")
    stop = asyncio.Event()
    task = asyncio.create_task(Deliverer(store, sender, poll_seconds=0.01).run(stop))
    await sender.until(bool)
    stop.set()
    store.add("main", "other")
    sender.held["main"].set()
    async with asyncio.timeout(5):
        await task
    assert Counter(row.state for row in store.rows.values()) == {DELIVERED: 1, DUE: 2}
    assert len(sender.sent) == 1


async def test_a_store_that_is_down_ends_nothing(store, sender, caplog):
    """Neither for claims nor for results: both are tried again."""
    store.add("main")
    claim, finish = store.claim_deliveries, store.finish_delivery
    failures = {"claim": 2, "finish": 2}

    async def failing_claim(**options):
        if failures["claim"]:
            failures["claim"] -= 1
            raise StoreUnavailableError("down")
        return await claim(**options)

    async def failing_finish(*arguments):
        if failures["finish"]:
            failures["finish"] -= 1
            raise StoreUnavailableError("down")
        return await finish(*arguments)

    store.claim_deliveries, store.finish_delivery = failing_claim, failing_finish
    async with running(store, sender):
        await settled(store, all_are(DELIVERED))
    assert len(sender.sent) == 1
    assert caplog.messages.count("delivery_claim_failed") == 2


async def test_a_sender_that_raises_loses_nothing(store, sender, caplog):
    """The lease decides."""
    send = sender.send

    async def broken(delivery, *, now):
        await send(delivery, now=now)
        if delivery.attempts == 1:
            raise RuntimeError("secret text")
        return Answer(status=204)

    sender.send = broken
    store.add("main")
    async with running(store, sender):
        await settled(store, lambda _rows: "delivery_not_recorded" in caplog.messages)
        store.ahead += LEASE_SECONDS + 1
        await settled(store, all_are(DELIVERED))
    assert "secret text" not in caplog.text


async def test_nothing_due_costs_no_claims(store, sender):
    """An idle process reads, and writes nothing."""
    store.add("main")
    row = next(iter(store.rows))
    store.rows[row] = replace(store.rows[row], next_at=store.now() + 3600)
    async with running(store, sender):
        await settled(store, lambda _rows: store.reads > 5)
    assert store.claims == 0


async def test_the_gauges_show_what_waits_and_fails(store, sender):
    """By endpoint; what works again is gone from them."""
    deliverer = Deliverer(store, sender)

    def shown():
        return {
            (sample.labels["endpoint"], sample.labels["state"])
            for family in ENDPOINTS.collect()
            for sample in family.samples
        }

    place = EndpointState(relying_party="agency", mode=Mode.LIVE, endpoint="main")
    store.states["agency", Mode.LIVE, "main"] = replace(place, failures=1)
    store.states["agency", Mode.LIVE, "other"] = replace(place, endpoint="other", disabled_reason="gone")
    store.add("main")
    store.ahead += 90
    await deliverer.observe()
    assert shown() == {("main", "failing"), ("other", "disabled")}
    # They begin at 0, or a first dead letter would be no increase.
    samples = next(iter(DELIVERIES.collect())).samples
    assert {"delivered", "failed", "dead"} == {
        sample.labels["outcome"] for sample in samples if sample.labels["endpoint"] == "other"
    }
    assert next(iter(DELIVERY_OLDEST_DUE_SECONDS.collect())).samples[0].value == pytest.approx(90, abs=5)
    store.states["agency", Mode.LIVE, "main"] = place
    store.rows.clear()
    await deliverer.observe()
    assert shown() == {("other", "disabled")}
    assert next(iter(DELIVERY_OLDEST_DUE_SECONDS.collect())).samples[0].value == 0
    ENDPOINTS.clear()


async def test_no_event_is_delivered_to_another_relying_party(store, support, sending):
    """Names of endpoints are each relying party's own."""
    for party in ("agency", "bank"):
        for _ in range(10):
            store.add("main", party=party)
    async with support.serving(support.Endpoint()) as agency, support.serving(support.Endpoint()) as bank:
        endpoints = {"agency": agency, "bank": bank}
        for party, endpoint in endpoints.items():
            sending.add("main", endpoint.url, party=party)
        sender = sending.sender()
        async with running(store, sender):
            await settled(store, all_are(DELIVERED))
        await sender.close()
    for party, endpoint in endpoints.items():
        own = {row.event.id for row in store.rows.values() if row.event.relying_party == party}
        assert {request.headers["webhook-id"] for request in endpoint.received} == own
