"""A `JobHandler` for tests of queues: keeps what a life cycle would have published, and every start."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from proofing.contracts.queues import ClaimedJob, JobMessage, Parked
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.testing.waiting import eventually

#: What a test does inside a job; returns the end, None for `EndState.DONE`, or that the job is parked.
Body = Callable[[ClaimedJob], Awaitable[EndState | Parked | None]]

#: The sealed arguments of a job that these tests park.
PARKED_ARGUMENTS = b"sealed again\x00\xff"
#: Long enough to look at a job while it is parked.
LONG_SECONDS = 3600.0


async def immediately(_job: ClaimedJob) -> EndState | None:
    """Do nothing: the body of a job that ends as soon as it begins."""
    return None


def make_parked(seconds: float = LONG_SECONDS, *, vendor: str = "acme:later") -> Parked:
    """Return what a job is parked with for *seconds*, waiting for *vendor*."""
    return Parked(encrypted_arguments=PARKED_ARGUMENTS, run_in_seconds=seconds, vendor=vendor)


class RecordingHandler:
    """Stands in for the life cycle: publishes into memory, where the first end of a job wins.

    Handlers that share *published* stand for workers that share one result store.

    Attributes:
        body: what jobs do.
        started: a `ClaimedJob` for each start, in order.
        published: result id to the effective record.
        late: ends that came after another one was published, as result id and end.
        canceled: result ids of runs that the queue canceled.
    """

    def __init__(self, body: Body = immediately, *, published: dict[str, StatusRecord] | None = None) -> None:
        self.body = body
        self.started: list[ClaimedJob] = []
        self.published: dict[str, StatusRecord] = {} if published is None else published
        self.late: list[tuple[str, EndState]] = []
        self.canceled: list[str] = []
        self.running = 0
        self.most_running: Counter[str] = Counter()
        self._running: Counter[str] = Counter()

    async def run(self, job: ClaimedJob) -> StatusRecord | Parked:
        """Run `body`, after the last of the stale rule's checks. See `JobHandler`."""
        message = job.message
        self.started.append(job)
        if job.age_seconds > message.stale_after_seconds:
            return self._publish(message, EndState.STALE)
        queue_name = message.queue_name
        self.running += 1
        self._running[queue_name] += 1
        self.most_running[queue_name] = max(self.most_running[queue_name], self._running[queue_name])
        try:
            end = await self.body(job)
        except asyncio.CancelledError:
            self.canceled.append(message.result_id)
            raise
        finally:
            self.running -= 1
            self._running[queue_name] -= 1
        return end if isinstance(end, Parked) else self._publish(message, end or EndState.DONE)

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Publish *end*. See `proofing.contracts.queues.JobHandler`."""
        return self._publish(message, end)

    def starts(self, result_id: str) -> int:
        """Return how often the job began here."""
        return sum(job.message.result_id == result_id for job in self.started)

    def end(self, result_id: str) -> EndState | None:
        """Return the published end, or None."""
        record = self.published.get(result_id)
        return record.end_state if record else None

    async def until_started(self, count: int = 1, *, within_seconds: float = 20.0) -> None:
        """Wait until *count* starts were seen."""
        await eventually(lambda: len(self.started) >= count, within_seconds=within_seconds)

    async def until_ended(self, *messages: JobMessage, within_seconds: float = 20.0) -> None:
        """Wait until every one of *messages* has an end."""
        await eventually(
            lambda: all(message.result_id in self.published for message in messages),
            within_seconds=within_seconds,
        )

    def _publish(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Keep the first end of a job and return it."""
        record = make_record(message, end)
        standing = self.published.setdefault(message.result_id, record)
        if standing is not record:
            self.late.append((message.result_id, end))
        return standing


def make_record(message: JobMessage, end: EndState) -> StatusRecord:
    """Return the terminal record of *message*, with a made-up MAC."""
    return StatusRecord(
        result_id=message.result_id,
        kind=message.kind,
        owner=message.owner,
        submitted_at=message.enqueued_at,
    ).finished(
        end,
        at=time.time(),
        outcome=Outcome.PASSED if end is EndState.DONE else Outcome.UNKNOWN,
        reasons=("pass_resolution_and_state_id",) if end is EndState.DONE else (),
    )


def make_message(kind: JobKind = JobKind.RESOLUTION, **changes: Any) -> JobMessage:
    """Return a message under a fresh id, with random bytes as its sealed arguments."""
    values: dict[str, Any] = {
        "result_id": str(uuid.uuid4()),
        "kind": kind,
        "owner": f"person-{uuid.uuid4().hex[:8]}",
        "encrypted_arguments": b"sealed\x00\xff" + uuid.uuid4().bytes,
    }
    return JobMessage(**(values | changes))
