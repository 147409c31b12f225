"""What is known when a vendor is chosen, and what was chosen: plain values without personal data.

A decision holds everything that it was made from besides the settings, so that it can be made again, by the
same settings (it is the same) or by others (what would change).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from proofing.contracts.results import ProoferKind


class RoutingRule(StrEnum):
    """Which rule of the settings named the vendor."""

    #: The kind is switched off, or nobody is left: no vendor.
    NONE = "none"
    #: ``<kind>_vendor``, or the first of ``<kind>_vendors``.
    DEFAULT = "default"
    #: ``<kind>_vendor_percentages``.
    PERCENTAGE = "percentage"
    #: ``<kind>_vendor_allow_list``.
    ALLOW_LIST = "allow_list"
    #: ``<kind>_vendor_fallbacks``, or the next of ``<kind>_vendors``, because there was no answer.
    FALLBACK = "fallback"
    #: ``<kind>_vendor_second_opinion``, or the next of ``<kind>_vendors``, because the answer was no.
    SECOND_OPINION = "second_opinion"
    #: The vendor that the person was shown, or that has the question already.
    KEPT = "kept"
    #: Test mode asks mocks alone.
    TEST_MODE = "test_mode"


class Refusal(StrEnum):
    """Why a vendor that would have been asked is passed over."""

    #: ``vendor_status``.
    OUTAGE = "outage"
    #: ``vendor_maintenance_windows``.
    MAINTENANCE = "maintenance"
    #: Its circuit breaker is open, or another process makes the probe.
    BREAKER_OPEN = "breaker_open"
    #: ``vendor_rate_limits``, and there is no time to wait.
    RATE_LIMIT = "rate_limit"
    #: ``vendor_concurrency_limits``.
    CONCURRENCY_LIMIT = "concurrency_limit"
    #: ``vendor_hourly_budgets``.
    BUDGET = "budget"
    #: It cannot answer this question: a state that it does not cover, or images that it does not take.
    UNSUITABLE = "unsuitable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingQuestion:
    """What a choice is made from, besides the settings.

    Attributes:
        kind: of the question.
        person: keyed hash of the person's reference; on allow lists, people are named by their reference and
            compared as this hash.
        bucket: where the person falls for this kind, from 0 to 100.
        at: when, in seconds since the epoch.
        refused: vendors that could not be asked for reasons that are not in the settings.
        tried: the vendors that this step has asked before, in order, with what came of them: the value of a
            `Cause`, or of the `Outcome` of an answer that was not enough.
        shown: the vendor whom the person was shown, in place of the one that the settings name first.
        kept: the vendor that has the question already: nobody else is asked, whatever the settings say.
    """

    kind: ProoferKind
    person: str
    bucket: float
    at: float
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    tried: tuple[tuple[str, str], ...] = ()
    shown: str | None = None
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """Who is asked, by which rule, and who was passed over.

    Attributes:
        vendor: None for nobody.
        passed_over: vendors that came before it, with the reason; in the order of the settings.
    """

    question: RoutingQuestion
    vendor: str | None
    rule: RoutingRule
    passed_over: tuple[tuple[str, Refusal], ...] = ()
