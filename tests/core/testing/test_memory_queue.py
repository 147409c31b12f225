"""The memory queue wakes parked jobs as every queue does, in any order of events."""

import asyncio
import random

import pytest

from proofing.contracts.queues import MAX_NOTES, ClaimedJob, Parked, Queue, Wake
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.queue_handlers import RecordingHandler, make_message, make_parked
from proofing.testing.queue_waking import QueueWaking


class TestMemoryQueue(QueueWaking):
    """The cases of the contract that a queue without clock and rescue can keep."""

    hands_back = False

    @pytest.fixture(autouse=True)
    def _make_queue(self) -> None:
        self.queue = MemoryQueue()

    def make_queue(self) -> Queue:
        return self.queue

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """There is none."""


@pytest.mark.parametrize("seed", range(50))
async def test_no_order_of_events_loses_a_note(seed: int) -> None:
    """Wakes, parks and ends in a random order: each note that was kept is read once, or its job has ended."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    queue, message = MemoryQueue(), make_message()
    kept: list[bytes] = []
    read: list[bytes] = []

    async def wake() -> None:
        note = str(len(kept)).encode()
        found = await queue.wake(message.result_id, note)
        assert (found is Wake.GONE) == (handler.end(message.result_id) is not None)
        if found is Wake.KEPT:
            kept.append(note)
        elif found is Wake.FULL:
            assert len(kept) - len(read) >= MAX_NOTES - carried

    carried = 0

    async def body(job: ClaimedJob) -> Parked | None:
        nonlocal carried
        carried = len(job.message.notes)
        read.extend(job.message.notes)
        for _ in range(chance.randrange(4)):
            await wake()
        return None if chance.random() < 0.1 else make_parked()

    handler = RecordingHandler(body)
    await queue.enqueue([message])
    for _ in range(chance.randrange(1, 40)):
        if chance.random() < 0.6:
            await wake()
        else:
            await queue.drain(handler)
            carried = 0
    await queue.drain(handler)
    assert read == kept[: len(read)]
    assert handler.end(message.result_id) is not None or read == kept
    assert [message for message in queue.waiting if message.notes] == []
    await asyncio.sleep(0)
