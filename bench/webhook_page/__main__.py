"""How soon a vendor's webhook is visible on the page of its person.

The document vendor is `mock:hosted`, whose stand-in answers over HTTP. A person's page follows the job by
server-sent events; the bench posts the signed webhook, and stops the clock when the page is told of the end.
In between a worker takes the job up, fetches the result from the vendor, judges, seals and publishes it. One
person at a time, on the embedded default and in the production shape.
"""

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.report import Row, quantile, report
from proofing.base.macs import MACKeys
from proofing.testing.processes import end_process, free_port, start_process
from proofing_devtools.product import FROM_ONE_ADDRESS, NO_AUTHORITIES, Product
from proofing_devtools.services import running_services
from proofing_devtools.shape import ProductionShape
from proofing_mock.hosted.webhook import signature

RUNS = 3
PEOPLE = 40
WARM = 5
_SECRET = secrets.token_urlsafe(24)
_READY_SECONDS = 60.0

#: Webhook to its answer, and to the page, in milliseconds.
Times = list[tuple[float, float]]


class Person:
    """One browser whose person is at the vendor's page."""

    def __init__(self, url: str, vendor: str) -> None:
        self._vendor = vendor
        self._client = _client(base_url=url, headers={"origin": url}, follow_redirects=True)

    async def measure(self) -> tuple[float, float]:
        """Go to the vendor, have it decide, and return both times."""
        async with self._client as client, _client(base_url=self._vendor) as vendor:
            result_id = await self._submit()
            async with client.stream("GET", f"/api/jobs/{result_id}/events") as stream:
                lines = stream.aiter_lines()
                await _see(lines, "away")
                # The vendor has decided, and its own webhook is lost: that of the bench comes in its place.
                session = (await vendor.get("/testing")).json()["sessions"][-1]
                chosen = {"state": "approved", "webhook": "lost"}
                await vendor.post(f"/testing/sessions/{session['id']}", json=chosen)
                body, headers = _webhook(session)
                async with _client(base_url=str(client.base_url)) as sender:
                    await sender.get("/")  # opens its connection
                    began = time.perf_counter()
                    sending = asyncio.create_task(_send(sender, body, headers))
                    await _see(lines, "done")
                    seen = time.perf_counter()
                    answered = await sending
        return (answered - began) * 1000, (seen - began) * 1000

    async def _submit(self) -> str:
        """Agree to visit the vendor, and return the job's id."""
        page = (await self._client.get("/consent")).text
        page = (await self._client.post("/consent", data={"csrf_token": _token(page), "consent": "yes"})).text
        form = {"csrf_token": _token(page), "way": "visit"}
        page = (await self._client.post("/document", data=form, files={"none": ("", b"")})).text
        return page.split('data-result-id="')[1].split('"')[0]


def measure_embedded() -> list[Times]:
    """Return the runs on the embedded default."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vendor = f"http://127.0.0.1:{free_port()}"
        product = stack.enter_context(Product(directory / "product", _settings(vendor)))
        return _runs(product.url, vendor)


def measure_services() -> list[Times]:
    """Return the runs on PostgreSQL and Redis, with a worker and a server of their own."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vendor, url = f"http://127.0.0.1:{free_port()}", f"http://localhost:{free_port()}"
        services = stack.enter_context(running_services(url, durable=True))
        stack.enter_context(_vendor_of(directory / "vendor", vendor, product=url))
        shape = ProductionShape(directory / "shape", services, url, _settings(vendor), workers=1)
        stack.enter_context(shape)
        return _runs(url, vendor)


def _runs(url: str, vendor: str) -> list[Times]:
    async def run(count: int) -> Times:
        return [await Person(url, vendor).measure() for _ in range(count)]

    asyncio.run(run(WARM))
    return [asyncio.run(run(PEOPLE)) for _ in range(RUNS)]


def _settings(vendor: str) -> dict[str, Any]:
    """Return the settings of the product, or of the vendor alone, which has the same key and secret."""
    mock = {"hosted_again_seconds": 3600.0, "hosted_url": vendor, "hosted_webhook_secret": _SECRET}
    return {"document_vendor": "mock:hosted", "mock": {**mock, "hosted_api_key": _SECRET}, **FROM_ONE_ADDRESS}


@contextmanager
def _vendor_of(directory: Path, url: str, *, product: str) -> Iterator[None]:
    """Run the stand-in of the vendor of *product* as a process of its own."""
    directory.mkdir()
    own = {"log_directory": str(directory), "plugins": ["huey", "local", "mock"], "public_url": product}
    values = {**_settings(url), **own}
    (directory / "settings.yaml").write_text(yaml.safe_dump({"default": values}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    environ = {
        **kept,
        "PROOFING_ENV": "test",
        "PROOFING_SETTINGS": str(directory / "settings.yaml"),
    }
    process = start_process(
        [sys.executable, "-m", "proofing.cli", "stand-in", "mock:hosted"],
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: httpx.get(f"{url}/testing", verify=NO_AUTHORITIES, trust_env=False))
        yield
    finally:
        end_process(process, 30)


def _wait_for(ask: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            ask()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, trust_env=False, verify=NO_AUTHORITIES, **options)


def _webhook(session: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of what the vendor would send."""
    data = {"session": session["id"], "customer_reference": session["customer_reference"]}
    body = json.dumps({"type": "session.decided", "data": data}).encode()
    event, now = secrets.token_hex(8), int(time.time())
    return body, {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(MACKeys(_SECRET.encode()), event, now, body),
    }


async def _send(sender: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> float:
    """Post a webhook, and return when it was answered."""
    answer = await sender.post("/webhooks/mock-hosted", content=body, headers=headers)
    assert answer.status_code == 204, answer.status_code
    return time.perf_counter()


async def _see(lines: Any, state: str) -> None:
    """Read events until one has this *state*."""
    async for line in lines:
        if line.startswith("data:") and json.loads(line[5:]).get("state") == state:
            return
    raise RuntimeError(f"the stream ended before {state}")


def _token(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"', maxsplit=1)[0]


def main() -> None:
    """Measure both, and print the table."""
    rows = []
    for place, runs in (("embedded", measure_embedded()), ("PostgreSQL, Redis", measure_services())):
        for label, share, limit in (("p50", 0.5, ""), ("p95", 0.95, "<= 100")):
            pages = [quantile([page for _, page in run], share) for run in runs]
            answers = [quantile([answer for answer, _ in run], share) for run in runs]
            rows.append(
                Row(
                    measure=f"{place}: webhook to page, {label}",
                    unit="ms",
                    ours=statistics.median(pages),
                    peers={"webhook answered": statistics.median(answers)},
                    limit=limit,
                    runs=pages,
                )
            )
    report("webhook_page", rows)


if __name__ == "__main__":
    main()
