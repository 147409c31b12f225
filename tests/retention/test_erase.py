"""`proofing erase` in the production shape, with the rights of a worker."""

import json
import secrets

import pytest

from proofing.app.service import PersonRef
from proofing.contracts.records import JobKind
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.sessions import make_session


@pytest.fixture
def traces(shape):
    """Return a function that says where a person's reference is still found."""

    def find(reference):
        redis = shape.services.redis
        found = [
            key
            for key in shape.lives()
            if reference in key
            or (redis.command("TYPE", key) == "string" and reference in str(redis.command("GET", key)))
        ]
        for table in ("job", "job_done"):
            rows = shape.sql(f"select * from proofing.{table}")  # noqa: S608 - our own names
            found += [row for row in rows if reference in str(row)]
        return found

    return find


async def test_a_person_with_ended_and_running_jobs_is_erased(shape, traces):
    """Nothing in Redis or PostgreSQL names the person; a second receipt counts nothing."""
    person, other = (PersonRef(reference=secrets.token_hex(16)) for _ in range(2))
    async with shape.runtime("web") as runtime:
        service = runtime.service
        await service.sessions.save(secrets.token_urlsafe(32), make_session(person.reference))
        ended = await service.submit_applicant(JobKind.PHONE, person, APPLICANT)
        kept = await service.submit_applicant(JobKind.PHONE, other, APPLICANT)
        assert (await service.wait(person, ended, JobKind.PHONE, timeout_seconds=30)).is_success
        await eventually(lambda: [ended] in shape.sql("select id from proofing.job_done"))
        running = await service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
        await eventually(lambda: [running, "executing"] in shape.sql("select id, state from proofing.job"))
        assert traces(person.reference)
        done = shape.run("worker", "erase", ended, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        report = json.loads(done.stdout)
        assert report["person"] == person.reference
        assert report["complete"]
        assert {item["store"]: item["removed"] > 0 for item in report["receipts"]} == {
            "queue": True,
            "image_store": False,
            "result_store": True,
            "verification_store": False,
            "call_store": True,
        }
        assert traces(person.reference) == []
        again = shape.run("worker", "erase", person.reference)
        assert again.returncode == 66
        assert again.stdout.count(" 0 removed") == 5
        assert f"no data found for {person.reference}" in again.stderr
        assert (await service.wait(other, kept, JobKind.PHONE, timeout_seconds=30)).is_success
    assert traces(other.reference)


async def test_a_store_that_is_down_is_on_the_receipt(shape):
    """The others are erased; the exit code asks for another run."""
    person = PersonRef(reference=secrets.token_hex(16))
    async with shape.runtime("web") as runtime:
        ended = await runtime.service.submit_applicant(JobKind.PHONE, person, APPLICANT)
    await eventually(lambda: [ended] in shape.sql("select id from proofing.job_done"))
    shape.services.redis.kill()
    try:
        done = shape.run("worker", "erase", person.reference)
    finally:
        shape.services.redis.start()
    assert done.returncode == 1
    assert "unreachable: run again" in done.stdout
    assert f"proofing erase {person.reference}" in done.stdout
