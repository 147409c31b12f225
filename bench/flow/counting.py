"""A proxy that counts round trips: how often a client that spoke is answered before it speaks again."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_PIECE_BYTES = 64 * 1024


class CountingProxy:
    """Passes connections on to a server of loopback, on a thread of its own.

    Attributes:
        port: where it listens.
        round_trips: so far, over all connections.
    """

    def __init__(self, server_port: int) -> None:
        """Stand before the server on *server_port*."""
        self.port = 0
        self.round_trips = 0
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        """Listen for the length of the block, and give the port."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        self._listening.wait()
        try:
            yield self.port
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _run(self) -> None:
        """Serve until the loop is stopped."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._pass, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        asked = False

        async def ask() -> None:
            nonlocal asked
            while piece := await reader.read(_PIECE_BYTES):
                asked = True
                to_server.write(piece)
                await to_server.drain()
            to_server.close()

        async def answer() -> None:
            nonlocal asked
            while piece := await from_server.read(_PIECE_BYTES):
                self.round_trips += asked
                asked = False
                writer.write(piece)
                await writer.drain()
            writer.close()

        with contextlib.suppress(OSError):
            await asyncio.gather(ask(), answer())
