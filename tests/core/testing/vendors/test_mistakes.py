"""Each mistake of the table is found by the rule that it breaks; each rule has a mistake that proves it."""

from dataclasses import replace

import pytest
from tests.core.testing.vendors.comparison_mistakes import MISTAKES as COMPARISON_MISTAKES
from tests.core.testing.vendors.conduct_mistakes import MISTAKES as CONDUCT_MISTAKES
from tests.core.testing.vendors.further_mistakes import MISTAKES as FURTHER_MISTAKES
from tests.core.testing.vendors.grafted_mistakes import MISTAKES as GRAFTED_MISTAKES
from tests.core.testing.vendors.mistakes import MISTAKES as SINGLE_MISTAKES
from tests.core.testing.vendors.placed_mistakes import MISTAKES as PLACED_MISTAKES
from tests.core.testing.vendors.suites import SUITES, make_plugin

from proofing.testing.vendors import RULES, Status, judge

MISTAKES = (
    *SINGLE_MISTAKES,
    *COMPARISON_MISTAKES,
    *FURTHER_MISTAKES,
    *GRAFTED_MISTAKES,
    *PLACED_MISTAKES,
    *CONDUCT_MISTAKES,
)


def suite_of(mistake):
    """Return the suite of the plugin that makes *mistake*."""
    make_plugin(mistake.shape, *mistake.changes)
    honest, changes = SUITES[mistake.shape], dict(mistake.suite)
    answers = dict(honest.answers)
    if "only" in changes:
        answers = {name: answers[name] for name in changes.pop("only")}
    answers |= changes.pop("answers", {})
    for name, reasons in changes.pop("reasons", {}).items():
        answers[name] = replace(answers[name], reasons=reasons)
    return type(honest.__name__, (honest,), {**changes, "answers": answers})()


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.name for mistake in MISTAKES])
def test_the_mistake_is_found(mistake):
    """With a message that says what is wrong, what to do, and where that is explained."""
    (verdict,) = judge(suite_of(mistake), only=[mistake.rule])
    assert verdict.status is Status.BROKEN
    assert str(verdict).startswith(f"{mistake.rule}: ")
    assert "What to do: " in str(verdict)
    assert f"vendor-rules.md#{mistake.rule}" in str(verdict)


def broken(mistake):
    """Return the rules that find *mistake*, of all."""
    return [verdict.rule.id for verdict in judge(suite_of(mistake)) if verdict.status is Status.BROKEN]


#: Rules that have no adapter of their own in the table, with the test that has one.
ELSEWHERE = {"imports-light": "test_rules"}


def test_each_rule_has_a_mistake():
    """A rule that nothing can break proves nothing."""
    assert {mistake.rule for mistake in MISTAKES} | set(ELSEWHERE) == set(RULES)


@pytest.mark.parametrize("rule", sorted(set(RULES) - set(ELSEWHERE)))
def test_each_rule_finds_a_mistake_that_no_other_finds(rule):
    """A rule that only repeats others would be one to read and to keep for nothing."""
    found = {}
    for mistake in MISTAKES:
        if mistake.rule == rule:
            found[mistake.title] = broken(mistake)
            if found[mistake.title] == [rule]:
                return
    pytest.fail(f"others find all of them: {found}")
