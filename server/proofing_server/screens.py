"""Which screen an ended job leads to: a pure function of its record. Table: docs/reference/pages.md."""

from dataclasses import dataclass

from proofing.records import End, JobKind, StatusRecord
from proofing.rules.resolution import ONLY_ADDRESS_MISSING

#: The screen of a step that is complete; the flow goes on instead of showing one.
SUCCESS = "success"

#: Ends in which nobody gave an answer, through no fault of the person.
_TECHNICAL = {
    JobKind.DOCUMENT: "document_technical",
    JobKind.RESOLUTION: "verify_technical",
    JobKind.ADDRESS: "phone_technical",
}
_FAILED = {
    JobKind.DOCUMENT: "document_failed",
    JobKind.RESOLUTION: "verify_failed",
    JobKind.ADDRESS: "phone_failed",
}
#: Ends that have a screen of their own, whatever the kind.
_BY_END = {
    End.STATE_ID_EXCEPTION: "verify_state",
    End.DEVICE_EXCEPTION: "verify_device",
    End.DECRYPT_ERROR: "document_unreadable",
    End.BAD_IMAGE: "document_unreadable",
    End.UNKNOWN_OUTCOME: "unknown_outcome",
    End.CANCELLED: "cancelled",
}
#: Screens that tell the attempts left also of a resolution without an answer, which is given back unless it
#: was cancelled early.
_TELLING_ATTEMPTS = {"verify_device", "unknown_outcome", "cancelled"}


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen for an outcome.

    Attributes:
        name: key below ``problems`` of the catalogue of texts.
        shows_attempts: whether the attempts left are told; not whether this one was charged.
    """

    name: str
    shows_attempts: bool = False


def screen_for(record: StatusRecord) -> Screen:
    """Return the screen for an ended job."""
    if record.is_success:
        return Screen(SUCCESS)
    if record.end is End.DONE:
        return Screen(_FAILED[record.kind], shows_attempts=True)
    return _exception_screen(record)


def _exception_screen(record: StatusRecord) -> Screen:
    """Return the screen for a job that ended without an answer."""
    if record.kind is JobKind.RESOLUTION and ONLY_ADDRESS_MISSING in record.reasons:
        return Screen("verify_address", shows_attempts=True)
    if record.kind is JobKind.ADDRESS and record.timed_out:
        return Screen("phone_timeout", shows_attempts=True)
    name = _BY_END.get(record.end, "") if record.end else ""
    if not name or (name == "document_unreadable" and record.kind is not JobKind.DOCUMENT):
        name = _TECHNICAL[record.kind]
    # Documents and phones stay counted, save for an unknown outcome.
    return Screen(name, shows_attempts=record.kind is not JobKind.RESOLUTION or name in _TELLING_ATTEMPTS)
