"""A hostile vendor on a real socket: what an HTTP server can do wrong on the wire, one path a misdeed.

    async with HostileVendor() as vendor:
        await client.get(vendor.url("drip"))

`proofing.testing.vendor_hostility` has the answers that are wrong in what they say; they need no socket.
"""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

_JSON = b"content-type: application/json\r\n"
#: SO_LINGER on with 0 s: closing sends RST instead of FIN.
_LINGER_RESET = struct.pack("ii", 1, 0)
_PIECE = b" " * 65_536
_DRIP_SECONDS = 0.01
_MAX_REQUEST_BYTES = 1024 * 1024

Misdeed = Callable[["SeenCall", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, repr=False)
class SeenCall:
    """One request as it came over the wire.

    Attributes:
        target: as in the request line; a proxy sees a whole URL.
        headers: names in lower case.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class HostileVendor:
    """A server on loopback that answers by the last part of the path. See `MISDEEDS`.

    Attributes:
        elsewhere: where its redirects point.
        calls: every request that was read whole, in order.
        connections: how many have been made.
        left: set when a client has hung up before the end of an answer.
    """

    elsewhere: str = "http://169.254.169.254/"
    calls: list[SeenCall] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop, and end what still continues."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def host(self) -> str:
        """Its entry in an allow-list."""
        return f"127.0.0.1:{self.port}"

    def url(self, misdeed: str) -> str:
        """Return where *misdeed* is done."""
        return f"http://{self.host}/{misdeed}"

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            # A client that hangs up ends its connection; the test has stopped when we are canceled.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    call = await _read(reader)
                    self.calls.append(call)
                    name = call.target.rpartition("/")[2].partition("?")[0]
                    headers, body = REPLIES.get(name, (b"", b"{}"))
                    if name in MISDEEDS:
                        await self._watched(MISDEEDS[name](call, writer), reader)
                        return
                    if name in REDIRECTS:
                        place = b"location: " + self.elsewhere.encode() + b"\r\n"
                        await _reply(writer, place, b"", REDIRECTS[name])
                    else:
                        await _reply(writer, headers, body)
        finally:
            writer.close()

    async def _watched(self, misdeed: Awaitable[None], reader: asyncio.StreamReader) -> None:
        """Do *misdeed* until it is done or the client hangs up."""
        work = asyncio.ensure_future(misdeed)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self.left.set()
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> SeenCall:
    """Read one request. Raises `asyncio.IncompleteReadError` when the client is done."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _version = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(min(length, _MAX_REQUEST_BYTES))
    return SeenCall(method, target, headers, body)


async def _reply(writer: asyncio.StreamWriter, headers: bytes, body: bytes, status: int = 200) -> None:
    """Send a whole answer."""
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n".encode()
    writer.write(head + headers + b"\r\n" + body)
    await writer.drain()


#: Answers that lead elsewhere, by name: the status.
REDIRECTS = {"redirect": 302, **{f"redirect_{status}": status for status in (300, 301, 303, 307, 308)}}

#: Answers that are whole, by name: further headers, and the body.
REPLIES: dict[str, tuple[bytes, bytes]] = {
    "ok": (_JSON, b'{"ok":true}'),
    "deep": (_JSON, b"[" * 100_000),
    "nan": (_JSON, b'{"score":NaN}'),
    "overflow": (_JSON, b'{"score":1e999}'),
    "duplicate": (_JSON, b'{"ok":false,"ok":true}'),
    "surrogate": (_JSON, b'{"name":"\\ud800"}'),
    "latin": (_JSON, b'{"name":"\xe9"}'),
    "html": (b"content-type: text/html\r\n", b"<html>log in</html>"),
    "wrong_types": (_JSON, json.dumps({"ok": "true", "id": {}, "checks": 7}).encode()),
    "huge": (_JSON, b" " * (6 * 1024 * 1024)),
    "cookie": (b"set-cookie: person=1; Path=/\r\n", b"{}"),
    "bomb": (_JSON + b"content-encoding: gzip\r\n", gzip.compress(b"\x00" * 50_000_000)),
}


async def _hang(_call: SeenCall, _writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def _drip(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Send one byte after the other, forever, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def _drip_headers(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Send header after header."""
    writer.write(b"HTTP/1.1 200 X\r\nx: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def _endless(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Send a body that has no end."""
    writer.write(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"%x\r\n" % len(_PIECE) + _PIECE + b"\r\n")
        await writer.drain()


async def _truncated(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Promise more than is sent."""
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def _reset(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    handle: socket.socket = writer.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    writer.transport.abort()


async def _hang_up(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Close without an answer."""
    writer.close()


async def _no_http(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Talk another protocol."""
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    await writer.drain()
    writer.close()


async def _huge_header(_call: SeenCall, writer: asyncio.StreamWriter) -> None:
    """Send a header without end."""
    writer.write(b"HTTP/1.1 200 X\r\nx: ")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


#: Answers that break the protocol, by name; each ends its connection.
MISDEEDS: dict[str, Misdeed] = {
    "hang": _hang,
    "drip": _drip,
    "drip_headers": _drip_headers,
    "endless": _endless,
    "truncated": _truncated,
    "reset": _reset,
    "hang_up": _hang_up,
    "no_http": _no_http,
    "huge_header": _huge_header,
}
