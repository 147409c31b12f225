"""The person's link: 160 bits that no store has, derived by HMAC from the verification and a number.

A repeated create can so give the same link again. The store has a digest, by which a link is found; that it
is one of our links is checked once more under our keys, the previous ones too.
"""

import hashlib
import hmac
import json
import re

from proofing.contracts.verifications import Link, VerificationRecord
from proofing.crypto.encryption import KeyRing

_LABEL = "verification link"
#: 160 bits in hexadecimal digits.
_TOKEN_CHARACTERS = 40
_TOKEN = re.compile(rf"[0-9a-f]{{{_TOKEN_CHARACTERS}}}", re.ASCII)


def make_link(keys: KeyRing, verification_id: str, *, number: int, expires_at: float) -> tuple[Link, str]:
    """Return the link with this *number*, and its token."""
    token = _tokens(keys, verification_id, number)[0]
    return Link(number=number, digest=token_digest(token), expires_at=expires_at), token


def token_digest(token: str) -> str:
    """Return what the store has of *token*: SHA-256, in hex. A token has enough entropy to need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    """Return whether *text* looks like a token, so that others never reach the store."""
    return _TOKEN.fullmatch(text) is not None


def is_token_of(keys: KeyRing, record: VerificationRecord, token: str) -> bool:
    """Return whether *token* is that of the record's link, made by us; compared in constant time."""
    found = token_of(keys, record)
    return found is not None and hmac.compare_digest(found.encode(), token.encode())


def token_of(keys: KeyRing, record: VerificationRecord) -> str | None:
    """Return the token of the record's link; None where it has none, or was made under a key that is gone."""
    if record.link is None:
        return None
    for token in _tokens(keys, record.id, record.link.number):
        if hmac.compare_digest(token_digest(token), record.link.digest):
            return token
    return None


def _tokens(keys: KeyRing, verification_id: str, number: int) -> list[str]:
    """Return the token of a link, under the current key first, then under each previous one."""
    data = json.dumps([verification_id, number], separators=(",", ":")).encode()
    return [mac[:_TOKEN_CHARACTERS] for mac in keys.signatures(data, _LABEL)]
