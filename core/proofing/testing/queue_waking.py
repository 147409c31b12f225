"""Cases of the queue contract for parked jobs that are woken: `Queue.wake`."""

import asyncio
import random
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest

from proofing.base.errors import QueueError
from proofing.contracts.queues import (
    MAX_NOTES,
    MAX_NOTES_BYTES,
    Capability,
    ClaimedJob,
    JobMessage,
    Parked,
    Queue,
    Wake,
)
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import PARKED_ARGUMENTS, RecordingHandler, make_message, make_parked
from proofing.testing.queue_process import published_ends, whole_history
from proofing.testing.waiting import eventually

_NOTE = b"sealed note\x00\xff"
#: As many jobs as show a race, if there is one.
_MANY = 60
#: Longer than a queue that looks for due jobs each second needs to run one that it should not.
_TOO_EARLY_SECONDS = 2.5


def _note() -> bytes:
    """Return bytes that no other note has."""
    return _NOTE + uuid.uuid4().bytes


async def _parks_until_woken(job: ClaimedJob) -> Parked | None:
    """End once there are notes: the body of most jobs here."""
    return None if job.message.notes else make_parked()


class QueueWaking(QueueBasis):
    """A note has a parked job run again, and is lost in no order of events."""

    async def test_a_parked_job_is_woken(self, queue: Queue) -> None:
        """By another process, long before its time, with its note and the arguments it was parked with."""
        self.needs(queue, Capability.PARK)
        message, note = make_message(unique_key="person-1:resolution"), _note()
        handler = RecordingHandler(_parks_until_woken)
        async with self.opened() as web, self.working(queue, handler):
            await self._park(web, message)
            assert await web.wake(message.result_id, note) is Wake.KEPT
            await handler.until_ended(message, within_seconds=self.patience_seconds)
            await self._until_gone(web, message)
        assert handler.end(message.result_id) is EndState.DONE
        first, second = (job.message for job in handler.started)
        assert (first.notes, second.notes) == ((), (note,))
        assert (second.encrypted_arguments, second.is_parked) == (PARKED_ARGUMENTS, True)

    async def test_notes_come_in_order(self, queue: Queue) -> None:
        """All that came before the run, and it is ready from the first one on."""
        self.needs(queue, Capability.PARK)
        message, notes = make_message(), [_note(), b"", _note()]
        await self.parked_by_another(message)
        for note in notes:
            assert await queue.wake(message.result_id, note) is Wake.KEPT
            (found,) = await queue.jobs(prefix=message.result_id)
            assert (found.state, found.age_seconds < self.patience_seconds) == (JobState.READY, True)
        waiting = (await queue.stats()).waiting
        assert waiting[message.queue_name] == 1
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert [job.message.notes for job in handler.started] == [tuple(notes)]

    async def test_the_age_counts_from_the_wake(self, queue: Queue) -> None:
        """Parked for longer than its stale limit, a woken job is fresh; and stale when it waits on."""
        self.needs(queue, Capability.PARK)
        fresh, stale = (make_message(stale_after_seconds=4.0) for _ in range(2))
        for message in (fresh, stale):
            await self.parked_by_another(message)
        await queue.wake(stale.result_id, _note())
        over = time.monotonic() + 4.5
        await eventually(lambda: time.monotonic() > over, within_seconds=self.patience_seconds)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(stale, within_seconds=self.patience_seconds)
            await queue.wake(fresh.result_id, _note())
            await handler.until_ended(fresh, within_seconds=self.patience_seconds)
        assert handler.end(fresh.result_id) is EndState.DONE
        assert handler.end(stale.result_id) is EndState.STALE

    async def test_a_wake_before_the_park(self, queue: Queue) -> None:
        """The job runs again at once, each time with what came while it ran and nothing else."""
        self.needs(queue, Capability.PARK)
        notes = [_note() for _ in range(3)]
        seen: list[tuple[bytes, ...]] = []
        message = make_message()

        async with self.opened() as web:

            async def body(job: ClaimedJob) -> Parked | None:
                seen.append(job.message.notes)
                if len(seen) > len(notes):
                    return None
                assert await web.wake(message.result_id, notes[len(seen) - 1]) is Wake.KEPT
                return make_parked()

            handler = RecordingHandler(body)
            async with self.working(queue, handler):
                await queue.enqueue([message])
                await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert seen == [(), *((note,) for note in notes)]
        assert all(job.age_seconds < self.patience_seconds for job in handler.started)

    async def test_a_wake_before_the_end(self, queue: Queue) -> None:
        """There is no further run, and the note is gone with the job."""
        self.needs(queue, Capability.PARK)
        message, note = make_message(), _note()
        after = make_message()

        async def body(job: ClaimedJob) -> None:
            if job.message.result_id == message.result_id:
                assert await queue.wake(message.result_id, note) is Wake.KEPT

        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(message, within_seconds=self.patience_seconds)
            await self._until_gone(queue, message)
            await queue.enqueue([after])
            await handler.until_ended(after, within_seconds=self.patience_seconds)
        assert handler.starts(message.result_id) == 1
        await self._assert_not_kept(queue, note)

    async def test_a_wake_before_the_first_run(self, queue: Queue) -> None:
        """It is harmless: the job reads the note in one of its runs, and is not started before its time."""
        self.needs(queue, Capability.PARK)
        delay = 1.0 if Capability.DELAY in queue.capabilities else 0.0
        message, note = make_message(delay_seconds=delay), _note()
        seen: list[bytes] = []

        async def body(job: ClaimedJob) -> Parked | None:
            seen.extend(job.message.notes)
            return None if seen else make_parked()

        handler = RecordingHandler(body)
        began = time.monotonic()
        await queue.enqueue([message])
        assert await queue.wake(message.result_id, note) is Wake.KEPT
        async with self.working(queue, handler):
            await handler.until_started(within_seconds=self.patience_seconds)
            assert time.monotonic() - began >= delay * 0.99
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert seen == [note]

    async def test_wakes_at_the_same_time(self, queue: Queue) -> None:
        """One run gets all notes, or several runs share them."""
        self.needs(queue, Capability.PARK)
        message, notes = make_message(), [_note() for _ in range(MAX_NOTES)]
        seen: list[bytes] = []

        async def body(job: ClaimedJob) -> Parked | None:
            seen.extend(job.message.notes)
            return None if len(seen) == len(notes) else make_parked()

        handler = RecordingHandler(body)
        async with self.opened() as web, self.working(queue, handler):
            await self._park(web, message)
            found = await asyncio.gather(
                *([web, queue][number % 2].wake(message.result_id, note) for number, note in enumerate(notes))
            )
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert found == [Wake.KEPT] * len(notes)
        assert sorted(seen) == sorted(notes)

    async def test_a_woken_job_does_not_come_back_at_its_former_time(self, queue: Queue) -> None:
        """It was due soon, is woken, and parked for longer: the first time is over."""
        self.needs(queue, Capability.PARK)

        async def body(job: ClaimedJob) -> Parked | None:
            return make_parked() if job.message.is_parked else make_parked(1.0)

        message = make_message()
        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await self._park(queue, message)
            assert await queue.wake(message.result_id, _note()) is Wake.KEPT
            await handler.until_started(2, within_seconds=self.patience_seconds)
            over = time.monotonic() + _TOO_EARLY_SECONDS
            await eventually(lambda: time.monotonic() > over, within_seconds=self.patience_seconds)
            await self.until_parked(queue, message.result_id)
        assert handler.starts(message.result_id) == 2

    async def test_too_many_notes(self, queue: Queue) -> None:
        """Those that fit are kept, in number and in bytes, and there is room again after the run."""
        self.needs(queue, Capability.PARK)
        half = MAX_NOTES_BYTES // 2
        many, large = make_message(), make_message()
        for message in (many, large):
            await self.parked_by_another(message)
        notes = [_note() for _ in range(MAX_NOTES)]
        for note in notes:
            assert await queue.wake(many.result_id, note) is Wake.KEPT
        assert await queue.wake(many.result_id, b"") is Wake.FULL
        assert await queue.wake(large.result_id, bytes(half)) is Wake.KEPT
        assert await queue.wake(large.result_id, bytes(half + 1)) is Wake.FULL
        assert await queue.wake(large.result_id, bytes(half)) is Wake.KEPT
        assert await queue.wake(large.result_id, b"x") is Wake.FULL
        with pytest.raises(QueueError):
            await queue.wake(large.result_id, bytes(MAX_NOTES_BYTES + 1))

        async def body(job: ClaimedJob) -> Parked | None:
            return None if job.message.notes == (_NOTE,) else make_parked()

        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            for message in (many, large):
                await self.until_parked(queue, message.result_id)
                assert await queue.wake(message.result_id, _NOTE) is Wake.KEPT
            await handler.until_ended(many, large, within_seconds=self.patience_seconds)
        runs = {message.result_id: self._runs_of(handler, message) for message in (many, large)}
        assert runs[many.result_id] == [tuple(notes), (_NOTE,)]
        assert runs[large.result_id] == [(bytes(half), bytes(half)), (_NOTE,)]

    async def test_gone(self, queue: Queue) -> None:
        """Unknown, malformed, ended, canceled: nothing is kept."""
        self.needs(queue, Capability.PARK)
        note = _note()
        for unknown in (str(uuid.uuid4()), "", "no id", "'; drop table job --", "ä\x01" * 40):
            assert await queue.wake(unknown, note) is Wake.GONE
        ended, canceled = make_message(), make_message()
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await queue.enqueue([ended])
            await handler.until_ended(ended, within_seconds=self.patience_seconds)
            await self._until_gone(queue, ended)
        if Capability.CANCEL_WAITING in queue.capabilities:
            await self.parked_by_another(canceled)
            assert await queue.wake(canceled.result_id, _NOTE) is Wake.KEPT
            assert await queue.cancel(canceled.result_id)
            assert await queue.wake(canceled.result_id, note) is Wake.GONE
            async with self.working(queue, handler):
                await handler.until_ended(canceled, within_seconds=self.patience_seconds)
                assert handler.end(canceled.result_id) is EndState.CANCELED
                await self._until_gone(queue, canceled)
            await self._assert_not_kept(queue, _NOTE)
        await self._assert_not_kept(queue, note)

    async def test_withdrawn_jobs_are_gone(self, queue: Queue) -> None:
        """With their notes, whether or not they ever came."""
        self.needs(queue, Capability.PARK, Capability.WITHDRAW)
        never, parked = make_message(), make_message()
        assert await queue.withdraw(never.result_id)
        await self.parked_by_another(parked)
        assert await queue.wake(parked.result_id, _note()) is Wake.KEPT
        assert await queue.withdraw(parked.result_id)
        for message in (never, parked):
            assert await queue.wake(message.result_id, _note()) is Wake.GONE
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await self._until_nothing_waits(queue)
        assert handler.started == []
        await self._assert_not_kept(queue, _NOTE)

    async def test_a_job_canceled_while_it_runs_is_gone(self, queue: Queue) -> None:
        """It is about to end, whatever its body returns."""
        self.needs(queue, Capability.PARK, Capability.CANCEL_RUNNING)
        found: list[Wake] = []

        async def body(job: ClaimedJob) -> Parked:
            await queue.cancel(job.message.result_id)
            found.append(await queue.wake(job.message.result_id, _note()))
            return make_parked()

        message = make_message()
        handler = RecordingHandler(body)
        async with self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.CANCELED
        assert set(found) <= {Wake.GONE}

    async def test_a_job_handed_back_keeps_its_notes(self, queue: Queue) -> None:
        """The worker stops while it runs with them; the next one runs it with the same."""
        self.needs(queue, Capability.PARK)
        if not self.hands_back:
            pytest.skip("hands nothing back")
        message, note = make_message(), _note()
        await self.parked_by_another(message)
        await queue.wake(message.result_id, note)

        async def hold(_job: ClaimedJob) -> None:
            await asyncio.Event().wait()

        first, second = RecordingHandler(hold), RecordingHandler()
        async with self.opened() as other:
            async with self.working(other, first, drain_seconds=0.1):
                await first.until_started(within_seconds=self.patience_seconds)
            assert await queue.wake(message.result_id, _NOTE) is Wake.KEPT
            async with self.working(queue, second):
                await second.until_ended(message, within_seconds=self.patience_seconds)
        assert [job.message.notes for job in first.started] == [(note,)]
        assert [job.message.notes for job in second.started] == [(note, _NOTE)]

    async def test_a_rescued_job_keeps_its_notes(self, queue: Queue, tmp_path: Path) -> None:
        """Its worker is killed while it runs with them; another one runs it with the same."""
        self.needs(queue, Capability.PARK, Capability.CRASH_RECOVERY)
        message, note = make_message(metadata={"parks": True, "crash_at": "before_intent"}), _note()
        first = self.start_worker(tmp_path)
        if first is None:
            pytest.skip("this test suite starts no processes")
        with first:
            await queue.enqueue([message])
            await self.until_parked(queue, message.result_id)
            assert await queue.wake(message.result_id, note) is Wake.KEPT
            await eventually(lambda: not first.is_alive, within_seconds=self.patience_seconds)
        second = self.start_worker(tmp_path)
        assert second is not None
        with second:
            await eventually(
                lambda: message.result_id in published_ends(tmp_path), within_seconds=self.patience_seconds
            )
        assert published_ends(tmp_path)[message.result_id] is EndState.DONE
        runs = [event["notes"] for event in whole_history(tmp_path) if event["event"] == "run"]
        assert runs == [[], [note.hex()], [note.hex()]]

    async def test_a_paused_queue_keeps_notes(self, queue: Queue) -> None:
        """The job starts after the pause, with its note, and as young as it was before."""
        self.needs(queue, Capability.PARK, Capability.PAUSE)
        message, note = make_message(stale_after_seconds=3.0), _note()
        handler = RecordingHandler(_parks_until_woken)
        async with self.working(queue, handler):
            await self._park(queue, message)
            await queue.pause(message.queue_name)
            assert await queue.wake(message.result_id, note) is Wake.KEPT
            over = time.monotonic() + 4.0
            await eventually(lambda: time.monotonic() > over, within_seconds=self.patience_seconds)
            assert handler.starts(message.result_id) == 1
            await queue.resume(message.queue_name)
            await handler.until_ended(message, within_seconds=self.patience_seconds)
        assert handler.end(message.result_id) is EndState.DONE
        assert self._runs_of(handler, message) == [(), (note,)]

    async def test_a_woken_job_is_purged_with_its_owner(self, queue: Queue) -> None:
        """And its notes."""
        self.needs(queue, Capability.PARK)
        message, note = make_message(), _note()
        await self.parked_by_another(message)
        assert await queue.wake(message.result_id, note) is Wake.KEPT
        assert (await queue.purge_owner(message.owner)).removed == 1
        assert await queue.wake(message.result_id, note) is Wake.GONE
        await self._assert_not_kept(queue, note)

    async def test_many_parked_jobs_are_woken(self, queue: Queue) -> None:
        """In any order, from two processes: none is missed, none runs without a reason."""
        self.needs(queue, Capability.PARK)
        notes = {make_message(JobKind.PHONE).result_id: _note() for _ in range(_MANY)}
        messages = [make_message(JobKind.PHONE, result_id=result_id) for result_id in notes]
        handler = RecordingHandler(_parks_until_woken)
        async with self.opened() as web, self.working(queue, handler):
            await queue.enqueue(messages)

            async def are_parked() -> bool:
                return len(await queue.jobs(state=JobState.PARKED, limit=2 * _MANY)) == _MANY

            await eventually(are_parked, within_seconds=self.patience_seconds)
            shuffled = list(notes)
            random.shuffle(shuffled)
            found = await asyncio.gather(
                *([web, queue][number % 2].wake(one, notes[one]) for number, one in enumerate(shuffled))
            )
            await handler.until_ended(*messages, within_seconds=self.patience_seconds)
        assert set(found) == {Wake.KEPT}
        assert {handler.end(message.result_id) for message in messages} == {EndState.DONE}
        for message in messages:
            assert self._runs_of(handler, message) == [(), (notes[message.result_id],)]

    async def test_wakes_race_with_parks_and_intents(self, queue: Queue) -> None:
        """A wake at any moment of a run is not lost, and takes the job from nobody."""
        self.needs(queue, Capability.PARK)
        seen: Counter[bytes] = Counter()
        waking: list[asyncio.Task[Wake]] = []
        async with self.opened() as web:

            async def body(job: ClaimedJob) -> Parked | None:
                message = job.message
                seen.update(message.notes)
                if message.notes and message.notes[0].endswith(b"more"):
                    return None
                if message.notes:
                    # The second run: one more note, with which the third one ends.
                    more = message.notes[0] + b"more"
                    waking.append(asyncio.create_task(web.wake(message.result_id, more)))
                    return make_parked()
                waking.append(asyncio.create_task(_wake_soon(web, message)))
                for _ in range(3):
                    await job.record_intent("acme:later", question=1)
                return make_parked()

            messages = [make_message(JobKind.PHONE) for _ in range(_MANY)]
            handler = RecordingHandler(body)
            async with self.working(queue, handler, slots={JobKind.PHONE.queue_name: _MANY}):
                await queue.enqueue(messages)
                await handler.until_ended(*messages, within_seconds=self.patience_seconds)
            found = await asyncio.gather(*waking)
        assert set(found) == {Wake.KEPT}
        assert {handler.end(message.result_id) for message in messages} == {EndState.DONE}
        assert set(seen.values()) == {1}
        assert len(seen) == 2 * _MANY

    async def test_wakes_race_with_ends(self, queue: Queue) -> None:
        """Each end is accepted soon, whatever came at the same moment."""
        self.needs(queue, Capability.PARK)
        waking: list[asyncio.Task[Wake]] = []
        async with self.opened() as web:

            async def body(job: ClaimedJob) -> None:
                waking.extend(asyncio.create_task(_wake_soon(web, job.message)) for _ in range(3))

            messages = [make_message(JobKind.PHONE) for _ in range(_MANY)]
            handler = RecordingHandler(body)
            async with self.working(queue, handler, slots={JobKind.PHONE.queue_name: _MANY}):
                await queue.enqueue(messages)
                await handler.until_ended(*messages, within_seconds=self.patience_seconds)
                await asyncio.gather(*waking)
                for message in messages:
                    await self._until_gone(queue, message)
                await self._until_nothing_waits(queue)
        assert {handler.starts(message.result_id) for message in messages} == {1}
        await self._assert_not_kept(queue, _NOTE)

    async def test_without_the_capability_it_refuses(self, queue: Queue) -> None:
        """A queue that cannot park says so."""
        if Capability.PARK in queue.capabilities:
            pytest.skip("declares park")
        with pytest.raises(QueueError):
            await queue.wake(str(uuid.uuid4()), _note())

    async def _park(self, queue: Queue, message: JobMessage) -> None:
        """Enqueue *message*, which somebody works on and parks."""
        await queue.enqueue([message])
        await self.until_parked(queue, message.result_id)

    async def _until_gone(self, queue: Queue, message: JobMessage) -> None:
        """Wait until the end of a job, which is published, is known to the queue as well."""

        async def is_gone() -> bool:
            return await queue.wake(message.result_id, _NOTE) is Wake.GONE

        await eventually(is_gone, within_seconds=self.patience_seconds)

    async def _until_nothing_waits(self, queue: Queue) -> None:
        """Wait until no job waits or runs."""

        async def is_idle() -> bool:
            stats = await queue.stats()
            return not any(sum(counts.values()) for counts in (stats.waiting, stats.parked, stats.running))

        await eventually(is_idle, within_seconds=self.patience_seconds)

    async def _assert_not_kept(self, queue: Queue, note: bytes) -> None:
        """Find *note* nowhere in what the backend keeps, as it is or as it may be printed."""
        # For a backend whose log still has what was deleted until something is erased.
        await queue.purge_owner("nobody")
        kept = await self.stored_bytes()
        assert kept is None or (note not in kept and note.hex().encode() not in kept)

    @staticmethod
    def _runs_of(handler: RecordingHandler, message: JobMessage) -> list[tuple[bytes, ...]]:
        """Return the notes of each run of a job."""
        started = [job.message for job in handler.started]
        return [one.notes for one in started if one.result_id == message.result_id]


async def _wake_soon(queue: Queue, message: JobMessage) -> Wake:
    """Wake a job at a moment of its run that nobody chooses."""
    await asyncio.sleep(random.uniform(0.0, 0.01))  # noqa: S311 - no secret
    return await queue.wake(message.result_id, _note())
