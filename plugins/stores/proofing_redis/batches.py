"""Commands that are requested at the same moment travel together: one round trip for all of them.

A caller that wants two things at once asks for both and waits for both (`asyncio.gather`); nothing else is
needed. With the commands goes, once a second at most, a question for the server's time, by which all ages are
judged.
"""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError, ResponseError

from proofing.plugin import StoreUnavailableError

Client = Redis | RedisCluster
Call = Callable[[Callable[[Client], Awaitable[Any]]], Awaitable[Any]]
Command = tuple[str | bytes | float, ...]

#: Commands of one round trip; more are sent in several.
_BATCH = 100
#: Turns of the event loop for which what is requested is collected: concurrent steps are tasks, some
#: of which begin others.
_TURNS = 4
#: How long the server's time is followed by our monotonic clock before it is asked again.
_FRESH_SECONDS = 1.0


class ServerClock:
    """The server's clock, as it follows from its last answer and our monotonic clock."""

    def __init__(self, *, here: Callable[[], float] = time.monotonic) -> None:
        """Follow the server with *here*, seconds since any moment."""
        self.here = here
        self._ahead = time.time() - here()
        self._asked: float | None = None

    def now(self) -> float:
        """Return the server's time in seconds since the epoch."""
        return self.here() + self._ahead

    @property
    def is_old(self) -> bool:
        """Whether the server should be asked again."""
        return self._asked is None or self.here() - self._asked > _FRESH_SECONDS

    def note(self, answer: Any, asked: float) -> float:
        """Take the server's *answer* to TIME (seconds, microseconds), *asked* at that moment of `here`."""
        seconds, microseconds = answer
        server_now = float(seconds) + float(microseconds) / 1e6
        # The answer was made between the question and now; the middle is off by half of that at most.
        self._ahead = server_now - (asked + self.here()) / 2
        self._asked = asked
        return server_now


class Batches:
    """Sends what was requested in one turn of the event loop."""

    def __init__(self, call: Call, clock: ServerClock) -> None:
        """Send by *call*, which holds the deadline and translates errors; keep *clock* right."""
        self._call = call
        self._clock = clock
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, *command: str | bytes | float) -> Any:
        """Return the server's answer.

        Raises:
            StoreUnavailableError: there is none, or it is an error.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._collect, loop, _TURNS)
        return await answer

    def _collect(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        """Send after so many more *turns* of the *loop*."""
        if turns:
            loop.call_soon(self._collect, loop, turns - 1)
        else:
            self._send()

    def _send(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _BATCH):
            # A task of its own: one who stops waiting takes nobody's answer away.
            task = asyncio.create_task(self._pass(waiting[start : start + _BATCH]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _pass(self, batch: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        """Send one batch and hand out the answers."""
        commands = [command for command, _ in batch]
        asks_time = self._clock.is_old
        asked = self._clock.here()
        try:
            answers = await self._call(partial(_execute, commands, asks_time=asks_time))
            if asks_time and not isinstance(answers[-1], Exception):
                self._clock.note(answers[-1], asked)
        except asyncio.CancelledError:
            _hand_out(batch, [StoreUnavailableError("the result store (redis) is being closed")] * len(batch))
            raise
        except Exception as error:  # noqa: BLE001 - anyone who waits must learn of it, whatever it is
            answers = [error] * len(batch)
        translated = [
            await self._translate(answer) if isinstance(answer, RedisError) else answer for answer in answers
        ]
        _hand_out(batch, translated)

    async def _translate(self, error: RedisError) -> Exception:
        """Let the seam translate the *error* of one command."""

        async def fail(_client: Client) -> None:
            raise error

        try:
            await self._call(fail)
        except StoreUnavailableError as translated:
            return translated
        return error


def _hand_out(batch: list[tuple[Command, asyncio.Future[Any]]], answers: list[Any]) -> None:
    """Give each who still waits its answer or error."""
    for (_, future), answer in zip(batch, answers, strict=False):
        if future.done():
            continue
        if isinstance(answer, StoreUnavailableError):
            # One error for each who waits: a traceback grows wherever it is raised.
            future.set_exception(copy.copy(answer))
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


async def _execute(commands: list[Command], client: Client, *, asks_time: bool) -> list[Any]:
    """Return the answers, or errors, of *commands*, and of TIME behind them if that is requested.

    Over a connection of the pool, without redis-py's pipeline: that makes objects, callbacks and measurements
    for each batch, which cost the process more than packing and parsing.
    """
    sent = [*commands, ("TIME",)] if asks_time else commands
    assert isinstance(client, Redis)  # noqa: S101 - a cluster has no batches: its keys lie on several servers
    pool = client.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    answers: list[Any] = []
    try:
        # Both close the connection when they do not come to their end: nobody reads an answer of another's.
        await connection.send_packed_command(connection.pack_commands(sent))
        for _ in sent:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
    finally:
        await pool.release(connection)
    return answers
