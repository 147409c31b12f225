"""Which screen a finished job leads to: a pure function of its record. Table: docs/reference/pages.md."""

from dataclasses import dataclass

from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome, Refusal
from proofing.jobs.phone import LINE_REFUSED
from proofing.rules.document_errors import SELFIES, ErrorCode
from proofing.rules.resolution import ONLY_ADDRESS_MISSING
from proofing.sessions.steps import SUBMIT_STEP

#: The screen of a step that is complete; the flow continues instead of showing one.
SUCCESS = "success"
#: The screens of jobs that nobody but a person can decide; they are neither a yes nor a no.
REVIEWS = frozenset(f"{step.key}_review" for step in SUBMIT_STEP.values())
#: The screens of jobs that could ask nobody for the moment.
UNAVAILABLE = frozenset(f"{step.key}_unavailable" for step in SUBMIT_STEP.values())

#: Findings that have screens of their own: what photos cannot cure, and what is wrong with the selfie alone.
_BY_FINDING = {
    ErrorCode.UNDERAGE: "document_underage",
    ErrorCode.EXPIRED: "document_expired",
    ErrorCode.DOC_TYPE: "document_unsupported",
    ErrorCode.DOC_TYPE_MISMATCH: "document_unsupported",
    ErrorCode.NOT_AUTHENTICATED: "document_unverified",
    # Only where nothing else is wrong: `proofing.rules.documents` names no selfie otherwise.
    **dict.fromkeys(SELFIES.values(), "document_selfie"),
    ErrorCode.SELFIE_FAILED: "document_selfie_mismatch",
}
#: Refusals that another phone, or another way to send, may cure.
_BY_REFUSAL = {
    Refusal.OPTED_OUT: "code_opted_out",
    Refusal.UNREACHABLE: "code_unreachable",
    Refusal.NOT_ALLOWED: "code_failed",
}
#: Kinds whose time-outs have a screen of their own.
_BY_TIMEOUT = {JobKind.PHONE: "phone_timeout", JobKind.CODE: "code_timeout"}
#: Ends that have a screen of their own, whatever the kind.
_BY_END = {
    EndState.STATE_ID_EXCEPTION: "verify_state",
    EndState.DEVICE_EXCEPTION: "verify_device",
    EndState.DECRYPT_ERROR: "document_unreadable",
    EndState.BAD_IMAGE: "document_unreadable",
    EndState.UNKNOWN_OUTCOME: "unknown_outcome",
    EndState.CANCELED: "canceled",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen for an outcome.

    Attributes:
        name: key below ``problems`` of the catalog of texts.
        counted: whether this attempt counts; None where the record does not know.
    """

    name: str
    counted: bool | None = False


def screen_for(record: StatusRecord) -> Screen:
    """Return the screen for an ended job."""
    if record.is_success:
        return Screen(SUCCESS, counted=True)
    if record.end_state is EndState.DONE:
        is_review = record.outcome is Outcome.REVIEW
        name = f"{SUBMIT_STEP[record.kind].key}_review" if is_review else _failed_screen(record)
        return Screen(name, counted=True)
    return _exception_screen(record)


def _failed_screen(record: StatusRecord) -> str:
    """Return the name of the screen for a no."""
    if record.kind is JobKind.DOCUMENT:
        for code, name in _BY_FINDING.items():
            if code.value in record.reasons:
                return name
    if record.kind is JobKind.PHONE and LINE_REFUSED in record.reasons:
        return "phone_line"
    if record.kind is JobKind.CODE:
        found = (name for refusal, name in _BY_REFUSAL.items() if refusal.value in record.reasons)
        return next(found, "code_failed")
    return f"{SUBMIT_STEP[record.kind].key}_failed"


def _exception_screen(record: StatusRecord) -> Screen:
    """Return the screen for a job that ended without an answer."""
    if record.kind is JobKind.RESOLUTION and ONLY_ADDRESS_MISSING in record.reasons:
        return Screen("verify_address")
    if record.end_state is EndState.VENDOR_UNAVAILABLE:
        return Screen(f"{SUBMIT_STEP[record.kind].key}_unavailable")
    if record.timed_out and record.kind in _BY_TIMEOUT:
        return Screen(_BY_TIMEOUT[record.kind])
    name = _BY_END.get(record.end_state, "") if record.end_state else ""
    if not name or (name == "document_unreadable" and record.kind is not JobKind.DOCUMENT):
        # Nobody gave an answer, through no fault of the person.
        name = f"{SUBMIT_STEP[record.kind].key}_technical"
    # A person who cancels early is charged; one who has waited in vain, or whom an operator cancels, is not.
    return Screen(name, counted=None if record.end_state is EndState.CANCELED else False)
