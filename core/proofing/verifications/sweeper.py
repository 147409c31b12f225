"""What time does to verifications, and to their jobs that nobody ended; every worker does it regularly.

Two workers that do the same at once do it once: each change is kept only where the record before is current.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from proofing.base.errors import ProofingError, VerificationStateError
from proofing.base.logs import get_logger, log
from proofing.contracts.queues import Queue
from proofing.contracts.records import EndState, StatusRecord
from proofing.contracts.stores import ResultStore
from proofing.contracts.verification_store import StoredVerification, VerificationStore
from proofing.contracts.verifications import BegunJob, Sealed, VerificationRecord
from proofing.crypto.encryption import KeyRing
from proofing.crypto.record_macs import is_genuine, sign_record
from proofing.rules import verifications as rules
from proofing.settings import LiveSettings
from proofing.verifications.changes import Changes, Decision
from proofing.verifications.ends import VerificationEnds

#: How many are read in one sweep.
BATCH = 500
#: How long idempotent answers are kept.
ANSWER_SECONDS = 48 * 3600.0
#: How long events can be polled, and delivered again.
EVENT_SECONDS = 30 * 86400.0
#: How long after a failure it is tried again to delete what a redacted verification has left.
RETRY_SECONDS = 120.0

_logger = get_logger(__name__)

#: Deletes what a redacted verification has left in other stores; returns whether nothing is left.
DeleteLeftovers = Callable[[VerificationRecord], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did.

    Attributes:
        jobs: whose end it recorded.
        expired: verifications that it ended.
        claims: verifications whose released attributes it deleted.
        redacted: redacted verifications of which it deleted the last leftovers.
        forgotten: verifications that it deleted.
    """

    jobs: int = 0
    expired: int = 0
    claims: int = 0
    redacted: int = 0
    forgotten: int = 0


class Sweeper:
    """Sweeps one verification store."""

    def __init__(
        self,
        *,
        store: VerificationStore,
        changes: Changes,
        ends: VerificationEnds,
        queue: Queue,
        results: ResultStore,
        keys: KeyRing,
        live: LiveSettings,
        delete_leftovers: DeleteLeftovers,
    ) -> None:
        """Sweep *store*.

        Args:
            store: of the verifications.
            changes: to it.
            ends: records those of jobs.
            queue: may know how a job ended.
            results: of the jobs.
            keys: sign ends.
            live: the settings in effect.
            delete_leftovers: deletes what a redacted verification has left in other stores.
        """
        self._store = store
        self._changes = changes
        self._ends = ends
        self._queue = queue
        self._results = results
        self._keys = keys
        self._live = live
        self._delete_leftovers = delete_leftovers

    async def sweep(self) -> Swept:
        """Do what is due now.

        Raises:
            StoreUnavailableError, QueueUnavailableError: not all of it was done; the next sweep does it.
        """
        now = self._store.now()
        jobs = [
            await self._end_job(begun) for begun in await self._store.overdue_jobs(before=now, limit=BATCH)
        ]
        expired = claims = forgotten = 0
        redacted: list[VerificationRecord] = []
        for record in await self._store.overdue_verifications(before=now, limit=BATCH):
            if rules.is_overdue(record, at=now):
                expired += await self._change(record, rules.expired)
            elif record.claims_expire_at is not None and record.claims_expire_at <= now:
                claims += await self._change(record, rules.claims_expired)
            elif record.leftovers_due_at is not None and record.leftovers_due_at <= now:
                redacted.append(record)
            elif record.forget_at is not None and record.forget_at <= now:
                forgotten += await self._store.delete(record.id)
        await self._store.purge_answers(before=now - ANSWER_SECONDS)
        await self._store.purge_events(before=now - EVENT_SECONDS)
        # Last, as they wait for other stores, and for vendors.
        done = [await self._redact(record) for record in redacted]
        swept = Swept(jobs=sum(jobs), expired=expired, claims=claims, redacted=sum(done), forgotten=forgotten)
        if swept != Swept():
            counts = asdict(swept)
            log(_logger, "verifications_swept", count=sum(counts.values()), outcome=counts)
        return swept

    async def _change(self, record: VerificationRecord, rule: Callable[..., rules.Change]) -> bool:
        """Change *record* by *rule*, unless somebody did something to it meanwhile; claims are deleted."""

        async def decide(stored: StoredVerification) -> Decision:
            return Decision(change=rule(stored.record, at=self._store.now()), sealed={Sealed.CLAIMS: None})

        return await _unless_refused(self._changes.make(record.id, decide))

    async def _redact(self, record: VerificationRecord) -> bool:
        """Delete what *record* has left; what cannot be deleted now is tried again later."""
        try:
            is_done = await self._delete_leftovers(record)
        except ProofingError as error:
            is_done = False
            log_leftovers(record, error)

        async def decide(stored: StoredVerification) -> Decision:
            now = self._store.now()
            retry_at = None if is_done else now + RETRY_SECONDS
            return Decision(change=rules.leftovers_tried(stored.record, at=now, retry_at=retry_at))

        return await _unless_refused(self._changes.make(record.id, decide)) and is_done

    async def _end_job(self, begun: BegunJob) -> bool:
        """Record the end of a job that no process recorded, publish it, and refund what was not answered."""
        end = await self._known_end(begun)
        if end is None:
            return False
        recorded = await self._ends.record_end(begun.verification_id, begun.link, end)
        kept = await self._results.finish(recorded, ttl_seconds=self._live.current.session_max_age_seconds)
        if kept.mac == recorded.mac and recorded.is_exception:
            await asyncio.gather(*map(self._results.refund, begun.counter_keys))
        log(
            _logger,
            "lost_job_ended",
            level=logging.WARNING,
            job_id=begun.result_id,
            kind=begun.kind.value,
            verification_id=begun.verification_id,
            end_state=recorded.end_state,
        )
        return True

    async def _known_end(self, begun: BegunJob) -> StatusRecord | None:
        """Return how the job ended, as far as anybody knows; None for one that still waits for its vendor."""
        known = await self._queue.final_status(begun.result_id)
        published = await self._results.status(begun.result_id)
        for record in (known, published):
            is_its = record is not None and record.owner == begun.owner and is_genuine(self._keys, record)
            if record is not None and is_its and record.is_done:
                return record
        if published is not None and (published.pending_until or 0.0) > self._results.now():
            return None
        lost = StatusRecord(
            result_id=begun.result_id,
            kind=begun.kind,
            owner=begun.owner,
            submitted_at=published.submitted_at if published else begun.begun_at,
        )
        now = self._results.now()
        return sign_record(self._keys, lost.finished(EndState.UNKNOWN_OUTCOME, at=now))


def log_leftovers(record: VerificationRecord, error: ProofingError) -> None:
    """Log that a redacted verification has left something, which is deleted later."""
    log(
        _logger,
        "redaction_incomplete",
        level=logging.WARNING,
        verification_id=record.id,
        error=type(error).__name__,
    )


async def _unless_refused(change: Awaitable[object]) -> bool:
    """Wait for *change*; False when a rule refuses it by now, or the verification is gone."""
    try:
        await change
    except VerificationStateError:
        return False
    except ProofingError as error:
        log(_logger, "verification_sweep_failed", level=logging.WARNING, error=type(error).__name__)
        return False
    return True
