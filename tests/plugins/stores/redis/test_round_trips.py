"""How often a whole proofing asks Redis: few round trips a flow, and few in a row within a request."""

import asyncio
import contextvars
from collections import Counter

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.redis import running_redis
from proofing_redis.connection import RedisConnection
from proofing_redis.results import RedisResultStore
from proofing_server import jobs_api
from proofing_server.app import make_app

#: Bounds that hold however the commands of one moment, which share a round trip, happen to fall together.
MOST_OF_REQUESTS = 45
#: Of three jobs, each of which asks whether it has ended, and ends.
MOST_OF_JOBS = 6
MOST_IN_A_ROW = 4
#: Document, device, resolution, state ID, phone and code.
QUESTIONS = 6
#: Each enters the gates of its vendor once, and leaves them once, in the background: some after the flow.
MOST_AT_GATES = 2 * QUESTIONS
GATES = "gates"

_request = contextvars.ContextVar("request", default="worker")


@pytest.fixture
async def flow(tmp_path, monkeypatch):
    """Walk a person through all pages; give the round trips of each request, of the worker, and to the gates.

    A second person's: what a process does once, such as beginning its subscription, is no part of a flow.
    """
    trips = []
    call = RedisConnection.call

    async def counted(self, ask):
        trips.append(_request.get())
        return await call(self, ask)

    def at_gates(ask):
        async def labeled(*arguments, **how):
            label = _request.set(GATES)
            try:
                return await ask(*arguments, **how)
            finally:
                _request.reset(label)

        return labeled

    queue = MemoryQueue()
    monkeypatch.setattr(RedisConnection, "call", counted)
    for name in ("enter", "leave"):
        monkeypatch.setattr(RedisResultStore, name, at_gates(getattr(RedisResultStore, name)))
    # As the poll below: what is asked again because this machine is slow is no part of a flow.
    monkeypatch.setattr(jobs_api, "_UNKNOWN_SECONDS", 30.0)

    async def walk(**switches):
        with running_redis(password="synthetic") as server:
            settings = {
                "plugins": ["huey", "local", "mock", "redis"],
                "result_store": "redis",
                "redis": {"url": server.url, "poll_seconds": 30.0},
                "local": {"directory": str(tmp_path / "local")},
                "log_directory": str(tmp_path / "log"),
                **switches,
            }
            path = tmp_path / "settings.yaml"
            path.write_text(yaml.safe_dump({"default": settings}))
            configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
            backends = bootstrap.make_backends(configuration, "run", queue=queue)
            async with bootstrap.start(configuration, "run", backends) as started:
                app = make_app(started.service)
                count = 0

                async def noting(scope, receive, send):
                    nonlocal count
                    count += 1
                    _request.set(f"{count} {scope['method']} {scope['path']}")
                    await app(scope, receive, send)

                async def work():
                    while True:
                        await queue.drain(started.runner)
                        await asyncio.sleep(0.01)

                working = asyncio.create_task(work())
                transport = httpx.ASGITransport(app=noting)
                origin = "http://localhost:8000"
                images = {
                    side: (make_jpeg(comment=side.value.encode()), "image/jpeg")
                    for side in (Side.FRONT, Side.BACK)
                }
                for _person in range(2):
                    async with httpx.AsyncClient(
                        transport=transport,
                        base_url=origin,
                        headers={"origin": origin},
                        follow_redirects=True,
                    ) as client:
                        trips.clear()
                        report = await Walk(client, Answers(documents=images)).run()
                    assert report["passed"], report
                working.cancel()
        return Counter(trips)

    return walk


@pytest.mark.parametrize("queued", [True, False])
async def test_round_trips_of_a_flow(flow, queued):
    """With jobs in a queue, and inside the request."""
    trips = await flow(ruby_workers_idv_enabled=queued, doc_auth_enable_presigned_s3_urls=queued)
    assert 0 < trips.pop(GATES) <= MOST_AT_GATES
    assert trips.pop("worker", 0) <= MOST_OF_JOBS
    assert trips.total() <= MOST_OF_REQUESTS, trips
    assert max(trips.values()) <= MOST_IN_A_ROW, trips
