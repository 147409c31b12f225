"""Erasure of people whose jobs are parked for a vendor, in every queue and store that there is."""

import asyncio
import base64
import json
import secrets
import sqlite3
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from types import SimpleNamespace

import pytest
import redis
import yaml

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.contracts.continuation import Again, Event, EventKind, Leave
from proofing.contracts.records import JobKind, JobState
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import Incoming, Reply
from proofing.crypto.data_keys import Purpose
from proofing.jobs.events import VendorEvents
from proofing.jobs.forgetting import ForgetOutcome
from proofing.jobs.start_marks import start_key
from proofing.registry.plugins import LoadedWebhook
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.later_vendors import pending, put_in_place
from proofing_devtools.services import running_services

#: So much of a sealed message tells it from any other; its beginning is the wrapped key, which many share.
_PART = 48


class Posted:
    """A webhook whose posts are the fields of an event."""

    def receive(self, incoming, now):
        _ = now
        return Event(kind=EventKind.PROGRESS, **json.loads(incoming.body)), Reply(status=200, body=b"thanks")


class Vendor:
    """Sends people away, and has an event come before their jobs are parked.

    Attributes:
        visits: what it knows of each question, by result id and step.
        forgotten: the states of those that it was to delete.
    """

    def __init__(self):
        self.visits = {}
        self.events = None
        self.forgotten = []

    async def proof(self, _request, context):
        visit = SimpleNamespace(question_id=context.question_id)
        for name in ("reference", "page", "state", "early", "late"):
            setattr(visit, name, f"{name}-{secrets.token_hex(12)}")
        question = self.events._way_back.read(context.question_id)
        self.visits[question.result_id] = visit
        await self.post(id=f"early-{visit.reference}", reference=visit.reference, data={"said": visit.early})
        leave = Leave(f"https://vendor.example/{visit.page}", visit.page)
        return pending(state={"kept": visit.state}, then=leave, reference=visit.reference)

    async def resume(self, _request, before, _because, _context):
        return before

    async def forget(self, before, _context):
        self.forgotten.append(before.state["kept"])
        return True

    async def post(self, **values):
        """Post an event, and return the reply."""
        return await self.events.receive("acme", Incoming(headers={}, body=json.dumps(values).encode()))


class Product:
    """One process with real stores, whose worker runs when the test says so.

    Attributes:
        sealed: every message that it has sealed, with its purpose.
    """

    def __init__(self, started, dump):
        self.runtime, self.dump = started, dump
        self.vendor = Vendor()
        self.vendor.events = VendorEvents(started.parts, {"acme": LoadedWebhook(Posted(), 4096)})
        for kind in (ProoferKind.PHONE, ProoferKind.RESOLUTION):
            put_in_place(self, kind, self.vendor, continues=frozenset({Leave, Again}), webhook="acme")
        self.sealed = []
        seal = started.parts.sealer.seal

        async def noted(plain, context):
            message = await seal(plain, context)
            self.sealed.append((context, message))
            return message

        started.parts.sealer.seal = noted

    async def park(self, person):
        """Have a phone job and a resolution job of *person* parked, and return their ids."""
        service, queue = self.runtime.service, self.runtime.backends.queue
        ids = [
            await service.submit_applicant(JobKind.PHONE, person, APPLICANT),
            await service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE),
        ]

        async def are_parked():
            found = [job for one in ids for job in await queue.jobs(prefix=one)]
            return [job.state for job in found] == [JobState.PARKED] * 2

        async with self.working():
            # The event that came early has them run once more before they wait.
            await eventually(are_parked, within_seconds=60)
        return ids

    @asynccontextmanager
    async def working(self):
        """Let the worker work."""
        stop = asyncio.Event()
        task = asyncio.create_task(self.runtime.worker.work(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    def purposes_kept(self, content):
        """Return the purposes of the sealed messages that are in a dump."""
        return {
            context.purpose
            for context, message in self.sealed
            if any(spelling in content for spelling in spellings(part_of(message)))
        }


def part_of(message):
    """Return what is searched of a sealed message, from where its base64 is that of the whole."""
    begin = (len(message) - _PART) // 3 * 3
    return message[begin : begin + _PART]


def spellings(value):
    """Return how stores and dumps write bytes."""
    return value, value.hex().encode(), base64.b64encode(value)


@contextmanager
def embedded(tmp_path):
    """Give settings of the embedded default, and what reads all its files."""
    values = {
        "plugins": ["huey", "local", "mock"],
        "huey": {"path": str(tmp_path / "stores" / "huey.db")},
        "local": {"directory": str(tmp_path / "stores" / "local")},
    }
    yield values, lambda: b"".join(map(content_of, sorted((tmp_path / "stores").rglob("*"))))


def content_of(path):
    """Return what is in a file; of a database, when its log is written back, as it is by itself in time."""
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as database:
            database.execute("pragma wal_checkpoint(truncate)")
    return path.read_bytes() if path.is_file() else b""


@contextmanager
def production(monkeypatch, **changes):
    """Give settings of the production shape, and what dumps PostgreSQL and Redis."""
    with running_services("http://localhost:8000") as services:
        for name, value in services.variables.items():
            monkeypatch.setenv(name, value)

        def dump():
            command = [str(services.postgres._program("pg_dumpall")), "-d", services.postgres.dsn()]
            rows = subprocess.run(command, capture_output=True, check=True).stdout
            with redis.Redis.from_url(services.redis.url) as client:
                keys = [b"%b %b" % (key, value_of(client, key)) for key in client.scan_iter("*")]
            return rows + b"\n".join(keys)

        values = {**services.settings, **changes}
        if changes.get("queue") == "huey":
            values["plugins"] = ["aws", "huey", "local", "mock", "redis"]
            values["huey"] = {"storage": "redis", "url": services.redis.url}
        yield values, dump


def value_of(client, key):
    """Return what is under a key of Redis, of whatever type."""
    read = {
        b"string": lambda: [client.get(key)],
        b"set": lambda: client.smembers(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
    }
    return b" ".join(part or b"" for part in read[client.type(key)]())


def write_settings(folder, values):
    """Write a settings file, and return its path."""
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": values}))
    return path


@pytest.fixture(params=["postgres", "huey on Redis", "huey on SQLite"])
async def product(request, tmp_path, monkeypatch):
    """Run one process with each queue."""
    places = {
        "postgres": lambda: production(monkeypatch),
        "huey on Redis": lambda: production(
            monkeypatch,
            queue="huey",
            require_crash_recovery=False,
            verification_store="local",
            call_store="local",
            local={"directory": str(tmp_path / "local")},
        ),
        "huey on SQLite": lambda: embedded(tmp_path),
    }
    with places[request.param]() as (values, dump):
        path = write_settings(tmp_path, values)
        async with AsyncExitStack() as stack:
            configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"}, role="run")
            await bootstrap.make_backends(configuration, "migrate").queue.migrate()
            yield Product(await stack.enter_async_context(bootstrap.start(configuration, "run")), dump)


async def test_a_person_whose_jobs_are_parked_is_erased(product):
    """With notes, pages, ids of the vendor and early events; another one is not; late events are answered."""
    runtime, vendor = product.runtime, product.vendor
    queue, results = runtime.backends.queue, runtime.backends.results
    person, other = (PersonRef(reference=secrets.token_hex(16)) for _ in range(2))
    kept = await product.park(other)
    of_another = len(product.sealed)
    ids = await product.park(person)
    # One is erased parked, the other one woken and with a note that no run has read.
    woken = vendor.visits[ids[0]]
    values = {"id": "late", "question_id": woken.question_id, "data": {"said": woken.late}}
    assert (await vendor.post(**values)).status == 200
    others_sealed, product.sealed = product.sealed[:of_another], product.sealed[of_another:]
    before = product.dump()
    expected = {Purpose.PARKED, Purpose.NOTES, Purpose.RESULT}
    assert product.purposes_kept(before) >= expected
    assert all(name.encode() in before for name in (person.reference, *ids))

    eraser = bootstrap.make_eraser(runtime.configuration, runtime.backends)
    erasure = await eraser.erase(person.reference)
    assert erasure.is_complete
    assert {one.outcome for one in erasure.vendors} == {ForgetOutcome.DELETED}
    assert sorted(vendor.forgotten) == sorted(vendor.visits[one].state for one in ids)
    removed = {receipt.store: receipt.removed for receipt in erasure.receipts}
    assert removed["queue"] == 2
    # Two records; of each question its page, its reference and its early event at least.
    assert removed["result_store"] >= 2 + 2 * 3
    assert [job for one in ids for job in await queue.jobs(prefix=one)] == []
    for result_id in ids:
        # The mark by which no worker can publish anything; it expires within minutes.
        assert (await results.status(result_id)).is_done
        await results.erase(result_id)
        await results.delete(start_key(result_id))
    after = product.dump()
    assert product.purposes_kept(after) == set()
    # Not the ids of the jobs: by one the queue knows for some minutes that its job has ended.
    words = [person.reference]
    words += [word for one in ids for word in vars(vendor.visits[one]).values()]
    assert [word for word in words if any(text in after for text in spellings(word.encode()))] == []

    for one in ids:
        visit = vendor.visits[one]
        for found in ({"question_id": visit.question_id}, {"reference": visit.reference}):
            reply = await vendor.post(id=secrets.token_hex(8), **found)
            assert (reply.status, reply.body) == (200, b"thanks")
        await vendor.events.returned(visit.question_id)
    assert [job for one in ids for job in await queue.jobs(prefix=one)] == []

    product.sealed = others_sealed
    assert product.purposes_kept(product.dump()) >= {Purpose.PARKED, Purpose.RESULT}
    assert [(await queue.jobs(prefix=one))[0].state for one in kept] == [JobState.PARKED] * 2
    assert not (await eraser.erase(other.reference)).receipts[0].problem
    assert await queue.parked_by_vendor() == {}
