"""Circumstances: sealed and read again, handed over as declared, and printed by name only."""

from datetime import UTC, datetime

import pytest

from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances

KNOWN = Circumstances(
    locale="en",
    consented_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    attempt_number=2,
    ip_address="192.0.2.33",
    user_agent="Mozilla/5.0",
    device_session_id="7f5c6b1a",
    compared_by=("Acme Inc.",),
)


@pytest.mark.parametrize("known", [KNOWN, Circumstances(), Circumstances(locale="en")])
def test_what_is_written_is_read(known):
    """Also what is not known."""
    assert Circumstances.from_json(known.to_json()) == known


@pytest.mark.parametrize(
    "values", [{"consented_at": "yesterday"}, {"consented_at": 1.0}, {"shoe_size": 7}, None, []]
)
def test_anything_else_is_refused(values):
    """By the errors that readers of arguments expect."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Circumstances.from_json(values)


@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_each_is_handed_over_alone(name):
    """What is not declared is not there."""
    alone = KNOWN.select({name})
    assert {one for one in CIRCUMSTANCES if getattr(alone, one) is not None} == {name}
    assert getattr(alone, name) == getattr(KNOWN, name)
    assert repr(alone) == f"Circumstances(<redacted: {name}>)"
