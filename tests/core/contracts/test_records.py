"""The status record: its round trip, what it refuses, and what its MAC covers."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.contracts.records import EndState, JobKind, State, StatusRecord
from proofing.contracts.results import Outcome
from proofing.crypto.encryption import KeyRing
from proofing.crypto.record_macs import is_genuine, sign_record

BEGUN = StatusRecord(result_id="r", kind=JobKind.RESOLUTION, owner="o", submitted_at=1.25)
ENDED = BEGUN.finished(
    EndState.DONE,
    at=2.5,
    outcome=Outcome.FAILED,
    reasons=("a", "b"),
    wrong_fields={"front": "glare"},
    timed_out=True,
)


@pytest.mark.parametrize("record", [BEGUN, ENDED, *(BEGUN.finished(end, at=1) for end in EndState)])
def test_a_record_survives_its_round_trip(record):
    """Text and bytes read back as the same record."""
    assert StatusRecord.from_json(record.to_json()) == record
    assert StatusRecord.from_json(record.to_json().encode()) == record


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text()))
def test_any_owner_time_and_reason_survives(owner, at, reasons):
    """Whatever the values are, nothing is lost."""
    record = replace(BEGUN, owner=owner, submitted_at=at).finished(
        EndState.DONE, at=at, reasons=tuple(reasons)
    )
    assert StatusRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", '"x"', "{}", "[" * 100_000, b"\xff"]
    + [json.dumps({**json.loads(ENDED.to_json()), key: value}) for key, value in
       [("kind", "other"), ("state", "paused"), ("end_state", "lost"), ("outcome", "maybe"), ("reasons", 7)]]
    + [json.dumps({name: value for name, value in json.loads(ENDED.to_json()).items() if name != missing})
       for missing in ("result_id", "owner", "mac", "finished_at")],
)  # fmt: skip
def test_what_is_no_record_is_refused(text):
    """Anything else is a ValueError without the text."""
    with pytest.raises(ValueError, match="no status record") as caught:
        StatusRecord.from_json(text)
    assert caught.value.__suppress_context__


def test_the_states():
    """In progress, success, no and exception are told apart."""
    assert (BEGUN.is_done, BEGUN.is_success, BEGUN.is_exception) == (False, False, False)
    passed = BEGUN.finished(EndState.DONE, at=1, outcome=Outcome.PASSED)
    assert (passed.state, passed.is_success, passed.is_exception) == (State.DONE, True, False)
    assert (ENDED.is_success, ENDED.is_exception) == (False, False)
    for end in set(EndState) - {EndState.DONE}:
        record = BEGUN.finished(end, at=1, outcome=Outcome.PASSED)
        assert (record.is_success, record.is_exception) == (False, True)


def test_the_mac_covers_every_field():
    """Changing any field, one after the other, breaks it; an ended record has none yet."""
    keys = KeyRing(b"\x01" * 32, [])
    signed = sign_record(keys, ENDED)
    assert ENDED.mac == ""
    assert is_genuine(keys, signed)
    others = {
        "result_id": "x",
        "kind": JobKind.PHONE,
        "owner": "x",
        "submitted_at": 9.0,
        "state": State.IN_PROGRESS,
        "end_state": EndState.STALE,
        "outcome": Outcome.PASSED,
        "reasons": ("a",),
        "fields": None,
        "timed_out": False,
        "finished_at": 9.0,
        "pending_until": 9.0,
        "vendor_page": "x",
        "returned_at": 9.0,
    }
    assert {field.name for field in fields(StatusRecord)} == {*others, "mac"}
    for name, value in others.items():
        changed = replace(signed, **{name: value})
        assert not is_genuine(keys, changed), name


def test_names_of_kinds():
    """Queue and log names follow the kind."""
    assert JobKind.DOCUMENT.queue_name == "high_document_proofing"
    assert JobKind.PHONE.log_name == "ProofAddress"
