"""Resolution: what the answers of all vendors that were asked come to together.

`adjudicate` turns the checks into one record. Which vendors are asked: `proofing.rules.planning`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proofing.contracts.applicant import ATTRIBUTES, Applicant
from proofing.contracts.evidence import Death
from proofing.contracts.records import EndState, end_without_answer
from proofing.contracts.results import (
    Check,
    CheckState,
    DeviceResult,
    Match,
    Outcome,
    PhoneResult,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
    VendorResult,
)
from proofing.rules.phone import signals_of
from proofing.rules.planning import (
    DEVICE_SESSION_MISSING,
    can_still_pass,
    has_distinct_addresses,
    is_curable,
)
from proofing.rules.state_id import is_office_error

#: Adjudication reasons.
PASS_RESOLUTION_AND_STATE_ID = "pass_resolution_and_state_id"  # noqa: S105
STATE_ID_COVERS = "state_id_covers_failed_resolution"
FAIL_STATE_ID = "fail_state_id"
FAIL_SKIP_STATE_ID = "fail_resolution_skip_state_id"
FAIL_WITHOUT_COVERAGE = "fail_resolution_without_state_id_coverage"
REVIEW_RESOLUTION = "review_resolution"
REVIEW_STATE_ID = "review_state_id"
DEVICE_PASS = "device_profiling_result_pass"  # noqa: S105
DEVICE_REVIEW = "device_profiling_result_review_required"
DEVICE_EXCEPTION = "device_profiling_exception"
#: Alongside those: nothing but the address is missing, so the screen leads to the address form.
ONLY_ADDRESS_MISSING = "only_address_missing"

#: Names that an error by attribute may have besides the applicant's own.
_KNOWN_ATTRIBUTES = frozenset({*ATTRIBUTES, "address", "name", "dead"})


def wants_second_opinion(check: Check[ResolutionResult]) -> bool:
    """Return whether another vendor may be asked after *check*: without an answer, or for a no.

    A death record is no mistake of matching, and nobody is asked to outvote it.
    """
    result = check.result
    return result is None or (result.outcome is Outcome.FAILED and result.death is not Death.HIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionChecks:
    """What came of each planned call.

    Attributes:
        hybrid_device: of the second device, when the capture went on at a phone; None when there was none.
            The present flow stays on one device.
        verified_with_document: what the office verified when the document was proofed; None: not asked. The
            present flow asks in the resolution job.
    """

    device: Check[DeviceResult]
    residential_address: Check[ResolutionResult]
    resolution: Check[ResolutionResult]
    state_id: Check[StateIDResult]
    phone_precheck: Check[PhoneResult]
    hybrid_device: Check[DeviceResult] | None = None
    verified_with_document: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """What is kept of one stage; no PII.

    Attributes:
        state: what it came to; not checked where nobody was asked.
        vendor_name: who was asked, or the reason why nobody was.
        exception: class and code of the error that came in place of an answer.
        verified_attributes: what the vendor verified.
        missing_attributes: what the vendor wants verified by another source.
    """

    state: CheckState
    vendor_name: str
    exception: str | None = None
    timed_out: bool = False
    transaction_id: str | None = None
    reference: str | None = None
    reasons: tuple[str, ...] = ()
    vendor_codes: tuple[str, ...] = ()
    billed: bool = False
    review_status: str | None = None
    verified_attributes: tuple[str, ...] = ()
    missing_attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjudicatedResolution:
    """What a resolution job comes to; no PII.

    Attributes:
        outcome: the job's: unknown when a vendor gave no answer, review when a person has to look.
        errors: attribute to ``stage:mismatch`` or ``stage:unavailable``, in the order of the stages.
        exception: class and code of the first stage's error, or None.
        end_state: how the job ends: `EndState.DONE` with an answer, or by which kind of exception.
        timed_out: whether any vendor ran out of time.
        device_review_status, hybrid_device_review_status: ``pass``, ``review``, ``reject`` or None.
        phone_precheck_passed: whether the phone step is answered, too.
        phone_precheck_failed: whether the phone vendor answered no. Neither holds when it was not asked, was
            silent, or could not decide.
        only_address_missing: whether the resolution vendor misses nothing but the address.
        fraud_signals: what about the phone hints at fraud.
        stages: by name.
    """

    outcome: Outcome
    end_state: EndState
    resolution_reason: str
    device_reason: str
    errors: Mapping[str, tuple[str, ...]]
    exception: str | None
    timed_out: bool
    device_review_status: str | None
    hybrid_device_review_status: str | None
    phone_precheck_passed: bool
    phone_precheck_failed: bool
    only_address_missing: bool
    fraud_signals: tuple[str, ...] = ()
    stages: Mapping[str, StageFacts] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes for the status record and the screens."""
        address = (ONLY_ADDRESS_MISSING,) if self.only_address_missing else ()
        return (self.resolution_reason, self.device_reason, *address, *self.fraud_signals)

    @property
    def checks(self) -> Mapping[str, CheckState]:
        """What each stage came to, by its name."""
        return {name: facts.state for name, facts in self.stages.items()}


def adjudicate(applicant: Applicant, checks: ResolutionChecks) -> AdjudicatedResolution:
    """Judge all checks of one resolution job."""
    resolution_outcome, resolution_reason = judge_resolution(applicant, checks)
    devices = [check for check in (checks.device, checks.hybrid_device) if check is not None]
    verdicts = [judge_device(check) for check in devices]
    device_success = all(success for success, _ in verdicts)
    # A device that nobody profiled fails, whatever the rest comes to.
    outcome = resolution_outcome if device_success else Outcome.FAILED
    first = None if outcome is Outcome.PASSED else _first_exception(checks)
    end_state = _end(first)
    missing = checks.resolution.result or checks.residential_address.result
    return AdjudicatedResolution(
        outcome=outcome if end_state is EndState.DONE else Outcome.UNKNOWN,
        end_state=end_state,
        resolution_reason=resolution_reason,
        device_reason=_worst_device_reason([reason for _, reason in verdicts]),
        errors=_merge_errors(checks),
        exception=_exception(first[1]) if first else None,
        timed_out=any(check.timed_out for _, check in _named(checks)),
        device_review_status=_review_status(checks.device),
        hybrid_device_review_status=_review_status(checks.hybrid_device),
        phone_precheck_passed=checks.phone_precheck.passed,
        phone_precheck_failed=checks.phone_precheck.result is not None
        and checks.phone_precheck.result.outcome is Outcome.FAILED,
        only_address_missing=missing is not None
        and not missing.passed
        and missing.attributes_requiring_additional_verification == {"address"},
        fraud_signals=tuple(signal.value for signal in signals_of(checks.phone_precheck)),
        stages={name: _facts(check) for name, check in _named(checks)},
    )


def judge_resolution(applicant: Applicant, checks: ResolutionChecks) -> tuple[Outcome, str]:
    """Return outcome and reason of resolution and state ID together. The first matching line holds.

    Passed, failed, or review; where a vendor gave no answer the caller knows it. A no of one vendor outweighs
    the review of another.
    """
    state_id, resolution = checks.state_id, checks.resolution
    # A resolution that nobody was asked for never counts as a yes, however its check was skipped.
    resolved = resolution.result is not None and resolution.passed
    if has_distinct_addresses(applicant) and not checks.residential_address.passed:
        in_review = _wants_review(checks.residential_address)
        return (Outcome.REVIEW, REVIEW_RESOLUTION) if in_review else (Outcome.FAILED, FAIL_SKIP_STATE_ID)
    if resolved and state_id.passed:
        return Outcome.PASSED, PASS_RESOLUTION_AND_STATE_ID
    if not state_id.passed:
        in_review = _wants_review(state_id) and (can_still_pass(resolution) or _wants_review(resolution))
        return (Outcome.REVIEW, REVIEW_STATE_ID) if in_review else (Outcome.FAILED, FAIL_STATE_ID)
    if _wants_review(resolution):
        return Outcome.REVIEW, REVIEW_RESOLUTION
    if state_id.result is None and checks.verified_with_document is None:
        return Outcome.FAILED, FAIL_SKIP_STATE_ID
    verified = checks.verified_with_document or frozenset()
    if state_id.result is not None:
        verified = state_id.result.verified_attributes
    result = resolution.result
    covers = (
        result is not None
        and is_curable(resolution)
        and result.attributes_requiring_additional_verification <= verified
    )
    return (Outcome.PASSED, STATE_ID_COVERS) if covers else (Outcome.FAILED, FAIL_WITHOUT_COVERAGE)


def judge_device(check: Check[DeviceResult]) -> tuple[bool, str]:
    """Return success and reason of a device profile. Review and reject pass here and are handled later."""
    if _exception(check) is not None:
        return False, DEVICE_EXCEPTION
    if check.result is not None:
        passed = check.result.review_status is ReviewStatus.PASS
        return True, DEVICE_PASS if passed else DEVICE_REVIEW
    return (True, DEVICE_PASS) if check.passed else (False, DEVICE_EXCEPTION)


def _wants_review(check: Check[Any]) -> bool:
    """Return whether the vendor could not decide."""
    return check.result is not None and check.result.outcome is Outcome.REVIEW


def _named(checks: ResolutionChecks) -> list[tuple[str, Check[Any]]]:
    """Return the stages in the order in which their errors count."""
    named: list[tuple[str, Check[Any]]] = [
        ("resolution", checks.resolution),
        ("residential_address", checks.residential_address),
        ("state_id", checks.state_id),
        ("device", checks.device),
    ]
    if checks.hybrid_device is not None:
        named.append(("hybrid_device", checks.hybrid_device))
    return [*named, ("phone_precheck", checks.phone_precheck)]


def _first_exception(checks: ResolutionChecks) -> tuple[str, Check[Any]] | None:
    """Return name and check of the first stage without an answer; the pre-check decides nothing."""
    for name, check in _named(checks):
        if _exception(check) is not None and name != "phone_precheck":
            return name, check
    return None


def _end(first: tuple[str, Check[Any]] | None) -> EndState:
    """Return how the job ends."""
    if first is None:
        return EndState.DONE
    stage, check = first
    if not check.is_unavailable:
        if stage == "state_id" and is_office_error(check.error):
            return EndState.STATE_ID_EXCEPTION
        if stage.endswith("device"):
            return EndState.DEVICE_EXCEPTION
    return end_without_answer(check)


def _merge_errors(checks: ResolutionChecks) -> dict[str, tuple[str, ...]]:
    """Return what each stage found wrong with each attribute."""
    merged: dict[str, tuple[str, ...]] = {}
    seen: list[VendorResult] = []
    for stage, check in _named(checks):
        result = check.result
        if result is None or any(result is other for other in seen) or stage == "phone_precheck":
            continue
        seen.append(result)
        for attribute, match in result.attributes.items():
            if match in {Match.MISMATCH, Match.UNAVAILABLE}:
                name = attribute if attribute in _KNOWN_ATTRIBUTES else "unknown"
                code = f"{stage}:{match.value}"
                if code not in merged.get(name, ()):
                    merged[name] = (*merged.get(name, ()), code)
    return merged


def _worst_device_reason(reasons: list[str]) -> str:
    """Return the reason that weighs most among those of one or two devices."""
    return max(reasons, key=(DEVICE_PASS, DEVICE_REVIEW, DEVICE_EXCEPTION).index)


def _review_status(check: Check[DeviceResult] | None) -> str | None:
    """Return the status to keep; a disabled profile counts as pass."""
    if check is None:
        return None
    if check.result is not None:
        return check.result.review_status.value
    return ReviewStatus.PASS.value if check.passed else None


def _exception(check: Check[Any]) -> str | None:
    """Return cause and codes of what came in place of an answer, or None; texts of errors stay behind."""
    if check.error is not None:
        return " ".join((check.error.cause, *check.error.codes))
    if check.result is not None and check.result.outcome is Outcome.UNKNOWN:
        return "unknown_outcome"
    return None


def _facts(check: Check[Any]) -> StageFacts:
    """Return what is kept of one check."""
    result, error = check.result, check.error
    if result is None:
        return StageFacts(
            state=check.state,
            vendor_name=error.vendor_name if error else check.skipped or "",
            exception=_exception(check),
            timed_out=check.timed_out,
            transaction_id=error.transaction_id if error else None,
            billed=error.billed if error else False,
        )
    return StageFacts(
        # A device without a session is held against the person, and was not checked.
        state=CheckState.NOT_CHECKED if result.vendor_name == DEVICE_SESSION_MISSING else check.state,
        vendor_name=result.vendor_name,
        exception=_exception(check),
        transaction_id=result.transaction_id,
        reference=result.reference,
        reasons=result.reasons,
        vendor_codes=result.vendor_codes,
        billed=result.billed,
        review_status=result.review_status.value if isinstance(result, DeviceResult) else None,
        verified_attributes=tuple(sorted(getattr(result, "verified_attributes", ()))),
        missing_attributes=tuple(sorted(getattr(result, "attributes_requiring_additional_verification", ()))),
    )
