"""Blocking calls end for their caller in time, and pass on what they return or raise."""

import threading

import pytest

from proofing.base.threads import BoundedThreads


@pytest.fixture
def threads():
    """Return a pool of one thread with a short deadline."""
    pool = BoundedThreads("test pool", threads=1, timeout_seconds=0.05)
    yield pool
    pool.close()


async def test_answers_and_errors_come_back():
    """Arguments too."""
    pool = BoundedThreads("test pool", threads=1, timeout_seconds=30)
    try:
        assert await pool.run(lambda number, *, add: number + add, 1, add=2) == 3
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 / 0)
        assert (await pool.run(threading.current_thread)).name.startswith("test-pool")
    finally:
        pool.close()


async def test_a_call_that_hangs_or_waits_for_a_thread_ends_in_time(threads):
    """The one that waits never runs."""
    release, ran = threading.Event(), []
    with pytest.raises(TimeoutError):
        await threads.run(release.wait, 30)
    with pytest.raises(TimeoutError):
        await threads.run(ran.append, "too late")
    done = threading.Event()
    threads.later(done.set)
    release.set()
    assert done.wait(30)
    assert ran == []


async def test_a_closed_pool_takes_nothing(threads):
    """`later` forgives it, because it cleans up."""
    threads.close()
    threads.later(print)
    with pytest.raises(RuntimeError):
        await threads.run(print)
