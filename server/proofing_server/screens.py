"""Which screen an ended job leads to: a pure function of its record. Table: docs/reference/pages.md."""

from dataclasses import dataclass

from proofing.contracts.records import End, JobKind, StatusRecord
from proofing.rules.document_errors import ErrorCode
from proofing.rules.resolution import ONLY_ADDRESS_MISSING

#: The screen of a step that is complete; the flow goes on instead of showing one.
SUCCESS = "success"

#: Ends in which nobody gave an answer, through no fault of the person.
_TECHNICAL = {
    JobKind.DOCUMENT: "document_technical",
    JobKind.RESOLUTION: "verify_technical",
    JobKind.PHONE: "phone_technical",
}
_FAILED = {
    JobKind.DOCUMENT: "document_failed",
    JobKind.RESOLUTION: "verify_failed",
    JobKind.PHONE: "phone_failed",
}
#: Findings of a document that photos cannot cure, and so have screens of their own.
_BY_FINDING = {
    ErrorCode.UNDERAGE: "document_underage",
    ErrorCode.EXPIRED: "document_expired",
    ErrorCode.DOC_TYPE: "document_unsupported",
    ErrorCode.DOC_TYPE_MISMATCH: "document_unsupported",
}
#: Ends that have a screen of their own, whatever the kind.
_BY_END = {
    End.STATE_ID_EXCEPTION: "verify_state",
    End.DEVICE_EXCEPTION: "verify_device",
    End.DECRYPT_ERROR: "document_unreadable",
    End.BAD_IMAGE: "document_unreadable",
    End.UNKNOWN_OUTCOME: "unknown_outcome",
    End.CANCELED: "canceled",
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
    if record.end is End.DONE:
        return Screen(_failed_screen(record), counted=True)
    return _exception_screen(record)


def _failed_screen(record: StatusRecord) -> str:
    """Return the name of the screen for a no."""
    if record.kind is JobKind.DOCUMENT:
        for code, name in _BY_FINDING.items():
            if code.value in record.reasons:
                return name
    return _FAILED[record.kind]


def _exception_screen(record: StatusRecord) -> Screen:
    """Return the screen for a job that ended without an answer."""
    if record.kind is JobKind.RESOLUTION and ONLY_ADDRESS_MISSING in record.reasons:
        return Screen("verify_address")
    if record.kind is JobKind.PHONE and record.timed_out:
        return Screen("phone_timeout")
    name = _BY_END.get(record.end, "") if record.end else ""
    if not name or (name == "document_unreadable" and record.kind is not JobKind.DOCUMENT):
        name = _TECHNICAL[record.kind]
    # A person who cancels early is charged; one who has waited in vain, or whom an operator cancels, is not.
    return Screen(name, counted=None if record.end is End.CANCELED else False)
