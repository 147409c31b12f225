"""A queue in memory for tests: `drain` runs everything that waits, and the test decides when."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from proofing.queues import Capability, Forgotten, JobHandler, JobMessage, QueueStats
from proofing.records import End, StatusRecord


class MemoryJob:
    """One start of a job from a `MemoryQueue`."""

    def __init__(self, message: JobMessage, attempt: int, age_seconds: float | None = None) -> None:
        """Take *message*; *age_seconds* stands in for the queue's clock."""
        self.message = message
        self.attempt = attempt
        self._age = age_seconds
        self.intents: list[str] = []

    @property
    def age_seconds(self) -> float:
        """How long ago it was enqueued."""
        return time.time() - self.message.enqueued_at if self._age is None else self._age

    async def note_intent(self, vendor_name: str) -> None:
        """Remember that *vendor_name* is about to be called."""
        self.intents.append(vendor_name)


class MemoryQueue:
    """Keeps jobs in a list, in the order of their coming."""

    capabilities: frozenset[Capability] = frozenset({Capability.CANCEL_WAITING})

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: list[JobMessage] = []
        self.cancelled: list[JobMessage] = []
        self.ended: dict[str, StatusRecord] = {}
        self._arrived = asyncio.Event()

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def migrate(self) -> Sequence[str]:
        """Nothing to bring up to date."""
        return ()

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Keep *messages*. There is no transaction to join, so *connection* must be None."""
        if connection is not None:
            raise TypeError("this queue has no transactions")
        self.waiting.extend(messages)
        self._arrived.set()
        return len(messages)

    async def cancel(self, result_id: str) -> bool:
        """Cancel a job that waits; the next `drain` publishes its end."""
        found = [message for message in self.waiting if message.result_id == result_id]
        self.waiting = [message for message in self.waiting if message.result_id != result_id]
        self.cancelled += found
        self._arrived.set()
        return bool(found)

    async def forget(self, owner: str) -> Forgotten:
        """Drop the jobs and the ends of *owner*."""
        kept = [message for message in self.waiting if message.owner != owner]
        ended = {key: record for key, record in self.ended.items() if record.owner != owner}
        removed = len(self.waiting) - len(kept) + len(self.ended) - len(ended)
        self.waiting, self.ended = kept, ended
        return Forgotten(removed=removed)

    async def verdict(self, result_id: str) -> StatusRecord | None:
        """Return nothing: ends are not durable here."""
        _ = result_id
        return None

    async def drain(self, handler: JobHandler) -> list[StatusRecord]:
        """Run every waiting job, one after the other, and return their ends."""
        while self.cancelled:
            await handler.abandon(self.cancelled.pop(), End.CANCELLED)
        records = []
        while self.waiting:
            message = self.waiting.pop(0)
            record = await handler.run(MemoryJob(message, attempt=1))
            self.ended[message.result_id] = record
            records.append(record)
        return records

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Run jobs as they come, one at a time, until *stop* is set."""
        _ = slots, drain_seconds
        while not stop.is_set():
            await self.drain(handler)
            self._arrived.clear()
            waits = [asyncio.create_task(event.wait()) for event in (stop, self._arrived)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()

    async def stats(self) -> QueueStats:
        """Return what waits."""
        waiting: dict[str, int] = {}
        for message in self.waiting:
            waiting[message.queue_name] = waiting.get(message.queue_name, 0) + 1
        oldest = max((time.time() - message.enqueued_at for message in self.waiting), default=0.0)
        return QueueStats(waiting=waiting, running={}, oldest_seconds=oldest)
