"""Takes back what a failed submit has done, also when the answer of a store or of the queue was lost."""

import logging
import time
from collections.abc import Awaitable
from typing import Any

from proofing.base.backoff import Backoff
from proofing.base.concurrency import Background, gather_settled
from proofing.base.errors import ProofingError
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import Capability
from proofing.contracts.records import EndState, StatusRecord
from proofing.contracts.verifications import VerificationRef
from proofing.crypto.record_macs import sign_record
from proofing.jobs.attempts import ABANDONED, ADMITTED, Progress, Submission
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.start_marks import start_mark

#: The longest wait between two tries to take a job back from a queue that is down.
_LONGEST_PAUSE_SECONDS = 15.0

_logger = get_logger(__name__)


class Undoer:
    """Takes submits back. Its methods may be called again."""

    def __init__(self, parts: Dependencies, background: Background) -> None:
        """Undo in queue and result store of *parts*; what takes longer continues in *background*."""
        self._queue = parts.queue
        self._results = parts.results
        self._keys = parts.keys
        self._live = parts.live
        self._deadlines = parts.deadlines
        self._ends = parts.ends
        self._background = background

    async def undo(self, submission: Submission, progress: Progress) -> bool:
        """Take back what a failed submit has done; False when its job runs anyway."""
        if progress.admitted is None:
            try:
                await self._resolve_admission(progress)
            except ProofingError:
                # The store is down. The person is not kept waiting for it.
                self._background.begin(self._undo_in_background(submission, progress))
                return True
        return await self._undo_known(submission, progress)

    async def _undo_in_background(self, submission: Submission, progress: Progress) -> None:
        """Take back what was perhaps admitted, as soon as the store answers again."""
        try:
            await self._deadlines.retry_while_unavailable(lambda: self._resolve_admission(progress))
        except ProofingError as error:
            _log_not_undone(submission.result_id, error)
        else:
            await self._undo_known(submission, progress)

    async def _resolve_admission(self, progress: Progress) -> None:
        """Find out whether a submit was admitted whose answer was lost; if it was not, it never will be.

        Its mark is taken for it, so that an `admit` which is still on its way is refused.
        """
        mark = progress.mark
        if await self._results.add(mark.key, ABANDONED, ttl_seconds=mark.ttl_seconds):
            progress.admitted = False
        else:
            progress.admitted = await self._results.load(mark.key) == ADMITTED

    async def _undo_known(self, submission: Submission, progress: Progress) -> bool:
        """Do what `undo` does, once it is known whether the submit was admitted."""
        result_id = submission.result_id
        try:
            if progress.sent:
                canceled = self._canceled(submission)
                if not await self._deadlines.retry_while_unavailable(
                    lambda: self._call_off(canceled, submission.verification, progress)
                ):
                    return False
                self._background.begin(self._take_back(result_id))
            elif progress.begun:
                canceled = self._canceled(submission)
                await self._deadlines.retry_while_unavailable(
                    lambda: self._ends.record(submission.verification, canceled)
                )
            steps = self._give_back(submission, progress)
            if not progress.sent and not progress.repeats:
                steps.append(self._results.erase(result_id))
            await gather_settled(steps)
        except ProofingError as error:
            _log_not_undone(result_id, error)
        return True

    def _canceled(self, submission: Submission) -> StatusRecord:
        """Return the terminal record of a submit that is called off, signed."""
        now = self._results.now()
        record = StatusRecord(
            result_id=submission.result_id, kind=submission.kind, owner=submission.owner, submitted_at=now
        )
        return sign_record(self._keys, record.finished(EndState.CANCELED, at=now))

    async def _call_off(
        self, record: StatusRecord, verification: VerificationRef | None, progress: Progress
    ) -> bool:
        """End the attempt with *record* before any worker starts it; False when one has."""
        mark = start_mark(record.result_id, self._live.current, canceled=True)
        if not await self._results.add(mark.key, mark.value, ttl_seconds=mark.ttl_seconds):
            current = await self._results.load(mark.key)
            if current is not None and current != mark.value:
                return False
        recorded = await self._ends.record(verification, record)
        life = self._live.current.session_max_age_seconds
        kept = await self._results.finish(recorded, ttl_seconds=life)
        # The process that ended it first has refunded what that end refunds.
        progress.counts = progress.counts and kept.mac == record.mac
        return kept.end_state is EndState.CANCELED

    def _give_back(self, submission: Submission, progress: Progress) -> list[Awaitable[Any]]:
        """Return the steps that take the attempt off its counters, and its marks away."""
        if not progress.admitted:
            return []
        counters = submission.counters if progress.counts else ()
        steps: list[Awaitable[Any]] = [self._results.refund(one.key) for one in counters]
        if submission.undo is not None:
            steps.append(submission.undo())
        return steps

    async def _take_back(self, result_id: str) -> None:
        """Withdraw from the queue what may have arrived there, or may arrive yet.

        Tried for as long as the job could run. The record in the result store keeps every worker from it
        meanwhile; the queue keeps it off for good, should the result store lose the record. A queue that
        cannot bar an id is asked until the job is there.
        """
        deadline = time.monotonic() + self._live.current.async_stale_job_timeout_seconds
        backoff = Backoff(self._deadlines.undo_wait_seconds, _LONGEST_PAUSE_SECONDS)
        bars = Capability.WITHDRAW in self._queue.capabilities
        while time.monotonic() < deadline:
            try:
                if bars:
                    # False: it has begun or ended, and the record in the result store decides.
                    await self._queue.withdraw(result_id)
                    return
                if await self._queue.cancel(result_id):
                    return
            except ProofingError:
                pass  # still away
            await backoff.sleep()


def _log_not_undone(result_id: str, error: ProofingError) -> None:
    """Write that something of a failed submit is left."""
    log(
        _logger,
        "submit_rollback_failed",
        level=logging.WARNING,
        job_id=result_id,
        error=type(error).__name__,
    )
