"""What the two storages have in common: the contract between our Huey and whatever keeps the jobs.

Alongside Huey's own tables or keys each keeps *taken keys*, with an expiry: one for each job, so that a job
that is sent again is not kept twice, and one for each unique key. As long as a job has no end, whether it
waits, runs or is parked, its id holds its key. Notes are kept apart from the message, until the job has read
them or ended. A job that is taken out of the queue becomes a *started* one in the same step, under a lease
that its worker renews, until it ends, is parked or is handed back. Huey itself knows none of this.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from huey.storage import BaseStorage

from proofing.plugin import JobMessage, Wake
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.pauses import Pause

#: Holds the key of a job that was withdrawn.
WITHDRAWN = ""
#: Holds the key of a job that has ended.
ENDED = "ended"
#: After which a started job is lost, by the storage's clock, unless its worker renews the lease.
LEASE_SECONDS = 30.0
#: How long an idle thread waits until it looks by itself, in case its watcher is blind.
IDLE_SECONDS = 30.0
#: Beyond the longest wait and run of a job, its unique key stays taken this much longer.
_TAKEN_MARGIN_SECONDS = 60.0
#: The same for the job's own key, without which it cannot be woken: a pause does not count.
_PAUSE_MARGIN_SECONDS = 86_400.0

#: Returns the blob of a parked job, made ready now, for its queue and the blob it was parked with; None when
#: that is another job's.
Rewrite = Callable[[str, bytes], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Entry:
    """One job to keep.

    Attributes:
        queue_name: which queue it waits in.
        blob: as serialized.
        result_id: of the job.
        unique_key: none or one other job may hold it.
        ttl_seconds: after which its unique key is free again, and after its end the job's own.
        ready_at: when it may run, in seconds since the epoch; None for now.
        started: the blob that it was started with, which is started no longer once the entry is kept; None
            for a job that was not started.
    """

    queue_name: str
    blob: bytes
    result_id: str
    unique_key: str | None
    ttl_seconds: float
    ready_at: float | None = None
    started: bytes | None = None

    @property
    def job_key(self) -> str:
        """The taken key of the job itself."""
        return job_name(self.result_id)

    @property
    def job_ttl_seconds(self) -> float:
        """After which the job's own key is free again, if nobody ends the job."""
        return self.ttl_seconds + _PAUSE_MARGIN_SECONDS

    @property
    def taken_keys(self) -> dict[str, float]:
        """Its taken keys, and after how many seconds each is free again."""
        unique = {} if self.unique_key is None else {unique_name(self.unique_key): self.ttl_seconds}
        return {self.job_key: self.job_ttl_seconds, **unique}


class JobStorage(BaseStorage):  # type: ignore[misc]
    """A Huey storage that can also do what our queue needs.

    Its `dequeue` takes a job that is ready and has it started, in one step; none while the queue is paused.
    """

    @abstractmethod
    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one step, each until its time, and return how many were accepted.

        A job that was kept before counts as accepted and is not kept again; a job whose unique key another
        job holds is left out.
        """

    @abstractmethod
    def park(self, entry: Entry, *, woken: bytes, read: int) -> bool:
        """Keep a job of this queue until its time, and its taken keys as long, in one step.

        Nothing happens to a job that is not started anymore: a park before this one has kept it, whose answer
        was lost, and it may be woken already; or it was purged, or ended as a lost one.

        Args:
            entry: the job, as it runs at its time.
            woken: the blob that is kept instead, to run now, if the job holds notes that it has not read.
            read: how many of its notes its run has read: these are deleted.

        Returns:
            False when the job was canceled meanwhile, and is not kept.
        """

    @abstractmethod
    def wake(self, result_id: str, note: bytes, rewrite: Rewrite, *, is_event: bool) -> Wake:
        """Keep *note* for a job of any queue, and make the job ready if it is parked, in one step.

        The room that it may use is that of `proofing.plugin.notes_room`.
        """

    @abstractmethod
    def notes(self, result_id: str) -> tuple[bytes, ...]:
        """Return the notes of a job, oldest first."""

    @abstractmethod
    def put_back(self, blob: bytes, started: bytes, *, ready_at: float | None = None) -> None:
        """Keep *blob*, until its time if it has one, in place of a job that was *started*, in one step."""

    @abstractmethod
    def started_items(self) -> Sequence[bytes]:
        """Return the jobs of this queue that were started by any worker."""

    @abstractmethod
    def renew(self, started: Sequence[bytes]) -> None:
        """Begin the leases of jobs that run here again; one that is started no longer stays so."""

    @abstractmethod
    def take_lost(self) -> Sequence[bytes]:
        """Return the started jobs whose lease is over, and begin it again, in one step.

        So one worker ends them, and another one does when that one dies, too.
        """

    @abstractmethod
    def forget_started(self, started: bytes) -> None:
        """Forget that a job was started."""

    @abstractmethod
    def finish(self, entry: Entry) -> None:
        """Forget a job that has ended: free its unique key, delete its notes, and let nobody wake it."""

    @abstractmethod
    def drop(self, pick: Callable[[bytes], Entry | None]) -> int:
        """Delete and finish the waiting and scheduled jobs of this queue that *pick* returns; count them."""

    @abstractmethod
    def bar(self, result_id: str, ttl_seconds: float, *, is_dropped: bool = False) -> bool:
        """Take the key of a job that was never kept, or was dropped, so that it never is kept again.

        Returns:
            False when the job holds it, or did until its end, and was not dropped.
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

    @abstractmethod
    def move_due(self, now: float) -> None:
        """Make the jobs of this queue ready whose time has come, the first due first, in one step.

        Huey itself would take them out, and put them in one by one: a worker that dies in between loses them.
        """


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


def revoke_id(result_id: str) -> str:
    """Return the key under which Huey keeps that a job was canceled."""
    return f"r:{result_id}"


def unique_name(unique_key: str) -> str:
    """Return the taken key of a job's unique key."""
    return f"unique:{unique_key}"


def entry_of(
    message: JobMessage, blob: bytes, *, ready_at: float | None = None, started: bytes | None = None
) -> Entry:
    """Return *message*, serialized as *blob*, as it is kept. See `Entry`."""
    wait_seconds = 0.0 if ready_at is None else max(0.0, ready_at - time.time())
    life = wait_seconds + message.stale_after_seconds + message.deadline_seconds
    return Entry(
        queue_name=message.queue_name,
        blob=blob,
        result_id=message.result_id,
        unique_key=message.unique_key,
        ttl_seconds=life + _TAKEN_MARGIN_SECONDS,
        ready_at=ready_at,
        started=started,
    )
