"""`proofing relying-party webhook-secret`: makes, rotates, lists and retires the keys that sign events.

A secret is printed when it is made, and never again; private keys never are.
"""

import argparse
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proofing.bootstrap import make_sealer
from proofing.cli import exits
from proofing.cli.parties import knows, utc_time
from proofing.cli.stores import open_backends
from proofing.contracts.verification_store import CredentialKind
from proofing.contracts.verifications import Mode
from proofing.settings import Settings
from proofing.verifications.credentials import CredentialError
from proofing.verifications.webhook_keys import NewKeys, WebhookKeys

_HOUR_SECONDS = 3600.0


async def add(options: argparse.Namespace) -> int:
    """Make the keys of an endpoint, and print what its relying party needs."""
    async with _keys() as (settings, keys):
        mode = _mode(settings, options)
        if mode is None:
            return exits.NOT_FOUND
        try:
            made = await keys.add(options.name, mode, options.endpoint)
        except CredentialError as error:
            print(f"proofing: {error}", file=sys.stderr)
            return 1
    _print(options, made)
    return 0


async def rotate(options: argparse.Namespace) -> int:
    """Make new keys of an endpoint; the old ones sign alongside them until the overlap ends."""
    async with _keys() as (settings, keys):
        mode = _mode(settings, options)
        if mode is None:
            return exits.NOT_FOUND
        try:
            made = await keys.rotate(
                options.name, mode, options.endpoint, overlap_seconds=options.overlap_hours * _HOUR_SECONDS
            )
        except CredentialError as error:
            print(f"proofing: {error}", file=sys.stderr)
            return 1
    _print(options, made)
    if not options.json:
        print(f"The old keys sign alongside these for {options.overlap_hours} hours.")
    return 0


async def list_keys(options: argparse.Namespace) -> int:
    """Print the keys of each endpoint that sign now; no secret."""
    async with _keys() as (settings, keys):
        if not knows(settings, options.name):
            return exits.NOT_FOUND
        found = [
            one
            for name, webhook in settings.relying_parties[options.name].webhooks.items()
            for one in await keys.usable(options.name, Mode(webhook.mode), name)
        ]
    facts = [
        {
            "id": one.id,
            "endpoint": one.scopes[0],
            "mode": one.mode.value,
            "kind": "secret" if one.kind is CredentialKind.WEBHOOK_SECRET else "key",
            "public": one.public or None,
            "created_at": utc_time(one.created_at),
            "retire_at": None if one.retire_at is None else utc_time(one.retire_at),
        }
        for one in found
    ]
    if options.json:
        print(json.dumps(facts))
        return 0
    if not facts:
        print(f"{options.name} has no webhook secrets", file=sys.stderr)
    for one in facts:
        end = f"  ends {one['retire_at']}" if one["retire_at"] else ""
        print(
            f"{one['id']}  {one['endpoint']:<16} {one['mode']:<5} {one['kind']:<7} made {one['created_at']}"
            f"{end}  {one['public'] or ''}".rstrip()
        )
    return 0


async def retire(options: argparse.Namespace) -> int:
    """Have one key of an endpoint sign nothing from now on: its secret is known to others."""
    async with _keys() as (_settings, keys):
        is_retired = await keys.retire(options.name, options.id)
    if not is_retired:
        print(f"{options.name} has no webhook key {options.id}", file=sys.stderr)
        return exits.NOT_FOUND
    print(json.dumps({"id": options.id, "retired": True}) if options.json else f"{options.id} is retired")
    return 0


@asynccontextmanager
async def _keys() -> AsyncIterator[tuple[Settings, WebhookKeys]]:
    """Give the settings, and what makes keys, with the open verification store and key service."""
    async with open_backends("relying-party", "key_service", "verification_store") as (
        configuration,
        backends,
    ):
        sealer = make_sealer(configuration, backends)
        yield configuration.settings, WebhookKeys(backends.verifications, sealer)


def _mode(settings: Settings, options: argparse.Namespace) -> Mode | None:
    """Return the mode of the endpoint of *options*; None, and say so, where the settings name none."""
    if not knows(settings, options.name, options.endpoint):
        return None
    return Mode(settings.relying_parties[options.name].webhooks[options.endpoint].mode)


def _print(options: argparse.Namespace, made: NewKeys) -> None:
    """Print keys that were made just now. This is the only time."""
    if options.json:
        print(json.dumps({"secret": made.secret, "public": made.public, "ids": list(made.ids)}))
        return
    print(f"secret (verifies v1)      {made.secret}")
    print(f"public key (verifies v1a) {made.public}")
    print("Keep the secret now: it is not shown again.")
