"""Signatures of events: Standard Webhooks 1.0, ``v1`` (HMAC-SHA-256) and ``v1a`` (Ed25519).

A signature is over the id, the time and the stored bytes of the body, so that none of them can be exchanged.
While a secret is rotated, every live one signs. ``v1`` always comes first: several published verifiers read
no ``v1a``. docs/adr/0047, https://github.com/standard-webhooks/standard-webhooks.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: Of a new secret; the specification asks for 24 to 64.
SECRET_BYTES: Final = 32
_LEAST_SECRET_BYTES: Final = 24
_MOST_SECRET_BYTES: Final = 64
#: RFC 8032, section 5.1.5: the seed of a private key.
_SEED_BYTES: Final = 32


class KeyPrefix(StrEnum):
    """How the text of a key begins, so that none is used as another."""

    #: A secret that both sides know: signs and verifies ``v1``.
    SECRET = "whsec_"  # noqa: S105 - a prefix
    #: A private key: signs ``v1a``; it leaves the verification store only to sign.
    PRIVATE = "whsk_"
    #: A public key: verifies ``v1a``.
    PUBLIC = "whpk_"


@dataclass(frozen=True, repr=False)
class HMACKey:
    """A secret of an endpoint; signs as ``v1``.

    Attributes:
        secret: 24 to 64 bytes.
    """

    secret: bytes

    def sign(self, content: bytes) -> str:
        """Return one entry of the header ``webhook-signature`` over *content*."""
        return f"v1,{_encoded(hmac.digest(self.secret, content, hashlib.sha256))}"


@dataclass(frozen=True, repr=False)
class Ed25519Key:
    """A private key of an endpoint; signs as ``v1a``.

    Attributes:
        seed: 32 bytes.
    """

    seed: bytes

    @cached_property
    def _private(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - 20 ms, few need it

        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public_text(self) -> str:
        """The public key as the relying party gets it: ``whpk_`` and base64."""
        return f"{KeyPrefix.PUBLIC}{_encoded(self._private.public_key().public_bytes_raw())}"

    def sign(self, content: bytes) -> str:
        """Return one entry of the header ``webhook-signature`` over *content*."""
        return f"v1a,{_encoded(self._private.sign(content))}"


SigningKey = HMACKey | Ed25519Key


def new_secret() -> str:
    """Return the text of a new secret: ``whsec_`` and base64 of 32 random bytes."""
    return f"{KeyPrefix.SECRET}{_encoded(secrets.token_bytes(SECRET_BYTES))}"


def new_private_key() -> str:
    """Return the text of a new private key: ``whsk_`` and base64 of its seed of 32 bytes."""
    return f"{KeyPrefix.PRIVATE}{_encoded(secrets.token_bytes(_SEED_BYTES))}"


def parse_signing_key(text: str) -> SigningKey:
    """Return the key that *text* holds.

    Raises:
        ValueError: it is no ``whsec_`` secret of 24 to 64 bytes and no ``whsk_`` key of 32. A public key,
            which everybody may know, signs nothing. The message never holds *text*.
    """
    if text.startswith(KeyPrefix.SECRET):
        secret = _decoded(text.removeprefix(KeyPrefix.SECRET))
        if not _LEAST_SECRET_BYTES <= len(secret) <= _MOST_SECRET_BYTES:
            raise ValueError("a webhook secret must have 24 to 64 bytes")
        return HMACKey(secret)
    if text.startswith(KeyPrefix.PRIVATE):
        seed = _decoded(text.removeprefix(KeyPrefix.PRIVATE))
        if len(seed) != _SEED_BYTES:
            raise ValueError("a private webhook key must have 32 bytes")
        return Ed25519Key(seed)
    raise ValueError("a webhook key that signs must begin with whsec_ or whsk_")


def signed_headers(
    keys: Sequence[SigningKey], message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the three headers of a signed event.

    Args:
        keys: all live ones; at least one secret, because many receivers verify ``v1`` only.
        message_id: of the event, without a dot; the same in each attempt.
        timestamp: seconds since the epoch, of this attempt.
        body: as it is sent.

    Raises:
        ValueError: *keys* hold no secret, or *message_id* holds a dot, which would blur what is signed.
    """
    if not any(isinstance(key, HMACKey) for key in keys):
        raise ValueError("an event needs at least one webhook secret")
    if not message_id or "." in message_id:
        raise ValueError("the id of an event must not be empty or hold a dot")
    content = f"{message_id}.{timestamp}.".encode() + body
    ordered = sorted(keys, key=lambda key: not isinstance(key, HMACKey))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(key.sign(content) for key in ordered),
    }


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key is not valid base64") from None
