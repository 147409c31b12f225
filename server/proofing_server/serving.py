"""Serves the app with uvicorn until told to stop; what `proofing web` starts."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from proofing.service import ProofingService
from proofing_server.app import make_app
from proofing_server.security import SECURITY_HEADERS

#: How long open event streams may linger when the server stops.
_GRACE_SECONDS = 5
#: Header bytes that one request may bring.
_MAX_HEADER_BYTES = 32 * 1024
_REFUSAL_HEADERS = [
    *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"connection", b"close"),
]


class _Protocol(H11Protocol):
    """HTTP as uvicorn speaks it; what is no HTTP never reaches the application, and is refused here."""

    def send_400_response(self, msg: str) -> None:
        """Refuse with the headers of every other response; one that has begun is broken off."""
        cycle = getattr(self, "cycle", None)  # typed as if there were always one
        if cycle is not None and not cycle.response_complete:
            # Its body cannot be read to the end: the application must not answer after us.
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = h11.Data(data=msg.encode("ascii"))
            head = h11.Response(status_code=400, headers=_REFUSAL_HEADERS, reason=b"Bad Request")
            for event in (head, body, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the stop event is set by the one handler of the process."""
        yield


async def serve(service: ProofingService, *, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until *stop* is set.

    Args:
        service: what the pages call.
        host: address to listen on.
        port: port to listen on.
        stop: set once to stop; open event streams end within a few seconds.
    """
    config = uvicorn.Config(
        make_app(service),
        host=host,
        port=port,
        access_log=False,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        http=_Protocol,
        log_config=None,
        log_level=logging.WARNING,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        # There are no web sockets here; a library for them would answer requests by itself.
        ws="none",
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watcher = asyncio.create_task(watch())
    try:
        await server.serve()
    finally:
        watcher.cancel()
