"""What is stored about a job: its kind, its end state, and the status record that the waiting page reads.

A kind is a member of `JobKind` with its names in `KINDS`; queues, slots, limits, settings and metrics follow
from these. Its work is the module of `proofing.jobs` with the same name. To add one: CONTRIBUTING.md.

The status record holds no PII. It lives as long as the session; the sealed result alongside it lives 60 s.
States: docs/explanation/job-life.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from proofing.contracts.images import Side
from proofing.contracts.results import Check, Outcome, ProoferKind

#: The first two groups of a UUID: 48 random bits, enough to tell one attempt from all others in a log.
_REFERENCE_CHARACTERS = 13


class JobKind(StrEnum):
    """What a job proofs; also the step of the person's flow that it answers."""

    #: Fetch ciphertext, decrypt, ask the document vendor, judge what it read.
    DOCUMENT = "document"
    #: Device profile, resolution, state ID, phone pre-check, adjudication.
    RESOLUTION = "resolution"
    #: Phone vendors, in order.
    PHONE = "phone"
    #: A messenger sends a confirmation code to the phone, or the link of a hand-off.
    CODE = "code"

    @property
    def log_name(self) -> str:
        """The job class in the logs, such as ``ProofDocument``."""
        return KINDS[self].log_name

    @property
    def queue_name(self) -> str:
        """The queue its jobs wait in; each kind has its own slots."""
        return KINDS[self].queue_name


@dataclass(frozen=True, slots=True, kw_only=True)
class KindNames:
    """What a kind of job is called outside of the code, and how many of it run at once.

    Attributes:
        log_name: the job class in the logs.
        queue_name: the queue its jobs wait in.
        person_limit: the limit that its attempts count on by person; its numbers are the settings
            ``<name>_max_attempts`` and ``<name>_window_minutes``.
        client_limit: the limit that they count on by client address; ``<name>_max_attempts`` in one hour.
        slots: how many of its jobs one worker runs at once where the setting ``worker_slots`` does not say.
    """

    log_name: str
    queue_name: str
    person_limit: str
    client_limit: str
    slots: int = 100


#: The names of each kind. Those of the phone check are historic: operators and dashboards know them.
KINDS: Mapping[JobKind, KindNames] = MappingProxyType(
    {
        JobKind.DOCUMENT: KindNames(
            log_name="ProofDocument",
            queue_name="high_document_proofing",
            person_limit="idv_doc_auth",
            client_limit="client_document",
        ),
        JobKind.RESOLUTION: KindNames(
            log_name="ProofResolution",
            queue_name="high_resolution_proofing",
            person_limit="idv_resolution",
            client_limit="client_resolution",
        ),
        JobKind.PHONE: KindNames(
            log_name="ProofAddress",
            queue_name="high_address_proofing",
            person_limit="proof_address",
            client_limit="client_phone",
        ),
        JobKind.CODE: KindNames(
            log_name="SendCode",
            queue_name="high_code_sending",
            person_limit="phone_code",
            client_limit="client_code",
        ),
    }
)


def job_of(kind: ProoferKind) -> JobKind:
    """Return in which job questions of *kind* are first put."""
    if kind is ProoferKind.PASSPORT:
        return JobKind.DOCUMENT
    if kind is ProoferKind.MESSENGER:
        return JobKind.CODE
    return JobKind(kind.value) if kind.value in set(JobKind) else JobKind.RESOLUTION


def first_asked(kind: JobKind) -> ProoferKind:
    """Return which question a job of *kind* puts first."""
    return ProoferKind.MESSENGER if kind is JobKind.CODE else ProoferKind(kind.value)


class State(StrEnum):
    """Where a job is."""

    #: Submitted, and without an end so far.
    IN_PROGRESS = "in_progress"
    #: Ended, as `EndState` says.
    DONE = "done"


class JobState(StrEnum):
    """Where a job is, as an operator sees it."""

    #: May start.
    READY = "ready"
    #: Waits for its time; it has not run yet.
    SCHEDULED = "scheduled"
    #: Has run, and waits for its vendor.
    PARKED = "parked"
    #: A worker runs it.
    RUNNING = "running"
    #: Will not run (again); its end is being published.
    ENDING = "ending"
    #: Has an end.
    ENDED = "ended"


class EndState(StrEnum):
    """How a job ended. Every job gets exactly one."""

    #: Every vendor that had to answer did; `outcome` says what it comes to.
    DONE = "done"
    #: A vendor could not be asked, or answered nonsense.
    VENDOR_EXCEPTION = "vendor_exception"
    #: Nobody could be asked: vendors are out, or their circuit breakers and limits let no question through.
    VENDOR_UNAVAILABLE = "vendor_unavailable"
    #: The licensing agency's record system failed, and not the way to it.
    STATE_ID_EXCEPTION = "state_id_exception"
    #: The device profiler failed.
    DEVICE_EXCEPTION = "device_exception"
    #: The arguments or an image do not open: tampered, swapped, or the wrong key.
    DECRYPT_ERROR = "decrypt_error"
    #: An image is missing, not acceptable, or failed before, or its object is gone; no vendor was asked.
    BAD_IMAGE = "bad_image"
    #: The job waited longer than the stale limit; no vendor was called.
    STALE = "stale"
    #: The job ran longer than its deadline.
    TIMED_OUT = "timed_out"
    #: Its workers died too often.
    WORKER_LOST = "worker_lost"
    #: A plugin broke its contract.
    PLUGIN_ERROR = "plugin_error"
    #: Our own dependency (a store, a key service) failed.
    INTERNAL_ERROR = "internal_error"
    #: The worker died after a vendor call had begun; whether it was answered is not known.
    UNKNOWN_OUTCOME = "unknown_outcome"
    #: The person, or an operator, canceled it.
    CANCELED = "canceled"
    #: Written by a version whose arguments this worker cannot read.
    UNREADABLE = "unreadable"


def end_without_answer(check: Check[Any]) -> EndState:
    """Return how a job ends that needed an answer of *check*, which has none."""
    return EndState.VENDOR_UNAVAILABLE if check.is_unavailable else EndState.VENDOR_EXCEPTION


def reference_number(identifier: str) -> str:
    """Return the short form of a result id, or of a person's reference, by which operators find it.

    Pages show it. It is how the identifier begins, so that a search of the logs finds it; it opens nothing.
    """
    return identifier[:_REFERENCE_CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRecord:
    """The state of one job, readable without opening anything sealed.

    Attributes:
        result_id: the attempt's random id (UUIDv4), never reused.
        owner: opaque reference of the person whose session submitted it.
        submitted_at: seconds since the epoch, by the result store's clock.
        finished_at: the same; None while in progress.
        pending_until: the same, of a job that waits for a vendor's later answer: when it ends at the latest.
        vendor_page: what its person has to do at a vendor: a MAC over that, by which a waiting page notices
            that it was replaced by something else. None for nothing.
        returned_at: when the person came back from there, by the result store's clock: the page waits for
            the answer from then on; None before.
        reasons: reason and error codes for the screens; no PII.
        fields: field of the form to the code of what is wrong with it, for document errors.
        timed_out: whether a vendor ran out of time.
        mac: hex HMAC over the rest, so that a writer of the store cannot turn a no into a yes.
    """

    result_id: str
    kind: JobKind
    owner: str
    submitted_at: float
    state: State = State.IN_PROGRESS
    end_state: EndState | None = None
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()
    fields: Mapping[str, str] | None = None
    timed_out: bool = False
    finished_at: float | None = None
    pending_until: float | None = None
    vendor_page: str | None = None
    returned_at: float | None = None
    mac: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the job has ended."""
        return self.state is State.DONE

    @property
    def needs_person(self) -> bool:
        """Whether it waits for its person to visit a page of the vendor, or to answer by a wallet."""
        return self.vendor_page is not None

    @property
    def was_sent_out(self) -> bool:
        """Whether its person has something to do at a vendor, or came back from there."""
        return self.needs_person or self.returned_at is not None

    def ends_wait(self, *, ends_only: bool) -> bool:
        """Return whether who waits for the job is woken with it; see `ResultStore.wait`."""
        return self.is_done or (self.needs_person and not ends_only)

    @property
    def is_success(self) -> bool:
        """Whether the step may be completed with it."""
        return self.is_done and self.end_state is EndState.DONE and self.outcome is Outcome.PASSED

    @property
    def blames_selfie_alone(self) -> bool:
        """Whether only another selfie is needed, so that the document's images may be submitted again."""
        return self.end_state is EndState.DONE and (self.fields or {}).keys() == {Side.SELFIE}

    @property
    def is_exception(self) -> bool:
        """Whether it ended without an answer, also by being canceled; nothing is held against the person."""
        return self.is_done and self.end_state is not EndState.DONE

    def finished(
        self,
        end: EndState,
        *,
        at: float,
        outcome: Outcome = Outcome.UNKNOWN,
        reasons: tuple[str, ...] = (),
        wrong_fields: Mapping[str, str] | None = None,
        timed_out: bool = False,
    ) -> Self:
        """Return this record as terminal, without a MAC."""
        return replace(
            self,
            state=State.DONE,
            end_state=end,
            outcome=outcome,
            reasons=reasons,
            fields=wrong_fields,
            timed_out=timed_out,
            finished_at=at,
            pending_until=None,
            vendor_page=None,
            mac="",
        )

    def parked(self, *, until: float, vendor_page: str | None = None) -> Self:
        """Return this record as that of a job that waits for its vendor, without a MAC."""
        return replace(self, pending_until=until, vendor_page=vendor_page, mac="")

    def returned(self, *, at: float) -> Self:
        """Return this record as that of a job whose person came back from the vendor, without a MAC."""
        return replace(self, vendor_page=None, returned_at=at, mac="")

    def signed_part(self) -> bytes:
        """Return the canonical bytes that the MAC covers."""
        return replace(self, mac="").to_json().encode()

    def to_json(self) -> str:
        """Return the record as one line of JSON with sorted keys."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(values, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: *text* is not a status record.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            return cls(
                result_id=values["result_id"],
                kind=JobKind(values["kind"]),
                owner=values["owner"],
                submitted_at=values["submitted_at"],
                state=State(values["state"]),
                end_state=EndState(values["end_state"]) if values["end_state"] else None,
                outcome=Outcome(values["outcome"]) if values["outcome"] else None,
                reasons=tuple(values["reasons"]),
                fields=values["fields"],
                timed_out=values["timed_out"],
                finished_at=values["finished_at"],
                pending_until=values["pending_until"],
                vendor_page=values["vendor_page"],
                returned_at=values["returned_at"],
                mac=values["mac"],
            )
        except (KeyError, TypeError, ValueError, RecursionError):
            raise ValueError("no status record") from None
