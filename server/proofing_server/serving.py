"""Serves the app with uvicorn until told to stop; what `proofing web` starts."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import uvicorn

from proofing.service import ProofingService
from proofing_server.app import make_app

#: How long open event streams may linger when the server stops.
_GRACE_SECONDS = 5
#: Header bytes that one request may bring.
_MAX_HEADER_BYTES = 32 * 1024


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
        log_config=None,
        log_level=logging.WARNING,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
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
