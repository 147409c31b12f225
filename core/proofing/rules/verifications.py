"""What becomes of a verification: every change of its record, as pure functions.

A change is decided from the record before it and, where a job ended, from all ends of its jobs; the store
keeps the next record only where the one before is still current. What is not in the table of
docs/explanation/relying-parties.md is refused. Times are seconds since the epoch, by the store's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from proofing.base.errors import LinkRefusedError, VerificationStateError
from proofing.contracts.evidence import Evidence, EvidenceKind, Verification, VerifiedBy
from proofing.contracts.results import CheckState
from proofing.contracts.verifications import (
    CodeReturned,
    EventType,
    Findings,
    JobEnd,
    Link,
    Review,
    Step,
    VerificationRecord,
    VerificationState,
)
from proofing.rules.assurance import Assessment, assess
from proofing.rules.assurance_table import Level
from proofing.rules.job_answers import Answer, answers, reasons_of

_HOUR, _DAY = 3600.0, 86400.0
#: Flag of a verification that a reviewer approved; section 8.2.3 of NIST SP 800-63A-4 wants it known.
APPROVED_BY_REVIEW = "approved_by_review"
#: Why a verification failed, besides the reasons of its jobs.
ATTEMPTS_USED_UP = "attempts_used_up"
ASSURANCE_NOT_REACHED = "assurance_not_reached"
REJECTED_BY_REVIEW = "rejected_by_review"
#: Codes of refusals, see `VerificationStateError`.
EXPIRED = "expired"
SESSION_REPLACED = "session_replaced"
CLAIMS_NONE = "claims_none"
CLAIMS_COLLECTED = "claims_collected"
CLAIMS_EXPIRED = "claims_expired"


@dataclass(frozen=True, slots=True)
class Change:
    """The next record, and what the relying party hears of it, in this order.

    Where nothing changes the record is the one before.
    """

    record: VerificationRecord
    events: tuple[EventType, ...] = ()


def linked(record: VerificationRecord, link: Link, *, at: float) -> Change:
    """Give the person a new link in place of the one before. A session that began lasts until it is used.

    Raises:
        VerificationStateError: it has ended, or is reviewed.
    """
    _require_open(record, "link", at=at)
    return Change(record.changed(at=at, link=link))


def started(record: VerificationRecord, *, at: float) -> Change:
    """Use the person's link: a session begins, in place of one of an earlier link.

    Raises:
        LinkRefusedError: the link or the verification is used, expired or ended.
    """
    link = usable_link(record, at=at)
    used = replace(link, used_at=at)
    is_first = record.state is VerificationState.CREATED
    # The person begins again: what an earlier session found out is not this one's.
    following = record.changed(
        at=at,
        link=used,
        started_link=link.number,
        state=VerificationState.IN_PROGRESS,
        findings=Findings(),
        code=None,
    )
    return Change(following, (EventType.STARTED,) if is_first else ())


def usable_link(record: VerificationRecord, *, at: float) -> Link:
    """Return the record's link, if a person may press *Start* on it.

    Raises:
        LinkRefusedError: the link or the verification is used, expired or ended.
    """
    link = record.link
    if not record.state.is_open or link is None:
        raise LinkRefusedError("ended")
    if link.used_at is not None:
        raise LinkRefusedError("used")
    if at >= min(link.expires_at, record.expires_at):
        raise LinkRefusedError("expired")
    return link


def job_begun(record: VerificationRecord, *, link: int, at: float) -> Change:
    """Note that a job is about to be enqueued, of the session that began by this *link*.

    Raises:
        VerificationStateError: the verification does not wait for one, or not from this session.
    """
    _require_session(record, "submit to", link=link, at=at)
    # Whatever a code confirmed, the job may change it.
    following = record.changed(at=at, state=VerificationState.PROCESSING, code=None)
    is_new = record.state is not VerificationState.PROCESSING
    return Change(following, (EventType.PROCESSING,) if is_new else ())


def job_ended(
    record: VerificationRecord, ends: Sequence[JobEnd], *, at: float, still_running: bool = False
) -> Change:
    """Judge the verification after the end of one of its jobs.

    Args:
        record: before the end.
        ends: of all its jobs, that one too, in any order.
        at: when.
        still_running: whether another job of the person's present session runs.

    Raises:
        VerificationStateError: nobody has begun.
    """
    if record.state is VerificationState.CREATED:
        raise VerificationStateError("end a job of", record.state)
    if not record.state.is_open:
        # Late: it is kept, so that the job is known to have ended, and nothing else changes.
        return Change(record.changed(at=at))
    change = _judge(record, ends, at=at, still_running=still_running)
    is_waiting = change.record.state is VerificationState.IN_PROGRESS
    if (
        is_waiting
        and record.state is VerificationState.PROCESSING
        and not _has_new_yes(record, change.record)
    ):
        return replace(change, events=(EventType.INPUT_REQUIRED,))
    return change


def code_returned(
    record: VerificationRecord, ends: Sequence[JobEnd], code: CodeReturned, *, link: int, at: float
) -> Change:
    """Note that a code which was sent to the person's phone came back to the session of this *link*.

    After the end it changes nothing.

    Raises:
        VerificationStateError: the verification is not the session's anymore.
    """
    if not record.state.is_open:
        return Change(record)
    _require_session(record, "confirm a phone for", link=link, at=at)
    is_running = record.state is VerificationState.PROCESSING
    return _judge(replace(record, code=code), ends, at=at, still_running=is_running)


def canceled(record: VerificationRecord, *, at: float, link: int | None = None) -> Change:
    """Cancel it, by either side; what its jobs find out later is discarded.

    Args:
        record: before.
        at: when.
        link: by which the session of the person began who cancels; None for the relying party.

    Raises:
        VerificationStateError: it has ended, is reviewed, or is not the session's anymore.
    """
    if not record.state.is_open:
        raise VerificationStateError("cancel", record.state)
    if link is not None and link != record.started_link:
        raise VerificationStateError("cancel", record.state, SESSION_REPLACED)
    return _ended(record, VerificationState.CANCELED, at=at)


def expired(record: VerificationRecord, *, at: float) -> Change:
    """End it by time. One that a job is processing is left to the end of that job.

    Raises:
        VerificationStateError: its time is not over, or it has ended, or is processed.
    """
    if not is_overdue(record, at=at):
        raise VerificationStateError("expire", record.state)
    return _ended(record, VerificationState.EXPIRED, at=at)


def is_overdue(record: VerificationRecord, *, at: float) -> bool:
    """Return whether `expired` would end it."""
    waits = record.state in {
        VerificationState.CREATED,
        VerificationState.IN_PROGRESS,
        VerificationState.NEEDS_REVIEW,
    }
    return waits and at >= record.expires_at


def reviewed(record: VerificationRecord, review: Review) -> Change:
    """Decide a review, once.

    Approving does what the evidence cannot: it stands for the steps in review and those after them, and says
    so by a flag. It does not raise the assurance level.

    Raises:
        VerificationStateError: there is nothing to decide; or the policy's assurance level, which the
            evidence does not support, is asked to be approved: then it may be rejected, and a new
            verification created.
    """
    if record.state is not VerificationState.NEEDS_REVIEW:
        raise VerificationStateError("decide", record.state)
    if review.at >= record.expires_at:
        raise VerificationStateError("decide", record.state, EXPIRED)
    decided = replace(record, review=review)
    if not review.is_approved:
        change = _failed(decided, record.findings, REJECTED_BY_REVIEW, at=review.at)
    elif not _reaches(record.terms.target, record.findings.supports):
        raise VerificationStateError("approve", record.state, ASSURANCE_NOT_REACHED)
    else:
        flags = (*record.findings.flags, APPROVED_BY_REVIEW)
        change = _verified(decided, replace(record.findings, flags=flags), at=review.at)
    return replace(change, events=(EventType.REVIEWED, *change.events))


def claims_collected(record: VerificationRecord, *, at: float) -> Change:
    """Note that the relying party takes what is released, which it may once.

    Raises:
        VerificationStateError: nothing is released, not anymore, or it was collected before.
    """
    if record.claims_collected_at is not None:
        raise VerificationStateError("collect claims of", record.state, CLAIMS_COLLECTED)
    if record.state is not VerificationState.VERIFIED or not record.terms.claims:
        raise VerificationStateError("collect claims of", record.state, CLAIMS_NONE)
    if record.claims_expire_at is None or at >= record.claims_expire_at:
        raise VerificationStateError("collect claims of", record.state, CLAIMS_EXPIRED)
    return Change(record.changed(at=at, claims_collected_at=at, claims_expire_at=None))


def claims_expired(record: VerificationRecord, *, at: float) -> Change:
    """Note that nobody collected what was released in time.

    Raises:
        VerificationStateError: their time is not over.
    """
    if record.claims_expire_at is None or at < record.claims_expire_at:
        raise VerificationStateError("delete claims of", record.state)
    return Change(record.changed(at=at, claims_expire_at=None))


def redacted(record: VerificationRecord, *, at: float) -> Change:
    """Note that what is sealed is deleted. Once it is, nothing changes.

    Raises:
        VerificationStateError: it has not ended.
    """
    if not record.state.is_end:
        raise VerificationStateError("redact", record.state)
    if record.redacted_at is not None:
        return Change(record)
    following = record.changed(at=at, redacted_at=at, leftovers_due_at=at, claims_expire_at=None)
    return Change(following, (EventType.REDACTED,))


def leftovers_tried(record: VerificationRecord, *, at: float, retry_at: float | None) -> Change:
    """Note that what a redacted one has left in other stores is deleted, or when that is tried again.

    Raises:
        VerificationStateError: nothing is left.
    """
    if record.leftovers_due_at is None:
        raise VerificationStateError("delete leftovers of", record.state)
    return Change(record.changed(at=at, leftovers_due_at=retry_at))


@dataclass(frozen=True, slots=True)
class _Counted:
    """The answer that counts for a step, and whose it is; None for the returned code."""

    answer: Answer
    end: JobEnd | None


def _judge(record: VerificationRecord, ends: Sequence[JobEnd], *, at: float, still_running: bool) -> Change:
    """Return what *ends* and the record's code make of an open verification."""
    counted = _counted(record, ends)
    findings, assessment = _findings(record, counted)
    tried = replace(
        record,
        exceptions=sum(end.record.is_exception for end in ends),
        failures=_failures(record, ends),
    )
    is_open = [step for step in record.terms.steps if not _has_passed(counted, step)]
    if any(tried.failures.get(step, 0) >= record.terms.attempts for step in is_open):
        return _failed(tried, findings, ATTEMPTS_USED_UP, at=at)
    if any(found.answer is Answer.REVIEW for found in counted.values()):
        following = tried.changed(
            at=at,
            state=VerificationState.NEEDS_REVIEW,
            expires_at=at + record.terms.review_days * _DAY,
            findings=findings,
        )
        return Change(following, (EventType.NEEDS_REVIEW,))
    if is_open:
        state = VerificationState.PROCESSING if still_running else VerificationState.IN_PROGRESS
        return Change(tried.changed(at=at, state=state, findings=findings))
    if assessment.is_stopped or not _reaches(record.terms.target, findings.supports):
        return _failed(tried, findings, ASSURANCE_NOT_REACHED, at=at)
    return _verified(tried, findings, at=at)


def _counted(record: VerificationRecord, ends: Sequence[JobEnd]) -> dict[Step, _Counted]:
    """Return the answer that counts for each step, in the policy's order, up to the first that is no yes.

    The latest answer of a step counts, of the person's present session, and only if it was asked for after
    that of the step before it: who goes back and answers one again, answers those after it again, too.
    """
    latest: dict[Step, JobEnd] = {}
    asked = [end for end in ends if end.link == record.started_link]
    for end in sorted(asked, key=lambda one: (one.record.submitted_at, one.result_id)):
        latest |= dict.fromkeys(answers(end), end)
    counted: dict[Step, _Counted] = {}
    newest = 0.0
    for step in record.terms.steps:
        if step is Step.CODE:
            # One that was made before the phone was submitted was sent to another phone.
            is_of_phone = record.code is not None and record.code.made_at >= newest
            found = _Counted(Answer.PASSED, None) if is_of_phone else None
        else:
            answered = latest.get(step)
            is_newer = answered is not None and answered.record.submitted_at >= newest
            found = _Counted(answers(answered)[step], answered) if answered and is_newer else None
        if found is None:
            break
        counted[step] = found
        if found.answer is not Answer.PASSED:
            break
        newest = max(newest, found.end.record.submitted_at) if found.end is not None else newest
    return counted


def _has_passed(counted: Mapping[Step, _Counted], step: Step) -> bool:
    return step in counted and counted[step].answer is Answer.PASSED


def _has_new_yes(before: VerificationRecord, after: VerificationRecord) -> bool:
    """Return whether a check passed that had not."""
    return any(
        state is CheckState.PASSED and before.findings.checks.get(name) is not CheckState.PASSED
        for name, state in after.findings.checks.items()
    )


def _failures(record: VerificationRecord, ends: Sequence[JobEnd]) -> dict[Step, int]:
    """Return how often each step of the policy was answered with no, over all sessions."""
    found = [answers(end) for end in ends]
    counts = {step: sum(answer.get(step) is Answer.FAILED for answer in found) for step in record.terms.steps}
    return {step: count for step, count in counts.items() if count}


def _findings(record: VerificationRecord, counted: Mapping[Step, _Counted]) -> tuple[Findings, Assessment]:
    """Return what the answers that count come to."""
    checks: dict[str, CheckState] = {}
    reasons: list[str] = []
    evidence = Evidence()
    ends = {found.end.result_id: found.end for found in counted.values() if found.end is not None}
    for end in ends.values():
        checks |= end.checks
        evidence |= end.evidence
    if record.code is not None and Step.CODE in counted:
        returned = Verification(
            method=VerifiedBy.CODE_PHONE, digits=record.code.digits, age_seconds=record.code.age_seconds
        )
        evidence = evidence.verified(EvidenceKind.PHONE_ACCOUNT, returned)
        checks[Step.CODE] = CheckState.PASSED
    for step, found in counted.items():
        if found.answer is not Answer.PASSED and found.end is not None:
            reasons += reasons_of(step, found.answer, found.end)
    assessment = assess(evidence)
    findings = Findings(
        checks=checks,
        reasons=tuple(dict.fromkeys(reasons)),
        evidence=evidence,
        supports=assessment.level.label,
        pathway=assessment.pathway,
        missing=tuple(one.code for one in assessment.missing),
        flags=tuple(str(flag) for flag in assessment.flags),
    )
    return findings, assessment


def _reaches(target: str | None, supports: str | None) -> bool:
    """Return whether a level is at least the policy's."""
    return target is None or Level[(supports or "none").upper()] >= Level[target.upper()]


def _verified(record: VerificationRecord, findings: Findings, *, at: float) -> Change:
    claims_expire_at = at + record.terms.claims_hours * _HOUR if record.terms.claims else None
    return _ended(
        replace(record, findings=findings, claims_expire_at=claims_expire_at),
        VerificationState.VERIFIED,
        at=at,
    )


def _failed(record: VerificationRecord, findings: Findings, reason: str, *, at: float) -> Change:
    told = replace(findings, reasons=(*findings.reasons, reason))
    return _ended(replace(record, findings=told), VerificationState.FAILED, at=at)


def _ended(record: VerificationRecord, state: VerificationState, *, at: float) -> Change:
    """Return the end of *record*; the event of each end has its name."""
    following = record.changed(
        at=at, state=state, ended_at=at, forget_at=at + record.terms.retention_days * _DAY
    )
    return Change(following, (EventType(f"verification.{state}"),))


def _require_open(record: VerificationRecord, action: str, *, at: float) -> None:
    if not record.state.is_open:
        raise VerificationStateError(action, record.state)
    if at >= record.expires_at:
        raise VerificationStateError(action, record.state, EXPIRED)


def _require_session(record: VerificationRecord, action: str, *, link: int, at: float) -> None:
    """Refuse what does not come from the session that the verification waits for."""
    _require_open(record, action, at=at)
    if record.state is VerificationState.CREATED:
        raise VerificationStateError(action, record.state)
    if link != record.started_link:
        raise VerificationStateError(action, record.state, SESSION_REPLACED)
