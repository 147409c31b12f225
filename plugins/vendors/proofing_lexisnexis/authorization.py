"""How requests to the Risk Defense Platform are authenticated: an HMAC over each, or user name and password.

The signature covers time, nonce, host, path and a keyed hash of the very bytes that are sent; the method is
not part of it. The secret is used as its text's bytes, not decoded.
"""

import base64
import hmac
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from proofing.plugin import StreamedBody

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import (
        AccountSettings,
        BasicSettings,
        HMACSettings,
        RDPSettings,
    )

#: Makes the value of the header ``authorization`` for a body that is sent to a path at a moment.
Authorize = Callable[[StreamedBody, str, datetime], Awaitable[str]]


def make_authorize(settings: "RDPSettings", account: "AccountSettings") -> Authorize:
    """Return what authorizes the requests of *account*: one of the two ways, never both.

    Raises:
        ValueError: the settings were not validated, and lack the credentials.
    """
    if settings.hmac_auth_enabled and account.hmac is not None:
        return _hmac(settings.base_url.partition("://")[2], account.hmac)
    if not settings.hmac_auth_enabled and account.basic is not None:
        return _basic(account.basic)
    raise ValueError("no credentials")


def _basic(credentials: "BasicSettings") -> Authorize:
    async def authorize(_body: StreamedBody, _path: str, _now: datetime) -> str:
        pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    return authorize


def _hmac(host: str, key: "HMACSettings") -> Authorize:
    async def authorize(body: StreamedBody, path: str, now: datetime) -> str:
        return await sign(
            body,
            key_id=key.key_id,
            secret=key.secret_key.get_secret_value().encode(),
            host=host,
            path=path,
            milliseconds=int(now.timestamp() * 1000),
            nonce=str(uuid.uuid4()),
        )

    return authorize


async def sign(
    body: StreamedBody, *, key_id: str, secret: bytes, host: str, path: str, milliseconds: int, nonce: str
) -> str:
    """Return the header's value for one request.

    Args:
        body: hashed piece by piece, with a turn for others between two of them.
        key_id: sent as it is.
        secret: bytes of the configured text.
        host: with its port, without scheme, and without a slash at the end.
        path: of the request, with the slash at its beginning.
        milliseconds: now, since 1970.
        nonce: that no other request has.
    """
    mac = hmac.new(secret, digestmod="sha256")
    async for piece in body:
        mac.update(piece)
    body_hash = base64.b64encode(mac.digest()).decode()
    signed = "\n".join((str(milliseconds), nonce, host, path, body_hash))
    signature = base64.b64encode(hmac.digest(secret, signed.encode(), "sha256")).decode()
    return (
        f"HMAC-SHA256 keyid={key_id}, ts={milliseconds}, nonce={nonce}, "
        f"bodyHash={body_hash}, signature={signature}"
    )
