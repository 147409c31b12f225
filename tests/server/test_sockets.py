"""Hostile senders on real connections: too much, too slow, half, nothing."""

import asyncio
import contextlib
import resource
import socket

import pytest
import uvicorn

from proofing_server import bodies

HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"


@pytest.fixture
async def port(site):
    """The application behind uvicorn, as `proofing web` runs it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(site.app, access_log=False, log_config=None, timeout_graceful_shutdown=1)
    )
    server.capture_signals = contextlib.nullcontext
    serving = asyncio.create_task(server.serve([listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


async def exchange(port, *pieces):
    """Send *pieces* and return what comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def kilobytes():
    """Return the highest memory use of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_260_megabytes(port):
    """A declared length over the cap is refused at once; an undeclared one when the cap is reached."""
    before = kilobytes()
    declared = HEAD % b"/reports/csp" + b"Content-Length: 272629760\r\n\r\n"
    answer = await exchange(port, declared)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = HEAD % b"/reports/csp" + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(port, head, *[piece] * 4160)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert kilobytes() - before < 16 * 1024


@pytest.mark.parametrize("path", [b"/reports/csp", b"/ssn", b"/api/uploads", b"/uploads/captures/x"])
async def test_half_sent_bodies_are_closed(port, path, monkeypatch):
    """A body that stops in the middle ends the connection, whether anybody reads it or not."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    method = b"PUT" if path.startswith(b"/uploads") else b"POST"
    head = (HEAD % path).replace(b"POST", method, 1)
    head += b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    answers = await asyncio.gather(*[exchange(port, head) for _ in range(50)])
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert {answer.split()[1] for answer in answers} <= {b"408", b"303", b"401", b"400", b"403", b"404"}


async def test_silent_clients_disturb_nobody(port):
    """Hundreds of connections that say nothing leave the pages as they were."""
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    answer = await exchange(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    for _, writer in silent:
        writer.close()


async def test_malformed_requests(port):
    """What is no HTTP is answered with 400 by the server, and the connection ends."""
    for request in (b"\x16\x03\x01\x02\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
        answer = await exchange(port, request)
        assert answer.startswith(b"HTTP/1.1 400")
