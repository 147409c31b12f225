"""What an ID token says, and the two hashes that bind codes and tokens to their request. Pure.

OpenID Connect Core 1.0 sections 2 and 3.1.3.6, RFC 7636 section 4.6. An ID token has nothing of the person.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any, Final

#: How long tokens live.
TOKEN_SECONDS: Final = 300
#: RFC 7636, section 4.1.
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


def is_verifier(challenge: str | None, verifier: str | None) -> bool:
    """Return whether *challenge* was made of *verifier*; both may be absent, never one alone."""
    if challenge is None or verifier is None:
        return challenge is verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(_base64url(hashlib.sha256(verifier.encode()).digest()), challenge)


def id_token_claims(
    *,
    issuer: str,
    subject: str,
    client_id: str,
    nonce: str | None,
    auth_time: float,
    acr: str,
    access_token: str,
    now: float,
) -> dict[str, Any]:
    """Return the claims of an ID token; times are seconds since the epoch."""
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": int(now),
        "exp": int(now) + TOKEN_SECONDS,
        "auth_time": int(auth_time),
        "acr": acr,
        "at_hash": at_hash(access_token),
        "jti": secrets.token_hex(16),
    }
    return claims if nonce is None else {**claims, "nonce": nonce}


def at_hash(access_token: str) -> str:
    """Return the left half of the SHA-256 of *access_token*: ES256 and RS256 both hash so."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return _base64url(digest[: len(digest) // 2])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
