"""S5: persons come, leave halfway, and workers are killed; nothing outlives its bound."""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from proofing.cli.smoke import SmokeError, Walk
from proofing.testing.services import IMAGE_BUCKET
from proofing.testing.waiting import eventually
from proofing.uploads import OBJECT_LIFE_SECONDS

#: Persons at once, and the share of them that leaves halfway.
_AT_ONCE = 8
_LEAVING = 0.3
#: The longest life that anything in Redis may have: a session's total.
_LONGEST_SECONDS = 12 * 3600.0
#: By when arguments, results and used pictures are gone.
_BOUND_SECONDS = 60.0


class Leaver(Walk):
    """A person who uploads pictures and closes the browser."""

    async def _json(self, path, body, headers):
        """Go no further than the uploads."""
        if path == "/api/document":
            raise SmokeError("left")
        return await super()._json(path, body, headers)


async def one_flow(shape, chance):
    """Walk one person's way, or the part of it before they leave; return whether they were verified."""
    async with shape.client() as client:
        if chance.random() >= _LEAVING:
            return (await shape.walk(client).run())["passed"]
        if chance.random() < 0.5:
            await shape.walk(client, Leaver).run()
        else:
            await shape.walk(client).run(before=chance.choice(["document", "ssn", "resolution", "phone"]))
        return False


def is_busy(shape):
    """Tell whether a job runs and every worker is up, so that a kill meets one of several."""
    ((jobs, workers),) = shape.sql(
        "select (select count(*) from proofing.job where state = 'executing'),"
        " (select count(*) from proofing.worker where lease_until > now())"
    )
    return int(jobs) > 0 and int(workers) >= len(shape.workers)


async def run_flows(shape, chance, *, flows, kills):
    """Let *flows* persons come while workers are killed; return how many were verified."""
    turns = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def flow():
        nonlocal done
        async with turns:
            verified = await one_flow(shape, chance)
        done += 1
        return verified

    async def kill():
        # Spread over the flows, not over a time.
        for number in range(1, kills + 1):
            await eventually(lambda n=number: done >= flows * n / (kills + 1), within_seconds=900)
            await eventually(lambda: done == flows or is_busy(shape), within_seconds=60)
            if done < flows:
                shape.kill_worker()

    async with asyncio.TaskGroup() as group:
        walking = [group.create_task(flow()) for _ in range(flows)]
        group.create_task(kill())
    return sum(task.result() for task in walking)


async def check_bounds(shape):
    """Assert what the retention plan says of each store, in its order."""
    started = time.monotonic()
    await eventually(lambda: shape.sql("select count(*) from proofing.job") == [["0"]], within_seconds=60)

    def results():
        return [key for key in shape.lives() if key.endswith(":result")]

    await eventually(lambda: not results(), within_seconds=60)
    used = {key.rpartition(":")[2] for key in shape.lives() if ":slot:used:" in key}
    assert used
    await eventually(lambda: not used & {key.rpartition("/")[2] for key in shape.objects}, within_seconds=60)
    assert time.monotonic() - started < _BOUND_SECONDS
    lives = shape.lives()
    assert all(0 < life <= _LONGEST_SECONDS for life in lives.values())
    columns = shape.sql(
        "select column_name from information_schema.columns"
        " where table_schema = 'proofing' and data_type = 'bytea'"
    )
    assert columns == [["payload"]]
    # Time travel: as if the pictures that nobody submitted had been uploaded a quarter of an hour ago.
    bucket = shape.services.s3.buckets[IMAGE_BUCKET]
    for key, stored in list(bucket.objects.items()):
        bucket.objects[key] = replace(stored, modified_at=stored.modified_at - OBJECT_LIFE_SECONDS)
    async with shape.runtime("worker") as runtime:
        await runtime.worker.sweep()
    assert not bucket.objects


async def walk_and_check(shape, *, flows, kills):
    """Run the flows, then check what is left."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)  # noqa: S311 - choices of a test
    verified = await run_flows(shape, chance, flows=flows, kills=kills)
    await check_bounds(shape)
    ((hit,),) = shape.sql("select coalesce(sum(crashes), 0) from proofing.job_done")
    assert int(hit) > 0, f"seed {seed}: no kill met a job"
    # Kills cost some persons a step, and never most of them.
    assert verified >= flows * (1 - _LEAVING) / 4, f"seed {seed}"


async def test_nothing_outlives_its_bound(shape):
    """40 flows, 3 in 10 abandoned, 4 workers killed."""
    await walk_and_check(shape, flows=40, kills=4)


@pytest.mark.security
async def test_nothing_outlives_its_bound_at_length(shape):
    """1,000 flows, 3 in 10 abandoned, 100 workers killed."""
    await walk_and_check(shape, flows=1000, kills=100)
