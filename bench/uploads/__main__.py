"""Two 4 MB photographs: encrypted and uploaded in Chromium without blocking the page, opened in the worker.

Of the thread of the page, from the choice of the files until both sides are ready: its longest task, and the
blocking time, which is what its tasks take beyond 50 ms each (W3C Long Tasks; shorter ones are not told). An
empty page, which the same browser then shows for as long, is reported alongside it. The photographs have 12
million pixels of noise, so that decoding them costs what a camera's cost. The worker's decryption appears
alongside a bare AES-GCM.
"""

import asyncio
import io
import os
import random
import secrets
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.report import Row, report
from proofing.contracts.images import Side
from proofing.crypto.encryption import open_image, seal_image
from proofing_devtools.product import Product

RUNS = 3
IMAGE_BYTES = 4 * 1024 * 1024
REPEATS = 50
PHOTO_PIXELS = (4000, 3000)
LONG_TASK_MILLISECONDS = 50
_OBSERVE = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) tasks.push(entry.duration);
  }).observe({ type: "longtask" });
}"""
# The observer is told of a task after it has ended.
_SETTLE_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Run:
    """What one page did.

    Attributes:
        longest: task, in milliseconds; 0 when none took 50.
        blocking: what all tasks took beyond 50 ms each.
        ready: milliseconds from the first choice until both sides were ready.
    """

    longest: float
    blocking: float
    ready: float


def decrypt_rates() -> tuple[float, float]:
    """Return gigabytes a second of `open_image` and of bare AES-GCM."""
    image, key, iv = os.urandom(IMAGE_BYTES), secrets.token_bytes(32), secrets.token_bytes(12)
    body = seal_image(image, key, iv, slot="s", side=Side.FRONT)
    cipher, aad = AESGCM(key), b"v2|s|front"

    async def ours() -> None:
        for _ in range(REPEATS):
            await open_image(body, key, iv, slot="s", side=Side.FRONT)

    started = time.perf_counter()
    asyncio.run(ours())
    rate = REPEATS * IMAGE_BYTES / (time.perf_counter() - started) / 1e9
    started = time.perf_counter()
    for _ in range(REPEATS):
        cipher.decrypt(iv, body, aad)
    return rate, REPEATS * IMAGE_BYTES / (time.perf_counter() - started) / 1e9


def photograph(seed: int) -> bytes:
    """Return noise of about 4 MB, as large as a telephone's camera makes it and as hard to decode."""
    width, height = (side // 4 for side in PHOTO_PIXELS)
    noise = random.Random(seed).randbytes(width * height * 3)  # noqa: S311 - noise, no secret
    image = Image.frombytes("RGB", (width, height), noise).resize(PHOTO_PIXELS, Image.Resampling.BICUBIC)
    for quality in range(95, 0, -2):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        if file.tell() <= IMAGE_BYTES:
            return file.getvalue()
    raise AssertionError("noise that does not compress")


def browser_run(product: Product, photos: dict[str, Path]) -> tuple[Run, Run]:
    """Return what the capture page did with *photos*, and what an empty page did in the same time."""
    browser_path = os.environ.get("E2E_BROWSER", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{product.url}/consent")
        page.check("#consent")
        page.click("button[type=submit]")
        page.wait_for_url("**/document")
        page.evaluate(_OBSERVE)
        started = time.perf_counter()
        for side, path in photos.items():
            page.set_input_files(f"#{side}", path)
        for side in photos:
            page.locator(f'[data-side="{side}"] .side-status', has_text="Ready").wait_for()
        milliseconds = (time.perf_counter() - started) * 1000
        ours = look_back(page, milliseconds)
        page.goto("about:blank")
        page.evaluate(_OBSERVE)
        page.wait_for_timeout(milliseconds)
        empty = look_back(page, milliseconds)
        browser.close()
    return ours, empty


def look_back(page: Page, milliseconds: float) -> Run:
    """Return what *page* did since it was observed."""
    page.wait_for_timeout(_SETTLE_MILLISECONDS)
    tasks: list[float] = page.evaluate("() => window.tasks")
    return Run(
        longest=max(tasks, default=0.0),
        blocking=sum(task - LONG_TASK_MILLISECONDS for task in tasks),
        ready=milliseconds,
    )


def main() -> None:
    """Measure and print the table."""
    rates = [decrypt_rates() for _ in range(RUNS)]
    with tempfile.TemporaryDirectory() as directory, Product(Path(directory) / "p") as product:
        photos = {side: Path(directory) / f"{side}.jpg" for side in ("front", "back")}
        for seed, path in enumerate(photos.values()):
            path.write_bytes(photograph(seed))
        pages = [browser_run(product, photos) for _ in range(RUNS)]
    decrypting, bare = [rate for rate, _ in rates], [rate for _, rate in rates]
    ours, empty = [run for run, _ in pages], [run for _, run in pages]
    report(
        "uploads",
        [
            Row(
                measure="worker decrypts a 4 MB image",
                unit="GB/s",
                ours=statistics.median(decrypting),
                peers={"bare AES-GCM": statistics.median(bare)},
                limit=">= 1 GB/s",
                runs=decrypting,
            ),
            Row(
                measure="longest task of the page (0: none of 50 ms)",
                unit="ms",
                ours=statistics.median(run.longest for run in ours),
                peers={"empty page": statistics.median(run.longest for run in empty)},
                limit="no blocking",
                runs=[run.longest for run in ours],
            ),
            Row(
                measure="blocking time of the page (beyond 50 ms a task)",
                unit="ms",
                ours=statistics.median(run.blocking for run in ours),
                peers={"empty page": statistics.median(run.blocking for run in empty)},
                limit="no blocking",
                runs=[run.blocking for run in ours],
            ),
            Row(
                measure="both sides chosen to both ready",
                unit="ms",
                ours=statistics.median(run.ready for run in ours),
                runs=[run.ready for run in ours],
            ),
        ],
    )


if __name__ == "__main__":
    main()
