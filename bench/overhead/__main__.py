"""From submit to visible result, minus the vendor's time: what the web, the queue and the stores add.

Queued jobs alongside the same jobs inside the request, on one product after the other, three runs each. The
person's way is real: form post, server-sent events, next page.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from bench.report import Row, quantile, report
from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing_devtools.product import Product

RUNS = 3
PEOPLE = 30
VENDOR_SECONDS = 0.2
#: Resolution asks device and resolution side by side, then the licensing agency: two latencies in a row.
VENDOR_CALLS = {"document": 1, "resolution": 2, "phone": 1}


async def measure(product: Product, number: int) -> dict[str, list[float]]:
    """Walk people one after the other and return each job's overhead in milliseconds."""
    found: dict[str, list[float]] = {step: [] for step in VENDOR_CALLS}
    for person in range(PEOPLE):
        documents = {
            side: (make_jpeg(comment=f"{number}/{person}/{side}/{time.time()}".encode()), "image/jpeg")
            for side in (Side.FRONT, Side.BACK)
        }
        async with httpx.AsyncClient(
            base_url=product.url, headers={"origin": product.url}, follow_redirects=True, timeout=60
        ) as client:
            answers = Answers(
                documents=documents, typed={"ssn": f"900{person % 90 + 10:02d}{number:02d}{person:02d}"}
            )
            outcome = await Walk(client, answers).run()
        assert outcome["passed"], outcome
        for step in outcome["steps"]:
            if step["step"] in found:
                vendor = VENDOR_CALLS[step["step"]] * VENDOR_SECONDS * 1000
                found[step["step"]].append(step["milliseconds"] - vendor)
    return found


def run(*, queued: bool) -> list[dict[str, list[float]]]:
    """Return the runs of one switch position."""
    settings = {
        "mock": {"latency_seconds": VENDOR_SECONDS},
        "ruby_workers_idv_enabled": queued,
        "doc_auth_enable_presigned_s3_urls": queued,
        "proof_ssn_max_attempts": 1000,
    }
    with tempfile.TemporaryDirectory() as directory, Product(Path(directory), settings) as product:
        asyncio.run(measure(product, 99))  # warm
        return [asyncio.run(measure(product, number)) for number in range(RUNS)]


def main() -> None:
    """Measure both and print the table."""
    queued, inline = run(queued=True), run(queued=False)
    rows = []
    for step in VENDOR_CALLS:
        for label, share in (("p50", 0.5), ("p95", 0.95)):
            ours = [quantile(each[step], share) for each in queued]
            floor = [quantile(each[step], share) for each in inline]
            rows.append(
                Row(
                    measure=f"{step}, overhead {label}",
                    unit="ms",
                    ours=statistics.median(ours),
                    peers={"inside the request": statistics.median(floor)},
                    runs=ours,
                )
            )
    report("overhead", rows)


if __name__ == "__main__":
    main()
