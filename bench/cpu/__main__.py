"""CPU children: what one call costs alongside a pool of processes that pickles, and what it costs the loop.

The peer keeps its processes from call to call, without limits or walls between people; ours forks for each.
The loop is held up by what runs between two of its turns. Calls are measured in CPU time of its thread, so
that other programs do not count; a start also waits for the new process, so that one is by the wall clock.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.cpu import functions
from bench.report import Row, quantile, report
from proofing.base.cpu_pool import CPUPool
from proofing.base.cpu_process import CPUChild

RUNS = 3
STARTS = 9
BOUNDS = {"seconds": 60.0, "megabytes": 300}
#: Size of the data, calls in a run.
SIZES = (("1 KiB in", functions.nothing, 1024, 100), ("12 MB in and out", functions.echo, 12_000_000, 20))


async def times(call: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """Return how long each of *count* calls takes, in milliseconds."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        await call()
        found.append((time.perf_counter() - started) * 1000)
    return found


async def longest_turn(call: Callable[[], Awaitable[object]], count: int) -> float:
    """Return the most CPU time, in milliseconds, that the loop spends between two turns while calls run."""
    turns: list[float] = []
    loop = asyncio.get_running_loop()
    working = True

    def turn(before: float) -> None:
        now = time.thread_time()
        turns.append(now - before)
        if working:
            loop.call_soon(turn, now)

    turn(time.thread_time())
    await times(call, count)
    working = False
    return max(turns) * 1000


async def measure_calls() -> list[Row]:
    """Measure warm calls, and the loop during large ones."""
    pool = CPUPool(1)
    rows = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        loop = asyncio.get_running_loop()
        for label, function, size, count in SIZES:
            data = os.urandom(size)
            name = f"bench.cpu.functions:{function.__name__}"

            async def ours(name: str = name, data: bytes = data) -> object:
                return await pool.run(name, data, **BOUNDS)

            async def peer(function: Callable = function, data: bytes = data) -> object:
                return await loop.run_in_executor(executor, function, data, None)

            await times(ours, 3)
            await times(peer, 3)
            runs = [await times(ours, count) for _ in range(RUNS)]
            peers = [await times(peer, count) for _ in range(RUNS)]
            for title, share in (("p50", 0.5), ("p95", 0.95)):
                each = [quantile(run, share) for run in runs]
                rows.append(
                    Row(
                        measure=f"call, {label}, {title}",
                        unit="ms",
                        ours=statistics.median(each),
                        peers={"kept processes": statistics.median(quantile(run, share) for run in peers)},
                        runs=each,
                    )
                )
            turns = [await longest_turn(ours, count) for _ in range(RUNS)]
            rows.append(
                Row(
                    measure=f"longest turn of the loop, {label}",
                    unit="ms",
                    ours=statistics.median(turns),
                    peers={
                        "kept processes": statistics.median(
                            [await longest_turn(peer, count) for _ in range(RUNS)]
                        )
                    },
                    limit="<= 5 ms",
                    runs=turns,
                )
            )
    await pool.close()
    return rows


async def measure_starts() -> list[Row]:
    """Measure the first call of a child, and how long the loop stands still while one is started."""
    first, pauses = [], []
    for _ in range(STARTS):
        pool = CPUPool(1)

        async def call(pool: CPUPool = pool) -> object:
            return await pool.run("bench.cpu.functions:nothing", b"", **BOUNDS)

        first += await times(call, 1)
        await pool.close()
        started = time.perf_counter()
        child = CPUChild("bench.cpu.functions")
        pauses.append((time.perf_counter() - started) * 1000)
        await child.begin()
        await child.stop()
    return [
        Row(measure="first call, which starts a child", unit="ms", ours=statistics.median(first), runs=first),
        Row(
            measure="start of a child, in which the loop stands still",
            unit="ms",
            ours=statistics.median(pauses),
            limit="<= 5 ms",
            runs=pauses,
        ),
    ]


def main() -> None:
    """Measure and print the table."""
    report("cpu", [*asyncio.run(measure_calls()), *asyncio.run(measure_starts())])


if __name__ == "__main__":
    main()
