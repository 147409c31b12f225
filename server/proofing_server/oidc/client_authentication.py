"""How a client proves at the token endpoint who it is. Pure, but for what its caller looks up.

RFC 6749 section 2.3, RFC 7523, OpenID Connect Core 1.0 section 9. A client uses the one method that its
settings name; a request with two is refused.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from proofing.settings.relying_parties import ClientAuthentication
from proofing_server.oidc.clients import Client
from proofing_server.oidc.discovery import ASSERTION_ALGORITHMS
from proofing_server.oidc.errors import ErrorCode, RefusedError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: How far a client's clock may be off.
LEEWAY_SECONDS: Final = 60
#: The longest life of an assertion; as long is remembered that it was used.
MAX_ASSERTION_SECONDS: Final = 3600
_MAX_JTI_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Presented:
    """What a client presents.

    Attributes:
        proof: secret or assertion; empty of a client that has none.
    """

    client_id: str
    method: ClientAuthentication
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Assertion:
    """A genuine assertion, which counts once.

    Attributes:
        jti: its id.
        expires_at: seconds since the epoch.
    """

    jti: str
    expires_at: float


def read_authentication(form: Mapping[str, str], authorization: str | None) -> Presented:
    """Return what a request presents.

    Args:
        form: its parameters; none is repeated.
        authorization: its header; None for none.

    Raises:
        RefusedError: several methods at once, or none that can be read.
    """
    has_assertion = "client_assertion" in form or "client_assertion_type" in form
    methods = [authorization is not None, "client_secret" in form, has_assertion]
    if sum(methods) > 1:
        raise RefusedError(ErrorCode.INVALID_REQUEST, "use one method of client authentication")
    if authorization is not None:
        client_id, secret = _basic(authorization)
        if form.get("client_id", client_id) != client_id:
            raise RefusedError(ErrorCode.INVALID_REQUEST, "client_id differs from the Authorization header")
        return Presented(client_id=client_id, method=ClientAuthentication.CLIENT_SECRET_BASIC, proof=secret)
    if has_assertion:
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            raise RefusedError(ErrorCode.INVALID_CLIENT, f"client_assertion_type must be {ASSERTION_TYPE}")
        assertion = form["client_assertion"]
        client_id = form.get("client_id") or _subject_of(assertion)
        return Presented(client_id=client_id, method=ClientAuthentication.PRIVATE_KEY_JWT, proof=assertion)
    if "client_id" not in form:
        raise RefusedError(ErrorCode.INVALID_CLIENT, "the client did not authenticate")
    if "client_secret" in form:
        method = ClientAuthentication.CLIENT_SECRET_POST
        return Presented(client_id=form["client_id"], method=method, proof=form["client_secret"])
    return Presented(client_id=form["client_id"], method=ClientAuthentication.NONE)


def check_assertion(presented: Presented, client: Client, *, token_url: str, now: float) -> Assertion:
    """Return the assertion that *presented* is; the caller has it count once.

    Raises:
        RefusedError: it is not genuine, of somebody else, for somebody else, or not of this time.
    """
    # Imported late: only clients that sign need it.
    from proofing_server.oidc import jose  # noqa: PLC0415

    try:
        keys = json.loads(client.settings.jwks or '{"keys": []}')
        claims = jose.verify(presented.proof, keys, algorithms=ASSERTION_ALGORITHMS)
    except jose.InvalidTokenError:
        raise _not_accepted("its signature is not by a key of the client's jwks") from None
    if claims.get("iss") != client.id or claims.get("sub") != client.id:
        raise _not_accepted("iss and sub must be the client_id")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    # Each of them: an assertion that is meant for others too could be theirs.
    if not audiences or any(one not in (client.issuer, token_url) for one in audiences):
        raise _not_accepted("aud must be the issuer or the URL of the token endpoint")
    expires_at = _time(claims, "exp")
    if (
        expires_at is None
        or not now - LEEWAY_SECONDS < expires_at <= now + MAX_ASSERTION_SECONDS + LEEWAY_SECONDS
    ):
        raise _not_accepted(f"exp must be in the future, and at most {MAX_ASSERTION_SECONDS} seconds away")
    for name in ("iat", "nbf"):
        moment = _time(claims, name)
        if name in claims and (moment is None or moment > now + LEEWAY_SECONDS):
            raise _not_accepted(f"{name} must not be in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI_CHARACTERS:
        raise _not_accepted("jti is missing")
    return Assertion(jti=jti, expires_at=expires_at)


def _basic(header: str) -> tuple[str, str]:
    """Return id and secret of a Basic header, both of which are form-encoded. RFC 6749, section 2.3.1."""
    scheme, _, credentials = header.partition(" ")
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise RefusedError(ErrorCode.INVALID_CLIENT, "the Authorization header must be Basic with id:secret")
    return unquote_plus(client_id), unquote_plus(secret)


def _subject_of(assertion: str) -> str:
    """Return whose assertion it claims to be, to find the keys that it must be signed with."""
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims["sub"]
    except (ValueError, LookupError, TypeError, RecursionError):
        subject = None
    if not isinstance(subject, str):
        raise _not_accepted("it is not a JWT with sub")
    return subject


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    moment = claims.get(name)
    return float(moment) if isinstance(moment, (int, float)) and not isinstance(moment, bool) else None


def _not_accepted(why: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_CLIENT, f"the client_assertion is not accepted: {why}")
