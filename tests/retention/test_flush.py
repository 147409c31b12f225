"""R8: Redis forgets everything while jobs run. No verdict is lost, and no vendor is asked again for it."""

import asyncio
import secrets

import pytest

from proofing.app.service import PersonRef
from proofing.contracts.records import JobKind
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT

#: People whose jobs wait at once, so that a flush meets some of them in every state.
_AT_ONCE = 50


async def flush_and_check(shape, jobs):
    """Submit *jobs* jobs in waves, flush in the middle of each, and account for every one."""
    ids = []
    async with shape.runtime("web") as runtime:
        service = runtime.service

        async def submit_and_wait():
            person = PersonRef(reference=secrets.token_hex(16))
            result_id = await service.submit_applicant(JobKind.PHONE, person, APPLICANT)
            waiting = asyncio.create_task(service.wait(person, result_id, JobKind.PHONE, timeout_seconds=60))
            return person, result_id, waiting

        for _ in range(0, jobs, _AT_ONCE):
            wave = await asyncio.gather(*(submit_and_wait() for _ in range(min(jobs, _AT_ONCE))))
            await eventually(
                lambda: int(shape.sql("select count(*) from proofing.job where intent is not null")[0][0]) > 0
            )
            shape.services.redis.command("FLUSHALL")
            ends = {result_id: await waiting for _person, result_id, waiting in wave}
            await eventually(lambda: shape.sql("select count(*) from proofing.job") == [["0"]])
            # Once more, now that all have ended: the queue alone knows them.
            shape.services.redis.command("FLUSHALL")
            for person, result_id, _waiting in wave:
                record = await service.status(person, result_id, JobKind.PHONE)
                assert record.is_done
                assert record.is_success
                # A page that polled at the moment of the flush got *try again*, not an end.
                assert ends[result_id] in {None, record}
            output = sum(record is not None for record in ends.values())
            assert output >= len(wave) * 0.8
            ids += [result_id for _person, result_id, _waiting in wave]
    calls = {
        line["job_id"]: [call["vendor"] for call in line["vendors"]]
        for line in shape.log_lines("perform")
        if line["job_id"] in set(ids)
    }
    runs = [line["job_id"] for line in shape.log_lines("perform") if line["job_id"] in set(ids)]
    assert sorted(runs) == sorted(ids)
    assert all(vendors == ["mock"] for vendors in calls.values())


async def test_a_flushed_redis_loses_no_verdict(shape):
    """50 jobs: each ends once, with one call, and its verdict is found after the last flush."""
    await flush_and_check(shape, 50)


@pytest.mark.security
async def test_a_flushed_redis_loses_no_verdict_at_length(shape, claim):
    """500 jobs, ten flushes in the middle of them."""
    await flush_and_check(shape, 500)
    claim(
        "R8",
        "Redis forgets everything while jobs run and again when they have ended: verdicts and vendor calls",
        "0 of 500 verdicts lost, 1 call for each job; 20 flushes",
    )
