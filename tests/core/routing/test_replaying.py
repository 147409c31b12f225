"""Recorded decisions are made again: the same settings change none of 10,000, others are counted."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from proofing.base.errors import Cause
from proofing.contracts.call_records import RecordedDecision
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal, RoutingQuestion
from proofing.routing.replaying import VendorChange, decisions_of_latest, replay
from proofing.routing.terms import terms_of
from proofing.rules.routing import decide
from proofing.settings import Settings
from proofing_local.calls.store import LocalCallStore
from proofing_local.settings import LocalSettings

KEYS = dict.fromkeys(("session_encryption_key", "hmac_fingerprinter_key"), "00" * 32)
#: Each rule and each reason to pass a vendor over occurs.
VALUES = {
    "resolution_vendor": "one",
    "resolution_vendor_percentages": {"two": 20.0, "three": 12.5},
    "resolution_vendor_allow_list": {"three": [f"person-{number}" for number in range(0, 3000, 7)]},
    "resolution_vendor_fallbacks": [{"vendor": "four"}, {"vendor": "two", "after": ["timeout"]}],
    "resolution_vendor_second_opinion": {"vendor": "five", "percentage": 40.0},
    "phone_vendors": ["one", "six"],
    "vendor_status": {"two": "full_outage"},
    "vendor_maintenance_windows": [
        {"vendor": "three", "cron": "0 * * * *", "minutes": 15},
        {"vendor": "six", "start": "2026-11-01T00:00:00Z", "finish": "2026-11-02T00:00:00Z"},
    ],
}
#: 2026-11-01 in UTC.
BEGIN = 1793491200.0


def terms(**changes):
    """Return what says the terms of each kind by changed settings."""
    settings = Settings.model_validate({**VALUES, **KEYS, **changes})
    made = {kind: terms_of(settings, kind, lambda person: person) for kind in ProoferKind}
    return made.__getitem__


def recorded(count, terms_by_kind, seed=15):
    """Return *count* decisions of jobs with one to three questions a step, as the settings made them."""
    random_of = random.Random(seed)  # noqa: S311 - test data
    made = []
    job = 0
    while len(made) < count:
        job += 1
        kind = random_of.choice([ProoferKind.RESOLUTION, ProoferKind.PHONE])
        question = RoutingQuestion(
            kind=kind,
            person=f"person-{random_of.randrange(3000)}",
            bucket=random_of.uniform(0, 100),
            at=BEGIN + random_of.uniform(0, 172800),
            refused=dict.fromkeys(
                random_of.sample(["one", "four", "six"], random_of.randrange(2)), Refusal.BREAKER_OPEN
            ),
            shown=random_of.choice([None, None, None, "four"]),
            kept=random_of.choice([None] * 9 + ["five"]),
        )
        for number in range(random_of.randrange(1, 4)):
            decision = decide(terms_by_kind(kind), question)
            made.append(
                RecordedDecision(
                    id=f"job-{job}:{kind}:{number}", job=f"job-{job}", step=kind.value, decision=decision
                )
            )
            if decision.vendor is None:
                break
            outcome = random_of.choice([Cause.TIMEOUT.value, Cause.UNREACHABLE.value, "failed"])
            question = replace(
                question, tried=(*question.tried, (decision.vendor, outcome)), at=question.at + 1
            )
    return made[:count]


@pytest.fixture
async def store(tmp_path):
    """Give an open call store."""
    opened = LocalCallStore(LocalSettings(directory=str(tmp_path / "local")))
    await opened.open()
    yield opened
    await opened.close()


async def test_the_same_settings_change_none_of_10_000(store):
    """Through the store and back, by every rule and with every reason."""
    made = recorded(10_000, terms())
    for place in range(0, len(made), 1000):
        await store.add([], made[place : place + 1000])
    found = await decisions_of_latest(store, jobs=1_000_000)
    assert len(found) == len({one.id for one in found}) == 10_000
    assert len({one.decision.rule for one in found}) >= 7
    assert {reason for one in found for _, reason in one.decision.passed_over} == {
        *(Refusal.OUTAGE, Refusal.MAINTENANCE, Refusal.BREAKER_OPEN)
    }
    result = replay(found, terms())
    assert (result.decisions, result.other_reasons, result.left_out) == (10_000, 0, 0)
    assert result.changes == {}
    assert result.jobs == len({one.job for one in made})


def test_other_settings_are_counted_by_what_changes():
    """A vendor that comes back, and a share that grows: only their people, each way apart."""
    made = recorded(2000, terms())
    firsts = [one for one in made if not one.decision.question.tried]
    result = replay(made, terms(vendor_status={"two": "operational"}))
    expected = Counter()
    for one in firsts:
        question = one.decision.question
        now = decide(terms(vendor_status={})(question.kind), question).vendor
        if now != one.decision.vendor:
            expected[VendorChange(kind=question.kind, before=one.decision.vendor, after=now)] += 1
    of_firsts = {change: number for change, number in result.changes.items() if change.after == "two"}
    assert expected
    assert set(expected) <= set(of_firsts)
    assert all(result.changes[change] >= number for change, number in expected.items())
    assert {change.kind for change in result.changes} == {ProoferKind.RESOLUTION}
    assert result.left_out > 0


def test_the_same_vendor_for_another_reason_is_no_change():
    """The default becomes a share of everybody: the vendor stays, the rule does not."""
    made = [one for one in recorded(500, terms()) if not one.decision.question.tried]
    values = {"resolution_vendor_percentages": {}, "resolution_vendor_allow_list": {}}
    before = [
        replace(one, decision=decide(terms(**values)(one.decision.question.kind), one.decision.question))
        for one in made
    ]
    result = replay(
        before, terms(resolution_vendor_allow_list={}, resolution_vendor_percentages={"one": 100.0})
    )
    assert result.changes == {}
    assert result.other_reasons > 0


async def test_the_latest_jobs_have_all_of_their_decisions(store):
    """Also what a parked job decided long before, between the decisions of others."""
    (one,) = recorded(1, terms())

    def at(job, moment, number=0):
        question = replace(one.decision.question, at=moment)
        decision = replace(one.decision, question=question)
        return RecordedDecision(id=f"{job}:phone:{number}", job=job, step="phone", decision=decision)

    parked = [at("parked", 1.0), at("parked", 9000.0, number=1)]
    others = [at(f"other-{number}", 10.0 + number) for number in range(1200)]
    await store.add([], [*parked, *others])
    found = await decisions_of_latest(store, jobs=2)
    assert {one.id for one in found} == {"parked:phone:0", "parked:phone:1", "other-1199:phone:0"}
    assert len({one.job for one in await decisions_of_latest(store, jobs=1100)}) == 1100
    assert await decisions_of_latest(store, jobs=5000) != []
