"""Brings a verification of mode test to an outcome, without a browser and a vendor; `/v1/test` offers it.

Every change goes the way of all changes: the same rules, the same transaction, the same events. What a
simulation wishes of the deliveries, that they come late, twice, never or in another order, is kept with the
events. docs/reference/api.md
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from proofing.app.verifications import Verifications
from proofing.contracts.applicant import Applicant
from proofing.contracts.people import PartyRef
from proofing.contracts.verification_store import NewEvent, StoredVerification
from proofing.contracts.verifications import Mode, Sealed, VerificationRecord, VerificationState
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.crypto.record_macs import sign_record
from proofing.rules.simulation import Move, advanced, moves_to
from proofing.rules.verifications import Change, claims_expired, expired, is_overdue
from proofing.settings import LiveSettings
from proofing.verifications.changes import Changes, Decision
from proofing.verifications.released import deletes_claims, sealed_claims

#: After which a delivery that is late, or overtaken by a later one, is due.
LATE_SECONDS = 60.0
#: Nobody: what is released of a simulated person.
_PERSON = Applicant(
    first_name="ADA",
    last_name="SAMPLE",
    dob="1985-10-06",
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010",
    ssn="900456789",
    phone="2025550143",
    email="fakey@example.com",
)


class DeliveryWish(StrEnum):
    """How the webhooks of a simulation arrive."""

    #: As usual.
    ONCE = "once"
    #: After `LATE_SECONDS`.
    LATE = "late"
    #: Each event twice, with one id.
    TWICE = "twice"
    #: Not at all; who polls finds the events.
    LOST = "lost"
    #: The last event now, those before it after `LATE_SECONDS`.
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What is wished for.

    Attributes:
        outcome: state to bring the verification to; None leaves it where it is.
        reasons: reason codes that the outcome has.
        latency_seconds: how long it stays in the state processing.
        advance_seconds: how far its clock is moved on before.
    """

    outcome: VerificationState | None = None
    reasons: tuple[str, ...] = ()
    latency_seconds: float = 0.0
    delivery: DeliveryWish = DeliveryWish.ONCE
    advance_seconds: float = 0.0


class Simulator:
    """One instance a process."""

    def __init__(
        self, verifications: Verifications, live: LiveSettings, sealer: Sealer, keys: KeyRing
    ) -> None:
        """Simulate in their store; *sealer* seals released claims, *keys* sign the ends of jobs."""
        self._verifications = verifications
        self._store = verifications.store
        self._changes = Changes(self._store, live)
        self._sealer = sealer
        self._keys = keys

    async def simulate(self, party: PartyRef, verification_id: str, wish: Simulation) -> VerificationRecord:
        """Return the verification of mode test as it is when everything that was wished for has happened.

        Raises:
            VerificationNotFoundError: there is none of this relying party in mode test.
            VerificationStateError, LinkRefusedError: its state does not allow it.
            StoreUnavailableError: the store is down; part of it may have happened.
        """
        record = await self._verifications.get(PartyRef(party.name, Mode.TEST), verification_id)
        if wish.advance_seconds:
            record = await self._advance(record.id, wish.advance_seconds)
        if wish.outcome is None:
            return record
        begin, answers = moves_to(record, wish.outcome, wish.reasons, partial(sign_record, self._keys))
        record = await self._make(record, begin, wish, has_last=not answers)
        if answers:
            await asyncio.sleep(wish.latency_seconds)
        return await self._make(record, answers, wish, has_last=True)

    async def _advance(self, verification_id: str, seconds: float) -> VerificationRecord:
        """Move the clock of a verification on, and have happen what time does but its deletion."""

        async def move(stored: StoredVerification) -> Decision:
            return Decision(change=Change(advanced(stored.record, seconds, at=self._store.now())))

        async def expire(stored: StoredVerification) -> Decision:
            now, record = self._store.now(), stored.record
            if is_overdue(record, at=now):
                return Decision(change=expired(record, at=now), sealed={Sealed.CLAIMS: None})
            if record.claims_expire_at is not None and record.claims_expire_at <= now:
                return Decision(change=claims_expired(record, at=now), sealed={Sealed.CLAIMS: None})
            return Decision(change=Change(record))

        await self._changes.make(verification_id, move)
        return (await self._changes.make(verification_id, expire)).record

    async def _make(
        self, record: VerificationRecord, moves: Sequence[Move], wish: Simulation, *, has_last: bool
    ) -> VerificationRecord:
        """Make *moves*, one transaction each; *has_last* says whether the last of all is among them."""
        for number, move in enumerate(moves, start=1):
            is_last = has_last and number == len(moves)

            async def decide(
                stored: StoredVerification, move: Move = move, is_last: bool = is_last
            ) -> Decision:
                ends = await self._store.ends(stored.record.id)
                made = move(stored.record, ends, at=self._store.now())
                after = made.change.record
                if made.end is not None:
                    person = _PERSON if made.end.record.is_success else Applicant()
                    sealed = await sealed_claims(self._sealer, stored, after, person, made.end.record.kind)
                else:
                    sealed = {Sealed.CLAIMS: None} if deletes_claims(after) else {}
                shape = partial(_shape, wish.delivery, is_last=is_last)
                return Decision(change=made.change, end=made.end, sealed=sealed, shape=shape)

            record = (await self._changes.make(record.id, decide)).record
        return record


def _shape(delivery: DeliveryWish, event: NewEvent, *, is_last: bool) -> NewEvent:
    """Return *event* so that it is delivered as was wished for."""
    match delivery:
        case DeliveryWish.LATE:
            return replace(event, delay_seconds=LATE_SECONDS)
        case DeliveryWish.TWICE:
            return replace(event, copies=2)
        case DeliveryWish.LOST:
            return replace(event, endpoints=())
        case DeliveryWish.REORDERED if not is_last:
            return replace(event, delay_seconds=LATE_SECONDS)
        case _:
            return event
