"""A TCP proxy that fails in every way a network can, to put in front of a dependency in tests.

    async with FaultProxy("127.0.0.1", redis_port) as proxy:
        ...                                       # connect to proxy.port
        await proxy.set(Fault(black_hole=True))   # from now on nothing comes through
        await proxy.set(NO_FAULT)                 # healed

A fault holds for open connections as well as for new ones.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_PIECE_BYTES = 64 * 1024
#: SO_LINGER on with 0 s: closing sends RST instead of FIN.
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong; the parts add up.

    Attributes:
        latency_seconds: each piece comes this much later, in both directions.
        answer_latency_seconds: the same, from the server only; timers are no finer than a millisecond, so a
            short round trip is delayed once.
        slice_bytes: pieces are cut into slices of this size, each with its own latency.
        bytes_per_second: in each direction.
        cut_after_bytes: from the server; then the connection ends as if done.
        reset: connections are reset, old and new.
        black_hole: connections are taken, and nothing comes through, nor an end; when healed, what was held
            back arrives late.
        is_down: nobody listens, and open connections are closed.
    """

    latency_seconds: float = 0.0
    answer_latency_seconds: float = 0.0
    slice_bytes: int | None = None
    bytes_per_second: float | None = None
    cut_after_bytes: int | None = None
    reset: bool = False
    black_hole: bool = False
    is_down: bool = False


NO_FAULT = Fault()


class FaultProxy:
    """Passes connections on to one server, under the fault that is set.

    Args:
        host: of the server.
        port: of the server.

    Attributes:
        port: of the proxy on loopback; the same while it lives.
        connections: how many have been taken so far.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._fault = NO_FAULT
        self._changed = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop_listening()
        await self._end_connections(reset=False)

    async def set(self, fault: Fault) -> None:
        """Let *fault* hold from now on."""
        self._fault = fault
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if fault.is_down:
            await self._stop_listening()
        elif self._listener is None:
            await self._listen()
        if fault.is_down or fault.reset:
            await self._end_connections(reset=fault.reset)

    async def _listen(self) -> None:
        """Take connections, on the same port as before."""
        self._listener = await asyncio.start_server(self._take, self.host, self.port, reuse_address=True)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        """Take no more connections."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    async def _end_connections(self, *, reset: bool) -> None:
        """End all connections, and their tasks."""
        for writer in list(self._writers):
            _end(writer, reset=reset)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection from a client."""
        self.connections += 1
        self._start(self._serve(reader, writer))

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run *work* in a task that `_end_connections` knows."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client with the server until one of them has had enough."""
        self._writers.add(writer)
        server_writer: asyncio.StreamWriter | None = None
        try:
            if self._fault.reset:
                _end(writer, reset=True)
                return
            while self._fault.black_hole:
                await self._changed.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            self._writers.add(server_writer)
            pumps = [
                self._start(self._pump(reader, server_writer, is_answer=False)),
                self._start(self._pump(server_reader, writer, is_answer=True)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
        except OSError:
            _end(writer, reset=True)
        finally:
            for end in (writer, server_writer):
                if end is not None:
                    self._writers.discard(end)
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        """Pass bytes on, one piece after another, as the fault has it at the time."""
        passed = 0
        with contextlib.suppress(OSError):
            while piece := await reader.read(self._fault.slice_bytes or _PIECE_BYTES):
                while self._fault.black_hole:
                    await self._changed.wait()
                fault = self._fault
                seconds = fault.latency_seconds + (fault.answer_latency_seconds if is_answer else 0.0)
                if fault.bytes_per_second:
                    seconds += len(piece) / fault.bytes_per_second
                if seconds:
                    await asyncio.sleep(seconds)
                cut = fault.cut_after_bytes if is_answer else None
                writer.write(piece if cut is None else piece[: max(0, cut - passed)])
                await writer.drain()
                passed += len(piece)
                if cut is not None and passed >= cut:
                    return


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Close a connection abruptly, with RST when *reset*."""
    if reset and (handle := writer.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    writer.transport.abort()
