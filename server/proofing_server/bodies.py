"""Reading request bodies: byte caps while reading, deadlines for slow senders, strict JSON and forms.

Limits: docs/reference/pages.md.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proofing.base.strict_json import parse_json

MAX_BODY_BYTES = 64 * 1024
#: A small body must be complete after this time.
BODY_SECONDS = 15.0
#: A large body must send something within `BODY_SECONDS` each, and be complete after this time.
LARGE_BODY_SECONDS = 300.0
#: A large body that falls behind this rate by more than `BODY_SECONDS` holds its connection for its own sake.
MIN_BYTES_PER_SECOND = 2048
#: How long the rest of a body is read that no page wants, before the browser is led elsewhere.
_REST_SECONDS = 5.0
_MAX_FORM_FIELDS = 64
_MAX_JSON_DEPTH = 8


class BodyLimit:
    """ASGI middleware that ends requests whose bodies are too large (413) or too slow (408).

    A small body is read before the application sees the request, so that thousands of slow ones cost no look
    at a store, and no lock is held for them. A large one is read by the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: Callable[[Scope], int],
        refuse: Callable[[Request, int], Awaitable[Response]],
    ) -> None:
        """Wrap *app*; *max_bytes* tells the cap for a request, *refuse* renders the answer for a status."""
        self._app = app
        self._max_bytes = max_bytes
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted, timed body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cap = self._max_bytes(scope)
        body = _Body(receive, cap=cap, declared=_declared_length(scope))

        async def closing_send(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.is_complete and _has_body(scope):
                if message["status"] < 400:  # noqa: PLR2004 - no error
                    # An answer on a connection that is closed with unread bytes can be lost.
                    await body.discard_rest()
                if not body.is_complete:
                    # Nobody will read the rest, so the connection must not wait for it.
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        if cap > MAX_BODY_BYTES or not _has_body(scope):
            await self._app(scope, body.receive, closing_send)
            return
        try:
            content = await body.read_all()
        except HTTPException as error:
            response = await self._refuse(Request(scope, receive), error.status_code)
            await response(scope, receive, closing_send)
            return
        messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive_again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, receive_again, closing_send)


class _Body:
    """One request's body, held to its cap and deadlines."""

    def __init__(self, receive: Receive, *, cap: int, declared: int) -> None:
        self.is_complete = False
        self._receive = receive
        self._cap = cap
        self._declared = declared
        self._received = 0
        self._started = time.monotonic()

    async def read_all(self) -> bytes:
        """Return the whole body. Raises as `receive`, and `ClientDisconnect`."""
        pieces = []
        while not self.is_complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            pieces.append(message.get("body", b""))
        return b"".join(pieces)

    async def discard_rest(self) -> None:
        """Read what is left, if it comes within a few seconds."""
        with suppress(HTTPException, TimeoutError):
            async with asyncio.timeout(_REST_SECONDS):
                while not self.is_complete:
                    await self.receive()

    async def receive(self) -> Message:
        """Return the next message. Raises `HTTPException` with 413 or 408."""
        if self.is_complete:
            # What comes now is the disconnect, for which one may wait forever.
            return await self._receive()
        if self._declared > self._cap:
            raise HTTPException(413)
        try:
            async with asyncio.timeout(max(0.0, self._seconds_left())):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if self._received > self._cap:
                raise HTTPException(413)
        else:
            self.is_complete = True
        return message

    def _seconds_left(self) -> float:
        """Return how long the next piece may take."""
        total = BODY_SECONDS
        if self._cap > MAX_BODY_BYTES:
            total = min(LARGE_BODY_SECONDS, BODY_SECONDS + self._received / MIN_BYTES_PER_SECOND)
        return min(BODY_SECONDS, total - (time.monotonic() - self._started))


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
        HTTPException: 415 for another type of body; 400 for what `parse_json` refuses, and depth over 8.
    """
    if _media_type(request) != "application/json":
        raise HTTPException(415)
    body = await request.body()
    try:
        value = parse_json(body, max_depth=_MAX_JSON_DEPTH)
    except ValueError:
        raise HTTPException(400) from None
    if not isinstance(value, dict):
        raise HTTPException(400)
    return value


def _has_body(scope: Scope) -> bool:
    """Return whether the request announces a body."""
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
