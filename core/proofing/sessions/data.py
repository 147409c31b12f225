"""What a session holds of its person, typed, with one reader and one writer.

Whatever the reader does not know, or finds in another type, makes the whole session unreadable: the person
starts again, and no page meets half of it. Keys: docs/reference/pages.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from proofing.contracts.applicant import HOME_ADDRESS, Applicant, DocumentChoice
from proofing.contracts.evidence import Evidence, EvidenceKind, Verification
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind, reference_number
from proofing.contracts.results import SelfieCheck
from proofing.contracts.selfies import SelfieChoice
from proofing.contracts.verifications import Step as PolicyStep
from proofing.contracts.verifications import VerificationRef
from proofing.rules.assurance import Assessment, assess
from proofing.sessions.handoffs import Handoff
from proofing.sessions.phone_codes import PhoneConfirmation

#: What is asked of people whom no relying party sent.
EVERY_STEP = (PolicyStep.DOCUMENT, PolicyStep.RESOLUTION, PolicyStep.PHONE)
_REQUIRED_ADDRESS = ("address1", "city", "state", "zipcode")
#: Its addresses have an urbanization, which ID cards often leave out.
_PUERTO_RICO = "PR"
#: How many of its jobs a session knows by id, so that a second tab hears the end of its job.
_MAX_RECENT_JOBS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingJob:
    """The job that the session waits for.

    Attributes:
        submitted_at: seconds since the epoch, by the store's clock.
        until: the same, when a vendor's later answer is no longer waited for; 0 where none is.
    """

    kind: JobKind
    result_id: str
    submitted_at: float
    until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReadDocument:
    """What the document said.

    Attributes:
        needs_confirmation: the barcode could not be read: the person must confirm name and date of birth.
        confirmed: whether they did.
        selfie: how the selfie compares with the portrait.
    """

    applicant: Applicant
    needs_confirmation: bool = False
    confirmed: bool = False
    selfie: SelfieCheck = SelfieCheck.NOT_CHECKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An outcome on show that completed nothing.

    Attributes:
        screen: key below ``problems`` of the catalog of texts.
        codes: what was found, for a document.
        fields: field of the form to what is wrong with it.
        tips: whether advice on photos helps.
        counted: whether it counted as an attempt; None when the record does not know.
    """

    kind: JobKind
    screen: str
    codes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    tips: bool = False
    counted: bool | None = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeptUpload:
    """A finished upload, until it is submitted, replaced, removed, or its slot expires.

    Attributes:
        attempt: id of the capture page that made it.
        expires_at: of the slot, as a Unix time.
        facts: for the job's log line.
        fingerprint: of the image's bytes, by which the same file for two sides is found.
    """

    attempt: str
    slot: str
    iv: bytes
    expires_at: float
    facts: dict[str, int | str | bool] = field(default_factory=dict)
    fingerprint: str | None = None


@dataclass(slots=True, kw_only=True, repr=False)
class SessionData:
    """One person's way through the flow.

    Attributes:
        person: opaque reference that limits and jobs belong to.
        partner: opaque reference of the organization that sent the person.
        verification: for which the session is; None where no relying party asked.
        policy: its policy, by whose branding pages look.
        policy_steps: what its policy asks for, in order; empty for the whole flow.
        return_url: where the person goes at its end; None for nowhere.
        locale: language of the pages that the relying party asked for; None for the browser's.
        csrf: the token of every form.
        created_at: when the session began, as a Unix time; its total life counts from there.
        saved_at: when it was last saved.
        version: changes with every save; a change that was made from another version is refused.
        indexed_until: how long the entry by which an erasure finds the session lives; 0 for none yet.
        consented_at: when the person agreed to the check, as a Unix time; None before.
        compared_by: companies that the consent named for comparisons of answers.
        selfie: what the person answered when asked for a selfie, when, and to which text; None before.
        finished_at: when the flow ended; None before.
        attempts: ids of the latest capture pages; uploads of others are unknown.
        uploads: finished uploads by side.
        submitted_uploads: those of the document that may be left when the pending job has ended.
        image_keys: by attempt, the key of all these uploads, sealed for the worker.
        pending: the job that the session waits for.
        completed: kinds of the jobs that completed their step.
        recent: the latest jobs, by result id.
        submissions: how often the person has submitted each kind.
        problem: the outcome on show.
        document: what the document said.
        evidence: what the latest job of each kind that was answered found out; it outlives the flow.
        document_choice: what the person says that their document is; None for the usual one.
        typed: what the person typed.
        needed: attributes that people are asked for only where a vendor of theirs needs them, and one does.
        failed_fingerprints: ``side:fingerprint`` of images that failed in this session.
        failed_phones: numbers that failed in this session.
        device_session_id: for the device profiler.
        handoff: the latest hand-off of the photos to a phone; None where there was none.
        confirmation: of the phone number, by a code; None where none is asked for.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        ser_json_bytes="base64",
        strict=True,
        val_json_bytes="base64",
    )

    person: str
    partner: str | None = None
    verification: VerificationRef | None = None
    policy: str | None = None
    policy_steps: tuple[PolicyStep, ...] = ()
    return_url: str | None = None
    locale: str | None = None
    csrf: str
    created_at: float
    saved_at: float
    version: str = ""
    indexed_until: float = 0.0
    consented_at: float | None = None
    compared_by: tuple[str, ...] = ()
    selfie: SelfieChoice | None = None
    finished_at: float | None = None
    attempts: tuple[str, ...] = ()
    uploads: dict[Side, KeptUpload] = field(default_factory=dict)
    submitted_uploads: dict[Side, KeptUpload] = field(default_factory=dict)
    image_keys: dict[str, bytes] = field(default_factory=dict)
    pending: PendingJob | None = None
    completed: frozenset[JobKind] = frozenset()
    recent: dict[str, JobKind] = field(default_factory=dict)
    submissions: dict[JobKind, int] = field(default_factory=dict)
    problem: Problem | None = None
    document: ReadDocument | None = None
    evidence: dict[JobKind, Evidence] = field(default_factory=dict)
    document_choice: DocumentChoice | None = None
    typed: Applicant = field(default_factory=Applicant)
    needed: frozenset[str] = frozenset()
    failed_fingerprints: frozenset[str] = frozenset()
    failed_phones: frozenset[str] = frozenset()
    device_session_id: str | None = None
    handoff: Handoff | None = None
    confirmation: PhoneConfirmation | None = None

    def __post_init__(self) -> None:
        """Refuse an upload whose key is missing: nobody could open it."""
        if not self.attempts_with_uploads <= self.image_keys.keys():
            raise ValueError("an upload has no key")

    def __repr__(self) -> str:
        return "SessionData(<redacted>)"

    @classmethod
    def from_json(cls, text: bytes) -> "SessionData":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is anything else. The message holds nothing of it.
        """
        try:
            return _adapter().validate_json(text)
        except ValidationError:
            # Its message quotes the values.
            raise ValueError("not the data of a session") from None

    def to_json(self) -> bytes:
        """Return the data as JSON, without what has its default."""
        return _adapter().dump_json(self, exclude_defaults=True)

    def copy(self) -> "SessionData":
        """Return a copy that shares nothing that can change."""
        return replace(
            self,
            uploads=dict(self.uploads),
            submitted_uploads=dict(self.submitted_uploads),
            image_keys=dict(self.image_keys),
            evidence=dict(self.evidence),
            recent=dict(self.recent),
            submissions=dict(self.submissions),
        )

    @property
    def attempts_with_uploads(self) -> set[str]:
        """The attempts whose keys are needed."""
        every = (*self.uploads.values(), *self.submitted_uploads.values())
        return {upload.attempt for upload in every}

    @property
    def is_finished(self) -> bool:
        """Whether the flow has ended."""
        return self.finished_at is not None

    def asks_for(self, step: PolicyStep) -> bool:
        """Return whether *step* is asked of the person: by the policy, or by the whole flow.

        Selfie and code are no part of the whole flow; there the settings decide.
        """
        return step in (self.policy_steps or EVERY_STEP)

    def confirms_phone(self, by_settings: bool) -> bool:
        """Return whether the phone has to be confirmed by a code: by the policy, else *by_settings*."""
        return PolicyStep.CODE in self.policy_steps if self.policy_steps else by_settings

    @property
    def wants_selfie(self) -> bool | None:
        """Whether the policy wants a selfie; None without a policy."""
        return PolicyStep.SELFIE in self.policy_steps if self.policy_steps else None

    @property
    def has_personal_data(self) -> bool:
        """Whether there is something of the person to guess by the length of a compressed page."""
        return self.document is not None or self.typed != Applicant()

    @property
    def applicant(self) -> Applicant:
        """The person, as the document and what they typed say; a typed address replaces all of the other."""
        read = self.document.applicant if self.document else Applicant()
        if self.typed.address1:
            read = _without(read, HOME_ADDRESS)
        return read.merge(self.typed)

    @property
    def assurance(self) -> Assessment:
        """What all evidence together supports. It is judged each time it is asked for, and stored nowhere."""
        found = Evidence()
        for kind in JobKind:
            found |= self.evidence.get(kind, Evidence())
        return assess(found)

    @property
    def has_address(self) -> bool:
        """Whether a home address is known, and confirmed where it must be."""
        known = all(getattr(self.applicant, name) for name in _REQUIRED_ADDRESS)
        return known and not self.must_confirm_address

    @property
    def must_confirm_address(self) -> bool:
        """Whether the document's address may lack what addresses there need, and nobody has confirmed it."""
        read = self.document.applicant if self.document else Applicant()
        return read.state == _PUERTO_RICO and not self.typed.address1

    @property
    def reference(self) -> str:
        """The number by which an operator finds the session's last job, or else its person."""
        return reference_number(next(reversed(self.recent), self.person))

    def pending_id(self, kind: JobKind) -> str | None:
        """Return the result id of the job of this *kind* that the session waits for."""
        return self.pending.result_id if self.pending and self.pending.kind is kind else None

    def is_complete(self, kind: JobKind) -> bool:
        """Return whether a successful record of this *kind* was collected."""
        return kind in self.completed

    def add_pending(self, job: PendingJob) -> None:
        """Wait for *job* from now on."""
        self.pending = job
        self.problem = None
        self.recent[job.result_id] = job.kind
        self.submissions[job.kind] = self.submissions.get(job.kind, 0) + 1
        for old in list(self.recent)[:-_MAX_RECENT_JOBS]:
            del self.recent[old]

    def clear_job(self, kind: JobKind) -> None:
        """Neither wait for a job of this *kind* nor know of one that completed its step."""
        if self.pending and self.pending.kind is kind:
            self.pending = None
        self.completed -= {kind}
        self.evidence.pop(kind, None)

    def verify(self, kind: EvidenceKind, verification: Verification) -> None:
        """Note a further way in which the pieces of this *kind* were found to be the person's."""
        self.evidence = {job: found.verified(kind, verification) for job, found in self.evidence.items()}

    def clear_typed(self, names: Iterable[str]) -> None:
        """Clear the attributes *names* that the person typed."""
        self.typed = _without(self.typed, names)

    def finish(self, *, at: float) -> None:
        """End the flow: the session holds no applicant data from here on, only what it is worth."""
        kept = SessionData(
            person=self.person,
            partner=self.partner,
            verification=self.verification,
            policy=self.policy,
            policy_steps=self.policy_steps,
            return_url=self.return_url,
            locale=self.locale,
            csrf=self.csrf,
            created_at=self.created_at,
            saved_at=self.saved_at,
            version=self.version,
            indexed_until=self.indexed_until,
            recent=self.recent,
            evidence=self.evidence,
            finished_at=at,
        )
        for one in fields(self):
            setattr(self, one.name, getattr(kept, one.name))


def _without(applicant: Applicant, names: Iterable[str]) -> Applicant:
    return replace(applicant, **dict.fromkeys(names))


@cache
def _adapter() -> TypeAdapter[SessionData]:
    """Return the reader and writer; building it takes milliseconds."""
    return TypeAdapter(SessionData)
