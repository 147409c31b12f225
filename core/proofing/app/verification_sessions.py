"""What people do with verifications: links that are opened and used, and the sessions that they begin.

A link is found by the digest of its token. Who may act for a verification is the session of its latest used
link; one of an earlier link is refused.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proofing.base.errors import ProofingError, VerificationNotFoundError, VerificationStateError
from proofing.base.logs import get_logger, log
from proofing.contracts.people import PersonRef
from proofing.contracts.verification_store import StoredVerification, VerificationStore
from proofing.contracts.verifications import (
    BegunJob,
    CodeReturned,
    Sealed,
    VerificationRecord,
    VerificationRef,
)
from proofing.crypto.encryption import KeyRing
from proofing.rules import verifications as rules
from proofing.verifications.changes import Changes, Decision
from proofing.verifications.links import is_token, is_token_of, token_digest
from proofing.verifications.released import deletes_claims

_logger = get_logger(__name__)

#: Cancels a job and publishes that; see `proofing.jobs.submissions.Submitter.cancel_begun`.
CancelJob = Callable[[BegunJob, VerificationRef], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Started:
    """What a session needs that begins by a link.

    Attributes:
        record: of the verification.
        person: to be kept in the session: reference, partner and verification.
    """

    record: VerificationRecord
    person: PersonRef


class VerificationSessions:
    """The part of `proofing.app.verifications.Verifications` that people use, through their pages."""

    def __init__(
        self, store: VerificationStore, changes: Changes, keys: KeyRing, cancel_job: CancelJob
    ) -> None:
        """Serve people whose verifications are in *store*; *keys* derive links."""
        self.store = store
        self._changes = changes
        self._keys = keys
        self._cancel_job = cancel_job

    def now(self) -> float:
        """Return the store's time, in seconds since the epoch."""
        return self.store.now()

    async def find_link(self, token: str) -> VerificationRecord:
        """Return the verification that a link opens; a GET may call it, and it uses nothing.

        Raises:
            VerificationNotFoundError: there is no such link, or a newer one replaced it.
            LinkRefusedError: it is used, expired, or the verification has ended.
        """
        record = (await self._find_link(token)).record
        rules.usable_link(record, at=self.now())
        return record

    async def start(self, token: str) -> Started:
        """Use a link, by POST only; a session of an earlier link ends, with its running job.

        Raises:
            VerificationNotFoundError: there is no such link, or a newer one replaced it.
            LinkRefusedError: it is used, expired, or the verification has ended.
        """
        found = await self._find_link(token)

        async def decide(stored: StoredVerification) -> Decision:
            if not is_token_of(self._keys, stored.record, token):
                raise VerificationNotFoundError
            change = rules.started(stored.record, at=self.now())
            return Decision(change=change, sealed={Sealed.CLAIMS: None})

        record = (await self._changes.make(found.record.id, decide)).record
        await self._cancel_jobs(record)
        return Started(record=record, person=person_of(record))

    async def current(self, person: PersonRef) -> VerificationRecord:
        """Return the verification of a person's session, which may have ended.

        Raises:
            VerificationNotFoundError: it was deleted.
            VerificationStateError: a session of a newer link has replaced this one (``session_replaced``).
        """
        return (await self._of_session(person)).record

    async def record_code(
        self, person: PersonRef, *, digits: int, made_at: float, age_seconds: float
    ) -> VerificationRecord:
        """Record that the code which was sent to the person's phone came back. After the end: nothing.

        Args:
            person: of the session.
            digits: how long the code is.
            made_at: when it was made, by the clock by which jobs are submitted.
            age_seconds: how old it was.

        Raises:
            VerificationNotFoundError: the verification was deleted.
            VerificationStateError: it is not this session's anymore.
        """
        record = (await self._of_session(person)).record
        link = record.started_link

        async def decide(stored: StoredVerification) -> Decision:
            now = self.now()
            code = CodeReturned(at=now, made_at=made_at, digits=digits, age_seconds=age_seconds)
            ends = await self.store.ends(record.id)
            change = rules.code_returned(stored.record, ends, code, link=link, at=now)
            is_no = deletes_claims(change.record)
            return Decision(change=change, sealed={Sealed.CLAIMS: None} if is_no else {})

        return (await self._changes.make(record.id, decide)).record

    async def _of_session(self, person: PersonRef) -> StoredVerification:
        verification = person.verification
        if verification is None:
            raise VerificationNotFoundError
        stored = await self.store.load(verification.id)
        if stored is None or stored.record.person != person.reference:
            raise VerificationNotFoundError
        if stored.record.started_link != verification.link:
            raise VerificationStateError("continue", stored.record.state, rules.SESSION_REPLACED)
        return stored

    async def _find_link(self, token: str) -> StoredVerification:
        if not is_token(token):
            raise VerificationNotFoundError
        stored = await self.store.find_link(token_digest(token))
        if stored is None or not is_token_of(self._keys, stored.record, token):
            raise VerificationNotFoundError
        return stored

    async def _cancel_jobs(self, record: VerificationRecord) -> None:
        """Cancel the jobs that run for *record*; what fails is discarded when its result comes."""
        for begun in await self.store.begun_jobs(record.id):
            ref = VerificationRef(id=record.id, mode=record.mode, link=begun.link)
            try:
                await self._cancel_job(begun, ref)
            except ProofingError as error:
                log(
                    _logger,
                    "verification_job_not_canceled",
                    level=logging.WARNING,
                    verification_id=record.id,
                    job_id=begun.result_id,
                    error=type(error).__name__,
                )


def person_of(record: VerificationRecord) -> PersonRef:
    """Return the person of a verification, as the session that has just begun knows them."""
    return PersonRef(
        reference=record.person,
        partner=record.relying_party,
        verification=VerificationRef(id=record.id, mode=record.mode, link=record.started_link),
    )
