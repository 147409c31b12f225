"""The keys that sign ID tokens: made, published before they are used, rotated, retired.

A key is in the verification store: its private part sealed, its public part as a JWK, its id the thumbprint
of RFC 7638. So all hosts sign with the same keys. A client may keep what the provider publishes for a day;
therefore a new key signs nothing on its first day, and an old one is published for one more.
"""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from proofing.base.errors import EncryptionError, StoreError, StoreUnavailableError, Trouble
from proofing.base.logs import exception_fields, get_logger, log
from proofing.contracts.verification_store import Credential, CredentialKind, VerificationStore
from proofing.contracts.verifications import Mode
from proofing.crypto.contexts import credential_context
from proofing.crypto.encryption import Sealer

_logger = get_logger(__name__)

ALGORITHMS: Final = ("ES256", "RS256")
#: How long a key is published before it signs, and how long after.
PUBLISHED_BEFORE_SECONDS: Final = 24 * 3600.0
PUBLISHED_AFTER_SECONDS: Final = 24 * 3600.0
_RSA_BITS: Final = 2048
_COORDINATE_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SigningKey:
    """A key with its private part.

    Attributes:
        id: its ``kid``.
        private_key: PEM (PKCS #8).
    """

    id: str
    algorithm: str
    private_key: bytes


class SigningKeys:
    """Finds and makes signing keys. One instance a process."""

    def __init__(self, store: VerificationStore, sealer: Sealer) -> None:
        """Keep them in *store*, sealed by *sealer*."""
        self._store = store
        self._sealer = sealer
        self._opened: dict[str, SigningKey] = {}
        self._making = asyncio.Lock()

    async def published(self) -> list[Credential]:
        """Return all keys that are not retired, oldest first."""
        now = self._store.now()
        found = await self._store.credentials(relying_party="", kind=CredentialKind.SIGNING_KEY)
        return [one for one in found if one.retire_at is None or now < one.retire_at]

    async def jwks(self) -> dict[str, Any]:
        """Return the published keys as a JWK set, with one for each algorithm at least."""
        found = await self.published()
        if missing := _missing(found, self._store.now()):
            for algorithm in missing:
                await self._current(algorithm)
            found = await self.published()
        return {"keys": [json.loads(one.public) for one in found]}

    async def missing(self) -> list[str]:
        """Return the algorithms with which no key signs now."""
        return _missing(await self.published(), self._store.now())

    async def signing_key(self, algorithm: str) -> SigningKey:
        """Return the key that signs with *algorithm* now; the first one is made here.

        Raises:
            StoreUnavailableError: it is not known, or cannot be opened.
        """
        current = await self._current(algorithm)
        known = self._opened.get(current.id)
        if known is None:
            private_key = await self._open(current)
            known = SigningKey(id=current.id, algorithm=algorithm, private_key=private_key)
            self._opened[current.id] = known
        return known

    async def _open(self, key: Credential) -> bytes:
        """Return the private part of *key*."""
        try:
            return await self._sealer.open(key.sealed, credential_context(key.id))
        except EncryptionError:
            log(_logger, "signing_key_not_opened", level=logging.ERROR, key_id=key.id)
            raise StoreUnavailableError(
                "the key that signs was sealed under a removed key: run proofing oidc rotate-key --leaked"
            ) from None

    async def rotate(self, algorithm: str, *, is_leaked: bool = False) -> Credential:
        """Make the successor of all keys of *algorithm*, and return it.

        It signs after a day, and they retire a day later. Without a key that signs now, it signs at once.

        Args:
            algorithm: one of `ALGORITHMS`.
            is_leaked: whether others know the keys before: then all of that happens now, and clients refuse
                tokens until they have fetched the new key.
        """
        before = [one for one in await self.published() if algorithm in one.scopes]
        now = self._store.now()
        is_early = is_leaked or _current_of(before, algorithm, now) is None
        made = await self._make(algorithm, usable_at=now if is_early else now + PUBLISHED_BEFORE_SECONDS)
        for one in before:
            if is_leaked:
                await self._store.retire_credential(one.id, at=now)
            elif one.retire_at is None:
                await self._store.retire_credential(one.id, at=made.usable_at + PUBLISHED_AFTER_SECONDS)
        return made

    async def _current(self, algorithm: str) -> Credential:
        """Return the key that signs now. Hosts that make the first one at once agree on the later one."""
        found = _current_of(await self.published(), algorithm, self._store.now())
        if found is not None:
            return found
        async with self._making:
            found = _current_of(await self.published(), algorithm, self._store.now())
            if found is None:
                await self._make_first(algorithm)
                # What other hosts made meanwhile counts, too.
                found = _current_of(await self.published(), algorithm, self._store.now())
            if found is None:
                raise RuntimeError("a signing key that was just kept is not found")
            return found

    async def _make_first(self, algorithm: str) -> None:
        """Make the first key, where this process may: in production an operator does."""
        try:
            await self._make(algorithm, usable_at=self._store.now())
        except StoreError as error:
            log(
                _logger,
                "signing_key_not_made",
                level=logging.ERROR,
                kind=algorithm,
                **exception_fields(error),
            )
            raise StoreUnavailableError(
                "there is no signing key, and this process may make none: run proofing oidc rotate-key",
                trouble=error.trouble if isinstance(error, StoreUnavailableError) else Trouble.PERMISSION,
            ) from None

    async def _make(self, algorithm: str, *, usable_at: float) -> Credential:
        """Make and keep a key."""
        private_key, jwk = await asyncio.to_thread(_generate, algorithm)
        made = Credential(
            id=jwk["kid"],
            relying_party="",
            mode=Mode.LIVE,
            kind=CredentialKind.SIGNING_KEY,
            sealed=await self._sealer.seal(private_key, credential_context(jwk["kid"])),
            public=json.dumps(jwk, separators=(",", ":")),
            scopes=(algorithm,),
            created_at=self._store.now(),
            usable_at=usable_at,
        )
        await self._store.add_credential(made)
        return made


def _current_of(keys: Sequence[Credential], algorithm: str, now: float) -> Credential | None:
    """Return which of *keys* signs: the one that became usable last."""
    usable = [one for one in keys if algorithm in one.scopes and one.usable_at <= now]
    return max(usable, key=lambda one: (one.usable_at, one.id), default=None)


def _missing(keys: Sequence[Credential], now: float) -> list[str]:
    """Return the algorithms with which none of *keys* signs."""
    return [name for name in ALGORITHMS if _current_of(keys, name, now) is None]


def _generate(algorithm: str) -> tuple[bytes, dict[str, str]]:
    """Return a new private key in PEM, and its public part as a JWK."""
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if algorithm == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
        point = private.public_key().public_numbers()
        members = {
            "crv": "P-256",
            "kty": "EC",
            "x": _base64url(point.x.to_bytes(_COORDINATE_BYTES)),
            "y": _base64url(point.y.to_bytes(_COORDINATE_BYTES)),
        }
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        numbers = private.public_key().public_numbers()
        members = {
            "e": _base64url(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8)),
            "kty": "RSA",
            "n": _base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
        }
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, {**members, "alg": algorithm, "kid": thumbprint(members), "use": "sig"}


def thumbprint(members: dict[str, str]) -> str:
    """Return the thumbprint of a key by its required *members* alone. RFC 7638."""
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(text.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
