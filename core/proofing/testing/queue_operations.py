"""Cases of the queue contract for operators: listing jobs, pausing and resuming queues, withdrawing a job."""

import asyncio
import time

import pytest

from proofing.base.errors import QueueError
from proofing.contracts.queues import Capability, ClaimedJob, Queue
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import RecordingHandler, make_message
from proofing.testing.waiting import eventually


class QueueOperations(QueueBasis):
    """`Queue.jobs`, `pause`, `resume` and `withdraw`."""

    async def test_waiting_jobs_are_listed(self, queue: Queue) -> None:
        """By state, queue and beginning of the id, as many as requested, without person or arguments."""
        first, second = make_message(), make_message(JobKind.DOCUMENT)
        await queue.enqueue([first])
        await queue.enqueue([second])
        found = await queue.jobs()
        assert {job.result_id for job in found} == {first.result_id, second.result_id}
        assert {job.state for job in found} == {JobState.READY}
        assert all(0 <= job.age_seconds < self.patience_seconds for job in found)
        assert first.owner not in repr(found)
        (one,) = await queue.jobs(prefix=first.result_id[:8])
        assert (one.result_id, one.trace_id, one.vendor) == (first.result_id, first.trace_id, None)
        assert (one.executions, one.end_state, one.ended_seconds, one.run_seconds) == (0, None, None, None)
        (one,) = await queue.jobs(prefix=first.result_id.upper())
        assert one.result_id == first.result_id
        (other,) = await queue.jobs(queue_name=second.queue_name)
        assert other.result_id == second.result_id
        assert len(await queue.jobs(limit=1)) == 1
        assert len(await queue.jobs(state=JobState.READY)) == 2
        for missing in ("zz", "%", "' or 1=1 --", first.result_id + "0", "0" * 33):
            assert await queue.jobs(prefix=missing) == []
        assert await queue.jobs(state=JobState.RUNNING) == []

    async def test_delayed_jobs_are_listed(self, queue: Queue) -> None:
        """As scheduled."""
        self.needs(queue, Capability.DELAY)
        message = make_message(delay_seconds=60.0)
        await queue.enqueue([message])

        async def is_scheduled() -> bool:
            return [job.result_id for job in await queue.jobs(state=JobState.SCHEDULED)] == [
                message.result_id
            ]

        await eventually(is_scheduled, within_seconds=self.patience_seconds)

    async def test_running_and_ended_jobs_are_listed(self, queue: Queue) -> None:
        """With their starts, their times, the vendor that was called, and how they ended."""
        self.needs(queue, Capability.HISTORY)
        release = asyncio.Event()

        async def call(job: ClaimedJob) -> None:
            await job.record_intent("mock:called", question=1)
            await release.wait()

        handler = RecordingHandler(call)
        message = make_message()
        async with self.opened() as operator, self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_started(within_seconds=self.patience_seconds)

            async def has_called() -> bool:
                return [job.vendor for job in await operator.jobs(state=JobState.RUNNING)] == ["mock:called"]

            await eventually(has_called, within_seconds=self.patience_seconds)
            (running,) = await operator.jobs()
            assert (running.result_id, running.executions, running.end_state) == (message.result_id, 1, None)
            assert running.run_seconds is not None
            release.set()

            async def has_ended() -> bool:
                return len(await operator.jobs(state=JobState.ENDED)) == 1

            await eventually(has_ended, within_seconds=self.patience_seconds)
            (ended,) = await operator.jobs(prefix=message.result_id[:13])
        assert (ended.state, ended.end_state, ended.executions) == (JobState.ENDED, EndState.DONE, 1)
        assert (ended.vendor, ended.trace_id) == ("mock:called", message.trace_id)
        assert ended.ended_seconds is not None
        assert ended.ended_seconds >= 0

    async def test_a_paused_queue_starts_nothing(self, queue: Queue) -> None:
        """Of what waited and of what comes, for workers of all processes, until it is resumed."""
        self.needs(queue, Capability.PAUSE)
        paused, other = JobKind.RESOLUTION.queue_name, JobKind.DOCUMENT
        before, later = make_message(), make_message()
        handler = RecordingHandler()
        async with self.opened() as operator:
            await queue.enqueue([before])
            assert await operator.pause(paused)
            assert not await operator.pause(paused)
            assert list((await queue.stats()).paused) == [paused]
            async with self.working(queue, handler):
                await queue.enqueue([later])
                # What comes after them in another queue ends, more than once: nobody looked past the pause.
                for _ in range(3):
                    passing = make_message(other)
                    await queue.enqueue([passing])
                    await handler.until_ended(passing, within_seconds=self.patience_seconds)
                assert handler.starts(before.result_id) == handler.starts(later.result_id) == 0
                assert (await queue.stats()).waiting[paused] == 2
                assert (await operator.stats()).oldest_seconds == 0
                assert await operator.resume(paused)
                await handler.until_ended(before, later, within_seconds=self.patience_seconds)

                async def is_over() -> bool:
                    return not (await operator.stats()).paused and not await operator.resume(paused)

                await eventually(is_over, within_seconds=self.patience_seconds)
        assert handler.end(before.result_id) is handler.end(later.result_id) is EndState.DONE

    async def test_the_clocks_of_waiting_jobs_stop_in_a_pause(self, queue: Queue) -> None:
        """Jobs that waited in a pause longer than their stale limit are fresh; those elsewhere are stale."""
        self.needs(queue, Capability.PAUSE)
        limit = 2.0
        paused = JobKind.RESOLUTION.queue_name
        before = make_message(stale_after_seconds=limit)
        during = make_message(stale_after_seconds=limit)
        elsewhere = make_message(JobKind.DOCUMENT, stale_after_seconds=limit)
        await queue.enqueue([before])
        await queue.pause(paused)
        await queue.enqueue([during])
        await queue.enqueue([elsewhere])
        over = time.monotonic() + limit + 0.5
        handler = RecordingHandler()
        slots = {paused: 4}
        async with self.working(queue, handler, slots=slots):
            await eventually(lambda: time.monotonic() > over, within_seconds=self.patience_seconds)
            assert handler.published.keys() <= {elsewhere.result_id}
            await queue.resume(paused)
            await handler.until_ended(before, during, within_seconds=self.patience_seconds)
        assert handler.end(before.result_id) is handler.end(during.result_id) is EndState.DONE
        async with self.working(queue, handler):
            await handler.until_ended(elsewhere, within_seconds=self.patience_seconds)
        assert handler.end(elsewhere.result_id) is EndState.STALE

    async def test_a_queue_that_cannot_pause_refuses(self, queue: Queue) -> None:
        """With a typed error, rather than by doing nothing."""
        if Capability.PAUSE in queue.capabilities:
            pytest.skip("it can")
        for call in (queue.pause, queue.resume):
            with pytest.raises(QueueError, match="cannot"):
                await call(JobKind.RESOLUTION.queue_name)

    async def test_a_withdrawn_id_is_never_run(self, queue: Queue) -> None:
        """Neither when its enqueue comes later, nor when it waits; withdrawing again changes nothing."""
        self.needs(queue, Capability.WITHDRAW)
        late, waiting, last = make_message(), make_message(), make_message()
        assert await queue.withdraw(late.result_id)
        await queue.enqueue([late])
        await queue.enqueue([waiting])
        assert await queue.withdraw(waiting.result_id)
        assert await queue.withdraw(late.result_id)
        await queue.enqueue([late, waiting, last])
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(last, within_seconds=self.patience_seconds)
            assert await queue.final_status(late.result_id) is None
        assert handler.starts(late.result_id) == handler.starts(waiting.result_id) == 0

    async def test_a_job_that_may_have_called_is_not_withdrawn(self, queue: Queue) -> None:
        """The answer says so, while it runs and after its end; one that only began calls nobody anymore."""
        self.needs(queue, Capability.WITHDRAW)
        go, called = asyncio.Event(), asyncio.Event()

        async def call(job: ClaimedJob) -> None:
            await job.record_intent("mock", question=1)
            called.set()
            await go.wait()

        handler = RecordingHandler(call)
        message = make_message()
        async with self.working(queue, handler):
            await queue.enqueue([message])
            async with asyncio.timeout(self.patience_seconds):
                await called.wait()
            assert not await queue.withdraw(message.result_id)
            go.set()
            await handler.until_ended(message, within_seconds=self.patience_seconds)
            assert not await queue.withdraw(message.result_id)
