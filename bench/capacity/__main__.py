"""What one whole proofing writes to PostgreSQL and Redis and asks of S3 and KMS; bench-flow has the rest.

Each message has a data key of its own here, so that every seal and every opening is one request to KMS; how
many requests become of them with shared keys is computed by scripts/capacity.py. CAPACITY_RUNS sets how
often.
"""

import asyncio
import os
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.flow.__main__ import patience, walk_all
from bench.flow.counting import CountingProxy
from bench.report import Row, report
from proofing.testing.processes import free_port
from proofing_devtools.services import Services, running_services
from proofing_devtools.shape import ProductionShape

RUNS = int(os.environ.get("CAPACITY_RUNS", "3"))
PEOPLE = 20
MEASURES = {
    "WAL of PostgreSQL": "bytes",
    "memory of Redis": "bytes",
    "requests to S3": "",
    "seals and openings": "",
}


def main() -> None:
    """Measure and print the table."""
    runs = [measure(number) for number in range(RUNS)]
    rows = [
        Row(
            measure=name,
            unit=unit,
            ours=statistics.median(run[name] for run in runs),
            runs=[run[name] for run in runs],
        )
        for name, unit in MEASURES.items()
    ]
    report("capacity", rows)


def measure(number: int) -> dict[str, float]:
    """Return what one flow costs, from a freshly started product."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxies: list[CountingProxy] = []

        def front(name: str, port: int) -> int:
            if name != "kms":
                return port
            proxies.append(CountingProxy(port))
            return stack.enter_context(proxies[0].running())

        url = f"http://localhost:{free_port()}"
        services = stack.enter_context(running_services(url, front=front))
        unshared = replace(services, settings={**services.settings, "data_key_max_messages": 1})
        stack.enter_context(ProductionShape(directory, unshared, url, patience(services), workers=1))
        # One after the other: what is counted stays the same, and on a busy machine no form comes too late.
        asyncio.run(walk_all(url, number, "warm", 5, alongside=1))
        before = reading(services, proxies[0])
        asyncio.run(walk_all(url, number, "run", PEOPLE, alongside=1))
        after = reading(services, proxies[0])
        return {name: (after[name] - before[name]) / PEOPLE for name in MEASURES}


def reading(services: Services, kms: CountingProxy) -> dict[str, float]:
    """Return every counter as it is now."""
    info = str(services.redis.command("INFO", "memory"))
    memory = next(line.split(":")[1] for line in info.splitlines() if line.startswith("used_memory:"))
    return {
        "WAL of PostgreSQL": float(services.postgres.run_sql("select pg_current_wal_lsn() - '0/0'::pg_lsn")),
        "memory of Redis": float(memory),
        "requests to S3": len(services.s3.requests),
        "seals and openings": kms.round_trips,
    }


if __name__ == "__main__":
    main()
