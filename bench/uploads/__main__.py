"""A 4 MB picture: encrypted and uploaded in Chromium without blocking the page, and opened in the worker.

The browser's longest task while both sides are chosen, encrypted and uploaded (PerformanceObserver counts
tasks of 50 ms and more); the worker's decryption beside a bare AES-GCM of the same bytes.
"""

import asyncio
import os
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from playwright.sync_api import sync_playwright

from bench.report import Row, report
from proofing.encryption import open_image, seal_image
from proofing.images import Side
from proofing.testing.pictures import make_jpeg
from proofing.testing.product import Product

RUNS = 3
PICTURE_BYTES = 4 * 1024 * 1024
REPEATS = 50
_OBSERVE = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ type: "longtask" });
}"""


def decrypt_rates() -> tuple[float, float]:
    """Return gigabytes a second of `open_image` and of bare AES-GCM."""
    picture, key, iv = os.urandom(PICTURE_BYTES), secrets.token_bytes(32), secrets.token_bytes(12)
    body = seal_image(picture, key, iv, slot="s", side=Side.FRONT)
    cipher, aad = AESGCM(key), b"v2|s|front"

    async def ours() -> None:
        for _ in range(REPEATS):
            await open_image(body, key, iv, slot="s", side=Side.FRONT)

    started = time.perf_counter()
    asyncio.run(ours())
    rate = REPEATS * PICTURE_BYTES / (time.perf_counter() - started) / 1e9
    started = time.perf_counter()
    for _ in range(REPEATS):
        cipher.decrypt(iv, body, aad)
    return rate, REPEATS * PICTURE_BYTES / (time.perf_counter() - started) / 1e9


def browser_run(product: Product, directory: Path) -> tuple[float, float]:
    """Return the longest task and the time until both sides are ready, in milliseconds."""
    browser_path = os.environ.get("E2E_BROWSER", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{product.url}/consent")
        page.check("#consent")
        page.click("button[type=submit]")
        page.wait_for_url("**/document")
        page.evaluate(_OBSERVE)
        files = []
        for side in ("front", "back"):
            path = directory / f"{side}.jpg"
            path.write_bytes(make_jpeg(comment=secrets.token_bytes(16), padding_bytes=PICTURE_BYTES))
            files.append((side, path))
        started = time.perf_counter()
        for side, path in files:
            page.set_input_files(f"#{side}", path)
        for side, _path in files:
            page.locator(f'[data-side="{side}"] .side-status', has_text="Ready").wait_for()
        milliseconds = (time.perf_counter() - started) * 1000
        longest = page.evaluate("() => window.longest")
        browser.close()
    return float(longest), milliseconds


def main() -> None:
    """Measure and print the table."""
    rates = [decrypt_rates() for _ in range(RUNS)]
    with tempfile.TemporaryDirectory() as directory, Product(Path(directory) / "p") as product:
        pages = [browser_run(product, Path(directory)) for _ in range(RUNS)]
    ours, bare = [rate for rate, _ in rates], [rate for _, rate in rates]
    longest, ready = [run[0] for run in pages], [run[1] for run in pages]
    report(
        "uploads",
        [
            Row(
                measure="worker decrypts a 4 MB picture",
                unit="GB/s",
                ours=statistics.median(ours),
                peers={"bare AES-GCM": statistics.median(bare)},
                limit=">= 1 GB/s",
                runs=ours,
            ),
            Row(
                measure="longest task of the page (0: none of 50 ms)",
                unit="ms",
                ours=statistics.median(longest),
                limit="no blocking",
                runs=longest,
            ),
            Row(
                measure="both sides chosen to both ready",
                unit="ms",
                ours=statistics.median(ready),
                runs=ready,
            ),
        ],
    )


if __name__ == "__main__":
    main()
