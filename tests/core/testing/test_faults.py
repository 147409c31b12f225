"""The fault proxy fails as told, for connections old and new, and heals."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.processes import free_port


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """Give a proxy before a server that answers each line with itself."""
    writers = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()
    for writer in writers:
        writer.close()


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to the proxy."""
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def echo_one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes = b"hello"
) -> bytes:
    """Send one line and return what comes back."""
    writer.write(text + b"\n")
    return await asyncio.wait_for(reader.readline(), 5.0)


async def test_without_fault_everything_passes(proxy: FaultProxy) -> None:
    """Bytes pass in both directions, however many."""
    async with connected(proxy) as pair:
        assert await echo_one(*pair) == b"hello\n"
        assert await echo_one(*pair, b"x" * 60_000) == b"x" * 60_000 + b"\n"
    assert proxy.connections == 1


async def test_latency_is_added_both_ways(proxy: FaultProxy) -> None:
    """An answer takes at least twice the latency."""
    await proxy.set(Fault(latency_seconds=0.05))
    async with connected(proxy) as pair:
        started = time.monotonic()
        assert await echo_one(*pair) == b"hello\n"
        assert time.monotonic() - started >= 0.1


async def test_answers_alone_can_be_late(proxy: FaultProxy) -> None:
    """What the client sends is not held back."""
    await proxy.set(Fault(answer_latency_seconds=0.05))
    async with connected(proxy) as pair:
        started = time.monotonic()
        assert await echo_one(*pair) == b"hello\n"
        assert time.monotonic() - started >= 0.05


async def test_slices_and_rate_slow_down_without_loss(proxy: FaultProxy) -> None:
    """All bytes come, later."""
    await proxy.set(Fault(slice_bytes=7, bytes_per_second=2_000))
    async with connected(proxy) as pair:
        started = time.monotonic()
        assert await echo_one(*pair, b"y" * 200) == b"y" * 200 + b"\n"
        assert time.monotonic() - started >= 0.1


async def test_reset_ends_old_and_new_connections(proxy: FaultProxy) -> None:
    """Both see ECONNRESET; after healing all is well."""
    async with connected(proxy) as old:
        assert await echo_one(*old) == b"hello\n"
        await proxy.set(Fault(reset=True))
        with pytest.raises(ConnectionResetError):
            await echo_one(*old)
    async with connected(proxy) as new:
        with pytest.raises(ConnectionResetError):
            await echo_one(*new)
    await proxy.set(NO_FAULT)
    async with connected(proxy) as healed:
        assert await echo_one(*healed) == b"hello\n"


async def test_black_hole_swallows_until_healed(proxy: FaultProxy) -> None:
    """Nothing comes, not even an end; after healing what was sent arrives."""
    async with connected(proxy) as old:
        assert await echo_one(*old) == b"hello\n"
        await proxy.set(Fault(black_hole=True))
        async with connected(proxy) as new:
            for _, writer in (old, new):
                writer.write(b"late\n")
            reads = [asyncio.create_task(reader.readline()) for reader, _ in (old, new)]
            done, _ = await asyncio.wait(reads, timeout=0.1)
            assert not done
            await proxy.set(NO_FAULT)
            assert await asyncio.gather(*reads) == [b"late\n", b"late\n"]


async def test_cut_ends_the_connection_after_so_many_bytes(proxy: FaultProxy) -> None:
    """The client gets a beginning and then the end."""
    await proxy.set(Fault(cut_after_bytes=3))
    async with connected(proxy) as (reader, writer):
        writer.write(b"hello\n")
        assert await asyncio.wait_for(reader.read(), 5.0) == b"hel"


async def test_down_refuses_and_comes_back_on_its_port(proxy: FaultProxy) -> None:
    """Nobody listens; afterward somebody does again."""
    port = proxy.port
    async with connected(proxy) as old:
        assert await echo_one(*old) == b"hello\n"
        await proxy.set(Fault(is_down=True))
        with contextlib.suppress(ConnectionError):
            assert await echo_one(*old) == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(proxy.host, port)
    await proxy.set(NO_FAULT)
    assert proxy.port == port
    async with connected(proxy) as healed:
        assert await echo_one(*healed) == b"hello\n"


async def test_a_dead_server_behind_it_is_a_reset() -> None:
    """Clients of the proxy notice that the server is not there."""
    async with FaultProxy("127.0.0.1", free_port()) as proxy, connected(proxy) as pair:
        with pytest.raises(ConnectionResetError):
            await echo_one(*pair)
