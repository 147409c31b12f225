"""The table of limits, and check, run, then count."""

import pytest

from proofing.base.errors import LimitReachedError
from proofing.contracts.records import JobKind
from proofing.contracts.stores import Usage
from proofing.rules.limits import LIMITS, OF_KIND, SSN, Counter, Subject, counter_key
from proofing.settings.schema import Settings

RESOLUTION = OF_KIND[JobKind.RESOLUTION]
COUNTER = Counter(limit=RESOLUTION, key=counter_key(RESOLUTION, "p"), maximum=5, window_seconds=60.0)


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
    """Each limit has its subject, and its numbers as settings."""
    fields = Settings.model_fields
    assert LIMITS[name].subject is subject
    assert fields[f"{name}_max_attempts"].default == maximum
    assert fields[f"{name}_window_minutes"].default == minutes


def test_the_last_permitted_attempt_is_processed():
    """Check before, count after: the attempt that fills the counter still runs, the next does not."""
    COUNTER.require_attempt(Usage(count=4, seconds_left=100))
    COUNTER.require_counted(Usage(count=5, seconds_left=100, counted=True))
    full = Usage(count=5, seconds_left=60)
    with pytest.raises(LimitReachedError) as caught:
        COUNTER.require_attempt(full)
    assert (caught.value.limit, caught.value.seconds_left) == ("idv_resolution", 60)
    with pytest.raises(LimitReachedError):
        COUNTER.require_counted(full)


@pytest.mark.parametrize(
    ("count", "left", "is_full"), [(0, 5, False), (4, 1, False), (5, 0, True), (6, 0, True)]
)
def test_remaining(count, left, is_full):
    """What is left is the maximum less the count, never below none."""
    usage = Usage(count=count, seconds_left=1)
    assert COUNTER.remaining(usage) == left
    assert COUNTER.is_full(usage) is is_full


def test_counter_keys_are_apart_and_hold_no_ssn():
    """Each limit has a name space of its own; an SSN as subject is refused and not repeated."""
    keys = {counter_key(limit, subject) for limit in LIMITS.values() for subject in ("a", "b")}
    assert len(keys) == 2 * len(LIMITS)
    for subject in ("", "900661234", "900-66-1234"):
        with pytest.raises(ValueError, match="opaque") as caught:
            counter_key(SSN, subject)
        assert "66" not in str(caught.value)
