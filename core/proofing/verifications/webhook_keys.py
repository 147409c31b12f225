"""Keys of endpoints: a secret and an Ed25519 key each, sealed in the verification store.

An operator's command makes and seals them; the process that delivers events opens them. An endpoint has its
own, so that one relying party, or one of its systems, can forge nothing for another. docs/adr/0047.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from proofing.contracts.verification_store import Credential, CredentialKind, VerificationStore
from proofing.contracts.verifications import Mode, new_id
from proofing.crypto.contexts import credential_context
from proofing.crypto.encryption import SealContext
from proofing.verifications.credentials import CredentialError
from proofing.verifications.signatures import (
    Ed25519Key,
    SigningKey,
    new_private_key,
    new_secret,
    parse_signing_key,
)

#: How long a process uses what it has read; then a rotation or retirement is in effect.
CACHE_SECONDS: Final = 5.0
_KINDS: Final = (CredentialKind.WEBHOOK_SECRET, CredentialKind.WEBHOOK_KEY)


class _Seals(Protocol):
    async def seal(self, plaintext: bytes, context: SealContext) -> bytes: ...
    async def open(self, sealed: bytes, context: SealContext) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewKeys:
    """The keys of an endpoint that were made just now, to be shown once.

    Attributes:
        secret: ``whsec_…``; verifies ``v1``.
        public: ``whpk_…``; verifies ``v1a``. Not secret.
        ids: of both.
    """

    secret: str
    public: str
    ids: tuple[str, str]


class WebhookKeys:
    """Makes the keys of endpoints, and reads them for signing. One instance a process."""

    def __init__(self, store: VerificationStore, sealer: _Seals) -> None:
        """Keep keys in *store*, sealed by *sealer*."""
        self._store = store
        self._sealer = sealer
        self._cached: dict[str, _PartyKeys] = {}

    async def usable(self, relying_party: str, mode: Mode, endpoint: str) -> list[Credential]:
        """Return the keys that sign now, oldest first."""
        return _usable(await self._stored(relying_party), mode, endpoint, now=self._store.now())

    async def add(self, relying_party: str, mode: Mode, endpoint: str, *, alongside: bool = False) -> NewKeys:
        """Make the first keys of an endpoint, or further ones *alongside* those that it has.

        Raises:
            CredentialError: it has usable ones.
            StoreUnavailableError: nothing was made, or one key of the two: then rotate.
        """
        if not alongside and await self.usable(relying_party, mode, endpoint):
            raise CredentialError(f"{endpoint} of {relying_party} has keys: rotate them")
        return await self._add(relying_party, mode, endpoint)

    async def rotate(
        self, relying_party: str, mode: Mode, endpoint: str, *, overlap_seconds: float
    ) -> NewKeys:
        """Make new keys; the old ones sign alongside them for *overlap_seconds*.

        Raises:
            CredentialError: there is none, or the rotation before has not ended.
        """
        usable = await self.usable(relying_party, mode, endpoint)
        if not usable:
            raise CredentialError(f"{endpoint} of {relying_party} has no keys: add them")
        if any(one.retire_at is not None for one in usable):
            raise CredentialError(
                f"{endpoint} of {relying_party} is being rotated: wait until the old keys end, or retire them"
            )
        made = await self._add(relying_party, mode, endpoint)
        for old in usable:
            await self._store.retire_credential(old.id, at=self._store.now() + overlap_seconds)
        return made

    async def retire(self, relying_party: str, credential_id: str) -> bool:
        """Have a key sign nothing from now on; False when the relying party has no such key."""
        found = await self._store.credential(credential_id)
        if found is None or found.kind not in _KINDS or found.relying_party != relying_party:
            return False
        return await self._store.retire_credential(credential_id, at=self._store.now())

    async def signing_keys(self, relying_party: str, mode: Mode, endpoint: str) -> Sequence[SigningKey]:
        """Return the keys that sign the events of an endpoint.

        Raises:
            StoreUnavailableError: the store or the key service does not answer.
            EncryptionError: a key was not sealed by us, or for something else.
        """
        party = self._cached.setdefault(relying_party, _PartyKeys())
        # One read for all endpoints of a relying party, however many attempts begin now.
        async with party.lock:
            if time.monotonic() >= party.until:
                party.stored = await self._stored(relying_party)
                party.until = time.monotonic() + CACHE_SECONDS
                known = {one.id for one in party.stored}
                party.opened = {one: key for one, key in party.opened.items() if one in known}
            usable = _usable(party.stored, mode, endpoint, now=self._store.now())
        return [await self._open(party, one) for one in usable]

    async def _stored(self, relying_party: str) -> list[Credential]:
        """Return all keys of the endpoints of a relying party, secrets first."""
        return [
            one
            for kind in _KINDS
            for one in await self._store.credentials(relying_party=relying_party, kind=kind)
        ]

    async def _open(self, party: "_PartyKeys", credential: Credential) -> SigningKey:
        """Return the key of *credential*, which is opened once: a key does not change."""
        found = party.opened.get(credential.id)
        if found is None:
            text = await self._sealer.open(credential.sealed, credential_context(credential.id))
            found = party.opened[credential.id] = parse_signing_key(text.decode())
        return found

    async def _add(self, relying_party: str, mode: Mode, endpoint: str) -> NewKeys:
        """Make and keep a secret and a private key."""
        secret, private = new_secret(), new_private_key()
        key = parse_signing_key(private)
        public = key.public_text if isinstance(key, Ed25519Key) else ""
        ids = (
            await self._keep(CredentialKind.WEBHOOK_SECRET, relying_party, mode, endpoint, text=secret),
            await self._keep(
                CredentialKind.WEBHOOK_KEY, relying_party, mode, endpoint, text=private, public=public
            ),
        )
        return NewKeys(secret=secret, public=public, ids=ids)

    async def _keep(
        self,
        kind: CredentialKind,
        relying_party: str,
        mode: Mode,
        endpoint: str,
        *,
        text: str,
        public: str = "",
    ) -> str:
        """Seal and keep a key that is usable now; return its id."""
        credential_id, now = new_id("key"), self._store.now()
        await self._store.add_credential(
            Credential(
                id=credential_id,
                relying_party=relying_party,
                mode=mode,
                kind=kind,
                prefix=text.partition("_")[0] + "_",
                sealed=await self._sealer.seal(text.encode(), credential_context(credential_id)),
                public=public,
                scopes=(endpoint,),
                created_at=now,
                usable_at=now,
            )
        )
        return credential_id


@dataclass(slots=True)
class _PartyKeys:
    """What a process has read of one relying party.

    Attributes:
        until: `time.monotonic` instant until which `stored` is used.
        opened: the keys that were opened, by id.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = 0.0
    stored: Sequence[Credential] = ()
    opened: dict[str, SigningKey] = field(default_factory=dict)


def _usable(stored: Sequence[Credential], mode: Mode, endpoint: str, *, now: float) -> list[Credential]:
    """Return those of *stored* that sign the events of an endpoint at *now*, in epoch seconds."""
    return [
        one
        for one in stored
        if one.mode is mode
        and one.scopes == (endpoint,)
        and one.usable_at <= now
        and (one.retire_at is None or now < one.retire_at)
    ]
