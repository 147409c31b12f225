"""Decisions: who is asked first, who next, who is passed over; and that they can be made again."""

import random
from dataclasses import replace

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.results import Check, Outcome, PhoneResult, ProoferKind
from proofing.contracts.routing import Refusal, RoutingQuestion, RoutingRule
from proofing.crypto.encryption import KeyRing
from proofing.routing.people import RoutedPeople
from proofing.rules.routing import (
    Fallback,
    RoutingTerms,
    answer_that_counts,
    decide,
    open_candidates,
    second_opinion_bucket,
)
from proofing.rules.windows import OneTimeWindow

PEOPLE = RoutedPeople(KeyRing(bytes(range(32))))
NO_ANSWER = frozenset({"timeout", "unreachable"})
TERMS = RoutingTerms(
    kind=ProoferKind.RESOLUTION,
    vendors=("a",),
    percentages=(("b", 30.0), ("c", 10.0)),
    fallbacks=(Fallback(vendor="d", after=NO_ANSWER), Fallback(vendor="e", after=frozenset({"quota"}))),
    second_opinion="s",
)
IN_ORDER = RoutingTerms(kind=ProoferKind.PHONE, vendors=("a", "b", "c"))
QUESTION = RoutingQuestion(kind=ProoferKind.RESOLUTION, person="p" * 32, bucket=99.0, at=1000.0)


def found(terms=TERMS, **values):
    """Return vendor and rule of a decision."""
    decision = decide(terms, replace(QUESTION, **values))
    return decision.vendor, decision.rule


@pytest.mark.parametrize(
    ("bucket", "vendor"),
    [(0.0, "a"), (1e-9, "b"), (30.0, "b"), (30.000001, "c"), (40.0, "c"), (40.000001, "a"), (100.0, "a")],
)
def test_shares_are_left_open_and_right_closed(bucket, vendor):
    """Walked in the order of the settings; who falls outside gets the default."""
    rule = RoutingRule.DEFAULT if vendor == "a" else RoutingRule.PERCENTAGE
    assert found(bucket=bucket) == (vendor, rule)


def test_the_allow_list_comes_before_percentages():
    """For the people whom it names alone."""
    terms = replace(TERMS, allow_list={"p" * 32: "x"})
    assert found(terms, bucket=5.0) == ("x", RoutingRule.ALLOW_LIST)
    assert found(terms, bucket=5.0, person="q" * 32) == ("b", RoutingRule.PERCENTAGE)


def test_whom_the_person_was_shown():
    """It is asked although the settings name somebody else by now; where they do not, their rule is named."""
    assert found(shown="b") == ("b", RoutingRule.KEPT)
    assert found(shown="a") == ("a", RoutingRule.DEFAULT)
    assert found(shown="b", refused={"b": Refusal.BREAKER_OPEN}) == ("d", RoutingRule.FALLBACK)


def test_who_has_the_question_already_keeps_it():
    """Whatever the settings say, and whatever is out."""
    terms = replace(TERMS, outages=frozenset({"z"}))
    assert found(terms, kept="z", refused={"z": Refusal.BUDGET}) == ("z", RoutingRule.KEPT)


@pytest.mark.parametrize("reason", Refusal)
def test_who_cannot_be_asked_is_passed_over(reason):
    """The fallbacks follow in their order, whatever causes they are for: there was no failure."""
    decision = decide(TERMS, replace(QUESTION, refused={"a": reason, "d": Refusal.BUDGET}))
    assert (decision.vendor, decision.rule) == ("e", RoutingRule.FALLBACK)
    assert decision.passed_over == (("a", reason), ("d", Refusal.BUDGET))


def test_nobody_is_left():
    """The decision says why each one was passed over; an outage comes before what the gates say."""
    terms = replace(TERMS, outages=frozenset({"a", "e"}))
    refused = {"a": Refusal.BUDGET, "d": Refusal.RATE_LIMIT}
    decision = decide(terms, replace(QUESTION, refused=refused))
    assert (decision.vendor, decision.rule) == (None, RoutingRule.NONE)
    assert decision.passed_over == (
        ("a", Refusal.OUTAGE),
        ("d", Refusal.RATE_LIMIT),
        ("e", Refusal.OUTAGE),
    )


def test_a_kind_that_is_off():
    """Nobody is asked, and nobody was passed over."""
    decision = decide(replace(TERMS, vendors=()), QUESTION)
    assert (decision.vendor, decision.rule, decision.passed_over) == (None, RoutingRule.NONE, ())


def test_an_outage_of_the_vendor_is_one_of_its_products():
    """And a window, too; one of another product is not."""
    terms = RoutingTerms(kind=ProoferKind.RESOLUTION, vendors=("acme:id",))
    window = OneTimeWindow(vendor="acme", start=900.0, finish=1100.0)
    assert found(replace(terms, outages=frozenset({"acme"})))[0] is None
    assert found(replace(terms, outages=frozenset({"acme:phone"})))[0] == "acme:id"
    assert found(replace(terms, windows=(window,)))[0] is None
    assert found(replace(terms, windows=(window,)), at=1100.0)[0] == "acme:id"
    assert found(replace(terms, windows=(replace(window, vendor="acme:phone"),)))[0] == "acme:id"


@pytest.mark.parametrize("cause", Cause)
def test_after_a_failure_the_fallbacks_of_its_cause(cause):
    """Nobody is asked for a cause that no fallback names, and nobody twice."""
    wanted = {"timeout": "d", "unreachable": "d", "quota": "e"}.get(cause.value)
    rule = RoutingRule.FALLBACK if wanted else RoutingRule.NONE
    assert found(tried=(("a", cause.value),)) == (wanted, rule)
    if wanted:
        assert found(tried=(("a", cause.value), (wanted, cause.value)))[0] is None


def test_the_next_failure_decides_about_the_next_fallback():
    """A fallback is for the failure of the vendor that was asked last."""
    assert found(tried=(("a", "timeout"), ("d", "quota"))) == ("e", RoutingRule.FALLBACK)
    assert found(tried=(("a", "quota"), ("e", "timeout"))) == ("d", RoutingRule.FALLBACK)


def test_a_second_opinion_is_asked_after_a_no_alone():
    """Once; without an answer of it the first one counts, and nobody is asked in its place."""
    no = ("a", "failed")
    assert found(tried=(no,)) == ("s", RoutingRule.SECOND_OPINION)
    assert found(tried=(("a", "timeout"), ("d", "failed"))) == ("s", RoutingRule.SECOND_OPINION)
    assert found(tried=(no, ("s", "failed")))[0] is None
    assert found(tried=(no, ("s", "timeout")))[0] is None
    assert found(replace(TERMS, second_opinion=None), tried=(no,))[0] is None
    assert found(replace(TERMS, outages=frozenset({"s"})), tried=(no,))[0] is None
    assert found(replace(TERMS, second_opinion="a"), tried=(no,))[0] is None


def test_a_second_opinion_for_a_share_of_people():
    """Sticky, and apart from the shares of the first vendors."""
    terms = replace(TERMS, second_opinion_percentage=40.0)
    people = [PEOPLE.hash_of(f"person-{number}") for number in range(10_000)]
    asked = [person for person in people if found(terms, person=person, tried=(("a", "failed"),))[0] == "s"]
    assert len(asked) / 100 == pytest.approx(40, abs=1)
    assert all(second_opinion_bucket(replace(QUESTION, person=person)) <= 40 for person in asked)
    buckets = [PEOPLE.bucket(f"person-{number}", "resolution_vendor") for number in range(10_000)]
    low = [person for person, bucket in zip(people, buckets, strict=True) if bucket <= 50]
    assert len(set(asked) & set(low)) / len(low) == pytest.approx(0.4, abs=0.03)


def test_vendors_in_order():
    """The next one, after a failure and after a no, without those that are out."""
    assert found(IN_ORDER) == ("a", RoutingRule.DEFAULT)
    assert found(IN_ORDER, tried=(("a", "failed"),)) == ("b", RoutingRule.SECOND_OPINION)
    assert found(IN_ORDER, tried=(("a", "timeout"),)) == ("b", RoutingRule.FALLBACK)
    assert found(IN_ORDER, tried=(("a", "failed"), ("b", "timeout"))) == ("c", RoutingRule.FALLBACK)
    out = replace(IN_ORDER, outages=frozenset({"b"}))
    assert found(out, tried=(("a", "failed"),)) == ("c", RoutingRule.SECOND_OPINION)
    assert found(out, tried=(("a", "failed"), ("c", "failed")))[0] is None


def test_test_mode_asks_mocks_alone():
    """Those that the settings name, else the first; outages are of real vendors."""
    terms = replace(TERMS, only=("m", "n"), outages=frozenset({"m", "n"}))
    assert found(terms) == ("m", RoutingRule.TEST_MODE)
    assert found(replace(terms, vendors=("n",))) == ("n", RoutingRule.TEST_MODE)
    assert found(replace(terms, only=()))[0] is None
    assert found(replace(terms, vendors=()))[0] is None
    assert found(terms, tried=(("m", "timeout"),))[0] is None
    falling = replace(terms, fallbacks=(Fallback(vendor="n", after=NO_ANSWER),))
    assert found(replace(falling, vendors=("m",)), tried=(("m", "timeout"),)) == ("n", RoutingRule.TEST_MODE)


def test_ten_thousand_people():
    """Each vendor has its share within one percentage point, and nobody changes it over retries."""
    people = [f"person-{number}" for number in range(10_000)]

    def vendors():
        return [
            found(person=PEOPLE.hash_of(one), bucket=PEOPLE.bucket(one, "resolution_vendor"))[0]
            for one in people
        ]

    first = vendors()
    for vendor, share in {"b": 30, "c": 10, "a": 60}.items():
        assert first.count(vendor) / 100 == pytest.approx(share, abs=1)
    assert vendors() == first


def test_decisions_are_made_again_from_their_question():
    """10,000 of all sorts: the same settings decide the same, whatever the gates said at the time."""
    draw = random.Random(15)  # noqa: S311 - a seed
    outcomes = [cause.value for cause in Cause] + ["failed"]
    for number in range(10_000):
        terms = draw.choice([TERMS, IN_ORDER, replace(TERMS, outages=frozenset({"a"}))])
        names = ["a", "b", "c", "d", "e", "s"]
        question = RoutingQuestion(
            kind=terms.kind,
            person=PEOPLE.hash_of(str(number)),
            bucket=draw.uniform(0, 100),
            at=draw.uniform(0, 2e9),
            tried=tuple((name, draw.choice(outcomes)) for name in draw.sample(names, draw.randrange(3))),
            shown=draw.choice([None, None, "b"]),
            kept=draw.choice([None, None, None, "x"]),
        )
        names = [one.vendor for one in open_candidates(terms, question)]
        refused = dict.fromkeys(names[: draw.randrange(3)], Refusal.BUDGET)
        decision = decide(terms, replace(question, refused=refused))
        assert decide(terms, decision.question) == decision
        if question.kept is None:
            left = [name for name in names if name not in refused]
            assert decision.vendor == (left[0] if left else None)


YES = Check(result=PhoneResult(vendor_name="v", outcome=Outcome.PASSED))
NO = Check(result=PhoneResult(vendor_name="v", outcome=Outcome.FAILED))
LOST = Check(error=VendorError(Cause.TIMEOUT, "no answer"))


@pytest.mark.parametrize(
    ("checks", "counts"),
    [
        ([], None),
        ([LOST, LOST], 1),
        ([LOST, NO], 1),
        ([NO, LOST], 0),
        ([NO, NO], 0),
        ([NO, YES], 1),
        ([YES], 0),
    ],
)
def test_the_answer_that_counts(checks, counts):
    """A yes; else the first answer; else the last failure."""
    assert answer_that_counts(checks) == counts


def test_a_hash_of_a_person_tells_nothing():
    """It is another one under another key, and in none of its forms the reference."""
    other = RoutedPeople(KeyRing(b"o" * 32))
    assert PEOPLE.hash_of("person-1") != other.hash_of("person-1")
    assert PEOPLE.hash_of("person-1") == PEOPLE.hash_of("person-1")
    assert PEOPLE.bucket("person-1", "x") != other.bucket("person-1", "x")
