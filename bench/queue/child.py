"""One process of a measure: ``python -m bench.queue.child SYSTEM ROLE DSN NUMBER…``; answers one JSON line.

Processes of their own keep systems apart: event loops, memory, connections, garbage.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.queue.systems import make_system
from bench.queue.systems.base import System


async def drain(system: System, count: int, slots: int) -> dict[str, Any]:
    """Work off *count* waiting jobs that do nothing."""
    stop = asyncio.Event()
    left = count

    def ended() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            stop.set()

    started = time.perf_counter()
    await system.work(slots, None, ended, stop)
    return {"seconds": time.perf_counter() - started}


async def fly(system: System, count: int, slots: int) -> dict[str, Any]:
    """Run *count* jobs of one second each, as many at once as there are slots."""
    stop = asyncio.Event()
    left = count
    finished = 0.0

    async def body() -> None:
        await asyncio.sleep(1)

    def ended() -> None:
        nonlocal left, finished
        left -= 1
        if left == 0:
            finished = time.perf_counter()
            stop.set()

    started = time.perf_counter()
    await system.work(slots, body, ended, stop)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": finished - started, "peak_mb": peak}


async def serve(system: System, slots: int) -> dict[str, Any]:
    """Work until standard input ends, and tell when each job began, by the clock of the machine."""
    began: list[float] = []
    stop = asyncio.Event()

    async def body() -> None:
        began.append(time.clock_gettime(time.CLOCK_MONOTONIC))

    async def wait_for_end() -> None:
        await asyncio.to_thread(sys.stdin.read)
        stop.set()

    waiting = asyncio.create_task(wait_for_end())
    await system.work(slots, body, lambda: None, stop)
    await waiting
    return {"began": began}


async def call(system: System, count: int, pause_ms: int) -> dict[str, Any]:
    """Enqueue one by one, with a pause before each, and tell when each call began and how long all took."""
    await system.enqueue()
    called: list[float] = []
    started = time.perf_counter()
    for _ in range(count):
        if pause_ms:
            await asyncio.sleep(pause_ms / 1000)
        called.append(time.clock_gettime(time.CLOCK_MONOTONIC))
        await system.enqueue()
    return {"called": called, "seconds": time.perf_counter() - started}


async def crowd(system: System, tasks: int, count: int) -> dict[str, Any]:
    """Enqueue from several tasks at once, *count* from each; our pool has a connection for each of four."""

    async def enqueue_all() -> None:
        for _ in range(count):
            await system.enqueue()

    await asyncio.gather(*(system.enqueue() for _ in range(tasks)))
    started = time.perf_counter()
    await asyncio.gather(*(enqueue_all() for _ in range(tasks)))
    return {"seconds": time.perf_counter() - started}


async def fill(system: System, count: int) -> dict[str, Any]:
    """Make the tables if they are missing, and enqueue *count* jobs the fast way."""
    started = time.perf_counter()
    await system.fill(count)
    return {"seconds": time.perf_counter() - started}


async def install(system: System) -> dict[str, Any]:
    """Make the tables."""
    await system.set_up()
    return {}


async def claims(system: System, count: int, slots: int) -> dict[str, Any]:
    """As `drain`, and tell how long each claim took; of our system only."""
    from bench.queue.systems.ours import time_claims  # noqa: PLC0415 - needs our plugin

    durations = time_claims()
    return {**await drain(system, count, slots), "claims": durations}


ROLES: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    role.__name__: role for role in (drain, fly, serve, call, crowd, fill, install, claims)
}


def main() -> None:
    """Play the role that the command line names, and print the result."""
    name, role, dsn, *numbers = sys.argv[1:]
    silent = name == "silent"
    system = make_system("ours" if silent else name, dsn)
    if silent:
        system.is_silent = True  # type: ignore[attr-defined] # only our system has it

    async def play() -> dict[str, Any]:
        try:
            return await ROLES[role](system, *(int(number) for number in numbers))
        finally:
            await system.close()

    if system.uses_uvloop:
        import uvloop  # noqa: PLC0415 - only where its authors recommend it

        answer = uvloop.run(play())
    else:
        answer = asyncio.run(play())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
