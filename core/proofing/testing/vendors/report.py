"""Judges a suite by the rules: one verdict a rule, with what is wrong in sentences.

A rule that came with a contract version holds for descriptors of that version and later. For a descriptor
that is one version behind it only warns; for an older one it holds as well.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from weakref import WeakKeyDictionary

import pytest

from proofing.testing.vendors.checks import CHECKS
from proofing.testing.vendors.loading import LoadError
from proofing.testing.vendors.rules import PAGE, RULES, Rule
from proofing.testing.vendors.subject import Subject
from proofing.testing.vendors.suite import ProoferSuite

#: A reason of fewer characters explains nothing.
_MIN_REASON = 20
#: Of one rule, how many complaints are shown.
_SHOWN = 8


class VendorRuleWarning(UserWarning):
    """A rule that is newer than the descriptor's contract version is broken: it fails with the next one."""


class Status(StrEnum):
    """What became of a rule."""

    KEPT = "kept"
    BROKEN = "broken"
    #: The author says why it does not hold.
    EXEMPT = "exempt"
    #: Broken, and newer than the descriptor's contract version.
    WARNING = "warning"
    #: The plugin does not load, or its descriptor is of the wrong form.
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule.

    Attributes:
        complaints: what is wrong, or why the rule is exempt; empty when it is kept.
    """

    rule: Rule
    status: Status
    complaints: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = [*self.complaints[:_SHOWN]]
        if len(self.complaints) > _SHOWN:
            shown.append(f"and {len(self.complaints) - _SHOWN} more")
        lines = "\n".join(f"  - {complaint.replace(chr(10), chr(10) + '    ')}" for complaint in shown)
        rule = self.rule
        return f"{rule.id}: {rule.what}\n{lines}\n  What to do: {rule.fix}\n  See {PAGE}#{rule.id}"


def judge(suite: ProoferSuite, *, only: Iterable[str] | None = None) -> Iterator[Verdict]:
    """Yield what became of each rule, in the order of the table; of those in *only* where it is given.

    Nothing is logged or printed. The plugin is loaded once, and again by the next call.
    """
    subject = _load(suite)
    for rule_id in RULES if only is None else only:
        yield _judge(suite, subject, RULES[rule_id])


def require_rule(suite: ProoferSuite, rule_id: str) -> None:
    """Fail the running test if *suite*'s proofer breaks the rule, with a message and nothing else."""
    __tracebackhide__ = True
    kind = type(suite)
    if kind not in _subjects:
        _subjects[kind] = _load(suite)
    verdict = _judge(suite, _subjects[kind], RULES[rule_id])
    if verdict.status is Status.BROKEN:
        pytest.fail(str(verdict), pytrace=False)
    if verdict.status is Status.WARNING:
        with warnings.catch_warnings():
            # Also where warnings are errors: that would make a failure of it.
            warnings.simplefilter("always", VendorRuleWarning)
            warnings.warn(str(verdict), VendorRuleWarning, stacklevel=2)


#: What is known of each suite, for all tests of it.
_subjects: WeakKeyDictionary[type[ProoferSuite], Subject | LoadError] = WeakKeyDictionary()


def _load(suite: ProoferSuite) -> Subject | LoadError:
    try:
        subject = Subject(suite, suite.trial())
    except LoadError as error:
        return error
    subject.is_unusable = any(CHECKS["descriptor-form"](subject))
    return subject


def _judge(suite: ProoferSuite, subject: Subject | LoadError, rule: Rule) -> Verdict:
    """Return what became of *rule*, exemptions considered."""
    if isinstance(subject, LoadError):
        if rule.id == "plugin-loads":
            return Verdict(rule, Status.BROKEN, (str(subject),))
        return Verdict(rule, Status.NOT_TRIED, ("the plugin does not load",))
    if rule.id != "descriptor-form" and subject.is_unusable:
        return Verdict(rule, Status.NOT_TRIED, ("the descriptor is not usable",))
    found = tuple(dict.fromkeys(CHECKS[rule.id](subject)))
    exemption = suite.exemptions.get(rule.id)
    if exemption is not None:
        wrong = _wrong_exemption(suite, rule.id, is_needed=bool(found))
        return Verdict(rule, Status.BROKEN if wrong else Status.EXEMPT, (wrong or exemption.reason,))
    if not found:
        return Verdict(rule, Status.KEPT)
    behind = rule.since - subject.descriptor.contract_version
    return Verdict(rule, Status.WARNING if behind == 1 else Status.BROKEN, found)


def _wrong_exemption(suite: ProoferSuite, rule_id: str, *, is_needed: bool) -> str:
    """Return what is wrong with the exemption from a rule; empty for nothing."""
    exemption = suite.exemptions[rule_id]
    if len(exemption.reason.strip()) < _MIN_REASON:
        return "the exemption needs a reason, in a sentence that says what the vendor does"
    if exemption.until < datetime.now(UTC).date():
        return f"the exemption expired on {exemption.until}: look whether it still holds, and renew it"
    if not is_needed:
        return "the exemption is not needed: the rule is kept; remove it"
    return ""
