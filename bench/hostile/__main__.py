"""Pages of one web process while thousands of hostile connections hold on to it: what a visitor waits.

A visitor opens a connection, asks for a page, and reads it to its end, from an address that is not the
attacker's, one after the other. The quiet server of the same session is shown alongside. Attackers, server
and visitor share the machine. HOSTILE_CONNECTIONS, HOSTILE_ADDRESSES and HOSTILE_KINDS set others.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench.report import Row, quantile, report
from proofing_devtools.flood import Hostility, flood, hostile_request
from proofing_devtools.web_process import WebProcess, get, pending_session, running_web

CONNECTIONS = int(os.environ.get("HOSTILE_CONNECTIONS", "5000"))
KINDS = os.environ.get("HOSTILE_KINDS", " ".join(Hostility)).split()
ADDRESSES = int(os.environ.get("HOSTILE_ADDRESSES", "500"))
VISITS = 100
PAGES = ("/", "/session-ended", "/exited")
LIMIT = "p95 <= 300 ms"
_BETWEEN_SECONDS = 0.05


async def visits(web: WebProcess) -> list[float]:
    """Return how many milliseconds each visit took. Raises when one was not answered."""
    milliseconds = []
    for number in range(VISITS):
        started = time.perf_counter()
        path = PAGES[number % len(PAGES)]
        status, answer = await get(web.port, path)
        milliseconds.append((time.perf_counter() - started) * 1000)
        if status != 200:
            raise RuntimeError(f"a visitor of {path} got {status}: {answer.decode()}")
        await asyncio.sleep(_BETWEEN_SECONDS)
    return milliseconds


async def measure(directory: Path) -> list[Row]:
    """Return a row for each kind of flood."""
    rows = []
    with running_web(directory) as web:
        session_id, job = await pending_session(web)
        await visits(web)
        for kind in map(Hostility, KINDS):
            quiet = await visits(web)
            request = hostile_request(kind, job=job, session_id=session_id)
            with flood(kind, web.port, CONNECTIONS, addresses=ADDRESSES, request=request) as attack:
                # From the first connection on: their coming is the hardest part.
                flooded = await visits(web)
                seen = await asyncio.to_thread(attack.wait_until_tried, CONNECTIONS)
                flooded += await visits(web)
            p95, memory = quantile(flooded, 0.95), web.resident_bytes() / 1e6
            print(f"{kind.value}: p95 {p95:.0f} ms, quiet {quantile(quiet, 0.95):.0f} ms, {memory:.0f} MB")
            print(f"  {seen}", flush=True)
            rows.append(
                Row(
                    measure=f"visit during {CONNECTIONS:,} connections: {kind.value.replace('_', ' ')}, p95",
                    unit="ms",
                    ours=p95,
                    peers={"quiet": quantile(quiet, 0.95), "median": quantile(flooded, 0.5)},
                    limit=LIMIT,
                )
            )
    return rows


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as directory:
        rows = asyncio.run(measure(Path(directory)))
    report("hostile", rows)


if __name__ == "__main__":
    main()
