"""The settings of vendors: who is asked, what each one may be sent, and what a call costs.

A part of `proofing.settings.schema.Settings`. Names of vendors are those of their proofers, such as
``acme:phone``; where a key limits or describes calls, the part before the colon names all of its products.
docs/explanation/routing.md
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, LiteralString, TypeVar

from pydantic import BaseModel, Field

from proofing.contracts.results import ProoferKind
from proofing.settings.values import LIVE, LIVE_LOGGED, Count, Names
from proofing.settings.vendor_values import (
    MAX_PERCENT,
    AgencyWindow,
    AllowList,
    BreakerSettings,
    MaintenanceWindow,
    Percentages,
    SecondOpinion,
    VendorFallback,
    VendorName,
    VendorPrice,
    VendorShadow,
    VendorStatus,
    announced_windows,
)

ValueT = TypeVar("ValueT")


class RoutingSettings(BaseModel):
    """Which vendors are asked, and within which limits."""

    call_record_days: Count = Field(
        2557, description="How long the records of vendor calls are kept, the base of costs; 7 years."
    )
    call_store: str = Field(
        "local", description="Plugin that keeps the records of vendor calls and routing decisions."
    )
    device_vendor: str = Field("mock", description="Device profiler.", json_schema_extra=LIVE_LOGGED)
    document_vendor: str = Field("mock", description="Document proofer.", json_schema_extra=LIVE_LOGGED)
    document_vendor_allow_list: AllowList = Field(
        default_factory=dict,
        description="Vendor to the references of the people whose documents it verifies, before any "
        "percentage.",
        json_schema_extra=LIVE,
        repr=False,
    )
    document_vendor_fallbacks: Annotated[tuple[VendorFallback, ...], Field(strict=False)] = Field(
        (),
        description="Document proofers that are asked, in this order, when there is no answer: a list of "
        "{vendor, after}. They get the images of the same submission.",
        json_schema_extra=LIVE_LOGGED,
    )
    document_vendor_percentages: Percentages = Field(
        default_factory=dict,
        description="Share of people, in percent, for document proofers other than document_vendor.",
        json_schema_extra=LIVE_LOGGED,
    )
    messenger_vendor_fallbacks: Annotated[tuple[VendorFallback, ...], Field(strict=False)] = Field(
        (),
        description="Messengers that are asked, in this order, when the one before did not take the message: "
        "a list of {vendor, after}.",
        json_schema_extra=LIVE_LOGGED,
    )
    passport_vendor: str | None = Field(
        "mock",
        description="Passport proofer, asked once the document vendor has read a passport; null: none.",
        json_schema_extra=LIVE_LOGGED,
    )
    passport_vendor_fallbacks: Annotated[tuple[VendorFallback, ...], Field(strict=False)] = Field(
        (),
        description="Passport proofers that are asked, in this order, when there is no answer: a list of "
        "{vendor, after}.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_vendor_shadow: VendorShadow | None = Field(
        None,
        description="Phone vendor that is asked in the background, whose answers count for nobody: "
        "{vendor, percentage, per_hour}; null: none.",
        json_schema_extra=LIVE_LOGGED,
    )
    phone_vendors: Names = Field(
        ("mock",),
        description="Phone vendors, asked in this order until one succeeds.",
        json_schema_extra=LIVE_LOGGED,
    )
    resolution_vendor: str = Field("mock", description="Resolution proofer.", json_schema_extra=LIVE_LOGGED)
    resolution_vendor_allow_list: AllowList = Field(
        default_factory=dict,
        description="Vendor to the references of the people whom it resolves, before any percentage.",
        json_schema_extra=LIVE,
        repr=False,
    )
    resolution_vendor_fallbacks: Annotated[tuple[VendorFallback, ...], Field(strict=False)] = Field(
        (),
        description="Resolution proofers that are asked, in this order, when there is no answer: a list of "
        "{vendor, after}.",
        json_schema_extra=LIVE_LOGGED,
    )
    resolution_vendor_percentages: Percentages = Field(
        default_factory=dict,
        description="Share of people, in percent, for resolution proofers other than resolution_vendor.",
        json_schema_extra=LIVE_LOGGED,
    )
    resolution_vendor_second_opinion: SecondOpinion | None = Field(
        None,
        description="Resolution proofer that is asked when the answer is no; its answer counts then: "
        "{vendor, percentage}; null: none.",
        json_schema_extra=LIVE_LOGGED,
    )
    resolution_vendor_shadow: VendorShadow | None = Field(
        None,
        description="Resolution proofer that is asked in the background, without the SSN, and whose answers "
        "count for nobody: {vendor, percentage, per_hour}; null: none.",
        json_schema_extra=LIVE_LOGGED,
    )
    routing_decision_days: Count = Field(
        30, description="How long it is kept which vendor was chosen for each question, and why."
    )
    state_id_maintenance_windows: Annotated[
        dict[str, Annotated[tuple[AgencyWindow, ...], Field(strict=False)]], Field(strict=False)
    ] = Field(
        default_factory=announced_windows,
        description="Two-letter code of a state to when the system of its licensing agency is down for "
        "maintenance: a list of {cron, minutes, time_zone}; America/New_York unless it has a zone. It is "
        "asked anyway; answers and errors are marked.",
        json_schema_extra=LIVE_LOGGED,
    )
    state_id_vendor: str | None = Field(
        "mock", description="State ID proofer; null: none.", json_schema_extra=LIVE_LOGGED
    )
    state_id_vendor_allow_list: AllowList = Field(
        default_factory=dict,
        description="Vendor to the references of the people whose license it checks, before any percentage.",
        json_schema_extra=LIVE,
        repr=False,
    )
    state_id_vendor_fallbacks: Annotated[tuple[VendorFallback, ...], Field(strict=False)] = Field(
        (),
        description="State ID proofers that are asked, in this order, when there is no answer: a list of "
        "{vendor, after}.",
        json_schema_extra=LIVE_LOGGED,
    )
    state_id_vendor_percentages: Percentages = Field(
        default_factory=dict,
        description="Share of people, in percent, for state ID proofers other than state_id_vendor.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_breaker: BreakerSettings | None = Field(
        BreakerSettings(),
        description="When a vendor's product is not asked for a while: {faults, open_seconds, "
        "probe_seconds}; null: never.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_breaker_overrides: Annotated[dict[VendorName, BreakerSettings | None], Field(strict=False)] = (
        Field(
            default_factory=dict,
            description="Vendor, or product, to its own vendor_breaker; null: none.",
            json_schema_extra=LIVE_LOGGED,
        )
    )
    vendor_concurrency_limits: Annotated[dict[VendorName, Count], Field(strict=False)] = Field(
        default_factory=dict,
        description="Vendor, or product, to the calls that may be in progress at once, of all processes.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_hourly_budgets: Annotated[dict[VendorName, Annotated[int, Field(ge=0)]], Field(strict=False)] = (
        Field(
            default_factory=dict,
            description="Vendor, or product, to the calls that may be made in one clock hour, by all "
            "processes together; one that is not named has no budget.",
            json_schema_extra=LIVE_LOGGED,
        )
    )
    vendor_maintenance_windows: Annotated[tuple[MaintenanceWindow, ...], Field(strict=False)] = Field(
        (),
        description="When vendors are down for maintenance: a list of {vendor, start, finish} or {vendor, "
        "cron, minutes, time_zone}; everything: true in place of vendor closes the whole product.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_permissible_purposes: Annotated[
        dict[VendorName, Annotated[str, Field(min_length=1, max_length=200)]], Field(strict=False)
    ] = Field(
        default_factory=dict,
        description="Vendor, or product, to why it may be asked, as its contract and the law name it; kept "
        "with the record of each call.",
        json_schema_extra=LIVE,
    )
    vendor_prices: Annotated[dict[VendorName, VendorPrice], Field(strict=False)] = Field(
        default_factory=dict,
        description="Vendor, or product, to what one call costs: {price, currency}.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_rate_limits: Annotated[
        dict[VendorName, Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]], Field(strict=False)
    ] = Field(
        default_factory=dict,
        description="Vendor, or product, to the calls a second that all processes together may make.",
        json_schema_extra=LIVE_LOGGED,
    )
    vendor_status: Annotated[
        dict[VendorName, Annotated[VendorStatus, Field(strict=False)]], Field(strict=False)
    ] = Field(
        default_factory=dict,
        description="Vendor, or product, to operational, partial_outage or full_outage; "
        "vendor_status_NAME: full_outage is the same.",
        json_schema_extra=LIVE_LOGGED,
    )

    def routing_rules(self) -> Iterator[tuple[str, LiteralString, bool]]:
        """Yield key, rule, and whether it holds, of every rule of vendors that one field cannot judge."""
        yield "phone_vendors", "must name at least one vendor", bool(self.phone_vendors)
        yield "phone_vendors", "must name each vendor once", _is_distinct(self.phone_vendors)
        yield (
            "phone_vendor_shadow",
            "must name another vendor than phone_vendors: everybody is asked there already",
            self.phone_vendor_shadow is None or self.phone_vendor_shadow.vendor not in self.phone_vendors,
        )
        for kind in ProoferKind:
            key = f"{kind}_vendor_percentages"
            total = math.fsum(getattr(self, key, {}).values())
            yield key, "must sum to at most 100", total <= MAX_PERCENT
            yield from self._fallback_rules(kind)
        first, other = self._first_vendors(ProoferKind.RESOLUTION), self._other_rule(ProoferKind.RESOLUTION)
        second, shadow = self.resolution_vendor_second_opinion, self.resolution_vendor_shadow
        yield (
            "resolution_vendor_second_opinion",
            other,
            second is None or first != {second.vendor},
        )
        yield (
            "resolution_vendor_shadow",
            other,
            shadow is None or first != {shadow.vendor},
        )
        yield (
            "resolution_vendor_shadow",
            "must name another vendor than resolution_vendor_second_opinion, which would be asked twice",
            shadow is None or second is None or shadow.vendor != second.vendor,
        )

    def _fallback_rules(self, kind: ProoferKind) -> Iterator[tuple[str, LiteralString, bool]]:
        """Yield the rules of the fallbacks of *kind*, if it has any."""
        key: Any = f"{kind}_vendor_fallbacks"
        names = [one.vendor for one in getattr(self, key, ())]
        first = self._first_vendors(kind)
        yield key, "must name each vendor once", _is_distinct(names)
        yield key, self._other_rule(kind), not any(first == {name} for name in names)
        yield key, "needs a vendor that is asked before it", not names or bool(first)

    def _other_rule(self, kind: ProoferKind) -> Any:
        """Return the rule of a key that must name somebody else than everybody's first vendor of *kind*.

        It names all keys that it looks at: where one of them is wrong, nothing is said by its default.
        """
        shares = [f"{kind}_vendor_percentages", f"{kind}_vendor_allow_list"]
        unless = f", unless {' or '.join(shares)} give some people a different one"
        has_shares = all(hasattr(self, one) for one in shares)
        return f"must name another vendor than {kind}_vendor{unless if has_shares else ''}"

    def breaker_of(self, product: str) -> BreakerSettings | None:
        """Return when a vendor's *product* is not asked for a while; None for never."""
        own = self.vendor_breaker_overrides
        is_named = product in own or product.partition(":")[0] in own
        return of_vendor(own, product) if is_named else self.vendor_breaker

    def status_of(self, product: str) -> VendorStatus:
        """Return what operators say of a *product*; an outage of its vendor is one of all its products."""
        names = (product, product.partition(":")[0])
        said = [self.vendor_status[name] for name in names if name in self.vendor_status]
        out = [one for one in said if one is not VendorStatus.OPERATIONAL]
        return out[0] if out else VendorStatus.OPERATIONAL

    def _first_vendors(self, kind: ProoferKind) -> set[str]:
        """Return every vendor that may be asked first in a question of *kind*."""
        names: list[str | None] = [
            getattr(self, f"{kind}_vendor", None),
            *getattr(self, f"{kind}_vendor_percentages", ()),
            *getattr(self, f"{kind}_vendor_allow_list", ()),
        ]
        return {name for name in names if name is not None}


def of_vendor(values: Mapping[str, ValueT], product: str) -> ValueT | None:
    """Return what *values* have for a *product*, such as ``acme:phone``: its own, else that of ``acme``."""
    return values[product] if product in values else values.get(product.partition(":")[0])


def _is_distinct(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)
