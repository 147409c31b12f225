"""The forward proxy of the tests: it carries what is for it, keeps connections, and notes each request."""

import asyncio

import httpx
import pytest

from proofing.testing.waiting import eventually
from proofing_devtools.forward_proxy import ForwardProxy, Front

LARGE = bytes(3_000_000)


class Echo:
    """A server that answers with what came.

    Attributes:
        connections: how many were made.
    """

    def __init__(self):
        self.connections = 0
        self.heads = []

    async def serve(self, reader, writer):
        """Answer all requests of one connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head.splitlines())
                length = next(
                    (line for line in head.lower().splitlines() if line.startswith("content-length")), "0:0"
                )
                body = await reader.readexactly(int(length.split(":")[1]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def echo():
    """The server, and its port."""
    made = Echo()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


async def test_it_carries_whole_urls_over_connections_that_stay(echo):
    """The server gets a path, and no password of the proxy; the name exists for the proxy alone."""
    async with ForwardProxy(routes={"vendor.example": echo.port}) as proxy:
        url = proxy.url.replace("//", "//user:word@")
        async with httpx.AsyncClient(proxy=url, trust_env=False) as client:
            for body in (b"one", LARGE, b""):
                answer = await client.post("http://vendor.example/a?b=c", content=body)
                assert answer.content == body
    assert proxy.carried == [("POST", "vendor.example", "/a?b=c")] * 3
    assert echo.connections == 1
    for head in echo.heads:
        assert head[0] == "POST /a?b=c HTTP/1.1"
        assert "Via: 1.1 proofing-devtools" in head
        assert not [line for line in head if line.lower().startswith("proxy-")]


async def test_it_opens_tunnels(echo):
    """Which carry anything."""
    place = f"127.0.0.1:{echo.port}"
    async with ForwardProxy() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        request = "GET /x HTTP/1.1\r\n\r\n"
        writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n{request}".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        writer.close()
    assert proxy.carried == [("CONNECT", place, "")]
    assert echo.heads == [["GET /x HTTP/1.1", ""]]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /path HTTP/1.1\r\n", b"400"),
        ("GET http://127.0.0.1:1/ HTTP/1.1\r\n", b"502"),
        ("CONNECT 127.0.0.1:1 HTTP/1.1\r\n", b"502"),
        ("POST http://vendor.example/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (f"GET http://vendor.example/{'x' * 70_000}", b"431"),
    ],
)
async def test_what_it_does_not_carry(request_line, status):
    """It says so, and hangs up."""
    async with ForwardProxy() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(request_line.encode() + (b"\r\n" if len(request_line) < 1000 else b""))
        assert (await reader.read()).split()[1] == status
        writer.close()


async def test_a_front_passes_on_what_is_for_no_proxy(echo):
    """It notes that, too."""
    async with Front(onward=echo.port) as front:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(f"{front.url}/page", content=b"x")).content == b"x"
        async with httpx.AsyncClient(proxy=front.url, trust_env=False) as client:
            assert (await client.get("http://vendor.example/page")).status_code == 400
    assert front.carried == [("POST", "", "/page")]


async def test_a_client_that_leaves_ends_the_connection_onward():
    """And a server that hangs up ends the client's."""
    left = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if await reader.read(1) == b"":
            left.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, ForwardProxy() as proxy:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        line = f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nContent-Length: 1\r\n\r\n".encode()
        writer.write(line)
        await writer.drain()
        await eventually(lambda: proxy.carried)
        writer.close()
        async with asyncio.timeout(10):
            await left.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(line + b"x")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
