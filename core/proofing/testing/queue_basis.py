"""What the cases of the queue contract share: making queues, and working on them for a while."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from proofing.contracts.queues import Capability, ClaimedJob, JobMessage, Parked, Queue
from proofing.contracts.records import JobKind, JobState
from proofing.testing.queue_handlers import RecordingHandler, make_parked
from proofing.testing.queue_process import WorkerProcess
from proofing.testing.waiting import eventually

#: Slots for each kind, where a test does not care.
SLOTS: Mapping[str, int] = {kind.queue_name: 8 for kind in JobKind}


class QueueBasis(ABC):
    """How the cases get their queues. All queues that one test makes look at the same data.

    Attributes:
        has_schema: whether `migrate` asks the backend.
        patience_seconds: by when what must happen has happened, on a busy machine.
        deadline_grace_seconds: how long after a job's deadline the queue itself ends a job that hangs.
        hands_back: whether a worker that stops leaves jobs that it did not finish to the next one.
    """

    has_schema: bool = True
    patience_seconds: float = 20.0
    deadline_grace_seconds: float = 5.0
    hands_back: bool = True

    @abstractmethod
    def make_queue(self) -> Queue:
        """Return a queue that is not open yet; each call returns another view of the same, empty data."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    def make_unreachable_queue(self) -> Queue | None:
        """Return a queue whose backend does not answer, or None to skip those tests."""
        return None

    def connect(self) -> contextlib.AbstractAsyncContextManager[Any]:
        """Open a caller's connection with ``commit()`` and ``rollback()``, for `Capability.TRANSACTIONAL`."""
        raise pytest.skip.Exception("this test suite offers no connection")

    def start_worker(self, folder: Path) -> WorkerProcess | None:
        """Start a process that works on the test's data and writes into *folder*; None skips those cases."""
        del folder
        return None

    async def stored_bytes(self) -> bytes | None:
        """Return everything that the backend keeps, as it keeps it, or None to skip the privacy case."""
        return None

    @pytest.fixture
    async def queue(self) -> AsyncIterator[Queue]:
        """Give an open queue with its schema in place."""
        async with self.opened() as queue:
            yield queue

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Queue]:
        """Open one more queue on the same data, and close it at the end."""
        queue = self.make_queue()
        await queue.migrate()
        await queue.open()
        try:
            yield queue
        finally:
            await queue.close()

    @contextlib.asynccontextmanager
    async def working(
        self,
        queue: Queue,
        handler: RecordingHandler,
        *,
        slots: Mapping[str, int] = SLOTS,
        drain_seconds: float = 5.0,
    ) -> AsyncIterator[asyncio.Event]:
        """Work on *queue* for the length of the block, then drain; gives the stop event."""
        stop = asyncio.Event()
        task = asyncio.create_task(
            queue.work(handler, slots=slots, stop=stop, drain_seconds=drain_seconds), name="queue-work"
        )
        try:
            yield stop
        finally:
            stop.set()
            try:
                async with asyncio.timeout(drain_seconds + self.patience_seconds):
                    await task
            finally:
                task.cancel()

    async def until_parked(self, queue: Queue, result_id: str) -> None:
        """Wait until a job is parked."""

        async def is_parked() -> bool:
            return [job.state for job in await queue.jobs(prefix=result_id)] == [JobState.PARKED]

        await eventually(is_parked, within_seconds=self.patience_seconds)

    async def parked_by_another(self, message: JobMessage) -> None:
        """Have *message* parked for long, by a worker that is gone afterward."""

        async def body(_job: ClaimedJob) -> Parked:
            return make_parked()

        async with self.opened() as other, self.working(other, RecordingHandler(body)):
            await other.enqueue([message])
            await self.until_parked(other, message.result_id)

    @staticmethod
    def needs(queue: Queue, *capabilities: Capability) -> None:
        """Skip the case when *queue* does not declare all of *capabilities*."""
        missing = [item.value for item in capabilities if item not in queue.capabilities]
        if missing:
            pytest.skip(f"does not declare {', '.join(missing)}")
