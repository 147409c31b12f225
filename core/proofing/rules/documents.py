"""Documents: from what a vendor says of the images to one verdict, with the error class for each side.

The stages, of which the first that fails gives the answer: all sides are there; each is an image; none
failed before in this session; (limit, count); the vendor's verdict; what was read; how far it was checked;
passport check; state ID check. Tables: `proofing.rules.document_errors`.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from proofing.base.text import UnsafeTextError
from proofing.contracts.applicant import PASSPORT_TYPES, Applicant, DocumentType
from proofing.contracts.images import Side
from proofing.contracts.results import (
    Assurance,
    Check,
    CheckState,
    DocumentResult,
    Finding,
    FindingCode,
    Match,
    Outcome,
    PassportResult,
    SelfieCheck,
    StateIDResult,
)
from proofing.rules.document_errors import (
    CHECKS,
    OUTWEIGHED,
    QUALITY,
    REFUSALS,
    SELFIES,
    WITH_TIPS,
    ErrorCode,
)
from proofing.rules.document_pii import normal_reading, pii_errors

#: What new photos of the same document cannot cure, whatever else is wrong with it.
_DECISIVE = (ErrorCode.UNDERAGE, ErrorCode.EXPIRED)
#: Comparisons that say something against the selfie.
_SELFIE_FAILURES = frozenset({SelfieCheck.NO_MATCH, *SELFIES})
#: What comparisons are recorded as; all others are a no.
_SELFIE_STATES: Mapping[SelfieCheck, CheckState] = MappingProxyType(
    {SelfieCheck.MATCH: CheckState.PASSED, SelfieCheck.NOT_CHECKED: CheckState.NOT_CHECKED}
)
#: What is recorded of an issuer whom the vendor of the images has asked.
_ISSUER_STATES: Mapping[Match, CheckState] = MappingProxyType(
    {
        Match.MATCH: CheckState.PASSED,
        Match.MISMATCH: CheckState.FAILED,
        Match.UNAVAILABLE: CheckState.UNKNOWN,
        Match.NOT_CHECKED: CheckState.NOT_CHECKED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVerdict:
    """What one document submission comes to.

    Attributes:
        outcome: unknown when there was no answer; review when a person has to look, and no image is to blame.
        applicant: when passed, what was read, in its normal form; all else are codes without PII.
        reasons: codes of the messages, most important first; empty when passed.
        fields: side to its error code.
        details: further codes for logs, such as each missing attribute.
        needs_confirmation: the barcode could not be read: the person must confirm name and birth date.
        failed_fingerprints: side to the fingerprint of an image that must not be submitted again.
        tips: whether the page shows the tips for taking photos.
        is_unexplained: whether no known class explains the failure; worth a warning.
    """

    outcome: Outcome
    applicant: Applicant | None = None
    reasons: tuple[ErrorCode, ...] = ()
    fields: Mapping[Side, ErrorCode] = field(default_factory=dict)
    details: tuple[ErrorCode, ...] = ()
    needs_confirmation: bool = False
    failed_fingerprints: Mapping[Side, str] = field(default_factory=dict)
    tips: bool = False
    is_unexplained: bool = False

    @property
    def passed(self) -> bool:
        """Whether the document is accepted (a confirmation may still be due)."""
        return self.outcome is Outcome.PASSED

    @property
    def reusable_sides(self) -> frozenset[Side]:
        """The images that may be submitted again: those of the document that nothing is said against.

        A selfie is never one of them: what shows a face is stored no longer than it is needed.
        """
        return frozenset(Side) - self.fields.keys() - {Side.SELFIE} if self.fields else frozenset()


# Before the vendor is asked


def required_sides(*, passport: bool, selfie: bool) -> tuple[Side, ...]:
    """Return the images that an attempt needs."""
    sides = (Side.PASSPORT,) if passport else (Side.FRONT, Side.BACK)
    return (*sides, Side.SELFIE) if selfie else sides


def missing_sides(given: Collection[Side], *, passport: bool, selfie: bool) -> dict[Side, ErrorCode]:
    """Return the sides that are needed and not *given*, each with its code."""
    needed = required_sides(passport=passport, selfie=selfie)
    return {side: ErrorCode.MISSING_IMAGE for side in needed if side not in given}


def by_side(marks: Collection[str]) -> dict[Side, set[str]]:
    """Return the remembered fingerprints by side; marks are ``side:fingerprint``."""
    by_side: dict[Side, set[str]] = {}
    for mark in marks:
        side, _, fingerprint = mark.partition(":")
        if side in set(Side):
            by_side.setdefault(Side(side), set()).add(fingerprint)
    return by_side


def failed_before(
    fingerprints: Mapping[Side, str], remembered: Mapping[Side, Collection[str]]
) -> dict[Side, ErrorCode]:
    """Return the sides whose image failed before in this session, each with its code.

    Args:
        fingerprints: side to `Image.fingerprint` of the given images.
        remembered: side to the fingerprints of earlier verdicts' `failed_fingerprints`.
    """
    return {
        side: ErrorCode.FAILED_BEFORE
        for side, fingerprint in fingerprints.items()
        if fingerprint in remembered.get(side, ())
    }


# After the vendor was asked


def no_answer_verdict() -> DocumentVerdict:
    """Return the verdict when the vendor gave no answer: nothing is held against the images."""
    return DocumentVerdict(outcome=Outcome.UNKNOWN, reasons=(ErrorCode.NETWORK,))


def judge_document(
    result: DocumentResult,
    *,
    fingerprints: Mapping[Side, str],
    now: datetime,
    min_age_years: int = 18,
    chosen_types: Collection[DocumentType] | None = None,
    selfie_required: bool = False,
    requires: Assurance = Assurance.AUTHENTICATED,
) -> DocumentVerdict:
    """Judge a vendor's answer on a document.

    Args:
        result: the vendor's answer, of which advice does not count.
        fingerprints: side to fingerprint of every image of the attempt.
        now: the moment at which age and expiration count, with its zone.
        min_age_years: younger people are refused.
        chosen_types: the document types that the person's choice allows; None for all known ones.
        selfie_required: whether only a matching selfie passes.
        requires: how far a document must have been checked.
    """
    if result.outcome is Outcome.UNKNOWN:
        return no_answer_verdict()
    if result.outcome is Outcome.REVIEW:
        # The person who looks judges the rest, too; our no about what is in doubt would be a guess.
        return DocumentVerdict(outcome=Outcome.REVIEW)
    result = replace(result, findings=result.against)
    document_sides = [side for side in fingerprints if side is not Side.SELFIE]
    is_genuine = result.passed and all(finding.code in OUTWEIGHED for finding in result.findings)
    selfie_ok = not selfie_required or result.selfie is SelfieCheck.MATCH
    verdict = DocumentVerdict(
        outcome=Outcome.PASSED,
        needs_confirmation=any(finding.code is FindingCode.BARCODE_UNREADABLE for finding in result.findings),
    )
    if not (is_genuine and selfie_ok):
        wrong = _Explanation(document_sides)
        # A vendor that compares on its own page says no because of a selfie that nobody here asked for.
        selfie_failed = result.selfie in _SELFIE_FAILURES
        wrong.find(result, document_failed=not is_genuine, selfie_failed=selfie_failed or not selfie_ok)
        blamed = {*wrong.fields, *([Side.SELFIE] if selfie_failed else [])}
        return _failed(verdict, fingerprints, wrong, blamed=blamed)
    read: Applicant | None = None
    errors: tuple[ErrorCode, ...] = (ErrorCode.UNREADABLE_TEXT,)
    with suppress(UnsafeTextError):
        kind = result.document_type.value if result.document_type else None
        read = replace(normal_reading(result.applicant), document_type_received=kind)
        errors = pii_errors(
            read, result.document_type, now=now, min_age_years=min_age_years, chosen_types=chosen_types
        )
    if errors:
        several = ErrorCode.UNREADABLE_PII if len(errors) > 1 else errors[0]
        code = next((code for code in _DECISIVE if code in errors), several)
        wrong = _Explanation(document_sides, reason=code)
        return replace(_failed(verdict, fingerprints, wrong, blamed=document_sides), details=errors)
    if later := _later_error(result, requires):
        wrong = _Explanation(document_sides, reason=later)
        return _failed(verdict, fingerprints, wrong, blamed=document_sides)
    return replace(verdict, applicant=read)


def _later_error(result: DocumentResult, requires: Assurance) -> ErrorCode | None:
    """Return what is wrong with a document of which all that must be read is there."""
    if requires is Assurance.AUTHENTICATED and result.assurance is not Assurance.AUTHENTICATED:
        return ErrorCode.NOT_AUTHENTICATED
    return ErrorCode.PASSPORT if result.passport_check is Match.MISMATCH else None


def judge_with_state_id(
    verdict: DocumentVerdict, check: Check[StateIDResult], *, fingerprints: Mapping[Side, str]
) -> DocumentVerdict:
    """Add the licensing agency's answer, the last stage, to a verdict.

    For a flow that asks the office with the document. The present one asks it in the resolution job.

    Args:
        verdict: of the stages before.
        check: of the office. An error makes the outcome unknown; neither that nor a review blames an image.
        fingerprints: side to fingerprint of every image of the attempt.
    """
    return _judge_with(verdict, check, ErrorCode.STATE_ID, fingerprints)


def needs_passport_check(verdict: DocumentVerdict, result: DocumentResult) -> bool:
    """Return whether the issuer is asked: about a passport that passed, unless its vendor has done so."""
    is_passport = result.document_type in PASSPORT_TYPES
    return verdict.passed and is_passport and result.passport_check is Match.NOT_CHECKED


def judge_with_passport(
    verdict: DocumentVerdict, check: Check[PassportResult], *, fingerprints: Mapping[Side, str]
) -> DocumentVerdict:
    """Add the issuer's answer on a passport to a verdict.

    Args:
        verdict: of the stages before.
        check: of the issuer. An error makes the outcome unknown; neither that nor a review blames an image.
        fingerprints: side to fingerprint of every image of the attempt.
    """
    return _judge_with(verdict, check, ErrorCode.PASSPORT, fingerprints)


def document_checks(
    verdict: DocumentVerdict, answer: DocumentResult, issuer: Check[PassportResult] | None
) -> dict[str, CheckState]:
    """Return what each check of a document came to, by its name; one that nobody made is not checked.

    Args:
        verdict: on the images alone.
        answer: of their vendor, who may have compared a selfie, and asked the issuer of a passport.
        issuer: who was asked about a passport after that; None for nobody.
    """
    return {
        "document": CheckState(verdict.outcome),
        "selfie": _SELFIE_STATES.get(answer.selfie, CheckState.FAILED),
        "passport": _ISSUER_STATES[answer.passport_check] if issuer is None else issuer.state,
    }


def _judge_with(
    verdict: DocumentVerdict,
    check: Check[StateIDResult] | Check[PassportResult],
    code: ErrorCode,
    fingerprints: Mapping[Side, str],
) -> DocumentVerdict:
    """Add the answer of a later stage, whose no is *code*, to a verdict."""
    if not verdict.passed or check.passed:
        return verdict
    if check.error is not None or (check.result and check.result.outcome is Outcome.UNKNOWN):
        return no_answer_verdict()
    if check.result and check.result.outcome is Outcome.REVIEW:
        return replace(verdict, outcome=Outcome.REVIEW, applicant=None, needs_confirmation=False)
    sides = [side for side in fingerprints if side is not Side.SELFIE]
    return _failed(verdict, fingerprints, _Explanation(sides, reason=code), blamed=sides)


class _Explanation:
    """The error class of a failure, and its sides."""

    def __init__(self, document_sides: Iterable[Side], reason: ErrorCode | None = None) -> None:
        """Start with *reason* at all *document_sides*, or with nothing."""
        self.document_sides = list(document_sides)
        self.reasons: list[ErrorCode] = []
        self.fields: dict[Side, ErrorCode] = {}
        self.is_unexplained = False
        if reason is not None:
            self._mark(reason, self.document_sides)

    def find(self, result: DocumentResult, *, document_failed: bool, selfie_failed: bool) -> None:
        """Evaluate the classes in their order; the first that applies holds."""
        findings = result.findings
        if document_failed and (
            self._refusals(findings)
            or self._unsupported(findings)
            or self._quality(findings)
            or self._checks(findings)
        ):
            return
        if selfie_failed:
            self._selfie(result.selfie)
            return
        self.is_unexplained = True
        self._mark(ErrorCode.GENERAL, self.document_sides)

    def _refusals(self, findings: Iterable[Finding]) -> bool:
        refused = [finding for finding in findings if finding.code in REFUSALS]
        for finding in refused:
            self._mark(REFUSALS[finding.code], self._sides(finding))
        return bool(refused)

    def _unsupported(self, findings: Iterable[Finding]) -> bool:
        unsupported = [finding for finding in findings if finding.code is FindingCode.UNSUPPORTED_DOCUMENT]
        for finding in unsupported:
            self._mark(ErrorCode.DOC_TYPE, self._sides(finding))
        return bool(unsupported)

    def _quality(self, findings: Iterable[Finding]) -> bool:
        for quality, (one, both) in QUALITY.items():
            bad = {side for finding in findings if finding.code is quality for side in self._sides(finding)}
            if sides := bad - {Side.SELFIE}:
                self._mark(one if len(sides) == 1 else both, sides)
                return True
        return False

    def _checks(self, findings: Iterable[Finding]) -> bool:
        # Each failed check counts, also several of one class: one keeps its class, more have a word together.
        failed = [finding for finding in findings if finding.code in CHECKS]
        if not failed:
            return False
        places = {finding.side for finding in failed}
        if len(failed) == 1:
            code = CHECKS[failed[0].code]
        elif places == {Side.FRONT}:
            code = ErrorCode.MULTIPLE_FRONT
        elif places == {Side.BACK}:
            code = ErrorCode.MULTIPLE_BACK
        else:
            code = ErrorCode.GENERAL
        only = next(iter(places)) if len(places) == 1 else None
        self._mark(code, [only] if only in self.document_sides and only else self.document_sides)
        return True

    def _selfie(self, check: SelfieCheck) -> None:
        if check in SELFIES:
            self._mark(SELFIES[check], [Side.SELFIE])
        else:
            self._mark(ErrorCode.SELFIE_FAILED, [*self.document_sides, Side.SELFIE])

    def _sides(self, finding: Finding) -> list[Side]:
        """Return the sides that *finding* is about."""
        return [finding.side] if finding.side is not None else self.document_sides

    def _mark(self, code: ErrorCode, sides: Iterable[Side]) -> None:
        if code not in self.reasons:
            self.reasons.append(code)
        self.fields.update(dict.fromkeys(sides, code))


def _failed(
    verdict: DocumentVerdict,
    fingerprints: Mapping[Side, str],
    wrong: _Explanation,
    *,
    blamed: Collection[Side],
) -> DocumentVerdict:
    """Return *verdict* as failed, with the images that are to blame."""
    sides = blamed or wrong.document_sides
    return replace(
        verdict,
        outcome=Outcome.FAILED,
        applicant=None,
        reasons=tuple(wrong.reasons),
        fields=wrong.fields,
        needs_confirmation=False,
        failed_fingerprints={side: mark for side, mark in fingerprints.items() if side in sides},
        tips=bool(WITH_TIPS.intersection(wrong.reasons)),
        is_unexplained=wrong.is_unexplained,
    )
