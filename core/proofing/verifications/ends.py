"""Records begins and ends of jobs with their verification: the store is where the first end of a job wins.

Implements `proofing.contracts.ends.EndRecorder`. A job that sends a code is no step of a verification and is
not recorded: the returned code is.
"""

import asyncio
import logging

from proofing.base.errors import VerificationNotFoundError, VerificationStateError
from proofing.base.logs import get_logger, log
from proofing.contracts.ends import NOTHING, Found
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind, StatusRecord
from proofing.contracts.verification_store import StoredVerification, VerificationStore
from proofing.contracts.verifications import BegunJob, JobEnd, Mode, VerificationRef
from proofing.crypto.encryption import Sealer
from proofing.rules import verifications as rules
from proofing.verifications.changes import Changes, Decision
from proofing.verifications.released import sealed_claims

_logger = get_logger(__name__)


class VerificationEnds:
    """Records begins and ends in one store."""

    def __init__(self, store: VerificationStore, changes: Changes, sealer: Sealer) -> None:
        """Record in *store* by *changes*; *sealer* seals what is released of people."""
        self._store = store
        self._changes = changes
        self._sealer = sealer

    async def begin(self, message: JobMessage, *, give_up_seconds: float) -> None:
        """See `proofing.contracts.ends.EndRecorder`."""
        verification = message.verification
        if verification is None or not _is_step(message.kind):
            return

        async def decide(stored: StoredVerification) -> Decision:
            if (stored.record.person, stored.record.mode) != (message.owner, message.mode):
                raise VerificationNotFoundError
            now = self._store.now()
            begun = BegunJob(
                result_id=message.result_id,
                verification_id=verification.id,
                link=verification.link,
                kind=message.kind,
                owner=message.owner,
                begun_at=now,
                give_up_at=now + give_up_seconds,
                counter_keys=message.counter_keys,
            )
            change = rules.job_begun(stored.record, link=verification.link, at=now)
            return Decision(change=change, begun=begun)

        await self._changes.make(verification.id, decide)

    async def record(
        self, verification: VerificationRef | None, record: StatusRecord, found: Found = NOTHING
    ) -> StatusRecord:
        """See `proofing.contracts.ends.EndRecorder`."""
        if verification is None or not _is_step(record.kind):
            return record
        return await self.record_end(
            verification.id, verification.link, record, found, mode=verification.mode
        )

    async def record_end(
        self,
        verification_id: str,
        link: int,
        record: StatusRecord,
        found: Found = NOTHING,
        *,
        mode: Mode | None = None,
    ) -> StatusRecord:
        """Record the end of a job of a session that began by this *link*; see `record`.

        A job that ran in another *mode* than the verification's is none of it; None where it did not run.
        """
        end = JobEnd(
            verification_id=verification_id,
            link=link,
            record=record,
            checks=found.checks,
            evidence=found.evidence,
        )

        async def decide(stored: StoredVerification) -> Decision:
            if stored.record.person != record.owner or mode not in {None, stored.record.mode}:
                raise VerificationNotFoundError
            earlier, begun = await asyncio.gather(
                self._store.ends(verification_id), self._store.begun_jobs(verification_id)
            )
            others = [
                one
                for one in begun
                if one.result_id != record.result_id and one.link == stored.record.started_link
            ]
            change = rules.job_ended(
                stored.record, [*earlier, end], at=self._store.now(), still_running=bool(others)
            )
            is_of_session = record.is_success and link == stored.record.started_link
            applicant = (
                found.applicant if is_of_session and stored.record.state.is_open else NOTHING.applicant
            )
            sealed = await sealed_claims(self._sealer, stored, change.record, applicant, record.kind)
            return Decision(change=change, sealed=sealed, end=end)

        try:
            kept = await self._changes.make(verification_id, decide)
        except (VerificationNotFoundError, VerificationStateError) as error:
            # It was erased, or restored from a backup: the person still gets the job's end.
            log(
                _logger,
                "verification_end_dropped",
                level=logging.WARNING,
                verification_id=verification_id,
                job_id=record.result_id,
                error=type(error).__name__,
            )
            return record
        recorded = kept.changed.end if kept.changed is not None else None
        return record if recorded is None else recorded.record


def _is_step(kind: JobKind) -> bool:
    """Return whether jobs of this *kind* answer a step of a verification."""
    return kind is not JobKind.CODE
