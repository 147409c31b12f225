"""The cases of the verification store contract about lists, times, deletion and idempotent answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import EventType, Mode, Sealed, VerificationRecord, VerificationState
from proofing.testing.verification_basis import (
    OTHER_PARTY,
    PARTY,
    VerificationStoreBasis,
    add,
    make_answer,
    make_begun,
    make_end,
    make_event,
)


async def _pages(store: VerificationStore, limit: int, **filters: object) -> list[VerificationRecord]:
    """Return all records page by page; none must come twice."""
    found: list[VerificationRecord] = []
    before: tuple[float, str] | None = None
    while page := await store.page(PARTY, Mode.LIVE, limit=limit, before=before, **filters):  # type: ignore[arg-type]
        found += page
        assert len(page) <= limit
        before = (page[-1].created_at, page[-1].id)
    assert len({one.id for one in found}) == len(found)
    return found


class ListCases(VerificationStoreBasis):
    """What is found, in which order, and what is gone."""

    async def test_pages_are_newest_first(self, store: VerificationStore) -> None:
        """Every verification of the relying party and mode once, those of one moment, too."""
        records = [await add(store, created_at=float(number // 3)) for number in range(10)]
        await add(store, relying_party=OTHER_PARTY)
        await add(store, mode=Mode.TEST)
        expected = sorted(records, key=lambda one: (one.created_at, one.id), reverse=True)
        for limit in (1, 3, 4, 50):
            assert await _pages(store, limit) == expected

    async def test_pages_of_a_state_or_a_person(self, store: VerificationStore) -> None:
        """Filters combine, and a record is found by the state that it has now."""
        canceled = []
        for number in range(6):
            record = await add(store, person="one", created_at=float(number))
            await add(store, created_at=float(number))
            canceled.append(record.changed(at=time.time(), state=VerificationState.CANCELED))
            await store.change(canceled[-1])
        opened = await add(store, person="one", created_at=99.0)
        newest = canceled[::-1]
        assert await _pages(store, 2, person="one") == [opened, *newest]
        assert await _pages(store, 2, state=VerificationState.CANCELED) == newest
        assert await _pages(store, 4, person="one", state=VerificationState.CREATED) == [opened]
        assert await _pages(store, 4, person="another") == []
        assert await store.page(OTHER_PARTY, Mode.LIVE, limit=5, person="one") == []

    async def test_all_of_a_person(self, store: VerificationStore) -> None:
        """For an erasure; of nobody else."""
        records = [await add(store, person="one", policy=f"p{number}") for number in range(3)]
        await add(store)
        found = await store.of_person("one")
        assert sorted(found, key=lambda one: one.policy) == records
        assert await store.of_person("nobody") == []

    async def test_time_is_due_by_each_of_its_times(self, store: VerificationStore) -> None:
        """Expiry of what is open, claims that wait, records to forget; oldest first, and nothing else.

        One that is being processed does not expire, and takes nobody's place while its job runs.
        """
        ended = VerificationState.VERIFIED
        expired = await add(store, expires_at=30.0)
        review = await add(store, expires_at=20.0, state=VerificationState.NEEDS_REVIEW)
        claims = await add(store, expires_at=1.0, state=ended, claims_expire_at=10.0, forget_at=500.0)
        forget = await add(store, expires_at=1.0, state=ended, forget_at=15.0)
        await add(store, expires_at=1.0, state=ended, forget_at=100.0)
        await add(store, expires_at=1.0, state=ended)
        await add(store, expires_at=100.0)
        processed = await add(store, expires_at=5.0, state=VerificationState.PROCESSING)
        due = [claims, forget, review, expired]
        assert await store.overdue_verifications(before=100.0, limit=10) == due
        assert await store.overdue_verifications(before=100.0, limit=2) == due[:2]
        assert await store.overdue_verifications(before=10.0, limit=10) == []
        collected = claims.changed(at=1.0, claims_expire_at=None)
        await store.change(collected)
        assert await store.overdue_verifications(before=100.0, limit=10) == due[1:]
        assert await store.overdue_verifications(before=501.0, limit=10) != []
        back = processed.changed(at=6.0, state=VerificationState.IN_PROGRESS)
        await store.change(back)
        assert await store.overdue_verifications(before=100.0, limit=1) == [back]

    async def test_overdue_jobs_are_oldest_first(self, store: VerificationStore) -> None:
        """Those without an end whose time is over."""
        jobs = []
        for number in (3, 1, 2, 9):
            record = await add(store)
            jobs.append(replace(make_begun(record), give_up_at=float(number)))
            await store.change(record.changed(at=1.0), begun=jobs[-1])
        third, first, second, _later = jobs
        assert await store.overdue_jobs(before=9.0, limit=10) == [first, second, third]
        assert await store.overdue_jobs(before=9.0, limit=1) == [first]
        current = await store.load(first.verification_id)
        assert current is not None
        await store.change(current.record.changed(at=1.0), end=make_end(first))
        assert await store.overdue_jobs(before=9.0, limit=10) == [second, third]

    async def test_a_deleted_verification_leaves_nothing(self, store: VerificationStore) -> None:
        """With its ends, begun jobs, events and deliveries; the cursors of its events stay used."""
        kept = await add(store, make_event(endpoints=["hook"]))
        record = await add(store, make_event(endpoints=["hook"]))
        begun, ended = make_begun(record), make_begun(record)
        await store.change(record.changed(at=1.0), begun=begun, sealed={Sealed.CLAIMS: b"claims"})
        await store.change(record.changed(at=1.0).changed(at=1.0), end=make_end(ended))
        assert await store.delete(record.id)
        assert not await store.delete(record.id)
        assert await store.load(record.id) is None
        assert record.link is not None
        assert await store.find_link(record.link.digest) is None
        assert await store.ends(record.id) == []
        assert await store.end_of(ended.result_id) is None
        assert await store.begun_jobs(record.id) == []
        assert await store.of_person(record.person) == []
        assert await store.page(PARTY, Mode.LIVE, limit=10) == [kept]
        assert [one.event.verification_id for one in await store.deliveries()] == [kept.id]
        await add(store, make_event(), person=record.person)
        events = await store.events(PARTY, Mode.LIVE, after=0, limit=10)
        assert [event.cursor for event in events] == [1, 3]

    # Idempotent answers

    async def test_a_refusal_is_kept_once(self, pair: Sequence[VerificationStore]) -> None:
        """The first answer under a key of a scope counts, of many at once, too."""
        first, second = pair
        answers = [make_answer("key", status=400 + number) for number in range(20)]
        kept = await asyncio.gather(
            *((first, second)[number % 2].keep_answer(one) for number, one in enumerate(answers))
        )
        (winner,) = [one for one, before in zip(answers, kept, strict=True) if before is None]
        assert {before.status for before in kept if before is not None} == {winner.status}
        found = await second.idempotent_answer(winner.scope, "key")
        assert found is not None
        for name in ("scope", "key", "fingerprint", "status", "answer", "created_at"):
            assert getattr(found, name) == getattr(winner, name)
        assert await second.idempotent_answer("other", "key") is None
        assert await first.keep_answer(make_answer("key", scope="other")) is None

    async def test_old_answers_are_purged(self, store: VerificationStore) -> None:
        """Their keys are free again."""
        for number in range(4):
            await store.keep_answer(make_answer(str(number), created_at=float(number)))
        assert await store.purge_answers(before=2.0) == 2
        assert await store.idempotent_answer("acme/live/create", "1") is None
        assert await store.idempotent_answer("acme/live/create", "2") is not None

    # Values

    async def test_what_a_record_holds_comes_back(self, store: VerificationStore) -> None:
        """Text of any script, and bytes of any value."""
        body = bytes(range(256)) * 64
        record = await add(
            store,
            make_event(EventType.VERIFIED),
            sealed={Sealed.SUBJECT: body},
            return_url="https://example.gov/é?'\"%s",
            policy="p-1_x",
        )
        found = await store.load(record.id)
        assert found is not None
        assert found.record == record
        assert found.sealed == {Sealed.SUBJECT: body}
