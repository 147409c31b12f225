"""Concurrent steps: those that end together, and those that nobody waits for."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn, TypeVar

from proofing.base.logs import get_logger, log

_logger = get_logger(__name__)
#: By how much the interval of `run_regularly` varies, either way, as a share of it.
JITTER = 0.1
AnswerT = TypeVar("AnswerT")


async def gather_settled(steps: Iterable[Awaitable[AnswerT]]) -> list[AnswerT]:
    """Do all *steps* concurrently and return their answers in order.

    Raises the first failure, but only when all have ended: what is undone then stays undone.
    """
    answers: list[AnswerT] = []
    steps = tuple(steps)
    if len(steps) == 1:
        return [await steps[0]]
    for answer in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    return answers


class Background:
    """Steps that continue when nobody waits for them anymore."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: set[asyncio.Future[Any]] = set()

    def begin(self, step: Awaitable[AnswerT]) -> "asyncio.Future[AnswerT]":
        """Begin *step*, and return what to await for its answer."""
        task = asyncio.ensure_future(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def pending(self) -> list["asyncio.Future[Any]"]:
        """Return what continues."""
        return list(self._tasks)

    async def close(self) -> None:
        """Cancel what continues, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_regularly(seconds: float, chore: Callable[[], Awaitable[None]]) -> NoReturn:
    """Do *chore* now and every *seconds*, jittered so that processes do not march in step."""
    while True:
        started = time.monotonic()
        try:
            await chore()
        except Exception as error:  # noqa: BLE001 - a failing chore must end neither the others nor the process
            log(_logger, "background_task_failed", level=logging.WARNING, error=type(error).__name__)
        jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        await asyncio.sleep(max(0.0, seconds * jitter - (time.monotonic() - started)))
