"""A few links for a process that enqueues and looks: opened as needed, shared, closed when nobody uses them.

At the server's limit of connections a new one is refused. A process that holds working ones then waits for
one of those, rather than failing a request.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator

from psycopg.abc import Params

from proofing.plugin import QueueUnavailableError, Trouble
from proofing_postgres.connections import ReconnectingConnection, Row
from proofing_postgres.settings import PostgresSettings

#: After a connection that was refused, no other is tried for so long while an open one works.
_REFUSED_SECONDS = 0.5


class Pool:
    """Makes at most *pool_size* links.

    Args:
        settings: the plugin's.

    Attributes:
        timeout_seconds: after which an exchange is aborted, and how long a link is waited for.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self.timeout_seconds = settings.timeout_seconds
        self._idle_seconds = settings.idle_seconds
        #: Links that nobody uses; those that are open come last, the latest used at the end.
        self._free = deque(
            ReconnectingConnection(settings, {"jit": "off"}, keeps_cursor=True)
            for _ in range(settings.pool_size)
        )
        self._size = settings.pool_size
        #: Links in use that were open when they were given out.
        self._working = 0
        #: Links that are being opened.
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refused_until = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[ReconnectingConnection]:
        """Give a link that nobody uses and that is open, waiting for one within the total deadline.

        Raises:
            QueueUnavailableError: none became free, or none could be opened.
        """
        # A free one right away, and so without a timer, which every enqueue would pay for.
        if self._free and self._free[-1].is_open:
            link = self._free.pop()
        else:
            link = await self._open_or_wait()
        self._working += 1
        try:
            yield link
        finally:
            self._working -= 1
            self._give_back(link)

    async def run(self, name: str, parameters: Params = ()) -> tuple[list[Row], int]:
        """Run the statement *name* on any link; as `ReconnectingConnection.run`."""
        async with self.link() as link:
            return await link.run(name, parameters)

    async def close(self) -> None:
        """Close all links that are not in use."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._closing, *(link.close() for link in self._free))

    async def _open_or_wait(self) -> ReconnectingConnection:
        """Open a link, or wait for one in use when there is none left or the server refuses another.

        Raises:
            QueueUnavailableError: none became free in time, or the server refuses us and we hold none.
        """
        try:
            async with asyncio.timeout(self.timeout_seconds):
                while True:
                    if self._free and (self._free[-1].is_open or self._may_open()):
                        link = self._free.pop()
                        if await self._is_usable(link):
                            return link
                    else:
                        await self._until_given_back()
        except TimeoutError:
            if self._working == 0:
                text = "the PostgreSQL database does not answer in time"
                raise QueueUnavailableError(text, trouble=Trouble.TIMEOUT) from None
            raise QueueUnavailableError("all connections to the PostgreSQL database are busy") from None

    def _may_open(self) -> bool:
        """Return whether a connection may be tried: an open one could be waited for after a refusal."""
        return self._working + self._opening == 0 or time.monotonic() >= self._refused_until

    async def _is_usable(self, link: ReconnectingConnection) -> bool:
        """Open *link*, which nobody else has; false when it was refused and another may be waited for."""
        self._opening += 1
        try:
            await link.open()
        except BaseException as error:
            self._give_back(link)
            is_alone = self._working == 0 and self._opening == 1
            if is_alone or not isinstance(error, QueueUnavailableError):
                raise
            self._refused_until = time.monotonic() + _REFUSED_SECONDS
            return False
        finally:
            self._opening -= 1
        return True

    async def _until_given_back(self) -> None:
        """Wait until a link was returned, or a connection may be tried again."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            # With free links, which cannot be opened now, for no longer than that holds.
            pause = self._refused_until - time.monotonic() if self._free else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await waiter
        except asyncio.CancelledError:
            if waiter not in self._waiting:
                # We were woken in the same turn of the event loop, and cannot go: the next one can.
                self._wake_one()
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _give_back(self, link: ReconnectingConnection) -> None:
        """Take a link back, and wake a waiter."""
        if link.is_open:
            self._free.append(link)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._close_idle)
        else:
            self._free.appendleft(link)
        self._wake_one()

    def _wake_one(self) -> None:
        """Wake the first who waits."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _close_idle(self) -> None:
        """Close links that nobody has used for a while; one timer for all, whatever is enqueued meanwhile."""
        self._timer = None
        is_any_open = self._working > 0
        now = time.monotonic()
        for link in list(self._free):
            if not link.is_open:
                continue
            if now - link.used_at >= self._idle_seconds:
                self._free.remove(link)
                task = asyncio.create_task(self._close_one(link))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            else:
                is_any_open = True
        if is_any_open:
            self._timer = asyncio.get_running_loop().call_later(self._idle_seconds / 2, self._close_idle)

    async def _close_one(self, link: ReconnectingConnection) -> None:
        """Close one link, which is free and not among the free ones meanwhile."""
        try:
            await link.close()
        finally:
            self._give_back(link)
