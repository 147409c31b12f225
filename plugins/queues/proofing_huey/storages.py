"""What the two storages have in common: the contract between our Huey and whatever keeps the jobs.

Alongside Huey's own tables or keys each keeps *taken keys*, with an expiry: one for each job, so that a job
that is sent again is not kept twice, and one for each unique key. Huey itself knows neither.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from huey.storage import BaseStorage

from proofing.plugin import JobMessage
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.pauses import Pause

#: Holds the key of a job that was withdrawn.
WITHDRAWN = ""
#: How long an idle thread waits until it looks by itself, in case its watcher is blind.
IDLE_SECONDS = 30.0
#: Beyond the longest wait and run of a job, its keys stay taken this much longer.
_TAKEN_MARGIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Entry:
    """One job to keep.

    Attributes:
        queue_name: which queue it waits in.
        blob: as serialized.
        result_id: of the job.
        unique_key: none or one other job may hold it.
        ttl_seconds: after which its taken keys are free again.
    """

    queue_name: str
    blob: bytes
    result_id: str
    unique_key: str | None
    ttl_seconds: float

    @property
    def job_key(self) -> str:
        """The taken key of the job itself."""
        return job_name(self.result_id)

    @property
    def taken_keys(self) -> list[str]:
        """All its taken keys."""
        return [self.job_key, *([] if self.unique_key is None else [unique_name(self.unique_key)])]


class JobStorage(BaseStorage):  # type: ignore[misc]
    """A Huey storage that can also do what our queue needs."""

    @abstractmethod
    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one step and return how many were accepted.

        A job that was kept before counts as accepted and is not kept again; a job whose unique key another
        job holds is left out.
        """

    @abstractmethod
    def park(self, entry: Entry, ready_at: float) -> None:
        """Keep a job of this queue until *ready_at*, and its taken keys as long, in one step."""

    @abstractmethod
    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete the waiting and scheduled jobs of this queue that *is_wanted* picks, and return them."""

    @abstractmethod
    def release(self, unique_key: str, result_id: str) -> None:
        """Free *unique_key* if the job *result_id* holds it."""

    @abstractmethod
    def bar(self, result_id: str, ttl_seconds: float, *, is_dropped: bool = False) -> bool:
        """Take the key of a job that was never kept, or was dropped, so that it never is kept again.

        Returns:
            False when the job holds it, which was not dropped.
        """

    @abstractmethod
    def pauses(self) -> Sequence[Pause]:
        """Return the pauses of this queue that are remembered."""

    @abstractmethod
    def pause(self, now: float) -> bool:
        """Begin a pause at *now*, and return whether none was open."""

    @abstractmethod
    def resume(self, now: float) -> bool:
        """End the open pause at *now*, and return whether there was one."""

    def add_to_schedule(self, data: bytes, ts: datetime) -> None:
        """Keep a task until *ts*; Huey's naive UTC would be read as local time."""
        super().add_to_schedule(data, ts.replace(tzinfo=UTC))


class Watcher(Protocol):
    """Wakes the idle threads of this process when another one has enqueued."""

    def start(self) -> None:
        """Begin, in a thread of its own."""

    def stop(self) -> None:
        """End, and wait for the thread."""


class Backend(Protocol):
    """One kind of storage, made for one process."""

    def storage(self, queue_name: str) -> JobStorage:
        """Return the storage of one queue. No I/O."""

    def check(self) -> None:
        """Connect. Raises whatever the library raises."""

    def migrate(self) -> Sequence[str]:
        """Make what is missing and return what was done."""

    def watcher(self, idle: Mapping[str, IdleThreads]) -> Watcher | None:
        """Return what wakes *idle*, or None when the storage wakes its threads itself."""

    def close(self) -> None:
        """Disconnect."""


def job_name(result_id: str) -> str:
    """Return the taken key of a job."""
    return f"job:{result_id}"


def unique_name(unique_key: str) -> str:
    """Return the taken key of a job's unique key."""
    return f"unique:{unique_key}"


def entry_of(message: JobMessage, blob: bytes, *, wait_seconds: float) -> Entry:
    """Return *message*, serialized as *blob*, as it is kept; it is not ready for *wait_seconds*."""
    life = wait_seconds + message.stale_after_seconds + message.deadline_seconds
    return Entry(
        queue_name=message.queue_name,
        blob=blob,
        result_id=message.result_id,
        unique_key=message.unique_key,
        ttl_seconds=life + _TAKEN_MARGIN_SECONDS,
    )
