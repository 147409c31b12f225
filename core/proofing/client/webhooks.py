"""Verification of the events that Proofing sends, for relying parties: Standard Webhooks 1.0.

Needs the standard library only; `cryptography` where a public key (``whpk_``) is used. Pass the body as it
arrived: JSON that was parsed and written again has other bytes, and no signature fits.

    verifier = WebhookVerifier("whsec_…")
    event = verifier.verify(request.headers, request.body)

An event may arrive more than once and not in order. Remember `WebhookEvent.id` for four days and skip what
was seen; skip an event whose ``data["sequence"]`` is lower than the last one of its verification.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: How far the time of an attempt may be from ours, either way.
TOLERANCE_SECONDS: Final = 300
#: Larger bodies are refused before anything is computed; events are below 20 KB.
MAX_BODY_BYTES: Final = 64 * 1024
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix
_PUBLIC_PREFIX: Final = "whpk_"
_SECRET_BYTES: Final = range(24, 65)
_PUBLIC_BYTES: Final = 32
#: More than two keys of two kinds each are never live; a longer list only costs time.
_MOST_SIGNATURES: Final = 16
_MOST_HEADER_CHARACTERS: Final = 4096
_ID = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class WebhookVerificationError(Exception):
    """A request is not an event from Proofing, or is too old. Answer 400 and do nothing else.

    Attributes:
        code: why, such as ``no_matching_signature``; no part of the request.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep *code*; *message* is for people."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """An event whose signature is right.

    Attributes:
        id: of the event; the same in each attempt to deliver it.
        attempted_at: when this attempt was signed, in seconds since the epoch.
        type: such as ``verification.verified``.
        timestamp: when it happened, ISO 8601.
        data: what happened; for verifications with ``id``, ``state`` and ``sequence``.
    """

    id: str
    attempted_at: int
    type: str
    timestamp: str
    data: Mapping[str, Any] = field(repr=False)


class WebhookVerifier:
    """Verifies events with the keys of one endpoint."""

    def __init__(
        self,
        keys: str | Iterable[str],
        *,
        now: Callable[[], float] = time.time,
        tolerance_seconds: int = TOLERANCE_SECONDS,
    ) -> None:
        """Read the keys.

        Args:
            keys: one key or several: secrets (``whsec_``), public keys (``whpk_``). While a secret is rotated
                both are given.
            now: the time, in seconds since the epoch.
            tolerance_seconds: how far the time of an attempt may be from ours; at most 300.

        Raises:
            ValueError: a key is malformed, or of a kind that does not verify; the message never holds it.
        """
        if not 1 <= tolerance_seconds <= TOLERANCE_SECONDS:
            raise ValueError("tolerance_seconds must be from 1 to 300")
        texts = (keys,) if isinstance(keys, str) else tuple(keys)
        if not texts:
            raise ValueError("at least one webhook secret or public key is needed")
        self._now = now
        self._tolerance = tolerance_seconds
        # By version of the signature. A public key must never become an HMAC secret: everybody may know it.
        self._verifiers: list[tuple[str, Callable[[bytes, bytes], bool]]] = [
            _verifier(text) for text in texts
        ]

    def verify(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Return the event of a request.

        Args:
            headers: of the request; names in any case.
            body: the bytes as they arrived.

        Raises:
            WebhookVerificationError: the request is not from Proofing, was changed, or is not of now.
        """
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise TypeError("body must be the bytes as they arrived, not text or parsed JSON")
        body = bytes(body)
        if len(body) > MAX_BODY_BYTES:
            raise WebhookVerificationError("body_too_large", "the body is larger than an event can be")
        message_id, timestamp, signatures = _read_headers(headers)
        if abs(self._now() - timestamp) > self._tolerance:
            raise WebhookVerificationError(
                "timestamp_out_of_tolerance", "the time of the attempt is too far from the time of this host"
            )
        content = f"{message_id}.{timestamp}.".encode() + body
        if not self._matches(content, signatures):
            raise WebhookVerificationError("no_matching_signature", "no signature fits the body and the keys")
        return _event(message_id, timestamp, body)

    def _matches(self, content: bytes, signatures: list[tuple[str, bytes]]) -> bool:
        """Return whether one of *signatures* is right; every pair is compared, so that none shows in time."""
        found = False
        for version, verify in self._verifiers:
            for wanted, signature in signatures:
                if wanted == version:
                    found |= verify(content, signature)
        return found


def _verifier(text: str) -> tuple[str, Callable[[bytes, bytes], bool]]:
    """Return the version of the signatures that the key *text* verifies, and what does so."""
    if text.startswith(_SECRET_PREFIX):
        secret = _key_bytes(text.removeprefix(_SECRET_PREFIX))
        if len(secret) not in _SECRET_BYTES:
            raise ValueError("a webhook secret must have 24 to 64 bytes")

        def verify_hmac(content: bytes, signature: bytes) -> bool:
            return hmac.compare_digest(hmac.digest(secret, content, hashlib.sha256), signature)

        return "v1", verify_hmac
    if text.startswith(_PUBLIC_PREFIX):
        raw = _key_bytes(text.removeprefix(_PUBLIC_PREFIX))
        if len(raw) != _PUBLIC_BYTES:
            raise ValueError("a public webhook key must have 32 bytes")
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - without a public key not needed
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - see above

        public = ed25519.Ed25519PublicKey.from_public_bytes(raw)

        def verify_ed25519(content: bytes, signature: bytes) -> bool:
            try:
                public.verify(signature, content)
            except InvalidSignature:
                return False
            return True

        return "v1a", verify_ed25519
    raise ValueError("a key that verifies webhooks must begin with whsec_ or whpk_; a private key stays home")


def _key_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the webhook key is not valid base64") from None


def _read_headers(headers: Mapping[str, str]) -> tuple[str, int, list[tuple[str, bytes]]]:
    """Return id, time and signatures. A header that comes twice is refused: nobody signs two ids."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower in _HEADERS:
            if lower in found:
                raise WebhookVerificationError("duplicate_header", f"the header {lower} is there twice")
            found[lower] = value
    for name in _HEADERS:
        if not found.get(name):
            raise WebhookVerificationError("missing_header", f"the header {name} is missing")
    message_id, timestamp, signatures = (found[name] for name in _HEADERS)
    if not _ID.fullmatch(message_id):
        raise WebhookVerificationError("invalid_id", "the header webhook-id is malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookVerificationError("invalid_timestamp", "the header webhook-timestamp is malformed")
    return message_id, int(timestamp), _signatures(signatures)


def _signatures(header: str) -> list[tuple[str, bytes]]:
    """Return version and bytes of each well-formed signature; others, of later versions, are skipped."""
    if len(header) > _MOST_HEADER_CHARACTERS:
        raise WebhookVerificationError("invalid_signature", "the header webhook-signature is too long")
    entries = header.split(" ")
    if len(entries) > _MOST_SIGNATURES:
        raise WebhookVerificationError(
            "invalid_signature", "the header webhook-signature has too many entries"
        )
    found = []
    for entry in entries:
        version, _, text = entry.partition(",")
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        # Several texts decode to the same bytes; only one of them was sent.
        if base64.b64encode(signature).decode() == text:
            found.append((version, signature))
    return found


def _event(message_id: str, timestamp: int, body: bytes) -> WebhookEvent:
    """Read a body that was verified."""
    try:
        payload = json.loads(body)
        return WebhookEvent(
            id=message_id,
            attempted_at=timestamp,
            type=payload["type"],
            timestamp=payload["timestamp"],
            data=payload["data"],
        )
    except (ValueError, KeyError, TypeError):
        raise WebhookVerificationError("invalid_body", "the body is signed, but is not an event") from None
