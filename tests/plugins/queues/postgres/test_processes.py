"""Worker processes that are killed, frozen and told to stop, and a server that crashes; in short times."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench.report import Row

from proofing.base.errors import QueueUnavailableError
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState
from proofing.testing.history import History, violations
from proofing.testing.queue_process import WorkerProcess, published_ends, whole_history
from proofing.testing.queues import make_message
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import PostgresServer, running_postgres
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

Maker = Callable[..., PostgresQueue]

#: A running job changes hands.
_THEFT = """
update proofing.job set worker = null, state = 'ready'
where ctid = any(array(
    select ctid from proofing.job where state = 'executing' and wanted_end is null and attempts < 20
    order by random() limit 1 for no key update skip locked))
returning id
"""


async def enqueue(queue: PostgresQueue, history: History, messages: list[JobMessage]) -> None:
    """Enqueue, as a caller that asks again after an error, and write it down."""
    for message in messages:
        history.write("enqueued", job=message.result_id)

    async def is_accepted() -> bool:
        try:
            return await queue.enqueue(messages) == len(messages)
        except QueueUnavailableError:
            return False

    await eventually(is_accepted, within_seconds=60)


async def until_ended(folder: Path, messages: list[JobMessage], within_seconds: float = 60) -> None:
    """Wait until every job has a published end."""
    ids = {message.result_id for message in messages}

    async def is_over() -> bool:
        await asyncio.sleep(0.05)  # each look reads a folder of thousands
        return ids <= published_ends(folder).keys()

    await eventually(is_over, within_seconds=within_seconds)


async def test_a_killed_worker_loses_no_job(
    make_queue: Maker, dsn: str, fast: dict[str, Any], tmp_path: Path
) -> None:
    """SIGKILL with 1,000 in flight: each is run again or reported, once, and no vendor called twice."""
    await _kill_with_thousand(make_queue(), {"dsn": dsn, **fast}, tmp_path)


@pytest.mark.chaos
async def test_a_killed_worker_loses_no_job_with_usual_times(
    make_queue: Maker, dsn: str, tmp_path: Path, survival: list[Row]
) -> None:
    """The same with the lease and the sweeps that the plugin has unless told otherwise."""
    seconds = await _kill_with_thousand(make_queue(), {"dsn": dsn}, tmp_path)
    survival.append(
        Row(measure="1,000 in flight, SIGKILL to the last end", unit="s", ours=seconds, limit="<= 15")
    )


async def _kill_with_thousand(queue: PostgresQueue, settings: dict[str, Any], folder: Path) -> float:
    """Kill a worker alongside an idle one, and return the seconds to the last end of its 1,000 jobs."""
    history = History(folder / "history.jsonl")
    before = [make_message(metadata={"before": 30}) for _ in range(500)]
    during = [make_message(metadata={"during": 30}) for _ in range(500)]
    await enqueue(queue, history, before + during)
    with WorkerProcess("postgres", settings, folder, slots=1000) as first:
        await eventually(lambda: history.count("run") == 1000, within_seconds=30)
        await eventually(lambda: history.count("call") == 500, within_seconds=30)
        with WorkerProcess("postgres", settings, folder, slots=1000):
            # Their plan is only for the first run: the second should end soon.
            await _shorten(settings["dsn"])
            first.kill()
            killed = time.monotonic()
            history.write("kill")
            await until_ended(folder, before + during, within_seconds=15)
            seconds = time.monotonic() - killed
    ends = published_ends(folder)
    assert {ends[message.result_id] for message in before} == {EndState.DONE}
    assert {ends[message.result_id] for message in during} == {EndState.UNKNOWN_OUTCOME}
    assert violations(whole_history(folder)) == []
    return seconds


async def _shorten(dsn: str) -> None:
    """Take the waits out of all jobs' plans."""
    from psycopg import AsyncConnection  # noqa: PLC0415

    async with await AsyncConnection.connect(dsn) as connection:
        await connection.execute("update proofing.job set metadata = '{}'")


async def test_a_frozen_worker_is_fenced(
    make_queue: Maker, dsn: str, fast: dict[str, Any], tmp_path: Path
) -> None:
    """SIGSTOP beyond the lease, then SIGCONT: runs are canceled, completions rejected, one end each."""
    queue, history = make_queue(), History(tmp_path / "history.jsonl")
    settings = {"dsn": dsn, **fast}
    sent = [make_message(metadata={"before": 0.5, "during": 0.3}) for _ in range(40)]
    with WorkerProcess("postgres", settings, tmp_path) as frozen:
        await enqueue(queue, history, sent)
        await eventually(lambda: history.count("run") == 40)
        frozen.pause()
        history.write("pause")
        with WorkerProcess("postgres", settings, tmp_path):
            await until_ended(tmp_path, sent)
            frozen.resume()
            last = [make_message() for _ in range(10)]
            await enqueue(queue, history, last)
            await until_ended(tmp_path, last)
        more = [make_message() for _ in range(10)]
        await enqueue(queue, history, more)
        await until_ended(tmp_path, more)
    assert violations(whole_history(tmp_path)) == []


async def test_sigterm_hands_slow_jobs_back_uncharged(
    make_queue: Maker, dsn: str, fast: dict[str, Any], tmp_path: Path
) -> None:
    """The process leaves soon after its drain time; what had not called begins again, attempt 1."""
    queue, history = make_queue(), History(tmp_path / "history.jsonl")
    settings = {"dsn": dsn, **fast}
    slow = [make_message(metadata={"before": 30}) for _ in range(20)]
    await enqueue(queue, history, slow)
    with WorkerProcess("postgres", settings, tmp_path, drain_seconds=0.3) as worker:
        await eventually(lambda: history.count("run") == 20)
        worker.terminate()
        assert worker.wait(0.3 + 2 + 5) == 0
    await _shorten(dsn)
    with WorkerProcess("postgres", settings, tmp_path):
        await until_ended(tmp_path, slow)
    assert {event["attempt"] for event in history.read() if event["event"] == "run"} == {1}
    assert violations(whole_history(tmp_path)) == []


async def test_random_theft_is_rejected_to_the_last(
    make_queue: Maker, dsn: str, fast: dict[str, Any], sql: Callable[..., Any], tmp_path: Path
) -> None:
    """Four processes and a thief of running jobs: each theft is one rejected end or one stopped run.

    The thief leaves a job alone in the end: it is faster than the last one, which could never finish.
    """
    queue, history = make_queue(), History(tmp_path / "history.jsonl")
    settings = {"dsn": dsn, **fast, "max_crashes": 100}
    sent = [make_message(metadata={"before": 0.15, "during": 0.15}) for _ in range(400)]
    workers = [WorkerProcess("postgres", settings, tmp_path, slots=10) for _ in range(4)]
    await enqueue(queue, history, sent)
    thefts = 0
    async with asyncio.timeout(60):
        while len(published_ends(tmp_path)) < len(sent):
            rows = await sql(_THEFT)
            thefts += len(rows)
            await asyncio.sleep(0.05)
    await eventually(lambda: _is_empty(queue))
    for worker in workers:
        worker.terminate()
    for worker in workers:
        assert worker.wait() == 0
    rows = await sql("select sum(value) from proofing.tally where name in ('lease_lost', 'stopped_lost')")
    assert thefts > 20
    assert rows == [(thefts,)]
    assert violations(whole_history(tmp_path)) == []


async def test_a_server_that_crashes_under_load_loses_nothing(fast: dict[str, Any], tmp_path: Path) -> None:
    """Immediate stops and restarts while jobs come and run: the worker reconnects by itself, one end each."""
    with running_postgres(durable=True) as server:
        dsn = server.new_database()
        settings = {"dsn": dsn, **fast}
        queue, history = (
            PostgresQueue(PostgresSettings.model_validate(settings)),
            History(tmp_path / "history.jsonl"),
        )
        await queue.migrate()
        sent: list[JobMessage] = []
        with WorkerProcess("postgres", settings, tmp_path):
            for _ in range(5):
                batch = [make_message(metadata={"before": 0.05, "during": 0.05}) for _ in range(40)]
                sent += batch
                await enqueue(queue, history, batch[:20])
                restart = asyncio.create_task(asyncio.to_thread(_crash, server))
                await enqueue(queue, history, batch[20:])
                await restart
                history.write("stop")
            await until_ended(tmp_path, sent)
        await queue.close()
    assert violations(whole_history(tmp_path)) == []


def _crash(server: PostgresServer) -> None:
    """Stop the server as a crash would, and start it again."""
    server.kill()
    server.start()


class Chaos:
    """Kills and freezes worker processes and stops the server while jobs flow; then reads the history.

    Args:
        jobs: how many.
        kills: SIGKILLs of random workers.
        freezes: SIGSTOPs beyond the lease, then SIGCONT.
        stops: immediate stops of the server.
        seed: of everything random.
    """

    def __init__(self, *, jobs: int, kills: int, freezes: int, stops: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - faults, no secrets
        self._jobs = jobs
        self._faults = ["kill"] * kills + ["freeze"] * freezes + ["stop"] * stops
        self._random.shuffle(self._faults)

    async def run(self, folder: Path, fast: dict[str, Any], workers: int) -> dict[str, Any]:
        """Run to the end and return the report."""
        started = time.monotonic()
        with running_postgres(durable=True) as server:
            # A job may meet many kills here, which says nothing about the job.
            settings = {"dsn": server.new_database(), **fast, "max_crashes": 100}
            queue = PostgresQueue(PostgresSettings.model_validate(settings))
            history = History(folder / "history.jsonl")
            await queue.migrate()
            pool = [WorkerProcess("postgres", settings, folder) for _ in range(workers)]
            try:
                sent = await self._flow(
                    queue, history, server=server, pool=pool, settings=settings, folder=folder
                )
                await until_ended(folder, sent, within_seconds=120)
                await eventually(lambda: _is_empty(queue), within_seconds=60)
                stats = await queue.stats()
            finally:
                for worker in pool:
                    worker.kill()
                await queue.close()
        events = whole_history(folder)
        ends = [event["end_state"] for event in events if event["event"] == "end" and event["accepted"]]
        return {
            "jobs": len(sent),
            "faults": {name: self._faults.count(name) for name in sorted(set(self._faults))},
            "runs": sum(event["event"] == "run" for event in events),
            "calls": max(Counter(event["job"] for event in events if event["event"] == "call").values()),
            "ends": {end: ends.count(end) for end in sorted(set(ends))},
            "rescued": stats.totals["rescued"],
            "seconds": round(time.monotonic() - started, 1),
            "violations": violations(events),
        }

    async def _flow(
        self,
        queue: PostgresQueue,
        history: History,
        *,
        server: PostgresServer,
        pool: list[WorkerProcess],
        settings: dict[str, Any],
        folder: Path,
    ) -> list[JobMessage]:
        """Enqueue in small batches, with a fault now and then."""
        sent: list[JobMessage] = []
        batches = max(1, len(self._faults))
        size = -(-self._jobs // batches)
        for fault in self._faults:
            batch = [self._message() for _ in range(min(size, self._jobs - len(sent)))]
            sent += batch
            if batch:
                await enqueue(queue, history, batch)
            place = self._random.randrange(len(pool))
            if fault == "kill":
                # Somewhere in the life of its jobs.
                await asyncio.sleep(self._random.uniform(0, 0.15))
                pool[place].kill()
                history.write("kill")
                pool[place] = WorkerProcess("postgres", settings, folder)
            elif fault == "freeze":
                pool[place].pause()
                await asyncio.sleep(settings["lease_seconds"] * 1.3)
                pool[place].resume()
                history.write("pause")
            else:
                await asyncio.to_thread(_crash, server)
                history.write("stop")
        return sent

    def _message(self) -> JobMessage:
        """Return a job with a random plan."""
        plan = {"before": self._random.uniform(0, 0.1), "during": self._random.uniform(0, 0.2)}
        return make_message(metadata=plan)


async def _is_empty(queue: PostgresQueue) -> bool:
    """Return whether no job is left in the live table."""
    stats = await queue.stats()
    return not sum(stats.waiting.values()) and not sum(stats.running.values())


async def test_chaos_in_short(fast: dict[str, Any], tmp_path: Path) -> None:
    """500 jobs, 12 kills, 3 freezes, 2 server stops: one end each, one vendor call each at most."""
    report = await Chaos(jobs=500, kills=12, freezes=3, stops=2, seed=20).run(tmp_path, fast, workers=3)
    assert report["violations"] == [], report
    assert sum(report["ends"].values()) == 500


@pytest.mark.chaos
async def test_chaos_in_full(fast: dict[str, Any], tmp_path: Path, survival: list[Row]) -> None:
    """10,000 jobs, 500 kills, 50 freezes, 5 server stops; what was counted goes to the report."""
    seed = int(time.time())
    print(f"seed {seed}")  # noqa: T201 - to run a failure again
    report = await Chaos(jobs=10_000, kills=500, freezes=50, stops=5, seed=seed).run(
        tmp_path, fast, workers=4
    )
    survival += [
        Row(measure=measure, unit="", ours=value, limit=limit)
        for measure, value, limit in (
            ("jobs", report["jobs"], ""),
            ("workers killed", report["faults"]["kill"], ">= 500"),
            ("workers frozen beyond the lease", report["faults"]["freeze"], ""),
            ("immediate stops of PostgreSQL", report["faults"]["stop"], "5"),
            ("jobs taken over from a dead worker", report["rescued"], ""),
            ("runs", report["runs"], ""),
            ("accepted ends", sum(report["ends"].values()), "= jobs"),
            ("of these: unknown outcome", report["ends"].get("unknown_outcome", 0), ""),
            ("most vendor calls of one job", report["calls"], "<= 1"),
            ("promises broken", len(report["violations"]), "= 0"),
        )
    ]
    survival.append(Row(measure="the whole run", unit="s", ours=report["seconds"]))
    assert report["violations"] == [], report
    assert sum(report["ends"].values()) == 10_000
