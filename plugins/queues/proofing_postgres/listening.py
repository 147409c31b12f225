"""Wake-ups: one connection that listens, tried with pings, made again when it goes silent.

A notification only ever saves time: after every (re)connection the worker looks for itself, and it polls.
The socket is read by the event loop directly, so that the connection stays free for other statements.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from psycopg import AsyncConnection

from proofing.plugin import QueueUnavailableError, get_logger, log
from proofing.plugin.support import Backoff, jittered
from proofing_postgres.connections import ReconnectingConnection, Row, connect_options
from proofing_postgres.settings import PostgresSettings

#: Jobs became ready in the queue that the payload names.
JOBS_CHANNEL = "proofing_jobs"
#: A job with a delay came into the queue that the payload names.
DUE_CHANNEL = "proofing_due"
#: A running job of the queue that the payload names was canceled.
CANCEL_CHANNEL = "proofing_cancel"

_FIRST_WAIT_SECONDS = 0.1
_MOST_WAIT_SECONDS = 5.0
_ECHO_SECONDS = 3.0

_logger = get_logger(__name__)


class Listener:
    """Listens until canceled.

    Args:
        settings: the plugin's.
        pinger: another connection, over which pings are sent.
        on_wake: called with channel and queue name for each notification.
        on_connect: called after every successful LISTEN.

    Attributes:
        is_healthy: whether notifications arrive, according to the last ping.
    """

    def __init__(
        self,
        settings: PostgresSettings,
        pinger: ReconnectingConnection,
        on_wake: Callable[[str, str], None],
        on_connect: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._pinger = pinger
        self._on_wake = on_wake
        self._on_connect = on_connect
        self._echo = asyncio.Event()
        self._broken = asyncio.Event()
        self._ping_channel = f"proofing_ping_{random.getrandbits(60):x}"
        self.is_healthy = False

    async def run(self) -> None:
        """Listen, forever; what breaks is made again with growing, jittered waits."""
        backoff = Backoff(_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS)
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever a library raises: listen again
                if self.is_healthy:
                    backoff.reset()
                self.is_healthy = False
                log(_logger, "listener_broken", level=logging.WARNING, error=type(error).__name__)
            await backoff.sleep()

    async def _listen(self) -> None:
        """Connect, listen, and ping until something is wrong."""
        loop = asyncio.get_running_loop()
        connection: AsyncConnection[Row]
        async with asyncio.timeout(self._settings.timeout_seconds):
            connection = await AsyncConnection.connect(autocommit=True, **connect_options(self._settings))
        socket = connection.fileno()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                for channel in (JOBS_CHANNEL, DUE_CHANNEL, CANCEL_CHANNEL, self._ping_channel):
                    await connection.execute(f'listen "{channel}"')
            self._broken.clear()
            loop.add_reader(socket, self._read, connection, socket)
            self._on_connect()
            while True:
                await self._ping()
                self.is_healthy = True
                if await _is_set_within(self._broken, jittered(self._settings.ping_seconds)):
                    raise QueueUnavailableError("the listening connection ended")
        finally:
            loop.remove_reader(socket)
            await connection.close()

    async def _ping(self) -> None:
        """Send a ping over another connection and wait for its echo here.

        Raises:
            QueueUnavailableError: none came; the channel is dead however alive its connection looks.
        """
        self._echo.clear()
        await self._pinger.run("notify", (self._ping_channel, ""))
        if not await _is_set_within(self._echo, _ECHO_SECONDS):
            raise QueueUnavailableError("the wake-up channel is silent")

    def _read(self, connection: AsyncConnection[Row], socket: int) -> None:
        """Take what has arrived; called by the event loop."""
        pgconn = connection.pgconn
        try:
            pgconn.consume_input()
            while (notification := pgconn.notifies()) is not None:
                self._take(notification.relname.decode(), notification.extra.decode())
        except Exception:  # noqa: BLE001 - nobody above would stop the event loop from asking again
            asyncio.get_running_loop().remove_reader(socket)
            self._broken.set()
            # Noticed now, not after the next ping.
            self._echo.set()

    def _take(self, channel: str, queue_name: str) -> None:
        """Pass one notification on."""
        if channel == self._ping_channel:
            self._echo.set()
        else:
            self._on_wake(channel, queue_name)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for *event*, and return whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
