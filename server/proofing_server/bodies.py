"""Reading request bodies: byte caps while reading, deadlines for slow senders, strict JSON and forms.

Nothing is spooled to disk. Limits: docs/reference/pages.md.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
#: A small body must be complete after this time.
BODY_SECONDS = 15.0
#: A large body must send something within `BODY_SECONDS` each, and be complete after this time.
LARGE_BODY_SECONDS = 300.0
_MAX_FORM_FIELDS = 64
_MAX_JSON_DEPTH = 8


class BodyLimit:
    """ASGI middleware that ends requests whose bodies are too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, *, max_bytes: Callable[[Scope], int]) -> None:
        """Wrap *app*; *max_bytes* tells the cap for a request."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted, timed body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cap = self._max_bytes(scope)
        large = cap > MAX_BODY_BYTES
        started = time.monotonic()
        received = 0
        complete = False

        async def limited_receive() -> Message:
            nonlocal received, complete
            if complete:
                # What comes now is the disconnect, for which one may wait for ever.
                return await receive()
            if _declared_length(scope) > cap:
                raise HTTPException(413)
            total = LARGE_BODY_SECONDS if large else BODY_SECONDS
            left = min(BODY_SECONDS, total - (time.monotonic() - started))
            try:
                async with asyncio.timeout(max(0.0, left)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if received > cap:
                    raise HTTPException(413)
            else:
                complete = True
            return message

        async def closing_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not complete and _has_body(scope):
                # Nobody will read the rest, so the connection must not wait for it.
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, limited_receive, closing_send)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a URL-encoded form; of a repeated field the last.

    Raises:
        HTTPException: 415 for another type of body, 400 for one that cannot be read.
    """
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:
        raise HTTPException(400) from None
    return dict(pairs)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        HTTPException: 415 for another type of body; 400 for bad JSON, duplicate keys, NaN, or depth over 8.
    """
    if _media_type(request) != "application/json":
        raise HTTPException(415)
    body = await request.body()
    try:
        value = json.loads(body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise HTTPException(400) from None
    if not isinstance(value, dict) or _depth(value) > _MAX_JSON_DEPTH:
        raise HTTPException(400)
    return value


def _has_body(scope: Scope) -> bool:
    """Tell whether the request announces a body."""
    names = {name for name, _ in scope["headers"]}
    return b"transfer-encoding" in names or _declared_length(scope) > 0


def _declared_length(scope: Scope) -> int:
    """Return the Content-Length of the request, or 0 when it has none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _media_type(request: Request) -> str:
    """Return the type of the body without parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a repeated key."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values


def _no_constant(_name: str) -> NoReturn:
    """Refuse NaN and Infinity."""
    raise ValueError("no number")


def _depth(value: Any) -> int:
    """Return how deep lists and objects are nested."""
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0
