"""Runs the sandbox: what `proofing sandbox` calls."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from proofing_sandbox.app import make_app, settings_for

__all__ = ["serve", "settings_for"]

_STOP_SECONDS = 1


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the command line, and says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(
    listeners: Sequence[socket.socket],
    *,
    url: str,
    product_url: str,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve on *listeners* until *stop* is set; *url* is where others reach it.

    *ready* is called once connections are taken.
    """
    config = uvicorn.Config(
        make_app(url, product_url),
        access_log=False,
        lifespan="on",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws="none",
    )
    server = _Server(config, ready)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(list(listeners))
    finally:
        watching.cancel()
