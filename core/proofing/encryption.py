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
import hashlib
import hmac
import json
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proofing.errors import EncryptionError
from proofing.images import Side
from proofing.logs import get_logger, log
from proofing.stores import DataKey, KeyService

_logger = get_logger("proofing.encryption")

KEY_BYTES = 32
IV_BYTES = 12  # 96 bits, SP 800-38D 5.2.1.1
TAG_BYTES = 16
MESSAGE_ID_BYTES = 32
COMMITMENT_BYTES = 32

_MAGIC = b"PRF2"
_KEY_ID_BYTES = 8
#: Unwrapped data keys kept for reading; more than the distinct keys in use within their life.
_UNWRAPPED_KEYS = 256
#: The next data key is made when this share of the uses or the time of the one in use is left.
_LOW_SHARE = 0.2
#: Above this, decrypting takes long enough to be worth a thread.
_THREAD_BYTES = 256 * 1024


class Purpose(StrEnum):
    """What a message is for. Each purpose has keys of its own."""

    #: A job's arguments.
    ARGUMENTS = "args"
    #: A job's result.
    RESULT = "result"
    #: A person's session.
    SESSION = "session"


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

    A data key may serve several messages, within bounds, so that a job does not cost a key service call for
    each of its messages; every message still has a key of its own, derived with its random id. Before one
    has reached its bounds the next is made beside it, so that a person does not wait for the key service.
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
        self._service = key_service
        self._keys = keys
        self._environment = environment
        self._max_messages = data_key_max_messages
        self._max_seconds = data_key_max_seconds
        self._sealing: dict[Purpose, _KeyInUse] = {}
        self._locks = {purpose: asyncio.Lock() for purpose in Purpose}
        self._renewals: dict[Purpose, asyncio.Task[None]] = {}
        self._unwrapped: OrderedDict[tuple[str, bytes], tuple[bytes, float]] = OrderedDict()

    async def seal(self, plaintext: bytes, context: SealContext) -> bytes:
        """Return *plaintext* sealed for *context*.

        Raises:
            StoreUnavailableError: the key service does not answer.
        """
        data_key = await self._sealing_key(context.purpose)
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
        data_key = await self._unwrap(parts, context.purpose)
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

    def _service_context(self, purpose: Purpose) -> dict[str, str]:
        """Return the key service's encryption context: what may show in its audit trail."""
        return {"app": "proofing", "environment": self._environment, "purpose": purpose.value}

    async def _sealing_key(self, purpose: Purpose) -> DataKey:
        """Return a data key with a use left, made by one call however many wait for it.

        Raises:
            StoreUnavailableError: the key service does not answer.
        """
        async with self._locks[purpose]:
            in_use = self._sealing.get(purpose)
            if in_use is None or in_use.is_spent:
                # Shielded: who stops waiting must not stop the call that others wait for.
                await asyncio.shield(self._renewal(purpose))
            elif in_use.is_running_low:
                self._renewal(purpose)
            in_use = self._sealing[purpose]
            in_use.uses_left -= 1
            return in_use.key

    def _renewal(self, purpose: Purpose) -> "asyncio.Task[None]":
        """Return the one task that makes the next key for *purpose*."""
        task = self._renewals.get(purpose)
        if task is None:
            task = self._renewals[purpose] = asyncio.create_task(self._renew(purpose))
            task.add_done_callback(lambda done: self._renewed(purpose, done))
        return task

    async def _renew(self, purpose: Purpose) -> None:
        """Make the next key for *purpose* and use it from now on."""
        key = await self._service.generate(self._service_context(purpose))
        log(_logger, "key_used", action="generate", key_id=key.key_id, context=purpose)
        self._sealing[purpose] = _KeyInUse.begin(key, self._max_messages, self._max_seconds)
        self._remember(purpose, key.wrapped, key.plaintext)

    def _renewed(self, purpose: Purpose, done: "asyncio.Task[None]") -> None:
        """Let the next renewal begin; a failure is met by whoever needs the key when the old one is spent."""
        del self._renewals[purpose]
        if not done.cancelled() and (error := done.exception()) is not None:
            log(_logger, "key_not_renewed", context=purpose, error=type(error).__name__)

    async def _unwrap(self, parts: "_Parts", purpose: Purpose) -> bytes:
        """Return the plain data key of a message, from memory while its life lasts."""
        kept = self._unwrapped.get((purpose, parts.wrapped))
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        plain = await self._service.unwrap(parts.wrapped, parts.key_id, self._service_context(purpose))
        log(_logger, "key_used", action="unwrap", key_id=parts.key_id, context=purpose)
        self._remember(purpose, parts.wrapped, plain)
        return plain

    def _remember(self, purpose: Purpose, wrapped: bytes, plain: bytes) -> None:
        """Keep an unwrapped key for reading, if keys may be reused at all."""
        if self._max_messages <= 1:
            return
        self._unwrapped[purpose, wrapped] = (plain, time.monotonic() + self._max_seconds)
        while len(self._unwrapped) > _UNWRAPPED_KEYS:
            self._unwrapped.popitem(last=False)


@dataclass(slots=True)
class _KeyInUse:
    """A data key that seals, with what is left of its bounds.

    Attributes:
        low_uses: so few uses left mean that the next key is due; 0 makes none beforehand.
        low_at: from then on the next key is due, in monotonic seconds.
        expires: from then on the key seals no more.
    """

    key: DataKey
    uses_left: int
    low_uses: int
    low_at: float
    expires: float

    @classmethod
    def begin(cls, key: DataKey, messages: int, seconds: float) -> Self:
        """Return *key* with all of its bounds before it."""
        now = time.monotonic()
        return cls(
            key=key,
            uses_left=messages,
            low_uses=int(messages * _LOW_SHARE),
            low_at=now + seconds * (1 - _LOW_SHARE),
            expires=now + seconds,
        )

    @property
    def is_spent(self) -> bool:
        """Whether it may seal no more."""
        return self.uses_left <= 0 or time.monotonic() >= self.expires

    @property
    def is_running_low(self) -> bool:
        """Whether the next key should be made, while this one still seals."""
        return self.low_uses > 0 and (self.uses_left <= self.low_uses or time.monotonic() >= self.low_at)


class KeyRing:
    """The application's own keys: one current, some old ones that still open and verify."""

    def __init__(self, current: bytes, old: Sequence[bytes] = ()) -> None:
        """Take *current* and *old* keys of 32 bytes each.

        Raises:
            EncryptionError: a key has another length.
        """
        if any(len(key) != KEY_BYTES for key in (current, *old)):
            raise EncryptionError("a key must have 32 bytes")
        self._current = current
        self._by_id = {_key_id(key): key for key in (*old, current)}
        self.current_id = _key_id(current)

    def current(self, label: str) -> bytes:
        """Return the 32-byte key that the current key derives for *label*."""
        return _subkey(self._current, label)

    def by_id(self, key_id: bytes, label: str) -> bytes:
        """Return the key for *label* that the key with *key_id* derives.

        Raises:
            EncryptionError: no such key.
        """
        key = self._by_id.get(key_id)
        if key is None:
            raise EncryptionError
        return _subkey(key, label)

    def sign(self, data: bytes, label: str) -> str:
        """Return a hex HMAC-SHA-256 over *data* under the current key for *label*."""
        return hmac.new(self.current(f"mac/{label}"), data, hashlib.sha256).hexdigest()

    def verify(self, data: bytes, mac: str, label: str) -> bool:
        """Tell whether *mac* is `sign`'s over *data*, under the current or an old key."""
        return any(
            hmac.compare_digest(
                hmac.new(_subkey(key, f"mac/{label}"), data, hashlib.sha256).hexdigest().encode(),
                mac.encode(),
            )
            for key in self._by_id.values()
        )

    def fingerprint(self, text: str) -> str:
        """Return the keyed fingerprint of *text* in lower-case hex, by which equals are found unread."""
        return hmac.new(self._current, text.encode(), hashlib.sha256).hexdigest()

    def fingerprints(self, text: str) -> list[str]:
        """Return the fingerprints of *text* under the current and every old key."""
        return [hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in self._by_id.values()]


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
