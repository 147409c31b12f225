"""Signed upload slots: the terms of an upload in a URL, and the check that a request keeps them.

The protocol is that of a pre-signed S3 upload (PUT; length, type and checksum signed; ``If-None-Match: *``),
so that the browser does the same for either store. Source of the header names: Amazon S3 API, PutObject.
"""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from proofing.errors import UploadRefusedError
from proofing.stores import PresignedUpload, UploadTerms

CHECKSUM_HEADER = "x-amz-checksum-sha256"
_NAMES = frozenset({"content-type", "expires", "length", "sha256", "signature"})


@dataclass(frozen=True, slots=True)
class Slot:
    """What a body must be."""

    length: int
    sha256: bytes


class SlotSigner:
    """Signs slots with one key, and checks requests against it and its forerunners."""

    def __init__(
        self, key: Callable[[], bytes], old_keys: Callable[[], Sequence[bytes]] = lambda: ()
    ) -> None:
        """Take functions that give the key and the old keys, called at use."""
        self._key = key
        self._old_keys = old_keys

    def sign(self, terms: UploadTerms, *, now: float) -> PresignedUpload:
        """Return URL path and headers of an upload under *terms*."""
        expires = math.ceil(now + terms.life_seconds)
        values = {
            "content-type": terms.content_type,
            "expires": str(expires),
            "length": str(terms.length),
            "sha256": terms.sha256.hex(),
        }
        values["signature"] = _signature(self._key(), terms.object_key, values)
        return PresignedUpload(
            url=f"/uploads/{terms.object_key}?{urlencode(values)}",
            headers={
                "Content-Type": terms.content_type,
                "If-None-Match": "*",
                CHECKSUM_HEADER: base64.b64encode(terms.sha256).decode(),
            },
            expires_at=float(expires),
        )

    def check(
        self, object_key: str, *, query: Mapping[str, str], headers: Mapping[str, str], now: float
    ) -> Slot:
        """Return the slot that a request is for; everything but its body is checked.

        Raises:
            UploadRefusedError: a term is broken.
        """
        signature = query.get("signature", "").encode(errors="replace")
        if set(query) != _NAMES or not any(
            hmac.compare_digest(_signature(key, object_key, query).encode(), signature)
            for key in (self._key(), *self._old_keys())
        ):
            raise UploadRefusedError(403, "signature")
        # From here on the values are our own.
        if now >= int(query["expires"]):
            raise UploadRefusedError(403, "expired")
        if headers.get("if-none-match") != "*":
            raise UploadRefusedError(400, "condition")
        if headers.get("content-type") != query["content-type"]:
            raise UploadRefusedError(400, "content_type")
        sha256 = bytes.fromhex(query["sha256"])
        if headers.get(CHECKSUM_HEADER) != base64.b64encode(sha256).decode():
            raise UploadRefusedError(400, "checksum")
        announced = headers.get("content-length")
        if announced is None or "transfer-encoding" in headers:
            raise UploadRefusedError(411, "length")
        if announced != query["length"]:
            raise UploadRefusedError(400, "length")
        return Slot(int(announced), sha256)


def _signature(key: bytes, object_key: str, values: Mapping[str, str]) -> str:
    """Return the hex HMAC-SHA-256 over the terms, in one spelling."""
    terms = [values.get(name, "") for name in sorted(_NAMES - {"signature"})]
    message = json.dumps(["upload-v1", object_key, *terms], separators=(",", ":")).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
