"""Documents: from what a vendor says of the images to one verdict, with the error class for each side.

The stages, of which the first that fails gives the answer: all sides are there; each is an image; none
failed before in this session; (limit, count); the vendor's verdict; what was read; passport check; state ID
check. Tables: `proofing.rules.document_errors`.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from proofing.base.text import UnsafeTextError
from proofing.contracts.applicant import Applicant
from proofing.contracts.images import Side
from proofing.contracts.results import (
    Alert,
    Check,
    Classification,
    DocAuthResult,
    DocumentResult,
    ImageMetrics,
    Outcome,
    StateIDResult,
)
from proofing.rules.document_errors import (
    ALERTS,
    BARCODE_READ_ALERT,
    IMAGE_FAILURES,
    MIN_DPI,
    MIN_GLARE,
    MIN_SHARPNESS,
    SUPPORTED_CLASSES,
    SUPPORTED_COUNTRIES,
    SUPPORTED_ISSUERS,
    WITH_TIPS,
    ErrorCode,
    Part,
)
from proofing.rules.document_pii import normal_reading, pii_errors

#: What new photos of the same document cannot cure, whatever else is wrong with it.
_DECISIVE = (ErrorCode.UNDERAGE, ErrorCode.EXPIRED)
_SELFIE_NOT_LIVE = "NotLive"
_SELFIE_POOR_QUALITY = "PoorQuality"


class SelfieStatus(StrEnum):
    """What the comparison of selfie and portrait came to."""

    #: There was no comparison.
    NOT_PROCESSED = "not_processed"
    #: The same live person.
    SUCCESS = "success"
    #: Another face, not live, or too bad to tell.
    FAIL = "fail"


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
        doc_auth_success: whether the images were found genuine, also when a later stage failed.
        unknown_alerts: alert names that no table knows; to be logged.
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
    doc_auth_success: bool = False
    doc_type_supported: bool = True
    selfie_status: SelfieStatus = SelfieStatus.NOT_PROCESSED
    selfie_live: bool = True
    selfie_quality_good: bool = True
    unknown_alerts: tuple[str, ...] = ()
    is_unexplained: bool = False

    @property
    def passed(self) -> bool:
        """Whether the document is accepted (a confirmation may still be due)."""
        return self.outcome is Outcome.PASSED


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
    chosen_types: Collection[str] | None = None,
    selfie_required: bool = False,
) -> DocumentVerdict:
    """Judge a vendor's answer on a document.

    Args:
        result: the vendor's answer.
        fingerprints: side to fingerprint of every image of the attempt.
        now: the moment at which age and expiration count, with its zone.
        min_age_years: younger people are refused.
        chosen_types: the document types that the person's choice allows; None for all known ones. The present
            flow lets nobody choose.
        selfie_required: whether only a matching selfie passes.
    """
    if result.outcome is Outcome.UNKNOWN:
        return no_answer_verdict()
    if result.outcome is Outcome.REVIEW:
        # The person who looks judges the rest, too; our no about what is in doubt would be a guess.
        return DocumentVerdict(outcome=Outcome.REVIEW)
    document_sides = [side for side in fingerprints if side is not Side.SELFIE]
    attention = has_barcode_attention(result)
    supported = not _unsupported_sides(result.classification)
    genuine = result.passed and result.doc_auth_result is DocAuthResult.PASSED
    doc_auth_success = (genuine or attention) and supported and not result.image_failures
    selfie = _selfie_facts(result)
    selfie_ok = not selfie_required or selfie.selfie_status is SelfieStatus.SUCCESS
    verdict = replace(
        selfie,
        outcome=Outcome.PASSED,
        doc_auth_success=doc_auth_success,
        doc_type_supported=supported,
        needs_confirmation=attention,
        unknown_alerts=tuple(alert.name for alert in _failing(result) if alert.name not in ALERTS),
    )
    if not (doc_auth_success and selfie_ok):
        wrong = _Finding(document_sides)
        wrong.find(result, verdict, doc_auth_failed=not doc_auth_success, selfie_failed=not selfie_ok)
        return _failed(
            verdict,
            fingerprints,
            wrong,
            blamed=set(wrong.fields)
            | ({Side.SELFIE} if selfie.selfie_status is SelfieStatus.FAIL else set()),
        )
    read: Applicant | None = None
    errors: tuple[ErrorCode, ...] = (ErrorCode.UNREADABLE_TEXT,)
    with suppress(UnsafeTextError):
        read = normal_reading(result.applicant)
        errors = pii_errors(read, now=now, min_age_years=min_age_years, chosen_types=chosen_types)
    if errors:
        several = ErrorCode.UNREADABLE_PII if len(errors) > 1 else errors[0]
        code = next((code for code in _DECISIVE if code in errors), several)
        wrong = _Finding(document_sides, reason=code)
        return replace(_failed(verdict, fingerprints, wrong, blamed=document_sides), details=errors)
    if result.passport_check_passed is False:
        wrong = _Finding(document_sides, reason=ErrorCode.PASSPORT)
        return _failed(verdict, fingerprints, wrong, blamed=document_sides)
    return replace(verdict, applicant=read)


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
    if not verdict.passed or check.passed:
        return verdict
    if check.error is not None or (check.result and check.result.outcome is Outcome.UNKNOWN):
        return replace(verdict, outcome=Outcome.UNKNOWN, applicant=None, reasons=(ErrorCode.NETWORK,))
    if check.result and check.result.outcome is Outcome.REVIEW:
        return replace(verdict, outcome=Outcome.REVIEW, applicant=None, needs_confirmation=False)
    sides = [side for side in fingerprints if side is not Side.SELFIE]
    return _failed(verdict, fingerprints, _Finding(sides, reason=ErrorCode.STATE_ID), blamed=sides)


def has_barcode_attention(result: DocumentResult) -> bool:
    """Return whether the only thing wrong with the images is that the barcode could not be read."""
    failing = _failing(result)
    return (
        result.doc_auth_result is DocAuthResult.ATTENTION
        and not result.image_failures
        and bool(failing)
        and all(
            alert.name == BARCODE_READ_ALERT and alert.result is DocAuthResult.ATTENTION for alert in failing
        )
    )


class _Finding:
    """The error class of a failure, and its sides."""

    def __init__(self, document_sides: Iterable[Side], reason: ErrorCode | None = None) -> None:
        """Start with *reason* at all *document_sides*, or with nothing."""
        self.document_sides = list(document_sides)
        self.reasons: list[ErrorCode] = []
        self.fields: dict[Side, ErrorCode] = {}
        self.is_unexplained = False
        if reason is not None:
            self._mark(reason, self.document_sides)

    def find(
        self, result: DocumentResult, verdict: DocumentVerdict, *, doc_auth_failed: bool, selfie_failed: bool
    ) -> None:
        """Evaluate the classes in their order; the first that applies holds."""
        if doc_auth_failed and (
            self._image_failures(result)
            or self._doc_type(result)
            or self._metrics(result)
            or self._alerts(result)
        ):
            return
        if selfie_failed:
            self._selfie(verdict)
            return
        self.is_unexplained = True
        self._mark(ErrorCode.GENERAL, self.document_sides)

    def _image_failures(self, result: DocumentResult) -> bool:
        for side, status in result.image_failures.items():
            self._mark(IMAGE_FAILURES.get(status, ErrorCode.IMAGE_LOAD), [side])
        return bool(result.image_failures)

    def _doc_type(self, result: DocumentResult) -> bool:
        sides = _unsupported_sides(result.classification)
        if sides:
            self._mark(ErrorCode.DOC_TYPE, sides)
        return bool(sides)

    def _metrics(self, result: DocumentResult) -> bool:
        rules = (
            (_has_low_dpi, ErrorCode.DPI_LOW, ErrorCode.DPI_LOW_BOTH),
            (_is_blurred, ErrorCode.SHARP_LOW, ErrorCode.SHARP_LOW_BOTH),
            (_has_glare, ErrorCode.GLARE_LOW, ErrorCode.GLARE_LOW_BOTH),
        )
        for is_bad, one, both in rules:
            sides = [
                side
                for side, metrics in result.image_metrics.items()
                if side is not Side.SELFIE and is_bad(metrics)
            ]
            if sides:
                self._mark(one if len(sides) == 1 else both, sides)
                return True
        return False

    def _alerts(self, result: DocumentResult) -> bool:
        found = {ALERTS[alert.name] for alert in _failing(result) if alert.name in ALERTS}
        if not found:
            return False
        parts = {part for _, part in found}
        if len(found) == 1:
            code = next(iter(found))[0]
        elif parts == {Part.FRONT}:
            code = ErrorCode.MULTIPLE_FRONT
        elif parts == {Part.BACK}:
            code = ErrorCode.MULTIPLE_BACK
        else:
            code = ErrorCode.GENERAL
        only = {"front": Side.FRONT, "back": Side.BACK}.get(next(iter(parts))) if len(parts) == 1 else None
        self._mark(code, [only] if only in self.document_sides and only else self.document_sides)
        return True

    def _selfie(self, verdict: DocumentVerdict) -> None:
        if verdict.selfie_live and verdict.selfie_quality_good:
            self._mark(ErrorCode.SELFIE_FAILED, [*self.document_sides, Side.SELFIE])
        else:
            self._mark(ErrorCode.SELFIE_QUALITY, [Side.SELFIE])

    def _mark(self, code: ErrorCode, sides: Iterable[Side]) -> None:
        if code not in self.reasons:
            self.reasons.append(code)
        self.fields.update(dict.fromkeys(sides, code))


def _failed(
    verdict: DocumentVerdict, fingerprints: Mapping[Side, str], wrong: _Finding, *, blamed: Collection[Side]
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


def _failing(result: DocumentResult) -> list[Alert]:
    """Return the alerts that did not pass."""
    return [alert for alert in result.failed_alerts if alert.result is not DocAuthResult.PASSED]


def _unsupported_sides(classification: Mapping[Side, Classification]) -> list[Side]:
    """Return the sides that show a document which is not taken."""
    return [
        side
        for side, seen in classification.items()
        if (seen.class_name is not None and seen.class_name.lower() not in SUPPORTED_CLASSES)
        or (seen.issuer_type is not None and seen.issuer_type.lower() not in SUPPORTED_ISSUERS)
        or (seen.country_code is not None and seen.country_code.upper() not in SUPPORTED_COUNTRIES)
    ]


def _has_low_dpi(metrics: ImageMetrics) -> bool:
    return min(metrics.horizontal_resolution, metrics.vertical_resolution) < MIN_DPI


def _is_blurred(metrics: ImageMetrics) -> bool:
    return metrics.sharpness < MIN_SHARPNESS


def _has_glare(metrics: ImageMetrics) -> bool:
    return metrics.glare < MIN_GLARE


def _selfie_facts(result: DocumentResult) -> DocumentVerdict:
    """Return a verdict that says only what the comparison of the selfie came to."""
    if not result.selfie_checked:
        return DocumentVerdict(outcome=Outcome.UNKNOWN)
    error = result.selfie_error
    return DocumentVerdict(
        outcome=Outcome.UNKNOWN,
        selfie_status=SelfieStatus.SUCCESS if error is None else SelfieStatus.FAIL,
        selfie_live=error is None or _SELFIE_NOT_LIVE not in error,
        selfie_quality_good=error is None or _SELFIE_POOR_QUALITY not in error,
    )
