"""Cases of the queue contract for every queue: jobs arrive whole, run once, and keep to their slots."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields

import pytest

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.queues import Capability, ClaimedJob, JobMessage, Queue
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.verifications import Mode, VerificationRef, new_id
from proofing.testing.injections import Calls, UnlistedError, assert_unavailable, extended, foreign_errors
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import RecordingHandler, make_message
from proofing.testing.waiting import eventually


class QueueBasics(QueueBasis):
    """Enqueue, wake, run, count, drain."""

    async def test_a_message_arrives_as_it_was_sent(self, queue: Queue) -> None:
        """Every field reaches the worker, whatever bytes and letters it holds."""
        sent = make_message(
            JobKind.DOCUMENT,
            encrypted_arguments=bytes(range(256)) * 20,
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            partner="partner-ü",
            verification=VerificationRef(id=new_id("ver"), mode=Mode.TEST, link=3),
            object_keys=("a/b", "c'd\"e"),
            counter_keys=("limit:idv_doc_auth:é,{}\\",),
            metadata={"front": {"width": 12, "ratio": 0.5}, "note": "é,{}\\"},
            schema_version=3,
            stale_after_seconds=120.5,
            deadline_seconds=31.25,
            enqueued_at=1_700_000_000.25,
        )
        handler = RecordingHandler()
        async with self.working(queue, handler):
            assert await queue.enqueue([sent]) == 1
            await handler.until_ended(sent, within_seconds=self.patience_seconds)
        (job,) = handler.started
        for field in fields(JobMessage):
            assert getattr(job.message, field.name) == getattr(sent, field.name), field.name
        assert job.attempt == 1
        assert 0 <= job.age_seconds < self.patience_seconds * 2

    async def test_jobs_that_wait_are_run_when_a_worker_comes(self, queue: Queue) -> None:
        """A bulk that was enqueued before any worker lived is run, each job once."""
        sent = [make_message(kind) for kind in JobKind for _ in range(40)]
        assert await queue.enqueue(sent) == len(sent)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(*sent, within_seconds=self.patience_seconds)
        assert sorted(job.message.result_id for job in handler.started) == sorted(m.result_id for m in sent)
        assert {handler.end(message.result_id) for message in sent} == {EndState.DONE}

    async def test_another_process_wakes_the_worker(self, queue: Queue) -> None:
        """What one view enqueues, another view's worker runs."""
        handler = RecordingHandler()
        async with self.opened() as web, self.working(queue, handler):
            for _ in range(3):
                message = make_message()
                await web.enqueue([message])
                await handler.until_ended(message, within_seconds=self.patience_seconds)

    async def test_enqueueing_again_is_safe(self, queue: Queue) -> None:
        """The same result ids, sent twice because an answer was lost, run once."""
        sent = [make_message() for _ in range(5)]
        await queue.enqueue(sent)
        await queue.enqueue(sent)
        handler = RecordingHandler()
        last = make_message()
        async with self.working(queue, handler):
            await handler.until_ended(*sent, within_seconds=self.patience_seconds)
            await queue.enqueue([last])
            await handler.until_ended(last, within_seconds=self.patience_seconds)
        assert [handler.starts(message.result_id) for message in sent] == [1] * len(sent)
        assert handler.late == []

    async def test_slots_bound_each_queue_and_do_not_block_the_others(self, queue: Queue) -> None:
        """No more than its slots of one kind run at once, and a full kind leaves the others free."""
        release = asyncio.Event()

        async def hold(_job: ClaimedJob) -> None:
            await release.wait()

        handler = RecordingHandler(hold)
        slow, quick = JobKind.DOCUMENT, JobKind.PHONE
        sent = [make_message(slow) for _ in range(7)] + [make_message(quick) for _ in range(2)]
        slots = {kind.queue_name: 2 for kind in JobKind}
        async with self.working(queue, handler, slots=slots):
            await queue.enqueue(sent)
            await eventually(lambda: handler.running == 4, within_seconds=self.patience_seconds)
            stats = await queue.stats()
            assert stats.running.get(quick.queue_name) == 2
            release.set()
            await handler.until_ended(*sent, within_seconds=self.patience_seconds)
        assert handler.most_running == {slow.queue_name: 2, quick.queue_name: 2}

    async def test_stats_count_what_waits(self, queue: Queue) -> None:
        """Depth by queue, and the age of the oldest; empty when nothing waits."""
        before = await queue.stats()
        assert sum(before.waiting.values()) == sum(before.running.values()) == 0
        assert before.oldest_seconds == 0
        await queue.enqueue([make_message(JobKind.DOCUMENT) for _ in range(3)] + [make_message()])
        stats = await queue.stats()
        assert stats.waiting[JobKind.DOCUMENT.queue_name] == 3
        assert stats.waiting[JobKind.RESOLUTION.queue_name] == 1
        assert await eventually(self._oldest(queue), within_seconds=self.patience_seconds)

    @staticmethod
    def _oldest(queue: Queue) -> Callable[[], Awaitable[float]]:
        """Return a reader of the oldest job's age."""

        async def read() -> float:
            return (await queue.stats()).oldest_seconds

        return read

    async def test_a_stopped_worker_lets_running_jobs_finish(self, queue: Queue) -> None:
        """After the stop event no job begins, and those that run come to their end."""
        release = asyncio.Event()

        async def hold(_job: ClaimedJob) -> None:
            await release.wait()

        handler = RecordingHandler(hold)
        first, second = make_message(), make_message()
        async with self.working(queue, handler, drain_seconds=self.patience_seconds) as stop:
            await queue.enqueue([first])
            await handler.until_started(within_seconds=self.patience_seconds)
            stop.set()
            await queue.enqueue([second])
            release.set()
        assert handler.end(first.result_id) is EndState.DONE
        assert handler.starts(second.result_id) == 0
        async with self.working(queue, handler):
            await handler.until_ended(second, within_seconds=self.patience_seconds)

    async def test_a_job_that_outlasts_the_drain_is_not_lost(self, queue: Queue) -> None:
        """It is canceled, and afterward begins again or has a typed end; never silence."""

        async def hang(_job: ClaimedJob) -> None:
            await asyncio.Event().wait()

        handler = RecordingHandler(hang)
        message = make_message()
        async with self.working(queue, handler, drain_seconds=0.1):
            await queue.enqueue([message])
            await handler.until_started(within_seconds=self.patience_seconds)
        assert handler.canceled == [message.result_id]
        second = RecordingHandler(published=handler.published)
        async with self.opened() as other, self.working(other, second):
            await second.until_ended(message, within_seconds=self.patience_seconds)
        if second.started:
            assert second.started[0].attempt == 1, "a drain must not charge an attempt"

    async def test_migrate_and_close_may_be_repeated(self, queue: Queue) -> None:
        """The second time changes nothing and harms nothing."""
        assert list(await queue.migrate()) == []
        other = self.make_queue()
        await other.close()
        await other.open()
        await other.close()
        await other.close()

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        queue: Queue,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `QueueUnavailableError` at every method."""
        message, other = make_message(), self.make_queue()
        await queue.enqueue([message])
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {
                "open": other.open,
                "enqueue": lambda: queue.enqueue([make_message()]),
                "cancel": lambda: queue.cancel(message.result_id),
                "purge_owner": lambda: queue.purge_owner(message.owner),
                "stats": queue.stats,
                "parked_by_vendor": queue.parked_by_vendor,
                "jobs": queue.jobs,
                "migrate": other.migrate,
                "pause": lambda: queue.pause(message.queue_name),
                "resume": lambda: queue.resume(message.queue_name),
                "final_status": lambda: queue.final_status(message.result_id),
                "withdraw": lambda: queue.withdraw(message.result_id),
                "wake": lambda: queue.wake(message.result_id, b"note"),
            }
            optional = {
                "migrate": self.has_schema,
                "pause": Capability.PAUSE in queue.capabilities,
                "resume": Capability.PAUSE in queue.capabilities,
                "final_status": Capability.FINAL_STATUS in queue.capabilities,
                "withdraw": Capability.WITHDRAW in queue.capabilities,
                "wake": Capability.PARK in queue.capabilities,
            }
            calls = {name: call for name, call in calls.items() if optional.get(name, True)}
            without = {"work", *(name for name, is_there in optional.items() if not is_there)}
            calls = extended(calls, queue, Queue, without=without)
            await assert_unavailable(calls, QueueUnavailableError, foreign, caplog)
            await other.close()
        assert sum((await queue.stats()).waiting.values()) == 1

    @pytest.mark.parametrize("foreign", [AttributeError(), UnlistedError()], ids=repr)
    async def test_a_worker_outlives_foreign_exceptions(self, queue: Queue, foreign: Exception) -> None:
        """They meet it at its start and during its work; afterward it runs jobs as before."""
        handler = RecordingHandler()
        broken = pytest.MonkeyPatch()
        self.break_library(broken, foreign)
        try:
            async with self.working(queue, handler):
                for _ in range(2):
                    with pytest.raises(QueueUnavailableError):
                        await queue.enqueue([make_message()])
                    broken.undo()
                    sent = [make_message(kind) for kind in JobKind]
                    await queue.enqueue(sent)
                    await handler.until_ended(*sent, within_seconds=self.patience_seconds)
                    self.break_library(broken, foreign)
                broken.undo()
        finally:
            broken.undo()

    async def test_a_backend_that_is_down_is_reported(self) -> None:
        """Opening, or at the latest enqueueing, raises our error and no other."""
        queue = self.make_unreachable_queue()
        if queue is None:
            pytest.skip("no unreachable queue in this test suite")

        async def use() -> None:
            await queue.open()
            await queue.enqueue([make_message()])

        try:
            async with asyncio.timeout(self.patience_seconds):
                with pytest.raises(QueueUnavailableError):
                    await use()
        finally:
            await queue.close()
