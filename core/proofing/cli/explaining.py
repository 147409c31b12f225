"""`proofing explain`: which vendors a person gets, and why; made by what decides for their jobs."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proofing.base.errors import ProofingError
from proofing.bootstrap import Configuration, configure
from proofing.cli.stores import opened
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal
from proofing.routing.explaining import explanation, later_vendors
from proofing.routing.gates import Gatekeeper
from proofing.routing.replaying import decisions_of_latest, replay
from proofing.routing.router import Router
from proofing.verifications.events import iso_time

#: How many recorded decisions about a person are printed.
_MOST = 20


async def explain(options: argparse.Namespace) -> int:
    """Explain the choice of every kind of vendor for one person, or what other settings would change."""
    configuration = await configure(Path(options.settings) if options.settings else None, role="explain")
    if options.what_if is not None:
        return await _print_changes(configuration, options)
    at = time.time() if options.at is None else options.at.timestamp()
    # Gates are those of now, and of the settings in effect.
    is_now = options.at is None and options.settings is None
    refused = await _refused(configuration) if is_now else {}
    choices = {
        kind.value: _choice(configuration.router, kind, options.person, at, refused.get(kind, {}))
        for kind in ProoferKind
    }
    recorded = [] if options.at is None else await _recorded(configuration, options.person, at)
    if options.json:
        more = {} if options.at is None else {"recorded": recorded}
        print(json.dumps({**choices, **more}))
        return 0
    for kind, choice in choices.items():
        print(f"{kind:<12} {choice['vendor'] or 'none'}: {'; '.join(choice['explanation'])}")
        for sentence in choice["later"]:
            print(f"{'':<12}   {sentence}")
    if options.at is not None:
        print("\nrecorded until then, the newest first:" if recorded else "\nnothing is recorded until then")
    for one in recorded:
        print(_sentence(one))
    return 0


async def _refused(configuration: Configuration) -> Mapping[ProoferKind, Mapping[str, Refusal]]:
    """Return which vendors let no question through now, and why; none while that is not known."""
    found: dict[ProoferKind, dict[str, Refusal]] = {}
    try:
        async with opened(configuration, "operator", "result_store") as backends:
            gatekeeper = Gatekeeper(backends.results, configuration.live)
            readings = await gatekeeper.read(configuration.router.products())
    except ProofingError:
        print("circuit breakers and limits are not known: the result store cannot be read", file=sys.stderr)
        return found
    for one in readings:
        if one.refusal is not None:
            found.setdefault(one.kind, {})[one.vendor] = one.refusal
    return found


async def _recorded(configuration: Configuration, person: str, at: float) -> list[dict[str, Any]]:
    """Return what was decided about a *person*, by their reference, until *at*; the newest first."""
    hashed = configuration.router.question(ProoferKind.RESOLUTION, person).person
    async with opened(configuration, "explain", "call_store") as backends:
        found = await backends.calls.decisions_of(hashed, until=at, limit=_MOST)
    return [
        {
            "at": iso_time(one.at),
            "job": one.job,
            "step": one.step,
            "kind": one.decision.question.kind.value,
            "vendor": one.decision.vendor,
            "rule": one.decision.rule.value,
            "bucket": round(one.decision.question.bucket, 4),
            "passed_over": [[vendor, reason.value] for vendor, reason in one.decision.passed_over],
            "tried": [list(tried) for tried in one.decision.question.tried],
        }
        for one in found
    ]


def _sentence(one: dict[str, Any]) -> str:
    """Return a recorded decision as a line."""
    parts = [f"{one['at']}  {one['step']}: {one['vendor'] or 'nobody'} ({one['rule']})"]
    parts += [f"after {vendor}: {outcome}" for vendor, outcome in one["tried"]]
    parts += [f"{vendor} passed over: {reason}" for vendor, reason in one["passed_over"]]
    return "; ".join(parts)


async def _print_changes(configuration: Configuration, options: argparse.Namespace) -> int:
    """Make the recorded decisions again by other settings, and print what changes."""
    other = await configure(Path(options.what_if), role="explain")
    async with opened(configuration, "explain", "call_store") as backends:
        recorded = await decisions_of_latest(backends.calls, jobs=options.jobs)
    found = replay(recorded, other.router.terms)
    if options.json:
        changes = [{**asdict(change), "decisions": number} for change, number in found.changes.items()]
        facts = {name: getattr(found, name) for name in ("jobs", "decisions", "other_reasons", "left_out")}
        print(json.dumps({**facts, "changes": changes}))
        return 0
    changed = sum(found.changes.values())
    print(f"{found.decisions} decisions of the last {found.jobs} jobs, made again by {options.what_if}:")
    print(f"{found.decisions - changed - found.other_reasons:>7} unchanged")
    print(f"{found.other_reasons:>7} same vendor, for another reason")
    print(f"{changed:>7} another vendor")
    for change, number in found.changes.items():
        print(f"{number:>7}   {change.kind}: {change.before or 'nobody'} -> {change.after or 'nobody'}")
    if found.left_out:
        print(f"{found.left_out:>7} not made again: they followed a decision that changes")
    return 0


def _choice(
    router: Router, kind: ProoferKind, person: str, at: float, refused: Mapping[str, Refusal]
) -> dict[str, Any]:
    """Return the choice of one *kind* as JSON values; without the person's reference."""
    terms, decision = router.terms(kind), router.explain(kind, person, at, refused)
    return {
        "vendor": decision.vendor,
        "rule": decision.rule.value,
        "bucket": round(decision.question.bucket, 4),
        "passed_over": [[vendor, reason.value] for vendor, reason in decision.passed_over],
        "explanation": list(explanation(terms, decision)),
        "later": list(later_vendors(terms, decision)),
    }
