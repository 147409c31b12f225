"""`make run-services`: the production shape on one machine, until Ctrl-C.

Real PostgreSQL and Redis, strict stand-ins for S3 and KMS, web and two workers as separate processes. Nothing
is kept: every start begins empty, with fresh keys.
"""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from proofing.testing.product import Product
from proofing.testing.services import running_services

WORKERS = 2


def main() -> int:
    """Start everything, wait for the signal, stop everything."""
    port = int(os.environ.get("PORT", "8000"))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    url = f"http://localhost:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="proofing-") as directory,
        running_services(url, durable=True) as services,
        Product(
            Path(directory), services.settings, workers=WORKERS, port=port, variables=services.variables
        ) as product,
    ):
        print(f"The production shape is ready at {url}: PostgreSQL, Redis, S3 and KMS stand-ins,")
        print(f"{WORKERS} workers. Settings and log: {product.directory}. Ctrl-C stops it.", flush=True)
        while not stopped.wait(1.0):
            if not product.is_running:
                print(product.output, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
