"""Pausing and withdrawing in PostgreSQL: long backlogs, crashes on the way, and enqueues that come late."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.records import JobKind
from proofing.testing.faults import Fault, FaultProxy
from proofing.testing.queues import RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_postgres import upkeep as upkeep_module
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings
from proofing_postgres.upkeep import Upkeep

Maker = Callable[..., PostgresQueue]
SQL = Callable[..., Any]

_NAME = JobKind.RESOLUTION.queue_name
_AGES = "select round(date_part('epoch', now() - enqueued_at)), round(date_part('epoch', expires_at - now()))"


@pytest.fixture
async def held(make_queue: Maker, sql: SQL) -> PostgresQueue:
    """Give a queue that has been paused for 100 s, with 7 jobs that came 150 s ago."""
    queue = make_queue()
    await queue.enqueue([make_message(stale_after_seconds=300) for _ in range(7)])
    await sql(
        "update proofing.job set enqueued_at = enqueued_at - interval '150 s',"
        " expires_at = expires_at - interval '150 s'"
    )
    await queue.pause(_NAME)
    await sql("update proofing.paused_queue set paused_at = paused_at - interval '100 s'")
    return queue


async def test_each_job_is_moved_once_in_many_steps(
    held: PostgresQueue, sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the worker that resumes dies between two of them, and another one continues."""
    monkeypatch.setattr(upkeep_module, "SHIFT_BATCH", 2)
    await held.resume(_NAME)
    first, second = Upkeep(held.settings), Upkeep(held.settings)
    assert await first._resume_step() == ""
    await first.close()
    assert (await held.stats()).paused
    await second.resume_queues()
    await second.close()
    assert (await held.stats()).paused == {}
    assert set(await sql(f"{_AGES} from proofing.job")) <= {(50.0, 250.0), (51.0, 249.0)}


async def test_a_pause_during_a_resume_holds(held: PostgresQueue, sql: SQL) -> None:
    """The times are moved for the first pause, and the second one begins."""
    await held.resume(_NAME)
    assert await held.pause(_NAME)
    assert not await held.pause(_NAME)
    upkeep = Upkeep(held.settings)
    await upkeep.resume_queues()
    (seconds,) = (await held.stats()).paused.values()
    assert seconds < 50
    assert set(await sql(f"{_AGES} from proofing.job")) <= {(50.0, 250.0), (51.0, 249.0)}
    assert await held.resume(_NAME)
    await upkeep.resume_queues()
    await upkeep.close()
    assert (await held.stats()).paused == {}


async def test_a_long_backlog_is_estimated(make_queue: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what is counted, from pages taken at random; never less than was counted."""
    monkeypatch.setattr("proofing_postgres.statistics.MOST_COUNTED", 100)
    queue = make_queue()
    await queue.enqueue([make_message() for _ in range(600)])
    await queue.enqueue([make_message(JobKind.DOCUMENT) for _ in range(7)])
    assert (await queue.stats()).waiting == {_NAME: 600, JobKind.DOCUMENT.queue_name: 7}
    monkeypatch.setattr("proofing_postgres.statistics._SAMPLE_PAGES", 0)
    assert (await queue.stats()).waiting == {_NAME: 100, JobKind.DOCUMENT.queue_name: 7}


async def test_many_parked_jobs_are_estimated(
    make_queue: Maker, sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though those of no queue alone are too many to be counted, and one queue's are due last."""
    monkeypatch.setattr("proofing_postgres.statistics.MOST_COUNTED", 100)
    queue = make_queue()
    kinds = (JobKind.RESOLUTION, JobKind.DOCUMENT, JobKind.PHONE)
    await queue.enqueue([make_message(kind) for kind in kinds for _ in range(90)])
    await sql(
        "update proofing.job set state = 'scheduled', waits_for = 'acme:' || kind, due_at = now(),"
        " run_at = case kind when 'phone' then now() + interval '2 h' else now() + interval '1 h' end"
    )
    await queue.enqueue([make_message(delay_seconds=60.0)])
    stats = await queue.stats()
    assert stats.parked == {kind.queue_name: 90 for kind in kinds}
    assert stats.waiting == {_NAME: 1}
    assert await queue.parked_by_vendor() == {f"acme:{kind}": 90 for kind in kinds}


async def test_an_enqueue_that_comes_late_is_not_accepted(dsn: str, make_queue: Maker, sql: SQL) -> None:
    """After a cut of the network what was on its way arrives, and its sender has long stopped waiting."""
    port = urlsplit(dsn).port or 5432
    async with FaultProxy("127.0.0.1", port) as proxy:
        through = dsn.replace(f":{port}/", f":{proxy.port}/")
        queue = PostgresQueue(
            PostgresSettings.model_validate(
                {"dsn": through, "timeout_seconds": 1.0, "statement_seconds": 1.0}
            )
        )
        await queue.enqueue([make_message()])
        await proxy.set(Fault(black_hole=True))
        late = make_message()
        with pytest.raises(QueueUnavailableError):
            await queue.enqueue([late])
        await queue.close()
        await proxy.set(Fault())

        async def has_arrived() -> bool:
            # Whatever was held back reaches the server before the end of its connection does.
            rows = await sql(
                "select 1 from pg_stat_activity where datname = current_database()"
                " and backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
            return rows == []

        await eventually(has_arrived)
    assert await sql("select 1 from proofing.job where id = %s", late.result_id) == []
    reader = make_queue()
    assert await reader.withdraw(late.result_id)
    assert await reader.enqueue([late]) == 0


async def test_a_clock_that_was_set_forward_is_read_again(
    make_queue: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One enqueue is refused, with the typed error; the next one reads the server's clock and passes."""
    queue = make_queue()
    first, second = make_message(), make_message()
    assert await queue.enqueue([first]) == 1
    # The notification goes alongside; then every link is free.
    await eventually(lambda: queue._pool._working == 0)
    for link in queue._pool._free:
        if link._connection is not None:
            link._connection.clock_offset -= 3600
    with pytest.raises(QueueUnavailableError, match="too late"):
        await queue.enqueue([second])
    assert await queue.enqueue([second]) == 1


async def test_withdrawing_and_enqueueing_at_once(make_queue: Maker) -> None:
    """Whichever is first: what was withdrawn with success has called nobody in the end."""
    queue = make_queue()
    called: set[str] = set()

    async def call(job: Any) -> None:
        await job.record_intent("mock", question=1)
        called.add(job.message.result_id)

    handler = RecordingHandler(call)
    stop = asyncio.Event()
    working = asyncio.create_task(
        queue.work(handler, slots={kind.queue_name: 50 for kind in JobKind}, stop=stop, drain_seconds=5)
    )
    messages = [make_message() for _ in range(60)]
    withdrawn: set[str] = set()

    async def race(number: int) -> None:
        sent = asyncio.create_task(queue.enqueue([messages[number]]))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        if await queue.withdraw(messages[number].result_id):
            withdrawn.add(messages[number].result_id)
        await sent

    await asyncio.gather(*(race(number) for number in range(len(messages))))
    last = make_message()
    await queue.enqueue([last])
    await handler.until_ended(last)
    await eventually(lambda: _is_quiet(queue))
    stop.set()
    await working
    assert withdrawn
    assert not withdrawn & called


async def _is_quiet(queue: PostgresQueue) -> bool:
    """Return whether nothing waits or runs."""
    stats = await queue.stats()
    return not stats.waiting and not stats.running
