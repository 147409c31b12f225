"""Cases of the queue contract for jobs that wait for their vendor: `Capability.PARK`."""

import time

from proofing.contracts.queues import (
    MAX_NOTES,
    MAX_NOTES_BYTES,
    RESERVED_NOTES,
    RESERVED_NOTES_BYTES,
    Capability,
    ClaimedJob,
    Parked,
    Queue,
    Wake,
)
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import (
    LONG_SECONDS,
    PARKED_ARGUMENTS,
    Body,
    RecordingHandler,
    make_message,
    make_parked,
)
from proofing.testing.waiting import eventually


def _parks_for(seconds: float) -> Body:
    """Return the body of a job that waits for its vendor whenever it runs."""

    async def body(_job: ClaimedJob) -> Parked:
        return make_parked(seconds)

    return body


class QueueParking(QueueBasis):
    """A job leaves its worker without an end, and comes back."""

    async def test_a_parked_job_comes_back_in_its_time(self, queue: Queue) -> None:
        """With new arguments and the other facts of its message, no objects, and an age from zero."""
        self.needs(queue, Capability.PARK)
        parked_at: list[float] = []
        back_at: list[float] = []

        async def body(job: ClaimedJob) -> Parked | None:
            if not job.message.is_parked:
                parked_at.append(time.monotonic())
                return make_parked(1.5)
            back_at.append(time.monotonic())
            return None

        handler = RecordingHandler(body)
        message = make_message(
            counter_keys=("counter",), object_keys=("object",), metadata={"fact": 1}, stale_after_seconds=1.0
        )
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.DONE
        assert back_at[0] - parked_at[0] >= 1.4
        first, second = (job.message for job in handler.started)
        assert (first.encrypted_arguments, first.is_parked) == (message.encrypted_arguments, False)
        assert (second.is_parked, second.object_keys) == (True, ())
        assert second.encrypted_arguments == PARKED_ARGUMENTS
        for name in ("result_id", "owner", "counter_keys", "metadata", "trace_id", "stale_after_seconds"):
            assert getattr(second, name) == getattr(message, name)

    async def test_a_parked_job_holds_no_slot(self, queue: Queue) -> None:
        """Of one slot the next job takes possession at once; the unique key stays taken."""
        self.needs(queue, Capability.PARK)
        parked = make_message(unique_key="person-1:resolution")
        handler = RecordingHandler(_parks_for(LONG_SECONDS))
        async with self.working(queue, handler, slots={parked.queue_name: 1}):
            await queue.enqueue([parked])
            await handler.until_started(within_seconds=self.patience_seconds)
            await self.until_parked(queue, parked.result_id)
            others = [make_message() for _ in range(5)]
            await queue.enqueue(others)
            await handler.until_started(6, within_seconds=self.patience_seconds)
            if Capability.UNIQUE in queue.capabilities:
                assert await queue.enqueue([make_message(unique_key="person-1:resolution")]) == 0
        assert handler.published == {}

    async def test_an_operator_sees_whom_it_waits_for(self, queue: Queue) -> None:
        """It is neither taken for a delayed job nor counted as one that waits for a worker."""
        self.needs(queue, Capability.PARK)
        message = make_message()
        handler = RecordingHandler(_parks_for(LONG_SECONDS))
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await self.until_parked(queue, message.result_id)
            for asked in (
                {"prefix": message.result_id},
                {"state": JobState.PARKED},
                {"state": JobState.PARKED, "prefix": message.result_id[:8]},
                {"state": JobState.PARKED, "queue_name": message.queue_name},
            ):
                (found,) = await queue.jobs(**asked)
                assert (found.state, found.vendor) == (JobState.PARKED, "acme:later")
                assert found.age_seconds >= 0
            for prefix in ("", message.result_id):
                assert await queue.jobs(state=JobState.SCHEDULED, prefix=prefix) == []
            assert await queue.jobs(state=JobState.PARKED, queue_name=JobKind.DOCUMENT.queue_name) == []
            stats = await queue.stats()
        assert stats.parked[message.queue_name] == 1
        assert stats.waiting.get(message.queue_name, 0) == 0

    async def test_parked_jobs_are_counted_by_vendor(self, queue: Queue) -> None:
        """Of all queues, while they are parked; a delayed job is none of them."""
        self.needs(queue, Capability.PARK)
        vendors = {make_message(kind).result_id: f"{kind}:later" for kind in JobKind}
        vendors |= {make_message().result_id: "gone:later" for _ in range(2)}
        kinds = [*JobKind, JobKind.RESOLUTION, JobKind.PHONE]
        messages = [make_message(kind, result_id=one) for kind, one in zip(kinds, vendors, strict=True)]

        async def body(job: ClaimedJob) -> Parked | None:
            return None if job.message.notes else make_parked(vendor=vendors[job.message.result_id])

        handler = RecordingHandler(body)
        assert await queue.parked_by_vendor() == {}
        async with self.working(queue, handler):
            await queue.enqueue(messages)
            if Capability.DELAY in queue.capabilities:
                await queue.enqueue([make_message(delay_seconds=LONG_SECONDS)])
            for message in messages:
                await self.until_parked(queue, message.result_id)
            expected = {**{f"{kind}:later": 1 for kind in JobKind}, "gone:later": 2}
            assert await queue.parked_by_vendor() == expected
            await queue.purge_owner(messages[-1].owner)
            assert await queue.parked_by_vendor() == {**expected, "gone:later": 1}

    async def test_a_parked_job_outlives_its_worker(self, queue: Queue) -> None:
        """The worker that parked it stops; the next one runs it, also after the call it had noted before."""
        self.needs(queue, Capability.PARK)

        async def body(job: ClaimedJob) -> Parked:
            await job.record_intent("acme:later", question=1, answers=b"sealed")
            return make_parked(1.0)

        message = make_message()
        first = RecordingHandler(body)
        async with self.working(queue, first):
            await queue.enqueue([message])
            await first.until_started(within_seconds=self.patience_seconds)
        second = RecordingHandler(published=first.published)
        async with self.opened() as other, self.working(other, second):
            await second.until_ended(message, within_seconds=self.patience_seconds)
        assert second.end(message.result_id) is EndState.DONE
        assert [(job.message.intents, job.message.answers) for job in second.started] == [((), None)]

    async def test_a_parked_job_is_canceled(self, queue: Queue) -> None:
        """Its end is published, at the latest when it is due, and it does not run again."""
        self.needs(queue, Capability.PARK)
        self.needs(queue, Capability.CANCEL_WAITING)

        message = make_message()
        handler = RecordingHandler(_parks_for(2.0))
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await self.until_parked(queue, message.result_id)
            assert await queue.cancel(message.result_id)
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.CANCELED
        assert handler.starts(message.result_id) == 1

    async def test_a_job_canceled_while_it_runs_is_not_parked(self, queue: Queue) -> None:
        """Whichever comes first, the end is *canceled*."""
        self.needs(queue, Capability.PARK)
        self.needs(queue, Capability.CANCEL_RUNNING)

        async def body(job: ClaimedJob) -> Parked:
            await queue.cancel(job.message.result_id)
            return make_parked()

        messages = [make_message() for _ in range(10)]
        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await queue.enqueue(messages)
            await handler.until_ended(*messages, within_seconds=self.patience_seconds)
        assert {handler.end(message.result_id) for message in messages} == {EndState.CANCELED}

    async def test_a_pause_does_not_age_a_parked_job(self, queue: Queue) -> None:
        """Due in a pause that is longer than its stale limit, it runs after the pause."""
        self.needs(queue, Capability.PARK, Capability.PAUSE)

        async def body(job: ClaimedJob) -> Parked | None:
            return None if job.message.is_parked else make_parked(1.5)

        message = make_message(stale_after_seconds=3.0)
        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await self.until_parked(queue, message.result_id)
            await queue.pause(message.queue_name)
            over = time.monotonic() + 6.0
            await eventually(lambda: time.monotonic() > over, within_seconds=self.patience_seconds)
            assert handler.published == {}
            await queue.resume(message.queue_name)
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.DONE

    async def test_a_parked_job_is_purged_with_its_owner(self, queue: Queue) -> None:
        """It is a waiting job, and vanishes without an end."""
        self.needs(queue, Capability.PARK)
        message = make_message()
        handler = RecordingHandler(_parks_for(LONG_SECONDS))
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await self.until_parked(queue, message.result_id)
            assert (await queue.purge_owner(message.owner)).removed == 1
            assert await queue.jobs(prefix=message.result_id) == []
        kept = await self.stored_bytes()
        assert kept is None or PARKED_ARGUMENTS not in kept

    async def test_a_job_is_parked_again_and_again(self, queue: Queue) -> None:
        """Many at once, each some times; each has one end, in a queue with few slots."""
        self.needs(queue, Capability.PARK)
        runs: dict[str, int] = {}

        async def body(job: ClaimedJob) -> Parked | None:
            count = runs[job.message.result_id] = runs.get(job.message.result_id, 0) + 1
            return make_parked(0.05) if count < 3 else None

        messages = [make_message(JobKind.PHONE) for _ in range(40)]
        handler = RecordingHandler(body)
        async with self.working(queue, handler, slots={JobKind.PHONE.queue_name: 4}):
            await queue.enqueue(messages)
            await handler.until_ended(*messages, within_seconds=self.patience_seconds)
        assert set(runs.values()) == {3}
        assert handler.late == []

    async def test_room_for_events(self, queue: Queue) -> None:
        """Other notes leave a part of the room free, which is there for events whatever came before."""
        self.needs(queue, Capability.PARK)
        many, large = make_message(), make_message()
        for message in (many, large):
            await self.parked_by_another(message)
        others = MAX_NOTES - RESERVED_NOTES
        kept = [
            await queue.wake(many.result_id, b"note", is_event=False) is Wake.KEPT for _ in range(MAX_NOTES)
        ]
        assert kept == [True] * others + [False] * RESERVED_NOTES
        for _ in range(RESERVED_NOTES):
            assert await queue.wake(many.result_id, b"note") is Wake.KEPT
        assert await queue.wake(many.result_id, b"note") is Wake.FULL
        most = bytes(MAX_NOTES_BYTES - RESERVED_NOTES_BYTES)
        assert await queue.wake(large.result_id, most + b"x", is_event=False) is Wake.FULL
        assert await queue.wake(large.result_id, most, is_event=False) is Wake.KEPT
        assert await queue.wake(large.result_id, b"x", is_event=False) is Wake.FULL
        assert await queue.wake(large.result_id, bytes(RESERVED_NOTES_BYTES)) is Wake.KEPT
