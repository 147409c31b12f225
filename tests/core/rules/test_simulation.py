"""Simulated outcomes: every policy comes to every outcome by the rules, with the events of a real one."""

import pytest

from proofing.base.errors import VerificationStateError
from proofing.contracts.verifications import (
    EventType,
    Link,
    Mode,
    Step,
    Terms,
    VerificationRecord,
    VerificationState,
    new_id,
)
from proofing.rules import verifications as rules
from proofing.rules.simulation import advanced, moves_to

POLICIES = [
    ("document",),
    ("document", "selfie"),
    ("resolution",),
    ("phone", "code"),
    ("resolution", "document"),
    ("document", "selfie", "resolution", "phone", "code"),
]
OUTCOMES = [state for state in VerificationState if state is not VerificationState.CREATED]
NOW = 1500.0


def make_record(steps=("document",), **terms) -> VerificationRecord:
    """Return a verification whose link nobody has used, and whose link is too old."""
    return VerificationRecord(
        id=new_id("ver"),
        relying_party="agency",
        mode=Mode.TEST,
        policy="standard",
        terms=Terms(steps=tuple(Step(step) for step in steps), target="ial2", **terms),
        person="person",
        created_at=1000.0,
        updated_at=1000.0,
        expires_at=9000.0,
        link=Link(number=1, digest="", expires_at=1200.0),
    )


def simulate(record, outcome, reasons=(), at=NOW):
    """Return the record after all moves, and the events on the way."""
    ends, events = [], []
    begin, answers = moves_to(record, outcome, reasons, lambda one: one)
    for move in (*begin, *answers):
        made = move(record, ends, at=at)
        record = made.change.record
        events += made.change.events
        ends += [made.end] if made.end is not None else []
    return record, events


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("steps", POLICIES, ids="-".join)
def test_every_policy_comes_to_every_outcome(steps, outcome):
    """From the beginning, by the rules alone; the last event is that of the outcome."""
    record, events = simulate(make_record(steps), outcome)
    assert record.state is outcome
    wanted = EventType.STARTED if outcome is VerificationState.IN_PROGRESS else f"verification.{outcome}"
    assert events[-1] == wanted
    if outcome is VerificationState.VERIFIED:
        assert record.findings.supports == "ial2"


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(
    "before",
    [VerificationState.IN_PROGRESS, VerificationState.PROCESSING, VerificationState.NEEDS_REVIEW],
)
def test_from_every_open_state(before, outcome):
    """Also where something happened already; only what no rule allows is refused."""
    record, _ = simulate(make_record(("document", "phone")), before)
    is_review = before is VerificationState.NEEDS_REVIEW
    refused = {VerificationState.IN_PROGRESS, VerificationState.PROCESSING, VerificationState.CANCELED}
    # What a reviewer approves raises no level, and the policy asks for one.
    if is_review and outcome in {*refused, VerificationState.VERIFIED}:
        with pytest.raises(VerificationStateError):
            simulate(record, outcome)
        return
    assert simulate(record, outcome)[0].state is outcome


@pytest.mark.parametrize("before", [state for state in OUTCOMES if state.is_end])
def test_an_end_is_an_end(before):
    """No simulation begins one again."""
    record, _ = simulate(make_record(), before)
    with pytest.raises(VerificationStateError):
        simulate(record, next(state for state in OUTCOMES if state is not before))


def test_a_no_uses_up_the_attempts_that_are_left():
    """As many noes as the policy has attempts, with the reasons that were wished for."""
    record, events = simulate(make_record(attempts=2), VerificationState.FAILED, ("expired",))
    assert record.failures == {Step.DOCUMENT: 2}
    assert record.findings.reasons == ("document:expired", rules.ATTEMPTS_USED_UP)
    assert events.count(EventType.INPUT_REQUIRED) == 1


def test_a_link_keeps_its_end():
    """It is used, also when it is too old; nothing else of it changes."""
    record, _ = simulate(make_record(), VerificationState.IN_PROGRESS)
    assert (record.link.used_at, record.link.expires_at) == (NOW, 1200.0)


def test_time_can_be_moved_on():
    """What would happen in an hour happens now, and nothing before."""
    record = make_record()
    assert not rules.is_overdue(advanced(record, 7000.0, at=NOW), at=NOW)
    assert rules.is_overdue(advanced(record, 7500.0, at=NOW), at=NOW)
    assert advanced(record, 100.0, at=NOW).link.expires_at == 1100.0
