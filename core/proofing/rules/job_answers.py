"""What the end of a job answers for the steps of a policy, and the reasons that relying parties learn."""

from collections.abc import Mapping
from enum import StrEnum

from proofing.contracts.records import JobKind
from proofing.contracts.results import CheckState, FraudSignal, Outcome
from proofing.contracts.verifications import JobEnd, Step
from proofing.rules import resolution

#: The check of a job's end by which a resolution job answers the phone step, too.
PHONE_CHECK = JobKind.PHONE.value
SELFIE_CHECK = Step.SELFIE.value

#: Reasons of jobs that relying parties learn, by kind; of a document all, as they are about its images.
#: Others would tell which datum that the person typed was wrong, or are no reason for a no.
_REASONS: Mapping[JobKind, frozenset[str]] = {
    JobKind.RESOLUTION: frozenset(
        {
            resolution.FAIL_STATE_ID,
            resolution.FAIL_SKIP_STATE_ID,
            resolution.FAIL_WITHOUT_COVERAGE,
            resolution.REVIEW_RESOLUTION,
            resolution.REVIEW_STATE_ID,
            resolution.DEVICE_REVIEW,
            *FraudSignal,
        }
    ),
    JobKind.PHONE: frozenset({"line_type_refused", *FraudSignal}),
}


class Answer(StrEnum):
    """What a job answers for one step."""

    PASSED = "passed"
    FAILED = "failed"
    REVIEW = "review"


def answers(end: JobEnd) -> Mapping[Step, Answer]:
    """Return which steps the *end* of a job answers, and how; an end without an answer answers none."""
    record = end.record
    if record.is_exception or record.outcome in {None, Outcome.UNKNOWN}:
        return {}
    outcome = Answer(str(record.outcome))
    match record.kind:
        case JobKind.DOCUMENT if outcome is Answer.PASSED:
            return {Step.DOCUMENT: outcome, Step.SELFIE: _selfie(end.checks.get(SELFIE_CHECK))}
        case JobKind.DOCUMENT:
            return {Step.DOCUMENT: outcome}
        case JobKind.RESOLUTION:
            also = outcome is Answer.PASSED and end.checks.get(PHONE_CHECK) is CheckState.PASSED
            return {Step.RESOLUTION: outcome, **({Step.PHONE: Answer.PASSED} if also else {})}
        case JobKind.PHONE:
            return {Step.PHONE: outcome}
        case _:
            return {}


def reasons_of(step: Step, answer: Answer, end: JobEnd) -> list[str]:
    """Return why a *step* is answered like that, as codes that begin with its name."""
    told = _REASONS.get(end.record.kind)
    codes = [code for code in end.record.reasons if told is None or code in told]
    if step is Step.SELFIE:
        codes = [str(end.checks.get(SELFIE_CHECK, CheckState.NOT_CHECKED))]
    return [f"{step}:{code}" for code in codes or [answer]]


def _selfie(check: CheckState | None) -> Answer:
    """Return what a document that passed says of the selfie: one that nobody compared is none."""
    match check:
        case CheckState.PASSED:
            return Answer.PASSED
        case CheckState.REVIEW:
            return Answer.REVIEW
        case _:
            return Answer.FAILED
