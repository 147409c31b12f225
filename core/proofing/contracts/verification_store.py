"""The contract of the durable store of verifications, their events, and the keys of relying parties.

The store judges nothing. What becomes of a verification is decided by pure rules over its record and its
ends; the store keeps the next record only where the one that it was made from is still current, in one
transaction with the end, the events and the idempotent answer that belong to the change. Who loses loads
again and decides again. docs/adr/0045.

All methods are async and obey a total deadline of their own; a store that does not answer raises
`StoreUnavailableError` within it. Everything that returned is durable: a killed process loses nothing of it.
Times are seconds since the epoch, by the store's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from proofing.contracts.verifications import (
    BegunJob,
    EventType,
    JobEnd,
    Mode,
    Sealed,
    VerificationRecord,
    VerificationState,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StoredVerification:
    """A verification with its sealed values; those that were deleted are absent."""

    record: VerificationRecord
    sealed: Mapping[Sealed, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be kept with a change.

    Attributes:
        id: ``evt_`` and 32 hexadecimal digits; without a dot, as Standard Webhooks demands.
        body: the payload, serialized once; what is signed and sent, and polled. No personal data.
        endpoints: names of the relying party's webhooks that it goes to; a delivery is kept for each.
        delay_seconds: after which the deliveries are due; 0: now. Simulations alone are late.
        copies: how often each endpoint has to take it. Simulations alone send it more than once.
    """

    id: str
    type: EventType
    created_at: float
    body: bytes
    endpoints: tuple[str, ...] = ()
    delay_seconds: float = 0.0
    copies: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as it is polled.

    Attributes:
        cursor: number of the event within its relying party and mode: 1, 2, 3 … without a gap, in the order
            of their commits, so that who has seen one has seen all before it.
    """

    id: str
    relying_party: str
    mode: Mode
    verification_id: str
    type: EventType
    created_at: float
    cursor: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IdempotentAnswer:
    """The first answer to a request with an idempotency key; kept for 48 hours.

    Attributes:
        scope: relying party, mode, method and route, in one string.
        key: HMAC of what the client sent.
        fingerprint: keyed hash of path, version and canonical body; the body itself is kept nowhere.
        status: of HTTP.
        answer: from which the first answer can be made again, without secrets. JSON.
    """

    scope: str
    key: str
    fingerprint: str
    status: int
    answer: bytes
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What came of `VerificationStore.create`: exactly one is set.

    Attributes:
        record: it was created.
        replayed: the idempotency key was used before; nothing was created.
        open: the person has an open verification of this policy; nothing was created.
    """

    record: VerificationRecord | None = None
    replayed: IdempotentAnswer | None = None
    open: VerificationRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of `VerificationStore.change`.

    Attributes:
        is_kept: whether everything was kept; otherwise nothing was.
        end: the end that is recorded of the job whose end was given: that one, or an earlier one.
        replayed: the idempotency key was used before; nothing was kept.
    """

    is_kept: bool
    end: JobEnd | None = None
    replayed: IdempotentAnswer | None = None


class DeliveryState(StrEnum):
    """Where the delivery of one event to one endpoint is."""

    #: To be tried at its time.
    DUE = "due"
    #: The endpoint took it.
    DELIVERED = "delivered"
    #: Given up; `proofing deliveries replay` tries it again.
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The delivery of one event to one endpoint.

    Attributes:
        attempts: how many were begun.
        next_at: when the next one is due; of an ended delivery, when it ended.
        status: HTTP status of the last answer; None for none.
        failure: code of why the last attempt failed, such as ``timeout``; None after a success.
        first_at: when the first attempt began; None before.
    """

    event: StoredEvent
    endpoint: str
    state: DeliveryState = DeliveryState.DUE
    attempts: int = 0
    next_at: float
    first_at: float | None = None
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery that one process may make until its lease ends.

    Attributes:
        lease: names the claim; a result of another is refused.
    """

    delivery: Delivery
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """What is remembered of one endpoint of a relying party.

    Attributes:
        failures: failed attempts since the last success.
        failing_since: when the first of them began; None for none.
        paused_until: no delivery is claimed before; by the breaker or by ``Retry-After``.
        disabled_reason: code of why no delivery is claimed until an operator enables it, such as ``gone``;
            None for enabled.
    """

    relying_party: str
    mode: Mode
    endpoint: str
    failures: int = 0
    failing_since: float | None = None
    paused_until: float | None = None
    disabled_reason: str | None = None


class CredentialKind(StrEnum):
    """What a credential is for."""

    #: A relying party's key for /v1; kept as a digest.
    API_KEY = "api_key"
    #: Signs events by HMAC, and is known to the relying party; sealed.
    WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - a kind
    #: Signs events by Ed25519; sealed.
    WEBHOOK_KEY = "webhook_key"
    #: A client's secret for OpenID Connect; kept as a digest.
    CLIENT_SECRET = "client_secret"  # noqa: S105 - a kind
    #: Signs ID tokens; sealed. Of no relying party.
    SIGNING_KEY = "signing_key"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credential:
    """A key of a relying party, or of the provider itself.

    Attributes:
        id: ``key_`` and 32 hexadecimal digits; of a signing key, its ``kid``. Not secret.
        relying_party: its name; "" for keys of the provider.
        prefix: how the secret begins, for lists.
        digest: keyed hash of the secret; empty of one that is sealed.
        sealed: the secret or private key; empty of one that is only compared.
        public: the public part, as text; empty for none.
        scopes: what an API key may do; of a signing key, its algorithm; of the secret or key of a
            webhook, the name of that webhook.
        usable_at: from when on it may be used.
        retire_at: from when on it is refused; None for never.
    """

    id: str
    relying_party: str
    mode: Mode
    kind: CredentialKind
    prefix: str = ""
    digest: bytes = b""
    sealed: bytes = b""
    public: str = ""
    scopes: tuple[str, ...] = ()
    created_at: float
    usable_at: float
    retire_at: float | None = None
    last_used_at: float | None = None


@runtime_checkable
class VerificationStore(Protocol):
    """Keeps verifications. One instance a process; methods may be called concurrently."""

    async def open(self) -> None:
        """Connect. Called once, before all else."""

    async def close(self) -> None:
        """Disconnect. Called once, also when `open` failed."""

    async def migrate(self) -> Sequence[str]:
        """Bring the tables up to date and return what was done. Called without `open`; `close` follows."""

    async def ping(self) -> None:
        """See `proofing.contracts.stores.Pingable`."""

    def now(self) -> float:
        """Return the store's time, as far as this process knows it."""

    # Verifications

    async def create(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes],
        events: Sequence[NewEvent] = (),
        idempotency: IdempotentAnswer | None = None,
    ) -> Created:
        """Keep a new verification, its events and its idempotent answer in one transaction.

        A twin with the same idempotency key that is in its transaction is waited for.
        One open verification (`VerificationState.is_open`, or a review) is kept for each relying party, mode,
        person and policy.
        """

    async def load(self, verification_id: str) -> StoredVerification | None:
        """Return the verification, of whichever relying party."""

    async def find_link(self, digest: str) -> StoredVerification | None:
        """Return the verification whose current link has this digest."""

    async def change(
        self,
        record: VerificationRecord,
        *,
        sealed: Mapping[Sealed, bytes | None] | None = None,
        events: Sequence[NewEvent] = (),
        begun: BegunJob | None = None,
        end: JobEnd | None = None,
        idempotency: IdempotentAnswer | None = None,
    ) -> Changed:
        """Keep *record* in place of the one before it, with everything that belongs to the change.

        Nothing is kept unless the stored sequence is one less than that of *record*, the job of *end* has no
        end yet, and the idempotency key is unused.

        Args:
            record: with its new sequence.
            sealed: values to replace; None deletes one. Those not named stay.
            events: to be kept, in this order.
            begun: a job that is about to be enqueued; kept until its end. Kept once: repeated, it is ignored.
            end: of a job.
            idempotency: the answer to the request that changes the verification.
        """

    async def end_of(self, result_id: str) -> JobEnd | None:
        """Return the recorded end of a job."""

    async def ends(self, verification_id: str) -> Sequence[JobEnd]:
        """Return the recorded ends of a verification's jobs, in the order of their recording."""

    async def begun_jobs(self, verification_id: str) -> Sequence[BegunJob]:
        """Return the jobs of a verification that have no end."""

    async def overdue_jobs(self, *, before: float, limit: int) -> Sequence[BegunJob]:
        """Return jobs without an end whose `give_up_at` is before *before*, oldest first."""

    async def overdue_verifications(self, *, before: float, limit: int) -> Sequence[VerificationRecord]:
        """Return verifications to which time does something, oldest first.

        Those whose `VerificationRecord.due_at` is before *before*.
        """

    async def page(
        self,
        relying_party: str,
        mode: Mode,
        *,
        limit: int,
        before: tuple[float, str] | None = None,
        state: VerificationState | None = None,
        person: str | None = None,
    ) -> Sequence[VerificationRecord]:
        """Return verifications of one relying party and mode, newest first.

        Args:
            relying_party: whose.
            mode: in which.
            limit: the most that are returned.
            before: `created_at` and id of the last one of the page before.
            state: only those.
            person: only those of the person with that reference.
        """

    async def of_person(self, person: str) -> Sequence[VerificationRecord]:
        """Return all verifications of the person with that reference, for an erasure."""

    async def delete(self, verification_id: str) -> bool:
        """Delete a verification with its ends, begun jobs, events and deliveries; False when there is none.

        The cursors of its events stay used.
        """

    # Idempotency

    async def idempotent_answer(self, scope: str, key: str) -> IdempotentAnswer | None:
        """Return the answer that is kept under *key*."""

    async def keep_answer(self, answer: IdempotentAnswer) -> IdempotentAnswer | None:
        """Keep a decided refusal, which changed nothing; return the one that was kept before, if any."""

    async def purge_answers(self, *, before: float) -> int:
        """Delete idempotent answers that were created before *before*; return how many."""

    # Events and deliveries

    async def events(
        self, relying_party: str, mode: Mode, *, after: int, limit: int, types: Sequence[EventType] = ()
    ) -> Sequence[StoredEvent]:
        """Return events whose cursor is greater than *after*, in order; of all types, or of these."""

    async def purge_events(self, *, before: float) -> int:
        """Delete events created before *before* whose deliveries have ended; return how many."""

    async def claim_deliveries(
        self, *, limit: int, per_endpoint: int, lease_seconds: float
    ) -> Sequence[ClaimedDelivery]:
        """Claim deliveries that are due, the oldest of each endpoint first.

        Those whose endpoint is paused or disabled are left. An endpoint never has more than *per_endpoint*
        claimed at once, over all processes, so that a slow one delays no other. A claim whose lease has ended
        is free again. The attempt is counted by the claim.
        """

    async def finish_delivery(
        self, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None = None
    ) -> bool:
        """Keep what came of a claimed delivery, and the state of its endpoint; False for a lease that ended.

        Args:
            claimed: by `claim_deliveries`.
            outcome: the delivery with its new state, time, status and failure. One that was delivered, of
                which more copies are to be, is due again now.
            endpoint: its state, where it changes.
        """

    async def next_delivery_at(self) -> float | None:
        """Return when the next delivery is due; None for no delivery."""

    async def deliveries(
        self,
        *,
        relying_party: str | None = None,
        state: DeliveryState | None = None,
        event_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""

    async def replay_deliveries(
        self,
        *,
        relying_party: str,
        endpoint: str | None = None,
        event_id: str | None = None,
        state: DeliveryState | None = None,
        since: float = 0.0,
    ) -> int:
        """Make deliveries due now that have ended, with no attempts counted; return how many."""

    async def endpoint_states(self, relying_party: str | None = None) -> Sequence[EndpointState]:
        """Return what is remembered of endpoints."""

    async def set_endpoint(self, state: EndpointState) -> None:
        """Replace what is remembered of an endpoint."""

    # Credentials

    async def add_credential(self, credential: Credential) -> None:
        """Keep a new credential."""

    async def credential(self, credential_id: str) -> Credential | None:
        """Return the credential with that id, also a retired one."""

    async def credentials(
        self, *, relying_party: str | None = None, kind: CredentialKind | None = None
    ) -> Sequence[Credential]:
        """Return credentials, oldest first, also retired ones."""

    async def retire_credential(self, credential_id: str, *, at: float) -> bool:
        """Have a credential be refused from *at* on; False when there is none."""

    async def note_use(self, credential_id: str, *, at: float) -> None:
        """Remember that a credential was used."""

    async def delete_credential(self, credential_id: str) -> bool:
        """Delete a credential; False when there is none."""
