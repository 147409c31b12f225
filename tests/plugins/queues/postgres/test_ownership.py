"""Who owns a job: theft, rescue, poison, deadlines, fences. Each test is a worker that goes wrong."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from psycopg import AsyncConnection

from proofing.base.errors import LeaseLostError
from proofing.contracts.queues import ClaimedJob, JobMessage, Parked
from proofing.contracts.records import EndState, JobKind
from proofing.testing.queue_handlers import make_parked
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_postgres import sweeping
from proofing_postgres.listening import JOBS_CHANNEL
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.running import Runs, StopReason

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]
QUEUE = JobKind.RESOLUTION.queue_name


@contextlib.asynccontextmanager
async def working(
    queue: PostgresQueue, handler: RecordingHandler, *, slots: int = 50, drain_seconds: float = 5.0
) -> AsyncIterator[None]:
    """Work on *queue* for the length of the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        queue.work(handler, slots={QUEUE: slots}, stop=stop, drain_seconds=drain_seconds)
    )
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(drain_seconds + 10):
            await task


async def abandoned(
    sql: SQL, messages: list[JobMessage], *, worker: int | None = None, **columns: Any
) -> int:
    """Make *messages* look claimed by a worker that died, and return its id."""
    if worker is None:
        ((worker,),) = await sql(
            "insert into proofing.worker (name, lease_until)"
            " values ('dead', now() - interval '1 s') returning id"
        )
    sets = "".join(f", {name} = {value!r}" for name, value in columns.items())
    for message in messages:
        await sql(
            "update proofing.job set state = 'executing', lease = lease + 1, attempts = 1, worker = %s,"  # noqa: S608 - ours
            f" started_at = now(), deadline_at = now() + interval '1 min'{sets} where id = %s",
            worker,
            message.result_id,
        )
    return int(worker)


async def test_a_dead_workers_jobs_run_again_at_once(make_queue: Maker, sql: SQL) -> None:
    """Jobs without an open vendor call are claimed by the living, and the dead row goes."""
    queue = make_queue()
    sent = [make_message() for _ in range(20)]
    await queue.enqueue(sent)
    dead = await abandoned(sql, sent)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(*sent)
        assert {handler.end(message.result_id) for message in sent} == {EndState.DONE}
        assert all(job.attempt == 2 for job in handler.started)
        await eventually(lambda: _is_gone(sql, dead))
        await eventually(lambda: _rescued(queue, 20))


async def test_a_job_whose_worker_has_no_row_is_an_orphan(make_queue: Maker, sql: SQL) -> None:
    """However the row went, its jobs are found."""
    queue = make_queue()
    message = make_message()
    await queue.enqueue([message])
    await abandoned(sql, [message], worker=123_456_789_012)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.DONE


async def test_a_living_workers_jobs_stay_its_own(make_queue: Maker, sql: SQL) -> None:
    """A worker whose lease is valid keeps its jobs, whatever others sweep."""
    queue = make_queue()
    theirs, last = make_message(), make_message()
    await queue.enqueue([theirs])
    ((other,),) = await sql(
        "insert into proofing.worker (name, lease_until)"
        " values ('other', now() + interval '1 min') returning id"
    )
    await abandoned(sql, [theirs], worker=other)
    handler = RecordingHandler()
    async with working(queue, handler):
        await eventually(lambda: queue.session and queue.session.counts["run_count"] >= 0)
        await queue.enqueue([last])
        await handler.until_ended(last)
    assert handler.starts(theirs.result_id) == 0


async def test_a_claim_that_comes_after_the_stop_is_handed_back(
    make_queue: Maker, sql: SQL, dsn: str
) -> None:
    """A worker that is told to stop while it asks for jobs begins none, and charges no attempt."""
    queue = make_queue(sweep_seconds=60, poll_seconds=60)
    handler, message, stop = RecordingHandler(), make_message(), asyncio.Event()
    task = asyncio.create_task(queue.work(handler, slots={QUEUE: 5}, stop=stop, drain_seconds=5.0))
    async with await AsyncConnection.connect(dsn) as holder:
        await eventually(lambda: queue.session and queue.session.is_listening)
        await holder.execute("lock table proofing.job in access exclusive mode")
        await queue.enqueue([message], connection=holder)
        await sql("select pg_notify(%s, %s)", JOBS_CHANNEL, QUEUE)
        await eventually(lambda: _waits_for_a_lock(sql))
        stop.set()
        await holder.commit()
    await task
    assert handler.started == []
    assert await sql("select state, attempts from proofing.job") == [("ready", 0)]


async def test_a_rescued_job_knows_what_its_worker_has_written(make_queue: Maker, sql: SQL) -> None:
    """It runs again at once, with the intents and answers of before."""
    queue = make_queue()
    open_call, no_call = make_message(), make_message()
    await queue.enqueue([open_call, no_call])
    dead = await abandoned(sql, [open_call], intent="mock", intents="{5,6}", answers="sealed")
    await abandoned(sql, [no_call], worker=dead)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(open_call, no_call)
    found = {job.message.result_id: (job.message.intents, job.message.answers) for job in handler.started}
    assert found == {open_call.result_id: ((5, 6), b"sealed"), no_call.result_id: ((), None)}


@pytest.mark.parametrize("why", ["crashes", "stale"])
async def test_a_rescued_job_that_cannot_run_again_after_a_call(
    make_queue: Maker, sql: SQL, why: str
) -> None:
    """Whether it was answered is not known, and that is what its end says."""
    queue = make_queue(max_crashes=2)
    message = make_message()
    await queue.enqueue([message])
    await abandoned(sql, [message], intent="mock", intents="{5}", crashes=1 if why == "crashes" else 0)
    if why == "stale":
        await sql("update proofing.job set expires_at = now() - interval '1 s'")
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.UNKNOWN_OUTCOME
    assert handler.starts(message.result_id) == 0
    record = await queue.final_status(message.result_id)
    assert record is not None
    assert record.end_state is EndState.UNKNOWN_OUTCOME


async def test_a_job_that_kills_its_workers_is_ended(make_queue: Maker, sql: SQL) -> None:
    """After its second crash a job ends as lost, instead of killing a third worker."""
    queue = make_queue(max_crashes=2)
    poison, victim = make_message(), make_message()
    await queue.enqueue([poison, victim])
    dead = await abandoned(sql, [poison], crashes=1)
    await abandoned(sql, [victim], worker=dead)
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(poison, victim)
    assert handler.end(poison.result_id) is EndState.WORKER_LOST
    assert handler.starts(poison.result_id) == 0
    assert handler.end(victim.result_id) is EndState.DONE


async def test_a_rescued_job_that_is_stale_is_not_run(make_queue: Maker, sql: SQL) -> None:
    """The stale rule holds for what comes back, too."""
    queue = make_queue()
    message = make_message()
    await queue.enqueue([message])
    await abandoned(sql, [message])
    await sql("update proofing.job set expires_at = now() - interval '1 s'")
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.STALE
    assert handler.started == []


async def test_a_late_completion_is_rejected_and_counted(make_queue: Maker, sql: SQL) -> None:
    """Jobs stolen while they run: every former owner's completion is thrown away, and nothing else."""
    queue = make_queue()
    release = asyncio.Event()

    async def hold(_job: ClaimedJob) -> None:
        await release.wait()

    handler = RecordingHandler(hold)
    sent = [make_message() for _ in range(30)]
    stolen = sent[::3]
    ((thief,),) = await sql(
        "insert into proofing.worker (name, lease_until)"
        " values ('thief', now() + interval '1 h') returning id"
    )
    async with working(queue, handler):
        await queue.enqueue(sent)
        await handler.until_started(30)
        await abandoned(sql, stolen, worker=thief)
        release.set()
        await handler.until_ended(*sent)
    ((left,),) = await sql("select count(*) from proofing.job where worker = %s", thief)
    ((lost,),) = await sql("select value from proofing.tally where name = 'lease_lost'")
    ((done,),) = await sql("select count(*) from proofing.job_done")
    assert (left, lost, done) == (10, 10, 20)


async def test_a_note_of_a_stolen_job_is_refused(make_queue: Maker, sql: SQL) -> None:
    """A worker that lost the job learns of it before it calls the vendor."""
    queue = make_queue()
    go = asyncio.Event()
    refused: list[str] = []

    async def body(job: ClaimedJob) -> None:
        await go.wait()
        try:
            await job.record_intent("mock", question=1)
        except LeaseLostError:
            refused.append(job.message.result_id)
            raise

    handler = RecordingHandler(body)
    message = make_message()
    ((thief,),) = await sql(
        "insert into proofing.worker (name, lease_until)"
        " values ('thief', now() + interval '1 h') returning id"
    )
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_started()
        await abandoned(sql, [message], worker=thief)
        go.set()
        await eventually(lambda: refused == [message.result_id])
    assert handler.published == {}


async def test_a_job_enqueued_again_after_its_end_calls_nobody(make_queue: Maker, sql: SQL) -> None:
    """If the same id is in the history, the intent is refused."""
    queue = make_queue()
    calls: list[str] = []

    async def body(job: ClaimedJob) -> None:
        await sql(
            "insert into proofing.job_done select id, enqueued_at, null, now(), 1, 0, 'done', queue,"
            " kind, '', null, '{}' from proofing.job"
        )
        await job.record_intent("mock", question=1)
        calls.append(job.message.result_id)

    handler = RecordingHandler(body)
    async with working(queue, handler):
        await queue.enqueue([make_message()])
        await eventually(lambda: queue.session and queue.session.counts["stopped_lost"] == 1)
        await eventually(lambda: _is_clear(sql))
    assert calls == []


async def test_a_worker_whose_row_is_gone_stops_its_jobs(make_queue: Maker, sql: SQL) -> None:
    """It cancels what it runs, takes a new id, and continues working."""
    queue = make_queue()
    hung: list[str] = []

    async def hang_once(job: ClaimedJob) -> None:
        if job.message.result_id not in hung:
            hung.append(job.message.result_id)
            await asyncio.Event().wait()

    handler = RecordingHandler(hang_once)
    message = make_message()
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_started()
        ((former,),) = await sql("delete from proofing.worker returning id")
        await handler.until_ended(message)
        assert handler.canceled == [message.result_id]
        assert handler.starts(message.result_id) == 2
        assert queue.session is not None
        heartbeat = queue.session.heartbeat
        await eventually(lambda: heartbeat.worker_id > former)


async def test_a_heartbeat_that_hangs_is_made_again(make_queue: Maker, sql: SQL) -> None:
    """A connection that is open and never answers costs the worker its jobs once, and not forever."""
    queue = make_queue()
    handler = RecordingHandler()
    async with working(queue, handler):
        await eventually(lambda: queue.session and queue.session.heartbeat.worker_id)
        assert queue.session is not None
        heartbeat = queue.session.heartbeat
        former = heartbeat.worker_id
        ((backend,),) = await sql(
            "select pid from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and query like '%%update proofing.worker%%'"
        )
        os.kill(backend, signal.SIGSTOP)
        try:
            await eventually(lambda: heartbeat.worker_id > former, within_seconds=20)
            message = make_message()
            await queue.enqueue([message])
            await handler.until_ended(message)
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_the_fence_is_looked_at_again_whatever_a_look_meets(
    make_queue: Maker, sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in one look must not leave a worker that trusts its lease forever."""
    queue = make_queue()
    handler = RecordingHandler(lambda _job: asyncio.Event().wait())
    looks: list[int] = []

    def stop_overdue(_runs: Runs) -> None:
        looks.append(1)
        if len(looks) == 2:
            raise RuntimeError("synthetic")

    monkeypatch.setattr(Runs, "stop_overdue", stop_overdue)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with working(queue, handler, drain_seconds=0.1):
        await eventually(lambda: len(looks) > 3)


async def test_what_a_broken_claim_took_is_released(
    make_queue: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug between claim and start is restarted from, and its jobs do not wait for their deadline."""
    queue = make_queue()
    handler = RecordingHandler()
    failed: list[int] = []
    start = Runs.start

    def break_once(runs: Runs, rows: Any, queue_name: str) -> None:
        if not failed:
            failed.append(1)
            raise RuntimeError("synthetic")
        start(runs, rows, queue_name)

    monkeypatch.setattr(Runs, "start", break_once)
    messages = [make_message() for _ in range(3)]
    async with working(queue, handler):
        await queue.enqueue(messages)
        await handler.until_ended(*messages)
    assert failed
    assert {handler.end(message.result_id) for message in messages} == {EndState.DONE}


class Slow(RecordingHandler):
    """Publishes when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.tries = 0

    async def discard(self, message: JobMessage, end: EndState) -> Any:
        """Wait at the gate, then publish."""
        self.tries += 1
        await self.gate.wait()
        return await super().discard(message, end)


async def looked(queue: PostgresQueue, *, times: int) -> None:
    """Have the worker look again, and wait until it has begun to."""
    assert queue.session is not None
    wanted = queue.session._sweeper.wanted
    for _ in range(times):
        wanted.set()
        await eventually(lambda: not wanted.is_set())


async def test_an_end_that_takes_its_time_is_published_once(make_queue: Maker) -> None:
    """No look takes it for a canceled run: publishing would begin again and again, and maybe never end."""
    queue = make_queue(lease_seconds=10.0, renew_seconds=1.0, fence_seconds=9.0)
    message = make_message(stale_after_seconds=0.001)
    await queue.enqueue([message])
    handler = Slow()
    async with working(queue, handler):
        await eventually(lambda: handler.tries)
        await looked(queue, times=3)
        handler.gate.set()
        await handler.until_ended(message)
    assert handler.tries == 1
    assert handler.end(message.result_id) is EndState.STALE


async def test_ends_are_published_so_many_at_once(make_queue: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result store that comes back is not met by every job that went stale meanwhile."""
    monkeypatch.setattr(sweeping, "_ENDINGS_AT_ONCE", 5)
    queue = make_queue(lease_seconds=10.0, renew_seconds=1.0, fence_seconds=9.0)
    messages = [make_message(stale_after_seconds=0.001) for _ in range(30)]
    await queue.enqueue(messages)
    handler = Slow()
    async with working(queue, handler):
        await eventually(lambda: handler.tries)
        await looked(queue, times=3)
        assert handler.tries == 5
        handler.gate.set()
        await handler.until_ended(*messages)
    assert handler.tries == 30


async def test_a_hung_worker_loses_a_job_that_is_overdue(make_queue: Maker, sql: SQL) -> None:
    """A living worker cannot hold a job forever: by the database's clock another publishes the end."""
    queue = make_queue()
    message = make_message()
    await queue.enqueue([message])
    ((alive,),) = await sql(
        "insert into proofing.worker (name, lease_until) values ('hung', now() + interval '1 h') returning id"
    )
    await abandoned(sql, [message], worker=alive)
    await sql("update proofing.job set deadline_at = now() - interval '1 ms'")
    handler = RecordingHandler()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.TIMED_OUT


async def test_an_end_that_cannot_be_published_is_tried_again(make_queue: Maker) -> None:
    """A result store that is down does not lose the end of a stale job."""

    class Failing(RecordingHandler):
        tries = 0

        async def discard(self, message: JobMessage, end: EndState) -> Any:
            self.tries += 1
            if self.tries < 3:
                raise RuntimeError("synthetic")
            return await super().discard(message, end)

    queue = make_queue()
    message = make_message(stale_after_seconds=0.001)
    await queue.enqueue([message])
    handler = Failing()
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.STALE
    assert await queue.final_status(message.result_id) is not None


async def test_a_claim_that_the_database_forgot_is_one_run(make_queue: Maker, sql: SQL) -> None:
    """After a crash that lost a claim, the same worker claims again; the first run is stopped."""
    queue = make_queue()
    runs: list[int] = []

    async def body(_job: ClaimedJob) -> None:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.Event().wait()

    handler = RecordingHandler(body)
    message = make_message()
    async with working(queue, handler):
        await queue.enqueue([message])
        await handler.until_started()
        await sql("update proofing.job set state = 'ready', worker = null, lease = lease - 1")
        await handler.until_ended(message)
    assert handler.canceled == [message.result_id]
    assert handler.end(message.result_id) is EndState.DONE
    assert handler.late == []


async def test_a_claim_nobody_heard_of_is_handed_back(make_queue: Maker, sql: SQL) -> None:
    """A job that the database takes for ours, and that does not run here, is abandoned after a reconnect."""
    queue = make_queue()
    handler = RecordingHandler()
    message = make_message()
    async with working(queue, handler):
        await eventually(lambda: queue.session and queue.session.heartbeat.worker_id)
        assert queue.session is not None
        await queue.session.claim_link.close()
        await queue.enqueue([message])
        await handler.until_ended(message)
        ghost = make_message(delay_seconds=3600)
        await queue.enqueue([ghost])
        await sql(
            "update proofing.job set state = 'executing', lease = 1, worker = %s, attempts = 1,"
            " deadline_at = now() + interval '1 h' where id = %s",
            queue.session.heartbeat.worker_id,
            ghost.result_id,
        )
        await queue.session.claim_link.close()
        await queue.enqueue([make_message()])
        await handler.until_ended(ghost)
    assert handler.starts(ghost.result_id) == 1


@pytest.mark.parametrize("fault", ["terminate", "listen"])
async def test_ended_connections_are_made_again(make_queue: Maker, sql: SQL, fault: str) -> None:
    """Backends that are terminated, all or the listening one, cost no job and no restart."""
    queue = make_queue()
    handler = RecordingHandler()
    where = "query ilike 'listen%%'" if fault == "listen" else "true"
    async with working(queue, handler):
        for _ in range(3):
            await eventually(lambda: queue.session and queue.session.is_listening)
            await sql(
                "select pg_terminate_backend(pid) from pg_stat_activity"  # noqa: S608 - ours
                " where datname = current_database()"
                f" and pid <> pg_backend_pid() and {where}"
            )
            message = make_message()
            await eventually(lambda message=message: _enqueued(queue, message))
            await handler.until_ended(message)
    assert handler.late == []


async def _enqueued(queue: PostgresQueue, message: JobMessage) -> bool:
    """Enqueue, as a caller does that asks again after an error."""
    from proofing.base.errors import QueueUnavailableError  # noqa: PLC0415

    try:
        return await queue.enqueue([message]) == 1
    except QueueUnavailableError:
        return False


async def _rescued(queue: PostgresQueue, count: int) -> bool:
    """Return whether the statistics know of *count* rescued jobs."""
    return (await queue.stats()).totals["rescued"] == count


async def _is_clear(sql: SQL) -> bool:
    """Return whether no live job is left."""
    return await sql("select 1 from proofing.job") == []


async def _is_gone(sql: SQL, worker: int) -> bool:
    """Return whether a worker's row is gone."""
    return await sql("select 1 from proofing.worker where id = %s", worker) == []


async def _waits_for_a_lock(sql: SQL) -> bool:
    """Return whether a claim waits."""
    waiting = await sql("select query from pg_stat_activity where wait_event_type = 'Lock'")
    return any("started_at = clock_timestamp()" in query for (query,) in waiting)


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        (StopReason.DRAIN, EndState.DONE),
        (StopReason.CANCELED, EndState.CANCELED),
        (StopReason.OVERDUE, EndState.TIMED_OUT),
    ],
)
async def test_a_job_stopped_before_its_first_step_gives_its_slot_back(
    make_queue: Maker, monkeypatch: pytest.MonkeyPatch, reason: StopReason, end: EndState
) -> None:
    """A task that is canceled before it begins would run no line of its own, and hold the slot forever."""
    queue, stopped = make_queue(), []
    start = Runs.start

    def start_and_stop(self: Runs, rows: Any, queue_name: str) -> None:
        start(self, rows, queue_name)
        if not stopped:
            stopped.extend(self.jobs.values())
            for job in stopped:
                job.stop(reason)

    monkeypatch.setattr(Runs, "start", start_and_stop)
    sent = [make_message() for _ in range(3)]
    await queue.enqueue(sent)
    handler = RecordingHandler()
    async with working(queue, handler, slots=3):
        await handler.until_ended(*sent)
        assert stopped
        assert {handler.end(job.result_id) for job in stopped} == {end}
        assert queue.session is not None
        runs = queue.session.runs
        await eventually(lambda: runs.running == {QUEUE: 0} and not runs.jobs)


async def test_a_cancel_in_the_turn_of_a_note_ends_the_job(make_queue: Maker, sql: SQL) -> None:
    """The note is refused then, not the run canceled; the page learns of it anyway."""
    queue = make_queue()

    async def canceled_as_it_notes(job: ClaimedJob) -> None:
        assert queue.session is not None
        running = queue.session.runs.jobs[job.message.result_id]
        note = running._writer.checkpoint

        async def note_and_stop(*arguments: Any) -> None:
            await note(*arguments)
            await sql("update proofing.job set wanted_end = 'canceled'")
            running.stop(StopReason.CANCELED)

        running._writer.checkpoint = note_and_stop  # type: ignore[method-assign]
        try:
            async with asyncio.TaskGroup() as calls:
                calls.create_task(job.record_intent("mock", question=1))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            running._writer.checkpoint = note  # type: ignore[method-assign]

    message = make_message()
    await queue.enqueue([message])
    handler = RecordingHandler(canceled_as_it_notes)
    async with working(queue, handler):
        await handler.until_ended(message)
    assert handler.end(message.result_id) is EndState.CANCELED
    assert await sql("select 1 from proofing.job") == []


async def test_an_end_that_a_cancel_overtakes_is_written_all_the_same(
    make_queue: Maker, sql: SQL, dsn: str
) -> None:
    """The end waits for the row that is being canceled, and finds another version of it."""
    queue = make_queue()
    is_canceling = asyncio.Event()

    async def end_meanwhile(_job: ClaimedJob) -> None:
        await is_canceling.wait()

    message = make_message()
    await queue.enqueue([message])
    handler = RecordingHandler(end_meanwhile)
    async with working(queue, handler), await AsyncConnection.connect(dsn) as canceling:
        await handler.until_started(1)
        await canceling.execute("update proofing.job set wanted_end = 'canceled'")
        is_canceling.set()
        await eventually(lambda: sql("select 1 from pg_locks where not granted"))
        await canceling.commit()
        await eventually(lambda: _is_empty(sql))
    assert handler.end(message.result_id) is not EndState.CANCELED


@pytest.mark.parametrize("step", ["intent", "park", "end", "drain"])
async def test_a_write_that_a_wake_overtakes_is_written_all_the_same(
    make_queue: Maker, sql: SQL, dsn: str, step: str
) -> None:
    """It waits for the row that is being woken, finds another version of it, and writes again."""
    queue = make_queue()
    is_waking = asyncio.Event()

    async def go_on_meanwhile(job: ClaimedJob) -> Parked | None:
        if job.message.notes:
            return None
        await is_waking.wait()
        if step == "intent":
            await job.record_intent("mock", question=1)
        if step == "drain":
            await asyncio.Event().wait()
        return make_parked() if step == "park" else None

    async def commit_once_it_waits() -> None:
        await eventually(lambda: sql("select 1 from pg_locks where not granted"))
        await waking.commit()

    message = make_message()
    await queue.enqueue([message])
    handler = RecordingHandler(go_on_meanwhile)
    async with await AsyncConnection.connect(dsn) as waking:
        async with working(queue, handler, drain_seconds=0.1):
            await handler.until_started()
            await waking.execute("select proofing.wake(%s, 'note', 8, 1000)", (message.result_id,))
            is_waking.set()
            committing = asyncio.create_task(commit_once_it_waits())
            if step != "drain":
                await eventually(lambda: _is_empty(sql))
        await committing
    if step == "drain":
        assert await sql("select state, notes, attempts from proofing.job") == [("ready", [b"note"], 0)]
    else:
        assert handler.end(message.result_id) is EndState.DONE
        assert handler.starts(message.result_id) == (2 if step == "park" else 1)


async def _is_empty(sql: SQL) -> bool:
    """Return whether no job is alive."""
    return await sql("select 1 from proofing.job") == []


async def test_a_job_handed_back_while_its_person_is_forgotten_is_dropped(
    make_queue: Maker, sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ran at the first look and waits at the second."""
    queue, web = make_queue(), make_queue()
    message = make_message(owner="person-1")
    await web.enqueue([message])

    async def hold(_job: ClaimedJob) -> None:
        await asyncio.Event().wait()

    handler, stop = RecordingHandler(hold), asyncio.Event()
    task = asyncio.create_task(queue.work(handler, slots={QUEUE: 5}, stop=stop, drain_seconds=0))
    await handler.until_started(1)
    run = web._pool.run

    async def drain_after_the_first_look(name: str, *arguments: Any) -> Any:
        answer = await run(name, *arguments)
        if name == "purge_waiting" and not stop.is_set():
            stop.set()
            await task
        return answer

    monkeypatch.setattr(web._pool, "run", drain_after_the_first_look)
    forgotten = await web.purge_owner("person-1")
    assert (forgotten.removed, forgotten.running) == (1, 0)
    assert await sql("select 1 from proofing.job") == []


async def test_a_run_is_stopped_when_its_worker_publishes_another_end_of_its_job(
    make_queue: Maker, sql: SQL
) -> None:
    """The job was taken from the worker while it ran, and the same worker takes its end on."""
    queue = make_queue()
    stopped = asyncio.Event()

    async def hold(job: ClaimedJob) -> None:
        await job.record_intent("mock", question=1)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    message = make_message()
    await queue.enqueue([message])
    handler = RecordingHandler(hold)
    async with working(queue, handler):
        await eventually(lambda: _has_intent(sql))
        await sql("update proofing.job set worker = null, state = 'ending', wanted_end = 'unknown_outcome'")
        await handler.until_ended(message)
        async with asyncio.timeout(5):
            await stopped.wait()
        assert queue.session is not None
        assert queue.session.counts["stopped_lost"] == 1
    assert handler.end(message.result_id) is EndState.UNKNOWN_OUTCOME


async def _has_intent(sql: SQL) -> bool:
    """Return whether a vendor call was noted."""
    return bool(await sql("select 1 from proofing.job where intent is not null"))
