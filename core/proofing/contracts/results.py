"""What vendors answer, in our words: one result type for each kind of proofer.

A result is an answer, also when the answer is no. Where there is no answer a `VendorError` is raised;
`Check` holds whichever of the two came back, so that the rules can judge it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant
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
    #: Is browser session or IP address known for fraud?
    DEVICE = "device"


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


class DocAuthResult(StrEnum):
    """The vendor's verdict on the images of a document."""

    #: Genuine.
    PASSED = "Passed"
    #: Not genuine.
    FAILED = "Failed"
    #: Something, such as an unreadable barcode, wants attention.
    ATTENTION = "Attention"
    #: Suspicious.
    CAUTION = "Caution"
    #: The vendor could not decide.
    UNKNOWN = "Unknown"
    #: The vendor did not look.
    SKIPPED = "Skipped"


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
    """

    can_pass_with_additional_verification: bool = False
    attributes_requiring_additional_verification: frozenset[str] = frozenset()
    verified_attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIDResult(VendorResult):
    """Whether the licensing agency's record agrees with the document.

    Attributes:
        requested_attributes: attribute to whether it was part of the request.
        verified_attributes: what the licensing agency verified.
    """

    requested_attributes: Mapping[str, bool] = field(default_factory=dict)
    verified_attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneResult(VendorResult):
    """Whether the phone number belongs to the applicant (historic name of that check)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceResult(VendorResult):
    """The fraud score of browser session and IP address."""

    review_status: ReviewStatus
    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One check of a document's image by its vendor's name, such as ``2D Barcode Read``."""

    name: str
    result: DocAuthResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetrics:
    """How good an image is: dots per inch on both axes; sharpness and glare from 0 (bad) to 100 (good)."""

    horizontal_resolution: int = 600
    vertical_resolution: int = 600
    sharpness: int = 100
    glare: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What the vendor takes one side of the document for, in the vendor's words."""

    class_name: str | None = None
    country_code: str | None = None
    issuer_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult(VendorResult):
    """Whether the images of a document are genuine, and what they say.

    `outcome` is what the vendor's transaction came to; `proofing.rules.documents` judges it.

    Attributes:
        applicant: what was read from the document; None when nothing could be read.
        doc_auth_result: the vendor's verdict on the images.
        image_failures: side to the HTTP status (438, 439, 440) by which the vendor refused its image.
        selfie_error: the vendor's message on the selfie, such as ``Liveness: NotLive``; None when it matched.
        selfie_checked: whether a selfie was compared at all.
        passport_check_passed: the issuer's answer on a passport; None when not asked.
    """

    applicant: Applicant | None = None
    doc_auth_result: DocAuthResult = DocAuthResult.PASSED
    failed_alerts: tuple[Alert, ...] = ()
    passed_alerts: tuple[Alert, ...] = ()
    image_metrics: Mapping[Side, ImageMetrics] = field(default_factory=dict)
    classification: Mapping[Side, Classification] = field(default_factory=dict)
    image_failures: Mapping[Side, int] = field(default_factory=dict)
    selfie_checked: bool = False
    selfie_error: str | None = None
    passport_check_passed: bool | None = None


#: The result type each kind must answer with.
RESULT_TYPES: Mapping[ProoferKind, type[VendorResult]] = {
    ProoferKind.DOCUMENT: DocumentResult,
    ProoferKind.RESOLUTION: ResolutionResult,
    ProoferKind.STATE_ID: StateIDResult,
    ProoferKind.PHONE: PhoneResult,
    ProoferKind.DEVICE: DeviceResult,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[ResultT]):
    """One question put to a vendor: its result, or the error that came instead, or neither (not asked).

    Attributes:
        skipped: why the vendor was not asked, such as ``UnsupportedJurisdiction``.
        skipped_passes: whether a question that was not asked counts as a yes.
    """

    result: ResultT | None = None
    error: VendorError | None = None
    skipped: str | None = None
    skipped_passes: bool = True

    @property
    def passed(self) -> bool:
        """Whether the check counts as a yes."""
        if self.result is not None:
            return self.result.passed
        return self.error is None and self.skipped is not None and self.skipped_passes

    @property
    def timed_out(self) -> bool:
        """Whether the vendor, or the source it asks, ran out of time."""
        return self.error is not None and self.error.cause in {Cause.TIMEOUT, Cause.SOURCE_TIMEOUT}
