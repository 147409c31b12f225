"""Thousands of vendor calls in one worker: real jobs of the production shape, a vendor of ten seconds.

The jobs wait in PostgreSQL before the worker starts; their results go to Redis. Alongside it, in the same
run, the same calls made by a bare aiohttp client that does nothing else.
"""

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import yaml

from bench.report import Row, report
from proofing import bootstrap
from proofing.cli.startup import start_logs
from proofing.contracts.people import PersonRef
from proofing.contracts.records import JobKind
from proofing.testing.processes import free_port, start_process
from proofing_devtools.capture import APPLICANT
from proofing_devtools.services import Services, running_services

RUNS = 3
JOBS = 3000
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_AT_ONCE = 20


class Vendor:
    """The vendor's process.

    Attributes:
        port: where it listens.
    """

    def __init__(self) -> None:
        self._process = start_process(
            [sys.executable, "-m", "bench.inflight.vendor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._process.stdout.readline())

    def finish(self) -> dict[str, float]:
        """End it and return what it saw."""
        out, _ = self._process.communicate("", timeout=_PATIENCE_SECONDS)
        return json.loads(out)


def bare() -> dict[str, float]:
    """Make the calls with nothing around them, in a process of its own."""
    vendor = Vendor()
    command = [sys.executable, "-m", "bench.inflight", "bare", str(vendor.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = vendor.finish()
    assert seen["calls"] == JOBS, seen
    return {**json.loads(done.stdout), "seconds": seen["ended_at"] - seen["began_at"]}


async def call_all(port: int) -> None:
    """Be the bare client."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call() -> None:
            async with session.post(
                f"http://127.0.0.1:{port}/phones", json={"phone": "2025550143"}
            ) as answer:
                await answer.json()

        await asyncio.gather(*(call() for _ in range(JOBS)))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"megabytes": usage.ru_maxrss / 1024, "cpu": usage.ru_utime + usage.ru_stime}))


@contextlib.contextmanager
def installation(services: Services, vendor_port: int) -> Iterator[dict[str, str]]:
    """Install the plugin and write the settings; give the variables of the product's processes."""
    with tempfile.TemporaryDirectory() as text:
        directory = Path(text)
        facts = directory / "slow-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[proofing]\nslow = bench.inflight.plugin\n")
        settings = {
            **services.settings,
            "plugins": [*services.settings["plugins"], "slow"],
            "phone_vendors": ["slow"],
            "log_directory": str(directory / "log"),
            "slow": {"port": vendor_port},
            "worker_slots": {"document": 100, "resolution": 100, "phone": JOBS},
        }
        (directory / "settings.yaml").write_text(yaml.safe_dump({"default": settings}))
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")},
            **services.variables,
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": str(directory / "settings.yaml"),
            "PYTHONPATH": f"{directory}{os.pathsep}{Path.cwd()}",
        }


async def submit_all() -> None:
    """Be a web process that submits every person's phone."""
    configuration = await bootstrap.configure(environ=os.environ, role="web")
    start_logs(configuration, "web")
    turns = asyncio.Semaphore(_AT_ONCE)
    async with bootstrap.start(configuration, "web") as started:

        async def submit(number: int) -> None:
            async with turns:
                await started.service.submit_applicant(
                    JobKind.PHONE, PersonRef(reference=f"person-{number}"), APPLICANT
                )

        await asyncio.gather(*(submit(number) for number in range(JOBS)))


def ours() -> dict[str, float]:
    """Let one worker do it."""
    vendor = Vendor()
    url = f"http://localhost:{free_port()}"
    with running_services(url, durable=True) as services, installation(services, vendor.port) as environ:
        proofing = [sys.executable, "-m", "proofing.cli"]
        subprocess.run([*proofing, "migrate"], env=environ, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-m", "bench.inflight", "submit"], env=environ, check=True)
        worker = start_process([*proofing, "worker"], env=environ)
        log = Path(environ["PROOFING_SETTINGS"]).parent / "log" / "test.log"
        measured = follow(worker, log)
        worker.terminate()
        worker.wait(_PATIENCE_SECONDS)
        found = Counter(ends(log))
    seen = vendor.finish()
    assert found == {"done": JOBS}, found
    assert seen["calls"] == JOBS, seen
    return {**measured, "most": seen["most_open"], "seconds": seen["ended_at"] - seen["began_at"]}


def follow(worker: "subprocess.Popen[bytes]", log: Path) -> dict[str, float]:
    """Wait until every job has ended; return the worker's peak megabytes and its CPU seconds until then."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while log.read_bytes().count(b'"name":"perform"') < JOBS:
        assert worker.poll() is None
        assert time.monotonic() < deadline
        time.sleep(_LOOK_SECONDS)
    status = Path(f"/proc/{worker.pid}/status").read_text()
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return {
        "megabytes": int(status.split("VmHWM:")[1].split()[0]) / 1024,
        "cpu": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
    }


def ends(log: Path) -> list[str]:
    """Return the ends of the jobs."""
    lines = (json.loads(text) for text in log.read_text().splitlines())
    return [str(line.get("end_state")) for line in lines if line["name"] == "perform"]


def main() -> None:
    """Measure both and print the table."""
    runs = [(ours(), bare()) for _ in range(RUNS)]

    def row(key: str, unit: str, measure: str, limit: str = "") -> Row:
        values = [mine[key] for mine, _ in runs]
        peers = {"bare aiohttp": statistics.median(raw[key] for _, raw in runs)} if key != "most" else {}
        return Row(
            measure=measure, unit=unit, ours=statistics.median(values), peers=peers, limit=limit, runs=values
        )

    report(
        "inflight",
        [
            row("most", "calls", f"most of {JOBS:,} ten-second vendor calls in flight in one worker"),
            row("seconds", "s", "first call to last answer"),
            row("megabytes", "MB", "peak memory of the process"),
            row("cpu", "s", "CPU of the process, from its start"),
        ],
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", port]:
            asyncio.run(call_all(int(port)))
        case ["submit"]:
            asyncio.run(submit_all())
        case _:
            main()
