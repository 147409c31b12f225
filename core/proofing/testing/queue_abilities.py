"""Cases of the queue contract for what a queue may declare beyond the minimum."""

import asyncio
import time
from dataclasses import replace

import pytest

from proofing.contracts.queues import Capability, ClaimedJob, Queue
from proofing.contracts.records import EndState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import RecordingHandler, make_message
from proofing.testing.waiting import eventually


class QueueAbilities(QueueBasis):
    """Delay, unique keys, transactions, notes."""

    async def test_a_delayed_job_waits(self, queue: Queue) -> None:
        """It does not begin before its time, and does not have to be requested."""
        self.needs(queue, Capability.DELAY)
        began: dict[str, float] = {}

        async def body(job: ClaimedJob) -> None:
            began[job.message.result_id] = time.monotonic()

        handler = RecordingHandler(body)
        later, now = make_message(delay_seconds=0.5), make_message()
        async with self.working(queue, handler):
            enqueued = time.monotonic()
            await queue.enqueue([later, now])
            await handler.until_ended(later, now, within_seconds=self.patience_seconds)
        assert began[later.result_id] - enqueued >= 0.49

    async def test_a_unique_key_is_taken_until_its_job_ends(self, queue: Queue) -> None:
        """A second message with the key is refused while the first waits or runs, and taken after its end."""
        self.needs(queue, Capability.UNIQUE)
        release = asyncio.Event()

        async def hold(_job: ClaimedJob) -> None:
            await release.wait()

        first, second = (make_message(unique_key="person-1:resolution") for _ in range(2))
        assert await queue.enqueue([first]) == 1
        assert await queue.enqueue([second, make_message(unique_key="person-2:resolution")]) == 1
        handler = RecordingHandler(hold)
        async with self.working(queue, handler):
            await handler.until_started(2, within_seconds=self.patience_seconds)
            assert await queue.enqueue([second]) == 0
            release.set()
            await handler.until_ended(first, within_seconds=self.patience_seconds)

            async def is_accepted() -> bool:
                return await queue.enqueue([second]) == 1

            await eventually(is_accepted, within_seconds=self.patience_seconds)
            await handler.until_ended(second, within_seconds=self.patience_seconds)

    async def test_a_callers_transaction_decides(self, queue: Queue) -> None:
        """What is enqueued on the caller's connection runs after its commit, and never after its rollback."""
        self.needs(queue, Capability.TRANSACTIONAL)
        kept, dropped, last = make_message(), make_message(), make_message()
        handler = RecordingHandler()
        async with self.working(queue, handler), self.connect() as connection:
            assert await queue.enqueue([dropped], connection=connection) == 1
            await connection.rollback()
            assert await queue.enqueue([kept], connection=connection) == 1
            assert (await queue.stats()).waiting.get(kept.queue_name, 0) == 0
            await connection.commit()
            await handler.until_ended(kept, within_seconds=self.patience_seconds)
            await queue.enqueue([last])
            await handler.until_ended(last, within_seconds=self.patience_seconds)
        assert handler.starts(dropped.result_id) == 0

    async def test_intents_are_taken(self, queue: Queue) -> None:
        """Any job may note an intent, more than once too."""

        async def body(job: ClaimedJob) -> None:
            for vendor in ("mock", "other"):
                await job.record_intent(vendor, question=1)

        handler = RecordingHandler(body)
        sent = [make_message() for _ in range(20)]
        async with self.working(queue, handler):
            await queue.enqueue(sent)
            await handler.until_ended(*sent, within_seconds=self.patience_seconds)
        assert {handler.end(message.result_id) for message in sent} == {EndState.DONE}

    async def test_intents_and_answers_outlive_the_run(self, queue: Queue) -> None:
        """A job that is handed back runs again with those of all its runs."""
        self.needs(queue, Capability.CRASH_RECOVERY)
        started: asyncio.Queue[tuple[set[int], bytes | None]] = asyncio.Queue()

        async def call(job: ClaimedJob) -> None:
            found = set(job.message.intents), job.message.answers
            if not found[0]:
                await job.record_intent("mock", question=7)
                await job.record_answers(b"first")
                await job.record_intent("mock", question=0, answers=b"second")
            elif len(found[0]) == 2:
                await job.record_intent("mock", question=2**32 - 1)
            started.put_nowait(found)
            if len(found[0]) < 3:
                await asyncio.Event().wait()

        handler = RecordingHandler(call)
        message = make_message()
        await queue.enqueue([message])
        seen = []
        for _ in range(3):
            async with (
                self.working(queue, handler, drain_seconds=0.1),
                asyncio.timeout(self.patience_seconds),
            ):
                seen.append(await started.get())
        assert seen == [(set(), None), ({0, 7}, b"second"), ({0, 7, 2**32 - 1}, b"second")]
        assert handler.end(message.result_id) is EndState.DONE

    async def test_a_job_that_cannot_run_again_ends_as_unknown_after_its_intent(self, queue: Queue) -> None:
        """Where a job with an intent is not run again, its person learns at once that nobody knows."""
        if Capability.CRASH_RECOVERY in queue.capabilities:
            pytest.skip("this queue runs it again")

        async def call(job: ClaimedJob) -> None:
            await job.record_intent("mock", question=1)
            called.set()
            await asyncio.Event().wait()

        called = asyncio.Event()
        handler = RecordingHandler(call)
        message = make_message()
        async with self.working(queue, handler, drain_seconds=0.1):
            await queue.enqueue([message])
            async with asyncio.timeout(self.patience_seconds):
                await called.wait()
        assert handler.end(message.result_id) is EndState.UNKNOWN_OUTCOME
        assert handler.starts(message.result_id) == 1

    async def test_ages_follow_the_stores_clock(self, queue: Queue) -> None:
        """A submitting host whose clock is wrong by an hour makes no job stale, and no stale job fresh."""
        self.needs(queue, Capability.STORE_CLOCK)
        behind = make_message(enqueued_at=time.time() - 3600)
        ahead = replace(make_message(enqueued_at=int(time.time()) + 3600), stale_after_seconds=300)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await queue.enqueue([behind, ahead])
            await handler.until_ended(behind, ahead, within_seconds=self.patience_seconds)
        assert {handler.end(message.result_id) for message in (behind, ahead)} == {EndState.DONE}
        assert all(0 <= job.age_seconds < self.patience_seconds * 2 for job in handler.started)
