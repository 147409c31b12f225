"""The cases of the result store contract about status records, sealed results and waiting."""

import asyncio
import secrets
import threading
import uuid
from collections.abc import Sequence

import pytest

from proofing.contracts.records import EndState
from proofing.contracts.stores import ResultStore
from proofing.testing.store_basis import (
    LIFE_SECONDS,
    SHORT_LIFE_SECONDS,
    ResultStoreBasis,
    make_ended,
    make_record,
)
from proofing.testing.waiting import eventually

#: Threads that a store may need alongside those of the test, however many wait.
_SPARE_THREADS = 12
_WAITERS = 300


class RecordCases(ResultStoreBasis):
    """Records begin once and end once; results are taken once; waiters are woken."""

    # Status records

    async def test_status_of_unknown_job_is_none(self, store: ResultStore) -> None:
        """There is no record before `begin`."""
        assert await store.status(str(uuid.uuid4())) is None

    async def test_begin_keeps_record_once(self, store: ResultStore) -> None:
        """A second `begin` changes nothing and says so."""
        record = make_record()
        assert await store.begin(record, ttl_seconds=LIFE_SECONDS)
        other = make_record(record.result_id, owner="person-2")
        assert not await store.begin(other, ttl_seconds=LIFE_SECONDS)
        assert await store.status(record.result_id) == record

    async def test_parallel_begins_let_one_in(self, pair: Sequence[ResultStore]) -> None:
        """Of many at once, across processes, one begins."""
        record = make_record()
        begun = await asyncio.gather(
            *(store.begin(record, ttl_seconds=LIFE_SECONDS) for store in pair for _ in range(10))
        )
        assert sum(begun) == 1

    async def test_finish_replaces_record_and_survives_every_field(self, store: ResultStore) -> None:
        """The terminal record reads back as it was written."""
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        ended = make_ended(record)
        assert await store.finish(ended, ttl_seconds=LIFE_SECONDS) == ended
        assert await store.status(record.result_id) == ended
        assert not await store.begin(record, ttl_seconds=LIFE_SECONDS)

    async def test_first_end_wins(self, store: ResultStore) -> None:
        """A later end changes neither record nor result."""
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        first = make_ended(record)
        await store.finish(first, ttl_seconds=LIFE_SECONDS, sealed_result=b"first")
        late = make_ended(record, EndState.STALE)
        assert await store.finish(late, ttl_seconds=LIFE_SECONDS, sealed_result=b"late") == first
        assert await store.status(record.result_id) == first
        assert await store.result(record.result_id) == b"first"

    async def test_a_record_in_progress_is_replaced(self, store: ResultStore) -> None:
        """`update` writes what is in progress, also where nothing is left; nobody waits for that."""
        record = make_record()
        await store.begin(record, ttl_seconds=60)
        parked = record.parked(until=123.5)
        assert await store.update(parked, ttl_seconds=60)
        assert await store.status(record.result_id) == parked
        assert await store.wait(record.result_id, timeout_seconds=0.05) == parked
        lost = make_record()
        assert await store.update(lost, ttl_seconds=60)
        assert await store.status(lost.result_id) == lost

    async def test_a_record_that_needs_its_person_ends_a_wait(self, pair: Sequence[ResultStore]) -> None:
        """Written before or during it, by any process; not the wait of who asks for ends only."""
        worker, web = pair
        record = make_record()
        await worker.begin(record, ttl_seconds=60)
        waiting = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
        for_end = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0, ends_only=True))
        away = record.parked(until=123.5, vendor_page="a")
        assert await worker.update(away, ttl_seconds=60)
        assert await asyncio.wait_for(waiting, 10.0) == away
        assert await web.wait(record.result_id, timeout_seconds=30.0) == away
        assert await web.wait(record.result_id, timeout_seconds=0.05, ends_only=True) == away
        back = away.returned(at=124.5)
        assert await web.update(back, ttl_seconds=60)
        assert await web.wait(record.result_id, timeout_seconds=0.05) == back
        assert not for_end.done()
        ended = await worker.finish(make_ended(record), ttl_seconds=60)
        assert await asyncio.wait_for(for_end, 10.0) == ended

    async def test_an_end_is_not_replaced(self, pair: Sequence[ResultStore]) -> None:
        """`update` leaves a terminal record and its result alone."""
        one, other = pair
        record = make_record()
        ended = await one.finish(make_ended(record), ttl_seconds=60, sealed_result=b"sealed")
        assert not await other.update(record, ttl_seconds=60)
        assert await one.status(record.result_id) == ended
        assert await one.result(record.result_id) == b"sealed"

    async def test_parallel_ends_agree(self, pair: Sequence[ResultStore]) -> None:
        """Of many ends at once, across processes, all learn of the same one."""
        record = make_record()
        await pair[0].begin(record, ttl_seconds=LIFE_SECONDS)
        ends = [EndState.DONE, EndState.STALE, EndState.WORKER_LOST, EndState.CANCELED]
        returned = await asyncio.gather(
            *(
                store.finish(
                    make_ended(record, end), ttl_seconds=LIFE_SECONDS, sealed_result=end.value.encode()
                )
                for store in pair
                for end in ends
            )
        )
        winner = returned[0]
        assert winner.end_state is not None
        assert all(record == winner for record in returned)
        assert await pair[1].status(record.result_id) == winner
        assert await pair[1].result(record.result_id) == winner.end_state.value.encode()

    async def test_finish_writes_lost_record(self, store: ResultStore) -> None:
        """An end is kept although nothing was begun, so that a lost store loses no final status."""
        ended = make_ended(make_record())
        assert await store.finish(ended, ttl_seconds=LIFE_SECONDS) == ended
        assert await store.status(ended.result_id) == ended

    async def test_record_expires(self, store: ResultStore) -> None:
        """A record is gone after its life, and the id is free again."""
        record = make_record()
        await store.begin(record, ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_gone() -> bool:
            return await store.status(record.result_id) is None

        await eventually(is_gone)
        assert await store.begin(record, ttl_seconds=LIFE_SECONDS)

    async def test_expired_end_does_not_stand(self, store: ResultStore) -> None:
        """An end after the first one's life is over is the first again."""
        record = make_record()
        await store.finish(make_ended(record), ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_gone() -> bool:
            return await store.status(record.result_id) is None

        await eventually(is_gone)
        ended = make_ended(record, EndState.STALE)
        assert await store.finish(ended, ttl_seconds=LIFE_SECONDS) == ended

    async def test_erase_removes_every_trace(self, store: ResultStore) -> None:
        """`erase` says whether there was something, and leaves nothing."""
        ended = make_ended(make_record())
        await store.finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=b"sealed")
        assert await store.erase(ended.result_id)
        assert await store.status(ended.result_id) is None
        assert await store.result(ended.result_id) is None
        assert not await store.erase(ended.result_id)

    # Sealed results

    async def test_result_is_dropped_once(self, pair: Sequence[ResultStore]) -> None:
        """Of many at once, one removes the result; the record stays."""
        ended = make_ended(make_record())
        sealed = secrets.token_bytes(20_000) + b"\x00\xff"
        await pair[0].finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=sealed)
        assert await pair[1].result(ended.result_id) == sealed
        dropped = await asyncio.gather(
            *(store.drop_result(ended.result_id) for store in pair for _ in range(5))
        )
        assert sum(dropped) == 1
        assert await pair[1].result(ended.result_id) is None
        assert await pair[0].status(ended.result_id) == ended

    async def test_result_lives_shorter_than_record(self, store: ResultStore) -> None:
        """The result with PII goes first; the record without PII stays."""
        ended = make_ended(make_record())
        await store.finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=b"sealed", result_ttl_seconds=0.001)
        marker = make_record()
        await store.begin(marker, ttl_seconds=SHORT_LIFE_SECONDS)

        async def is_gone() -> bool:
            return await store.status(marker.result_id) is None

        await eventually(is_gone)
        assert await store.result(ended.result_id) is None
        assert not await store.drop_result(ended.result_id)
        assert await store.status(ended.result_id) == ended

    async def test_end_without_result(self, store: ResultStore) -> None:
        """An end may have no result."""
        ended = make_ended(make_record(), EndState.STALE)
        await store.finish(ended, ttl_seconds=LIFE_SECONDS)
        assert await store.result(ended.result_id) is None

    # Waiting

    async def test_wait_returns_what_is_done(self, store: ResultStore) -> None:
        """Nobody waits for what has ended already."""
        ended = make_ended(make_record())
        await store.finish(ended, ttl_seconds=LIFE_SECONDS)
        assert await store.wait(ended.result_id, timeout_seconds=30.0) == ended

    async def test_wait_gives_up_with_current_record(self, store: ResultStore) -> None:
        """When the time is over, the record in progress comes back; None when there is none."""
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        assert await store.wait(record.result_id, timeout_seconds=0.05) == record
        assert await store.wait(str(uuid.uuid4()), timeout_seconds=0.05) is None

    async def test_wait_wakes_within_process(self, store: ResultStore) -> None:
        """An end by the same process is seen."""
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        waiting = asyncio.create_task(store.wait(record.result_id, timeout_seconds=30.0))
        ended = make_ended(record)
        await store.finish(ended, ttl_seconds=LIFE_SECONDS)
        assert await asyncio.wait_for(waiting, 10.0) == ended

    async def test_wait_wakes_across_processes(self, pair: Sequence[ResultStore]) -> None:
        """An end by another process is seen, also by the one who waited before the job was begun."""
        web, worker = pair
        record = make_record()
        early = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
        await web.begin(record, ttl_seconds=LIFE_SECONDS)
        late = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
        ended = make_ended(record)
        await worker.finish(ended, ttl_seconds=LIFE_SECONDS)
        assert await asyncio.wait_for(early, 10.0) == ended
        assert await asyncio.wait_for(late, 10.0) == ended

    async def test_wait_after_wait(self, pair: Sequence[ResultStore]) -> None:
        """The wake-up works again after everybody has left."""
        web, worker = pair
        for _ in range(3):
            record = make_record()
            await web.begin(record, ttl_seconds=LIFE_SECONDS)
            waiting = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
            await worker.finish(make_ended(record), ttl_seconds=LIFE_SECONDS)
            found = await asyncio.wait_for(waiting, 10.0)
            assert found is not None
            assert found.is_done

    async def test_hundreds_wait_without_threads(self, pair: Sequence[ResultStore]) -> None:
        """Waiters hold no thread each, and each gets its own end."""
        web, worker = pair
        before = threading.active_count()
        records = [make_record() for _ in range(_WAITERS)]
        waiting = [
            asyncio.create_task(web.wait(record.result_id, timeout_seconds=60.0)) for record in records
        ]
        for record in records[: _WAITERS // 2]:
            await worker.finish(make_ended(record), ttl_seconds=LIFE_SECONDS)
        assert threading.active_count() - before <= _SPARE_THREADS
        for record in records[_WAITERS // 2 :]:
            await worker.finish(make_ended(record), ttl_seconds=LIFE_SECONDS)
        found = await asyncio.wait_for(asyncio.gather(*waiting), 30.0)
        assert [record.result_id for record in found if record is not None] == [
            record.result_id for record in records
        ]

    async def test_waiter_may_leave(self, pair: Sequence[ResultStore]) -> None:
        """A page that is closed while it waits disturbs no other."""
        web, worker = pair
        record = make_record()
        leaving = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
        staying = asyncio.create_task(web.wait(record.result_id, timeout_seconds=30.0))
        await web.begin(record, ttl_seconds=LIFE_SECONDS)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await worker.finish(make_ended(record), ttl_seconds=LIFE_SECONDS)
        found = await asyncio.wait_for(staying, 10.0)
        assert found is not None
        assert found.is_done
