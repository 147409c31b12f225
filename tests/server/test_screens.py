"""Every outcome has a screen, and every screen has its texts."""

import itertools

import pytest

from proofing.records import End, JobKind, StatusRecord
from proofing.results import Outcome
from proofing_server.screens import SUCCESS, screen_for
from proofing_server.texts import load_texts


def ended(kind, end, outcome=Outcome.UNKNOWN, **values):
    """Return a record with this end."""
    record = StatusRecord(result_id="r", kind=kind, owner="p", submitted_at=1.0)
    return record.ended(end, at=2.0, outcome=outcome, **values)


@pytest.mark.parametrize(("kind", "end", "outcome"), list(itertools.product(JobKind, End, Outcome)))
def test_every_outcome_has_a_screen_with_texts(kind, end, outcome):
    """No record is left without a title, a body and a way on; success alone is a success."""
    screen = screen_for(ended(kind, end, outcome))
    assert (screen.name == SUCCESS) == (end is End.DONE and outcome is Outcome.PASSED)
    if screen.name != SUCCESS:
        texts = load_texts().branch(f"problems.{screen.name}")
        assert {"title", "body", "retry"} <= set(texts)


@pytest.mark.parametrize(
    ("record", "name", "shows_attempts"),
    [
        (ended(JobKind.DOCUMENT, End.DONE, Outcome.FAILED), "document_failed", True),
        (ended(JobKind.DOCUMENT, End.VENDOR_EXCEPTION), "document_technical", True),
        (ended(JobKind.DOCUMENT, End.BAD_IMAGE), "document_unreadable", True),
        (ended(JobKind.DOCUMENT, End.DECRYPT_ERROR), "document_unreadable", True),
        (ended(JobKind.DOCUMENT, End.UNKNOWN_OUTCOME), "unknown_outcome", True),
        (ended(JobKind.RESOLUTION, End.DONE, Outcome.FAILED), "verify_failed", True),
        (ended(JobKind.RESOLUTION, End.VENDOR_EXCEPTION), "verify_technical", False),
        (ended(JobKind.RESOLUTION, End.STATE_ID_EXCEPTION), "verify_state", False),
        (ended(JobKind.RESOLUTION, End.DEVICE_EXCEPTION), "verify_device", True),
        (ended(JobKind.RESOLUTION, End.UNKNOWN_OUTCOME), "unknown_outcome", True),
        (ended(JobKind.RESOLUTION, End.CANCELLED), "cancelled", True),
        (ended(JobKind.RESOLUTION, End.STALE), "verify_technical", False),
        (ended(JobKind.RESOLUTION, End.DECRYPT_ERROR), "verify_technical", False),
        (
            ended(JobKind.RESOLUTION, End.VENDOR_EXCEPTION, reasons=("only_address_missing",)),
            "verify_address",
            True,
        ),
        (ended(JobKind.ADDRESS, End.DONE, Outcome.FAILED), "phone_failed", True),
        (ended(JobKind.ADDRESS, End.VENDOR_EXCEPTION, timed_out=True), "phone_timeout", True),
        (ended(JobKind.ADDRESS, End.VENDOR_EXCEPTION), "phone_technical", True),
        (ended(JobKind.ADDRESS, End.UNKNOWN_OUTCOME), "unknown_outcome", True),
        (ended(JobKind.ADDRESS, End.CANCELLED), "cancelled", True),
    ],
)
def test_table(record, name, shows_attempts):
    """The table of outcomes and screens."""
    screen = screen_for(record)
    assert (screen.name, screen.shows_attempts) == (name, shows_attempts)


#: Ends that only a resolution can come to.
OF_RESOLUTION = {End.STATE_ID_EXCEPTION, End.DEVICE_EXCEPTION}
#: What stays counted without an answer.
COUNTED = [
    *itertools.product(
        (JobKind.DOCUMENT, JobKind.ADDRESS), sorted(set(End) - OF_RESOLUTION - {End.UNKNOWN_OUTCOME})
    ),
    (JobKind.RESOLUTION, End.CANCELLED),
]


@pytest.mark.parametrize(("kind", "end"), COUNTED)
def test_no_screen_calls_a_counted_attempt_free(kind, end):
    """Documents and phones stay counted, and what was cancelled, but not what a death of ours interrupted."""
    screen = screen_for(ended(kind, end))
    assert "did not cost" not in load_texts().branch(f"problems.{screen.name}")["body"]
    assert screen.shows_attempts
