"""The one module that encrypts: messages sealed for a purpose, images from browsers, MACs, fingerprints.

A sealed message is AES-256-GCM under a key of the application (inner), inside AES-256-GCM under a data key
that the key service wrapped (outer). Both bind the whole context, so that a message moved to another job,
attempt or purpose does not open. Layout of a message, lengths in bytes::

    magic 4 | key id length 1, key id | wrapped length 2, wrapped | application key id 8
    | message id 32 | commitment 32 | IV 12 | ciphertext | tag 16

Everything before the ciphertext is the header, and part of the associated data. Encryption key and commitment
come from HKDF-SHA-512(data key, salt = message id); the commitment is compared in constant time before
anything is decrypted, which makes the message key-committing. Sources: NIST SP 800-38D (GCM, 96-bit IVs),
RFC 5869 (HKDF), RFC 2104 (HMAC); docs/adr/0003-sealed-messages.md.
"""

import asyncio
import functools
import hashlib
import hmac
import json
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proofing.base.errors import EncryptionError
from proofing.contracts.images import Side
from proofing.contracts.stores import KeyService
from proofing.crypto.data_keys import DataKeys, Purpose

KEY_BYTES = 32
IV_BYTES = 12  # 96 bits, SP 800-38D 5.2.1.1
TAG_BYTES = 16
MESSAGE_ID_BYTES = 32
COMMITMENT_BYTES = 32

_MAGIC = b"PRF2"
_KEY_ID_BYTES = 8
#: Derived application keys that a key ring keeps: one for each label and key, of which one a day is new.
_SUBKEYS = 64
#: Above this, decrypting takes long enough to be worth a thread.
_THREAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """What a message is bound to; opaque ids only.

    Attributes:
        purpose: what it is for.
        subject: whose it is: the owner reference of a job, or the key of a session.
        item: which one: the result id of a job; empty for a session.
    """

    purpose: Purpose
    subject: str
    item: str = ""


class Sealer:
    """Seals and opens messages with one application key ring and one key service.

    A data key may serve several messages, within bounds (see `proofing.crypto.data_keys`); every message
    still has a key of its own, derived with its random id.
    """

    def __init__(
        self,
        key_service: KeyService,
        keys: "KeyRing",
        *,
        environment: str,
        data_key_max_messages: int = 1,
        data_key_max_seconds: float = 60.0,
    ) -> None:
        """Seal with *keys*' current key; open with all of them.

        Args:
            key_service: wraps the data keys.
            keys: the application's own keys.
            environment: part of every context, so that nothing crosses environments.
            data_key_max_messages: how many messages one data key may seal.
            data_key_max_seconds: for how long.
        """
        self._keys = keys
        self._environment = environment
        self._data_keys = DataKeys(
            key_service,
            environment=environment,
            max_messages=data_key_max_messages,
            max_seconds=data_key_max_seconds,
        )

    async def seal(self, plaintext: bytes, context: SealContext) -> bytes:
        """Return *plaintext* sealed for *context*.

        Raises:
            StoreUnavailableError: the key service does not answer.
        """
        data_key = await self._data_keys.key_for_sealing(context.purpose)
        bound = self._bound(context)
        message_id = secrets.token_bytes(MESSAGE_ID_BYTES)
        key, commitment = _derive(data_key.plaintext, message_id)
        key_id = data_key.key_id.encode()
        iv = secrets.token_bytes(IV_BYTES)
        header = b"".join(
            (
                _MAGIC,
                struct.pack(">B", len(key_id)),
                key_id,
                struct.pack(">H", len(data_key.wrapped)),
                data_key.wrapped,
                self._keys.current_id,
                message_id,
                commitment,
                iv,
            )
        )
        inner = aead_seal(self._keys.current(f"seal/{context.purpose}"), plaintext, bound)
        return header + AESGCM(key).encrypt(iv, inner, header + bound)

    async def open(self, blob: bytes, context: SealContext) -> bytes:
        """Return what was sealed for exactly this *context*.

        Raises:
            EncryptionError: anything about the message is wrong.
            StoreUnavailableError: the key service does not answer.
        """
        parts = _parse(blob)
        bound = self._bound(context)
        data_key = await self._data_keys.key_for_opening(context.purpose, parts.wrapped, parts.key_id)
        key, commitment = _derive(data_key, parts.message_id)
        if not hmac.compare_digest(commitment, parts.commitment):
            raise EncryptionError
        application_key = self._keys.by_id(parts.application_key_id, f"seal/{context.purpose}")
        try:
            inner = AESGCM(key).decrypt(parts.iv, parts.ciphertext, parts.header + bound)
        except InvalidTag:
            raise EncryptionError from None
        return aead_open(application_key, inner, bound)

    def _bound(self, context: SealContext) -> bytes:
        """Return the canonical bytes of *context*."""
        return json.dumps(
            ["proofing", "v2", self._environment, context.purpose, context.subject, context.item],
            separators=(",", ":"),
        ).encode()


class KeyRing:
    """The application's own keys: one current, some old ones that still open and verify."""

    def __init__(self, current: bytes, old: Sequence[bytes] = ()) -> None:
        """Take *current* and *old* keys of 32 bytes each.

        Raises:
            EncryptionError: a key has another length.
        """
        if any(len(key) != KEY_BYTES for key in (current, *old)):
            raise EncryptionError("a key must have 32 bytes")
        self._subkey = functools.lru_cache(maxsize=_SUBKEYS)(_subkey)
        self._current = current
        self._by_id = {_key_id(key): key for key in (*old, current)}
        self.current_id = _key_id(current)

    def current(self, label: str) -> bytes:
        """Return the 32-byte key that the current key derives for *label*."""
        return self._subkey(self._current, label)

    def by_id(self, key_id: bytes, label: str) -> bytes:
        """Return the key for *label* that the key with *key_id* derives.

        Raises:
            EncryptionError: no such key.
        """
        key = self._by_id.get(key_id)
        if key is None:
            raise EncryptionError
        return self._subkey(key, label)

    def sign(self, data: bytes, label: str) -> str:
        """Return a hex HMAC-SHA-256 over *data* under the current key for *label*."""
        return hmac.new(self.current(f"mac/{label}"), data, hashlib.sha256).hexdigest()

    def verify(self, data: bytes, mac: str, label: str) -> bool:
        """Return whether *mac* is `sign`'s over *data*, under the current or an old key."""
        return any(
            hmac.compare_digest(known.encode(), mac.encode()) for known in self.signatures(data, label)
        )

    def signatures(self, data: bytes, label: str) -> list[str]:
        """Return what `sign` returns, under the current key first, then under each old one."""
        keys = reversed(self._by_id.values())
        return [hmac.new(self._subkey(key, f"mac/{label}"), data, hashlib.sha256).hexdigest() for key in keys]

    def fingerprint(self, text: str) -> str:
        """Return the keyed fingerprint of *text* in lower-case hex, by which equals are found unread."""
        return hmac.new(self._current, text.encode(), hashlib.sha256).hexdigest()


def aead_seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return a fresh IV, the ciphertext and the tag of *plaintext* under *key* (32 bytes)."""
    iv = secrets.token_bytes(IV_BYTES)
    return iv + AESGCM(key).encrypt(iv, plaintext, aad)


def aead_open(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """Return the plaintext of what `aead_seal` made.

    Raises:
        EncryptionError: *blob* was made with other bytes, another key or other associated data.
    """
    if len(blob) < IV_BYTES + TAG_BYTES or len(key) != KEY_BYTES:
        raise EncryptionError
    try:
        return AESGCM(key).decrypt(blob[:IV_BYTES], blob[IV_BYTES:], aad)
    except InvalidTag:
        raise EncryptionError from None


def seal_image(plaintext: bytes, key: bytes, iv: bytes, *, slot: str, side: Side) -> bytes:
    """Return *plaintext* as a browser encrypts it: ciphertext and tag, bound to *slot* and *side*."""
    _check_image_key(key, iv)
    return AESGCM(key).encrypt(iv, plaintext, image_aad(slot, side))


async def open_image(ciphertext: bytes, key: bytes, iv: bytes, *, slot: str, side: Side) -> bytes:
    """Return the image that a browser encrypted for *slot* and *side*; large ones in a thread.

    Raises:
        EncryptionError: tampered, swapped, wrong key or IV, or a key or IV of the wrong length.
    """
    _check_image_key(key, iv)
    if len(ciphertext) < TAG_BYTES:
        raise EncryptionError

    def decrypt() -> bytes:
        try:
            return AESGCM(key).decrypt(iv, ciphertext, image_aad(slot, side))
        except InvalidTag:
            raise EncryptionError from None

    if len(ciphertext) < _THREAD_BYTES:
        return decrypt()
    return await asyncio.to_thread(decrypt)


def image_aad(slot: str, side: Side) -> bytes:
    """Return the associated data of an image; the browser builds the same."""
    return f"v2|{slot}|{side.value}".encode()


def _check_image_key(key: bytes, iv: bytes) -> None:
    """Refuse keys and IVs of other lengths before any library sees them."""
    if len(key) != KEY_BYTES or len(iv) != IV_BYTES:
        raise EncryptionError


@dataclass(frozen=True, slots=True, repr=False)
class _Parts:
    """A message taken apart."""

    header: bytes
    key_id: str
    wrapped: bytes
    application_key_id: bytes
    message_id: bytes
    commitment: bytes
    iv: bytes
    ciphertext: bytes


def _parse(blob: bytes) -> _Parts:
    """Take *blob* apart without believing any of its lengths."""
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        piece = blob[position : position + count]
        if len(piece) != count:
            raise EncryptionError
        position += count
        return piece

    if take(len(_MAGIC)) != _MAGIC:
        raise EncryptionError
    try:
        key_id = take(take(1)[0]).decode()
    except UnicodeDecodeError:
        raise EncryptionError from None
    wrapped = take(struct.unpack(">H", take(2))[0])
    application_key_id = take(_KEY_ID_BYTES)
    message_id = take(MESSAGE_ID_BYTES)
    commitment = take(COMMITMENT_BYTES)
    iv = take(IV_BYTES)
    ciphertext = blob[position:]
    if len(ciphertext) < TAG_BYTES:
        raise EncryptionError
    return _Parts(
        blob[:position], key_id, wrapped, application_key_id, message_id, commitment, iv, ciphertext
    )


def _derive(data_key: bytes, message_id: bytes) -> tuple[bytes, bytes]:
    """Return encryption key and commitment of one message."""
    okm = HKDF(
        algorithm=SHA512(), length=KEY_BYTES + COMMITMENT_BYTES, salt=message_id, info=b"proofing/v2/message"
    ).derive(data_key)
    return okm[:KEY_BYTES], okm[KEY_BYTES:]


def _subkey(key: bytes, label: str) -> bytes:
    """Return the key that *key* derives for *label*."""
    return HKDF(algorithm=SHA512(), length=KEY_BYTES, salt=None, info=f"proofing/v2/{label}".encode()).derive(
        key
    )


def _key_id(key: bytes) -> bytes:
    """Return the public id of an application key."""
    return _subkey(key, "key-id")[:_KEY_ID_BYTES]


def canonical_context(context: Mapping[str, str]) -> bytes:
    """Return *context* as bytes with one spelling, for key services that bind it as associated data."""
    return json.dumps(dict(context), separators=(",", ":"), sort_keys=True).encode()
