"""Our postgres queue, as a process would use it: descriptor defaults, a handler that ends at once."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

from bench.queue.systems.base import PAYLOAD, Body, System
from proofing.contracts.queues import ClaimedJob, JobMessage
from proofing.contracts.records import EndState, JobKind, State, StatusRecord
from proofing.contracts.results import Outcome
from proofing_postgres import enqueuing
from proofing_postgres.claiming import Claimer
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

_KIND = JobKind.RESOLUTION
_MAC = "0" * 64


def _message() -> JobMessage:
    return JobMessage(result_id=str(uuid.uuid4()), kind=_KIND, owner="person-1", encrypted_arguments=PAYLOAD)


class _Handler:
    """Ends every job as done, with a record as large as a real one."""

    def __init__(self, body: Body | None, ended: Callable[[], None]) -> None:
        self._body = body
        self._ended = ended

    async def run(self, job: ClaimedJob) -> StatusRecord:
        """See `proofing.contracts.queues.JobHandler`."""
        message = job.message
        if self._body is not None:
            await self._body()
        self._ended()
        return StatusRecord(
            result_id=message.result_id,
            kind=message.kind,
            owner=message.owner,
            submitted_at=message.enqueued_at,
            state=State.DONE,
            end_state=EndState.DONE,
            outcome=Outcome.PASSED,
            reasons=("pass_resolution_and_state_id",),
            finished_at=time.time(),
            mac=_MAC,
        )

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """See `proofing.contracts.queues.JobHandler`."""
        raise AssertionError(f"{message.result_id} ended as {end}")


class Ours(System):
    """`proofing_postgres`."""

    name = "proofing"

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
        #: Whether enqueueing wakes nobody; for the measure of what a notification costs.
        self.is_silent = False

    async def set_up(self) -> None:
        """Make the tables. See `System`."""
        await self._queue.migrate()

    async def fill(self, count: int) -> None:
        """Enqueue many jobs. See `System`."""
        for start in range(0, count, 1000):
            await self._queue.enqueue([_message() for _ in range(min(1000, count - start))])

    async def enqueue(self) -> None:
        """Enqueue one job. See `System`."""
        if self.is_silent:
            enqueuing._wakes_of = lambda _messages: set()  # noqa: SLF001 - the bench looks inside
        await self._queue.enqueue([_message()])

    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs. See `System`."""
        handler = _Handler(body, ended)
        await self._queue.work(handler, slots={_KIND.queue_name: slots}, stop=stop, drain_seconds=5)

    async def close(self) -> None:
        """Close what was opened. See `System`."""
        await self._queue.close()


def time_claims() -> list[float]:
    """Have every claim of this process timed, and return the list that the milliseconds go to."""
    durations: list[float] = []
    original = Claimer._claim  # noqa: SLF001 - the bench looks inside

    async def timed(self: Claimer, *arguments: Any) -> int:
        started = time.perf_counter()
        count = await original(self, *arguments)
        durations.append((time.perf_counter() - started) * 1000)
        return count

    Claimer._claim = timed  # type: ignore[method-assign]  # noqa: SLF001 - as above
    return durations
