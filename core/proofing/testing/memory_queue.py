"""A queue in memory for tests: `drain` runs everything that waits, and the test decides when."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from proofing.base.errors import QueueError
from proofing.contracts.queues import (
    Capability,
    JobHandler,
    JobMessage,
    JobSummary,
    OwnerPurge,
    Parked,
    QueueStats,
    Wake,
    notes_room,
    parked_message,
    refuse_long_note,
)
from proofing.contracts.records import EndState, JobState, StatusRecord


async def keep_plain(answers: bytes) -> bytes:
    """Return *answers* unsealed, for a `proofing.jobs.run.JobRun` of a test."""
    return answers


class MemoryJob:
    """One start of a job from a `MemoryQueue`."""

    def __init__(
        self,
        message: JobMessage,
        attempt: int,
        age_seconds: float | None = None,
        *,
        ready_at: float | None = None,
    ) -> None:
        """Take *message*; *age_seconds* stands in for the queue's clock, *ready_at* for its `enqueued_at`."""
        self.message = message
        self.attempt = attempt
        self._age = age_seconds
        self._since = message.enqueued_at if ready_at is None else ready_at
        #: The vendors of the intents, and the questions.
        self.intents: list[str] = []
        self._questions: list[int] = []
        self._answers = message.answers

    @property
    def age_seconds(self) -> float:
        """How long ago it was enqueued, or became ready again."""
        return time.time() - self._since if self._age is None else self._age

    async def record_intent(self, vendor_name: str, *, question: int, answers: bytes | None = None) -> None:
        """Remember that *vendor_name* is about to be called."""
        self.intents.append(vendor_name)
        self._questions.append(question)
        self._answers = self._answers if answers is None else answers

    async def record_answers(self, answers: bytes) -> None:
        """Remember *answers*."""
        self._answers = answers

    def interrupted(self, held: JobMessage) -> JobMessage:
        """Return *held*, the message by now, as it runs again after this run came to no end."""
        intents = (*held.intents, *self._questions)
        return replace(held, intents=intents, answers=self._answers)


class MemoryQueue:
    """Keeps jobs in a list, in the order of their coming.

    Attributes:
        waiting: jobs that are ready, each with its notes.
        parked: jobs that wait for their vendor, with the seconds until they are due; see `wake_parked`.
    """

    capabilities: frozenset[Capability] = frozenset(
        {Capability.CANCEL_WAITING, Capability.WITHDRAW, Capability.PARK}
    )

    def __init__(self) -> None:
        """Start empty."""
        self.waiting: list[JobMessage] = []
        self.parked: list[tuple[JobMessage, float]] = []
        #: The vendors that parked jobs wait for, by the jobs' ids.
        self._waits_for: dict[str, str] = {}
        self.canceled: list[JobMessage] = []
        self.ended: dict[str, StatusRecord] = {}
        self.withdrawn: set[str] = set()
        #: Jobs that run, by id, with all notes that they hold.
        self._running: dict[str, JobMessage] = {}
        #: When parked jobs became ready again, by id.
        self._ready_at: dict[str, float] = {}
        self._arrived = asyncio.Event()

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to release."""

    async def migrate(self) -> Sequence[str]:
        """Nothing to bring up to date."""
        return ()

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Keep *messages*. There is no transaction to join, so *connection* must be None."""
        if connection is not None:
            raise TypeError("this queue has no transactions")
        accepted = [message for message in messages if message.result_id not in self.withdrawn]
        self.waiting.extend(accepted)
        self._arrived.set()
        return len(accepted)

    async def cancel(self, result_id: str) -> bool:
        """Cancel a job that waits; the next `drain` publishes its end."""
        everything = [*self.waiting, *(message for message, _seconds in self.parked)]
        found = [message for message in everything if message.result_id == result_id]
        self._drop(result_id)
        self.canceled += found
        self._arrived.set()
        return bool(found)

    async def withdraw(self, result_id: str) -> bool:
        """Drop a job that waits, and bar its id; one that ended stays ended."""
        self.withdrawn.add(result_id)
        self._drop(result_id)
        return result_id not in self.ended

    async def wake(self, result_id: str, note: bytes, *, is_event: bool = True) -> Wake:
        """Keep *note* with a job, and have it become ready if it is parked."""
        refuse_long_note(note)
        message = self._find(result_id)
        if message is None or result_id in self.withdrawn:
            return Wake.GONE
        notes = (*message.notes, note)
        most_notes, most_bytes = notes_room(is_event=is_event)
        if len(notes) > most_notes or sum(map(len, notes)) > most_bytes:
            return Wake.FULL
        woken = replace(message, notes=notes)
        if result_id in self._running:
            self._running[result_id] = woken
        elif message in self.waiting:
            self.waiting[self.waiting.index(message)] = woken
        else:
            self._drop(result_id)
            self._make_ready(woken)
        return Wake.KEPT

    async def jobs(
        self,
        *,
        prefix: str = "",
        state: JobState | None = None,
        queue_name: str | None = None,
        limit: int = 100,
    ) -> Sequence[JobSummary]:
        """Return the jobs that wait, ready ones first."""
        found = [(message, JobState.READY) for message in self.waiting]
        found += [(message, JobState.PARKED) for message, _seconds in self.parked]
        return [
            JobSummary(
                result_id=message.result_id,
                queue_name=message.queue_name,
                state=kind,
                age_seconds=max(
                    0.0, time.time() - self._ready_at.get(message.result_id, message.enqueued_at)
                ),
                trace_id=message.trace_id,
                vendor=self._waits_for.get(message.result_id),
            )
            for message, kind in found
            if message.result_id.startswith(prefix.lower())
            and state in {None, kind}
            and queue_name in {None, message.queue_name}
        ][:limit]

    async def pause(self, queue_name: str) -> bool:
        """Refuse: a test decides when jobs run."""
        raise QueueError(f"this queue cannot pause {queue_name}")

    async def resume(self, queue_name: str) -> bool:
        """Refuse, as `pause`."""
        raise QueueError(f"this queue cannot resume {queue_name}")

    async def purge_owner(self, owner: str) -> OwnerPurge:
        """Drop the jobs and the ends of *owner*."""
        kept = [message for message in self.waiting if message.owner != owner]
        parked = [(message, seconds) for message, seconds in self.parked if message.owner != owner]
        ended = {key: record for key, record in self.ended.items() if record.owner != owner}
        removed = len(self.waiting) - len(kept) + len(self.ended) - len(ended)
        removed += len(self.parked) - len(parked)
        self.waiting, self.parked, self.ended = kept, parked, ended
        return OwnerPurge(removed=removed)

    async def final_status(self, result_id: str) -> StatusRecord | None:
        """Return nothing: ends are not durable here."""
        _ = result_id
        return None

    async def drain(self, handler: JobHandler) -> list[StatusRecord]:
        """Run every waiting job, one after the other, and return their ends."""
        while self.canceled:
            await handler.discard(self.canceled.pop(), EndState.CANCELED)
        records = []
        while self.waiting:
            message = self.waiting.pop(0)
            self._running[message.result_id] = message
            ready_at = self._ready_at.get(message.result_id)
            job = MemoryJob(message, attempt=1, ready_at=ready_at)
            try:
                record = await handler.run(job)
            except BaseException:
                # Its worker was stopped or has died: it runs again, with the notes that it holds by now.
                self.waiting.insert(0, job.interrupted(self._running.pop(message.result_id)))
                raise
            held = self._running.pop(message.result_id).notes
            if isinstance(record, Parked):
                self._waits_for[message.result_id] = record.vendor
                parked, unread = parked_message(message, record), held[len(message.notes) :]
                if unread or record.run_in_seconds <= 0:
                    self._make_ready(replace(parked, notes=unread))
                else:
                    self.parked.append((parked, record.run_in_seconds))
                continue
            self.ended[message.result_id] = record
            records.append(record)
        return records

    def wake_parked(self) -> None:
        """Have the parked jobs become ready, whatever their time."""
        parked, self.parked = self.parked, []
        for message, _seconds in parked:
            self._make_ready(message)

    def _find(self, result_id: str) -> JobMessage | None:
        """Return a job that runs, waits or is parked, with the notes that it holds."""
        everything = [*self._running.values(), *self.waiting, *(message for message, _seconds in self.parked)]
        return next((message for message in everything if message.result_id == result_id), None)

    def _make_ready(self, message: JobMessage) -> None:
        """Have a job that was parked run as soon as it can; its age counts from now."""
        self.waiting.append(message)
        self._ready_at[message.result_id] = time.time()
        self._arrived.set()

    def _drop(self, result_id: str) -> None:
        """Drop a job that waits or is parked."""
        self.waiting = [message for message in self.waiting if message.result_id != result_id]
        self.parked = [one for one in self.parked if one[0].result_id != result_id]

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
        parked = Counter(message.queue_name for message, _seconds in self.parked)
        return QueueStats(waiting=waiting, running={}, oldest_seconds=oldest, parked=parked)

    async def parked_by_vendor(self) -> Mapping[str, int]:
        """Return how many jobs are parked for each vendor."""
        return Counter(self._waits_for[message.result_id] for message, _seconds in self.parked)
