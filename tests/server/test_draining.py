"""A web process that stops: its balancer takes it out first, and anyone who was being served is answered."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn

from proofing.base.listening import listen_sockets
from proofing.testing.processes import free_port
from proofing_devtools.web_process import get
from proofing_server import bodies
from proofing_server.serving import serve


async def is_closed(port):
    """Return whether nobody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


@asynccontextmanager
async def serving(site):
    """Serve *site* as `proofing web` does; give its port, the event that stops it, and the task."""
    port, stop = free_port(), asyncio.Event()
    task = asyncio.create_task(serve(site.service, listen_sockets("127.0.0.1", port), stop=stop))
    while await is_closed(port):
        assert not task.done(), task.exception()
    try:
        yield port, stop, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_draining_process_serves_on_and_asks_to_be_taken_out(start):
    """New connections too: the balancer does not know yet. Each is used once."""
    async with start(web_drain_seconds="600") as site, serving(site) as (port, stop, task):
        assert (await get(port, "/healthz"))[0] == 200
        stop.set()
        while (await get(port, "/healthz"))[0] != 503:
            pass
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await reader.read()  # to its end: the server closes
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        assert not task.done()


async def test_a_drain_ends(start):
    """By itself, after web_drain_seconds."""
    async with start(web_drain_seconds="0.2") as site, serving(site) as (port, stop, task):
        stop.set()
        await task
        assert await is_closed(port)


@pytest.mark.parametrize(("switch", "job_seconds"), [("true", 0.0), ("false", 55.0)])
async def test_who_is_being_served_is_answered(start, monkeypatch, switch, job_seconds):
    """A stop waits as long as a form may take: with jobs inside the request, as long as a job."""
    patience = []
    shutdown = uvicorn.Server.shutdown

    async def noted(self, sockets=None):
        patience.append(self.config.timeout_graceful_shutdown)
        await shutdown(self, sockets)

    monkeypatch.setattr(uvicorn.Server, "shutdown", noted)
    async with start(ruby_workers_idv_enabled=switch) as site, serving(site) as (_port, stop, task):
        stop.set()
        await task
    (seconds,) = patience
    assert seconds > bodies.BODY_SECONDS + job_seconds
