"""A forward proxy on loopback, such as organizations have between their servers and vendors.

`ForwardProxy` takes CONNECT for https and whole URLs for http (RFC 9112, 3.2.2 and 3.2.3), over connections
that stay open, and notes what it carried. `Front` is what a server's own address leads to without the proxy:

    python -m proofing_devtools.forward_proxy    # prints its port, and serves until standard input ends
"""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self, cast

_MAX_HEAD_BYTES = 64 * 1024
_BACKLOG = 10_000
_HTTP = b"http://"
_VIA = b"Via: 1.1 proofing-devtools"
#: Between the client and the proxy alone.
_NOT_PASSED_ON = (b"proxy-authorization:", b"proxy-connection:")


class Carried(NamedTuple):
    """One request: a CONNECT has no path."""

    method: str
    authority: str
    path: str


class _Way(NamedTuple):
    """Where a request goes, and its target there."""

    authority: bytes
    target: bytes


@dataclass(slots=True)
class ForwardProxy:
    """Carries what clients that know of it ask. Use it as an asynchronous context manager.

    Attributes:
        routes: authority, such as ``vendor.example:443``, to the port of loopback that it leads to; what is
            not named leads where its name says.
        carried: every request, in order.
        port: where it listens; before it is entered 0 for any free one.
    """

    routes: Mapping[str, int] = field(default_factory=dict)
    carried: list[Carried] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _visitors: "set[_Visitor]" = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its URL, as settings name it."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Visitor(self), "127.0.0.1", self.port, backlog=_BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop, and end all connections."""
        if self._server is not None:
            self._server.close()
        for visitor in tuple(self._visitors):
            visitor.abort()

    def find_way(self, method: bytes, target: bytes) -> _Way | None:
        """Return where a request leads; None for one that is not for a proxy."""
        if method == b"CONNECT":
            return _Way(target, b"")
        if not target.startswith(_HTTP):
            return None
        authority, _, path = target.removeprefix(_HTTP).partition(b"/")
        return _Way(authority, b"/" + path)

    def place_of(self, authority: bytes) -> tuple[str, int]:
        """Return host and port to connect to. Raises ValueError."""
        name = authority.decode("ascii")
        if name in self.routes:
            return "127.0.0.1", self.routes[name]
        host, _, port = name.rpartition(":")
        return (host, int(port)) if host else (name, 80)


@dataclass(slots=True)
class Front(ForwardProxy):
    """What a server's own address leads to: it passes requests on to the port of loopback *onward*."""

    onward: int = 0

    def find_way(self, method: bytes, target: bytes) -> _Way | None:
        """Return where a request leads; None for one that is for a proxy."""
        return _Way(b"", target) if target.startswith(b"/") and method != b"CONNECT" else None

    def place_of(self, _authority: bytes) -> tuple[str, int]:
        """Return the server."""
        return "127.0.0.1", self.onward


class _Visitor(asyncio.Protocol):
    """One client's connection, and its connection onward.

    A client waits for an answer before it sends the next request, so what comes back needs no reading.
    """

    def __init__(self, proxy: ForwardProxy) -> None:
        self._proxy = proxy
        self._buffer = bytearray()
        self._body_left = 0
        self._is_tunnel = False
        self._authority: bytes | None = None
        self._onward: _Onward | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._proxy._visitors.add(self)  # noqa: SLF001 - of this module

    def connection_lost(self, _error: Exception | None) -> None:
        """End the connection onward, too."""
        self._proxy._visitors.discard(self)  # noqa: SLF001 - see above
        if self._connecting is not None:
            self._connecting.cancel()
        if self._onward is not None:
            self._onward.transport.close()

    def pause_writing(self) -> None:
        """Take no more from the server than the client does."""
        if self._onward is not None:
            self._onward.transport.pause_reading()

    def resume_writing(self) -> None:
        """Take more again."""
        if self._onward is not None:
            self._onward.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Pass on what can be."""
        self._buffer += data
        self._advance()

    def abort(self) -> None:
        """End at once."""
        self.transport.abort()

    def left_by(self, onward: "_Onward") -> None:
        """End when the server has ended what is still used."""
        if onward is self._onward:
            self.transport.close()

    def _advance(self) -> None:
        while self._buffer and self._connecting is None and not self.transport.is_closing():
            if self._onward is not None and (self._is_tunnel or self._body_left):
                size = len(self._buffer) if self._is_tunnel else min(self._body_left, len(self._buffer))
                self._onward.transport.write(bytes(self._buffer[:size]))
                del self._buffer[:size]
                self._body_left = max(0, self._body_left - size)
                continue
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD_BYTES:
                    self._refuse(b"431 Request Header Fields Too Large")
                return
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self._begin(head)

    def _begin(self, head: bytes) -> None:
        """Begin one request."""
        line, *fields = head.split(b"\r\n")
        method, _, rest = line.partition(b" ")
        target, _, version = rest.partition(b" ")
        way = self._proxy.find_way(method, target)
        if way is None:
            self._refuse(b"400 Bad Request")
            return
        kept, length = [], 0
        for text in fields:
            name = text.lower()
            if name.startswith(b"transfer-encoding:"):
                self._refuse(b"411 Length Required")
                return
            if name.startswith(b"content-length:"):
                length = int(name.partition(b":")[2])
            if not name.startswith(_NOT_PASSED_ON):
                kept.append(text)
        self._proxy.carried.append(
            Carried(method.decode("ascii"), way.authority.decode("ascii"), way.target.decode("ascii"))
        )
        self._is_tunnel = method == b"CONNECT"
        self._body_left = length
        passed = b"\r\n".join([b" ".join((method, way.target, version)), *kept, _VIA, b"", b""])
        first = b"" if self._is_tunnel else passed
        if self._onward is not None and self._authority == way.authority and not self._is_tunnel:
            self._onward.transport.write(first)
            return
        self._authority = way.authority
        self.transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(way.authority, first))

    async def _connect(self, authority: bytes, first: bytes) -> None:
        """Connect, and send what was waiting."""
        old, self._onward = self._onward, None
        if old is not None:
            old.transport.close()
        try:
            host, port = self._proxy.place_of(authority)
            loop = asyncio.get_running_loop()
            _, self._onward = await loop.create_connection(lambda: _Onward(self), host, port)
        except (OSError, ValueError):
            self._refuse(b"502 Bad Gateway")
            return
        finally:
            self._connecting = None
        if self._is_tunnel:
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            self._onward.transport.write(first)
        self.transport.resume_reading()
        self._advance()

    def _refuse(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.transport.close()


class _Onward(asyncio.Protocol):
    """A visitor's connection to a server."""

    def __init__(self, visitor: _Visitor) -> None:
        self._visitor = visitor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        if self._visitor.transport.is_closing():
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass it back."""
        self._visitor.transport.write(data)

    def pause_writing(self) -> None:
        """Take no more from the client than the server does."""
        self._visitor.transport.pause_reading()

    def resume_writing(self) -> None:
        """Take more again."""
        self._visitor.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Let the client know."""
        self._visitor.left_by(self)


async def _main() -> None:
    """Serve until standard input ends."""
    async with ForwardProxy() as proxy:
        print(proxy.port, flush=True)  # noqa: T201 - what the starter reads
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
