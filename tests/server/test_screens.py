"""Every outcome has a screen, and every screen has its texts."""

import itertools

import pytest

from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing_server.screens import SUCCESS, screen_for
from proofing_server.texts import load_texts


def ended(kind, end, outcome=Outcome.UNKNOWN, **values):
    """Return a record with this end."""
    record = StatusRecord(result_id="r", kind=kind, owner="p", submitted_at=1.0)
    return record.finished(end, at=2.0, outcome=outcome, **values)


@pytest.mark.parametrize(("kind", "end", "outcome"), list(itertools.product(JobKind, EndState, Outcome)))
def test_every_outcome_has_a_screen_with_texts(kind, end, outcome):
    """No record is left without a title, a body and a way on; success alone is a success."""
    screen = screen_for(ended(kind, end, outcome))
    assert (screen.name == SUCCESS) == (end is EndState.DONE and outcome is Outcome.PASSED)
    if screen.name != SUCCESS:
        texts = load_texts().branch(f"problems.{screen.name}")
        assert {"title", "body", "retry"} <= set(texts)


@pytest.mark.parametrize(
    ("record", "name", "counted"),
    [
        (ended(JobKind.DOCUMENT, EndState.DONE, Outcome.FAILED), "document_failed", True),
        (ended(JobKind.DOCUMENT, EndState.DONE, Outcome.REVIEW), "document_review", True),
        (
            ended(JobKind.DOCUMENT, EndState.DONE, Outcome.FAILED, reasons=("not_authenticated",)),
            "document_unverified",
            True,
        ),
        (ended(JobKind.DOCUMENT, EndState.VENDOR_EXCEPTION), "document_technical", False),
        (ended(JobKind.DOCUMENT, EndState.BAD_IMAGE), "document_unreadable", False),
        (ended(JobKind.DOCUMENT, EndState.DECRYPT_ERROR), "document_unreadable", False),
        (ended(JobKind.DOCUMENT, EndState.UNKNOWN_OUTCOME), "unknown_outcome", False),
        (ended(JobKind.RESOLUTION, EndState.DONE, Outcome.FAILED), "verify_failed", True),
        (ended(JobKind.RESOLUTION, EndState.DONE, Outcome.REVIEW), "verify_review", True),
        (ended(JobKind.RESOLUTION, EndState.VENDOR_EXCEPTION), "verify_technical", False),
        (ended(JobKind.RESOLUTION, EndState.STATE_ID_EXCEPTION), "verify_state", False),
        (ended(JobKind.RESOLUTION, EndState.DEVICE_EXCEPTION), "verify_device", False),
        (ended(JobKind.RESOLUTION, EndState.UNKNOWN_OUTCOME), "unknown_outcome", False),
        (ended(JobKind.RESOLUTION, EndState.CANCELED), "canceled", None),
        (ended(JobKind.RESOLUTION, EndState.STALE), "verify_technical", False),
        (ended(JobKind.RESOLUTION, EndState.DECRYPT_ERROR), "verify_technical", False),
        (
            ended(JobKind.RESOLUTION, EndState.VENDOR_EXCEPTION, reasons=("only_address_missing",)),
            "verify_address",
            False,
        ),
        (ended(JobKind.DOCUMENT, EndState.VENDOR_UNAVAILABLE), "document_unavailable", False),
        (ended(JobKind.RESOLUTION, EndState.VENDOR_UNAVAILABLE), "verify_unavailable", False),
        (ended(JobKind.RESOLUTION, EndState.VENDOR_UNAVAILABLE, timed_out=True), "verify_unavailable", False),
        (ended(JobKind.PHONE, EndState.VENDOR_UNAVAILABLE), "phone_unavailable", False),
        (ended(JobKind.CODE, EndState.VENDOR_UNAVAILABLE), "code_unavailable", False),
        (ended(JobKind.PHONE, EndState.DONE, Outcome.FAILED), "phone_failed", True),
        (ended(JobKind.PHONE, EndState.DONE, Outcome.REVIEW), "phone_review", True),
        (ended(JobKind.PHONE, EndState.VENDOR_EXCEPTION, timed_out=True), "phone_timeout", False),
        (ended(JobKind.PHONE, EndState.VENDOR_EXCEPTION), "phone_technical", False),
        (ended(JobKind.PHONE, EndState.UNKNOWN_OUTCOME), "unknown_outcome", False),
        (ended(JobKind.PHONE, EndState.CANCELED), "canceled", None),
    ],
)
def test_table(record, name, counted):
    """The table of outcomes and screens."""
    screen = screen_for(record)
    assert (screen.name, screen.counted) == (name, counted)


@pytest.mark.parametrize(("kind", "end", "outcome"), list(itertools.product(JobKind, EndState, Outcome)))
def test_only_an_answer_counts(kind, end, outcome):
    """What the screen says is what the runner does; the record does not know who canceled, or when."""
    record = ended(kind, end, outcome)
    expected = None if end is EndState.CANCELED else not record.is_exception
    assert screen_for(record).counted is expected
