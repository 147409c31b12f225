"""Idle threads sleep, and no wake-up is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

from proofing_huey.idle_threads import IdleThreads

_LONG_SECONDS = 60.0


def test_wake_before_wait_is_not_lost() -> None:
    """A thread that looked before the wake-up does not wait after it."""
    idle_threads = IdleThreads()
    generation = idle_threads.generation
    idle_threads.wake(1)
    idle_threads.wait(generation, _LONG_SECONDS)


def test_wake_lets_threads_go() -> None:
    """As many threads continue as were woken, sooner or later all of them."""
    idle_threads = IdleThreads()
    passed = threading.Semaphore(0)

    def look() -> None:
        idle_threads.wait(idle_threads.generation, _LONG_SECONDS)
        passed.release()

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(look)
        for _ in range(4):
            while not passed.acquire(timeout=0.01):
                idle_threads.wake(1)


def test_closed_gate_lets_everybody_pass_until_it_is_opened() -> None:
    """After `close` nobody waits; after `open` they do again."""
    idle_threads = IdleThreads()
    waiting = threading.Thread(target=idle_threads.wait, args=(idle_threads.generation, _LONG_SECONDS))
    waiting.start()
    idle_threads.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
    idle_threads.wait(idle_threads.generation, _LONG_SECONDS)
    idle_threads.open()
    waiting = threading.Thread(target=idle_threads.wait, args=(idle_threads.generation, _LONG_SECONDS))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    idle_threads.wake(1)
    idle_threads.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
