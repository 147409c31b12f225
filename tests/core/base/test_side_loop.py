"""A loop in a thread of its own: what is done there, what ends it, and what a blocked one holds up."""

import asyncio
import threading
import time

from proofing.base.side_loop import SideLoop
from proofing.testing.waiting import eventually


async def test_work_is_done_in_another_thread():
    """And its answer, or failure, comes back."""
    loop = SideLoop("side")

    async def work():
        return threading.current_thread().name

    async def fail():
        raise KeyError("no")

    assert await asyncio.wrap_future(loop.submit(work())) == "side"
    failed = asyncio.wrap_future(loop.submit(fail()))
    await asyncio.wait([failed])
    assert isinstance(failed.exception(), KeyError)
    await loop.close(wait_seconds=5)
    await loop.close(wait_seconds=5)
    assert "side" not in {thread.name for thread in threading.enumerate()}


async def test_its_end_cancels_what_runs():
    """Which can clean up."""
    loop, begun, cleaned = SideLoop("side"), threading.Event(), threading.Event()

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    loop.submit(work())
    await eventually(begun.is_set)
    await loop.close(wait_seconds=5)
    assert cleaned.is_set()


async def test_a_blocked_loop_holds_up_nobody():
    """Neither the main loop nor its own end, beyond what it is given."""
    loop, free = SideLoop("side"), threading.Event()

    async def block():
        free.wait(30)

    loop.submit(block())
    began = time.monotonic()
    await loop.close(wait_seconds=0.05)
    assert time.monotonic() - began < 10
    free.set()
    await eventually(lambda: "side" not in {thread.name for thread in threading.enumerate()})
