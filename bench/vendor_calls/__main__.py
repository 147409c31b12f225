"""2,000 vendor calls of one second in flight in one process, through a forward proxy: ours, and bare aiohttp.

Vendor, proxy and client are processes of their own. The first round opens the connections; what is measured
is a later one. Ours are calls by the outbound client with all that a question has: policy, deadline, intent
and log line. Wall time counts what else the machine does; CPU time does not.
"""

import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import yaml

from bench.report import Row, report
from proofing import bootstrap
from proofing.cli.startup import start_logs
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.processes import start_process

RUNS = 3
CALLS = 2000
ROUNDS = 3
VENDOR_SECONDS = 1.0
BODY = {"phone": "2025550143", "first_name": "Ada", "last_name": "Quill", "dob": "1985-03-07"}


def start(*command: str) -> "tuple[subprocess.Popen[str], int]":
    """Start a process that prints the port on which it serves."""
    process = start_process(
        [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, int(process.stdout.readline())


def measure(form: str) -> dict[str, float]:
    """Let one process of *form*, ``ours`` or ``bare``, make the calls; return its last round."""
    vendor, vendor_port = start("bench.inflight.vendor", str(VENDOR_SECONDS))
    proxy, proxy_port = start("proofing_devtools.forward_proxy")
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "settings.yaml").write_text(
            yaml.safe_dump({"default": {"log_directory": directory, "plugins": ["huey", "local", "mock"]}})
        )
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")},
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": f"{directory}/settings.yaml",
        }
        command = [sys.executable, "-m", "bench.vendor_calls", form, str(vendor_port), str(proxy_port)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    for process in (proxy, vendor):
        process.communicate("", timeout=60)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def make_calls(form: str, vendor_port: int, proxy_port: int) -> None:
    """Be the process that calls, and print what the last round took."""
    url, proxy = f"http://127.0.0.1:{vendor_port}/phones", f"http://127.0.0.1:{proxy_port}"
    if form == "ours":
        configuration = await bootstrap.configure(environ=os.environ, role="worker")
        start_logs(configuration, "worker")
        transport = OutboundTransport(proxy=proxy)
        policy = OutboundPolicy(
            vendor_name="slow", hosts=frozenset({f"127.0.0.1:{vendor_port}"}), timeout_seconds=30.0
        )

        async def note() -> None:
            pass

        async def call() -> None:
            answer = await OutboundClient(transport, policy, note_intent=note).post(url, json_body=BODY)
            assert answer.require_success().json()["match"] is True

        close = transport.close
    else:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

        async def call() -> None:
            async with session.post(url, json=BODY, proxy=proxy) as answer:
                assert (await answer.json())["match"] is True

        close = session.close
    # As a worker does.
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        cpu, started = time.process_time(), time.perf_counter()
        await asyncio.gather(*(call() for _ in range(CALLS)))
        took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    await close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**took, "megabytes": peak}))


def main() -> None:
    """Measure both in turn, and print the table."""
    runs = [(measure("ours"), measure("bare")) for _ in range(RUNS)]

    def row(key: str, unit: str, what: str, limit: str = "") -> Row:
        values = [ours[key] for ours, _ in runs]
        peers = {"bare aiohttp": statistics.median(bare[key] for _, bare in runs)}
        return Row(
            measure=what, unit=unit, ours=statistics.median(values), peers=peers, limit=limit, runs=values
        )

    report(
        "vendor_calls",
        [
            row("seconds", "s", f"{CALLS:,} calls of one second, first call to last answer", "<= 1.5"),
            row("cpu", "s", "CPU of the process for these calls"),
            row("megabytes", "MB", "peak memory of the process", "<= 200"),
        ],
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [form, vendor_port, proxy_port]:
            asyncio.run(make_calls(form, int(vendor_port), int(proxy_port)))
        case _:
            main()
