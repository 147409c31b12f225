"""`make run-services`: the production shape on one machine, until Ctrl-C or the end of the terminal.

Real PostgreSQL and Redis, strict stand-ins for S3 and KMS, web and two workers as separate processes, each
with the rights of its role and no others. Nothing is kept: every start begins empty, with fresh keys.
"""

import signal
import sys
import tempfile
import threading
from pathlib import Path

from proofing.base.errors import ConfigurationError
from proofing.cli.serving import chosen_port
from proofing_devtools.services import running_services
from proofing_devtools.shape import ProductionShape

WORKERS = 2


def main() -> int:
    """Start everything, wait for the signal, stop everything."""
    try:
        port = chosen_port()
    except ConfigurationError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return error.exit_code
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    url = f"http://localhost:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="proofing-") as directory,
        running_services(url, durable=True) as services,
        ProductionShape(Path(directory), services, url, workers=WORKERS) as shape,
    ):
        print(f"The production shape is ready at {url}: PostgreSQL, Redis, S3 and KMS stand-ins,")
        print(f"{WORKERS} workers, each process with the rights of its role.")
        print(f"Settings and log: {shape.directory}. Ctrl-C stops it.", flush=True)
        while not stopped.wait(1.0):
            if not shape.is_running:
                print(shape.output, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
