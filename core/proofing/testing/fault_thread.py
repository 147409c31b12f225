"""Fault proxies on a loop of their own thread, for tests that drive processes or are not async."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from proofing.testing.faults import NO_FAULT, Fault, FaultProxy

ResultT = TypeVar("ResultT")

_CALL_SECONDS = 10.0


class FaultProxies:
    """Proxies by name; see `running_proxies`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run every proxy on *loop*."""
        self._loop = loop
        self._proxies: dict[str, FaultProxy] = {}

    def front(self, name: str, port: int) -> int:
        """Put a proxy called *name* before the server on *port*, and return the port to use in its place."""
        proxy = FaultProxy("127.0.0.1", port)
        self._call(proxy.__aenter__())
        self._proxies[name] = proxy
        return proxy.port

    def set(self, name: str, fault: Fault) -> None:
        """Let *fault* hold for *name* from now on."""
        self._call(self._proxies[name].set(fault))

    def heal(self) -> None:
        """Let everything through again."""
        for name in self._proxies:
            self.set(name, NO_FAULT)

    def close(self) -> None:
        """End all proxies."""
        for proxy in self._proxies.values():
            self._call(proxy.__aexit__(None, None, None))

    def _call(self, step: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Do one step on the loop."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_CALL_SECONDS)


@contextlib.contextmanager
def running_proxies() -> Iterator[FaultProxies]:
    """Run a loop for proxies for the length of the ``with`` block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxies = FaultProxies(loop)
    try:
        yield proxies
    finally:
        proxies.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
