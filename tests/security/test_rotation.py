"""Keys change while jobs wait and run: nothing is lost, and no key ever meets the same IV twice.

Rotate in two steps, so that processes of both settings understand each other: give every process the new key
in ``session_encryption_previous_keys``, then make it the key and the old one an old key.
"""

import asyncio
import secrets
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.contracts.images import Side
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.stores import DataKey
from proofing.crypto import encryption
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import KeyRing, SealContext, Sealer
from proofing.testing.images import make_jpeg
from proofing_devtools import capture
from proofing_devtools.capture import APPLICANT, DEVICE, upload_images
from proofing_devtools.services import KEY_ALIAS, SECRET_BUCKET, SECRET_KEY, running_services
from proofing_devtools.sessions import make_session

CASES = {
    "test_no_iv_meets_its_key_twice": (100_000, 1_000_000),
    "test_waiting_jobs_survive_embedded": (100, 1_000),
    "test_processes_of_both_keys_understand_each_other": (100, 1_000),
    "test_waiting_jobs_survive_in_the_production_shape": (50, 500),
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
    record = await service.wait(person, result_id, kind, timeout_seconds=WAIT_SECONDS)
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
        await before.service.save_session("a" * 43, make_session("late"))
    keys.set(secrets.token_hex(32), keys.current())
    keys.add_master_key()
    async with AsyncExitStack() as stack:
        after = await start(stack, path, environ)
        await late(after.service)
        session = await after.service.load_session("a" * 43)
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


async def test_waiting_jobs_survive_in_the_production_shape(cases, tmp_path, monkeypatch, claim):
    """The same with PostgreSQL, Redis, S3 and KMS: the secrets change in S3, the alias means another key."""

    async def put(_service, signed, body):
        async with httpx.AsyncClient() as http:
            response = await http.put(signed.url, content=body, headers=dict(signed.headers))
            assert response.status_code == 200, response.text

    monkeypatch.setattr(capture, "send", put)
    with running_services("http://localhost:8000") as services:
        for name, value in services.variables.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "settings.yaml"
        # Hundreds of pages wait in this one process, and on a busy machine; speed is not the matter here.
        patient = {"proof_ssn_max_attempts": 10_000, "redis": {"deadline_seconds": 15.0}}
        path.write_text(yaml.safe_dump({"default": {**services.settings, **patient}}))
        environ = {"PROOFING_ENV": "test"}
        async with AsyncExitStack() as stack:
            before = await start(stack, path, environ, "web")
            jobs = await submit_jobs(before.service, cases, label="person")
            values = (
                dict(before.configuration.layers.section("postgres")),
                dict(before.configuration.layers.section("redis")),
            )
            settings = before.configuration.settings
        fresh = {
            "session_encryption_key": secrets.token_hex(32),
            "session_encryption_previous_keys": [settings.session_encryption_key.get_secret_value()],
            "hmac_fingerprinter_key": settings.hmac_fingerprinter_key.get_secret_value(),
            "postgres": values[0],
            "redis": values[1],
        }
        services.s3.load(SECRET_BUCKET, SECRET_KEY, yaml.safe_dump(fresh).encode())
        services.kms.point_alias(KEY_ALIAS, services.kms.create_key("alias/next"))
        async with AsyncExitStack() as stack:
            after = await start(stack, path, environ)
            assert await run_jobs([after], after, jobs) == cases
    text = "Jobs in flight while the application's key and KMS's alias change (PostgreSQL, Redis, S3, KMS)"
    claim("S3", text, f"0 of {cases} failed")
