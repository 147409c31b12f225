"""The one door to verifications: for the API, the pages, OpenID Connect and the command line.

Everything that is asked for by an id names the relying party that asks; None is an operator, who may see
all. An id that is unknown, malformed or of another relying party or mode raises one and the same
`VerificationNotFoundError`, by one path. Changes follow `proofing.rules.verifications`, which refuses with a
`VerificationStateError` what the state does not allow. Every method may raise `StoreUnavailableError`:
then it is not known whether anything was done, and asking again is safe.
"""

import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache

from proofing.app.verification_answers import Changed, NewLink, NewVerification
from proofing.app.verification_sessions import CancelJob, Started, VerificationSessions, person_of
from proofing.base.errors import (
    InvalidInputError,
    ProofingError,
    VerificationNotFoundError,
    VerificationStateError,
)
from proofing.base.logs import get_logger
from proofing.contracts.people import PartyRef, PersonRef
from proofing.contracts.verification_store import (
    IdempotentAnswer,
    StoredVerification,
    VerificationStore,
)
from proofing.contracts.verifications import (
    EventType,
    Link,
    Mode,
    Review,
    Sealed,
    Step,
    Terms,
    VerificationRecord,
    VerificationState,
    new_id,
)
from proofing.crypto.contexts import verification_context
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.rules import verifications as rules
from proofing.settings import LiveSettings
from proofing.verifications.changes import Changes, Decision, Kept, note_events
from proofing.verifications.ends import VerificationEnds
from proofing.verifications.links import make_link, token_of
from proofing.verifications.released import open_claims
from proofing.verifications.subjects import person_reference
from proofing.verifications.sweeper import log_leftovers
from proofing.verifications.terms import Request, Subject, find_policy, terms_of

_ID = re.compile(r"ver_[0-9a-f]{32}", re.ASCII)
_MINUTE, _HOUR = 60.0, 3600.0
#: Life of a link whose policy is not in the settings anymore.
_LINK_MINUTES = 60.0
_REASON = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
#: How often a create is tried again that finds an open verification whose time is over.
_CREATE_TRIES = 3

_logger = get_logger(__name__)

#: Makes the answer to a request with an idempotency key, of the record after the change.
MakeAnswer = Callable[[VerificationRecord], IdempotentAnswer]


class Verifications(VerificationSessions):
    """One instance a process; methods are safe to call concurrently."""

    def __init__(
        self,
        *,
        store: VerificationStore,
        sealer: Sealer,
        keys: KeyRing,
        fingerprint_keys: KeyRing,
        live: LiveSettings,
        cancel_job: CancelJob,
        delete_leftovers: Callable[[VerificationRecord], Awaitable[None]],
    ) -> None:
        """Keep verifications in *store*.

        Args:
            store: of the verifications.
            sealer: seals what is personal.
            keys: derive links.
            fingerprint_keys: derive references of people.
            live: the settings in effect.
            cancel_job: cancels a running job.
            delete_leftovers: deletes what this process may of what a redacted one has left in other stores.
        """
        super().__init__(store, Changes(store, live), keys, cancel_job)
        self.ends = VerificationEnds(store, self._changes, sealer)
        self._sealer = sealer
        self._fingerprint_keys = fingerprint_keys
        self._live = live
        self._delete_leftovers = delete_leftovers

    # For relying parties

    async def create(
        self, party: PartyRef, request: Request, *, idempotency: MakeAnswer | None = None
    ) -> NewVerification:
        """Create a verification, and the person's link.

        Args:
            party: who asks.
            request: for what.
            idempotency: makes the answer that is kept in the same transaction; its answer must hold no token.

        Raises:
            InvalidInputError: names every wrong field of the request: ``policy`` (``unknown``), ``subject``
                (``required``, ``too_long``), ``return_url`` (``not_listed``), ``metadata``, ``locale``.
        """
        policy_name, policy = find_policy(self._live.current, party.name, request)
        verification_id = new_id("ver")
        sealed = {
            Sealed.SUBJECT: await self._sealer.seal(
                Subject(reference=request.subject, metadata=request.metadata).to_bytes(),
                verification_context(verification_id, Sealed.SUBJECT),
            )
        }
        if request.context is not None:
            sealed[Sealed.CONTEXT] = await self._sealer.seal(
                request.context, verification_context(verification_id, Sealed.CONTEXT)
            )
        now = self.now()
        ends_at = now + policy.valid_hours * _HOUR
        link, token = make_link(
            self._keys,
            verification_id,
            number=1,
            expires_at=min(now + policy.link_minutes * _MINUTE, ends_at),
        )
        record = VerificationRecord(
            id=verification_id,
            relying_party=party.name,
            mode=party.mode,
            policy=policy_name,
            terms=terms_of(policy),
            person=self.person(party, request.subject),
            channel=request.channel,
            created_at=now,
            updated_at=now,
            expires_at=ends_at,
            return_url=request.return_url,
            locale=request.locale,
            link=link,
        )
        events = (EventType.CREATED,)
        for _ in range(_CREATE_TRIES):
            created = await self.store.create(
                record,
                sealed=sealed,
                events=self._changes.events(rules.Change(record, events)),
                idempotency=idempotency(record) if idempotency is not None else None,
            )
            if created.record is not None:
                note_events(record, events)
                return NewVerification(record=created.record, token=token)
            if created.replayed is not None:
                return NewVerification(replayed=created.replayed)
            if created.open is None or not await self._expire(created.open):
                break
        return NewVerification(open=created.open)

    def person(self, party: PartyRef, subject: str) -> str:
        """Return the reference of the person whom *party* calls *subject*."""
        return person_reference(self._fingerprint_keys, party.name, party.mode, subject)

    def token(self, record: VerificationRecord) -> str | None:
        """Return the token of the record's link, to answer a repeated request; None for one of no use."""
        try:
            rules.usable_link(record, at=self.now())
        except ProofingError:
            return None
        return token_of(self._keys, record)

    async def get(self, party: PartyRef | None, verification_id: str) -> VerificationRecord:
        """Return a verification.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
        """
        return (await self._load(party, verification_id)).record

    async def details(
        self, party: PartyRef | None, verification_id: str
    ) -> tuple[VerificationRecord, Subject | None]:
        """Return a verification, and whom it is about; None once that is redacted.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
        """
        stored = await self._load(party, verification_id)
        return stored.record, await self._subject(stored)

    async def list(
        self,
        party: PartyRef,
        *,
        limit: int,
        before: tuple[float, str] | None = None,
        state: VerificationState | None = None,
        subject: str | None = None,
    ) -> Sequence[VerificationRecord]:
        """Return verifications of one relying party and mode, newest first.

        Args:
            party: whose.
            limit: the most that are returned.
            before: `created_at` and id of the last one of the page before.
            state: only those.
            subject: only those of the person whom the relying party calls so.
        """
        return await self.store.page(
            party.name,
            party.mode,
            limit=limit,
            before=before,
            state=state,
            person=None if subject is None else self.person(party, subject),
        )

    async def new_link(
        self, party: PartyRef | None, verification_id: str, *, idempotency: MakeAnswer | None = None
    ) -> NewLink:
        """Make a new link in place of the one before, also to resume; a session lasts until it is used.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
            VerificationStateError: it is not open anymore.
        """
        await self._load(party, verification_id)

        async def decide(stored: StoredVerification) -> Decision:
            record, now = stored.record, self.now()
            policy = self._live.current.policies.get(record.policy)
            minutes = policy.link_minutes if policy is not None else _LINK_MINUTES
            link, _token = make_link(
                self._keys,
                record.id,
                number=record.link.number + 1 if record.link else 1,
                expires_at=min(now + minutes * _MINUTE, record.expires_at),
            )
            change = rules.linked(record, link, at=now)
            return Decision(change=change, idempotency=idempotency)

        kept = await self._changes.make(verification_id, decide)
        if (replayed := _replayed(kept)) is not None:
            return NewLink(record=kept.record, replayed=replayed)
        return NewLink(record=kept.record, token=token_of(self._keys, kept.record))

    async def cancel(
        self, party: PartyRef | None, verification_id: str, *, idempotency: MakeAnswer | None = None
    ) -> Changed:
        """Cancel a verification and its running job, whose result is discarded.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
            VerificationStateError: it has ended, or is reviewed.
        """
        await self._load(party, verification_id)
        return await self._cancel(verification_id, None, idempotency)

    async def redact(
        self, party: PartyRef | None, verification_id: str, *, idempotency: MakeAnswer | None = None
    ) -> Changed:
        """Delete everything personal of an ended verification; its outcome stays. It may be repeated.

        With it go the sessions of its person, results, and jobs that are parked; a worker deletes images and
        tells vendors. What cannot be deleted now is deleted by the sweeper.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
            VerificationStateError: it has not ended; cancel it before.
        """
        await self._load(party, verification_id)

        async def decide(stored: StoredVerification) -> Decision:
            change = rules.redacted(stored.record, at=self.now())
            return Decision(change=change, sealed=dict.fromkeys(Sealed), idempotency=idempotency)

        kept = await self._changes.make(verification_id, decide)
        if kept.record.leftovers_due_at is not None:
            await self._cancel_jobs(kept.record)
            try:
                await self._delete_leftovers(kept.record)
            except ProofingError as error:
                log_leftovers(kept.record, error)
        return Changed(record=kept.record, replayed=_replayed(kept))

    async def collect_claims(self, party: PartyRef, verification_id: str) -> Mapping[str, str]:
        """Return what is released of the person, once, and delete it.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
            VerificationStateError: nothing is released, not anymore, or it was collected before.
        """
        await self._load(party, verification_id)
        released: dict[str, str] = {}

        async def decide(stored: StoredVerification) -> Decision:
            nonlocal released
            change = rules.claims_collected(stored.record, at=self.now())
            released = await open_claims(self._sealer, stored)
            return Decision(change=change, sealed={Sealed.CLAIMS: None})

        await self._changes.make(verification_id, decide)
        return released

    async def decide(
        self,
        party: PartyRef | None,
        verification_id: str,
        *,
        is_approved: bool,
        reason: str,
        by: str,
        idempotency: MakeAnswer | None = None,
    ) -> Changed:
        """Decide a review, once.

        Args:
            party: who asks; None for an operator.
            verification_id: of the verification.
            is_approved: whether it is verified.
            reason: a code of lowercase letters, digits and _; never free text about a person.
            by: the id of an API key, or ``operator``.
            idempotency: makes the answer that is kept in the same transaction.

        Raises:
            InvalidInputError: *reason* is not a code.
            VerificationNotFoundError: there is none of this relying party and mode.
            VerificationStateError: there is nothing to decide, or it cannot be approved.
        """
        if not _REASON.fullmatch(reason):
            raise InvalidInputError({"reason": "not_a_code"})
        await self._load(party, verification_id)

        async def decide(stored: StoredVerification) -> Decision:
            review = Review(at=self.now(), by=by, reason=reason, is_approved=is_approved)
            change = rules.reviewed(stored.record, review)
            sealed: Mapping[Sealed, bytes | None] = {} if is_approved else {Sealed.CLAIMS: None}
            return Decision(change=change, sealed=sealed, idempotency=idempotency)

        kept = await self._changes.make(verification_id, decide)
        return Changed(record=kept.record, replayed=_replayed(kept))

    # For people and channels

    async def cancel_by_person(self, person: PersonRef) -> VerificationRecord:
        """Cancel the verification of a person's session, and its running job.

        Raises:
            VerificationNotFoundError: it was deleted.
            VerificationStateError: it has ended, is reviewed, or is not this session's anymore.
        """
        record = (await self._of_session(person)).record
        return (await self._cancel(record.id, record.started_link, None)).record

    async def redact_by_person(self, person: PersonRef) -> VerificationRecord:
        """Redact the ended verification of a person's session, and with it that session.

        Raises:
            VerificationNotFoundError: it was deleted.
            VerificationStateError: it has not ended, or is not this session's anymore.
        """
        record = (await self._of_session(person)).record
        await self._expire(record)
        return (await self.redact(None, record.id)).record

    async def open_context(self, party: PartyRef | None, verification_id: str) -> bytes | None:
        """Return what the channel gave to `create`, to bring the answer back; None for nothing.

        Raises:
            VerificationNotFoundError: there is none of this relying party and mode.
        """
        stored = await self._load(party, verification_id)
        sealed = stored.sealed.get(Sealed.CONTEXT)
        if sealed is None:
            return None
        return await self._sealer.open(sealed, verification_context(verification_id, Sealed.CONTEXT))

    # Inside

    async def _cancel(
        self, verification_id: str, link: int | None, idempotency: MakeAnswer | None
    ) -> Changed:
        """Cancel a verification; for the session that began by *link*, or whichever where it is None."""

        async def decide(stored: StoredVerification) -> Decision:
            change = rules.canceled(stored.record, at=self.now(), link=link)
            return Decision(change=change, sealed={Sealed.CLAIMS: None}, idempotency=idempotency)

        kept = await self._changes.make(verification_id, decide)
        await self._cancel_jobs(kept.record)
        return Changed(record=kept.record, replayed=_replayed(kept))

    async def _load(self, party: PartyRef | None, verification_id: str) -> StoredVerification:
        """Return the verification if it is the party's. One error, and one path, for all others."""
        is_id = _ID.fullmatch(verification_id) is not None
        stored = await self.store.load(verification_id if is_id else "ver_" + "0" * 32)
        if stored is None:
            # Reading a record takes so long that its time would tell another's id from one that is not there.
            VerificationRecord.from_json(_decoy())
            raise VerificationNotFoundError
        if party is not None and (stored.record.relying_party, stored.record.mode) != (
            party.name,
            party.mode,
        ):
            raise VerificationNotFoundError
        return stored

    async def _subject(self, stored: StoredVerification) -> Subject | None:
        sealed = stored.sealed.get(Sealed.SUBJECT)
        if sealed is None:
            return None
        context = verification_context(stored.record.id, Sealed.SUBJECT)
        return Subject.from_bytes(await self._sealer.open(sealed, context))

    async def _expire(self, record: VerificationRecord) -> bool:
        """End a verification whose time is over; False when it is not, or somebody else did."""
        if not rules.is_overdue(record, at=self.now()):
            return False

        async def decide(stored: StoredVerification) -> Decision:
            return Decision(change=rules.expired(stored.record, at=self.now()), sealed={Sealed.CLAIMS: None})

        with contextlib.suppress(VerificationNotFoundError, VerificationStateError):
            await self._changes.make(record.id, decide)
        return True


@cache
def _decoy() -> str:
    """Return a typical record as JSON, to be read for an unknown id, so that both take as long."""
    return VerificationRecord(
        id="ver_" + "0" * 32,
        relying_party="decoy",
        mode=Mode.LIVE,
        policy="standard",
        terms=Terms(steps=(Step.DOCUMENT, Step.RESOLUTION, Step.PHONE), claims=("first_name", "last_name")),
        person="0" * 36,
        created_at=1.0,
        updated_at=1.0,
        expires_at=1.0,
        link=Link(number=1, digest="0" * 64, expires_at=1.0),
    ).to_json()


def _replayed(kept: Kept) -> IdempotentAnswer | None:
    return kept.changed.replayed if kept.changed is not None else None


__all__ = [
    "Changed",
    "NewLink",
    "NewVerification",
    "PartyRef",
    "Request",
    "Started",
    "Subject",
    "Verifications",
    "person_of",
]
