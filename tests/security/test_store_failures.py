"""A store that fails in the middle of submits: nobody waits in vain, and no vendor is asked twice."""

import asyncio
import json
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.contracts.applicant import Applicant, parse_ssn
from proofing.contracts.records import JobKind
from proofing.jobs.run import JobRun
from proofing.sessions.samples import make_test_ssn
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import running_postgres
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.redis import find_program, running_redis
from proofing_devtools.redis_failover import running_pair
from proofing_devtools.sessions import DOCUMENT, put
from proofing_server.app import make_app
from proofing_server.sessions import Sessions

CASES = {
    "test_nobody_waits_in_vain_after_a_failover_of_redis": (24, 200),
    "test_a_refused_submit_never_runs": (12, 200),
}
#: Of the network between a web process and PostgreSQL.
FAULTS = {"frozen": Fault(black_hole=True), "answers lost": Fault(answer_latency_seconds=60.0)}
ORIGIN = "http://localhost:8000"
PASSWORD = "synthetic"
#: People at once.
BESIDE = 12
#: By when each person has an answer, from their turn on; only a test that fails takes so long. All of them
#: together take as long as a busy machine needs for so many.
PATIENCE_SECONDS = 120.0
#: How long a person waits before the same button is pressed again.
AGAIN_SECONDS = 0.2


@pytest.fixture(scope="module")
def postgres():
    """Run one PostgreSQL for the tests of this module."""
    with running_postgres() as server:
        yield server


@dataclass
class Shape:
    """A web process and a worker on real stores.

    Attributes:
        web: whose service the pages call.
        answers: of the submits, by HTTP status.
        asked: how often each question about each person was put to a vendor.
    """

    web: bootstrap.Runtime
    answers: Counter = field(default_factory=Counter)
    asked: Counter = field(default_factory=Counter)


@asynccontextmanager
async def running_shape(tmp_path, monkeypatch, *, redis_url, dsn, web_dsn=None):
    """Run web and worker on PostgreSQL and Redis; the web process reaches PostgreSQL by *web_dsn*."""
    ask, asked = JobRun.ask, Counter()

    async def counted(self, loaded, request, *, step):
        asked[self.message.owner, step] += 1
        return await ask(self, loaded, request, step=step)

    monkeypatch.setattr(JobRun, "ask", counted)

    async def configured(role, url):
        settings = {
            "plugins": ["local", "mock", "postgres", "redis"],
            "queue": "postgres",
            "postgres": {"dsn": url, "replication": "none"},
            "result_store": "redis",
            # A busy machine is not a failure.
            "redis": {"url": redis_url, "deadline_seconds": 4.0},
            "local": {"directory": str(tmp_path / "local")},
            "log_directory": str(tmp_path / "log"),
            **FROM_ONE_ADDRESS,
        }
        path = tmp_path / f"{role}.yaml"
        path.write_text(yaml.safe_dump({"default": settings}))
        return await bootstrap.configure(path, {"PROOFING_ENV": "test"})

    worker_configuration = await configured("worker", dsn)
    await bootstrap.make_backends(worker_configuration, "migrate").queue.migrate()
    web_configuration = await configured("web", web_dsn or dsn)
    async with (
        bootstrap.start(worker_configuration, "worker") as working,
        bootstrap.start(web_configuration, "web") as web,
    ):
        stop = asyncio.Event()
        work = asyncio.create_task(working.worker.work(stop))
        try:
            yield Shape(web, asked=asked)
        finally:
            stop.set()
            await work


class Person:
    """One person who checks their information, and tries again until there is an answer."""

    def __init__(self, shape, http, session):
        self.shape = shape
        self.http = http
        self.session = session
        self.headers = {"origin": ORIGIN, "cookie": f"proofing={session.id}"}

    @classmethod
    async def arrive(cls, shape, http):
        """Begin with everything typed, before the last button."""
        session = await Sessions(shape.web.service).start(consented=True)
        typed = Applicant(ssn=parse_ssn(make_test_ssn()))
        await session.update(put(document=DOCUMENT, typed=typed, completed=frozenset({JobKind.DOCUMENT})))
        return cls(shape, http, session)

    async def send(self, method, path, **more):
        """Send a request and return the answer, also that of a page that apologizes."""
        return await self.http.request(method, path, headers=self.headers, **more)

    async def submit(self):
        """Press the button until the answer is not an apology."""
        while True:
            answer = await self.send("POST", "/verify", data={"csrf_token": self.session.csrf_token})
            self.shape.answers[answer.status_code] += 1
            if answer.is_redirect:
                return
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(AGAIN_SECONDS)

    async def go(self):
        """Submit, and follow the pages to the next step."""
        await self.submit()
        while True:
            page = await self.send("GET", "/verify/wait")
            if page.status_code == 503:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if page.is_redirect:
                if page.headers["location"] == "/phone":
                    return
                # The form again: the attempt is known to have failed.
                assert page.headers["location"] == "/verify", page.headers["location"]
                await self.submit()
                continue
            assert page.status_code == 200, page.text
            await self.follow(re.search(r'data-result-id="([^"]+)"', page.text)[1])

    async def follow(self, result_id):
        """Listen until the page would continue."""
        answer = await self.send("GET", f"/api/jobs/{result_id}/events")
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
        events = [event for event in map(json.loads, lines) if event]
        assert "missing" not in [event["state"] for event in events], "waited in vain"


async def everybody(shape, cases, monkeypatch, cut, heal):
    """Let *cases* people submit, and return them.

    In the middle, where one of them has claimed the step and submitted nothing yet, *cut* is called; *heal*
    is awaited alongside what they do then.
    """
    service = shape.web.service
    submitted, submit, is_cut = count(1), service.submit_applicant, asyncio.Event()

    async def submit_applicant(*arguments, **named):
        if next(submitted) == cases // 2:
            await cut()
            is_cut.set()
        return await submit(*arguments, **named)

    monkeypatch.setattr(service, "submit_applicant", submit_applicant)
    transport, turns = httpx.ASGITransport(app=make_app(service)), asyncio.Semaphore(BESIDE)

    async def one(person):
        async with turns, asyncio.timeout(PATIENCE_SECONDS):
            await person.go()

    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=60) as http:
        people = [await Person.arrive(shape, http) for _ in range(cases)]
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(one(person))
            await is_cut.wait()
            await heal()
    return people


async def charges(shape, people):
    """Return how many attempts people have used, and how often a vendor was asked one question about one."""
    limits = [await shape.web.service.limit(person.session.person, "idv_resolution") for person in people]
    used = Counter(limit.maximum - limit.remaining for limit in limits)
    return used, Counter(shape.asked.values())


# Also the short form: on a busy machine the promotion takes longer than a page waits for a submit to arrive.
@pytest.mark.security
async def test_nobody_waits_in_vain_after_a_failover_of_redis(cases, claim, tmp_path, monkeypatch, postgres):
    """The primary dies in the middle of submits, and the sentinel promotes the replica.

    A submit that was cut in half leaves no session that waits for a job which was never enqueued.
    """
    if find_program() is None:
        pytest.skip("needs redis-server")
    dsn = postgres.new_database()
    with running_pair(password=PASSWORD) as pair:
        async with running_shape(tmp_path, monkeypatch, redis_url=pair.url, dsn=dsn) as shape:

            async def die():
                pair.primary.kill()

            async def promote():
                await eventually(pair.is_promoted, within_seconds=60)

            people = await everybody(shape, cases, monkeypatch, die, promote)
            used, asked = await charges(shape, people)
    assert shape.answers[503], "nobody met the failover"
    assert used == {1: cases}
    assert asked.keys() == {1}
    claim(
        "S17",
        "Redis fails over to its replica in the middle of submits: waits in vain, vendors asked twice, "
        "attempts counted twice",
        f"0 of {cases} people, {shape.answers[503]} submits answered with 503",
    )


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_refused_submit_never_runs(cases, claim, tmp_path, monkeypatch, postgres, fault):  # noqa: PLR0917 - fixtures
    """The network between the web process and PostgreSQL is cut in the middle of submits, and heals.

    What was on its way arrives then. A submit that was answered with 503 does not run alongside its
    repetition.
    """
    dsn = postgres.new_database()
    with running_redis(password=PASSWORD) as redis:
        async with FaultProxy(postgres.host, postgres.port) as proxy:
            led = dsn.replace(f":{postgres.port}", f":{proxy.port}")
            async with running_shape(
                tmp_path, monkeypatch, redis_url=redis.url, dsn=dsn, web_dsn=led
            ) as shape:

                async def cut():
                    await proxy.set(FAULTS[fault])

                async def heal():
                    await eventually(lambda: shape.answers[503], within_seconds=60)
                    await proxy.set(NO_FAULT)

                people = await everybody(shape, cases, monkeypatch, cut, heal)
                used, asked = await charges(shape, people)
    assert shape.answers[503], "nobody met the cut"
    assert used == {1: cases}
    assert asked.keys() == {1}
    claim(
        "S17",
        f"The network to PostgreSQL is cut in the middle of submits ({fault}) and heals: waits in vain, "
        "vendors asked twice, attempts counted twice",
        f"0 of {cases} people, {shape.answers[503]} submits answered with 503",
    )
