"""The cases of the verification store contract about creating and changing verifications."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from proofing.base.errors import StoreError
from proofing.contracts.records import EndState
from proofing.contracts.verification_store import Created, VerificationStore
from proofing.contracts.verifications import (
    EventType,
    Link,
    Mode,
    Sealed,
    VerificationRecord,
    VerificationState,
)
from proofing.testing.verification_basis import (
    OTHER_PARTY,
    PARTY,
    SEALED,
    VerificationStoreBasis,
    add,
    make_answer,
    make_begun,
    make_end,
    make_event,
    make_verification,
    record_of,
)

_WRITERS = 50
_TWINS = 200
#: Turns of the event loop after which a call is canceled; more than any of them takes.
_TURNS = 40


class ChangeCases(VerificationStoreBasis):
    """What must happen in one step does, across processes; who was overtaken learns of it."""

    # Creating

    async def test_what_was_created_is_loaded(self, pair: Sequence[VerificationStore]) -> None:
        """Record and sealed values, by id and by the digest of the link; in another process, too."""
        first, second = pair
        record = await add(first)
        for found in (await second.load(record.id), await second.find_link(record.link.digest)):  # type: ignore[union-attr]
            assert found is not None
            assert found.record == record
            assert found.sealed == SEALED
        assert await second.load("ver_0") is None
        assert await second.find_link("00") is None

    async def test_one_open_verification_of_a_person_and_policy(self, store: VerificationStore) -> None:
        """Another one of the person, relying party, mode and policy is refused; the open one is shown."""
        record = await add(store)
        twin = make_verification(person=record.person)
        refused = await store.create(
            twin, sealed=SEALED, events=[make_event()], idempotency=make_answer("twin")
        )
        assert refused == Created(open=record)
        assert await store.load(twin.id) is None
        assert await store.events(PARTY, Mode.LIVE, after=0, limit=10) == []
        assert await store.idempotent_answer("acme/live/create", "twin") is None
        others: list[dict[str, Any]] = [
            {"person": "another"},
            {"policy": "other"},
            {"mode": Mode.TEST},
            {"relying_party": OTHER_PARTY},
        ]
        for other in others:
            await add(store, **{"person": record.person, **other})

    @pytest.mark.parametrize("state", list(VerificationState))
    async def test_an_ended_verification_makes_room(
        self, store: VerificationStore, state: VerificationState
    ) -> None:
        """A review still holds the place; an end frees it."""
        record = await add(store)
        changed = record.changed(at=time.time(), state=state)
        assert (await store.change(changed)).is_kept
        created = await store.create(make_verification(person=record.person), sealed={})
        assert (created.record is not None) is state.is_end
        assert created.open == (None if state.is_end else changed)

    async def test_of_many_creates_for_a_person_one_wins(self) -> None:
        """Over several stores at once, each of the others is shown the one."""
        async with self.opened(4) as stores:
            made = [make_verification(person="one") for _ in range(_WRITERS)]
            creates = [
                store.create(one, sealed=SEALED) for store, one in zip(cycle(stores), made, strict=False)
            ]
            outcomes = await asyncio.gather(*creates)
            (winner,) = [one.record for one in outcomes if one.record is not None]
            assert [one.open for one in outcomes if one.record is None] == [winner] * (_WRITERS - 1)
            assert await stores[0].of_person("one") == [winner]

    async def test_twins_with_one_idempotency_key_create_one(self) -> None:
        """Of 200 at once over several stores one creates, and 199 get its answer, with one event."""
        async with self.opened(4) as stores:
            made = [make_verification(person="one") for _ in range(_TWINS)]
            creates = [
                store.create(
                    record,
                    sealed=SEALED,
                    events=[make_event()],
                    idempotency=make_answer("key", answer=record.id.encode()),
                )
                for store, record in zip(cycle(stores), made, strict=False)
            ]
            outcomes = await asyncio.gather(*creates)
            (winner,) = [one.record for one in outcomes if one.record is not None]
            replays = [one.replayed for one in outcomes if one.replayed is not None]
            assert {one.answer for one in replays} == {winner.id.encode()}
            assert len(replays) == _TWINS - 1
            assert await stores[0].page(PARTY, Mode.LIVE, limit=10) == [winner]
            events = await stores[0].events(PARTY, Mode.LIVE, after=0, limit=10)
            assert [event.verification_id for event in events] == [winner.id]

    # Changing

    async def test_a_change_keeps_everything_that_belongs_to_it(
        self, pair: Sequence[VerificationStore]
    ) -> None:
        """The next record, its sealed values, events, the begun job, the answer."""
        first, second = pair
        record = await add(first)
        changed = record.changed(at=time.time(), state=VerificationState.PROCESSING)
        begun = make_begun(record)
        kept = await first.change(
            changed,
            sealed={Sealed.CLAIMS: b"claims", Sealed.CONTEXT: None},
            events=[make_event(EventType.STARTED), make_event(EventType.PROCESSING)],
            begun=begun,
            idempotency=make_answer("start"),
        )
        assert kept.is_kept
        assert kept.end is None
        found = await second.load(record.id)
        assert found is not None
        assert found.record == changed
        assert found.sealed == {Sealed.SUBJECT: SEALED[Sealed.SUBJECT], Sealed.CLAIMS: b"claims"}
        events = await second.events(PARTY, Mode.LIVE, after=0, limit=10)
        assert [event.type for event in events] == [EventType.STARTED, EventType.PROCESSING]
        assert await second.begun_jobs(record.id) == [begun]
        assert await second.idempotent_answer("acme/live/create", "start") is not None

    async def test_a_change_from_an_older_record_keeps_nothing(
        self, pair: Sequence[VerificationStore]
    ) -> None:
        """Who was overtaken changes nothing, whatever belongs to it."""
        first, second = pair
        record = await add(first)
        newer = record.changed(at=time.time(), state=VerificationState.IN_PROGRESS)
        assert (await second.change(newer)).is_kept
        for stale in (record.changed(at=1.0), record, replace(newer, sequence=9)):
            lost = await first.change(
                stale,
                sealed={Sealed.SUBJECT: None, Sealed.CLAIMS: b"claims"},
                events=[make_event()],
                begun=make_begun(record),
                end=make_end(make_begun(record)),
                idempotency=make_answer("key"),
            )
            assert (lost.is_kept, lost.end, lost.replayed) == (False, None, None)
        await self._is_untouched(first, newer)

    async def test_nothing_changes_that_is_not_there(self, store: VerificationStore) -> None:
        """A change of a verification that was deleted is refused."""
        record = make_verification(sequence=2)
        lost = await store.change(record, events=[make_event()], end=make_end(make_begun(record)))
        assert not lost.is_kept
        assert await store.load(record.id) is None
        assert await store.ends(record.id) == []
        assert await store.events(PARTY, Mode.LIVE, after=0, limit=10) == []

    async def test_of_many_writers_each_round_has_one_winner(self) -> None:
        """Fifty writers that load, change and load again: the sequence counts the winners, events, too."""
        async with self.opened(4) as stores:
            record = await add(stores[0])

            async def write(store: VerificationStore) -> int:
                lost = 0
                while True:
                    current = await record_of(store, record.id)
                    changed = current.changed(at=time.time(), exceptions=current.exceptions + 1)
                    if (await store.change(changed, events=[make_event()])).is_kept:
                        return lost
                    lost += 1

            writers = [write(store) for store, _ in zip(cycle(stores), range(_WRITERS), strict=False)]
            await asyncio.gather(*writers)
            final = await record_of(stores[0], record.id)
            assert (final.sequence, final.exceptions) == (_WRITERS + 1, _WRITERS)
            events = await stores[0].events(PARTY, Mode.LIVE, after=0, limit=_WRITERS * 2)
            assert [event.cursor for event in events] == list(range(1, _WRITERS + 1))

    async def test_a_new_link_replaces_the_one_before(self, store: VerificationStore) -> None:
        """The old digest finds nothing."""
        record = await add(store)
        link = Link(number=2, digest="new", expires_at=time.time() + 60)
        await store.change(record.changed(at=time.time(), link=link))
        assert record.link is not None
        assert await store.find_link(record.link.digest) is None
        found = await store.find_link("new")
        assert found is not None
        assert found.record.link == link

    async def test_a_repeated_change_is_answered_from_before(self, store: VerificationStore) -> None:
        """An idempotency key replays although the record has moved on, and changes nothing."""
        record = await add(store)
        answer = make_answer("cancel", status=200, answer=b"canceled")
        canceled = record.changed(at=time.time(), state=VerificationState.CANCELED)
        assert (await store.change(canceled, idempotency=answer)).is_kept
        again = await store.change(
            canceled.changed(at=time.time()),
            events=[make_event()],
            idempotency=make_answer("cancel", answer=b"other"),
        )
        assert not again.is_kept
        assert again.replayed is not None
        assert (again.replayed.status, again.replayed.answer) == (200, b"canceled")
        await self._is_untouched(store, canceled)

    async def _is_untouched(self, store: VerificationStore, record: VerificationRecord) -> None:
        """Assert that nothing of a refused change was kept."""
        found = await store.load(record.id)
        assert found is not None
        assert found.record == record
        assert found.sealed == SEALED
        assert await store.events(PARTY, Mode.LIVE, after=0, limit=10) == []
        assert await store.begun_jobs(record.id) == []
        assert await store.ends(record.id) == []
        assert await store.idempotent_answer("acme/live/create", "key") is None

    # Ends of jobs

    async def test_a_begun_job_is_kept_until_its_end(self, store: VerificationStore) -> None:
        """Begun twice it is kept once; after its end it is not begun again."""
        record = await add(store)
        begun = make_begun(record)
        for _ in range(2):
            record = record.changed(at=time.time())
            assert (await store.change(record, begun=begun)).is_kept
        assert await store.begun_jobs(record.id) == [begun]
        record = record.changed(at=time.time())
        end = make_end(begun)
        changed = await store.change(record, end=end)
        assert changed.is_kept
        assert changed.end == end
        record = record.changed(at=time.time())
        assert (await store.change(record, begun=begun)).is_kept
        assert await store.begun_jobs(record.id) == []
        assert await store.end_of(begun.result_id) == end
        assert await store.end_of("another") is None

    async def test_the_first_end_wins(self, pair: Sequence[VerificationStore]) -> None:
        """A later one changes nothing and learns of the first."""
        first, second = pair
        record = await add(first)
        begun = make_begun(record)
        end = make_end(begun)
        changed = record.changed(at=time.time())
        assert (await first.change(changed, end=end)).is_kept
        late = await second.change(
            changed.changed(at=time.time()),
            events=[make_event()],
            end=make_end(begun, EndState.UNKNOWN_OUTCOME),
        )
        assert not late.is_kept
        assert late.end == end
        assert await first.ends(record.id) == [end]
        assert await first.events(PARTY, Mode.LIVE, after=0, limit=10) == []

    async def test_of_many_ends_of_a_job_one_counts(self) -> None:
        """Each that records an end gets the one that counts, with one event, over several stores at once."""
        async with self.opened(4) as stores:
            record = await add(stores[0])
            begun = make_begun(record)

            async def finish(store: VerificationStore, state: EndState) -> object:
                end = make_end(begun, state)
                while True:
                    current = await record_of(store, record.id)
                    changed = await store.change(
                        current.changed(at=time.time()), end=end, events=[make_event()]
                    )
                    if changed.end is not None:
                        return changed.end

            states = [state for state in EndState for _ in range(3)]
            ends = await asyncio.gather(
                *(finish(store, state) for store, state in zip(cycle(stores), states, strict=False))
            )
            (counted,) = await stores[0].ends(record.id)
            assert ends == [counted] * len(ends)
            assert len(await stores[0].events(PARTY, Mode.LIVE, after=0, limit=10)) == 1
            assert (await record_of(stores[0], record.id)).sequence == 2

    async def test_ends_come_in_the_order_of_their_recording(self, store: VerificationStore) -> None:
        """Of one verification alone."""
        record, other = await add(store), await add(store)
        ends = [make_end(make_begun(record)) for _ in range(5)]
        for end in ends:
            record = record.changed(at=time.time())
            await store.change(record, end=end)
        await store.change(other.changed(at=time.time()), end=make_end(make_begun(other)))
        assert await store.ends(record.id) == ends

    # One transaction

    async def test_a_failure_in_the_middle_keeps_nothing(self, store: VerificationStore) -> None:
        """An event that cannot be kept takes the whole change with it, the cursors, too."""
        first = make_event()
        record = await add(store, first)
        second = make_verification()
        with pytest.raises(StoreError):
            await store.create(
                second, sealed=SEALED, events=[make_event(), first], idempotency=make_answer("key")
            )
        assert await store.load(second.id) is None
        with pytest.raises(StoreError):
            await store.change(
                record.changed(at=time.time()),
                sealed={Sealed.SUBJECT: None},
                events=[make_event(), first],
                begun=make_begun(record),
                end=make_end(make_begun(record)),
                idempotency=make_answer("key"),
            )
        found = await store.load(record.id)
        assert found is not None
        assert (found.record, found.sealed) == (record, SEALED)
        assert await store.begun_jobs(record.id) == []
        assert await store.ends(record.id) == []
        assert await store.idempotent_answer("acme/live/create", "key") is None
        await add(store, make_event())
        events = await store.events(PARTY, Mode.LIVE, after=0, limit=10)
        assert [event.cursor for event in events] == [1, 2]

    async def test_a_canceled_call_keeps_everything_or_nothing(self, store: VerificationStore) -> None:
        """Whenever its caller goes away; the store works on."""
        for turns in range(_TURNS):
            record = make_verification()
            task = asyncio.create_task(
                store.create(
                    record,
                    sealed=SEALED,
                    events=[make_event(endpoints=["hook"])],
                    idempotency=make_answer(record.id),
                )
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # In its turn behind what a thread may still do of the canceled call.
            other = await add(store)
            found = await store.load(record.id)
            events = await store.events(PARTY, Mode.LIVE, after=0, limit=1000)
            answer = await store.idempotent_answer("acme/live/create", record.id)
            is_kept = found is not None
            assert sum(event.verification_id == record.id for event in events) == is_kept
            assert (answer is not None) == is_kept
            assert found is None or found.sealed == SEALED
            assert [event.cursor for event in events] == list(range(1, len(events) + 1))
            assert await store.load(other.id) is not None
