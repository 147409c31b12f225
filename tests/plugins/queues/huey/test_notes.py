"""Notes of parked jobs in both storages of Huey: late cancels, storages that fail, jobs that are lost."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from proofing.contracts.queues import ClaimedJob, JobMessage, Parked, Wake
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_handlers import make_parked
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_huey import storages
from proofing_huey.backend import HueyQueue
from proofing_huey.huey_app import JobHuey
from proofing_huey.storages import Entry, JobStorage, entry_of

HOUR_SECONDS = 3600.0


async def parks_until_woken(job: ClaimedJob) -> Parked | None:
    """End once there are notes."""
    return None if job.message.notes else make_parked()


async def parked(queue: HueyQueue, handler: RecordingHandler) -> JobMessage:
    """Return a job that is parked."""
    message = make_message()
    await queue.enqueue([message])
    await eventually(lambda: queue.jobs(prefix=message.result_id, state=JobState.PARKED))
    assert handler.starts(message.result_id) == 1
    return message


def huey_of(queue: HueyQueue) -> JobHuey:
    """Return the Huey of the jobs here."""
    return queue._huey(JobKind.RESOLUTION.queue_name)


async def test_a_job_revoked_while_it_runs_is_not_parked(
    queue: HueyQueue, working: Callable[..., Any]
) -> None:
    """Its cancel found it waiting, and comes when it has begun: it ends, and is not woken."""
    found: list[Wake] = []

    async def body(job: ClaimedJob) -> Parked:
        await queue._call(huey_of(queue).revoke_by_id, job.message.result_id, revoke_once=True)
        found.append(await queue.wake(job.message.result_id, b"note"))
        return make_parked()

    handler = RecordingHandler(body)
    message = make_message()
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
        await eventually(lambda: queue._call(_has_nothing, queue))
    assert (handler.end(message.result_id), found) == (EndState.CANCELED, [Wake.GONE])
    assert await queue.jobs() == []


async def test_a_storage_that_fails_costs_no_note(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is out of the storage when its notes are read: this is tried again."""
    storage_class = type(huey_of(queue).storage)
    read, failures = storage_class.notes, [OSError("no disk")]

    def notes(storage: JobStorage, result_id: str) -> tuple[bytes, ...]:
        if failures:
            raise failures.pop()
        return read(storage, result_id)

    monkeypatch.setattr(storage_class, "notes", notes)
    handler = RecordingHandler(parks_until_woken)
    async with working(queue, handler):
        message = await parked(queue, handler)
        await queue.wake(message.result_id, b"note")
        await handler.until_ended(message)
    assert [job.message.notes for job in handler.started] == [(), (b"note",)]


async def test_notes_of_a_lost_job_expire(queue: HueyQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a worker nobody ends the job of a killed one: its notes go with its key."""
    monkeypatch.setattr(storages, "_PAUSE_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(storages, "_TAKEN_MARGIN_SECONDS", 0.0)
    message = make_message(stale_after_seconds=1.0, deadline_seconds=1.0)
    await queue.enqueue([message])
    # As a worker does that is killed right after it.
    assert await queue._call(huey_of(queue).dequeue)
    assert await queue.wake(message.result_id, b"note") is Wake.KEPT

    async def is_gone() -> bool:
        # An enqueue deletes what has expired, where the storage does not by itself.
        await queue.enqueue([make_message(JobKind.PHONE)])
        return not await queue._call(huey_of(queue).storage.notes, message.result_id)

    await eventually(is_gone)
    assert await queue.wake(message.result_id, b"note") is Wake.GONE


async def test_a_job_that_is_due_is_not_looked_for_where_it_was_parked(
    queue: HueyQueue, working: Callable[..., Any]
) -> None:
    """Its place in the schedule may be another job's meanwhile, which a wake leaves where it is."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def body(job: ClaimedJob) -> Parked | None:
        message = job.message
        if message.metadata.get("later") or not message.is_parked:
            return make_parked() if message.metadata.get("later") else make_parked(0.0)
        if not message.notes:
            began.set()
            await go_on.wait()
            return make_parked()
        return None

    handler = RecordingHandler(body)
    first, other = make_message(), make_message(metadata={"later": True})
    async with working(queue, handler):
        await queue.enqueue([first])
        await asyncio.wait_for(began.wait(), 20.0)
        await queue.enqueue([other])
        await eventually(lambda: queue.jobs(prefix=other.result_id, state=JobState.PARKED))
        assert await queue.wake(first.result_id, b"note") is Wake.KEPT
        go_on.set()
        await handler.until_ended(first)
        assert handler.starts(other.result_id) == 1
        (waiting,) = await queue.jobs(prefix=other.result_id)
        assert waiting.state is JobState.PARKED


async def test_a_park_that_is_tried_again_costs_no_note(
    queue: HueyQueue, working: Callable[..., Any]
) -> None:
    """Its answer was lost: it has parked the job, which a note has woken, and is not read yet."""
    storage_class = type(huey_of(queue).storage)
    park, failures = storage_class.park, [OSError("the answer was lost")]

    async def body(job: ClaimedJob) -> Parked | None:
        return None if b"second" in job.message.notes else make_parked()

    def park_without_answer(storage: JobStorage, entry: Entry, *, woken: bytes, read: int) -> bool:
        is_kept = park(storage, entry, woken=woken, read=read)
        if read and failures:
            asyncio.run_coroutine_threadsafe(queue.wake(entry.result_id, b"second"), loop).result(20.0)
            raise failures.pop()
        return is_kept

    loop = asyncio.get_running_loop()
    handler = RecordingHandler(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage_class, "park", park_without_answer)
        async with working(queue, handler, slots=1):
            message = await parked(queue, handler)
            await queue.wake(message.result_id, b"first")
            await handler.until_ended(message)
    assert (failures, handler.late) == ([], [])
    assert [job.message.notes for job in handler.started] == [(), (b"first",), (b"second",)]
    assert await queue.jobs() == []


async def test_a_due_job_survives_its_scheduler(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """They are moved in one step, so that a worker which dies after it loses none; first due, first begun."""
    messages = [make_message() for _ in range(4)]
    huey, now = huey_of(queue), time.time()
    await queue.enqueue(messages)
    tasks = [await queue._call(huey.dequeue) for _ in messages]
    due_times = [now - 1, now - 3, now - 2, now + HOUR_SECONDS]
    for message, task, due_at in zip(messages, tasks, due_times, strict=True):
        blob = huey.write(message, ready_at=due_at, waits_for="acme:later")
        entry = entry_of(message, blob, ready_at=due_at, started=task.started)
        await queue._call(huey.storage.park, entry, woken=b"", read=0)
    # As the scheduler of a worker does, which would put what this returns into the queue, and dies before.
    assert await queue._call(huey.read_schedule) == []
    waiting = await queue.jobs(state=JobState.READY)
    assert {job.result_id for job in waiting} == {message.result_id for message in messages[:3]}
    handler = RecordingHandler()
    async with working(queue, handler, slots=1):
        await handler.until_ended(*messages[:3])
    assert [job.message for job in handler.started] == [messages[place] for place in (1, 2, 0)]
    assert [job.result_id for job in await queue.jobs()] == [messages[3].result_id]


def _has_nothing(queue: HueyQueue) -> Any:
    """Return whether Huey keeps no revocation."""
    return not huey_of(queue).storage.result_items()
