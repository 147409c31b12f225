"""Many hostile connections against one server, from processes of their own; for tests and benches.

    python -m proofing_devtools.flood KIND PORT COUNT FIRST ADDRESSES < REQUEST

Each connection is opened again a second after it was closed. Source addresses are of 127.0.0.0/8, which
Linux has all of; elsewhere they must be made first. A line of JSON per second on standard output reports.
"""

import asyncio
import contextlib
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from proofing.testing.processes import start_process

_PAUSE_SECONDS = 1.0
#: Connections that one process opens per second; the attacker must not be what is measured.
_OPENED_PER_SECOND = 400
_RESERVED_DESCRIPTORS = 100
_PATIENCE_SECONDS = 300.0


class Hostility(StrEnum):
    """What the connections do."""

    #: Nothing.
    SILENT = "silent"
    #: Send half a header, and nothing more.
    HALF_HEADER = "half_header"
    #: Send a header byte by byte, one a second.
    DRIBBLING_HEADER = "dribbling_header"
    #: Send the whole request and keep the response: event streams.
    REQUEST = "request"
    #: Send the request's head and then its body byte by byte, one a second.
    SLOW_BODY = "slow_body"
    #: Ask for much, and for more every second, and read no answer.
    UNREAD_ANSWERS = "unread_answers"


_HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: "
_DRIBBLES = frozenset({Hostility.DRIBBLING_HEADER, Hostility.SLOW_BODY})
#: So many requests at once that their answers fit into no system's buffers.
_PIPELINED = 500
#: What the system keeps for a connection that reads nothing.
_RECEIVE_BYTES = 2048


@dataclass(slots=True)
class Report:
    """What the connections of a flood have seen.

    Attributes:
        opened: connections that were opened, again and again.
        open: those that are open.
        closed: those that the server closed, or never took.
    """

    opened: int = 0
    open: int = 0
    closed: int = 0


def hostile_request(kind: Hostility, *, job: str, session_id: str) -> bytes:
    """Return what connections of *kind* send: a stream's or a file's request, or the head of a form post."""
    if kind is Hostility.REQUEST:
        lines = [f"GET /api/jobs/{job}/events HTTP/1.1"]
    elif kind is Hostility.SLOW_BODY:
        form = "Content-Type: application/x-www-form-urlencoded"
        lines = ["POST /exit HTTP/1.1", "Sec-Fetch-Site: same-origin", form, "Content-Length: 60000"]
    elif kind is Hostility.UNREAD_ANSWERS:
        lines = ["GET /static/x/style.css HTTP/1.1"]
    else:
        return b""
    return "\r\n".join([*lines, "Host: localhost", f"Cookie: proofing={session_id}", "", ""]).encode()


class Flood:
    """Running processes that hold hostile connections."""

    def __init__(self, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
        """Follow *processes*."""
        self._processes = processes

    def report(self) -> Report:
        """Wait for the next report of each process, and return their sum."""
        total = Report()
        for process in self._processes:
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("a process of the flood has ended")
            for name, number in json.loads(line).items():
                setattr(total, name, getattr(total, name) + number)
        return total

    def wait_until_tried(self, count: int) -> Report:
        """Wait until *count* connections have been opened or refused, and return the report."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (report := self.report()).opened + report.closed < count:
            if time.monotonic() > deadline:
                raise TimeoutError("the flood did not rise")
        return report


@contextlib.contextmanager
def flood(
    kind: Hostility, port: int, count: int, *, addresses: int = 1, request: bytes = b""
) -> Iterator[Flood]:
    """Hold *count* hostile connections to *port* of the loopback for the length of the block.

    Args:
        kind: what they do.
        port: of the server.
        count: how many; spread over as many processes as the limit of open files demands.
        addresses: from how many source addresses.
        request: head of the request, for the kinds that send one.
    """
    room = max(1, _raise_descriptors() - _RESERVED_DESCRIPTORS)
    shares = math.ceil(count / room)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for share in range(shares):
            mine = count // shares + (share < count % shares)
            numbers = [str(number) for number in (port, mine, share * room, addresses)]
            command = [sys.executable, "-m", "proofing_devtools.flood", kind.value, *numbers]
            process = start_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            processes.append(process)
            assert process.stdin
            process.stdin.write(request)
            process.stdin.close()
        yield Flood(processes)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            if process.stdout:
                process.stdout.close()


def source_address(number: int, addresses: int) -> str:
    """Return the source address of connection *number*: one of 127.1.0.0/16."""
    place = number % addresses
    return f"127.1.{place // 250}.{1 + place % 250}"


class _Connection(asyncio.Protocol):
    """One connection: counts itself, and notes its end."""

    def __init__(
        self, report: Report, first: bytes, ended: "asyncio.Future[None]", *, reads: bool = True
    ) -> None:
        self._report = report
        self._first = first
        self._ended = ended
        self._reads = reads

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what the kind begins with."""
        self._report.opened += 1
        self._report.open += 1
        if not self._reads:
            transport.pause_reading()  # type: ignore[attr-defined] # a read transport
            handle: socket.socket = transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        if self._first:
            transport.write(self._first)  # type: ignore[attr-defined] # a write transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Note the end."""
        self._report.open -= 1
        self._report.closed += 1
        if not self._ended.done():
            self._ended.set_result(None)


async def _hold(kind: Hostility, port: int, source: str, request: bytes, report: Report) -> None:
    """Hold one connection, and open it again when the server closes it."""
    loop = asyncio.get_running_loop()
    first = {
        Hostility.SILENT: b"",
        Hostility.HALF_HEADER: _HALF,
        Hostility.DRIBBLING_HEADER: _HALF,
        Hostility.UNREAD_ANSWERS: request * _PIPELINED,
    }.get(kind, request)
    # Anyone who reads nothing learns of the end by writing.
    more = request if kind is Hostility.UNREAD_ANSWERS else b"x" if kind in _DRIBBLES else b""
    reads = kind is not Hostility.UNREAD_ANSWERS
    while True:
        ended: asyncio.Future[None] = loop.create_future()
        try:
            transport, _ = await loop.create_connection(
                lambda ended=ended: _Connection(report, first, ended, reads=reads),  # type: ignore[misc] # a default
                "127.0.0.1",
                port,
                local_addr=(source, 0),
            )
        except OSError:
            report.closed += 1
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        while not ended.done():
            if more:
                transport.write(more)
                await asyncio.wait({ended}, timeout=_PAUSE_SECONDS)
            else:
                await ended
        transport.close()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _run(kind: Hostility, numbers: Sequence[int], request: bytes) -> None:
    """Open the connections one after the other, hold them, and report."""
    port, count, first, addresses = numbers
    report = Report()
    held: list[asyncio.Task[None]] = []
    while True:
        for _ in range(min(_OPENED_PER_SECOND, count - len(held))):
            source = source_address(first + len(held), addresses)
            held.append(asyncio.create_task(_hold(kind, port, source, request, report)))
            await asyncio.sleep(1 / _OPENED_PER_SECOND)
        await asyncio.sleep(_PAUSE_SECONDS)
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
        sys.stdout.flush()


def _raise_descriptors() -> int:
    """Raise the limit of open files to its hard value, and return it."""
    import resource  # noqa: PLC0415 - does not exist on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard > 0 else 2**20


def main(arguments: Sequence[str]) -> None:
    """Hold connections until killed."""
    kind, *numbers = arguments
    _raise_descriptors()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(_run(Hostility(kind), [*map(int, numbers)], sys.stdin.buffer.read()))


if __name__ == "__main__":
    main(sys.argv[1:])
