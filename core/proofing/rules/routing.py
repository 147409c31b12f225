"""Which vendor a question is put to: a pure decision of settings and question, which can be made again.

The first vendor is the one whom the person was shown, of the allow list, of a percentage, or the default.
Vendors that are out, in maintenance, or refused for another reason are passed over for the fallbacks. After a
failure the fallbacks for its cause are asked, and after a no the second opinion. docs/explanation/routing.md
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proofing.base.errors import Cause
from proofing.contracts.results import Check, ProoferKind
from proofing.contracts.routing import Refusal, RoutingDecision, RoutingQuestion, RoutingRule
from proofing.rules.windows import Window

#: What came of a vendor that gave no answer.
_CAUSES = frozenset(cause.value for cause in Cause)
_LARGEST_DIGEST = 2**256 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """A vendor for when there was no answer, for one of the causes *after* which it is asked."""

    vendor: str
    after: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTerms:
    """What the settings in effect say of one kind of question.

    Attributes:
        kind: of the question.
        vendors: the vendors of a kind that is asked in order; else the default alone; empty when it is off.
        allow_list: keyed hash of a person to the vendor.
        percentages: shares of people, in the order of the settings.
        fallbacks: in their order.
        second_opinion: who is asked after a no; None for nobody.
        second_opinion_percentage: share of people.
        outages: vendors and products that are out.
        windows: of maintenance of vendors and products.
        only: the mocks, where mocks alone are asked, with the first choice first; None elsewhere.
    """

    kind: ProoferKind
    vendors: tuple[str, ...] = ()
    allow_list: Mapping[str, str] = field(default_factory=dict)
    percentages: tuple[tuple[str, float], ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    second_opinion: str | None = None
    second_opinion_percentage: float = 100.0
    outages: frozenset[str] = frozenset()
    windows: tuple[Window, ...] = ()
    only: tuple[str, ...] | None = None

    def refusal(self, product: str, at: float) -> Refusal | None:
        """Return why the settings let nobody ask a vendor's *product* then; None when it may be asked."""
        if not _names_of(product).isdisjoint(self.outages):
            return Refusal.OUTAGE
        return Refusal.MAINTENANCE if self.maintenance_until(product, at) is not None else None

    def maintenance_until(self, product: str, at: float) -> float | None:
        """Return when the maintenance of a vendor's *product* is over that is going on *at* this moment."""
        names = _names_of(product)
        windows = [window for window in self.windows if window.vendor in names]
        return max((until for one in windows if (until := one.open_until(at)) is not None), default=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vendor that may be asked, and the rule that names it."""

    vendor: str
    rule: RoutingRule


def decide(terms: RoutingTerms, question: RoutingQuestion) -> RoutingDecision:
    """Return who is asked, by which rule, and who is passed over for it.

    The same *terms* and *question* give the same decision.
    """
    passed_over: list[tuple[str, Refusal]] = []
    for candidate in candidates(terms, question):
        reason = _refusal(terms, question, candidate)
        if reason is None:
            return RoutingDecision(
                question=question,
                vendor=candidate.vendor,
                rule=candidate.rule,
                passed_over=tuple(passed_over),
            )
        passed_over.append((candidate.vendor, reason))
    return RoutingDecision(
        question=question, vendor=None, rule=RoutingRule.NONE, passed_over=tuple(passed_over)
    )


def open_candidates(terms: RoutingTerms, question: RoutingQuestion) -> list[Candidate]:
    """Return the candidates that neither the settings nor the question refuse, in their order."""
    return [one for one in candidates(terms, question) if _refusal(terms, question, one) is None]


def candidates(terms: RoutingTerms, question: RoutingQuestion) -> list[Candidate]:
    """Return the vendors of which the first one that can be asked is, in their order, each once."""
    if question.kept is not None:
        return [Candidate(question.kept, RoutingRule.KEPT)]
    asked = {vendor for vendor, _outcome in question.tried}
    wanted = _after_tried(terms, question) if question.tried else _at_first(terms, question)
    if terms.only is not None:
        wanted = [replace(one, rule=RoutingRule.TEST_MODE) for one in wanted if one.vendor in terms.only]
        if not wanted and not question.tried and terms.vendors:
            wanted = [Candidate(vendor, RoutingRule.TEST_MODE) for vendor in terms.only[:1]]
    found: dict[str, Candidate] = {}
    for one in wanted:
        if one.vendor not in asked:
            found.setdefault(one.vendor, one)
    return list(found.values())


def first_choice(terms: RoutingTerms, question: RoutingQuestion) -> Candidate | None:
    """Return whom the settings name first for this person, whether or not it can be asked."""
    named = _named_first(terms, question)
    if question.shown is None or (named is not None and named.vendor == question.shown):
        return named
    return Candidate(question.shown, RoutingRule.KEPT)


def _named_first(terms: RoutingTerms, question: RoutingQuestion) -> Candidate | None:
    """Return whom the settings name first."""
    if not terms.vendors:
        return None
    if (listed := terms.allow_list.get(question.person)) is not None:
        return Candidate(listed, RoutingRule.ALLOW_LIST)
    share = share_of(terms, question.bucket)
    if share is not None:
        return Candidate(share[0], RoutingRule.PERCENTAGE)
    return Candidate(terms.vendors[0], RoutingRule.DEFAULT)


def share_of(terms: RoutingTerms, bucket: float) -> tuple[str, float, float] | None:
    """Return the vendor in whose share a *bucket* lies, and the share's ends: ``low < bucket <= high``."""
    low = 0.0
    for vendor, share in terms.percentages:
        if low < bucket <= low + share:
            return vendor, low, low + share
        low += share
    return None


def answer_that_counts(checks: Sequence[Check[Any]]) -> int | None:
    """Return which of the *checks* of one step counts, in the order in which they were asked; None for none.

    It is the last yes, else the first answer: a second opinion counts where it is a yes. Without an answer it
    is the last failure.
    """
    answers = [index for index, check in enumerate(checks) if check.result is not None]
    passed = [index for index in answers if checks[index].passed]
    return next(iter((*passed[-1:], *answers[:1], *range(len(checks))[-1:])), None)


def fraction(digest: bytes) -> float:
    """Return a digest of 256 bits as a fraction of 100."""
    return int.from_bytes(digest, "big") / _LARGEST_DIGEST * 100


def second_opinion_bucket(question: RoutingQuestion) -> float:
    """Return where the person falls among those who get a second opinion; apart from `bucket`."""
    text = f"{question.person}:{question.kind}_vendor_second_opinion"
    return fraction(hashlib.sha256(text.encode()).digest())


def _at_first(terms: RoutingTerms, question: RoutingQuestion) -> list[Candidate]:
    """Return the candidates of a step that has asked nobody."""
    first = first_choice(terms, question)
    if first is None:
        return []
    others = [*terms.vendors[1:], *(one.vendor for one in terms.fallbacks)]
    return [first, *(Candidate(vendor, RoutingRule.FALLBACK) for vendor in others)]


def _names_of(product: str) -> frozenset[str]:
    """Return the names under which the settings may mean a *product*: its own, and its vendor's."""
    return frozenset((product, product.partition(":")[0]))


def _after_tried(terms: RoutingTerms, question: RoutingQuestion) -> list[Candidate]:
    """Return the candidates after somebody gave no answer, or said no."""
    last = question.tried[-1][1]
    answers = [outcome for _vendor, outcome in question.tried if outcome not in _CAUSES]
    if last in _CAUSES:
        rule = RoutingRule.FALLBACK
        # Nobody is asked in place of a second opinion: the first answer counts.
        more = [one.vendor for one in terms.fallbacks if last in one.after and not answers]
    else:
        rule = RoutingRule.SECOND_OPINION
        is_wanted = second_opinion_bucket(question) <= terms.second_opinion_percentage
        more = [terms.second_opinion] if terms.second_opinion and is_wanted and len(answers) == 1 else []
    return [Candidate(vendor, rule) for vendor in (*terms.vendors[1:], *more)]


def _refusal(terms: RoutingTerms, question: RoutingQuestion, candidate: Candidate) -> Refusal | None:
    """Return why a candidate is passed over; None when it is not."""
    if candidate.rule is RoutingRule.KEPT and question.kept is not None:
        return None
    if terms.only is None and (reason := terms.refusal(candidate.vendor, question.at)) is not None:
        return reason
    return question.refused.get(candidate.vendor)
