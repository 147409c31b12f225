"""The keys with which issuers sign: operated data, fetched and pinned by the operator. None is shipped.

A file is JSON: ``{"fetched": "2026-11-30T00:00:00Z", "document": …}``, with the issuer's DID document as it
was fetched. Of its keys those count that the document allows for assertions and that are P-256 keys in the
form Multikey. How to fetch and pin them: docs/howto/issuer-keys.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proofing.plugin.support import parse_json
from proofing_reader.multibase import NotDecodedError, decode_base58

#: Older keys should be fetched again: an issuer may have added or withdrawn one.
OLD_AFTER = timedelta(days=30)
#: Older keys verify nothing.
EXPIRED_AFTER = timedelta(days=180)
#: Multicodec of a P-256 public key, and the size of its compressed point.
_P256_PREFIX, _POINT_BYTES = b"\x80\x24", 33
#: The largest file of keys.
MAX_FILE_BYTES = 256 * 1024
_MAX_DEPTH = 8


class KeyAge(StrEnum):
    """How long ago keys were fetched."""

    #: At most thirty days.
    FRESH = "fresh"
    #: Longer: fetch them again.
    OLD = "old"
    #: More than 180 days, or in the future: nothing is verified with them.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The keys of one issuer.

    Attributes:
        did: who it is.
        keys: by method of verification, which is the DID and the name of the key.
        fetched: when, with its zone.
    """

    did: str
    keys: Mapping[str, ec.EllipticCurvePublicKey]
    fetched: datetime

    def age(self, now: datetime) -> KeyAge:
        """Return how old the keys are at the moment *now*, which must know its zone."""
        age = now - self.fetched
        if not -timedelta(days=1) <= age <= EXPIRED_AFTER:
            return KeyAge.EXPIRED
        return KeyAge.FRESH if age <= OLD_AFTER else KeyAge.OLD


def read_issuer_keys(content: bytes) -> IssuerKeys:
    """Return the keys in the file *content*.

    Raises:
        ValueError: it is not such a file, or has no key that could be used. The message says what to do.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ValueError("the file is larger than 256 KiB")
    file = parse_json(content, max_depth=_MAX_DEPTH)
    if not isinstance(file, dict) or file.keys() != {"fetched", "document"}:
        raise ValueError('the file must have the keys "fetched" and "document", and no other')
    try:
        fetched = datetime.fromisoformat(file["fetched"])
    except (TypeError, ValueError):
        raise ValueError('"fetched" must be a time such as 2026-11-30T00:00:00Z') from None
    if fetched.tzinfo is None:
        raise ValueError('"fetched" must have a zone, such as the Z in 2026-11-30T00:00:00Z')
    match file["document"]:
        case {"id": str(did)} as document:
            keys = _keys(did, document)
        case _:
            raise ValueError('"document" must be a DID document, with an "id"')
    if not keys:
        raise ValueError('"document" has no P-256 key in the form Multikey that it allows for assertions')
    return IssuerKeys(did, keys, fetched)


def decode_public_key(multikey: str) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key that *multikey* is: ``z``, then base58 of 80 24 and the compressed point.

    Raises:
        ValueError: it is another key, or none.
    """
    try:
        content = decode_base58(multikey.removeprefix("z"))
    except NotDecodedError:
        content = b""
    if not multikey.startswith("z") or content[:2] != _P256_PREFIX or len(content) != 2 + _POINT_BYTES:
        raise ValueError("the key is not a P-256 key in the form Multikey")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), content[2:])


def is_signature(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    """Return whether *signature*, r and s in 64 bytes, is that of *key* over *signed*, with SHA-256."""
    half = len(signature) // 2
    encoded = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    try:
        key.verify(encoded, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _keys(did: str, document: dict[str, Any]) -> dict[str, ec.EllipticCurvePublicKey]:
    methods, allowed = document.get("verificationMethod"), document.get("assertionMethod")
    if not isinstance(methods, list) or not isinstance(allowed, list):
        return {}
    found: dict[str, ec.EllipticCurvePublicKey] = {}
    for method in methods:
        match method:
            case {
                "id": str(name),
                "type": "Multikey",
                "controller": str(owner),
                "publicKeyMultibase": str(text),
            }:
                if owner != did or not name.startswith(f"{did}#") or name not in allowed:
                    continue
                if name in found:
                    raise ValueError('"document" has two keys of one name')
                try:
                    found[name] = decode_public_key(text)
                except ValueError:
                    # Of another kind, such as P-384.
                    continue
    return found
