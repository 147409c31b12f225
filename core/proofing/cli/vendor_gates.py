"""`proofing vendor gates` and `close-breaker`: what operators see of the gates before vendors, and change."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from proofing.base.errors import ConfigurationError, Problem, ProofingError
from proofing.bootstrap import Configuration
from proofing.cli.parties import utc_time
from proofing.cli.startup import start_logs
from proofing.cli.stores import open_backends
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import BreakerState, CallLimits, LimitState
from proofing.registry.backends import open_backend
from proofing.routing.gates import Gatekeeper, GateReading


async def gates(options: argparse.Namespace) -> int:
    """Print the breaker and the limits of each vendor's product that the settings name."""
    async with open_backends("operator", "result_store") as (configuration, backends):
        products = _products(configuration.router.products(), options.name)
        readings = await Gatekeeper(backends.results, configuration.live).read(products)
    found = [_facts(reading) for reading in readings]
    if options.json:
        print(json.dumps(found))
        return 0
    for facts in found:
        print("\n".join(_lines(facts)))
    return 0


async def close_breaker(options: argparse.Namespace) -> int:
    """Close the circuit breakers of a vendor or product, and forget their faults."""
    async with open_backends("operator", "result_store") as (configuration, backends):
        start_logs(configuration, "cli")
        products = _products(configuration.router.products(), options.name)
        gatekeeper = Gatekeeper(backends.results, configuration.live)
        closed = [kind.value for kind, name in products if await gatekeeper.close_breaker(kind, name)]
    if options.json:
        print(json.dumps({"vendor": options.name, "closed": closed}))
    elif closed:
        print(f"{options.name} is asked again: {', '.join(closed)}")
    else:
        print(f"{options.name} had no faults", file=sys.stderr)
    return 0


async def notes_on_gates(configuration: Configuration, results: ResultStore) -> list[str]:
    """Return a sentence for each vendor that is not asked now; none when *results* cannot be asked.

    Opens and closes *results*.
    """
    try:
        try:
            await open_backend("result_store", results)
            gatekeeper = Gatekeeper(results, configuration.live)
            readings = await gatekeeper.read(configuration.router.products())
        finally:
            await results.close()
    except ProofingError:
        return []
    notes = [
        f"{one.kind} {one.vendor} is not asked: its circuit breaker is open until {utc_time(one.state.until)}"
        for one in readings
        if one.state.until is not None
    ]
    notes += [
        f"{one.kind} {one.vendor} is not asked until the next hour: its budget is used up"
        for one in readings
        if not one.has_budget
    ]
    return notes


def _products(every: Sequence[tuple[ProoferKind, str]], name: str | None) -> list[tuple[ProoferKind, str]]:
    """Return kind and name of each product, or of those that *name* means, by vendor or product.

    Raises:
        ConfigurationError: the settings name no such vendor.
    """
    found = [one for one in every if name is None or name in {one[1], one[1].partition(":")[0]}]
    if not found:
        known = ", ".join(sorted({product for _kind, product in every}))
        rule = f"the settings name no such vendor; they name: {known}"
        raise ConfigurationError([Problem("command line", name or "", rule)])
    return found


def _facts(reading: GateReading) -> dict[str, Any]:
    """Return what there is to know of one gate, as JSON values."""
    terms, state = reading.gate.breaker, reading.state
    return {
        "vendor": reading.vendor,
        "kind": reading.kind.value,
        "breaker": state.breaker.value if terms else None,
        "faults": state.faults,
        "faults_that_open": terms.faults if terms else None,
        "open_until": None if state.until is None else utc_time(state.until),
        "limits": [_limit_facts(limits, now) for limits, now in reading.limits],
    }


def _limit_facts(limits: CallLimits, now: LimitState) -> dict[str, Any]:
    """Return how far the limits of one name are used; those that there are."""
    facts: dict[str, Any] = {"name": limits.scope}
    if limits.per_hour is not None:
        facts |= {"calls_this_hour": now.calls_this_hour, "hourly_budget": limits.per_hour}
    if limits.concurrent is not None:
        facts |= {"running": now.running, "concurrency_limit": limits.concurrent}
    if limits.per_second is not None:
        facts |= {"wait_seconds": round(now.wait_seconds, 3), "rate_limit": limits.per_second}
    return facts


def _lines(facts: Mapping[str, Any]) -> list[str]:
    """Return one line for the breaker, and one for each name that has limits."""
    breaker = "no breaker"
    if facts["breaker"] is not None:
        breaker = (
            f"breaker {facts['breaker']}, {facts['faults']} of {facts['faults_that_open']} faults in a row"
        )
    if facts["breaker"] == BreakerState.OPEN:
        breaker += f", asked again from {facts['open_until']} on"
    lines = [f"{facts['kind']:<12} {facts['vendor']:<28} {breaker}"]
    for limits in facts["limits"]:
        parts = []
        if "hourly_budget" in limits:
            parts.append(f"{limits['calls_this_hour']} of {limits['hourly_budget']} calls this hour")
        if "concurrency_limit" in limits:
            parts.append(f"{limits['running']} of {limits['concurrency_limit']} calls at once")
        if "rate_limit" in limits:
            parts.append(
                f"at most {limits['rate_limit']:g} calls/s, the next one in {limits['wait_seconds']} s"
            )
        lines.append(f"{'':<12}   {limits['name']}: {'; '.join(parts)}")
    return lines
