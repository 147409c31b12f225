"""Secrets of their own for plugins, derived from the application's key."""

import hashlib
import hmac
from collections.abc import Callable


def secret_reader(key: Callable[[], bytes], user: str) -> Callable[[str], bytes]:
    """Return `ProcessContext.secret` for *user*: 32 bytes a label, derived from the application's key."""

    def secret(label: str) -> bytes:
        return hmac.new(key(), f"proofing/{user}/{label}".encode(), hashlib.sha256).digest()

    return secret
