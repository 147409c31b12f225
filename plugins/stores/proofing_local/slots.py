"""Signed upload slots: the terms of an upload in a URL, and the check that a request keeps them.

The protocol is that of a pre-signed S3 upload (PUT; length, type and checksum signed; ``If-None-Match: *``),
so that the browser does the same for either store. Source of the header names: Amazon S3 API, PutObject.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from proofing.plugin import PresignedUpload, UploadConstraints, UploadRefusedError
from proofing.plugin.support import MACKeys

CHECKSUM_HEADER = "x-amz-checksum-sha256"
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_NAMES = frozenset({"content-type", "expires", "length", "sha256", "signature"})


@dataclass(frozen=True, slots=True)
class Slot:
    """What a body must be."""

    length: int
    sha256: bytes


class SlotSigner:
    """Signs slots with one key, and checks requests against it and the previous keys."""

    def __init__(
        self, key: Callable[[], bytes], old_keys: Callable[[], Sequence[bytes]] = lambda: ()
    ) -> None:
        """Take functions that give the key and the old keys, called at use."""
        self._key = key
        self._old_keys = old_keys

    def _keys(self) -> MACKeys:
        """Return the keys of this moment."""
        return MACKeys(self._key(), self._old_keys())

    def sign(self, terms: UploadConstraints, *, now: float) -> PresignedUpload:
        """Return URL path and headers of an upload under *terms*."""
        expires = math.ceil(now + terms.ttl_seconds)
        values = {
            "content-type": terms.content_type,
            "expires": str(expires),
            "length": str(terms.length),
            "sha256": terms.sha256.hex(),
        }
        values["signature"] = self._keys().sign(_message(terms.object_key, values)).hex()
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
        if set(query) != _NAMES or not self._keys().verify(
            _message(object_key, query), _from_hex(query["signature"])
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


def _message(object_key: str, values: Mapping[str, str]) -> bytes:
    """Return what is signed: the terms, in one spelling."""
    terms = [values.get(name, "") for name in sorted(_NAMES - {"signature"})]
    return json.dumps(["upload-v1", object_key, *terms], separators=(",", ":")).encode()


def _from_hex(text: str) -> bytes:
    """Return the bytes of a signature; none, which never verifies, where *text* is not one."""
    return bytes.fromhex(text) if _SIGNATURE.fullmatch(text) else b""
