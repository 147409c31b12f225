"""Deletes what a redacted verification has left in the queue and in other stores than its own.

A redaction is recorded in the verification store first. Then the process that recorded it deletes what any
process may; the sweeper of a worker deletes the rest: images and routing decisions, which web processes may
not delete, and what vendors hold of pending questions. Every step may be repeated; routing decisions are
deleted again when no job can add another one.
"""

import asyncio
from collections.abc import Collection

from proofing.app.result_erasure import ResultErasure, jobs_of
from proofing.contracts.verifications import VerificationRecord
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.forgetting import ForgetOutcome, Forgetter
from proofing.jobs.recording import DECISIONS_WITHIN_SECONDS
from proofing.sessions.erasure_index import ErasureIndex


class Redaction:
    """Deletes from one queue, result store and image store."""

    def __init__(self, parts: Dependencies) -> None:
        """Delete from queue and stores of *parts*."""
        self._queue = parts.queue
        self._images = parts.images
        self._verifications = parts.verifications
        self._calls = parts.calls
        self._live = parts.live
        self._results = ResultErasure(parts.results, parts.keys, parts.live)
        self._erasure_index = ErasureIndex(parts.results, parts.live)

    async def delete_here(self, record: VerificationRecord) -> None:
        """Delete what any process may: sessions, upload slots, results, and jobs that are parked.

        Raises:
            StoreUnavailableError, QueueUnavailableError: not all of it was deleted.
        """
        footprints = await self._erasure_index.read(record.person, verification=record.id)
        _removed, stopped = await self._results.close(footprints)
        await asyncio.gather(*map(self._queue.cancel, jobs_of(footprints)))
        await self._results.delete_records(footprints, stopped, can_stop=False)

    async def delete_all(self, record: VerificationRecord, forgetter: Forgetter) -> bool:
        """Delete the rest, too, with the rights of a worker; return whether nothing is left.

        *forgetter* tells vendors.

        Raises:
            StoreUnavailableError, QueueUnavailableError: not all of it was deleted.
        """
        await self.delete_here(record)
        footprints = await self._erasure_index.read(record.person, verification=record.id)
        for key in {key for footprint in footprints for key in footprint.objects}:
            await self._images.delete(key)
        answers = [await forgetter.forget(record.person, job) for job in jobs_of(footprints)]
        may_add = await self._forget_decisions(record, jobs_of(footprints))
        has_failed = any(one.outcome is ForgetOutcome.FAILED for told in answers for one in told)
        return not (may_add or has_failed)

    async def _forget_decisions(self, record: VerificationRecord, noted: Collection[str]) -> bool:
        """Delete which vendors were chosen in the jobs of *record*; return whether one may still add another.

        The store of verifications knows its jobs for longer than the erasure index does, by which jobs are
        *noted*; that one alone knows those that send codes.
        """
        ended = await self._verifications.ends(record.id)
        begun = await self._verifications.begun_jobs(record.id)
        recorded = {*(end.result_id for end in ended), *(job.result_id for job in begun)}
        await self._calls.forget_jobs(sorted({*noted, *recorded}))
        # The records of a job are added alongside its end, and later where their store is slow.
        last = max((end.record.finished_at or 0.0 for end in ended), default=0.0)
        if not recorded.issuperset(noted):
            # Nothing knows of the others how long they ran; they were not begun after the redaction.
            last = max(last, (record.redacted_at or 0.0) + self._live.current.longest_job_seconds)
        return bool(begun) or self._verifications.now() < last + DECISIONS_WITHIN_SECONDS
