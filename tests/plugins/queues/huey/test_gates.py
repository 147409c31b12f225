"""Idle threads wait at the gate, and no wake-up is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

from proofing_huey.gates import Gate

_LONG_SECONDS = 60.0


def test_wake_before_wait_is_not_lost() -> None:
    """A thread that looked before the wake-up does not wait after it."""
    gate = Gate()
    generation = gate.generation
    gate.wake(1)
    gate.wait(generation, _LONG_SECONDS)


def test_wake_lets_threads_go() -> None:
    """As many threads go on as were woken, sooner or later all of them."""
    gate = Gate()
    passed = threading.Semaphore(0)

    def look() -> None:
        gate.wait(gate.generation, _LONG_SECONDS)
        passed.release()

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(look)
        for _ in range(4):
            while not passed.acquire(timeout=0.01):
                gate.wake(1)


def test_closed_gate_lets_everybody_pass_until_it_is_opened() -> None:
    """After `close` nobody waits; after `open` they do again."""
    gate = Gate()
    waiting = threading.Thread(target=gate.wait, args=(gate.generation, _LONG_SECONDS))
    waiting.start()
    gate.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
    gate.wait(gate.generation, _LONG_SECONDS)
    gate.open()
    waiting = threading.Thread(target=gate.wait, args=(gate.generation, _LONG_SECONDS))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.wake(1)
    gate.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
