"""Cases of the queue contract about a person who is erased: nothing of them stays, all of others does."""

import asyncio

from proofing.contracts.queues import Capability, ClaimedJob, OwnerPurge, Queue
from proofing.contracts.records import EndState
from proofing.testing.queue_basis import QueueBasis
from proofing.testing.queue_handlers import RecordingHandler, make_message
from proofing.testing.waiting import eventually

_OWNER, _OTHER = "person-to-erase", "person-to-keep"


class QueueOwnerPurge(QueueBasis):
    """`Queue.purge_owner`: waiting, delayed, running and ended jobs of one person."""

    async def test_waiting_jobs_of_a_person_are_dropped(self, queue: Queue) -> None:
        """They never run and nothing is kept of them; their unique keys are free; others' jobs run."""
        mine = make_message(owner=_OWNER, unique_key="the-key")
        later = make_message(owner=_OWNER, delay_seconds=60.0)
        other = make_message(owner=_OTHER)
        await queue.enqueue([mine, later, other])
        assert await queue.purge_owner(_OWNER) == OwnerPurge(removed=2)
        assert await queue.purge_owner(_OWNER) == OwnerPurge(removed=0)
        again = make_message(owner=_OTHER, unique_key="the-key")
        assert await queue.enqueue([again]) == 1
        stored = await self.stored_bytes()
        assert stored is None or (_OWNER.encode() not in stored and _OTHER.encode() in stored)
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await handler.until_ended(other, again, within_seconds=self.patience_seconds)
        assert set(handler.published) == {other.result_id, again.result_id}

    async def test_running_jobs_of_a_person_are_stopped(self, queue: Queue) -> None:
        """They are told to stop, from another process too, until none runs; the end is then deleted."""
        self.needs(queue, Capability.CANCEL_RUNNING)

        async def hold(_job: ClaimedJob) -> None:
            await asyncio.Event().wait()

        message = make_message(owner=_OWNER)
        handler = RecordingHandler(hold)
        async with self.opened() as web, self.working(queue, handler):
            await queue.enqueue([message])
            await handler.until_started(within_seconds=self.patience_seconds)
            assert (await web.purge_owner(_OWNER)).running == 1
            await handler.until_ended(message, within_seconds=self.patience_seconds)

            async def is_over() -> bool:
                return (await web.purge_owner(_OWNER)).running == 0

            await eventually(is_over, within_seconds=self.patience_seconds)
            await web.purge_owner(_OWNER)
            assert await web.final_status(message.result_id) is None
        assert handler.canceled == [message.result_id]
        assert handler.end(message.result_id) is EndState.CANCELED
        stored = await self.stored_bytes()
        assert stored is None or _OWNER.encode() not in stored

    async def test_ends_of_a_person_are_deleted(self, queue: Queue) -> None:
        """The history forgets the person's ends, and keeps those of a person whose reference is longer."""
        self.needs(queue, Capability.FINAL_STATUS)
        mine, other = make_message(owner=_OWNER), make_message(owner=f"{_OWNER}-2")
        handler = RecordingHandler()
        async with self.working(queue, handler):
            await queue.enqueue([mine, other])

            async def are_kept() -> bool:
                return all([await queue.final_status(sent.result_id) for sent in (mine, other)])

            await eventually(are_kept, within_seconds=self.patience_seconds)
        assert await queue.purge_owner(_OWNER) == OwnerPurge(removed=1)
        assert await queue.final_status(mine.result_id) is None
        assert await queue.final_status(other.result_id) is not None
