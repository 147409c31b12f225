"""Concurrent steps end together, whatever becomes of one of them."""

import asyncio

import pytest

from proofing.base.concurrency import gather_settled


async def answer(value):
    """Return *value*, or raise it."""
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


@pytest.mark.parametrize("values", [[], [1], [1, 2, 3]])
async def test_answers_come_in_order(values):
    """Of as many steps as there are."""
    assert await gather_settled(answer(value) for value in values) == values


@pytest.mark.parametrize("others", [0, 2])
async def test_a_failure_is_raised_when_all_have_ended(others):
    """What is undone then is not done again behind our back."""
    ended = []

    async def late(number):
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ValueError, match="first"):
        await gather_settled([answer(ValueError("first")), *map(late, range(others))])
    assert ended == list(range(others))
