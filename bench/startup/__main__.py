"""Start-up: the command line's help and plugin list alongside a bare interpreter; `run` until it answers."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Row, report
from proofing_devtools.product import Product

RUNS = 5


def seconds(*arguments: str) -> float:
    """Return how long one Python process takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print the table."""
    floor = statistics.median(seconds("-c", "pass") for _ in range(RUNS)) * 1000
    rows = []
    for name, words in (("--help", ["--help"]), ("plugins", ["plugins"]), ("settings", ["settings"])):
        runs = [seconds("-m", "proofing.cli", *words) * 1000 for _ in range(RUNS)]
        rows.append(
            Row(
                measure=f"proofing {name}",
                unit="ms",
                ours=statistics.median(runs),
                peers={"bare interpreter": floor},
                runs=runs,
            )
        )
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
