"""`proofing relying-party`: makes, rotates, lists and retires the API keys of relying parties.

A key is printed when it is made, and never again: the store has a digest alone.
"""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from proofing.bootstrap import make_credentials
from proofing.cli import exits
from proofing.cli.parties import knows, utc_time
from proofing.cli.stores import open_backends
from proofing.contracts.verification_store import Credential, CredentialKind, VerificationStore
from proofing.contracts.verifications import Mode
from proofing.settings import Settings
from proofing.verifications.credentials import DEFAULT_SCOPES, CredentialError, Credentials, NewCredential

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Office:
    """What the commands work with."""

    settings: Settings
    store: VerificationStore
    credentials: Credentials


async def add(options: argparse.Namespace) -> int:
    """Make a key, and print it once."""
    kind = CredentialKind(options.kind)
    scopes = _scopes(options.scopes) if kind is CredentialKind.API_KEY else ()
    async with _office() as office:
        if not knows(office.settings, options.name):
            return exits.NOT_FOUND
        try:
            made = await office.credentials.add(options.name, Mode(options.mode), kind=kind, scopes=scopes)
        except CredentialError as error:
            print(f"proofing: {error}", file=sys.stderr)
            return 1
    _print_made(options, [made])
    return 0


async def rotate(options: argparse.Namespace) -> int:
    """Make a successor of each usable key; the old ones end after the overlap."""
    async with _office() as office:
        if not knows(office.settings, options.name):
            return exits.NOT_FOUND
        try:
            made = await office.credentials.rotate(
                options.name,
                Mode(options.mode),
                kind=CredentialKind(options.kind),
                overlap_seconds=options.overlap_hours * _HOUR_SECONDS,
            )
        except CredentialError as error:
            print(f"proofing: {error}", file=sys.stderr)
            return 1
    _print_made(options, made)
    if not options.json:
        print(f"The keys before are accepted for {options.overlap_hours} more hours.")
    return 0


async def retire(options: argparse.Namespace) -> int:
    """Have a key be refused from now on, on every host."""
    async with _office() as office:
        is_retired = await office.credentials.retire(options.key)
    if not is_retired:
        print(f"no key has the id {options.key}: see proofing relying-party list", file=sys.stderr)
        return exits.NOT_FOUND
    print(json.dumps({"id": options.key, "retired": True}) if options.json else f"{options.key} is retired")
    return 0


async def list_all(options: argparse.Namespace) -> int:
    """Print each relying party of the settings, and the keys that were made; no secret."""
    async with _office() as office:
        found = [
            one
            for kind in (CredentialKind.API_KEY, CredentialKind.CLIENT_SECRET)
            for one in await office.store.credentials(kind=kind)
        ]
        names = dict.fromkeys([*office.settings.relying_parties, *(one.relying_party for one in found)])
        now = office.store.now()
    if options.json:
        keys = [_plain(one, now) for one in found]
        print(json.dumps([{"name": name, "keys": _of(keys, name)} for name in names]))
        return 0
    if not names:
        print("no relying parties: the settings name none in relying_parties", file=sys.stderr)
    for name in names:
        print(name if name in office.settings.relying_parties else f"{name} (not in the settings)")
        for one in found:
            if one.relying_party == name:
                print(f"  {_line(one, now)}")
    return 0


@asynccontextmanager
async def _office() -> AsyncIterator[_Office]:
    """Give the open verification store of the settings, and nothing else that they name."""
    async with open_backends("relying-party", "verification_store") as (configuration, backends):
        store = backends.verifications
        yield _Office(
            settings=configuration.settings,
            store=store,
            credentials=make_credentials(configuration, store),
        )


def _scopes(text: str | None) -> tuple[str, ...]:
    return DEFAULT_SCOPES if text is None else tuple(dict.fromkeys(text.split(",")))


def _print_made(options: argparse.Namespace, made: Sequence[NewCredential]) -> None:
    """Print keys that were made just now. This is the only time."""
    if options.json:
        found = [
            {"id": one.credential.id, "scopes": list(one.credential.scopes), "key": one.token} for one in made
        ]
        print(json.dumps(found))
        return
    for one in made:
        print(f"id     {one.credential.id}")
        if one.credential.scopes:
            print(f"scopes {', '.join(one.credential.scopes)}")
        print(f"key    {one.token}")
    print("Keep the key now: it is not shown again.")


def _plain(one: Credential, now: float) -> dict[str, Any]:
    """Return what may be known of a key."""
    return {
        "id": one.id,
        "relying_party": one.relying_party,
        "kind": one.kind.value,
        "mode": one.mode.value,
        "begins": one.prefix,
        "scopes": list(one.scopes),
        "state": _state(one, now),
        "created_at": _time(one.created_at),
        "last_used_at": _time(one.last_used_at),
        "retire_at": _time(one.retire_at),
    }


def _of(keys: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [key for key in keys if key["relying_party"] == name]


def _line(one: Credential, now: float) -> str:
    """Return one line about a key."""
    used = "never used" if one.last_used_at is None else f"used {_time(one.last_used_at)}"
    scopes = ",".join(one.scopes) or one.kind.value
    return f"{one.id}  {one.prefix}…  {_state(one, now):<8} {used}  {scopes}"


def _state(one: Credential, now: float) -> str:
    if one.retire_at is None:
        return "usable"
    return "retired" if one.retire_at <= now else "ending"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else utc_time(seconds)
