"""What is stored of a verification: one request of one relying party about one of its people.

The record holds no personal data: the relying party's reference of its person, what the person's answers are
worth to it, and what brings the answer back are sealed next to it, see `Sealed`. States and events:
docs/explanation/relying-parties.md, docs/adr/0045.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from proofing.base.typed_json import read_typed, write_typed
from proofing.contracts.evidence import Evidence
from proofing.contracts.records import JobKind, StatusRecord
from proofing.contracts.results import CheckState

_ID_BYTES = 16
_REF = re.compile(r"(?P<id>ver_[0-9a-f]{32})/(?P<mode>live|test)/(?P<link>[0-9]{1,9})", re.ASCII)


class Mode(StrEnum):
    """Whether real vendors are asked. Keys, lists and limits of one mode never meet those of the other."""

    #: The vendors of the settings.
    LIVE = "live"
    #: Mocks alone, whatever the settings name.
    TEST = "test"


class VerificationState(StrEnum):
    """Where a verification is."""

    #: Its link was made; the person has not begun.
    CREATED = "created"
    #: The person is on the pages.
    IN_PROGRESS = "in_progress"
    #: A job runs, or a vendor has the person.
    PROCESSING = "processing"
    #: A reviewer decides.
    NEEDS_REVIEW = "needs_review"
    #: Ended: everything that the policy asks for is there.
    VERIFIED = "verified"
    #: Ended: it is not, and there is no attempt left.
    FAILED = "failed"
    #: Ended by either side.
    CANCELED = "canceled"
    #: Ended by time.
    EXPIRED = "expired"

    @property
    def is_end(self) -> bool:
        """Whether nothing but a redaction can follow."""
        return self in _ENDS

    @property
    def is_open(self) -> bool:
        """Whether the person may still do something for it."""
        return self in _OPEN


_OPEN = frozenset({VerificationState.CREATED, VerificationState.IN_PROGRESS, VerificationState.PROCESSING})
_ENDS = frozenset(
    {
        VerificationState.VERIFIED,
        VerificationState.FAILED,
        VerificationState.CANCELED,
        VerificationState.EXPIRED,
    }
)


class Step(StrEnum):
    """What a policy may ask of a person, in the words of settings.yaml."""

    DOCUMENT = "document"
    SELFIE = "selfie"
    RESOLUTION = "resolution"
    PHONE = "phone"
    #: A code that was sent to the phone is returned.
    CODE = "code"


class EventType(StrEnum):
    """What relying parties hear of. The prefix ``verification.`` is part of the name."""

    CREATED = "verification.created"
    STARTED = "verification.started"
    PROCESSING = "verification.processing"
    #: The person has to do something again; nothing was decided.
    INPUT_REQUIRED = "verification.input_required"
    NEEDS_REVIEW = "verification.needs_review"
    #: A reviewer decided; sent alongside the end.
    REVIEWED = "verification.reviewed"
    VERIFIED = "verification.verified"
    FAILED = "verification.failed"
    CANCELED = "verification.canceled"
    EXPIRED = "verification.expired"
    REDACTED = "verification.redacted"


class Sealed(StrEnum):
    """The sealed values of a verification; each is deleted by a name of its own."""

    #: The relying party's reference of its person, and the metadata that it wants back. JSON.
    SUBJECT = "subject"
    #: What the channel needs to bring the answer back: the pending authorization of OpenID Connect. JSON.
    CONTEXT = "context"
    #: What the policy releases of the person, until the relying party collects it. JSON.
    CLAIMS = "claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRef:
    """Which verification a session, a submit or a job is for, and by which link the session began.

    Attributes:
        id: of the verification.
        link: number of the link by which the session began. What a session of an earlier link does, counts
            for nothing: its person begins again, also on another device.
    """

    id: str
    mode: Mode
    link: int

    def to_text(self) -> str:
        """Return it in one word, such as ``ver_1f…/live/1``."""
        return f"{self.id}/{self.mode}/{self.link}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote. Raises `ValueError` for anything else."""
        found = _REF.fullmatch(text)
        if found is None:
            raise ValueError("not a reference of a verification")
        return cls(id=found["id"], mode=Mode(found["mode"]), link=int(found["link"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The policy as it was when the verification was created; later edits of the settings do not change it.

    Attributes:
        steps: what the person does, in order.
        target: label of the assurance level that the evidence must support, such as ``ial2``; None for none.
        attempts: how many answered noes of one step end the verification as failed.
        review_days: after which an undecided review expires.
        claims: attributes of the applicant that are released.
        claims_hours: how long released claims wait for their collection.
        retention_days: how long after its end the verification is remembered.
    """

    steps: tuple[Step, ...]
    target: str | None = None
    attempts: int = 3
    review_days: int = 7
    claims: tuple[str, ...] = ()
    claims_hours: int = 24
    retention_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a verification came to, without personal data.

    Attributes:
        checks: what each check came to, by name, as in the results of jobs.
        reasons: normalized reason codes; never which datum that the person typed was wrong.
        evidence: the pieces, and which core attributes were confirmed by whom.
        supports: label of the assurance level that the evidence supports; None before it was judged.
        pathway: how the pieces were verified at that level; empty for none.
        missing: codes of what the next level lacks.
        flags: with which the verdict is to be read.
    """

    checks: Mapping[str, CheckState] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    supports: str | None = None
    pathway: str = ""
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The person's link. Its token is in no store: it is derived by HMAC from the id and the number.

    Attributes:
        number: of the links made so far; a new one replaces the one before.
        digest: SHA-256 of the token, in hex.
        expires_at: seconds since the epoch.
        used_at: when a person pressed *Start* on it; None before. A used link opens nothing.
    """

    number: int
    digest: str
    expires_at: float
    used_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReturned:
    """A code that was sent to the person's phone, and came back.

    Attributes:
        at: when it came back.
        made_at: when it was made, by the clock by which jobs are submitted.
    """

    at: float
    made_at: float
    digits: int
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A reviewer's decision.

    Attributes:
        by: who decided: the id of an API key, or ``operator``.
        reason: one of the policy's codes; never free text about a person.
    """

    at: float
    by: str
    reason: str
    is_approved: bool


class _Stored:
    """A record that stores keep as one line of JSON."""

    __slots__ = ()

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        return write_typed(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote. Raises `ValueError` for anything else."""
        return read_typed(cls, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRecord(_Stored):
    """One verification, readable without opening anything sealed.

    Attributes:
        id: ``ver_`` and 32 hexadecimal digits.
        relying_party: its name in the settings.
        policy: its name in the settings.
        person: reference of the person at this relying party and in this mode: sessions, jobs, limits and
            sticky choices of vendors belong to it, on every device. See `proofing.verifications.subjects`.
        channel: by which the answer goes back: ``api`` or ``oidc``.
        sequence: grows by one with each change; the first is 1.
        created_at, updated_at: seconds since the epoch, by the store's clock.
        expires_at: when it ends if nothing happens; of a review, when that expires.
        ended_at, redacted_at: None before.
        leftovers_due_at: when what a redacted one has left in other stores is deleted; None once it is, or
            before the redaction.
        forget_at: when the record itself is deleted; None before its end.
        claims_expire_at: when claims that nobody has collected are deleted; None where there are none.
        claims_collected_at: when the relying party took them; None before.
        return_url: where the person goes at the end; one of the relying party's.
        locale: language of the pages that the relying party asked for; None for the browser's.
        started_link: number of the link by which the person's present session began; 0 before the first.
        exceptions: how many jobs ended without an answer; they count as no attempt.
        failures: answered noes, by step.
    """

    id: str
    relying_party: str
    mode: Mode
    policy: str
    terms: Terms
    person: str
    channel: str = "api"
    state: VerificationState = VerificationState.CREATED
    sequence: int = 1
    created_at: float
    updated_at: float
    expires_at: float
    ended_at: float | None = None
    redacted_at: float | None = None
    leftovers_due_at: float | None = None
    forget_at: float | None = None
    claims_expire_at: float | None = None
    claims_collected_at: float | None = None
    return_url: str | None = None
    locale: str | None = None
    link: Link | None = None
    started_link: int = 0
    findings: Findings = field(default_factory=Findings)
    exceptions: int = 0
    failures: Mapping[Step, int] = field(default_factory=dict)
    code: CodeReturned | None = None
    review: Review | None = None

    @property
    def due_at(self) -> float | None:
        """When time next does something to it; None: never.

        It expires, or its claims, its leftovers or itself are deleted.
        One that is being processed does not expire: time does something to its job.
        """
        expires = not self.state.is_end and self.state is not VerificationState.PROCESSING
        times = (
            self.expires_at if expires else None,
            self.claims_expire_at,
            self.leftovers_due_at,
            self.forget_at,
        )
        return min((at for at in times if at is not None), default=None)

    def changed(self, *, at: float, **changes: Any) -> Self:
        """Return the record with *changes* and the next sequence number."""
        return replace(self, sequence=self.sequence + 1, updated_at=at, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd(_Stored):
    """The end of one job of a verification; the first that is recorded is the one that counts.

    Attributes:
        record: the status record, done, with its MAC.
        checks: what each check of the job came to.
        evidence: what it found out.
        verification_id: whose job it was.
        link: number of the link by which its session began.
    """

    verification_id: str
    link: int
    record: StatusRecord
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def result_id(self) -> str:
        """The job's."""
        return self.record.result_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunJob(_Stored):
    """A job of a verification that was submitted; written before the queue has it.

    Attributes:
        owner: reference of the person.
        link: number of the link by which its session began.
        counter_keys: to be refunded if it ends without an answer.
        give_up_at: when a sweeper records an end for it that no process recorded.
    """

    result_id: str
    verification_id: str
    link: int
    kind: JobKind
    owner: str
    begun_at: float
    give_up_at: float
    counter_keys: tuple[str, ...] = ()


def new_id(prefix: str) -> str:
    """Return a random id such as ``ver_1f…``: *prefix*, an underscore, 128 bits in hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(_ID_BYTES)}"
