"""A dependency that is slow, reset, black-holed or down: pages answer, jobs end typed, and it all heals."""

import asyncio
import time
from datetime import datetime

import httpx
import pytest

from proofing.cli.smoke import Answers, SmokeError, Walk
from proofing.contracts.images import Side
from proofing.testing.fault_thread import running_proxies
from proofing.testing.faults import Fault
from proofing.testing.images import make_jpeg
from proofing.testing.lines import read_lines
from proofing.testing.processes import free_port
from proofing.testing.waiting import eventually
from proofing_devtools.product import Product
from proofing_devtools.services import running_services

FAULTS = {
    "slow": Fault(latency_seconds=0.7),
    "reset": Fault(reset=True),
    "black hole": Fault(black_hole=True),
    "down": Fault(is_down=True),
}
#: Each service with the faults of the short form, and with all of them.
FORMS = [
    *(
        pytest.param(service, (fault,), id=f"{service} {fault}")
        for service, fault in (
            ("postgres", "down"),
            ("redis", "black hole"),
            ("s3", "reset"),
            ("kms", "slow"),
        )
    ),
    *(
        pytest.param(service, tuple(FAULTS), id=service, marks=pytest.mark.security)
        for service in ("postgres", "redis", "s3", "kms")
    ),
]
#: A page must answer within this, whatever is down. The bound itself is what is tested.
PAGE_SECONDS = 2.0
HEAL_SECONDS = 10.0
#: How long a fault lasts at least.
FAULT_SECONDS = 3.0
#: By when every job has a typed end, counted from its submit.
JOB_SECONDS = 20.0


@pytest.fixture(scope="module")
def shape(tmp_path_factory):
    """Run the production shape behind fault proxies."""
    port = free_port()
    with (
        running_proxies() as proxies,
        running_services(f"http://localhost:{port}", front=proxies.front) as services,
        Product(
            tmp_path_factory.mktemp("faults"),
            {
                **services.settings,
                "proof_ssn_max_attempts": 1000,
                "data_key_max_messages": 1,
                "job_deadline_seconds": JOB_SECONDS,
                # A job runs long enough to be met by a fault.
                "mock": {"latency_seconds": 0.5},
                "aws": {**services.settings["aws"], "deadline_seconds": 1.0, "attempts": 1},
            },
            port=port,
            variables=services.variables,
        ) as product,
    ):
        yield product, proxies


def client_of(product: Product) -> httpx.AsyncClient:
    """Return a browser without a session."""
    return httpx.AsyncClient(
        base_url=product.url, headers={"origin": product.url}, follow_redirects=True, timeout=30
    )


class LateSubmit(Walk):
    """A person whose images are uploaded, and who submits them when told to."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.is_there, self.go = asyncio.Event(), asyncio.Event()

    async def _json(self, path, body, headers):
        if path == "/api/document":
            self.is_there.set()
            await self.go.wait()
        return await super()._json(path, body, headers)


def walk_of(client: httpx.AsyncClient, kind: type[Walk] = Walk) -> Walk:
    """Return the way of one synthetic person."""
    documents = {
        side: (make_jpeg(comment=f"{side}{time.time()}".encode()), "image/jpeg")
        for side in (Side.FRONT, Side.BACK)
    }
    return kind(client, Answers(documents=documents))


def lines_of(product: Product, start: int, *names: str) -> list[dict]:
    """Return what was logged from byte *start* on under one of *names*."""
    return [line for line in read_lines(product.log_file, start=start) if line["name"] in names]


async def heal(product: Product) -> float:
    """Return after how many seconds a whole proofing had passed again, without a restart."""
    began = time.monotonic()
    while time.monotonic() < began + HEAL_SECONDS:
        async with client_of(product) as client:
            if (await walk_of(client).run())["passed"]:
                return time.monotonic() - began
    raise AssertionError("it does not heal")


async def ask_pages(client: httpx.AsyncClient) -> float:
    """Open pages of all kinds, and return the seconds of the slowest."""
    slowest = 0.0
    for path in ("/", "/phone", "/verify", "/healthz", "/nowhere"):
        began = time.monotonic()
        async with asyncio.timeout(PAGE_SECONDS):
            answer = await client.get(path)
        slowest = max(slowest, time.monotonic() - began)
        assert answer.status_code in {200, 404, 503}, (path, answer.status_code)
        assert "Traceback" not in answer.text
    return slowest


async def ends_of(product: Product, start: int, jobs: set[str]) -> list[float]:
    """Wait until all *jobs* that were submitted since byte *start* have a typed end; return their seconds."""

    def ended():
        return {
            line["job_id"]: at(line)
            for line in lines_of(product, start, "perform", "discard")
            if line.get("end_state")
        }

    await eventually(lambda: jobs <= ended().keys(), within_seconds=JOB_SECONDS)
    begun = {line["job_id"]: at(line) for line in lines_of(product, start, "enqueue")}
    return [ended()[job] - begun[job] for job in jobs]


def at(line: dict) -> float:
    """Return when a line was logged."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def submitted(product: Product, start: int) -> set[str]:
    """Return the jobs that were submitted since byte *start*."""
    return {line["job_id"] for line in lines_of(product, start, "enqueue")}


@pytest.mark.parametrize(("service", "faults"), FORMS)
def test_pages_answer_jobs_end_and_it_heals(shape, claim, service, faults):
    """While one dependency is down every page answers in time; jobs end typed; afterward all works again.

    One job is at its vendor when the fault comes, and one is submitted right after it, or refused.
    """
    product, proxies = shape
    slowest, jobs, healed = [], [], []

    async def cell(fault: str) -> None:
        async with client_of(product) as person, client_of(product) as early, client_of(product) as late:
            assert (await walk_of(person).run(before="phone"))["passed"]
            running, waiting = walk_of(early), walk_of(late, LateSubmit)
            for walk in (running, waiting):
                assert (await walk.run(before="document"))["passed"]
            waits = asyncio.create_task(waiting._document())
            await waiting.is_there.wait()
            start = product.log_file.stat().st_size
            runs = asyncio.create_task(running._document())
            await eventually(lambda: lines_of(product, start, "perform_start"))
            try:
                await asyncio.to_thread(proxies.set, service, FAULTS[fault])
                waiting.go.set()
                over = time.monotonic() + FAULT_SECONDS
                while time.monotonic() < over:
                    slowest.append(await ask_pages(person))
                    await asyncio.sleep(0.1)
            finally:
                met = submitted(product, start)
                await asyncio.to_thread(proxies.heal)
            healed.append(await heal(product))
            for outcome in await asyncio.gather(runs, waits, return_exceptions=True):
                assert outcome is None or isinstance(outcome, (SmokeError, httpx.HTTPError)), outcome
        jobs.extend(await ends_of(product, start, met))

    for fault in faults:
        asyncio.run(cell(fault))
    assert max(jobs) <= JOB_SECONDS
    claim(
        "R3",
        f"{service}: slow, reset, black hole, down, with a job at its vendor and one that is submitted",
        f"{len(faults)} of {len(FAULTS)} faults: pages in {max(slowest):.1f} s at most, {len(jobs)} of"
        f" {len(jobs)} jobs typed in {max(jobs):.1f} s at most, whole again in {max(healed):.1f} s at most",
    )
