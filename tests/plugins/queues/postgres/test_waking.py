"""What wakes a worker: notifications that are coalesced, a channel that is tried, a poll, a timer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from proofing.base.errors import ConfigurationError, QueueError
from proofing.contracts.queues import MAX_NOTES, ClaimedJob, Parked, Wake
from proofing.contracts.records import EndState, JobKind, JobState
from proofing.testing.queue_handlers import make_parked
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]
QUEUE = JobKind.RESOLUTION.queue_name


@contextlib.asynccontextmanager
async def working(queue: PostgresQueue, handler: RecordingHandler, *, slots: int = 50) -> AsyncIterator[None]:
    """Work on *queue* for the length of the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(queue.work(handler, slots={QUEUE: slots}, stop=stop, drain_seconds=5))
    try:
        await eventually(lambda: queue.session and queue.session.heartbeat.worker_id)
        yield
    finally:
        stop.set()
        async with asyncio.timeout(15):
            await task


async def until_listening(queue: PostgresQueue) -> None:
    """Wait until the channel has answered a ping."""
    await eventually(lambda: queue.session and queue.session.is_listening)


async def test_a_notification_wakes_an_idle_worker(make_queue: Maker) -> None:
    """With polls an hour apart, jobs begin anyway, and the cause is counted."""
    queue = make_queue(poll_seconds=3600, sweep_seconds=3600)
    handler = RecordingHandler()
    async with working(queue, handler):
        await until_listening(queue)
        for _ in range(5):
            message = make_message()
            await queue.enqueue([message])
            await handler.until_ended(message)
        assert queue.session is not None
        assert queue.session.counts["pickup_notify_count"] == 5


async def test_a_late_commit_is_found(make_queue: Maker, sql: SQL) -> None:
    """A job whose run_at lies far before the newest claim's is not passed over."""
    queue = make_queue()
    handler = RecordingHandler()
    first, late = make_message(), make_message()
    async with working(queue, handler):
        await queue.enqueue([first])
        await handler.until_ended(first)
        await queue.enqueue([make_message(delay_seconds=3600), late])
        await sql("update proofing.job set run_at = now() - interval '1 h' where id = %s", late.result_id)
        await handler.until_ended(late)


async def test_without_listening_jobs_are_polled_for(make_queue: Maker) -> None:
    """Switched off by the settings, the poll alone does it."""
    queue = make_queue(listen="off", poll_pooled_seconds=0.05)
    handler = RecordingHandler()
    message = make_message()
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_ended(message)
        assert queue.session is not None
        assert not queue.session.is_listening
        assert queue.session.counts["pickup_notify_count"] == 0
    assert "listen is off" in " ".join(await queue.check())


async def test_a_silent_channel_is_noticed_and_made_again(make_queue: Maker, sql: SQL) -> None:
    """A connection that lives and hears nothing is found out by its ping."""
    queue = make_queue(ping_seconds=0.1)
    handler = RecordingHandler()
    async with working(queue, handler):
        await until_listening(queue)
        assert queue.session is not None
        session = queue.session
        session.listener._ping_channel = "somewhere-else"
        await eventually(lambda: not session.is_listening)
        message = make_message()
        await queue.enqueue([message])
        await handler.until_ended(message)
        await until_listening(queue)


async def test_the_channel_carries_queue_names_only(make_queue: Maker, dsn: str) -> None:
    """Whatever happens, a listener learns which queue it happens in, and nothing of the job."""
    queue = make_queue()
    async with await AsyncConnection.connect(dsn, autocommit=True) as listener:
        for channel in ("proofing_jobs", "proofing_due", "proofing_cancel"):
            await listener.execute(f"listen {channel}")
        sent = [make_message(JobKind.DOCUMENT), make_message(delay_seconds=60)]
        await queue.enqueue(sent)
        await queue.cancel(sent[0].result_id)
        heard = {
            (notification.channel, notification.payload)
            async for notification in listener.notifies(timeout=5, stop_after=3)
        }
    assert heard == {
        ("proofing_jobs", JobKind.DOCUMENT.queue_name),
        ("proofing_due", QUEUE),
        ("proofing_cancel", JobKind.DOCUMENT.queue_name),
    }


async def test_notifications_are_coalesced(make_queue: Maker, dsn: str) -> None:
    """Hundreds of inserts cause a few notifications."""
    queue = make_queue()
    async with await AsyncConnection.connect(dsn, autocommit=True) as listener:
        await listener.execute("listen proofing_jobs")
        await asyncio.gather(*(queue.enqueue([make_message()]) for _ in range(300)))
        heard = [item async for item in listener.notifies(timeout=0.5)]
    assert 1 <= len(heard) < 150


async def test_a_global_limit_holds_over_all_workers(make_queue: Maker) -> None:
    """Two workers with many slots run no more together than the limit."""
    limits = {"global_limits": {QUEUE: 3}, "poll_seconds": 0.1, "sweep_seconds": 0.1}
    running, most = 0, 0

    async def body(_job: ClaimedJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        await go.wait()
        running -= 1

    go = asyncio.Event()
    handlers = [RecordingHandler(body) for _ in range(2)]
    handlers[1].published = handlers[0].published
    sent = [make_message() for _ in range(9)]
    first, second = make_queue(**limits), make_queue(**limits)
    async with working(first, handlers[0]), working(second, handlers[1]):
        await first.enqueue(sent)
        await eventually(lambda: running == 3)
        go.set()
        await handlers[0].until_ended(*sent)
    assert most == 3


async def test_a_worker_has_four_connections(make_queue: Maker, sql: SQL) -> None:
    """However many jobs run, and with everything that probes ask for alongside."""
    queue = make_queue()
    release = asyncio.Event()

    async def hold(job: ClaimedJob) -> None:
        await job.record_intent("mock", question=1)
        await release.wait()

    handler = RecordingHandler(hold)
    web = make_queue()
    async with working(queue, handler, slots=1000):
        await until_listening(queue)
        sent = [make_message() for _ in range(1000)]
        await web.enqueue(sent)
        await handler.until_started(1000)
        await web.close()
        assert (await queue.stats()).running[QUEUE] == 1000
        await asyncio.gather(queue.ping(), queue.time(), queue.check())
        ((count,),) = await sql(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        assert count == 4
        release.set()
        await handler.until_ended(*sent)


async def test_statistics_tell_causes_and_health(make_queue: Maker) -> None:
    """Pick-up by cause, run time, ends, dead rows, the oldest transaction, the channel."""
    queue = make_queue()
    handler = RecordingHandler()
    sent = [make_message() for _ in range(10)]
    async with working(queue, handler):
        await until_listening(queue)
        await queue.enqueue(sent)
        await handler.until_ended(*sent)

        async def has_counted() -> bool:
            return (await queue.stats()).ended.get(EndState.DONE.value) == 10

        await eventually(has_counted)
        stats = await queue.stats()
    assert stats.workers == 1
    assert stats.details["listening"] == 1
    assert sum(stats.totals[f"pickup_{cause}_count"] for cause in ("notify", "poll", "chain")) == 10
    assert {"dead_rows", "oldest_transaction_seconds"} <= set(stats.details)
    assert {"run_count", "run_seconds", "rescued", "lease_lost"} <= set(stats.totals)


async def test_old_ends_are_forgotten(make_queue: Maker, sql: SQL) -> None:
    """History beyond its age is deleted, the rest kept."""
    queue = make_queue(history_days=1)
    handler = RecordingHandler()
    old, young = make_message(), make_message()
    async with working(queue, handler):
        await queue.enqueue([old, young])
        await handler.until_ended(old, young)
        await eventually(lambda: _has_final_status(queue, young.result_id))
        await eventually(lambda: _has_final_status(queue, old.result_id))
        await sql(
            "update proofing.job_done set ended_at = now() - interval '2 d' where id = %s", old.result_id
        )
        assert queue.session is not None
        await queue.session.upkeep.prune()
        assert await queue.final_status(old.result_id) is None
        assert await queue.final_status(young.result_id) is not None


async def _has_final_status(queue: PostgresQueue, result_id: str) -> bool:
    """Return whether the end is in the history."""
    return await queue.final_status(result_id) is not None


async def test_one_queue_object_works_once_at_a_time(make_queue: Maker) -> None:
    """A second `work` on it is refused, since the first one's statistics would be lost."""
    queue = make_queue()
    async with working(queue, RecordingHandler()):
        with pytest.raises(QueueError, match="already"):
            await queue.work(RecordingHandler(), slots={}, stop=asyncio.Event(), drain_seconds=0)


async def test_a_joined_transaction_wakes_at_its_commit(make_queue: Maker, dsn: str) -> None:
    """Though the caller's connection is in its next transaction at once; rows may be of any shape."""
    queue = make_queue(poll_seconds=3600, sweep_seconds=3600)
    handler = RecordingHandler()
    message = make_message()
    async with (
        working(queue, handler),
        await AsyncConnection.connect(dsn, row_factory=dict_row) as connection,
    ):
        await until_listening(queue)
        async with connection.transaction():
            for _ in range(2):
                assert await queue.enqueue([message], connection=connection) == 1
        async with connection.transaction():
            await connection.execute("select 1")
            await handler.until_ended(message)


async def test_foreign_connections_and_ids_are_refused(make_queue: Maker) -> None:
    """What the queue cannot use it refuses by name, before anything is written."""
    queue = make_queue()
    with pytest.raises(QueueError, match="AsyncConnection"):
        await queue.enqueue([make_message()], connection=object())
    with pytest.raises(QueueError, match="UUID"):
        await queue.enqueue([make_message(result_id="no uuid")])
    assert await queue.enqueue([]) == 0
    assert not await queue.cancel("no uuid")
    assert await queue.final_status("no uuid") is None


def test_a_dsn_that_cannot_be_read_stops_the_start() -> None:
    """The message names the key, never the value."""
    with pytest.raises(ConfigurationError, match=r"postgres\.dsn") as caught:
        PostgresQueue(PostgresSettings.model_validate({"dsn": "host=x letmein-synthetic"}))
    assert "letmein" not in str(caught.value)


async def test_a_global_limit_waits_for_no_poll(make_queue: Maker) -> None:
    """A slot that becomes free, in this worker or another, is filled though polls are an hour apart."""
    settings = {"global_limits": {QUEUE: 2}, "poll_seconds": 3600, "sweep_seconds": 3600}
    first, second = make_queue(**settings), make_queue(**settings)
    handlers = [RecordingHandler() for _ in range(2)]
    handlers[1].published = handlers[0].published
    sent = [make_message() for _ in range(20)]
    async with working(first, handlers[0]), working(second, handlers[1]):
        await first.enqueue(sent)
        await handlers[0].until_ended(*sent)


async def test_a_backlog_holds_up_no_other_queue(make_queue: Maker) -> None:
    """A job of another queue begins while the backlog is worked off, not after it."""
    queue = make_queue(claim_batch=20)
    other = JobKind.DOCUMENT.queue_name
    backlog = [make_message(JobKind.DOCUMENT) for _ in range(6000)]
    await queue.enqueue(backlog)
    ended_before: list[int] = []

    async def body(job: ClaimedJob) -> None:
        if job.message.kind is JobKind.RESOLUTION:
            ended_before.append(len(handler.published))

    handler = RecordingHandler(body)
    stop = asyncio.Event()
    slots = {other: 1000, QUEUE: 1000}
    task = asyncio.create_task(queue.work(handler, slots=slots, stop=stop, drain_seconds=5))
    await eventually(lambda: len(handler.published) > 20)
    urgent = make_message()
    await queue.enqueue([urgent])
    await handler.until_ended(urgent)
    stop.set()
    await task
    assert ended_before[0] < len(backlog)


async def test_a_job_handed_back_wakes_another_worker(make_queue: Maker) -> None:
    """A worker that drains leaves its jobs to one that is idle, at once."""
    settings = {"poll_seconds": 3600, "sweep_seconds": 3600}
    leaving, staying = make_queue(**settings), make_queue(**settings)

    async def hold(_job: ClaimedJob) -> None:
        await asyncio.Event().wait()

    held, taken = RecordingHandler(hold), RecordingHandler()
    message = make_message()
    stop = asyncio.Event()
    task = asyncio.create_task(leaving.work(held, slots={QUEUE: 5}, stop=stop, drain_seconds=0))
    await leaving.enqueue([message])
    await held.until_started(1)
    async with working(staying, taken):
        await until_listening(staying)
        stop.set()
        await task
        await taken.until_ended(message)
    assert taken.end(message.result_id) is EndState.DONE


async def test_a_wake_notifies(make_queue: Maker) -> None:
    """With polls an hour apart a parked job begins, and one that a wake has held is not passed over."""
    queue, web = make_queue(poll_seconds=3600, sweep_seconds=3600), make_queue()

    async def body(job: ClaimedJob) -> Parked | None:
        return None if job.message.notes else make_parked()

    handler = RecordingHandler(body)
    message = make_message()
    async with working(queue, handler):
        await until_listening(queue)
        await queue.enqueue([message])
        await eventually(lambda: web.jobs(state=JobState.PARKED))
        assert await web.wake(message.result_id, b"note") is Wake.KEPT
        await handler.until_ended(message)
        assert queue.session is not None
        assert queue.session.counts["pickup_notify_count"] == 2


@pytest.mark.parametrize("notes", [0, MAX_NOTES])
async def test_a_ready_job_that_a_wake_holds_is_not_passed_over(
    make_queue: Maker, dsn: str, notes: int
) -> None:
    """Claims go by while its row is locked; whether or not the note is kept, they look again afterward."""
    queue, web = make_queue(poll_seconds=3600, sweep_seconds=3600), make_queue()
    handler = RecordingHandler()
    message, other = make_message(), make_message()
    await web.enqueue([message])
    for _ in range(notes):
        await web.wake(message.result_id, b"note")
    async with await AsyncConnection.connect(dsn) as holding:
        await holding.execute("select proofing.wake(%s, 'held', 8, 1000)", (message.result_id,))
        async with working(queue, handler):
            await until_listening(queue)
            await web.enqueue([other])
            await handler.until_ended(other)
            assert handler.starts(message.result_id) == 0
            waking = asyncio.create_task(web.wake(message.result_id, b"note"))
            await holding.commit()
            assert await waking is (Wake.FULL if notes else Wake.KEPT)
            await handler.until_ended(message)
    assert len(handler.started[-1].message.notes) == (notes or 2)


async def test_a_wake_waits_while_the_times_of_a_pause_are_moved(
    make_queue: Maker, sql: SQL, dsn: str
) -> None:
    """What moves them would pass over a row that changes meanwhile, and the job would be too old."""
    web = make_queue()
    message = make_message()
    await web.enqueue([message])
    await web.pause(QUEUE)
    async with await AsyncConnection.connect(dsn) as resuming:
        await resuming.execute("select 1 from proofing.paused_queue for update")
        waking = asyncio.create_task(web.wake(message.result_id, b"note"))
        await eventually(lambda: sql("select 1 from pg_locks where not granted"))
        assert await sql("select notes from proofing.job for update skip locked") == [(None,)]
        await resuming.rollback()
        assert await waking is Wake.KEPT
