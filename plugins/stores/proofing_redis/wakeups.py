"""Wakes those who wait for a job: one subscription a process, shared by all, with polling as the net.

A waiter costs one small object; it holds no connection, thread or timer of Redis. A message brings the
record; anyone who is woken without one reads it. After each (re)subscription everybody is woken once,
because an end may have been published while nobody listened.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator

from redis.asyncio.client import PubSub

from proofing.plugin import StoreUnavailableError, get_logger, log
from proofing.plugin.support import Backoff
from proofing_redis.connection import RedisConnection

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
#: After this long without a message the subscription is asked whether it still lives.
_QUIET_SECONDS = 5.0

_logger = get_logger(__name__)


class WakeUp(asyncio.Event):
    """Set whenever a record is worth reading.

    Attributes:
        value: of the status key, when a message has brought it.
    """

    value: bytes | None = None


class WakeUps:
    """Passes what happens to jobs from Redis to the waiters of this process.

    Args:
        connection: open.
        channel: on which `finish` and `update` publish result ids and records.
        find_news: returns which of the result ids are worth reading; asked every *poll_seconds*.
        poll_seconds: between two looks at everything that is waited for.
    """

    def __init__(
        self,
        connection: RedisConnection,
        channel: str,
        find_news: Callable[[Collection[str]], Awaitable[Collection[str]]],
        *,
        poll_seconds: float,
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._find_news = find_news
        self._poll_seconds = poll_seconds
        self._waiters: dict[str, set[WakeUp]] = {}
        self._anyone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    def open(self) -> None:
        """Serve waiters, again after `close`."""
        self._is_closed = False

    @contextlib.contextmanager
    def waiting(self, result_id: str) -> Iterator[WakeUp]:
        """Register a waiter; its event is set whenever the record of *result_id* is worth reading."""
        if not self._tasks and not self._is_closed:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]
        event = WakeUp()
        if self._is_closed:
            event.set()
        self._waiters.setdefault(result_id, set()).add(event)
        self._anyone.set()
        try:
            yield event
        finally:
            events = self._waiters[result_id]
            events.discard(event)
            if not events:
                del self._waiters[result_id]
            if not self._waiters:
                self._anyone.clear()

    async def close(self) -> None:
        """End both tasks, and wake all waiters."""
        self._is_closed = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._wake(list(self._waiters))

    def _wake(self, result_ids: Collection[str], value: bytes | None = None) -> None:
        """Set the events of all who wait for *result_ids*, whose record is *value* if that is known."""
        for result_id in result_ids:
            for event in self._waiters.get(result_id, ()):
                event.value = value
                event.set()

    async def _listen(self) -> None:
        """Keep one subscription for as long as the store is open, and renew it when it breaks."""
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            listener = None
            try:
                listener = self._connection.listener()
                async with asyncio.timeout(self._connection.deadline_seconds):
                    await listener.subscribe(self._channel)
                if not backoff.is_first:
                    log(_logger, "result_wakeups_restored", store="redis")
                backoff.reset()
                await self._pass_on(listener)
            except Exception as error:  # noqa: BLE001 - nothing that a library raises may end the wake-ups
                if backoff.is_first:
                    name = type(error).__name__
                    log(_logger, "result_wakeups_lost", level=logging.WARNING, store="redis", error=name)
            finally:
                if listener is not None:
                    await self._close_listener(listener)
            await backoff.sleep()

    async def _pass_on(self, listener: PubSub) -> None:
        """Pass messages on until the subscription breaks.

        Raises:
            TimeoutError: it went silent; or the error of redis-py for a broken connection.
        """
        asked = False
        while True:
            wait_seconds = self._connection.deadline_seconds if asked else _QUIET_SECONDS
            message = await listener.get_message(timeout=wait_seconds)
            if message is None:
                if asked:
                    raise TimeoutError
                async with asyncio.timeout(self._connection.deadline_seconds):
                    await listener.ping()
                asked = True
                continue
            asked = False
            if message["type"] == "subscribe":
                self._wake(list(self._waiters))
            elif message["type"] == "message":
                result_id, _, value = message["data"].partition(b" ")
                self._wake([result_id.decode("utf-8", "replace")], value or None)

    async def _close_listener(self, listener: PubSub) -> None:
        """Give its connection back."""
        with contextlib.suppress(Exception):  # what cannot be closed is left
            async with asyncio.timeout(self._connection.deadline_seconds):
                await listener.aclose()  # type: ignore[no-untyped-call]

    async def _poll(self) -> None:
        """Look up all that is waited for, again and again, for the case that a message gets lost."""
        while True:
            await self._anyone.wait()
            await asyncio.sleep(self._poll_seconds)
            with contextlib.suppress(StoreUnavailableError):
                self._wake(await self._find_news(list(self._waiters)))
