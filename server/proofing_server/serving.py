"""Serves the app with uvicorn until told to stop; what `proofing web` starts."""

import asyncio
import contextlib
import gc
import logging
import math
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from proofing.app.service import ProofingService
from proofing.base.listening import close_sockets
from proofing_server.app import form_seconds, make_app
from proofing_server.bodies import BODY_SECONDS
from proofing_server.client_address import TrustedProxies
from proofing_server.connections import ConnectionLimits, ConnectionTable
from proofing_server.http_protocol import protocol_class

#: Header bytes that one request may bring.
_MAX_HEADER_BYTES = 16 * 1024
#: Connections that the kernel completes while we are busy.
_BACKLOG = 4096
#: Connections that are taken at once, before requests of others continue.
_ACCEPTED_AT_ONCE = 32


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line, and takes few connections at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the stop event is set by the one handler of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. asyncio accepts as many connections in one go as the backlog that it was told of."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)

    def drain(self) -> None:
        """Close the connection of every response from now on."""
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    def stop(self, *, patience_seconds: float) -> None:
        """Listen no more, and end once the requests in progress are answered, at the latest after so long."""
        self.config.timeout_graceful_shutdown = math.ceil(patience_seconds)
        self.should_exit = True


async def serve(service: ProofingService, listeners: Sequence[socket.socket], *, stop: asyncio.Event) -> None:
    """Serve until *stop* is set.

    Args:
        service: what the pages call.
        listeners: bound sockets, as of `proofing.base.listening.listen_sockets`; closed at the end.
        stop: set once to stop. Open event streams end at once; after `web_drain_seconds` nothing new is
            taken, and what is in progress is answered.
    """
    settings = service.settings
    table = ConnectionTable(
        ConnectionLimits.within(
            _descriptors(),
            total=settings.web_max_connections,
            per_address=settings.web_max_connections_per_address,
        ),
        TrustedProxies.of(settings.trusted_proxies),
    )
    app = make_app(service)
    config = uvicorn.Config(
        app,
        access_log=False,
        backlog=_ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        http=protocol_class(table),
        log_config=None,
        # What uvicorn logs holds texts of exceptions, and is repeated by anyone who sends nonsense.
        log_level=logging.CRITICAL + 1,
        # uvicorn would believe every proxy on the loopback; `trusted_proxies` decides.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.web_keep_alive_seconds,
        # There are no web sockets here; a library for them would answer requests by itself.
        ws="none",
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        app.state.site.stopping.set()
        server.drain()
        await asyncio.sleep(settings.web_drain_seconds)
        server.stop(patience_seconds=BODY_SECONDS + form_seconds(service))

    # What was made until here lives as long as the process: no collection need look at it again.
    gc.collect()
    gc.freeze()
    watcher = asyncio.create_task(watch())
    try:
        await server.serve(list(listeners))
    finally:
        watcher.cancel()
        close_sockets(listeners)
        await app.state.site.finish()


def _descriptors() -> int:
    """Raise the number of descriptors that this process may open to its hard limit, and return it."""
    try:
        import resource  # noqa: PLC0415 - does not exist on Windows
    except ImportError:
        return 8192
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit of the kernel's
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft > 0 else 2**20
