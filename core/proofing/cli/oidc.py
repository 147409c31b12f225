"""`proofing oidc`: the keys that sign ID tokens. Private parts are never printed."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from proofing.bootstrap import make_signing_keys
from proofing.cli.stores import open_backends
from proofing.contracts.verification_store import Credential
from proofing.verifications.signing_keys import ALGORITHMS, SigningKeys


async def list_keys(options: argparse.Namespace) -> int:
    """Print each key that is published."""
    async with _signing_keys() as keys:
        found = await keys.published()
    if not found and not options.json:
        said = "no key yet: web makes the first ones when a client needs them; in production"
        print(f"{said} it may not: run proofing oidc rotate-key", file=sys.stderr)
    _print(options, found)
    return 0


async def rotate_key(options: argparse.Namespace) -> int:
    """Make new keys, and print them."""
    algorithms = ALGORITHMS if options.algorithm is None else (options.algorithm,)
    async with _signing_keys() as keys:
        made = [await keys.rotate(algorithm, is_leaked=options.leaked) for algorithm in algorithms]
    _print(options, made)
    return 0


def _print(options: argparse.Namespace, keys: Sequence[Credential]) -> None:
    if options.json:
        print(json.dumps([_plain(one) for one in keys]))
        return
    for one in map(_plain, keys):
        retired = f"retired {one['retire_at']}" if one["retire_at"] else ""
        print(f"{one['algorithm']}  {one['kid']}  signs from {one['signs_from']}  {retired}".rstrip())


def _plain(key: Credential) -> dict[str, Any]:
    """Return what may be shown of a key."""
    return {
        "kid": key.id,
        "algorithm": key.scopes[0],
        "signs_from": _time(key.usable_at),
        "retire_at": None if key.retire_at is None else _time(key.retire_at),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


@asynccontextmanager
async def _signing_keys() -> AsyncIterator[SigningKeys]:
    """Give the keys in the verification store of the settings; the key service opens with it."""
    async with open_backends("oidc", "key_service", "verification_store") as (configuration, backends):
        yield make_signing_keys(configuration, backends)
