"""The worker: slots from the settings, chores alongside the jobs, signals."""

import asyncio
import os
import signal
import time
from dataclasses import replace

import pytest

from proofing.app.worker import Worker, stop_on_signals
from proofing.base.errors import QueueError, StoreUnavailableError
from proofing.contracts.queues import QueueStats
from proofing.contracts.records import JobKind
from proofing.testing.call_basis import make_call, make_decision


class Queue:
    """Works until it is told to stop."""

    def __init__(self):
        self.output = None

    async def work(self, handler, *, slots, stop, drain_seconds):
        """Record the call."""
        self.output = (slots, drain_seconds)
        await stop.wait()

    async def stats(self):
        """Count nothing."""
        return QueueStats(waiting={}, running={}, oldest_seconds=0.0)


class Images:
    """Counts its sweeps; the first fails."""

    def __init__(self, enough):
        self.sweeps = 0
        self.enough = enough

    async def sweep(self, *, older_than_seconds, is_over):
        """Sweep."""
        self.sweeps += 1
        if self.sweeps == 1:
            raise StoreUnavailableError("away")
        self.enough.set()
        return 1


async def test_a_worker_works_and_does_its_chores_until_it_is_stopped(process):
    """Slots and drain time are those of the settings; a chore that fails is done again."""
    stop = asyncio.Event()
    queue, images = Queue(), Images(stop)
    slots = {"document": 1, "resolution": 2, "phone": 3, "code": 4}
    async with process(worker_slots=slots, worker_drain_seconds=7) as running:
        parts = replace(running.runtime.parts, queue=queue, images=images)
        worker = Worker(
            parts,
            runner=None,
            uploads=None,
            deliverer=running.runtime.deliverer,
            forgetter=None,
            sweep_seconds=0.001,
        )
        async with asyncio.timeout(10):
            await worker.work(stop)
    names = {JobKind(kind).queue_name: count for kind, count in slots.items()}
    assert queue.output == (names, 7)
    assert images.sweeps >= 2


async def test_records_are_deleted_by_their_age(process):
    """Decisions after days, calls after years, each by its setting; newer ones stay."""
    days = {"routing_decision_days": 2, "call_record_days": 10}
    async with process(**days) as running:
        store, now = running.runtime.backends.calls, time.time()
        ages = (1.0, 3.0, 11.0)
        calls = [make_call(at=now - age * 86400) for age in ages]
        decisions = [make_decision(at=now - age * 86400) for age in ages]
        await store.add(calls, decisions)
        await running.runtime.worker.sweep_records()
        assert await store.calls(begin=0.0, end=1e12, limit=9) == calls[1::-1]
        assert await store.latest_decisions(limit=9) == decisions[:1]


async def test_what_a_queue_raises_comes_out_as_it_is(process):
    """Not in a group, which the command line does not know; and no chore is left behind."""

    class Taken(Queue):
        async def work(self, handler, *, slots, stop, drain_seconds):
            raise QueueError("worked on already")

    async with process() as running:
        before = asyncio.all_tasks()
        parts = replace(running.runtime.parts, queue=Taken(), images=Images(asyncio.Event()))
        worker = Worker(parts, runner=None, uploads=None, deliverer=running.runtime.deliverer, forgetter=None)
        with pytest.raises(QueueError, match="worked on already"):
            await worker.work(asyncio.Event())
        assert asyncio.all_tasks() == before


class Uploads:
    """Knows of no object whether it is over: its store is unavailable."""

    async def is_over(self, _object_key):
        """Ask the store."""
        raise StoreUnavailableError("away")


async def test_without_the_result_store_the_age_of_a_picture_decides(process, caplog):
    """A sweep continues: what is not known to be over is younger than its age, or deleted by it."""
    known = []

    class Aged:
        async def sweep(self, *, older_than_seconds, is_over):
            known.append(await is_over("captures/a"))
            return 0

    async with process() as running:
        parts = replace(running.runtime.parts, images=Aged())
        worker = Worker(
            parts, runner=None, uploads=Uploads(), deliverer=running.runtime.deliverer, forgetter=None
        )
        await worker.sweep()
    assert known == [False]
    assert "images_swept" not in [record.getMessage() for record in caplog.records]


async def test_the_first_signal_drains_and_the_second_ends():
    """SIGTERM sets the event; another cancels the task that waits."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    async def work():
        stop_on_signals(stop)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    try:
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(work())
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
