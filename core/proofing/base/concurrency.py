"""Concurrent steps: those that end together, and those that nobody waits for."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

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
