"""Keys change while jobs wait and run: nothing is lost, and no key ever meets the same IV twice.

Rotate in two steps, so that processes of both settings understand each other: give every process the new key
in ``session_encryption_previous_keys``, then make it the key and the old one an old key.
"""

import asyncio
import json
import secrets
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.contracts.continuation import Again, Event, EventKind, Leave, Received, Returned
from proofing.contracts.images import Side
from proofing.contracts.queues import Wake
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import DataKey
from proofing.contracts.webhooks import Incoming, Reply
from proofing.crypto import encryption
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import KeyRing, SealContext, Sealer
from proofing.jobs.events import VendorEvents
from proofing.registry.plugins import LoadedWebhook
from proofing.rules import limits
from proofing.testing.images import make_jpeg
from proofing.testing.waiting import eventually
from proofing_devtools import capture
from proofing_devtools.capture import APPLICANT, DEVICE, upload_images
from proofing_devtools.later_vendors import YES, pending, put_in_place
from proofing_devtools.services import KEY_ALIAS, SECRET_BUCKET, SECRET_KEY, running_services
from proofing_devtools.sessions import make_session

CASES = {
    "test_no_iv_meets_its_key_twice": (100_000, 1_000_000),
    "test_waiting_jobs_survive_embedded": (100, 1_000),
    "test_processes_of_both_keys_understand_each_other": (100, 1_000),
    "test_waiting_jobs_survive_in_the_production_shape": (50, 500),
    "test_parked_jobs_survive_in_the_production_shape": (60, 500),
}
WAIT_SECONDS = 240.0  # less than jobs may wait


class FreshKeys:
    """A key service without a service: only what it makes matters here."""

    async def generate(self, _context):
        """Make a key."""
        return DataKey(secrets.token_bytes(32), secrets.token_bytes(48), "k1")


async def test_no_iv_meets_its_key_twice(cases, claim, monkeypatch):
    """Of all that is ever encrypted, inside and outside, no pair of key and IV comes twice."""
    seen = set()
    count = 0

    class Noted:
        """AES-GCM that notes key and IV."""

        def __init__(self, key):
            self._key, self._real = key, real(key)

        def encrypt(self, iv, plaintext, aad):
            nonlocal count
            count += 1
            seen.add(self._key[:16] + iv)
            return self._real.encrypt(iv, plaintext, aad)

    real = encryption.AESGCM
    monkeypatch.setattr(encryption, "AESGCM", Noted)
    sealer = Sealer(FreshKeys(), KeyRing(bytes(range(32))), environment="test", data_key_max_messages=100)
    for number in range(cases // 2):
        context = SealContext(purpose=Purpose.ARGUMENTS, subject="person-1", item=f"job-{number % 5}")
        await sealer.seal(b"x", context)
    assert count == cases // 2 * 2
    assert len(seen) == count
    claim("S3", "No pair of key and IV comes twice", f"0 repeats in {count:,} encryptions")


async def start(stack, path, environ, role="run"):
    """Migrate the queue and start a process."""
    configuration = await bootstrap.configure(path, environ, role=role)
    await bootstrap.make_backends(configuration, "migrate").queue.migrate()
    return await stack.enter_async_context(bootstrap.start(configuration, role))


async def submit_jobs(service, count, *, label):
    """Submit *count* jobs of all kinds and return whose and what they are."""
    jobs = []
    images = {Side.FRONT: make_jpeg(), Side.BACK: make_jpeg(comment=b"back")}
    for number in range(count):
        person = PersonRef(reference=f"{label}-{number}")
        if number % 10 == 0:
            uploaded = await upload_images(service, images, person=person)
            jobs.append((person, await service.submit_uploads(person, **uploaded), JobKind.DOCUMENT))
        elif number % 3:
            result_id = await service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
            jobs.append((person, result_id, JobKind.RESOLUTION))
        else:
            jobs.append(
                (person, await service.submit_applicant(JobKind.PHONE, person, APPLICANT), JobKind.PHONE)
            )
    return jobs


async def run_jobs(workers, reader, jobs):
    """Let *workers* work until *reader* sees every end, and return how many ended as they should."""
    stop = asyncio.Event()
    working = [asyncio.create_task(started.worker.work(stop)) for started in workers]
    try:
        seen = await asyncio.gather(*(follow(reader.service, *job) for job in jobs))
    finally:
        stop.set()
        await asyncio.gather(*working)
    assert Counter(end for end, _has_result in seen) == {EndState.DONE: len(jobs)}
    return sum(has_result for _end, has_result in seen)


async def follow(service, person, result_id, kind):
    """Wait for a job as its page would; return how it ended, and whether what result it has opened."""
    record = await service.wait(person, result_id, kind, timeout_seconds=WAIT_SECONDS, ends_only=True)
    finished = await service.finished_job(person, result_id, kind)
    has_result = finished is not None and (finished.result is not None or kind is JobKind.PHONE)
    return record and record.end_state, has_result


class Keys:
    """Where a test keeps the secrets that it changes: the file of the local store."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "local" / "secrets.yaml"
        self._master_keys = directory / "local" / "master-keys"

    def set(self, key: str, *old: str) -> None:
        """Make *key* the key and *old* the old ones."""
        values = yaml.safe_load(self._file.read_text())
        values |= {"session_encryption_key": key, "session_encryption_previous_keys": list(old)}
        self._file.write_text(yaml.safe_dump(values))

    def current(self) -> str:
        """Return the key in effect."""
        return yaml.safe_load(self._file.read_text())["session_encryption_key"]

    def add_master_key(self) -> None:
        """Let a new master key wrap from now on."""
        with self._master_keys.open("a") as file:
            file.write(f"local-new {secrets.token_hex(32)}\n")


@pytest.fixture
def embedded(tmp_path: Path):
    """Settings, variables and keys of an embedded product."""
    path = tmp_path / "settings.yaml"
    values = {
        "plugins": ["huey", "local", "mock"],
        "huey": {"path": str(tmp_path / "huey.db")},
        "local": {"directory": str(tmp_path / "local")},
        "proof_ssn_max_attempts": 10_000,
    }
    path.write_text(yaml.safe_dump({"default": values}))
    return path, {"PROOFING_ENV": "test"}, Keys(tmp_path)


async def test_waiting_jobs_survive_embedded(cases, embedded, claim):
    """Jobs wait in Huey; application key and master key change; all end as if nothing had happened."""
    path, environ, keys = embedded
    async with AsyncExitStack() as stack:
        before = await start(stack, path, environ, "web")
        jobs = await submit_jobs(before.service, cases, label="person")
        person = PersonRef(reference="late")
        late = await prepare_upload(before.service, person)
        await before.service.sessions.save("a" * 43, make_session("late"))
    keys.set(secrets.token_hex(32), keys.current())
    keys.add_master_key()
    async with AsyncExitStack() as stack:
        after = await start(stack, path, environ)
        await late(after.service)
        session = await after.service.sessions.load("a" * 43)
        assert session is not None
        assert session.person == "late"
        assert await run_jobs([after], after, jobs) == cases
        stats = await after.backends.queue.stats()
        assert stats.totals["refused"] == 0
    text = "Jobs in flight while the application's key and the master key change (Huey, local stores)"
    claim("S3", text, f"0 of {cases} failed")


async def prepare_upload(service, person):
    """Sign an upload and return a function that does it, and hands it in, with another service."""
    waiting = []
    attempt = capture.new_attempt()

    async def keep(_service, signed, body):
        waiting.append((signed, body))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "send", keep)
        front = {Side.FRONT: make_jpeg(), Side.BACK: make_jpeg(comment=b"back")}
        uploaded = await upload_images(service, front, person=person, attempt=attempt)

    async def go_on(other):
        for signed, body in waiting:
            await capture.send(other, signed, body)
        assert await other.submit_uploads(person, **uploaded)

    return go_on


async def test_processes_of_both_keys_understand_each_other(cases, embedded, claim):
    """While processes are replaced one by one, each opens, verifies and ends what the other has sealed."""
    path, environ, keys = embedded
    async with AsyncExitStack() as stack:
        first = await start(stack, path, environ, "web")
        assert first
    old, new = keys.current(), secrets.token_hex(32)
    keys.set(old, new)
    async with AsyncExitStack() as stack:
        before = await start(stack, path, environ)
        keys.set(new, old)
        after = await start(stack, path, environ)
        jobs = await submit_jobs(before.service, cases // 2, label="before")
        jobs += await submit_jobs(after.service, cases // 2, label="after")
        assert await run_jobs([before, after], before, jobs) == cases
    claim("S3", "Jobs shared by processes of the old and of the new key", f"0 of {cases} failed")


@pytest.fixture
def production(tmp_path, monkeypatch):
    """Run the services of the production shape; give them, the settings, and what rotates every key."""
    with running_services("http://localhost:8000") as services:
        for name, value in services.variables.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "settings.yaml"
        # Hundreds of pages wait in this one process, and on a busy machine; speed is not the matter here.
        patient = {"proof_ssn_max_attempts": 10_000, "redis": {"deadline_seconds": 15.0}}
        path.write_text(yaml.safe_dump({"default": {**services.settings, **patient}}))
        yield Production(services, path)


@dataclass
class Production:
    """The services of the production shape, and the settings of its processes."""

    services: object
    path: Path

    async def start(self, stack, role="run"):
        """Start a process."""
        return await start(stack, self.path, {"PROOFING_ENV": "test"}, role)

    def rotate(self, before, *, keeps_old=True):
        """Change the application's key in the secrets, and let the alias of KMS mean another key."""
        layers, settings = before.configuration.layers, before.configuration.settings
        old = [settings.session_encryption_key.get_secret_value()] if keeps_old else []
        fresh = {
            "session_encryption_key": secrets.token_hex(32),
            "session_encryption_previous_keys": old,
            "hmac_fingerprinter_key": settings.hmac_fingerprinter_key.get_secret_value(),
            "postgres": dict(layers.section("postgres")),
            "redis": dict(layers.section("redis")),
        }
        self.services.s3.load(SECRET_BUCKET, SECRET_KEY, yaml.safe_dump(fresh).encode())
        alias = f"alias/next-{secrets.token_hex(4)}"
        self.services.kms.point_alias(KEY_ALIAS, self.services.kms.create_key(alias))


async def test_waiting_jobs_survive_in_the_production_shape(cases, production, monkeypatch, claim):
    """The same with PostgreSQL, Redis, S3 and KMS: the secrets change in S3, the alias means another key."""

    async def put(_service, signed, body):
        async with httpx.AsyncClient() as http:
            response = await http.put(signed.url, content=body, headers=dict(signed.headers))
            assert response.status_code == 200, response.text

    monkeypatch.setattr(capture, "send", put)
    async with AsyncExitStack() as stack:
        before = await production.start(stack, "web")
        jobs = await submit_jobs(before.service, cases, label="person")
    production.rotate(before)
    async with AsyncExitStack() as stack:
        after = await production.start(stack)
        assert await run_jobs([after], after, jobs) == cases
    text = "Jobs in flight while the application's key and KMS's alias change (PostgreSQL, Redis, S3, KMS)"
    claim("S3", text, f"0 of {cases} failed")


# Jobs that wait for their vendor


class Posted:
    """A webhook whose posts are the fields of an event."""

    def receive(self, incoming, now):
        _ = now
        values = json.loads(incoming.body)
        return Event(**{**values, "kind": EventKind(values["kind"])}), Reply(status=200)


@dataclass
class HostedVendor:
    """Sends everybody away, and says yes when the event that ends it has come.

    Attributes:
        questions: our id of each question, by result id.
        reasons: why each question was resumed, by its id.
    """

    questions: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, list] = field(default_factory=dict)

    async def proof(self, _request, context):
        """Send the person away; every second question is known by the vendor's own id."""
        question_id = context.question_id
        self.reasons[question_id] = []
        reference = f"v-{question_id}" if len(self.reasons) % 2 else None
        leave = Leave(f"https://vendor.example/{question_id}", None)
        return pending(state={"mine": question_id}, then=leave, reference=reference)

    async def resume(self, request, before, because, context):
        """Go on until the event that says so."""
        assert request.applicant.phone == APPLICANT.phone
        # The id may be another under a new key; what the adapter has kept is what it gets.
        question_id = before.state["mine"]
        assert context.question_id[:26] == question_id[:26]
        self.reasons[question_id].append(because)
        if isinstance(because, Received) and because.event.kind is EventKind.READY:
            assert because.event.data == {"said": question_id}
            return YES[ProoferKind.PHONE]
        return replace(before, then=Again(3000))

    def put_into(self, started):
        """Be the phone vendor of a process, and return the web side of its webhook."""
        process = SimpleNamespace(runtime=started)
        continues = frozenset({Leave, Again})
        put_in_place(process, ProoferKind.PHONE, self, continues=continues, webhook="acme")
        return VendorEvents(started.parts, {"acme": LoadedWebhook(Posted(), 4096)})


@asynccontextmanager
async def working(started):
    """Let a process work."""
    stop = asyncio.Event()
    task = asyncio.create_task(started.worker.work(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def park_jobs(started, vendor, count, *, label):
    """Have *count* jobs parked; return whose each is, by its result id."""
    people = {}
    for number in range(count):
        person = PersonRef(reference=f"{label}-{number}")
        people[await started.service.submit_applicant(JobKind.PHONE, person, APPLICANT)] = person

    async def are_parked():
        return (await started.backends.queue.parked_by_vendor()).get("mock", 0) == count

    async with working(started):
        await eventually(are_parked, within_seconds=WAIT_SECONDS)
    for question_id in vendor.reasons:
        address = started.parts.way_back.read(question_id)
        vendor.questions[address.result_id] = question_id
    assert vendor.questions.keys() >= people.keys()
    return people


def event_about(question_id, *, kind, is_referred):
    """Return what the vendor posts about a question, by our id or by its own."""
    found = {"reference": f"v-{question_id}"} if is_referred else {"question_id": question_id}
    values = {**found, "id": f"{kind}-{question_id}", "kind": kind, "data": {"said": question_id}}
    return Incoming(headers={}, body=json.dumps(values).encode())


def referred(vendor):
    """Return the questions that the vendor knows by its own id."""
    return {question_id for number, question_id in enumerate(vendor.reasons) if number % 2 == 0}


async def test_parked_jobs_survive_in_the_production_shape(cases, production, claim):
    """Their payload, notes from before and after, ids, references, pages and records, under a new key."""
    vendor = HostedVendor()
    async with AsyncExitStack() as stack:
        before = await production.start(stack)
        events = vendor.put_into(before)
        people = await park_jobs(before, vendor, cases, label="person")
        by_reference = referred(vendor)
        told = set(list(vendor.reasons)[::3])
        for question_id in told:
            post = event_about(question_id, kind="progress", is_referred=question_id in by_reference)
            assert (await events.receive("acme", post)).status == 200
    production.rotate(before)
    async with AsyncExitStack() as stack:
        after = await production.start(stack)
        events = vendor.put_into(after)
        for result_id, person in people.items():
            record = await after.service.status(person, result_id, JobKind.PHONE)
            page = await after.service.vendor_page(record)
            assert page.then.url.endswith(vendor.questions[result_id])
        returning = set(list(vendor.reasons)[1::5])
        for question_id in returning:
            assert await events.returned(question_id) in people
        async with working(after):
            # What is woken by now opens its notes of both keys, and is parked again, under the new one.
            await eventually(
                lambda: all(vendor.reasons[question_id] for question_id in told | returning),
                within_seconds=WAIT_SECONDS,
            )
            for question_id in vendor.reasons:
                post = event_about(question_id, kind="ready", is_referred=question_id in by_reference)
                assert (await events.receive("acme", post)).status == 200
            jobs = [(person, result_id, JobKind.PHONE) for result_id, person in people.items()]
            ends = await asyncio.gather(*(follow(after.service, *job) for job in jobs))
    assert Counter(ends) == {(EndState.DONE, True): cases}
    for question_id, reasons in vendor.reasons.items():
        kinds = [because.event.kind for because in reasons if isinstance(because, Received)]
        assert kinds == [EventKind.PROGRESS] * (question_id in told) + [EventKind.READY]
        assert (Returned() in reasons) == (question_id in returning)
    text = "Jobs parked for a vendor, with events before and after the key and KMS's alias change"
    claim("S3", text, f"0 of {cases} failed")


async def test_parked_jobs_end_typed_without_the_old_key(production):
    """Nothing of them opens; each is refunded, and the vendor's events are answered and lead nowhere."""
    vendor = HostedVendor()
    async with AsyncExitStack() as stack:
        before = await production.start(stack)
        events = vendor.put_into(before)
        people = await park_jobs(before, vendor, 6, label="lost")
        by_reference = referred(vendor)
        for question_id in list(vendor.reasons)[:3]:
            post = event_about(question_id, kind="progress", is_referred=question_id in by_reference)
            await events.receive("acme", post)
    production.rotate(before, keeps_old=False)
    async with AsyncExitStack() as stack:
        after = await production.start(stack)
        events = vendor.put_into(after)
        for question_id in vendor.reasons:
            post = event_about(question_id, kind="ready", is_referred=question_id in by_reference)
            assert (await events.receive("acme", post)).status == 200
            assert await events.returned(question_id) is None
        queue, results = after.backends.queue, after.backends.results
        # Those that nobody has woken come back when they are due, hours later.
        woken = [await queue.wake(result_id, b"") for result_id in people]
        assert set(woken) == {Wake.KEPT}
        counters = {
            result_id: limits.counter_key(limits.OF_KIND[JobKind.PHONE], person.reference)
            for result_id, person in people.items()
        }
        assert {(await results.usage(key)).count for key in counters.values()} == {1}
        async with working(after):
            for result_id in people:
                await eventually(lambda one=result_id: queue.final_status(one), within_seconds=WAIT_SECONDS)
        for result_id, person in people.items():
            record = await after.service.status(person, result_id, JobKind.PHONE)
            assert record.end_state is EndState.DECRYPT_ERROR
            assert (await results.usage(counters[result_id])).count == 0
    assert all(reasons == [] for reasons in vendor.reasons.values())
