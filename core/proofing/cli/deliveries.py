"""`proofing deliveries`: what operators see of events and endpoints, and do with them."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from proofing.bootstrap import Configuration
from proofing.cli import exits
from proofing.cli.parties import knows, utc_time
from proofing.cli.stores import open_backends
from proofing.contracts.verification_store import (
    CredentialKind,
    Delivery,
    DeliveryState,
    EndpointState,
    VerificationStore,
)
from proofing.contracts.verifications import Mode
from proofing.verifications.endpoints import condition


async def endpoints(options: argparse.Namespace) -> int:
    """Print one line for each endpoint of the settings, and those that are remembered besides."""
    async with _store() as (configuration, store):
        states = {(one.relying_party, one.mode, one.endpoint): one for one in await store.endpoint_states()}
        due_at, now = await store.next_delivery_at(), store.now()
        signed = {
            (one.relying_party, one.mode, *one.scopes)
            for one in await store.credentials(kind=CredentialKind.WEBHOOK_SECRET)
            if one.retire_at is None or now < one.retire_at
        }
    for party, settings in configuration.settings.relying_parties.items():
        for name, webhook in settings.webhooks.items():
            mode = Mode(webhook.mode)
            fresh = EndpointState(relying_party=party, mode=mode, endpoint=name)
            states.setdefault((party, mode, name), fresh)
    oldest = 0.0 if due_at is None else max(0.0, now - due_at)
    found = [states[place] for place in sorted(states)]
    if options.json:
        print(
            json.dumps(
                {
                    "oldest_due_seconds": oldest,
                    "endpoints": [_endpoint_facts(one, now, signed) for one in found],
                }
            )
        )
        return 0
    for one in found:
        facts = _endpoint_facts(one, now, signed)
        print(
            f"{one.relying_party:<24} {one.endpoint:<16} {one.mode:<5} {facts['state']:<9} "
            f"{one.disabled_reason or '-':<8} "
            f"failures {one.failures:>5}  since {facts['failing_since'] or '-'}"
            f"{'' if facts['has_secret'] else '  no secret: its events are not sent'}"
        )
    print(f"oldest due delivery: {oldest:.1f} s")
    return 0


async def list_deliveries(options: argparse.Namespace) -> int:
    """Print one line for each delivery, newest first."""
    state = None if options.state is None else DeliveryState(options.state)
    async with _store() as (_configuration, store):
        found = await store.deliveries(
            relying_party=options.name, state=state, event_id=options.event, limit=options.limit
        )
    if options.json:
        print(json.dumps([_facts(one) for one in found]))
        return 0
    if not found:
        # Not among the lines, which a script may count.
        print("no deliveries", file=sys.stderr)
    for one in found:
        event = one.event
        print(
            f"{event.id}  {event.type:<28} {event.relying_party}/{one.endpoint} {event.mode}  {one.state:<9} "
            f"attempts {one.attempts:>2}  {'due' if one.state is DeliveryState.DUE else 'ended'} "
            f"{utc_time(one.next_at)}  status {one.status or '-'}  {one.failure or ''}".rstrip()
        )
    return 0


async def replay(options: argparse.Namespace) -> int:
    """Make deliveries due now that have ended; they keep their ids."""
    async with _store() as (configuration, store):
        if not knows(configuration.settings, options.name, options.endpoint):
            return exits.NOT_FOUND
        count = await store.replay_deliveries(
            relying_party=options.name,
            endpoint=options.endpoint,
            event_id=options.event,
            state=DeliveryState(options.state),
            since=options.since.timestamp() if options.since else 0.0,
        )
    print(json.dumps({"replayed": count}) if options.json else f"{count} deliveries are due now")
    return 0


async def enable(options: argparse.Namespace) -> int:
    """Let an endpoint get events again: it is neither disabled nor paused, and its failures are forgotten."""
    async with _store() as (configuration, store):
        if not knows(configuration.settings, options.name, options.endpoint):
            return exits.NOT_FOUND
        mode = Mode(configuration.settings.relying_parties[options.name].webhooks[options.endpoint].mode)
        await store.set_endpoint(
            EndpointState(relying_party=options.name, mode=mode, endpoint=options.endpoint)
        )
    if options.json:
        print(json.dumps({"relying_party": options.name, "endpoint": options.endpoint, "enabled": True}))
    else:
        print(f"{options.endpoint} of {options.name} gets events again")
    return 0


@asynccontextmanager
async def _store() -> AsyncIterator[tuple[Configuration, VerificationStore]]:
    """Give the settings and their open verification store, and nothing else that they name."""
    async with open_backends("deliveries", "verification_store") as (configuration, backends):
        yield configuration, backends.verifications


def _endpoint_facts(
    state: EndpointState, now: float, signed: Collection[tuple[str, ...]]
) -> Mapping[str, Any]:
    """Return what is printed of an endpoint; *signed* are those that have a secret."""
    return {
        "relying_party": state.relying_party,
        "endpoint": state.endpoint,
        "mode": state.mode.value,
        "state": condition(state, now=now).value,
        "reason": state.disabled_reason,
        "has_secret": (state.relying_party, state.mode, state.endpoint) in signed,
        "failures": state.failures,
        "failing_since": None if state.failing_since is None else utc_time(state.failing_since),
        "paused_until": None if state.paused_until is None else utc_time(state.paused_until),
    }


def _facts(delivery: Delivery) -> Mapping[str, Any]:
    """Return what is printed of a delivery."""
    event = delivery.event
    return {
        "event": event.id,
        "type": event.type.value,
        "relying_party": event.relying_party,
        "mode": event.mode.value,
        "verification": event.verification_id,
        "endpoint": delivery.endpoint,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "created_at": utc_time(event.created_at),
        "next_at": utc_time(delivery.next_at),
        "status": delivery.status,
        "failure": delivery.failure,
    }
