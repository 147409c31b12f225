"""Start-up: quick commands with mocks and with all vendors, alongside a bare interpreter; `run`."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Row, report
from proofing_devtools.product import Product
from proofing_sandbox.app import settings_for

RUNS = 5


def seconds(*arguments: str, settings: Path | None = None) -> float:
    """Return how many seconds of CPU one Python process takes, and its children."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    if settings is not None:
        environ |= {"PROOFING_ENV": "test", "PROOFING_SETTINGS": str(settings)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(directory: Path) -> list[Row]:
    """Measure the quick commands, in turn with mocks alone and with all vendors enabled."""
    sections = settings_for("http://127.0.0.1:8950")
    files = {"mocks": directory / "mocks.yaml", "vendors": directory / "vendors.yaml"}
    for name, extra in (("mocks", {}), ("vendors", sections)):
        values = {"plugins": ["huey", "local", "mock", *extra], "log_directory": None, **extra}
        files[name].write_text(json.dumps({"default": values}))
    floor = statistics.median(seconds("-c", "pass") for _ in range(RUNS)) * 1000
    rows = []
    for words in ("--help", "plugins", "settings"):
        runs: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(RUNS):
            for name, file in files.items():
                runs[name].append(seconds("-m", "proofing.cli", words, settings=file) * 1000)
        peers = {"bare interpreter": floor, "mocks alone": statistics.median(runs["mocks"])}
        rows.append(
            Row(
                measure=f"proofing {words}, CPU time with all vendors enabled",
                unit="ms",
                ours=statistics.median(runs["vendors"]),
                peers=peers,
                runs=runs["vendors"],
            )
        )
    return rows


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as text:
        rows = commands(Path(text))
    starts = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as directory:
            started = time.perf_counter()
            with Product(Path(directory) / "p"):
                starts.append((time.perf_counter() - started) * 1000)
    rows.append(
        Row(
            measure="run until it answers, first start",
            unit="ms",
            ours=statistics.median(starts),
            limit="<= 3,000 ms",
            runs=starts,
        )
    )
    report("startup", rows)


if __name__ == "__main__":
    main()
