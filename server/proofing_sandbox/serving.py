"""Runs the sandbox: what `proofing sandbox` calls."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from proofing_sandbox.app import make_app, settings_for

__all__ = ["serve", "settings_for"]

_STOP_SECONDS = 1


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(
    listeners: Sequence[socket.socket], *, url: str, product_url: str, stop: asyncio.Event
) -> None:
    """Serve on *listeners* until *stop* is set; *url* is where others reach it."""
    config = uvicorn.Config(
        make_app(url, product_url),
        access_log=False,
        lifespan="on",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws="none",
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(list(listeners))
    finally:
        watching.cancel()
