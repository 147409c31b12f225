"""An event loop in a thread of its own, for work that must never hold up the main one, whatever it does."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

AnswerT = TypeVar("AnswerT")


class SideLoop:
    """Started by the first piece of work. Its thread does not keep the process from ending.

    Work that blocks the loop blocks the other work in it, and nothing else; the interpreter lets other
    threads run every few milliseconds.
    """

    def __init__(self, name: str) -> None:
        """Make no thread yet; *name* is that of the thread."""
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, work: Coroutine[Any, Any, AnswerT]) -> "Future[AnswerT]":
        """Begin *work* in the loop; the future may be awaited by `asyncio.wrap_future`, and canceled."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def close(self, *, wait_seconds: float) -> None:
        """End the loop, with what runs in it, and wait for its thread, but not for one that is blocked."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join, wait_seconds)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run *loop* until it is stopped; then cancel what runs in it."""
    try:
        loop.run_forever()
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
