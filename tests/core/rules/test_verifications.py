"""What becomes of a verification: the table of transitions, the fold, and random histories."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.base.errors import LinkRefusedError, VerificationStateError
from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Verification,
    VerifiedBy,
)
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import CheckState, Outcome
from proofing.contracts.verifications import (
    CodeReturned,
    EventType,
    JobEnd,
    Link,
    Mode,
    Review,
    Step,
    Terms,
    VerificationRecord,
    VerificationState,
)
from proofing.rules import verifications as rules
from proofing.rules.job_answers import Answer, answers

ID = "ver_" + "1" * 32
NOW = 1_800_000_000.0
EVERYTHING = (Step.DOCUMENT, Step.SELFIE, Step.RESOLUTION, Step.PHONE, Step.CODE)
S, E = VerificationState, EventType


def make_record(state=S.IN_PROGRESS, *, steps=(Step.DOCUMENT, Step.RESOLUTION), **changes):
    """Return a record of a person who began by the first link."""
    terms = changes.pop("terms", None) or Terms(steps=steps)
    is_end = state.is_end
    values = {
        "id": ID,
        "relying_party": "acme",
        "mode": Mode.LIVE,
        "policy": "standard",
        "terms": terms,
        "person": "person-1",
        "state": state,
        "created_at": NOW - 60,
        "updated_at": NOW - 30,
        "expires_at": NOW + 3600,
        "ended_at": NOW - 30 if is_end else None,
        "forget_at": NOW + 86400 if is_end else None,
        "link": Link(number=1, digest="d", expires_at=NOW + 600),
        "started_link": 0 if state is S.CREATED else 1,
    }
    return VerificationRecord(**{**values, **changes})


def make_end(
    kind,
    outcome=Outcome.PASSED,
    *,
    at=NOW,
    link=1,
    end_state=EndState.DONE,
    checks=None,
    name=None,
    reasons=(),
    evidence=None,
):
    """Return the end of a job that was asked for *at* some time."""
    record = StatusRecord(
        result_id=name or f"{kind}-{at}-{outcome}-{end_state}", kind=kind, owner="person-1", submitted_at=at
    )
    done = record.finished(
        end_state,
        at=at + 1,
        outcome=outcome if end_state is EndState.DONE else Outcome.UNKNOWN,
        reasons=reasons,
    )
    return JobEnd(
        verification_id=ID, link=link, record=done, checks=checks or {}, evidence=evidence or Evidence()
    )


DOCUMENT, RESOLUTION, PHONE = JobKind.DOCUMENT, JobKind.RESOLUTION, JobKind.PHONE
CODE = CodeReturned(at=NOW, made_at=NOW, digits=6, age_seconds=30.0)
WITH_SELFIE = {"document": CheckState.PASSED, "selfie": CheckState.PASSED}

#: What may happen, by name: a function of the record before.
ACTIONS = {
    "start": lambda record: rules.started(record, at=NOW),
    "link": lambda record: rules.linked(record, Link(number=2, digest="e", expires_at=NOW + 600), at=NOW),
    "begin": lambda record: rules.job_begun(record, link=1, at=NOW),
    "pass": lambda record: rules.job_ended(
        record, [make_end(DOCUMENT, at=NOW - 9), make_end(RESOLUTION)], at=NOW
    ),
    "no": lambda record: rules.job_ended(record, [make_end(DOCUMENT, Outcome.FAILED)], at=NOW),
    "third no": lambda record: rules.job_ended(
        record, [make_end(DOCUMENT, Outcome.FAILED, at=NOW - number) for number in range(3)], at=NOW
    ),
    "crash": lambda record: rules.job_ended(
        record, [make_end(DOCUMENT, end_state=EndState.WORKER_LOST)], at=NOW
    ),
    "review": lambda record: rules.job_ended(record, [make_end(DOCUMENT, Outcome.REVIEW)], at=NOW),
    "code": lambda record: rules.code_returned(record, [], CODE, link=1, at=NOW),
    "cancel": lambda record: rules.canceled(record, at=NOW),
    "expire": lambda record: rules.expired(replace(record, expires_at=NOW), at=NOW),
    "approve": lambda record: rules.reviewed(
        record, Review(at=NOW, by="operator", reason="seen", is_approved=True)
    ),
    "reject": lambda record: rules.reviewed(
        record, Review(at=NOW, by="operator", reason="forged", is_approved=False)
    ),
    "redact": lambda record: rules.redacted(record, at=NOW),
}

#: State and action to the state that follows and the events; what is not here is refused.
TABLE = {
    (S.CREATED, "start"): (S.IN_PROGRESS, (E.STARTED,)),
    (S.CREATED, "link"): (S.CREATED, ()),
    (S.CREATED, "cancel"): (S.CANCELED, (E.CANCELED,)),
    (S.CREATED, "expire"): (S.EXPIRED, (E.EXPIRED,)),
    (S.IN_PROGRESS, "start"): (S.IN_PROGRESS, ()),
    (S.IN_PROGRESS, "link"): (S.IN_PROGRESS, ()),
    (S.IN_PROGRESS, "begin"): (S.PROCESSING, (E.PROCESSING,)),
    (S.IN_PROGRESS, "pass"): (S.VERIFIED, (E.VERIFIED,)),
    (S.IN_PROGRESS, "no"): (S.IN_PROGRESS, ()),
    (S.IN_PROGRESS, "third no"): (S.FAILED, (E.FAILED,)),
    (S.IN_PROGRESS, "crash"): (S.IN_PROGRESS, ()),
    (S.IN_PROGRESS, "review"): (S.NEEDS_REVIEW, (E.NEEDS_REVIEW,)),
    (S.IN_PROGRESS, "code"): (S.IN_PROGRESS, ()),
    (S.IN_PROGRESS, "cancel"): (S.CANCELED, (E.CANCELED,)),
    (S.IN_PROGRESS, "expire"): (S.EXPIRED, (E.EXPIRED,)),
    (S.PROCESSING, "start"): (S.IN_PROGRESS, ()),
    (S.PROCESSING, "link"): (S.PROCESSING, ()),
    (S.PROCESSING, "begin"): (S.PROCESSING, ()),
    (S.PROCESSING, "pass"): (S.VERIFIED, (E.VERIFIED,)),
    (S.PROCESSING, "no"): (S.IN_PROGRESS, (E.INPUT_REQUIRED,)),
    (S.PROCESSING, "third no"): (S.FAILED, (E.FAILED,)),
    (S.PROCESSING, "crash"): (S.IN_PROGRESS, (E.INPUT_REQUIRED,)),
    (S.PROCESSING, "review"): (S.NEEDS_REVIEW, (E.NEEDS_REVIEW,)),
    (S.PROCESSING, "code"): (S.PROCESSING, ()),
    (S.PROCESSING, "cancel"): (S.CANCELED, (E.CANCELED,)),
    (S.NEEDS_REVIEW, "approve"): (S.VERIFIED, (E.REVIEWED, E.VERIFIED)),
    (S.NEEDS_REVIEW, "reject"): (S.FAILED, (E.REVIEWED, E.FAILED)),
    (S.NEEDS_REVIEW, "expire"): (S.EXPIRED, (E.EXPIRED,)),
    **{(end, "redact"): (end, (E.REDACTED,)) for end in S if end.is_end},
    # Late: a job's end is kept, and changes nothing.
    **{
        (state, name): (state, ())
        for state in S
        if not state.is_open
        for name in ("pass", "no", "third no", "crash", "review", "code")
    },
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_pair_of_state_and_action_is_in_the_table_or_refused(state, action):
    """No transition is missing and none is left over."""
    before = make_record(state)
    expected = TABLE.get((state, action))
    if expected is None:
        with pytest.raises((VerificationStateError, LinkRefusedError)):
            ACTIONS[action](before)
        return
    change = ACTIONS[action](before)
    assert (change.record.state, change.events) == expected
    assert change.record.sequence in (before.sequence, before.sequence + 1)
    if change.record is not before:
        assert change.record.sequence == before.sequence + 1
        assert change.record.updated_at == NOW
    if state.is_end or (not before.state.is_open and change.record.state is state):
        kept = ("state", "findings", "ended_at", "forget_at", "failures", "exceptions", "expires_at")
        assert all(getattr(change.record, name) == getattr(before, name) for name in kept)
    assert (change.record.ended_at is not None) is change.record.state.is_end
    assert (change.record.forget_at is not None) is change.record.state.is_end


def test_an_end_says_when_it_is_forgotten_and_claims_wait_after_a_yes():
    """The terms decide, not the settings of later."""
    terms = Terms(steps=(Step.PHONE,), claims=("phone",), claims_hours=2, retention_days=3)
    verified = rules.job_ended(make_record(terms=terms), [make_end(PHONE)], at=NOW).record
    assert verified.forget_at == NOW + 3 * 86400
    assert verified.claims_expire_at == NOW + 2 * 3600
    failed = rules.job_ended(
        make_record(terms=replace(terms, attempts=1)), [make_end(PHONE, Outcome.FAILED)], at=NOW
    ).record
    assert failed.claims_expire_at is None


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ((Step.DOCUMENT,), [make_end(DOCUMENT)]),
        ((Step.PHONE,), [make_end(PHONE)]),
        ((Step.RESOLUTION,), [make_end(RESOLUTION)]),
        ((Step.DOCUMENT, Step.SELFIE), [make_end(DOCUMENT, checks=WITH_SELFIE)]),
        (
            (Step.RESOLUTION, Step.PHONE),
            [make_end(RESOLUTION, checks={"phone": CheckState.PASSED})],
        ),
        (
            (Step.RESOLUTION, Step.PHONE),
            [make_end(RESOLUTION), make_end(PHONE, at=NOW + 2)],
        ),
        (
            (Step.DOCUMENT, Step.RESOLUTION),
            [
                make_end(DOCUMENT, Outcome.FAILED, at=NOW - 3),
                make_end(DOCUMENT, end_state=EndState.TIMED_OUT, at=NOW - 2),
                make_end(DOCUMENT, at=NOW - 1),
                make_end(RESOLUTION),
            ],
        ),
    ],
)
def test_a_policy_is_verified_with_its_last_step(steps, ends):
    """With all ends but the last it is not; with all of them it is, in whichever order they are given."""
    record = make_record(S.PROCESSING, steps=steps)
    if len(ends) > 1:
        assert rules.job_ended(record, ends[:-1], at=NOW).record.state is S.IN_PROGRESS
    assert rules.job_ended(record, ends, at=NOW).record.state is S.VERIFIED
    assert rules.job_ended(record, ends[::-1], at=NOW).record == rules.job_ended(record, ends, at=NOW).record


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ({"selfie": CheckState.FAILED}, S.IN_PROGRESS),
        ({"selfie": CheckState.NOT_CHECKED}, S.IN_PROGRESS),
        ({"selfie": CheckState.UNKNOWN}, S.IN_PROGRESS),
        ({}, S.IN_PROGRESS),
        ({"selfie": CheckState.REVIEW}, S.NEEDS_REVIEW),
        ({"selfie": CheckState.PASSED}, S.VERIFIED),
    ],
)
def test_a_selfie_step_needs_a_compared_selfie(checks, state):
    """A document that passed without a compared face is no answer to the selfie step but a no."""
    record = make_record(S.PROCESSING, steps=(Step.DOCUMENT, Step.SELFIE))
    after = rules.job_ended(record, [make_end(DOCUMENT, checks=checks)], at=NOW).record
    assert after.state is state
    assert after.failures == ({Step.SELFIE: 1} if state is S.IN_PROGRESS else {})


def test_a_code_completes_its_step_and_verifies_the_phone():
    """It is one more way in which the account is the person's, and the next job forgets it."""
    piece = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT, vouched=True)
    end = make_end(PHONE, evidence=Evidence(pieces=(piece,)))
    record = rules.job_ended(make_record(S.PROCESSING, steps=(Step.PHONE, Step.CODE)), [end], at=NOW).record
    assert record.state is S.IN_PROGRESS
    change = rules.code_returned(record, [end], CODE, link=1, at=NOW)
    assert change.events == (E.VERIFIED,)
    (found,) = change.record.findings.evidence.pieces
    assert found.verified_by == (Verification(method=VerifiedBy.CODE_PHONE, digits=6, age_seconds=30.0),)
    assert rules.job_begun(replace(record, code=CODE), link=1, at=NOW).record.code is None


def test_a_code_before_the_phone_is_no_yes():
    """Steps count in their order."""
    record = make_record(steps=(Step.PHONE, Step.CODE))
    change = rules.code_returned(record, [], CODE, link=1, at=NOW)
    assert change.record.state is S.IN_PROGRESS


def test_a_code_of_the_phone_before_confirms_no_other_phone():
    """It was sent to a phone, and comes back once another one has passed."""
    ends = [make_end(PHONE, at=NOW - 60), make_end(PHONE, at=NOW)]
    record = rules.job_begun(make_record(steps=(Step.PHONE, Step.CODE)), link=1, at=NOW).record
    record = rules.job_ended(record, ends, at=NOW).record
    change = rules.code_returned(record, ends, replace(CODE, made_at=NOW - 30), link=1, at=NOW)
    assert change.record.state is S.IN_PROGRESS
    assert "code" not in change.record.findings.checks
    own = replace(CODE, made_at=NOW + 5)
    assert rules.code_returned(change.record, ends, own, link=1, at=NOW).events == (E.VERIFIED,)


def test_who_answers_a_step_again_answers_those_after_it_again():
    """A document of somebody else cannot be put before a resolution that has passed."""
    steps = (Step.DOCUMENT, Step.RESOLUTION, Step.PHONE)
    ends = [make_end(DOCUMENT, at=NOW), make_end(RESOLUTION, at=NOW + 10), make_end(DOCUMENT, at=NOW + 20)]
    ends.append(make_end(PHONE, at=NOW + 30))
    record = make_record(S.PROCESSING, steps=steps)
    assert rules.job_ended(record, ends, at=NOW).record.state is S.IN_PROGRESS
    ends += [make_end(RESOLUTION, at=NOW + 40), make_end(PHONE, at=NOW + 50)]
    assert rules.job_ended(record, ends, at=NOW).record.state is S.VERIFIED


def test_what_an_earlier_session_found_counts_for_attempts_alone():
    """A link that is used on another device begins again; noes stay counted."""
    ends = [make_end(DOCUMENT, link=1), make_end(RESOLUTION, link=2, at=NOW + 5)]
    record = make_record(S.PROCESSING, started_link=2)
    after = rules.job_ended(record, ends, at=NOW).record
    assert after.state is S.IN_PROGRESS
    assert not after.findings.checks
    noes = [make_end(DOCUMENT, Outcome.FAILED, link=number, at=NOW - number) for number in (1, 1.5, 2)]
    assert rules.job_ended(record, noes, at=NOW).record.state is S.FAILED


def test_a_replaced_session_is_refused():
    """Its tab may still be open."""
    record = make_record(started_link=2)
    for act in (
        lambda: rules.job_begun(record, link=1, at=NOW),
        lambda: rules.code_returned(record, [], CODE, link=1, at=NOW),
    ):
        with pytest.raises(VerificationStateError) as caught:
            act()
        assert caught.value.code == rules.SESSION_REPLACED


def test_a_second_job_keeps_it_processing():
    """The end of one does not say that the person has to do something."""
    record = make_record(S.PROCESSING)
    change = rules.job_ended(
        record, [make_end(DOCUMENT, end_state=EndState.CANCELED)], at=NOW, still_running=True
    )
    assert (change.record.state, change.events) == (S.PROCESSING, ())


def test_a_passed_step_asks_for_nothing_again():
    """The person continues by themselves; no event says that input is required."""
    change = rules.job_ended(
        make_record(S.PROCESSING), [make_end(DOCUMENT, checks={"document": CheckState.PASSED})], at=NOW
    )
    assert (change.record.state, change.events) == (S.IN_PROGRESS, ())


@pytest.mark.parametrize("end_state", [end for end in EndState if end is not EndState.DONE])
def test_no_answer_is_never_charged(end_state):
    """However often a job ends without an answer, the verification stays open."""
    ends = [make_end(DOCUMENT, end_state=end_state, name=str(number)) for number in range(9)]
    after = rules.job_ended(make_record(S.PROCESSING), ends, at=NOW).record
    assert (after.state, after.failures, after.exceptions) == (S.IN_PROGRESS, {}, 9)


# Links and time


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"link": Link(number=1, digest="d", expires_at=NOW)}, "expired"),
        ({"expires_at": NOW}, "expired"),
        ({"link": Link(number=1, digest="d", expires_at=NOW + 9, used_at=NOW - 1)}, "used"),
        ({"link": None}, "ended"),
        ({"state": S.CANCELED}, "ended"),
        ({"state": S.NEEDS_REVIEW}, "ended"),
    ],
)
def test_a_link_is_refused_by_its_reason(changes, code):
    """Each has a page of its own."""
    with pytest.raises(LinkRefusedError) as caught:
        rules.started(make_record(**{"state": S.CREATED, **changes}), at=NOW)
    assert caught.value.code == code


def test_a_start_uses_the_link_and_forgets_what_an_earlier_session_found():
    """Its number names the session from now on."""
    link = Link(number=4, digest="d", expires_at=NOW + 9)
    record = make_record(link=link, code=CODE, findings=rules.Findings(reasons=("document:expired",)))
    after = rules.started(record, at=NOW).record
    assert after.link == replace(link, used_at=NOW)
    assert after.started_link == 4
    assert (after.findings, after.code) == (rules.Findings(), None)


def test_nothing_begins_after_its_time():
    """The clock has expired it, whether or not a sweeper has seen that."""
    record = make_record(expires_at=NOW)
    for action in ("begin", "link"):
        with pytest.raises(VerificationStateError) as caught:
            ACTIONS[action](record)
        assert caught.value.code == rules.EXPIRED
    with pytest.raises(VerificationStateError):
        rules.expired(make_record(expires_at=NOW + 0.001), at=NOW)


# Reviews


def test_a_review_expires_after_the_policys_days():
    """Its own time, not that of the verification."""
    record = make_record(S.PROCESSING, terms=Terms(steps=(Step.DOCUMENT,), review_days=2))
    after = rules.job_ended(record, [make_end(DOCUMENT, Outcome.REVIEW)], at=NOW).record
    assert after.expires_at == NOW + 2 * 86400
    with pytest.raises(VerificationStateError) as caught:
        rules.reviewed(after, Review(at=after.expires_at, by="operator", reason="seen", is_approved=True))
    assert caught.value.code == rules.EXPIRED


def test_an_approval_is_flagged_and_raises_no_level():
    """Who reads the verdict knows that a reviewer approved it."""
    review = Review(at=NOW, by="key_1", reason="seen", is_approved=True)
    after = rules.reviewed(make_record(S.NEEDS_REVIEW), review).record
    assert rules.APPROVED_BY_REVIEW in after.findings.flags
    assert after.review == review
    strict = make_record(S.NEEDS_REVIEW, terms=Terms(steps=(Step.DOCUMENT,), target="ial2"))
    with pytest.raises(VerificationStateError) as caught:
        rules.reviewed(strict, review)
    assert caught.value.code == rules.ASSURANCE_NOT_REACHED
    no = rules.reviewed(strict, replace(review, is_approved=False)).record
    assert no.state is S.FAILED
    assert rules.REJECTED_BY_REVIEW in no.findings.reasons


# Claims and redaction


def test_claims_are_collected_once_and_in_time():
    """Each refusal has a code of its own."""
    terms = Terms(steps=(Step.PHONE,), claims=("phone",))
    record = rules.job_ended(make_record(terms=terms), [make_end(PHONE)], at=NOW).record
    collected = rules.claims_collected(record, at=NOW + 1).record
    assert collected.claims_collected_at == NOW + 1
    for wrong, code in (
        (collected, rules.CLAIMS_COLLECTED),
        (rules.claims_expired(record, at=record.claims_expire_at).record, rules.CLAIMS_EXPIRED),
        (replace(record, claims_expire_at=NOW), rules.CLAIMS_EXPIRED),
        (rules.redacted(record, at=NOW).record, rules.CLAIMS_EXPIRED),
        (make_record(S.FAILED, terms=terms), rules.CLAIMS_NONE),
        (make_record(S.VERIFIED), rules.CLAIMS_NONE),
    ):
        with pytest.raises(VerificationStateError) as caught:
            rules.claims_collected(wrong, at=NOW + 2)
        assert caught.value.code == code
    with pytest.raises(VerificationStateError):
        rules.claims_expired(record, at=NOW)


def test_a_redaction_is_done_once():
    """Repeated, it changes nothing and tells nobody."""
    once = rules.redacted(make_record(S.VERIFIED), at=NOW).record
    again = rules.redacted(once, at=NOW + 5)
    assert again == rules.Change(once)


# Assurance


def strong_evidence():
    """Return evidence that supports IAL1, and lacks a second piece for IAL2."""
    license_ = EvidencePiece(
        kind=EvidenceKind.DRIVERS_LICENSE,
        validated_by=ValidatedBy.SCAN,
        inspection=Inspection(live_capture=True, presence=True, barcode=Barcode.MATCH, liveness=True),
        vouched=True,
        verified_by=(Verification(method=VerifiedBy.FACE_AUTO, liveness=True, vouched=True),),
    )
    return Evidence(
        pieces=(license_,),
        confirmed=dict.fromkeys(CoreAttribute, frozenset({Source.AUTHORITATIVE})),
        death=Death.CLEAR,
        biometric_consent=True,
        notify=frozenset({Channel.POST}),
    )


@pytest.mark.parametrize(
    ("target", "state", "missing"),
    [(None, S.VERIFIED, True), ("ial1", S.VERIFIED, True), ("ial2", S.FAILED, True)],
)
def test_the_evidence_must_support_the_policys_level(target, state, missing):
    """All steps passed, and what is missing is said."""
    terms = Terms(steps=(Step.DOCUMENT,), target=target)
    end = make_end(DOCUMENT, evidence=strong_evidence())
    after = rules.job_ended(make_record(S.PROCESSING, terms=terms), [end], at=NOW).record
    assert after.state is state
    assert after.findings.supports == "ial1"
    assert bool(after.findings.missing) is missing
    assert (rules.ASSURANCE_NOT_REACHED in after.findings.reasons) is (state is S.FAILED)


def test_a_death_record_stops_every_policy():
    """Also one that asks for no level."""
    end = make_end(RESOLUTION, evidence=Evidence(death=Death.HIT))
    after = rules.job_ended(make_record(S.PROCESSING, steps=(Step.RESOLUTION,)), [end], at=NOW).record
    assert after.state is S.FAILED
    assert "death_record" in after.findings.flags


# Reasons


def test_no_reason_tells_which_typed_datum_was_wrong():
    """Codes of the images are shown; of what was typed, only which source said no."""
    typed = ("fail_state_id", "only_address_missing", "device_profiling_result_pass", "ssn_mismatch")
    record = make_record(S.PROCESSING, steps=(Step.RESOLUTION,))
    end = make_end(RESOLUTION, Outcome.FAILED, reasons=typed)
    assert rules.job_ended(record, [end], at=NOW).record.findings.reasons == ("resolution:fail_state_id",)
    phone = make_end(PHONE, Outcome.FAILED, reasons=("name_mismatch",))
    record = make_record(S.PROCESSING, steps=(Step.PHONE,))
    assert rules.job_ended(record, [phone], at=NOW).record.findings.reasons == ("phone:failed",)
    images = make_end(DOCUMENT, Outcome.FAILED, reasons=("expired",))
    record = make_record(S.PROCESSING, steps=(Step.DOCUMENT,))
    assert rules.job_ended(record, [images], at=NOW).record.findings.reasons == ("document:expired",)


# Random histories

_kinds = st.sampled_from((DOCUMENT, RESOLUTION, PHONE))
_checks = st.dictionaries(
    st.sampled_from(("selfie", "phone")), st.sampled_from(tuple(CheckState)), max_size=2
)
_ends = st.builds(
    make_end,
    _kinds,
    st.sampled_from((Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.REVIEW)),
    at=st.floats(min_value=NOW, max_value=NOW + 100),
    link=st.integers(1, 2),
    end_state=st.sampled_from((EndState.DONE, EndState.DONE, EndState.DONE, EndState.TIMED_OUT)),
    checks=_checks,
    name=st.uuids().map(str),
)
_steps = st.sampled_from(
    (EVERYTHING, (Step.DOCUMENT,), (Step.PHONE, Step.CODE), (Step.RESOLUTION, Step.PHONE), EVERYTHING[:3])
)
_acts = st.one_of(st.sampled_from(tuple(ACTIONS)), _ends)


@given(steps=_steps, acts=st.lists(_acts, max_size=25))
def test_random_histories_keep_the_rules(steps, acts):
    """Never verified without every step, one end, a sequence that grows, and nothing after the end."""
    record = make_record(S.CREATED, steps=steps)
    ends: list[JobEnd] = []
    events: list[EventType] = []
    for act in acts:
        before = record
        try:
            if isinstance(act, JobEnd):
                change = rules.job_ended(record, [*ends, act], at=NOW)
                ends.append(act)
            elif act == "code":
                # Some phones are submitted before it was made, some after.
                code = replace(CODE, made_at=NOW + 50)
                change = rules.code_returned(record, ends, code, link=record.started_link, at=NOW)
            elif act in {"pass", "no", "third no", "crash", "review"}:
                continue
            else:
                change = ACTIONS[act](record)
        except (VerificationStateError, LinkRefusedError):
            continue
        record = change.record
        events += change.events
        assert record.sequence == before.sequence + (record is not before)
        if before.state.is_end:
            assert (record.state, record.ended_at) == (before.state, before.ended_at)
            assert (record.findings, record.failures) == (before.findings, before.failures)
        if record.state is S.VERIFIED and not before.state.is_end:
            assert before.state is S.NEEDS_REVIEW or _has_every_step(record, ends)
    last = [
        event
        for event in events
        if event.value.removeprefix("verification.") in {one for one in S if one.is_end}
    ]
    assert len(last) == record.state.is_end


def _has_every_step(record, ends):
    """Return whether each step has a yes in the present session; judged apart from the rules."""
    passed = {
        step
        for end in ends
        if end.link == record.started_link
        for step, answer in answers(end).items()
        if answer is Answer.PASSED
    }
    if record.code is not None:
        passed.add(Step.CODE)
    return set(record.terms.steps) <= passed


@given(ends=st.lists(_ends, max_size=6, unique_by=lambda end: end.result_id), data=st.data())
def test_the_order_in_which_ends_arrive_does_not_matter(ends, data):
    """They are judged by when they were asked for."""
    record = make_record(S.PROCESSING, steps=EVERYTHING[:4])
    shuffled = data.draw(st.permutations(ends))
    first, second = (rules.job_ended(record, one, at=NOW) for one in (ends, shuffled))
    assert first == second


@given(ends=st.lists(_ends, max_size=6, unique_by=lambda end: end.result_id))
def test_records_survive_their_store(ends):
    """What the rules make can be written and read."""
    record = rules.job_ended(make_record(S.PROCESSING, steps=EVERYTHING), ends, at=NOW).record
    assert VerificationRecord.from_json(record.to_json()) == record
    assert all(JobEnd.from_json(end.to_json()) == end for end in ends)


def test_a_session_that_was_replaced_cancels_nothing():
    """It may lose the race with the link that replaced it."""
    record = make_record(state=VerificationState.IN_PROGRESS, started_link=2)
    assert rules.canceled(record, at=NOW, link=2).record.state is VerificationState.CANCELED
    with pytest.raises(VerificationStateError) as refused:
        rules.canceled(record, at=NOW, link=1)
    assert refused.value.code == rules.SESSION_REPLACED
