"""What is special about Huey: hand-back, refused messages, failing storage, threads, two processes."""

import asyncio
import contextlib
import json
import logging
import pickle  # noqa: TID251 - what an attacker would put into the storage
import sqlite3
import stat
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import QueueError, QueueUnavailableError
from proofing.contracts.queues import ClaimedJob, JobMessage, Parked
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.testing.processes import start_process_async
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_huey.backend import HueyQueue
from proofing_huey.huey_app import JobHuey
from proofing_huey.settings import HueySettings

_SLOTS = {kind.queue_name: 2 for kind in JobKind}
_WORKER = """
import asyncio, json, signal, sys
from proofing.contracts.records import JobKind
from proofing.testing.queues import RecordingHandler
from proofing_huey.settings import HueySettings
from proofing_huey.backend import HueyQueue

async def body(job):
    print(json.dumps(["start", job.message.result_id]), flush=True)
    if job.message.metadata.get("hangs"):
        await asyncio.Event().wait()

async def main():
    queue = HueyQueue(HueySettings(path=sys.argv[1]), lambda label: bytes(32))
    await queue.open()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(json.dumps(["ready", ""]), flush=True)
    slots = {kind.queue_name: 4 for kind in JobKind}
    await queue.work(RecordingHandler(body), slots=slots, stop=stop, drain_seconds=0.2)
    await queue.close()

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of the SQLite file."""
    return tmp_path / "local" / "huey.db"


@pytest.fixture
async def queue(path: Path) -> AsyncIterator[HueyQueue]:
    """Give an open queue on SQLite."""
    queue = HueyQueue(HueySettings(path=str(path)), lambda _label: bytes(32))
    await queue.open()
    yield queue
    await queue.close()


async def _hang(_job: ClaimedJob) -> None:
    await asyncio.Event().wait()


def _huey(queue: HueyQueue, kind: JobKind = JobKind.RESOLUTION) -> JobHuey:
    return queue._hueys[kind.queue_name]


async def test_stopped_process_hands_its_jobs_to_the_next(queue: HueyQueue, path: Path) -> None:
    """Web enqueues; a worker process that is told to stop hands back, and another one runs the job again."""
    hanging, quick = make_message(metadata={"hangs": True}), make_message(JobKind.PHONE)

    async def start() -> asyncio.subprocess.Process:
        worker = await start_process_async(
            sys.executable, "-c", _WORKER, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert await lines(worker, 1) == {("ready", "")}
        return worker

    async def lines(worker: asyncio.subprocess.Process, count: int) -> set[tuple[str, str]]:
        assert worker.stdout is not None
        read = [await asyncio.wait_for(worker.stdout.readline(), 20.0) for _ in range(count)]
        return {tuple(json.loads(line)) for line in read}

    first = await start()
    await queue.enqueue([hanging, quick])
    assert await lines(first, 2) == {("start", hanging.result_id), ("start", quick.result_id)}
    first.terminate()
    assert await asyncio.wait_for(first.wait(), 20.0) == 0
    stats = await queue.stats()
    assert (stats.waiting[hanging.queue_name], stats.waiting[quick.queue_name]) == (1, 0)
    second = await start()
    assert await lines(second, 1) == {("start", hanging.result_id)}
    second.terminate()
    assert await asyncio.wait_for(second.wait(), 20.0) == 0


async def test_job_in_a_vendor_call_is_not_handed_back(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """A job that is stopped with an open intent ends as unknown; nobody calls the vendor again."""

    async def call(job: ClaimedJob) -> None:
        await job.record_intent("mock", question=1)
        await asyncio.Event().wait()

    handler = RecordingHandler(call)
    message = make_message()
    async with working(queue, handler, drain_seconds=0.05):
        await queue.enqueue([message])
        await handler.until_started()
    assert handler.end(message.result_id) is EndState.UNKNOWN_OUTCOME
    assert sum((await queue.stats()).waiting.values()) == 0


async def test_stale_job_is_not_handed_back(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """A job that is stopped when it has become stale ends as stale."""
    handler = RecordingHandler(_hang)
    message = make_message(stale_after_seconds=0.5)
    async with working(queue, handler, drain_seconds=1.0):
        await queue.enqueue([message])
        await handler.until_started()
    assert handler.end(message.result_id) is EndState.STALE


async def test_canceled_work_does_not_drain(queue: HueyQueue) -> None:
    """The second signal cancels `work`: running jobs stop at once and go back."""
    handler = RecordingHandler(_hang)
    message = make_message()
    work = asyncio.create_task(queue.work(handler, slots=_SLOTS, stop=asyncio.Event(), drain_seconds=3600.0))
    await queue.enqueue([message])
    await handler.until_started()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(work, 30.0)
    assert handler.canceled == [message.result_id]
    assert (await queue.stats()).waiting[message.queue_name] == 1


async def test_foreign_rows_are_dropped_and_counted(
    queue: HueyQueue, working: Callable[..., Any], path: Path
) -> None:
    """A pickle, a changed message and one from another queue run nothing; the next job runs."""
    moved = make_message(JobKind.PHONE)
    await queue.enqueue([moved])
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("update task set queue = ?", [JobKind.RESOLUTION.queue_name])
        for blob in (pickle.dumps(["x"]), b"", b"1" + bytes(40)):
            database.execute(
                "insert into task (queue, data) values (?, ?)", [JobKind.RESOLUTION.queue_name, blob]
            )
    handler = RecordingHandler()
    good = make_message()
    async with working(queue, handler):
        await queue.enqueue([good])
        await handler.until_ended(good)
        assert (await queue.stats()).totals["refused"] == 4
    assert [job.message.result_id for job in handler.started] == [good.result_id]


async def test_foreign_revocation_cancels_nothing(
    queue: HueyQueue, working: Callable[..., Any], path: Path
) -> None:
    """A mark in the storage that we did not write is forgotten."""
    message = make_message()
    await queue.enqueue([message])
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "insert into kv (queue, key, value) values (?, ?, ?)",
            [message.queue_name, f"r:{message.result_id}", pickle.dumps((None, True))],
        )
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.DONE
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from kv").fetchone() == (0,)


async def test_storage_that_fails_before_the_start_loses_nothing(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is out of the storage already is started as soon as the storage answers again."""
    failures = 2
    storage = _huey(queue).storage
    peek_many = storage.peek_many

    def fail_at_first(keys: list[str]) -> dict[str, bytes]:
        nonlocal failures
        if failures:
            failures -= 1
            raise sqlite3.OperationalError("canary text")
        return peek_many(keys)

    monkeypatch.setattr(storage, "peek_many", fail_at_first)
    handler = RecordingHandler()
    message = make_message()
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
    assert (failures, handler.starts(message.result_id)) == (0, 1)


async def test_storage_that_fails_for_good_ends_the_job(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that cannot be started until it is stale is published as stale."""

    def fail(_keys: list[str]) -> dict[str, bytes]:
        raise sqlite3.OperationalError

    monkeypatch.setattr(_huey(queue).storage, "peek_many", fail)
    handler = RecordingHandler()
    message = make_message(stale_after_seconds=0.3)
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.STALE
    assert not handler.started


async def test_end_is_published_when_the_store_is_back(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """An end that cannot be published at first is tried again."""

    class Forgetful(RecordingHandler):
        refusals = 2

        async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
            if self.refusals:
                self.refusals -= 1
                raise QueueError("away")
            return await super().discard(message, end)

    handler = Forgetful()
    message = make_message()
    await queue.enqueue([message])
    assert await queue.cancel(message.result_id)
    async with working(queue, handler):
        await handler.until_ended(message)
    assert (handler.end(message.result_id), handler.refusals) == (EndState.CANCELED, 0)


async def test_delayed_job_can_be_canceled(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """A job in the schedule is revoked too."""
    handler = RecordingHandler()
    message = make_message(delay_seconds=1.0)
    async with working(queue, handler):
        await queue.enqueue([message])

        async def is_scheduled() -> int:
            return await queue._call(_huey(queue).scheduled_count)

        await eventually(is_scheduled)
        assert await queue.cancel(message.result_id)
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.CANCELED


async def test_slots_beyond_the_threads_are_shared_out(path: Path) -> None:
    """More slots than threads are cut in proportion, and each queue keeps one at least."""
    queue = HueyQueue(HueySettings(path=str(path), max_threads=10), lambda _label: bytes(32))
    assert queue._threads({"a": 5, "b": 5}) == {"a": 5, "b": 5}
    assert queue._threads({"a": 100, "b": 100, "c": 1}) == {"a": 4, "b": 4, "c": 1}


async def test_callers_connection_is_refused(queue: HueyQueue) -> None:
    """Huey writes on a connection of its own, and says so instead of pretending."""
    with pytest.raises(QueueError):
        await queue.enqueue([make_message()], connection=object())


async def test_huey_logs_nothing_itself(
    queue: HueyQueue, working: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Huey's loggers, which show texts of exceptions, are silent."""
    handler = RecordingHandler()
    message = make_message()
    with caplog.at_level(logging.DEBUG):
        async with working(queue, handler):
            await queue.enqueue([message])
            await handler.until_ended(message)
    assert not [record for record in caplog.records if record.name.startswith("huey")]


async def test_files_are_private(queue: HueyQueue, path: Path) -> None:
    """Directory and files are for the owner only."""
    await queue.enqueue([make_message()])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


async def test_stored_tasks_have_stable_names(queue: HueyQueue, path: Path) -> None:
    """What is in the storage names the kind of job, not one of our modules."""
    await queue.enqueue([make_message(kind) for kind in JobKind])
    with contextlib.closing(sqlite3.connect(path)) as database:
        blobs = [row[0] for row in database.execute("select data from task")]
    names = {json.loads(blob[33:])["message"]["name"] for blob in blobs}
    kinds = ("ProofDocument", "ProofResolution", "ProofAddress", "SendCode")
    assert names == {f"proofing.{kind}" for kind in kinds}


async def test_body_that_does_not_stop_is_left_behind(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that swallows its cancellation neither blocks the stop nor lets its job run twice."""
    monkeypatch.setattr("proofing_huey.coroutine_bridge._UNWIND_SECONDS", 0.05)
    may_end = asyncio.Event()

    async def stubborn(_job: ClaimedJob) -> None:
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()

    handler = RecordingHandler(stubborn)
    message = make_message(deadline_seconds=0.05)
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
        assert handler.running == 1
        may_end.set()
        await eventually(lambda: handler.running == 0)
    assert handler.end(message.result_id) is EndState.TIMED_OUT
    assert sum((await queue.stats()).waiting.values()) == 0


async def test_a_job_whose_time_was_over_is_not_parked(queue: HueyQueue, working: Callable[..., Any]) -> None:
    """Its end is published; what its body still returns does not bring it back."""

    async def answers_too_late(_job: ClaimedJob) -> Parked:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Parked(encrypted_arguments=b"sealed", run_in_seconds=3600.0, vendor="acme")
        raise AssertionError("nothing ends this wait but the deadline")

    handler = RecordingHandler(answers_too_late)
    message = make_message(deadline_seconds=0.1)
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.TIMED_OUT
    assert await queue.jobs() == []


async def test_a_worker_that_cannot_start_takes_no_jobs(
    queue: HueyQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that began before one could not are stopped again."""
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if "Worker" in thread.name or thread.name == "Scheduler":
            if len(begun) == 4:
                raise RuntimeError("can't start new thread")
            begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    with pytest.raises(QueueUnavailableError, match="RuntimeError"):
        await queue.work(RecordingHandler(), slots=_SLOTS, stop=asyncio.Event(), drain_seconds=1.0)
    assert len(begun) == 4
    assert not any(thread.is_alive() for thread in begun)


async def test_dead_threads_are_replaced(
    queue: HueyQueue, working: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker thread that something has killed is replaced, and jobs continue."""
    monkeypatch.setattr("proofing_huey.backend._HEALTH_SECONDS", 0.05)
    huey = _huey(queue)
    deadly = 2

    def dequeue() -> None:
        nonlocal deadly
        if deadly:
            deadly -= 1
            raise SystemExit
        monkeypatch.undo()

    monkeypatch.setattr(huey, "dequeue", dequeue)
    handler = RecordingHandler()
    message = make_message()
    await queue.enqueue([message])
    async with working(queue, handler):
        await handler.until_ended(message)
    assert deadly == 0
