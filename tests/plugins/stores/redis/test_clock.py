"""One clock, the store's: a host whose clock is wrong by an hour judges no age wrongly, and is reported."""

import time
from types import SimpleNamespace

import pytest
import yaml

from proofing import bootstrap
from proofing.contracts.records import JobKind
from proofing.registry.backends import check_backends
from proofing.registry.clocks import clock_advice, skew_seconds
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON
from proofing_devtools.redis import running_redis
from proofing_devtools.sessions import put
from proofing_redis.batches import ServerClock
from proofing_server.job_status import Stage, job_view
from proofing_server.sessions import Sessions

HOUR = 3600.0


@pytest.fixture(scope="module")
def server():
    """Run one Redis for this module."""
    with running_redis(password="synthetic") as server:
        yield server


@pytest.fixture
async def configuration(server, tmp_path):
    """Settings that lead to it."""
    server.command("FLUSHALL")
    settings = {
        "plugins": ["huey", "local", "mock", "redis"],
        "result_store": "redis",
        "redis": {"url": server.url, "deadline_seconds": 20.0},
        "local": {"directory": str(tmp_path / "local")},
    }
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": settings}))
    return await bootstrap.configure(path, {"PROOFING_ENV": "test"})


def backends_of(configuration, role):
    """Return backends, with a queue to step through."""
    return bootstrap.make_backends(configuration, role, queue=MemoryQueue())


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_wrong_clock_judges_no_age(configuration, monkeypatch, ahead):
    """What another host began looks young to it, no session ends, and nothing is refunded."""
    real = time.time
    async with bootstrap.start(configuration, "web", backends_of(configuration, "web")) as right:
        sessions = Sessions(right.service)
        begun = await sessions.start(consented=True)
        submitted_at = right.service.now()
        job = await right.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        monkeypatch.setattr(time, "time", lambda: real() + ahead)
        async with bootstrap.start(configuration, "web", backends_of(configuration, "web")) as wrong:
            assert abs(wrong.service.now() - right.service.now()) < 1.0
            session = await Sessions(wrong.service).open(begun.id)
            assert session.data == begun.data
            assert 890 < Sessions(wrong.service).seconds_left(session) <= 900
            await session.update(put(attempts=("here",)))
            record = await wrong.service.status(PERSON, job, JobKind.RESOLUTION)
            look = job_view(SimpleNamespace(service=wrong.service), record, submitted_at)
            assert look.stage is Stage.WAITING
            assert 40 < look.seconds_to_late <= 60
            other = await wrong.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
            of_other = await right.service.status(PERSON, other, JobKind.PHONE)
            assert abs(of_other.submitted_at - right.service.now()) < 30
            await wrong.service.cancel(PERSON, job, JobKind.RESOLUTION, ssn=APPLICANT.ssn)
            assert (await wrong.service.limit(PERSON, "idv_resolution")).remaining == 4
        assert (await sessions.open(begun.id)).data.attempts == ("here",)


@pytest.mark.parametrize(("ahead", "way"), [(5.0, "ahead of"), (-5.0, "behind"), (0.0, None)])
async def test_a_skew_is_named(configuration, monkeypatch, ahead, way):
    """By `check`, of every backend that shows a clock."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    reports = await check_backends(backends_of(configuration, "check"))
    sentences = [one for one in reports["result_store"].advice if "clock" in one]
    assert len(sentences) == (way is not None)
    assert all(way in one and "NTP" in one for one in sentences)


async def test_a_skew_is_measured():
    """Between question and answer; half of the round trip is the error."""
    now = iter([100.0, 102.0])

    class Backend:
        """Answers with one time."""

        async def time(self):
            """Return it."""
            return 91.0

    assert await skew_seconds(Backend(), clock=lambda: next(now)) == 10.0
    assert await clock_advice(object()) == ()


def test_the_servers_clock_is_followed():
    """It continues with our monotonic clock, is asked again after a second, and follows every answer."""
    here = [50.0]
    clock = ServerClock(here=lambda: here[0])
    assert clock.is_old
    here[0] = 50.2
    assert clock.note((1_000, 500_000), 50.0) == 1_000.5
    assert not clock.is_old
    assert clock.now() == pytest.approx(1_000.6)
    here[0] = 51.1
    assert clock.is_old
    assert clock.now() == pytest.approx(1_001.5)
    clock.note((2_000, 0), 51.1)
    assert clock.now() == pytest.approx(2_000.0)
