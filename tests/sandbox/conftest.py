"""A sandbox that listens, for clients that know nothing of our tests."""

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

from proofing_sandbox.app import settings_for
from proofing_sandbox.serving import serve


@pytest.fixture
def sandbox():
    """Serve it in a thread of its own; webhooks go to nobody."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ready = threading.Event()
    running = SimpleNamespace(url=url, settings=settings_for(url))

    async def run():
        running.loop, running.stop = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await serve([listener], url=url, product_url="http://127.0.0.1:9", stop=running.stop)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    ready.wait()
    yield running
    running.loop.call_soon_threadsafe(running.stop.set)
    thread.join()
