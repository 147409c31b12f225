"""Changes a verification: load, decide by the rules, keep; again when somebody else was faster.

Every change of every process goes through here, so that each one has its events, its log line and its count.
"""

import random
from asyncio import sleep
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from proofing.base.errors import StoreUnavailableError, Trouble, VerificationNotFoundError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import VERIFICATIONS
from proofing.contracts.verification_store import (
    Changed,
    IdempotentAnswer,
    NewEvent,
    StoredVerification,
    VerificationStore,
)
from proofing.contracts.verifications import BegunJob, EventType, JobEnd, Sealed, VerificationRecord
from proofing.rules.verifications import Change
from proofing.settings import LiveSettings
from proofing.verifications.events import endpoints_of, make_event

#: How often a change is decided again at most; two people who click make two.
_TRIES = 12
_MAX_WAIT_SECONDS = 0.05

#: Events of changes that lead to no other state, alone.
_WITHOUT_STATE = frozenset({EventType.REVIEWED, EventType.REDACTED})

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be kept together.

    Attributes:
        change: by a rule.
        sealed: values to replace; None deletes one.
        begun: a job that is about to be enqueued.
        end: of a job.
        idempotency: makes the answer to the request, of the record after the change.
        shape: of a simulation: makes its events arrive late, twice or never.
    """

    change: Change
    sealed: Mapping[Sealed, bytes | None] = field(default_factory=dict)
    begun: BegunJob | None = None
    end: JobEnd | None = None
    idempotency: Callable[[VerificationRecord], IdempotentAnswer] | None = None
    shape: Callable[[NewEvent], NewEvent] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Kept:
    """What came of a change.

    Attributes:
        record: as it is now.
        changed: what the store answered; None where nothing was to be changed.
    """

    record: VerificationRecord
    changed: Changed | None = None


Decide = Callable[[StoredVerification], Awaitable[Decision]]


class Changes:
    """Changes verifications in one store."""

    def __init__(self, store: VerificationStore, live: LiveSettings) -> None:
        """Change those of *store*; *live* says which webhooks hear of it."""
        self._store = store
        self._live = live

    def events(self, change: Change, shape: Callable[[NewEvent], NewEvent] | None = None) -> list[NewEvent]:
        """Return the events of a change, in their order; *shape* as in `Decision`."""
        settings, record = self._live.current, change.record
        events = [
            make_event(record, kind, record.updated_at, endpoints=endpoints_of(settings, record, kind))
            for kind in change.events
        ]
        return events if shape is None else [shape(event) for event in events]

    async def make(self, verification_id: str, decide: Decide) -> Kept:
        """Change a verification as *decide* says, which may be asked several times.

        Returns at once what the store has where the job of the end has one already, or the idempotency key
        was used.

        Raises:
            VerificationNotFoundError: there is none.
            StoreUnavailableError: the store is down, or others change it all the time.
        """
        for _ in range(_TRIES):
            stored = await self._store.load(verification_id)
            if stored is None:
                raise VerificationNotFoundError
            decision = await decide(stored)
            record = decision.change.record
            if record is stored.record:
                return Kept(record=record)
            changed = await self._store.change(
                record,
                sealed=_necessary(decision.sealed, stored),
                events=self.events(decision.change, decision.shape),
                begun=decision.begun,
                end=decision.end,
                idempotency=decision.idempotency(record) if decision.idempotency else None,
            )
            if changed.is_kept:
                note_events(record, decision.change.events)
                return Kept(record=record, changed=changed)
            if changed.replayed is not None or (decision.end is not None and changed.end is not None):
                return Kept(record=stored.record, changed=changed)
            await sleep(random.uniform(0, _MAX_WAIT_SECONDS))  # noqa: S311 - no secret
        raise StoreUnavailableError(
            "the verification is changed by others all the time; try again", trouble=Trouble.OVERLOAD
        )


def _necessary(
    sealed: Mapping[Sealed, bytes | None], stored: StoredVerification
) -> Mapping[Sealed, bytes | None]:
    """Return *sealed* without the deletion of what is not there: a deletion is expensive for a store."""
    return {name: value for name, value in sealed.items() if value is not None or name in stored.sealed}


def note_events(record: VerificationRecord, events: tuple[EventType, ...]) -> None:
    """Count and log the *events* of a change that was kept."""
    if not _WITHOUT_STATE.issuperset(events):
        VERIFICATIONS.labels(record.relying_party, record.mode.value, record.state.value).inc()
    for event in events:
        log(
            _logger,
            "verification_changed",
            verification_id=record.id,
            relying_party=record.relying_party,
            mode=record.mode.value,
            policy=record.policy,
            event_kind=event.value,
            verification_state=record.state.value,
            sequence=record.sequence,
        )
