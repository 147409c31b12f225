"""Steps beside each other, for what must be undone when one of them fails."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


async def all_ended(steps: Iterable[Awaitable[AnswerT]]) -> list[AnswerT]:
    """Do all *steps* beside each other and return their answers in order.

    Raises the first failure, but only when all have ended: what is undone then stays undone.
    """
    answers: list[AnswerT] = []
    for answer in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    return answers
