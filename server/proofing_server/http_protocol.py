"""HTTP/1.1 as uvicorn speaks it over h11, held to deadlines and caps.

What is not HTTP, or could be read in two ways by two servers, never reaches the application and is refused
here. h11 is slower than the C parser that uvicorn can use instead, and stricter: docs/adr/0019-connections.md
"""

import asyncio
import http
import socket
from typing import Any, ClassVar

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from proofing_server import bodies
from proofing_server.connections import MAX_REFUSALS, ConnectionTable, Phase
from proofing_server.security import SECURITY_HEADERS

#: From the beginning of a connection, or the first byte of a later request, until its header is complete.
HEADER_SECONDS = 10.0
#: How long a client may leave bytes of an answer unread that the system's buffers do not hold.
WRITE_SECONDS = 30.0
#: What the system may hold of answers that a client has not taken: two files. More would only hide who reads
#: nothing, and be answered for nobody.
_SEND_BYTES = 16 * 1024
#: How long a refused connection may take to send the request that 503 answers.
_REFUSAL_SECONDS = 2.0
#: What is read at a time: each connection with a form in progress holds a few times as much.
_RECEIVE_BYTES = 32 * 1024
#: Between two answers to requests that were sent ahead of earlier answers, over all connections.
AHEAD_SECONDS = 0.02
#: Fewer bytes of a body with a declared length are not passed on before it is complete.
_PASSED_ON_BYTES = 16 * 1024
_CLOSE = (b"connection", b"close")
_HEADERS = {**SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
#: Share of `bodies.BODY_SECONDS` after which a small body is late.
_EARLIER = 0.9


async def let_others_go_first() -> None:
    """Wait until the next request that was sent ahead may be answered."""
    await asyncio.sleep(AHEAD_SECONDS)


def protocol_class(table: ConnectionTable) -> type["HTTPProtocol"]:
    """Return the protocol of a server whose connections *table* holds, as uvicorn makes it."""
    return type("BoundHTTPProtocol", (HTTPProtocol,), {"table": table})


class _Framing(h11.Connection):
    """h11's state of one connection, which also refuses ambiguous framing and reports progress."""

    def __init__(self, protocol: "HTTPProtocol", max_header_bytes: int) -> None:
        super().__init__(h11.SERVER, max_header_bytes)
        self._protocol = protocol
        self._head = b""

    def send(self, event: Any) -> Any:
        """Return what to write for *event*. A head is held for its body: one system call writes both."""
        output = super().send(event)
        if isinstance(event, h11.Response):
            self._head = output or b""
            return b""
        if self._head and output is not None:
            output, self._head = self._head + output, b""
        return output

    def next_event(self) -> Any:
        """Return the next event. Raises `h11.RemoteProtocolError` for what must not be answered."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version != b"1.1"):
                # RFC 9112, 6.1 and 6.3: another server on the way may have ended this request elsewhere.
                raise h11.RemoteProtocolError("a request with two lengths")
            self._protocol.header_received(int(dict(event.headers).get(b"content-length", 0)))
        elif isinstance(event, h11.Data):
            self._protocol.body_progressed(len(event.data))
        elif isinstance(event, h11.EndOfMessage):
            self._protocol.body_received()
        return event


class HTTPProtocol(H11Protocol):
    """One connection."""

    #: Of the server; see `protocol_class`.
    table: ClassVar[ConnectionTable]
    _refusals: ClassVar[set["HTTPProtocol"]] = set()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Prepare as uvicorn does."""
        super().__init__(*arguments, **named)
        assert self.config.h11_max_incomplete_event_size is not None  # noqa: S101 - `serving` sets it
        self.conn = _Framing(self, self.config.h11_max_incomplete_event_size)
        self._application, self.app = self.app, self._answer
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._phase = Phase.NEW
        self._is_refused = False
        self._awaits_header = True
        self._has_data = False
        self._body_left = 0
        self._held = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        """Be held by the table, or refused."""
        super().connection_made(transport)
        # `pause_writing` comes with the first byte that the system does not take.
        transport.set_write_buffer_limits(0)
        # Of asyncio's own transports; others read as they like.
        transport.max_size = _RECEIVE_BYTES  # type: ignore[attr-defined]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        if self.table.admit(self, self.client[0] if self.client else ""):
            self._set_timer(HEADER_SECONDS)
            return
        self._is_refused = True
        if len(self._refusals) >= MAX_REFUSALS:
            transport.abort()
            return
        self._refusals.add(self)
        self._set_timer(_REFUSAL_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free what the connection held."""
        self._set_timer(None)
        self._stop_write_timer()
        self._refusals.discard(self)
        self.table.remove(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Hold further bytes of the answer, for a time: the client does not read."""
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self._is_not_read)
        self.table.enter(self, Phase.UNREAD)

    def resume_writing(self) -> None:
        """Go on: everything was taken."""
        super().resume_writing()
        self._stop_write_timer()
        self.table.enter(self, self._phase)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; the first ones of a later request start its deadline."""
        if self._is_refused:
            # Only now: an answer on a connection that is closed with unread bytes can be lost.
            self._write_refusal(503)
            return
        if self._awaits_header and self._timer is None:
            self._set_timer(HEADER_SECONDS)
        self._has_data = True
        if self._phase is Phase.ANSWERING:
            self._enter(Phase.AHEAD)
        if self._body_left:
            # Byte by byte, bodies would cost a turn of the event loop and of h11 for each.
            self._held += data
            if len(self._held) < min(self._body_left, _PASSED_ON_BYTES):
                return
            data = bytes(self._held)
            self._held.clear()
        super().data_received(data)

    def header_received(self, length: int) -> None:
        """Note that a request has begun, whose body has *length* bytes, 0 when that is not declared."""
        # Thousands of slow forms are let go here, before `BodyLimit` would render a page for each.
        is_form = 0 < length <= bodies.MAX_BODY_BYTES
        self._set_timer(bodies.BODY_SECONDS * _EARLIER if is_form else None)
        self._body_left = length
        self._awaits_header = False
        self._enter(Phase.RECEIVING)

    def body_progressed(self, count: int) -> None:
        """Note that *count* bytes of the body were passed on."""
        self._body_left = max(0, self._body_left - count)

    def body_received(self) -> None:
        """Note that a request is complete."""
        if not self._awaits_header:
            self._set_timer(None)
            is_ahead = bool(self.conn.trailing_data[0])
            self._enter(Phase.AHEAD if is_ahead else Phase.ANSWERING)

    def on_response_complete(self) -> None:
        """Wait for the next request, which may have been received already."""
        self._awaits_header, self._has_data, self._body_left = True, False, 0
        self._enter(Phase.IDLE)
        super().on_response_complete()

    def shutdown(self) -> None:
        """Close, or have the response in progress announce that the connection closes."""
        cycle = getattr(self, "cycle", None)  # typed as if there were always one
        if cycle is not None and not cycle.response_started:
            cycle.default_headers = [*cycle.default_headers, _CLOSE]
        super().shutdown()

    def evict(self) -> None:
        """Close at once, to make room for another connection."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse with the headers of every other response; one that has begun is broken off."""
        del msg
        self.table.note_closed("bad_request")
        self._leave_application()
        self._write_refusal(400)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer: at once, or in turn where further requests were sent behind this one.

        No browser does that. Thousands of connections that do would be served before those who come later.
        """
        if self._phase is Phase.AHEAD:
            cycle = self.cycle
            async with self.table.ahead:
                # Evicted meanwhile: the turn is the next one's.
                if cycle.disconnected:
                    return
                await let_others_go_first()
        await self._application(scope, receive, send)

    def _leave_application(self) -> None:
        """Tell the application that the client is gone: it must not answer after us."""
        cycle = getattr(self, "cycle", None)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _set_timer(self, seconds: float | None) -> None:
        """Reset the connection's deadline, or remove it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._time_is_up)

    def _enter(self, phase: Phase) -> None:
        """Note the *phase*, which shows in the table once the client reads."""
        self._phase = phase
        if self._write_timer is None:
            self.table.enter(self, phase)

    def _stop_write_timer(self) -> None:
        """Lift the deadline for reading."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _is_not_read(self) -> None:
        """Close a connection whose client has left its answer unread."""
        self.table.note_closed("write_timeout")
        self.transport.abort()

    def _time_is_up(self) -> None:
        """Close a connection that did not send the whole header of a request, or a small body, in time."""
        self._timer = None
        if self._is_refused:
            self.transport.abort()
            return
        self.table.note_closed("header_timeout" if self._awaits_header else "body_timeout")
        if not self._awaits_header:
            self._leave_application()
        if self._has_data:
            self._write_refusal(408)
        else:
            self.transport.close()

    def _write_refusal(self, status: int) -> None:
        """Answer with *status* and nothing else, when an answer can still be given, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE} and not self.transport.is_closing():
            self.transport.write(_REFUSALS[status])
        self.transport.close()


def _refusal(status: int) -> bytes:
    """Return a whole response, with the headers of every other one."""
    phrase = http.HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name.lower()}: {value}" for name, value in _HEADERS.items())]
    return "\r\n".join([*lines, f"content-length: {len(phrase)}", "", phrase]).encode()


_REFUSALS = {status: _refusal(status) for status in (400, 408, 503)}
