"""How a verification of mode test comes to an outcome without a person and a vendor, as pure functions.

A simulation makes what a person and vendors would have made, a used link and ends of jobs, and has
`proofing.rules.verifications` judge it: no state is set, so that what it shows is what happens.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from proofing.base.errors import VerificationStateError
from proofing.contracts.evidence import (
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Verification,
    VerifiedBy,
)
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import CheckState, Outcome
from proofing.contracts.verifications import (
    CodeReturned,
    JobEnd,
    Review,
    Step,
    VerificationRecord,
    VerificationState,
)
from proofing.rules import verifications as rules
from proofing.rules.job_answers import SELFIE_CHECK
from proofing.rules.verifications import Change

#: Who decides a simulated review.
REVIEWER = "simulation"
_REASON = "simulated"
_CODE_DIGITS = 6
_CODE_SECONDS = 30.0
#: Between the submits of two jobs: a later step counts only if it was submitted later.
_BETWEEN_SECONDS = 0.001
_JOBS = {Step.DOCUMENT: JobKind.DOCUMENT, Step.RESOLUTION: JobKind.RESOLUTION, Step.PHONE: JobKind.PHONE}
_CHECKS = {
    Outcome.PASSED: CheckState.PASSED,
    Outcome.FAILED: CheckState.FAILED,
    Outcome.REVIEW: CheckState.REVIEW,
}
#: Supports every level that the policies of a remote proofing can ask for.
_EVIDENCE = Evidence(
    pieces=(
        EvidencePiece(
            kind=EvidenceKind.MOBILE_DRIVERS_LICENSE,
            issuer="MD",
            validated_by=ValidatedBy.SIGNATURE,
            inspection=Inspection(signature=True, holder_key=True),
            verified_by=(Verification(method=VerifiedBy.WALLET),),
        ),
    ),
    confirmed={name: frozenset({Source.SIGNED}) for name in CoreAttribute},
    death=Death.CLEAR,
    notify=frozenset({Channel.POST}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one move made.

    Attributes:
        change: of the verification.
        end: of a job, which belongs to the change.
    """

    change: Change
    end: JobEnd | None = None


class Move(Protocol):
    """One thing that a person, a vendor, a reviewer or time does."""

    def __call__(self, record: VerificationRecord, ends: Sequence[JobEnd], /, *, at: float) -> Made:
        """Return what it makes of *record*, whose jobs ended as *ends* say.

        Raises:
            VerificationStateError, LinkRefusedError: it cannot happen in this state.
        """


Sign = Callable[[StatusRecord], StatusRecord]


def advanced(record: VerificationRecord, seconds: float, *, at: float) -> VerificationRecord:
    """Return *record* as if *seconds* had passed: what is to happen at a time, happens so much earlier."""
    link = record.link

    def earlier(time: float | None) -> float | None:
        return None if time is None else time - seconds

    return record.changed(
        at=at,
        expires_at=record.expires_at - seconds,
        claims_expire_at=earlier(record.claims_expire_at),
        forget_at=earlier(record.forget_at),
        link=None if link is None else replace(link, expires_at=link.expires_at - seconds),
    )


def moves_to(
    record: VerificationRecord, outcome: VerificationState, reasons: tuple[str, ...], sign: Sign
) -> tuple[list[Move], list[Move]]:
    """Return what has to happen until *record* is in the state *outcome*.

    The first moves lead to where a vendor has been asked; the others are its answers. Between them passes
    the time that the vendor takes.

    Raises:
        VerificationStateError: no way leads there.
    """
    state = record.state
    if outcome is state:
        return [], []
    if state is VerificationState.NEEDS_REVIEW and outcome in _AFTER_REVIEW:
        return [], [_AFTER_REVIEW[outcome]]
    if not state.is_open or outcome is VerificationState.CREATED:
        raise VerificationStateError("simulate an outcome of", state)
    is_asked = state is VerificationState.PROCESSING
    begin: list[Move] = [_START] if state is VerificationState.CREATED else []
    ask: list[Move] = [] if is_asked else [*begin, _ASK]
    broken: list[Move] = [_end(JobKind.RESOLUTION, Outcome.UNKNOWN, (), sign)] if is_asked else []
    review = _end(_first_kind(record), Outcome.REVIEW, reasons, sign)
    moves: Mapping[VerificationState, tuple[list[Move], list[Move]]] = {
        VerificationState.IN_PROGRESS: (begin, broken),
        VerificationState.PROCESSING: (ask, []),
        VerificationState.NEEDS_REVIEW: (ask, [review]),
        VerificationState.VERIFIED: (ask, _all_passed(record, sign)),
        VerificationState.FAILED: (ask, _all_failed(record, reasons, sign)),
        VerificationState.CANCELED: ([], [_CANCEL]),
        VerificationState.EXPIRED: ([], [*broken, _EXPIRE]),
    }
    return moves[outcome]


def _without_ends(rule: Callable[[VerificationRecord, float], Change]) -> Move:
    """Return the move of a *rule* that the ends of jobs do not matter for."""

    def move(record: VerificationRecord, _ends: Sequence[JobEnd], *, at: float) -> Made:
        return Made(change=rule(record, at))

    return move


def _start(record: VerificationRecord, at: float) -> Change:
    """Use the link, also one that is too old: nobody has to open it."""
    link = record.link
    if link is None:
        return rules.started(record, at=at)
    usable = replace(record, link=replace(link, expires_at=record.expires_at))
    change = rules.started(usable, at=at)
    used = replace(link, used_at=at)
    return replace(change, record=replace(change.record, link=used))


def _ask(record: VerificationRecord, at: float) -> Change:
    return rules.job_begun(record, link=record.started_link, at=at)


def _expire(record: VerificationRecord, at: float) -> Change:
    return rules.expired(replace(record, expires_at=min(record.expires_at, at)), at=at)


def _approve(record: VerificationRecord, at: float) -> Change:
    return rules.reviewed(record, Review(at=at, by=REVIEWER, reason=_REASON, is_approved=True))


def _reject(record: VerificationRecord, at: float) -> Change:
    return rules.reviewed(record, Review(at=at, by=REVIEWER, reason=_REASON, is_approved=False))


_START = _without_ends(_start)
_ASK = _without_ends(_ask)
_CANCEL = _without_ends(lambda record, at: rules.canceled(record, at=at))
_EXPIRE = _without_ends(_expire)
_AFTER_REVIEW: Mapping[VerificationState, Move] = {
    VerificationState.VERIFIED: _without_ends(_approve),
    VerificationState.FAILED: _without_ends(_reject),
    VerificationState.EXPIRED: _EXPIRE,
}


def _return_code(record: VerificationRecord, ends: Sequence[JobEnd], *, at: float) -> Made:
    made_at = max((end.record.submitted_at for end in ends), default=at)
    code = CodeReturned(at=at, made_at=made_at, digits=_CODE_DIGITS, age_seconds=_CODE_SECONDS)
    return Made(change=rules.code_returned(record, ends, code, link=record.started_link, at=at))


def _end(
    kind: JobKind, outcome: Outcome, reasons: tuple[str, ...], sign: Sign, *, is_last: bool = True
) -> Move:
    """Return the move that ends a job of *kind*."""

    def move(record: VerificationRecord, ends: Sequence[JobEnd], *, at: float) -> Made:
        newest = max((end.record.submitted_at for end in ends), default=0.0)
        begun = StatusRecord(
            result_id=str(uuid.uuid4()),
            kind=kind,
            owner=record.person,
            submitted_at=max(at, newest + _BETWEEN_SECONDS),
        )
        answered = EndState.VENDOR_EXCEPTION if outcome is Outcome.UNKNOWN else EndState.DONE
        has_passed = outcome is Outcome.PASSED
        end = JobEnd(
            verification_id=record.id,
            link=record.started_link,
            record=sign(begun.finished(answered, at=at, outcome=outcome, reasons=reasons)),
            checks=_checks(record, kind, outcome),
            evidence=_EVIDENCE if has_passed else Evidence(),
        )
        change = rules.job_ended(record, [*ends, end], at=at, still_running=not is_last)
        return Made(change=change, end=end)

    return move


def _checks(record: VerificationRecord, kind: JobKind, outcome: Outcome) -> dict[str, CheckState]:
    """Return what the checks of a job come to."""
    state = _CHECKS.get(outcome, CheckState.UNKNOWN)
    found = {kind.value: state}
    if kind is JobKind.DOCUMENT and Step.SELFIE in record.terms.steps:
        found[SELFIE_CHECK] = state
    return found


def _all_passed(record: VerificationRecord, sign: Sign) -> list[Move]:
    """Return the ends of every job that the policy needs, and the code if it wants one."""
    kinds = [_JOBS[step] for step in record.terms.steps if step in _JOBS]
    has_code = Step.CODE in record.terms.steps
    ends: list[Move] = [_end(kind, Outcome.PASSED, (), sign, is_last=kind is kinds[-1]) for kind in kinds]
    return [*ends, _return_code] if has_code else ends


def _all_failed(record: VerificationRecord, reasons: tuple[str, ...], sign: Sign) -> list[Move]:
    """Return as many noes of the policy's first step as there are attempts left."""
    kind = _first_kind(record)
    left = max(1, record.terms.attempts - record.failures.get(_step_of(kind), 0))
    answer = _end(kind, Outcome.FAILED, reasons, sign)
    return [answer, *[_ASK, answer] * (left - 1)]


def _first_kind(record: VerificationRecord) -> JobKind:
    """Return the kind of job that the policy's first step needs."""
    return next(_JOBS[step] for step in record.terms.steps if step in _JOBS)


def _step_of(kind: JobKind) -> Step:
    return next(step for step, found in _JOBS.items() if found is kind)
