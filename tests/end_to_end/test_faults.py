"""A dependency that is slow, reset, black-holed or down: pages answer, jobs end typed, and it all heals."""

import asyncio
import time

import httpx
import pytest

from proofing.cli.smoke import Answers, Walk
from proofing.images import Side
from proofing.testing.fault_thread import running_proxies
from proofing.testing.faults import Fault
from proofing.testing.pictures import make_jpeg
from proofing.testing.processes import free_port
from proofing.testing.product import Product
from proofing.testing.services import running_services

FAULTS = {
    "slow": Fault(latency_seconds=0.7),
    "reset": Fault(reset=True),
    "black hole": Fault(black_hole=True),
    "down": Fault(is_down=True),
}
SERVICES = ("postgres", "redis", "s3", "kms")
CELLS = [(service, fault) for service in SERVICES for fault in FAULTS]
#: The short form: every service once, every fault once.
SHORT = {("postgres", "down"), ("redis", "black hole"), ("s3", "reset"), ("kms", "slow")}
#: A page must answer within this, whatever is away. The bound itself is what is tested.
PAGE_SECONDS = 2.0
HEAL_SECONDS = 10.0


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


def walk_of(client: httpx.AsyncClient) -> Walk:
    """Return the way of one synthetic person."""
    documents = {
        side: (make_jpeg(comment=f"{side}{time.time()}".encode()), "image/jpeg")
        for side in (Side.FRONT, Side.BACK)
    }
    return Walk(client, Answers(documents=documents))


async def heals(product: Product) -> bool:
    """Tell whether a whole proofing passes again in time, without a restart."""
    give_up = time.monotonic() + HEAL_SECONDS
    while time.monotonic() < give_up:
        async with client_of(product) as client:
            if (await walk_of(client).run())["passed"]:
                return True
    return False


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        pytest.param(*cell, marks=() if cell in SHORT else pytest.mark.chaos, id=" ".join(cell))
        for cell in CELLS
    ],
)
def test_pages_answer_jobs_end_and_it_heals(shape, service, fault):
    """While one dependency is away every page answers in time; afterwards everything works again."""
    product, proxies = shape

    async def cell() -> None:
        async with client_of(product) as person:
            walk = walk_of(person)
            assert (await walk.run(before="phone"))["passed"]
            try:
                await asyncio.to_thread(proxies.set, service, FAULTS[fault])
                for path in ("/", "/phone", "/verify", "/healthz", "/nowhere"):
                    async with asyncio.timeout(PAGE_SECONDS):
                        answer = await person.get(path)
                    assert answer.status_code in {200, 404, 503}, (path, answer.status_code)
                    assert "Traceback" not in answer.text
            finally:
                await asyncio.to_thread(proxies.heal)
        assert await heals(product)

    asyncio.run(cell())
