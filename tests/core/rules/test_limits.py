"""The table of limits, and check, run, then count."""

import pytest

from proofing.errors import LimitReachedError
from proofing.rules.limits import (
    DOCUMENT,
    LIMITS,
    RESOLUTION,
    SSN,
    Subject,
    counter_key,
    is_limited,
    remaining,
    require_attempt,
    require_counted,
)
from proofing.stores import Usage


@pytest.mark.parametrize(
    ("name", "subject", "maximum", "minutes"),
    [
        ("idv_doc_auth", Subject.PERSON, 5, 360),
        ("idv_resolution", Subject.PERSON, 5, 360),
        ("proof_ssn", Subject.SSN, 10, 60),
        ("proof_address", Subject.PERSON, 5, 360),
    ],
)
def test_the_table(name, subject, maximum, minutes):
    """Each limit has its maximum, window and subject."""
    limit = LIMITS[name]
    assert (limit.name, limit.subject, limit.maximum, limit.window_seconds) == (
        name,
        subject,
        maximum,
        minutes * 60,
    )


def test_the_last_permitted_attempt_is_processed():
    """Check before, count after: the attempt that fills the counter still runs, the next does not."""
    last = Usage(count=4, seconds_left=100)
    require_attempt(RESOLUTION, last)
    require_counted(RESOLUTION, Usage(count=5, seconds_left=100, counted=True))
    full = Usage(count=5, seconds_left=60)
    with pytest.raises(LimitReachedError) as caught:
        require_attempt(RESOLUTION, full)
    assert (caught.value.limit, caught.value.seconds_left) == ("idv_resolution", 60)
    with pytest.raises(LimitReachedError):
        require_counted(RESOLUTION, full)


@pytest.mark.parametrize(
    ("count", "left", "limited"), [(0, 5, False), (4, 1, False), (5, 0, True), (6, 0, True)]
)
def test_remaining(count, left, limited):
    """What is left is the maximum less the count, never below none."""
    usage = Usage(count=count, seconds_left=1)
    assert remaining(DOCUMENT, usage) == left
    assert is_limited(DOCUMENT, usage) is limited


def test_only_resolution_and_ssn_attempts_are_given_back():
    """A document or phone submission stays counted, whatever comes of it."""
    assert {name for name, limit in LIMITS.items() if limit.gives_back} == {"idv_resolution", "proof_ssn"}


def test_counter_keys_are_apart_and_hold_no_ssn():
    """Each limit has a name space of its own; an SSN as subject is refused and not repeated."""
    keys = {counter_key(limit, subject) for limit in LIMITS.values() for subject in ("a", "b")}
    assert len(keys) == 8
    for subject in ("", "900661234", "900-66-1234"):
        with pytest.raises(ValueError, match="opaque") as caught:
            counter_key(SSN, subject)
        assert "66" not in str(caught.value)
