"""Serves the sample site with uvicorn until told to stop; what `proofing demo` starts."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from proofing_demo.config import CALLBACK_PATH, OUTCOME_PATH, WEBHOOK_PATH, DemoConfig
from proofing_demo.site import make_site

__all__ = ["CALLBACK_PATH", "OUTCOME_PATH", "WEBHOOK_PATH", "DemoConfig", "serve"]


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(config: DemoConfig, listeners: Sequence[socket.socket], *, stop: asyncio.Event) -> None:
    """Serve the site of *config* on bound sockets until *stop* is set."""
    server = _Server(
        uvicorn.Config(
            make_site(config),
            access_log=False,
            log_config=None,
            # What uvicorn logs may hold URLs.
            log_level=logging.CRITICAL + 1,
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="none",
        )
    )

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watcher = asyncio.create_task(watch())
    try:
        await server.serve(list(listeners))
    finally:
        watcher.cancel()
