"""What vendors answer, in our words: one result type for each kind of proofer.

A result is an answer, also when the answer is no. Where there is no answer a `VendorError` is raised;
`Check` holds whichever of the two came back, so that the rules can judge it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import NoneType
from typing import Any, Generic, TypeVar

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.evidence import Death, Inspection
from proofing.contracts.images import Side

ResultT = TypeVar("ResultT", bound="VendorResult")


class ProoferKind(StrEnum):
    """The question a proofer answers."""

    #: Are the images genuine, and what do they say?
    DOCUMENT = "document"
    #: Do name, birth date, SSN and address belong to one real person?
    RESOLUTION = "resolution"
    #: Does the licensing agency's record agree?
    STATE_ID = "state_id"
    #: Does this phone belong to the applicant?
    PHONE = "phone"
    #: Does the issuer's record agree with the passport?
    PASSPORT = "passport"
    #: Is browser session or IP address known for fraud?
    DEVICE = "device"
    #: Does the vendor take this message? Asked of a messenger, see `proofing.contracts.messengers`.
    MESSENGER = "messenger"


class Outcome(StrEnum):
    """What an answer, or a whole job, comes to."""

    #: The question is answered with yes.
    PASSED = "passed"
    #: The question is answered with no.
    FAILED = "failed"
    #: The vendor could not decide: a person has to look. Neither yes nor no; nothing is held against anybody.
    REVIEW = "review"
    #: There is no answer. Never to be read as *failed*.
    UNKNOWN = "unknown"


class Match(StrEnum):
    """What a vendor says of one attribute."""

    #: The vendor's record agrees.
    MATCH = "match"
    #: The vendor's record differs.
    MISMATCH = "mismatch"
    #: The vendor holds no record of it.
    UNAVAILABLE = "unavailable"
    #: The vendor was not asked, or did not look.
    NOT_CHECKED = "not_checked"


class ReviewStatus(StrEnum):
    """What a device profile comes to."""

    #: Nothing suspicious.
    PASS = "pass"  # noqa: S105 - the field's word, no password
    #: A person should look at the account later.
    REVIEW = "review"
    #: Taken for fraud; handled as review.
    REJECT = "reject"


class FraudSignal(StrEnum):
    """What about a phone hints at fraud, in our words."""

    #: The SIM was changed a short time ago.
    SIM_SWAPPED = "sim_swapped"
    #: The number was given to somebody else.
    NUMBER_REASSIGNED = "number_reassigned"
    #: The vendor's own score, or one of its codes, says that the risk is too high.
    HIGH_RISK = "phone_risk"


class CheckState(StrEnum):
    """What one check of a job comes to, for its result and its log line."""

    #: The vendor said yes.
    PASSED = "passed"
    #: The vendor said no.
    FAILED = "failed"
    #: The vendor could not decide.
    REVIEW = "review"
    #: The vendor was asked, and gave no answer.
    UNKNOWN = "unknown"
    #: Nobody was asked, whatever that means for the job: never a yes.
    NOT_CHECKED = "not_checked"


class FindingCode(StrEnum):
    """What speaks against a document or its images, in our words; rules decide what people read of it."""

    # The vendor refused an image.

    #: It cannot be opened or decoded.
    IMAGE_UNREADABLE = "image_unreadable"
    #: Its depth of color is not accepted.
    IMAGE_COLORS = "image_colors"
    #: It has too few or too many pixels.
    IMAGE_SIZE = "image_size"

    # The vendor refused the document, whatever its images are like.

    #: What it says cannot be read from the images.
    UNREADABLE = "unreadable"
    #: Its holder is too young.
    UNDERAGE = "underage"
    #: The issuer's record does not agree.
    ISSUER_RECORD = "issuer_record"

    # The image is bad. These, and a barcode that cannot be read, do not outweigh a vendor's yes.

    #: It shows too little detail.
    LOW_RESOLUTION = "low_resolution"
    #: It is blurred.
    BLUR = "blur"
    #: A reflection hides something.
    GLARE = "glare"
    #: The two-dimensional barcode cannot be read. Alone, with a yes, the person confirms what was read.
    BARCODE_UNREADABLE = "barcode_unreadable"

    # The document is not accepted.

    #: A side shows a document of a type, issuer or country that is not accepted.
    UNSUPPORTED_DOCUMENT = "unsupported_document"

    # A check of the document failed.

    #: What the two-dimensional barcode holds is not what such a barcode holds.
    BARCODE_CONTENT = "barcode_content"
    #: The control number in the one-dimensional barcode.
    BARCODE_CONTROL_NUMBER = "barcode_control_number"
    #: The control number, compared between the sides.
    CONTROL_NUMBER = "control_number"
    #: The name, compared between the places that show it; so are those that follow.
    NAME = "name"
    #: Birth date.
    BIRTH_DATE = "birth_date"
    #: Sex.
    SEX = "sex"
    #: Number of the document.
    DOCUMENT_NUMBER = "document_number"
    #: Issue date.
    ISSUE_DATE = "issue_date"
    #: Expiration date, or the document has expired.
    EXPIRATION_DATE = "expiration_date"
    #: The sides do not belong to one document.
    SIDES_DIFFER = "sides_differ"
    #: The design is not known.
    NOT_RECOGNIZED = "not_recognized"
    #: Layout, material, pattern, or a screen or copy that shows a document.
    NOT_GENUINE = "not_genuine"
    #: The portrait, or how it is printed.
    PORTRAIT = "portrait"
    #: Colors.
    COLORS = "colors"
    #: What has no word here: `Finding.vendor_code` is logged.
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that speaks against a document.

    Attributes:
        side: whose image shows it; None for the document as a whole.
        vendor_code: the vendor's own name of it, which is logged; no PII, no free text.
        is_advice: whether it is worth a look and counts in no verdict.
    """

    code: FindingCode
    side: Side | None = None
    vendor_code: str | None = None
    is_advice: bool = False

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.code, FindingCode)
        _require(self.side, Side, NoneType)
        _require(self.vendor_code, str, NoneType)
        _require(self.is_advice, bool)


class SelfieCheck(StrEnum):
    """What the comparison of a selfie with the portrait came to."""

    #: The same, live person.
    MATCH = "match"
    #: Another face.
    NO_MATCH = "no_match"
    #: A face on a screen or on paper, or a mask.
    NOT_LIVE = "not_live"
    #: No face was found.
    NO_FACE = "no_face"
    #: More faces than one.
    SEVERAL_FACES = "several_faces"
    #: Too dark to tell.
    TOO_DARK = "too_dark"
    #: Too bad to tell, for another reason.
    BAD_QUALITY = "bad_quality"
    #: There was no comparison.
    NOT_CHECKED = "not_checked"


class LineType(StrEnum):
    """What kind of line a phone number belongs to."""

    #: A mobile phone.
    MOBILE = "mobile"
    #: A fixed line, which takes calls only.
    LANDLINE = "landline"
    #: A number over the internet, which may belong to nobody's phone.
    VOIP = "voip"
    #: A number whose owner pays for calls.
    TOLL_FREE = "toll_free"
    #: A number whose caller pays its owner.
    PREMIUM = "premium"
    #: A pager, a voice mailbox, or another kind.
    OTHER = "other"


class Refusal(StrEnum):
    """Why a vendor will not send a message to a phone, now or later."""

    #: Its owner answered an earlier message with STOP, or opted out another way.
    OPTED_OUT = "opted_out"
    #: It cannot be reached this way: a fixed line, a number that is not in use, a carrier that blocks.
    UNREACHABLE = "unreachable"
    #: Country, kind of line or number that codes are not sent to.
    NOT_ALLOWED = "not_allowed"


class Assurance(StrEnum):
    """How far a document was checked."""

    #: It can be read and agrees with itself. Nothing says that it is genuine.
    READ = "read"
    #: Its security features, or its issuer's signature, were checked as well.
    AUTHENTICATED = "authenticated"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorResult:
    """What every answer has.

    Attributes:
        vendor_name: who answered, such as ``lexisnexis:instant_verify``.
        outcome: the answer.
        attributes: what the vendor says of single attributes.
        reasons: normalized reason codes, such as ``ssn_mismatch``; no PII.
        vendor_codes: the vendor's own codes, as it sent them; no PII, no free text.
        transaction_id: the vendor's id of the call, by which it bills.
        reference: our reference, as the vendor echoed it.
        vendor_workflow: the vendor's configuration that was asked, where it has several.
        billed: whether the call costs money.
    """

    vendor_name: str
    outcome: Outcome
    attributes: Mapping[str, Match] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    vendor_codes: tuple[str, ...] = ()
    transaction_id: str | None = None
    reference: str | None = None
    vendor_workflow: str | None = None
    billed: bool = True

    @property
    def passed(self) -> bool:
        """Whether the answer is yes."""
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionResult(VendorResult):
    """Whether name, birth date, SSN and address single out one real person.

    Attributes:
        can_pass_with_additional_verification: the vendor's no can be cured when another source verifies
            `attributes_requiring_additional_verification`.
        verified_attributes: what the vendor itself verified.
        death: what the vendor's death record check came to.
    """

    can_pass_with_additional_verification: bool = False
    attributes_requiring_additional_verification: frozenset[str] = frozenset()
    verified_attributes: frozenset[str] = frozenset()
    death: Death = Death.UNKNOWN

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.can_pass_with_additional_verification, bool)
        _require_names(self.attributes_requiring_additional_verification)
        _require_names(self.verified_attributes)
        _require(self.death, Death)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIDResult(VendorResult):
    """Whether the licensing agency's record agrees with the document.

    Attributes:
        requested_attributes: attribute to whether it was part of the request.
        verified_attributes: what the licensing agency verified.
        jurisdiction_in_maintenance_window: whether the agency's system was under announced maintenance when
            it was asked; set by core, from ``state_id_maintenance_windows``.
    """

    requested_attributes: Mapping[str, bool] = field(default_factory=dict)
    verified_attributes: frozenset[str] = frozenset()
    jurisdiction_in_maintenance_window: bool = False

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.requested_attributes, Mapping)
        for was_requested in self.requested_attributes.values():
            _require(was_requested, bool)
        _require_names(self.verified_attributes)
        _require(self.jurisdiction_in_maintenance_window, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneResult(VendorResult):
    """Whether the phone number belongs to the applicant.

    Attributes:
        fraud_signals: what about the number hints at fraud, whatever the answer is. With any, a no or a
            review is the last word: no other vendor is asked.
        line_type: of the number; None when the vendor does not say. Codes are not sent to all.
        account: whether the carrier, or a source that sees its account, says that the account of the number
            is in the applicant's name. Directories, and numbers without such an account (VoIP), are not
            checked: they are no evidence, whatever the answer is.
    """

    fraud_signals: frozenset[FraudSignal] = frozenset()
    line_type: LineType | None = None
    account: Match = Match.NOT_CHECKED

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.fraud_signals, frozenset)
        for signal in self.fraud_signals:
            _require(signal, FraudSignal)
        _require(self.line_type, LineType, NoneType)
        _require(self.account, Match)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(VendorResult):
    """Whether the vendor took a message.

    Attributes:
        refusal: why it did not; with `Outcome.FAILED` alone.
    """

    refusal: Refusal | None = None

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, or contradicts itself."""
        _require(self.refusal, Refusal, NoneType)
        if self.outcome is not (Outcome.PASSED if self.refusal is None else Outcome.FAILED):
            raise ValueError("a message was taken, or there is a refusal")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportResult(VendorResult):
    """Whether the issuer's record agrees with the machine-readable zone of a passport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult(VendorResult):
    """The fraud score of browser session and IP address."""

    review_status: ReviewStatus

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.review_status, ReviewStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult(VendorResult):
    """Whether the images of a document are genuine, and what they say.

    A yes with a finding of a failed check is judged as a no: where the vendor's yes outweighs one of its own
    checks, the adapter makes that finding advice, or leaves it out. What a no comes to:
    `proofing.rules.documents`.

    Attributes:
        assurance: how far the document was checked. An adapter must say that it was authenticated; with the
            setting ``document_requires`` no other document passes.
        document_type: what the document is; None when the vendor does not say, which no document passes with.
            Core writes it into the applicant.
        applicant: what was read from the document; None when nothing could be read.
        findings: what speaks against document and images, the quality of each image included.
        selfie: how the selfie compares with the portrait.
        passport_check: whether the issuer's record of a passport agrees, from a vendor that asks the issuer
            itself; `ProoferKind.PASSPORT` is asked where it was not checked.
        inspection: what was done to find the document genuine, and the person its holder.
    """

    assurance: Assurance = Assurance.READ
    document_type: DocumentType | None = None
    applicant: Applicant | None = None
    findings: tuple[Finding, ...] = ()
    selfie: SelfieCheck = SelfieCheck.NOT_CHECKED
    passport_check: Match = Match.NOT_CHECKED
    inspection: Inspection = field(default_factory=Inspection)

    def __post_init__(self) -> None:
        """Refuse in the adapter what is not of its type, which Python does not check."""
        _require(self.assurance, Assurance)
        _require(self.document_type, DocumentType, NoneType)
        _require(self.applicant, Applicant, NoneType)
        _require(self.findings, tuple)
        for finding in self.findings:
            _require(finding, Finding)
        _require(self.selfie, SelfieCheck)
        _require(self.passport_check, Match)
        _require(self.inspection, Inspection)

    @property
    def against(self) -> tuple[Finding, ...]:
        """The findings that count: all but advice."""
        return tuple(finding for finding in self.findings if not finding.is_advice)


#: The result type each kind must answer with.
RESULT_TYPES: Mapping[ProoferKind, type[VendorResult]] = {
    ProoferKind.DOCUMENT: DocumentResult,
    ProoferKind.RESOLUTION: ResolutionResult,
    ProoferKind.STATE_ID: StateIDResult,
    ProoferKind.PHONE: PhoneResult,
    ProoferKind.PASSPORT: PassportResult,
    ProoferKind.DEVICE: DeviceResult,
    ProoferKind.MESSENGER: Sent,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[ResultT]):
    """One question put to a vendor: its result, or the error that came instead, or neither (not asked).

    Attributes:
        skipped: why the vendor was not asked, such as ``UnsupportedJurisdiction``.
        skipped_passes: whether a question that was not asked counts as a yes.
        is_unavailable: whether nobody could be asked: vendors are out, or let no question through.
    """

    result: ResultT | None = None
    error: VendorError | None = None
    skipped: str | None = None
    skipped_passes: bool = True
    is_unavailable: bool = False

    @property
    def passed(self) -> bool:
        """Whether the check counts as a yes."""
        if self.result is not None:
            return self.result.passed
        return self.error is None and self.skipped is not None and self.skipped_passes

    @property
    def state(self) -> CheckState:
        """What it is recorded as. A skip is not checked, also where it counts as a yes."""
        if self.result is not None:
            return CheckState(self.result.outcome)
        return CheckState.NOT_CHECKED if self.error is None else CheckState.UNKNOWN

    @property
    def timed_out(self) -> bool:
        """Whether the vendor, or the source it asks, ran out of time."""
        return self.error is not None and self.error.cause in {Cause.TIMEOUT, Cause.SOURCE_TIMEOUT}


def _require_names(value: Any) -> None:
    """Refuse *value* unless it is a frozen set of texts."""
    _require(value, frozenset)
    for name in value:
        _require(name, str)


def _require(value: Any, *types: type) -> None:
    """Refuse *value* unless it is of one of the *types*. The error does not hold it."""
    if not isinstance(value, types):
        raise TypeError(f"must be {' or '.join(kind.__name__ for kind in types)}")
