"""Cases of the queue contract about ends: every job gets one, typed, whatever happens to it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proofing.contracts.queues import Capability, ClaimedJob, Queue
from proofing.contracts.records import EndState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import RecordingHandler, make_message
from proofing.testing.waiting import eventually

#: Stands for what must never be readable: a foreign exception's text.
_SECRET = "synthetic 900-66-1234 secret"  # noqa: S105 - what the case looks for


class QueueEnds(QueueBasis):
    """Stale, timed out, broken, canceled: all of it is published."""

    async def test_a_stale_job_ends_without_being_run(self, queue: Queue) -> None:
        """A job older than its limit is published as stale, and its body never begins."""
        bodies: list[str] = []

        async def body(job: ClaimedJob) -> None:
            bodies.append(job.message.result_id)

        handler = RecordingHandler(body)
        stale, fresh = make_message(stale_after_seconds=0.05), make_message()
        await queue.enqueue([stale, fresh])
        await eventually(self._is_older_than(queue, 0.1), within_seconds=self.patience_seconds)
        async with self.working(queue, handler):
            await handler.until_ended(stale, fresh, within_seconds=self.patience_seconds)
        assert handler.end(stale.result_id) is EndState.STALE
        assert handler.end(fresh.result_id) is EndState.DONE
        assert bodies == [fresh.result_id]

    @staticmethod
    def _is_older_than(queue: Queue, seconds: float) -> Callable[[], Awaitable[bool]]:
        """Return a check whether the oldest job is older than *seconds*."""

        async def read() -> bool:
            return (await queue.stats()).oldest_seconds > seconds

        return read

    async def test_a_job_that_hangs_is_ended_by_the_queue(self, queue: Queue) -> None:
        """A handler that ignores the deadline is canceled, and the job ends as timed out."""

        async def hang(_job: ClaimedJob) -> None:
            await asyncio.Event().wait()

        handler = RecordingHandler(hang)
        message = make_message(deadline_seconds=0.2)
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(
                message, within_seconds=self.patience_seconds + self.deadline_grace_seconds
            )
        assert handler.end(message.result_id) is EndState.TIMED_OUT
        assert handler.canceled == [message.result_id]

    async def test_a_handler_that_breaks_ends_its_job_and_not_the_worker(
        self, queue: Queue, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A foreign error becomes a typed end; its text is kept nowhere, and the next job runs."""

        async def body(job: ClaimedJob) -> None:
            if job.message.result_id == bad.result_id:
                raise RuntimeError(_SECRET)

        bad, good = make_message(), make_message()
        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await queue.enqueue([bad])
            await handler.until_ended(bad, within_seconds=self.patience_seconds)
            await queue.enqueue([good])
            await handler.until_ended(good, within_seconds=self.patience_seconds)
        assert handler.end(bad.result_id) is EndState.INTERNAL_ERROR
        assert handler.end(good.result_id) is EndState.DONE
        stored = await self.stored_bytes()
        assert _SECRET not in caplog.text
        assert stored is None or _SECRET.encode() not in stored

    async def test_arguments_are_gone_with_the_end(
        self, queue: Queue, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing of a finished job's arguments is left in what the backend keeps, nor in the logs."""
        if await self.stored_bytes() is None:
            pytest.skip("this test suite does not show what is stored")
        marker = b"MARKER-900661234"
        message = make_message(encrypted_arguments=marker * 4)
        await queue.enqueue([message])
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        stored = await self.stored_bytes()
        assert stored is not None
        assert marker not in stored
        assert marker.hex().encode() not in stored
        assert marker.decode() not in caplog.text
        assert marker.decode() not in repr(message)

    async def test_an_unknown_job_cannot_be_canceled(self, queue: Queue) -> None:
        """Canceling what is not there, or has ended, says so."""
        message = make_message()
        assert not await queue.cancel(message.result_id)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert not await queue.cancel(message.result_id)

    async def test_a_waiting_job_is_canceled(self, queue: Queue) -> None:
        """It never runs, and its end is published by whichever worker comes."""
        self.needs(queue, Capability.CANCEL_WAITING)
        message, other = make_message(), make_message()
        await queue.enqueue([message, other])
        assert await queue.cancel(message.result_id)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(message, other, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.CANCELED
        assert handler.starts(message.result_id) == 0
        assert handler.end(other.result_id) is EndState.DONE

    async def test_a_running_job_is_canceled(self, queue: Queue) -> None:
        """Its run is canceled, from another process too, and the end is published."""
        self.needs(queue, Capability.CANCEL_RUNNING)

        async def hang(_job: ClaimedJob) -> None:
            await asyncio.Event().wait()

        handler = RecordingHandler(hang)
        message = make_message()
        async with self.opened() as web, self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_started(within_seconds=self.patience_seconds)
            assert await web.cancel(message.result_id)
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.CANCELED
        assert handler.canceled == [message.result_id]
        assert handler.starts(message.result_id) == 1

    async def test_a_verdict_is_kept_with_the_job(self, queue: Queue) -> None:
        """The record that the handler returned is found again, whole; before the end there is none."""
        self.needs(queue, Capability.FINAL_STATUS)
        message, stale = make_message(), make_message(stale_after_seconds=0.01)
        await queue.enqueue([message, stale])
        assert await queue.final_status(message.result_id) is None
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(message, stale, within_seconds=self.patience_seconds)
        async with self.opened() as web:
            assert await web.final_status(message.result_id) == handler.published[message.result_id]
            assert await web.final_status(stale.result_id) == handler.published[stale.result_id]
            assert await web.final_status(make_message().result_id) is None

    async def test_stats_count_the_ends(self, queue: Queue) -> None:
        """Where a queue remembers ends, it counts them by kind of end."""
        self.needs(queue, Capability.FINAL_STATUS)
        sent = [make_message() for _ in range(4)]
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await queue.enqueue(sent)
            await handler.until_ended(*sent, within_seconds=self.patience_seconds)
        stats = await queue.stats()
        assert stats.ended.get(EndState.DONE.value) == 4
