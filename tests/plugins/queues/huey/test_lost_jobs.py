"""Jobs whose worker was killed, in both storages of Huey: each ends once, typed and in time."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proofing.base.errors import QueueError
from proofing.contracts.queues import ClaimedJob, JobMessage, Parked, Wake
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.processes import start_process_async
from proofing.testing.queue_handlers import LONG_SECONDS, make_parked
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_huey import lost_jobs, storages
from proofing_huey.backend import HueyQueue
from proofing_huey.coroutine_bridge import CoroutineBridge
from proofing_huey.huey_app import JobHuey
from proofing_huey.settings import HueySettings
from proofing_huey.storages import entry_of

LEASE_SECONDS = 1.0
#: Runs jobs without an end; those of one kind are parked first.
WORKER = """
import asyncio, json, sys
from proofing.contracts.records import JobKind
from proofing.testing.queue_handlers import make_parked
from proofing.testing.queues import RecordingHandler
from proofing_huey import lost_jobs, storages
from proofing_huey.settings import HueySettings
from proofing_huey.backend import HueyQueue

storages.LEASE_SECONDS, lost_jobs.LOOK_SECONDS = 1.0, 0.2

async def body(job):
    if job.message.kind is JobKind.PHONE and not job.message.is_parked:
        return make_parked(0.0)
    print(json.dumps(["runs", job.message.result_id]), flush=True)
    await asyncio.Event().wait()

async def main():
    queue = HueyQueue(HueySettings(**json.loads(sys.argv[1])), lambda label: bytes(32))
    await queue.open()
    slots = {kind.queue_name: 2 for kind in JobKind}
    await queue.work(RecordingHandler(body), slots=slots, stop=asyncio.Event(), drain_seconds=0.2)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have leases be over soon."""
    monkeypatch.setattr(storages, "LEASE_SECONDS", LEASE_SECONDS)
    monkeypatch.setattr(lost_jobs, "LOOK_SECONDS", 0.2)


@pytest.fixture
async def worker(settings: HueySettings, queue: HueyQueue) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a process that works on the queue."""
    _ = queue
    values = {name: getattr(settings, name) for name in ("storage", "path")}
    if settings.url is not None:
        values["url"] = settings.url.get_secret_value()
    process = await start_process_async(
        sys.executable, "-c", WORKER, json.dumps(values), stdout=asyncio.subprocess.PIPE
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def run_by(worker: asyncio.subprocess.Process, queue: HueyQueue, *messages: JobMessage) -> None:
    """Have *worker* run jobs."""
    await queue.enqueue(messages)
    assert worker.stdout is not None
    lines = [json.loads(await asyncio.wait_for(worker.stdout.readline(), 30.0)) for _ in messages]
    assert sorted(lines) == sorted(["runs", message.result_id] for message in messages)


async def kill(worker: asyncio.subprocess.Process) -> None:
    """End *worker* as a crash would."""
    worker.send_signal(signal.SIGKILL)
    await worker.wait()


def huey_of(queue: HueyQueue, kind: JobKind = JobKind.RESOLUTION) -> JobHuey:
    """Return the Huey of the jobs of a kind."""
    return queue._huey(kind.queue_name)


async def after(seconds: float) -> None:
    """Wait for a time in which something must not happen."""
    over = time.monotonic() + seconds
    await eventually(lambda: time.monotonic() > over)


async def test_jobs_of_a_killed_worker_end(
    queue: HueyQueue, worker: asyncio.subprocess.Process, working: Callable[..., Any]
) -> None:
    """In its first run, or resumed: whether a vendor was called, nobody knows, and it does not run again."""
    first, resumed = make_message(unique_key="person"), make_message(JobKind.PHONE)
    await run_by(worker, queue, first, resumed)
    await kill(worker)
    assert await queue.wake(resumed.result_id, b"note") is Wake.KEPT
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(first, resumed)
        await eventually(lambda: queue._call(has_nothing_started, queue))
        assert [handler.end(one.result_id) for one in (first, resumed)] == [EndState.UNKNOWN_OUTCOME] * 2
        assert handler.started == []
        # They are over for the queue, too.
        assert await queue.wake(resumed.result_id, b"note") is Wake.GONE
        assert await queue.enqueue([make_message(unique_key="person")]) == 1


async def test_a_job_that_runs_longer_than_its_lease_is_not_lost(
    queue: HueyQueue, settings: HueySettings, working: Callable[..., Any]
) -> None:
    """Its worker renews the lease, while it drains, too; other workers let it be."""
    may_end = asyncio.Event()

    async def body(_job: ClaimedJob) -> None:
        await may_end.wait()

    handler, message = RecordingHandler(body), make_message()
    others = RecordingHandler(published=handler.published)
    other = HueyQueue(settings, lambda _label: bytes(32))
    await other.open()
    draining = working(queue, handler, drain_seconds=30.0)
    async with draining:
        await queue.enqueue([message])
        await handler.until_started()
        async with working(other, others):
            await after(2.5 * LEASE_SECONDS)
            asyncio.get_running_loop().call_later(2.5 * LEASE_SECONDS, may_end.set)
            stopped = asyncio.create_task(draining.__aexit__(None, None, None))
            await handler.until_ended(message)
            await stopped
    await other.close()
    assert handler.end(message.result_id) is EndState.DONE
    assert (handler.late, others.late) == ([], [])


async def test_workers_that_live_renew_first(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the storage was out of reach for longer than a lease, no worker ends the jobs of another."""
    may_end = asyncio.Event()

    async def body(_job: ClaimedJob) -> None:
        await may_end.wait()

    handler, message = RecordingHandler(body), make_message()
    storage_class = type(huey_of(queue).storage)
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_started()
        with monkeypatch.context() as patch:
            patch.setattr(storage_class, "renew", fail)
            await after(2 * LEASE_SECONDS)
        # As another worker does, which was started meanwhile, or could not look either.
        other = lost_jobs.LostJobs([huey_of(queue)], CoroutineBridge(handler, asyncio.Event()), queue._call)
        assert await other._look() == []
        may_end.set()
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.DONE


def fail(*_arguments: object) -> None:
    """Be a storage that is out of reach."""
    raise OSError


async def test_the_end_of_a_lost_job_waits_for_the_result_store(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot publish it forgets nothing."""
    monkeypatch.setattr("proofing_huey.coroutine_bridge._PUBLISH_SECONDS", 0.1)
    failures = [QueueError("away"), RuntimeError("a bug")]

    class Forgetful(RecordingHandler):
        async def discard(self, message: JobMessage, end: EndState) -> Any:
            if failures:
                raise failures.pop()
            return await super().discard(message, end)

    handler, message = Forgetful(), make_message()
    await queue.enqueue([message])
    assert await queue._call(huey_of(queue).storage.dequeue)
    async with working(queue, handler):
        await handler.until_ended(message)
    assert (handler.end(message.result_id), failures) == (EndState.UNKNOWN_OUTCOME, [])


@pytest.mark.parametrize("waits_for", ["its end", "its vendor", "another worker"])
async def test_nothing_is_started_that_does_not_run(
    queue: HueyQueue, working: Callable[..., Any], waits_for: str
) -> None:
    """A job that has ended, is parked or was handed back is not lost, however long ago that was."""

    async def body(_job: ClaimedJob) -> Parked | None:
        if waits_for == "its vendor":
            return make_parked()
        if waits_for == "another worker":
            await asyncio.Event().wait()
        return None

    handler, message = RecordingHandler(body), make_message()
    async with working(queue, handler, drain_seconds=0.1):
        await queue.enqueue([message])
        await handler.until_started()
    assert await queue._call(has_nothing_started, queue)


async def test_foreign_messages_are_not_started(queue: HueyQueue) -> None:
    """What is refused is not kept as a job that runs."""
    huey, message = huey_of(queue), make_message()
    await queue._call(huey.storage.put_all, [entry_of(message, b"1" + bytes(40))])
    assert await queue._call(huey.dequeue) is None
    assert huey.refused == 1
    assert await queue._call(has_nothing_started, queue)


async def test_a_lost_job_is_purged_with_its_owner(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """Nothing is kept of it, and nobody publishes an end."""
    message = make_message()
    await queue.enqueue([message])
    assert await queue._call(huey_of(queue).storage.dequeue)
    assert (await queue.purge_owner(message.owner)).removed == 0
    assert await queue._call(has_nothing_started, queue)
    handler, other = RecordingHandler(), make_message(JobKind.PHONE)
    async with working(queue, handler):
        await after(2 * LEASE_SECONDS)
        await queue.enqueue([other])
        await handler.until_ended(other)
    assert set(handler.published) == {other.result_id}


async def test_a_delayed_job_waits_in_the_schedule_from_the_beginning(
    queue: HueyQueue, working: Callable[..., Any]
) -> None:
    """No worker has to move it there, and can die while it does; its delay is obeyed."""
    message = make_message(delay_seconds=1.0)
    enqueued_at = time.monotonic()
    await queue.enqueue([message])
    assert await queue._call(huey_of(queue).scheduled_count) == 1
    assert await queue._call(huey_of(queue).pending_count) == 0
    (found,) = await queue.jobs()
    assert (found.result_id, found.state) == (message.result_id, JobState.SCHEDULED)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert time.monotonic() - enqueued_at >= 0.9
    assert handler.starts(message.result_id) == 1


async def test_a_worker_that_dies_with_a_delayed_job_loses_nothing(
    queue: HueyQueue, worker: asyncio.subprocess.Process, working: Callable[..., Any]
) -> None:
    """It is killed before the job is due: another one runs it."""
    running, delayed = make_message(), make_message(delay_seconds=3.0)
    await run_by(worker, queue, running)
    await queue.enqueue([delayed])
    await kill(worker)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(running, delayed)
    assert handler.end(delayed.result_id) is EndState.DONE


async def test_a_delayed_job_of_the_release_before_is_kept_until_its_time(
    queue: HueyQueue, working: Callable[..., Any]
) -> None:
    """Its message carries the delay, and is found among the ready ones."""
    huey, message = huey_of(queue), make_message(JobKind.RESOLUTION)
    task = huey.deserialize_task(huey.write(message))
    task.eta = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=2 * LEASE_SECONDS)
    blob = huey.serialize_task(task)
    due_at = time.monotonic() + 2 * LEASE_SECONDS
    await queue._call(huey.storage.put_all, [entry_of(message, blob)])
    handler = RecordingHandler()
    async with working(queue, handler):
        await eventually(lambda: queue._call(huey.scheduled_count))
        assert await queue._call(has_nothing_started, queue)
        await handler.until_ended(message)
    assert time.monotonic() >= due_at - 0.1
    assert handler.end(message.result_id) is EndState.DONE


async def test_a_parked_job_is_not_put_back_by_a_slow_clock(queue: HueyQueue) -> None:
    """One worker makes it ready; another one, for whom it is not due yet, starts it nevertheless."""
    message, now = make_message(), time.time()
    await queue.enqueue([message])
    huey = huey_of(queue)
    task = await queue._call(huey.dequeue)
    blob = huey.write(message, ready_at=now + LONG_SECONDS, waits_for="acme:later")
    entry = entry_of(message, blob, ready_at=now + LONG_SECONDS, started=task.started)
    assert await queue._call(lambda: huey.storage.park(entry, woken=b"", read=0))
    await queue._call(huey.storage.move_due, now + LONG_SECONDS + 1)
    task = await queue._call(huey.dequeue)
    assert huey.ready_to_run(task)


def has_nothing_started(queue: HueyQueue) -> bool:
    """Return whether the storage knows of no job that runs."""
    return not any(huey_of(queue, kind).storage.started_items() for kind in JobKind)
