"""Decisions in sentences, for operators: which rule chose the vendor, and why others were passed over."""

from proofing.contracts.routing import Refusal, RoutingDecision, RoutingRule
from proofing.routing.terms import is_ordered
from proofing.rules.routing import RoutingTerms, share_of
from proofing.settings.vendor_values import NO_ANSWER

_REFUSALS = {
    Refusal.OUTAGE: "vendor_status says that it is out",
    Refusal.MAINTENANCE: "it is in a window of vendor_maintenance_windows",
    Refusal.BREAKER_OPEN: "its circuit breaker is open, or waits for its probe",
    Refusal.RATE_LIMIT: "its vendor_rate_limits leave no place in time",
    Refusal.CONCURRENCY_LIMIT: "its vendor_concurrency_limits are reached",
    Refusal.BUDGET: "its vendor_hourly_budgets are used up",
    Refusal.UNSUITABLE: "it cannot answer this question",
}
_RULES = {
    RoutingRule.ALLOW_LIST: "{key}_allow_list has this person for {vendor}",
    RoutingRule.DEFAULT: "{key} is {vendor}",
    RoutingRule.FALLBACK: "{vendor} is the next of {key}_fallbacks",
    RoutingRule.KEPT: "{vendor} has the question already, or was shown to the person",
    RoutingRule.PERCENTAGE: "{key}_percentages name {vendor}",
    RoutingRule.SECOND_OPINION: "{vendor} is asked after a no",
    RoutingRule.TEST_MODE: "test mode asks mocks alone",
}


def explanation(terms: RoutingTerms, decision: RoutingDecision) -> tuple[str, ...]:
    """Return the steps that led from *terms* to *decision*; without the person's reference."""
    passed = [f"{vendor} is passed over: {_REFUSALS[reason]}" for vendor, reason in decision.passed_over]
    return (*passed, _rule(terms, decision))


def later_vendors(terms: RoutingTerms, decision: RoutingDecision) -> tuple[str, ...]:
    """Return who else may be asked after the vendor of *decision*, and when."""
    if decision.vendor is None:
        return ()
    if is_ordered(terms.kind):
        others = [vendor for vendor in terms.vendors[1:] if vendor != decision.vendor]
        return (f"without a yes: {', '.join(others)}",) if others else ()
    found = [
        f"{_causes(one.after)}: {one.vendor}" for one in terms.fallbacks if one.vendor != decision.vendor
    ]
    if terms.second_opinion is not None and terms.second_opinion != decision.vendor:
        share = terms.second_opinion_percentage
        of = "" if share == 100 else f" of {share:g} % of people"  # noqa: PLR2004 - percent
        found.append(f"after a no{of}: {terms.second_opinion}")
    return tuple(found)


def _causes(after: frozenset[str]) -> str:
    """Return after which failures a fallback is asked."""
    is_usual = after == {cause.value for cause in NO_ANSWER}
    return "without an answer" if is_usual else f"after {', '.join(sorted(after))}"


def _rule(terms: RoutingTerms, decision: RoutingDecision) -> str:
    """Return the rule of *decision* in a sentence."""
    kind, rule, question = terms.kind, decision.rule, decision.question
    key = f"{kind}_vendors" if is_ordered(kind) else f"{kind}_vendor"
    place = f"bucket {question.bucket:.2f} of {key} lies"
    if rule is RoutingRule.NONE:
        return "nobody is left to ask" if decision.passed_over else f"{key} is switched off"
    if rule is RoutingRule.PERCENTAGE and (found := share_of(terms, question.bucket)) is not None:
        return f"{place} in {found[0]}'s ({found[1]:g}, {found[2]:g}]"
    if rule is RoutingRule.DEFAULT and terms.percentages:
        return f"{place} outside every percentage: {key} is {decision.vendor}"
    if is_ordered(kind) and rule in {RoutingRule.DEFAULT, RoutingRule.FALLBACK}:
        place = "first" if rule is RoutingRule.DEFAULT else "next"
        return f"{decision.vendor} is the {place} of {key}"
    return _RULES[rule].format(key=key, vendor=decision.vendor)
