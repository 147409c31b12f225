"""What a job hands to the page of the person: one result type for each kind that has one, sealed as JSON.

The verdict is in the status record; a result holds what the flow needs next, which may be personal, and the
evidence that the job gathered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import Evidence
from proofing.contracts.results import CheckState, SelfieCheck

ResultT = TypeVar("ResultT")


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
    """

    applicant: Applicant | None = None
    needs_confirmation: bool = False
    failed_fingerprints: tuple[str, ...] = ()
    tips: bool = False
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    selfie: SelfieCheck = SelfieCheck.NOT_CHECKED


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


def write_result(result: AnyJobResult) -> bytes:
    """Return *result*, an instance of a result type, as JSON.

    Raises:
        ValueError: a field is not of its type, as Python does not check. The message may hold it.
    """
    kind: Any = type(result)
    data: bytes = _adapter(kind).dump_json(result, exclude_none=True, warnings="error")
    return data


def read_result(kind: type[ResultT], data: bytes) -> ResultT:
    """Read what `write_result` wrote; names that a newer process wrote are ignored.

    Raises:
        ValueError: *data* is not a result of this kind. The message does not hold it.
    """
    wanted: Any = kind
    try:
        found: ResultT = _adapter(wanted).validate_json(data, strict=True)
    except ValidationError:
        raise ValueError(f"not a {kind.__name__}") from None
    return found


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what reads and writes *kind*; building it takes milliseconds."""
    return TypeAdapter(kind)
