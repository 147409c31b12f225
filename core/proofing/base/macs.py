"""HMAC-SHA-256 under one key that signs, and previous keys that still verify: RFC 2104."""

import hashlib
import hmac
from collections.abc import Sequence


class MACKeys:
    """The current key and the previous ones, of one purpose."""

    def __init__(self, key: bytes, previous: Sequence[bytes] = ()) -> None:
        """Sign with *key*; verify under it and under *previous* keys."""
        self._keys = (key, *previous)

    def derive(self, label: bytes) -> "MACKeys":
        """Return keys for *label* alone, one derived from each."""
        key, *previous = (hmac.digest(one, label, hashlib.sha256) for one in self._keys)
        return MACKeys(key, previous)

    def sign(self, data: bytes) -> bytes:
        """Return the 32-byte MAC over *data* under the current key."""
        return hmac.digest(self._keys[0], data, hashlib.sha256)

    def verify(self, data: bytes, mac: bytes) -> bool:
        """Return whether *mac* is over *data*, under any of the keys; compared in constant time."""
        return any(hmac.compare_digest(hmac.digest(key, data, hashlib.sha256), mac) for key in self._keys)
