"""Balancers without stickiness.

`Balancer` passes on connections, each new one to the next server:

    async with Balancer([8001, 8002, 8003]) as balancer:
        ...                      # connect to 127.0.0.1, balancer.port

A client that closes its connections reaches another server with each request.

`ReadinessBalancer` passes on requests, as nginx and AWS's Application Load Balancer do: over connections that
it keeps, to servers whose readiness probe answers 200, and to the next server when one refuses the connection
or breaks off a request that may be repeated.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from proofing.testing.waiting import eventually
from proofing_devtools.web_process import get

_PIECE_BYTES = 64 * 1024
_OK, _BAD_GATEWAY, _ERROR = 200, 502, 500
#: RFC 9110, 9.2.2; what nginx repeats by default.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_PROBE_SECONDS = 0.1
_READY_SECONDS = 60.0
_ANSWER_SECONDS = 90.0


class Balancer:
    """Passes connections of loopback on to servers of loopback, one after the other."""

    def __init__(self, ports: Sequence[int], *, port: int = 0) -> None:
        """Listen on *port* (0: any free one) before the servers on *ports*."""
        self.port = port
        self._ports = itertools.cycle(ports)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on to the next server."""
        try:
            onward = await asyncio.open_connection("127.0.0.1", next(self._ports))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, onward[1]), _pump(onward[0], writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side ends."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()


class ReadinessBalancer:
    """Passes requests of HTTP clients in this process on to servers of loopback.

    Attributes:
        errors: requests that were answered with a status from 500 on, by method, path and status.
    """

    def __init__(self, servers: Sequence[tuple[int, int]]) -> None:
        """Balance over *servers*, each a port and the port of its probes."""
        self.errors: Counter[str] = Counter()
        self._servers = dict(servers)
        self._turns = itertools.cycle(self._servers)
        self._ready: set[int] = set()
        self._onward = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=32))
        self._probing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to probe."""
        self._probing = [asyncio.create_task(self._probe(port)) for port in self._servers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop probing, and close all connections."""
        for task in self._probing:
            task.cancel()
        await asyncio.gather(*self._probing, return_exceptions=True)
        await self._onward.aclose()

    def client(self, origin: str) -> httpx.AsyncClient:
        """Return a client that asks the servers for *origin*, which need not lead anywhere."""
        return httpx.AsyncClient(
            base_url=origin,
            transport=_Way(self),
            timeout=_ANSWER_SECONDS,
            headers={"origin": origin},
            follow_redirects=True,
        )

    async def until_ready(self, port: int) -> None:
        """Wait until the server on *port* gets requests."""
        await eventually(lambda: port in self._ready, within_seconds=_READY_SECONDS)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on and return the answer, or 502."""
        content = await request.aread()
        tried: set[int] = set()
        while (port := self._next(tried)) is not None:
            tried.add(port)
            url = request.url.copy_with(scheme="http", host="127.0.0.1", port=port)
            onward = httpx.Request(
                request.method, url, headers=request.headers, content=content, extensions=request.extensions
            )
            try:
                response = await self._onward.handle_async_request(onward)
            except httpx.ConnectError:
                self._ready.discard(port)
                continue
            except httpx.TransportError:
                if request.method in _IDEMPOTENT:
                    continue
                break
            return self._counted(request, response)
        return self._counted(request, httpx.Response(_BAD_GATEWAY))

    def _next(self, tried: set[int]) -> int | None:
        """Return the port whose turn it is; None when every one that is ready was tried."""
        for port in itertools.islice(self._turns, len(self._servers)):
            if port in self._ready and port not in tried:
                return port
        return None

    def _counted(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """Return *response*, counted when it is an error of the server."""
        if response.status_code >= _ERROR:
            self.errors[f"{request.method} {request.url.path} {response.status_code}"] += 1
        return response

    async def _probe(self, port: int) -> None:
        """Ask one server again and again whether it is ready."""
        while True:
            status = 0
            with contextlib.suppress(OSError, IndexError, ValueError):
                status, _ = await get(self._servers[port], "/readyz")
            if status == _OK:
                self._ready.add(port)
            else:
                self._ready.discard(port)
            await asyncio.sleep(_PROBE_SECONDS)


class _Way(httpx.AsyncBaseTransport):
    """The transport of one client; closing it closes nothing of the balancer's."""

    def __init__(self, balancer: ReadinessBalancer) -> None:
        self._balancer = balancer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the balancer."""
        return await self._balancer.answer(request)
