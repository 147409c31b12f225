"""The cases of the verification store contract about events and their deliveries."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from proofing.contracts.verification_store import (
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    EndpointState,
    VerificationStore,
)
from proofing.contracts.verifications import EventType, Mode
from proofing.testing.verification_basis import (
    LIFE_SECONDS,
    OTHER_PARTY,
    PARTY,
    VerificationStoreBasis,
    add,
    make_event,
)
from proofing.testing.waiting import eventually

#: Short enough to see a lease end, long enough for a call.
_LEASE_SECONDS = 0.5


def _delivered(claimed: ClaimedDelivery, at: float) -> Delivery:
    """Return the outcome of a delivery that the endpoint took."""
    return replace(claimed.delivery, state=DeliveryState.DELIVERED, next_at=at, status=200, failure=None)


async def _claim(
    store: VerificationStore, *, limit: int = 100, per_endpoint: int = 100, lease: float = LIFE_SECONDS
) -> Sequence[ClaimedDelivery]:
    return await store.claim_deliveries(limit=limit, per_endpoint=per_endpoint, lease_seconds=lease)


def _endpoint(endpoint: str = "hook", **changes: object) -> EndpointState:
    return EndpointState(relying_party=PARTY, mode=Mode.LIVE, endpoint=endpoint, **changes)  # type: ignore[arg-type]


class DeliveryCases(VerificationStoreBasis):
    """A poller misses no event, and a delivery is made by one process at a time."""

    # Events

    async def test_events_are_polled_in_order(self, store: VerificationStore) -> None:
        """After a cursor, of one relying party and mode, of all types or some; with everything they hold."""
        kinds = [EventType.CREATED, EventType.STARTED, EventType.VERIFIED, EventType.CREATED]
        given = [make_event(kind) for kind in kinds]
        record = await add(store, *given)
        await add(store, make_event(), relying_party=OTHER_PARTY)
        await add(store, make_event(), mode=Mode.TEST)
        events = await store.events(PARTY, Mode.LIVE, after=0, limit=10)
        assert [(one.id, one.type, one.created_at, one.body) for one in events] == [
            (one.id, one.type, one.created_at, one.body) for one in given
        ]
        assert [one.cursor for one in events] == [1, 2, 3, 4]
        assert {(one.relying_party, one.mode, one.verification_id) for one in events} == {
            (PARTY, Mode.LIVE, record.id)
        }
        assert await store.events(PARTY, Mode.LIVE, after=1, limit=2) == events[1:3]
        created = await store.events(PARTY, Mode.LIVE, after=1, limit=5, types=[EventType.CREATED])
        assert created == [events[3]]
        assert await store.events(PARTY, Mode.LIVE, after=4, limit=5) == []
        for party, mode in ((OTHER_PARTY, Mode.LIVE), (PARTY, Mode.TEST)):
            (event,) = await store.events(party, mode, after=0, limit=5)
            assert event.cursor == 1

    async def test_a_poller_misses_no_event(self) -> None:
        """While several stores commit at once, each page continues where the one before it ended."""
        total = 120
        async with self.opened(4) as stores:
            poller, *writers = stores

            async def write(store: VerificationStore) -> None:
                for _ in range(total // len(writers)):
                    await add(store, make_event())

            writing = [asyncio.create_task(write(store)) for store in writers]
            seen: list[int] = []
            while len(seen) < total:
                page = await poller.events(PARTY, Mode.LIVE, after=seen[-1] if seen else 0, limit=7)
                seen += [event.cursor for event in page]
                # What comes later must not come before what was seen.
                assert seen == list(range(1, len(seen) + 1))
                await asyncio.sleep(0)
            await asyncio.gather(*writing)

    async def test_old_events_are_purged_when_their_deliveries_have_ended(
        self, store: VerificationStore
    ) -> None:
        """One that still has to be delivered stays."""
        await add(store, make_event(), make_event(endpoints=["hook"]))
        later = time.time() + 60
        assert await store.purge_events(before=1.0) == 0
        assert await store.purge_events(before=later) == 1
        (claimed,) = await _claim(store)
        assert await store.finish_delivery(claimed, _delivered(claimed, time.time()))
        assert await store.purge_events(before=later) == 1
        assert await store.events(PARTY, Mode.LIVE, after=0, limit=5) == []
        assert await store.deliveries() == []

    # Simulations

    async def test_a_late_event_is_polled_now_and_sent_later(self, store: VerificationStore) -> None:
        """Its delivery is due after its delay, and not before."""
        late = replace(make_event(endpoints=["hook"]), delay_seconds=60.0)
        await add(store, late, make_event(endpoints=["hook"]))
        assert len(await store.events(PARTY, Mode.LIVE, after=0, limit=5)) == 2
        (claimed,) = await _claim(store)
        assert claimed.delivery.event.id != late.id
        (waiting,) = await store.deliveries(event_id=late.id)
        assert store.now() + 30 < waiting.next_at <= store.now() + 60

    async def test_an_event_in_copies_is_due_again(self, store: VerificationStore) -> None:
        """Once it was taken, with the same id, until all copies were; a failure uses no copy."""
        event = replace(make_event(endpoints=["hook"]), copies=2)
        await add(store, event)
        taken = []
        for state in (DeliveryState.DUE, DeliveryState.DELIVERED, DeliveryState.DELIVERED):
            (claimed,) = await _claim(store)
            taken.append(claimed.delivery.event.id)
            outcome = replace(claimed.delivery, state=state, next_at=store.now())
            assert await store.finish_delivery(claimed, outcome)
        assert taken == [event.id] * 3
        assert await _claim(store) == []
        (ended,) = await store.deliveries(event_id=event.id)
        assert ended.state is DeliveryState.DELIVERED

    # Claims

    async def test_a_delivery_is_claimed_once(self, pair: Sequence[VerificationStore]) -> None:
        """By one process until its lease ends; the claim counts the attempt."""
        first, second = pair
        record = await add(first, make_event(endpoints=["a", "b"]))
        before = first.now()
        claimed = await _claim(first)
        assert await _claim(second) == []
        assert sorted(one.delivery.endpoint for one in claimed) == ["a", "b"]
        for one in claimed:
            assert one.delivery.event.verification_id == record.id
            assert (one.delivery.state, one.delivery.attempts) == (DeliveryState.DUE, 1)
            assert one.delivery.first_at is not None
            assert abs(one.delivery.first_at - before) < LIFE_SECONDS
            assert one.delivery.status is None

    async def test_many_claimers_share_without_overlap(self) -> None:
        """Each delivery is claimed by one of many at once."""
        async with self.opened(4) as stores:
            for _ in range(10):
                await add(stores[0], make_event(endpoints=["a", "b", "c"]))
            claims = await asyncio.gather(*(_claim(store, limit=4) for store in stores for _ in range(3)))
            rest = await _claim(stores[0])
            keys = [
                (one.delivery.event.id, one.delivery.endpoint) for page in (*claims, rest) for one in page
            ]
            assert len(keys) == len(set(keys)) == 30

    async def test_an_endpoint_has_a_share(self, pair: Sequence[VerificationStore]) -> None:
        """Its backlog takes no more than its share, in both processes together, oldest first."""
        first, second = pair
        backlog = [make_event(endpoints=["slow"]) for _ in range(6)]
        for event in backlog:
            await add(first, event)
        await add(first, make_event(endpoints=["other"]))
        claimed = await _claim(first, per_endpoint=2)
        assert Counter(one.delivery.endpoint for one in claimed) == {"slow": 2, "other": 1}
        slow = [one for one in claimed if one.delivery.endpoint == "slow"]
        assert {one.delivery.event.id for one in slow} == {event.id for event in backlog[:2]}
        assert await _claim(second, per_endpoint=2) == []
        assert await second.finish_delivery(slow[0], _delivered(slow[0], time.time()))
        (next_one,) = await _claim(second, per_endpoint=2)
        assert next_one.delivery.event.id == backlog[2].id

    async def test_a_limit_is_shared_by_the_endpoints(self, store: VerificationStore) -> None:
        """A long backlog of one does not take the whole claim."""
        for _ in range(8):
            await add(store, make_event(endpoints=["slow"]))
        await add(store, make_event(endpoints=["other"]))
        claimed = await _claim(store, limit=4)
        assert Counter(one.delivery.endpoint for one in claimed) == {"slow": 3, "other": 1}

    async def test_two_parties_with_one_name_of_an_endpoint(self, store: VerificationStore) -> None:
        """An endpoint is one of its relying party and mode."""
        for changes in ({}, {"relying_party": OTHER_PARTY}, {"mode": Mode.TEST}):
            await add(store, make_event(endpoints=["hook"]), **changes)
        await store.set_endpoint(_endpoint(disabled_reason="gone"))
        claimed = await _claim(store, per_endpoint=1)
        assert {(one.delivery.event.relying_party, one.delivery.event.mode) for one in claimed} == {
            (OTHER_PARTY, Mode.LIVE),
            (PARTY, Mode.TEST),
        }

    async def test_a_lease_that_ended_is_lost(self, pair: Sequence[VerificationStore]) -> None:
        """Another process claims the delivery, and the result of the first one is refused."""
        first, second = pair
        await add(first, make_event(endpoints=["hook"]))
        (lost,) = await _claim(first, lease=_LEASE_SECONDS)
        claimed = await eventually(lambda: _claim(second))
        assert claimed[0].delivery.attempts == 2
        assert claimed[0].delivery.first_at == lost.delivery.first_at
        assert claimed[0].lease != lost.lease
        outcome = _delivered(lost, time.time())
        assert not await first.finish_delivery(lost, outcome, _endpoint(failures=9))
        assert await first.endpoint_states() == []
        assert await second.finish_delivery(claimed[0], outcome)
        assert not await second.finish_delivery(claimed[0], outcome)

    async def test_what_came_of_a_delivery_is_kept(self, store: VerificationStore) -> None:
        """A failure comes again at its time, with the state of its endpoint; an end does not."""
        await add(store, make_event(endpoints=["hook"]))
        (claimed,) = await _claim(store)
        later = store.now() + LIFE_SECONDS
        failed = replace(claimed.delivery, next_at=later, status=503, failure="status")
        state = _endpoint(failures=1, failing_since=store.now())
        assert await store.finish_delivery(claimed, failed, state)
        assert await _claim(store) == []
        assert await store.next_delivery_at() == later
        (found,) = await store.deliveries(state=DeliveryState.DUE)
        assert found == failed
        assert await store.endpoint_states(PARTY) == [state]

    async def test_a_delivery_that_is_due_again_is_claimed_again(self, store: VerificationStore) -> None:
        """Attempts add up."""
        await add(store, make_event(endpoints=["hook"]))
        for attempt in range(1, 4):
            (claimed,) = await _claim(store)
            assert claimed.delivery.attempts == attempt
            await store.finish_delivery(claimed, replace(claimed.delivery, next_at=store.now() - 1))
        (claimed,) = await _claim(store)
        dead = replace(claimed.delivery, state=DeliveryState.DEAD, next_at=store.now(), failure="timeout")
        assert await store.finish_delivery(claimed, dead)
        assert await _claim(store) == []
        assert await store.next_delivery_at() is None

    async def test_paused_and_disabled_endpoints_are_left(self, store: VerificationStore) -> None:
        """Until their time, or an operator, comes; the next delivery is due then."""
        await add(store, make_event(endpoints=["hook"]))
        later = store.now() + LIFE_SECONDS
        await store.set_endpoint(_endpoint(paused_until=later))
        assert await _claim(store) == []
        assert await store.next_delivery_at() == later
        await store.set_endpoint(_endpoint(disabled_reason="gone"))
        assert await _claim(store) == []
        assert await store.next_delivery_at() is None
        await store.set_endpoint(_endpoint(paused_until=store.now() - 1))
        assert len(await _claim(store)) == 1

    async def test_the_next_delivery(self, store: VerificationStore) -> None:
        """None without one; now for a new one; the end of the lease for one that is claimed."""
        assert await store.next_delivery_at() is None
        await add(store, make_event(endpoints=["hook"]))
        due = await store.next_delivery_at()
        assert due is not None
        assert due <= store.now()
        (claimed,) = await _claim(store, lease=LIFE_SECONDS)
        assert await store.next_delivery_at() == claimed.delivery.next_at > store.now()

    # Lists and replays

    async def test_deliveries_are_listed_newest_first(self, store: VerificationStore) -> None:
        """Of all, or of one relying party, state or event."""
        events = [replace(make_event(endpoints=["hook"]), created_at=float(number)) for number in range(4)]
        for event in events:
            await add(store, event)
        await add(store, make_event(endpoints=["hook"]), relying_party=OTHER_PARTY)
        newest = [event.id for event in events[::-1]]
        assert [one.event.id for one in await store.deliveries(relying_party=PARTY)] == newest
        assert [one.event.id for one in await store.deliveries(relying_party=PARTY, limit=2)] == newest[:2]
        assert len(await store.deliveries()) == 5
        (one,) = await store.deliveries(event_id=events[1].id)
        assert one.event.body == events[1].body
        (claimed,) = await _claim(store, limit=1)
        await store.finish_delivery(claimed, _delivered(claimed, 5.0))
        (delivered,) = await store.deliveries(state=DeliveryState.DELIVERED)
        assert (delivered.status, delivered.next_at) == (200, 5.0)
        assert len(await store.deliveries(state=DeliveryState.DUE)) == 4

    async def test_replayed_deliveries_begin_anew(self, store: VerificationStore) -> None:
        """Those that ended: of one endpoint, event, state or time, and of the relying party alone."""
        events = [replace(make_event(endpoints=["a", "b"]), created_at=float(number)) for number in range(3)]
        for event in events:
            await add(store, event)
        await add(store, make_event(endpoints=["a"]), relying_party=OTHER_PARTY)
        for claimed in await _claim(store):
            state = DeliveryState.DEAD if claimed.delivery.endpoint == "a" else DeliveryState.DELIVERED
            await store.finish_delivery(claimed, replace(claimed.delivery, state=state, next_at=1.0))
        assert await store.replay_deliveries(relying_party=PARTY, event_id=events[0].id, endpoint="a") == 1
        (again,) = await _claim(store)
        assert (again.delivery.event.id, again.delivery.endpoint) == (events[0].id, "a")
        assert again.delivery.attempts == 1
        assert await store.replay_deliveries(relying_party=PARTY, state=DeliveryState.DEAD) == 2
        assert await store.replay_deliveries(relying_party=PARTY, since=2.0) == 1
        assert await store.replay_deliveries(relying_party=PARTY) == 2
        assert await store.replay_deliveries(relying_party=PARTY) == 0
        assert not await store.finish_delivery(claimed, _delivered(claimed, 1.0))
        assert len(await _claim(store)) == 5

    async def test_endpoints_are_remembered(self, store: VerificationStore) -> None:
        """All that is known of one is replaced."""
        first = _endpoint("a", failures=3, failing_since=1.5, paused_until=2.5, disabled_reason="gone")
        other = replace(_endpoint("a"), relying_party=OTHER_PARTY)
        for state in (first, other, _endpoint("b")):
            await store.set_endpoint(state)
        assert await store.endpoint_states(PARTY) == [first, _endpoint("b")]
        assert len(await store.endpoint_states()) == 3
        await store.set_endpoint(_endpoint("a"))
        assert await store.endpoint_states(PARTY) == [_endpoint("a"), _endpoint("b")]
