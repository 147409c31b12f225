"""What is sent to `/v1` and what it answers: models that check requests, and make openapi.json."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from proofing.app.simulation import LATE_SECONDS, DeliveryWish
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.evidence import EvidenceKind, ValidatedBy, VerifiedBy
from proofing.contracts.results import CheckState
from proofing.contracts.verifications import EventType, Step, VerificationState
from proofing_server.api.problems import Code

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_LATENCY_SECONDS = 30.0
#: Ten years: more than any term of a policy.
MAX_ADVANCE_SECONDS = 315_576_000

#: Visible ASCII: nobody has to ask whether two spellings of a reference are one person.
Subject = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
PolicyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=40)]
WebURL = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[\x21-\x7e]+$")]
_MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
_MetadataValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,500}$")]
Metadata = Annotated[
    dict[_MetadataKey, _MetadataValue],
    Field(max_length=20, json_schema_extra={"additionalProperties": False}),
]
_Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
_Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
VerificationID = Annotated[str, StringConstraints(pattern=r"^ver_[0-9a-f]{32}$")]


def _whole(value: Any) -> Any:
    """Return a number without a fraction as an integer: to JSON Schema 7.0 is one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# The bounds come first: outside of the validator they would be missing in the document.
_Limit = Annotated[int, Field(strict=True, ge=1, le=MAX_LIMIT), BeforeValidator(_whole)]
_Advance = Annotated[int, Field(strict=True, ge=0, le=MAX_ADVANCE_SECONDS), BeforeValidator(_whole)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Answer(BaseModel):
    """What may be absent has the default None; see `proofing_server.api.openapi`."""

    model_config = ConfigDict(frozen=True)


class CreateVerification(_Request):
    """A verification to create."""

    subject: Subject = Field(
        description="Your own reference of the person, 1 to 200 visible ASCII characters. Limits follow it "
        "over devices and sessions. It is stored encrypted and is in no URL or log."
    )
    policy: PolicyName | None = Field(
        None, description="Name of a policy of your organization; null: its first one."
    )
    return_url: WebURL | None = Field(
        None, description="Where the person goes at the end: one of the URLs registered for you."
    )
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] | None = Field(
        None,
        description="Language of the pages, such as es; null, or one without texts: the browser's.",
    )
    metadata: Metadata = Field(
        default_factory=dict,
        description="Up to 20 texts that you get back. Stored encrypted, deleted by a redaction.",
    )


class SearchVerifications(_Request):
    """Which verifications to list. A POST, so that the subject is in no URL."""

    subject: Subject = Field(description="Your own reference of the person.")
    state: VerificationState | None = Field(None, description="Only those in this state.")
    limit: _Limit = Field(DEFAULT_LIMIT, description="The most that are returned.")
    cursor: _Cursor | None = Field(None, description="next_cursor of the page before.")


class ListParameters(_Request):
    """Parameters of the list of verifications."""

    state: VerificationState | None = Field(None, description="Only those in this state.")
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(
        DEFAULT_LIMIT, description="The most that are returned."
    )
    cursor: _Cursor | None = Field(None, description="next_cursor of the page before.")


class EventParameters(_Request):
    """Parameters of the list of events."""

    cursor: _Cursor | None = Field(
        None, description="next_cursor of the answer before; without it the oldest events are returned."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(
        DEFAULT_LIMIT, description="The most that are returned."
    )
    type: EventType | None = Field(None, description="Only events of this type.")


class DecideReview(_Request):
    """A reviewer's decision."""

    outcome: Literal[VerificationState.VERIFIED, VerificationState.FAILED] = Field(
        description="How the verification ends."
    )
    reason: _ReasonCode = Field(description="Your code of why; never text about the person.")


class SimulateOutcome(_Request):
    """What is to become of a verification of mode test. Fields that are left out change nothing."""

    outcome: (
        Literal[
            VerificationState.IN_PROGRESS,
            VerificationState.PROCESSING,
            VerificationState.NEEDS_REVIEW,
            VerificationState.VERIFIED,
            VerificationState.FAILED,
            VerificationState.CANCELED,
            VerificationState.EXPIRED,
        ]
        | None
    ) = Field(None, description="The state to bring it to, through the states and events on the way.")
    reasons: Annotated[list[_ReasonCode], Field(max_length=20)] = Field(
        default_factory=list, description="Reason codes that the outcome has."
    )
    latency_seconds: Annotated[float, Field(strict=True, ge=0, le=MAX_LATENCY_SECONDS)] = Field(
        0.0, description="How long it stays in the state processing; the request takes as long."
    )
    delivery: DeliveryWish = Field(
        DeliveryWish.ONCE,
        description=f"How its webhooks arrive: once; late (after {LATE_SECONDS:.0f} seconds); twice; lost "
        "(polling finds the event); reordered (those before the last event come late).",
    )
    advance_seconds: _Advance = Field(
        0, description="Before that, how far the clock of this verification is moved on."
    )


class LinkView(_Answer):
    """The person's link."""

    url: str | None = Field(
        None,
        description="Where you send the person. Only in the answers that create a verification or a link.",
    )
    expires_at: _Timestamp
    used_at: _Timestamp | None = Field(None, description="When the person began; a used link opens nothing.")


class PieceView(_Answer):
    """A piece of evidence, without a value of the person."""

    kind: EvidenceKind
    validated_by: ValidatedBy
    verified_by: list[VerifiedBy]


class MissingView(_Answer):
    """Something that the next level lacks."""

    code: str
    detail: str = Field(description="What is to be done, with the section that asks for it.")


class AssuranceView(_Answer):
    """Assurance by NIST SP 800-63A-4: what the evidence supports, which is no certification."""

    supports: str = Field(description="The level that the evidence supports.")
    target: str | None = Field(description="The level that the policy asks for.")
    pathway: str | None = Field(description="How the evidence was verified at that level.")
    missing: list[MissingView] = Field(description="What the next level lacks.")
    flags: list[str] = Field(description="Codes with which the level is to be read.")
    evidence: list[PieceView]


class ReviewView(_Answer):
    """A reviewer's decision."""

    outcome: Literal["approved", "rejected"]
    reason: str
    decided_at: _Timestamp


class VerificationView(_Answer):
    """One verification. What has not happened is absent."""

    id: VerificationID
    object: Literal["verification"]
    livemode: bool = Field(description="Whether real vendors are asked: the mode of your key.")
    policy: str
    state: VerificationState
    sequence: int = Field(description="Grows with each change; drop what has a lower one.")
    created_at: _Timestamp
    updated_at: _Timestamp
    expires_at: _Timestamp | None = Field(
        None, description="When it ends if nothing happens, or when its review does."
    )
    ended_at: _Timestamp | None = None
    redacted_at: _Timestamp | None = None
    claims_expire_at: _Timestamp | None = Field(
        None, description="Until when the released attributes can be collected."
    )
    claims_collected_at: _Timestamp | None = None
    checks: dict[str, CheckState] | None = Field(None, description="What each check came to, by name.")
    reasons: list[str] | None = Field(None, description="Normalized reason codes.")
    assurance: AssuranceView | None = Field(None, description="Absent before the evidence was judged.")
    review: ReviewView | None = None
    steps: list[Step] = Field(description="What the person is asked for, in order.")
    claims: list[str] = Field(description="Attributes that the policy releases.")
    failures: dict[str, int] = Field(description="Attempts that were answered with no, by step.")
    exceptions: int = Field(description="Attempts that ended without an answer; they count as none.")
    return_url: str | None = None
    locale: str | None = None
    link: LinkView | None = None


class FullVerificationView(VerificationView):
    """One verification with what you sent when you created it."""

    subject: str | None = Field(None, description="Your reference of the person; absent after a redaction.")
    metadata: dict[str, str] = Field(description="Your texts; empty after a redaction.")


class VerificationList(_Answer):
    """A page of verifications, newest first."""

    data: list[VerificationView]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class CollectedClaims(_Answer):
    """Attributes of the person. They are deleted here; this answer is the only one that has them."""

    id: VerificationID
    claims: dict[str, Any] = Field(description=f"By name, of: {', '.join(sorted(ATTRIBUTES))}.")


class EventView(_Answer):
    """An event; type, timestamp and data are those of the webhook."""

    id: str
    cursor: str
    type: str
    timestamp: _Timestamp
    data: dict[str, Any]


class EventList(_Answer):
    """Events in the order in which they happened."""

    data: list[EventView]
    next_cursor: str | None = Field(
        description="Send it next time, also when nothing was returned; null before the first event."
    )
    has_more: bool = Field(description="Whether there is more now.")


class FieldProblem(_Answer):
    """One field that is wrong."""

    pointer: str = Field(
        description="JSON Pointer into the body, or name of the parameter or header. Of an unknown field it "
        "is empty, the pointer of the whole body; of an unknown parameter it is query."
    )
    detail: str


class Problem(_Answer):
    """A refusal as RFC 9457 describes it; programs decide by code."""

    type: Literal["about:blank"]
    title: str
    status: int
    code: Code
    detail: str
    errors: list[FieldProblem] | None = Field(
        None, description="Fields, parameters or headers that are wrong."
    )
    scope: str | None = Field(None, description="Of missing_scope: the scope that is needed.")
    state: VerificationState | None = Field(None, description="Of wrong_state: the state it is in.")
    reason: str | None = Field(None, description="Of wrong_state: why, where the state does not say it.")
    verification: VerificationID | None = Field(None, description="Of verification_open: the open one.")
