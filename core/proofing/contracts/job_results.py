"""What a job hands to the page of the person: one result type for each kind that has one, sealed as JSON.

The verdict is in the status record; a result holds what the flow needs next, which may be personal, and the
evidence that the job gathered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import Evidence
from proofing.contracts.images import Side
from proofing.contracts.results import CheckState, SelfieCheck


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DocumentJobResult:
    """What a document job hands over.

    Attributes:
        applicant: what was read, in its normal form; None unless the document passed.
        needs_confirmation: the barcode could not be read: the person must confirm name and birth date.
        failed_fingerprints: marks ``side:fingerprint`` of images that must not be submitted again.
        tips: whether the page shows the tips for taking photos.
        checks: what each check came to: ``document``, ``selfie``, ``passport``.
        evidence: what the document is worth.
        selfie: how the selfie compares with the portrait, as the vendor answered.
        kept_sides: whose uploads are still stored, because they may be submitted again.
    """

    applicant: Applicant | None = None
    needs_confirmation: bool = False
    failed_fingerprints: tuple[str, ...] = ()
    tips: bool = False
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    selfie: SelfieCheck = SelfieCheck.NOT_CHECKED
    kept_sides: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResolutionJobResult:
    """What a resolution job hands over.

    Attributes:
        phone_precheck_passed: whether the phone step is answered, too.
        failed_phone: the number that the phone vendor does not find to be the applicant's; None when it was
            not asked, was silent, or said yes.
        checks: what each check came to: ``resolution``, ``residential_address``, ``state_id``, ``device``,
            ``phone_precheck``.
        evidence: which attributes were confirmed, and by whom.
    """

    phone_precheck_passed: bool = False
    failed_phone: str | None = None
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PhoneJobResult:
    """What a phone job hands over.

    Attributes:
        checks: what each check came to: ``phone``.
        evidence: the account of the phone, where it is confirmed.
    """

    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)


AnyJobResult = DocumentJobResult | ResolutionJobResult | PhoneJobResult
