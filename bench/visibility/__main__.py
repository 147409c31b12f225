"""The production shape under slow dependencies: KMS answers after 10 ms, Redis after 1 ms.

How long the requests that submit a job take (all three kinds, through their pages), how soon an ended job is
visible on its waiting page, how many KMS calls a proofing costs, and what 500 open waiting pages weigh. Each
run starts everything from scratch.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx
import yaml
from redis.asyncio import Redis

from bench.report import Row, quantile, report
from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.contracts.records import StatusRecord
from proofing.testing.fault_thread import running_proxies
from proofing.testing.faults import Fault
from proofing.testing.images import make_jpeg
from proofing.testing.processes import free_port
from proofing_devtools.product import Product
from proofing_devtools.services import SECRET_BUCKET, SECRET_KEY, Services, running_services

RUNS = 3
PEOPLE = 40
WAITERS = 500
KMS_DELAY = Fault(answer_latency_seconds=0.010)
#: The proxy itself costs the rest of the millisecond; the table says what a round trip really takes.
REDIS_DELAY = Fault(answer_latency_seconds=0.0006)
ROUND_TRIPS = 200


#: The requests that submit a job.
SUBMITS = ("/api/document", "/verify", "/phone")


class Person:
    """One browser.

    Attributes:
        submits: milliseconds of each request that submitted a job.
    """

    def __init__(self, url: str, number: int) -> None:
        self.submits: list[float] = []
        self.client = httpx.AsyncClient(
            base_url=url,
            headers={"origin": url},
            follow_redirects=True,
            timeout=60,
            event_hooks={"request": [self._begin], "response": [self._end]},
        )
        documents = {
            side: (make_jpeg(comment=f"{number}/{side}/{time.time()}".encode()), "image/jpeg")
            for side in (Side.FRONT, Side.BACK)
        }
        ssn = f"900{number // 10000 + 10:02d}{number % 10000:04d}"
        self.walk = Walk(self.client, Answers(documents=documents, typed={"ssn": ssn}))

    @staticmethod
    async def _begin(request: httpx.Request) -> None:
        """Note when a request is sent."""
        request.extensions["began"] = time.perf_counter()

    async def _end(self, response: httpx.Response) -> None:
        """Note how long a submit took."""
        request = response.request
        if request.method == "POST" and request.url.path in SUBMITS:
            assert response.status_code in (200, 202, 303), response.status_code
            self.submits.append((time.perf_counter() - request.extensions["began"]) * 1000)

    async def submit_phone(self) -> str:
        """Send the phone form; return the waiting page's result id."""
        page = (await self.client.get("/phone")).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        waiting = await self.client.post("/phone", data={"csrf_token": token, "phone": "2025550143"})
        return waiting.text.split('data-result-id="')[1].split('"')[0]

    async def see_end(self, result_id: str) -> float:
        """Follow the job and return the wall-clock time at which its end was seen."""
        while True:
            async with self.client.stream("GET", f"/api/jobs/{result_id}/events") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:") and json.loads(line[5:])["state"] == "done":
                        return time.time()


def redis_url(services: Services) -> str:
    """Return the URL by which the product reaches Redis, through the proxy."""
    kept = services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY]
    return yaml.safe_load(kept.body)["redis"]["url"]


async def round_trip(url: str) -> float:
    """Return the median milliseconds of a PING to Redis at *url*."""
    client = Redis.from_url(url)
    taken = []
    for _ in range(ROUND_TRIPS):
        started = time.perf_counter()
        await client.ping()
        taken.append((time.perf_counter() - started) * 1000)
    await client.aclose()
    return statistics.median(taken)


def ended_at(services: Services, result_id: str) -> float:
    """Return when the job ended by its status record: taken before the end is signed and published.

    Asked of Redis itself, not through the proxy.
    """
    kept = str(services.redis.command("GET", f"proofing:{{{result_id}}}:status"))
    finished_at = StatusRecord.from_json(kept[1:]).finished_at
    assert finished_at is not None, result_id
    return finished_at


async def measure(product: Product, services: Services) -> dict[str, float]:
    """Walk people to the phone page, then measure their phone jobs."""
    submits, seen, bare = [], {}, []
    for number in range(PEOPLE):
        person = Person(product.url, number)
        outcome = await person.walk.run(before="phone")
        assert outcome["passed"], outcome
        result_id = await person.submit_phone()
        seen[result_id] = await person.see_end(result_id)
        assert len(person.submits) == len(SUBMITS)
        submits += person.submits
        started = time.perf_counter()
        await person.client.get("/healthz")
        bare.append((time.perf_counter() - started) * 1000)
        await person.client.aclose()
    lags = [(when - ended_at(services, result_id)) * 1000 for result_id, when in seen.items()]
    return {
        "submit p95": quantile(submits, 0.95),
        "submit p50": quantile(submits, 0.5),
        "bare request p95": quantile(bare, 0.95),
        "visible p95": quantile(lags, 0.95),
        "visible p50": quantile(lags, 0.5),
    }


async def hold(product: Product, count: int) -> tuple[float, int]:
    """Open *count* waiting pages on one web process; return its megabytes and how many saw their end."""
    people = [Person(product.url, 10_000 + number) for number in range(10)]
    await asyncio.gather(*(person.walk.run(before="phone") for person in people))
    pending = [(person, await person.submit_phone()) for person in people]
    streams = [
        asyncio.create_task(person.see_end(result_id)) for person, result_id in pending * (count // 10)
    ]
    peak = 0.0
    while not all(stream.done() for stream in streams):
        peak = max(peak, web_megabytes(product))
        await asyncio.sleep(0.2)
    for person in people:
        await person.client.aclose()
    return peak, sum(1 for stream in streams if stream.exception() is None)


def web_megabytes(product: Product) -> float:
    """Return the resident size of the web process."""
    for pid in product.pids():
        if b"web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            status = Path(f"/proc/{pid}/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0]) / 1024
    return 0.0


def key_calls_per_proofing(product: Product, proofings: int) -> float:
    """Return how many key service calls one proofing cost."""
    return product.log_file.read_text().count('"name":"key_used"') / proofings


def run() -> dict[str, float]:
    """Start everything from scratch and measure once."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as directory,
        running_proxies() as proxies,
        running_services(f"http://localhost:{port}", durable=True, front=proxies.front) as services,
    ):
        proxies.set("kms", KMS_DELAY)
        proxies.set("redis", REDIS_DELAY)
        settings = {
            **services.settings,
            "proof_ssn_max_attempts": 1000,
            "mock": {"latency_seconds": 0.3},
        }
        with Product(
            Path(directory) / "a", settings, workers=2, port=port, variables=services.variables
        ) as product:
            found = asyncio.run(measure(product, services))
            found["Redis"] = asyncio.run(round_trip(redis_url(services)))
            found["KMS calls"] = key_calls_per_proofing(product, PEOPLE)
        slow = {**settings, "mock": {"latency_seconds": 8.0}, "device_profiling_enabled": False}
        slow |= {"document_vendor": "mock", "resolution_vendor": "mock", "state_id_vendor": None}
        with Product(
            Path(directory) / "b", slow, workers=1, port=port, variables=services.variables
        ) as product:
            found["waiting MB"], found["ends seen"] = asyncio.run(hold(product, WAITERS))
    return found


def main() -> None:
    """Measure and print the table."""
    runs = [run() for _ in range(RUNS)]

    def row(name: str, unit: str, limit: str, measure: str, peers: dict[str, str] | None = None) -> Row:
        values = [each[name] for each in runs]
        others = {peer: statistics.median(each[key] for each in runs) for peer, key in (peers or {}).items()}
        return Row(
            measure=measure, unit=unit, ours=statistics.median(values), peers=others, limit=limit, runs=values
        )

    report(
        "visibility",
        [
            row("Redis", "ms", "", "one round trip to Redis as the product has it, p50"),
            row("submit p50", "ms", "", "submit request, KMS 10 ms, Redis 1 ms, p50"),
            row(
                "submit p95",
                "ms",
                "<= 15 ms added",
                "submit request, p95",
                {"empty request": "bare request p95"},
            ),
            row("visible p50", "ms", "", "end of job (before it is published) to event on the page, p50"),
            row(
                "visible p95",
                "ms",
                "<= 50 ms",
                "end of job (before it is published) to event on the page, p95",
            ),
            row("KMS calls", "calls", "<= 1.2", "KMS calls a proofing"),
            row("waiting MB", "MB", "<= 150 MB", f"web process with {WAITERS} waiting pages"),
            row("ends seen", "pages", f"= {WAITERS}", "waiting pages that saw their end"),
        ],
    )


if __name__ == "__main__":
    main()
