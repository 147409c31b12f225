"""Puts a fake vendor below a `requests` session. Needs the extra ``requests``."""

import asyncio
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import httpx
import requests
from requests.adapters import BaseAdapter

_MAX_BYTES = 16 * 1024 * 1024


def bridge(
    session: requests.Session, transport: httpx.AsyncBaseTransport, loop: asyncio.AbstractEventLoop
) -> requests.Session:
    """Return *session* with every request answered by *transport*, which lives on *loop*."""
    adapter = _Bridge(transport, loop)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Bridge(BaseAdapter):
    """Carries a request from its thread to the transport's loop, and the answer back."""

    def __init__(self, transport: httpx.AsyncBaseTransport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop

    def send(  # noqa: PLR0917 - the adapter's signature
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the adapter's signature
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002 - the adapter's signature
        cert: Any = None,  # noqa: ARG002 - the adapter's signature
        proxies: Any = None,  # noqa: ARG002 - the adapter's signature
    ) -> requests.Response:
        """Send one request; what the transport raises becomes what `requests` raises."""
        future = asyncio.run_coroutine_threadsafe(self._exchange(request), self._loop)
        try:
            return future.result(timeout)
        except (FutureTimeoutError, httpx.TimeoutException):
            future.cancel()
            raise requests.exceptions.ReadTimeout(request=request) from None
        except httpx.HTTPError:
            raise requests.exceptions.ConnectionError(request=request) from None

    def close(self) -> None:
        """Nothing is held."""

    async def _exchange(self, request: requests.PreparedRequest) -> requests.Response:
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        outgoing = httpx.Request(
            request.method or "GET", request.url or "", headers=dict(request.headers), content=body
        )
        incoming = await self._transport.handle_async_request(outgoing)
        content = bytearray()
        async for piece in incoming.aiter_raw():
            content += piece
            if len(content) > _MAX_BYTES:
                raise httpx.RemoteProtocolError("too large")
        response = requests.Response()
        response.status_code = incoming.status_code
        response.headers.update(incoming.headers)
        response.url = request.url or ""
        response.request = request
        response._content = bytes(content)  # noqa: SLF001 - the way in which `responses` builds one, too
        return response
