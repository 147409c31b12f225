"""S5: people come, leave halfway, and workers are killed; nothing outlives its bound."""

import asyncio
import base64
import contextlib
import hashlib
import random
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from proofing.cli.smoke import SmokeError, Walk
from proofing.sessions.uploads import OBJECT_LIFE_SECONDS
from proofing.testing.waiting import eventually
from proofing.verifications.grants import BROWSER_SECONDS
from proofing.verifications.sweeper import Swept
from proofing_devtools.services import IMAGE_BUCKET

#: People at a time, and the share of them that leaves halfway.
_AT_ONCE = 8
_LEAVING = 0.3
#: The longest life that anything in Redis may have: a session's total. Logins of OpenID Connect, which are
#: sealed, and the notes by which an erasure finds them, live longer.
_LONGEST_SECONDS = 12 * 3600.0
_LOGIN_KEYS = re.compile(r":oidc:login:|:oidc:answer:|:erasure_index:")
#: By when arguments, results and used images are gone.
_BOUND_SECONDS = 60.0
#: The life of a result, as the settings of the shape have it.
RESULT_SECONDS = 2
#: The only failure of a step that a killed worker may cause.
_PROBLEM = r"\w+: led to /\w+/problem in place of /\w+"

#: Tables of verifications with bytes: sealed values, bodies of events and answers, digests of keys.
TABLES_WITH_BYTES = ("credential", "event", "idempotent_answer", "sealed_value")
#: Tables of verifications and of those who ask for them, and how to count their rows.
VERIFICATION_TABLES = {
    "begun_job": "select count(*) from proofing.begun_job",
    "credential": "select count(*) from proofing.credential",
    "delivery": "select count(*) from proofing.delivery",
    "event": "select count(*) from proofing.event",
    "idempotent_answer": "select count(*) from proofing.idempotent_answer",
    "job_end": "select count(*) from proofing.job_end",
    "sealed_value": "select count(*) from proofing.sealed_value",
    "verification": "select count(*) from proofing.verification",
}


class UploadLeaver(Walk):
    """A person who uploads images and closes the browser."""

    async def _json(self, path, body, headers):
        """Go no further than the uploads."""
        if path == "/api/document":
            raise SmokeError("left")
        return await super()._json(path, body, headers)


class WaitLeaver(Walk):
    """A person who submits, and closes the browser while the page waits: nobody reads the result."""

    async def _follow(self):
        """Wait for nothing."""
        raise SmokeError("left")


@dataclass
class Tally:
    """What became of the flows.

    Attributes:
        begun: flows that have begun.
        done: flows that are over.
        left: those that were meant to end halfway.
        verified: those that came to their end.
        failures: what stopped the others, and how often.
        kills: workers that were killed.
        sent: flows of people whom relying parties sent.
    """

    begun: int = 0
    done: int = 0
    left: int = 0
    verified: int = 0
    failures: Counter = field(default_factory=Counter)
    kills: int = 0
    sent: int = 0

    def count(self, report):
        """Count a flow that went on to its end."""
        self.verified += report["passed"]
        self.failures.update(
            f"{step['step']}: {step['detail']}" for step in report["steps"] if "detail" in step
        )


async def sent_by_api(shape, client, kind=Walk):
    """Have a relying party send a person by `/v1` and collect what is released; return the walk's report."""
    headers = {"Authorization": f"Bearer {shape.api_key}"}
    wanted = {"subject": secrets.token_hex(8), "policy": "standard"}
    async with shape.client() as agency:
        made = await agency.post(
            "/v1/verifications", json=wanted, headers={**headers, "Idempotency-Key": secrets.token_hex(8)}
        )
        assert made.status_code == 201, made.text
        report = await shape.walk(client, kind).run_link(made.json()["link"]["url"])
        if report["passed"]:
            path = f"/v1/verifications/{made.json()['id']}/claims"
            claims = await agency.post(path, headers=headers)
            assert claims.status_code == 200, claims.text
    return report


async def sent_by_openid_connect(shape, client, kind=Walk):
    """Have a client of OpenID Connect log a person in, and ask who they are; return the walk's report."""
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {
        "client_id": "site",
        "redirect_uri": shape.callback,
        "response_type": "code",
        "scope": "openid phone",
        "state": "state",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    led = await client.get("/oauth/authorize", params=wanted, follow_redirects=False)
    assert led.status_code == 303, led.text
    report = await shape.walk(client, kind).run_link(led.headers["location"])
    if report["passed"]:
        back = await client.get("/oauth/return/site", follow_redirects=False)
        (code,) = parse_qs(urlsplit(back.headers["location"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": shape.callback}
        async with shape.client() as site:
            answer = await site.post(
                "/oauth/token",
                data={**form, "code_verifier": verifier},
                auth=("site", shape.client_secret),
            )
            assert answer.status_code == 200, answer.text
            bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await site.get("/oauth/userinfo", headers=bearer)).status_code == 200
    return report


async def one_flow(shape, chance, tally):
    """Walk one person's way, or the part of it before they leave; relying parties send half of them."""
    sent = chance.choice([None, None, sent_by_api, sent_by_openid_connect])
    async with shape.client() as client:
        if sent is not None:
            is_leaving = chance.random() < _LEAVING
            kind = chance.choice([UploadLeaver, WaitLeaver]) if is_leaving else Walk
            report = await sent(shape, client, kind)
            tally.sent += 1
            tally.left += is_leaving
            if not is_leaving:
                tally.count(report)
        elif chance.random() < _LEAVING:
            tally.left += 1
            kind, before = chance.choice(
                [
                    (UploadLeaver, None),
                    (WaitLeaver, None),
                    *((Walk, step) for step in ("document", "ssn", "resolution", "phone")),
                ]
            )
            await shape.walk(client, kind).run(before=before)
        else:
            tally.count(await shape.walk(client).run())


def is_busy(shape):
    """Return whether a job runs and every worker is up, so that a kill meets one of several."""
    ((jobs, workers),) = shape.sql(
        "select (select count(*) from proofing.job where state = 'executing'),"
        " (select count(*) from proofing.worker where lease_until > now())"
    )
    return int(jobs) > 0 and int(workers) >= len(shape.workers)


async def run_flows(shape, chance, *, flows, kills):
    """Let *flows* people come, more until *kills* workers were killed, and watch what exists meanwhile."""
    tally, over = Tally(), asyncio.Event()

    async def come():
        while tally.begun < flows or tally.kills < kills:
            tally.begun += 1
            await one_flow(shape, chance, tally)
            tally.done += 1

    async def kill():
        # Spread over the flows, not over a time: so each meets jobs, however fast the machine is.
        for number in range(1, kills + 1):
            wanted = flows * number / (kills * 1.25 + 1)
            await eventually(lambda n=wanted: tally.done >= n, within_seconds=900)
            await eventually(lambda: is_busy(shape), within_seconds=60)
            shape.kill_worker()
            tally.kills += 1

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(shape, over))
        async with asyncio.TaskGroup() as walking:
            for _ in range(_AT_ONCE):
                walking.create_task(come())
            walking.create_task(kill())
        over.set()
    assert watching.result() > 0
    return tally


async def watch(shape, over):
    """Look once a second until it is *over*; return how often it looked.

    A live job is the note of its images: a used one that no live job names must go within the bound. A
    result has the life that the settings give it from its first moment.
    """
    looks = 0
    ended_at = {}
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 1.0)
        lives = shape.lives("*:result")
        assert all(0 <= life <= RESULT_SECONDS for life in lives.values()), lives
        keys = shape.services.redis.command("KEYS", "*:slot:used:*")
        used = {str(key).rpartition(":")[2] for key in keys}
        wanted = " ".join(row[0] for row in shape.sql("select object_keys from proofing.job") if row)
        standing = {slot for key in shape.objects if (slot := key.rpartition("/")[2]) in used}
        now = time.monotonic()
        ended_at = {slot: ended_at.get(slot, now) for slot in standing if slot not in wanted}
        assert all(now - ended < _BOUND_SECONDS for ended in ended_at.values())
        looks += 1
    return looks


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
    endless = {key: life for key, life in shape.lives().items() if not 0 <= life <= longest_life(key)}
    assert not endless
    columns = shape.sql(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'proofing' and data_type = 'bytea'"
    )
    # Of jobs, of which there is none by now; and of verifications, which time deletes.
    assert {table for table, _column in columns} == {"job", *TABLES_WITH_BYTES}
    assert [column for table, column in sorted(columns) if table == "job"] == ["answers", "payload"]
    # Time travel: as if the images that nobody submitted had been uploaded a quarter of an hour ago.
    bucket = shape.services.s3.buckets[IMAGE_BUCKET]
    for key, stored in list(bucket.objects.items()):
        bucket.objects[key] = replace(stored, modified_at=stored.modified_at - OBJECT_LIFE_SECONDS)
    async with shape.runtime("worker") as runtime:
        await runtime.worker.sweep()
        await forget_verifications(runtime)
    assert not bucket.objects
    left = {table: shape.sql(count) for table, count in VERIFICATION_TABLES.items()}
    # Keys belong to relying parties.
    del left["credential"]
    assert all(count == [["0"]] for count in left.values()), left


def longest_life(key):
    """Return for how many seconds at most a key of Redis may live."""
    return BROWSER_SECONDS if _LOGIN_KEYS.search(key) else _LONGEST_SECONDS


async def forget_verifications(runtime):
    """Sweep until nothing is left to do, as if the longest retention had passed twice: an end begins it."""
    store = runtime.backends.verifications
    days = max(policy.retention_days for policy in runtime.configuration.settings.policies.values())
    for number in (1, 2):
        later = store.now() + number * (days + 31) * 86400.0
        with pytest.MonkeyPatch.context() as moved:
            moved.setattr(store, "now", lambda at=later: at)
            while await runtime.worker.verifications.sweep() != Swept():
                pass


async def walk_and_check(shape, *, flows, kills):
    """Run the flows, then check what is left; return how many jobs lost their worker."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)  # noqa: S311 - choices of a test
    before = crashes(shape)
    # Made before anybody comes: the command would stop the clock of all people meanwhile.
    assert shape.api_key
    assert shape.client_secret
    tally = await run_flows(shape, chance, flows=flows, kills=kills)
    await check_bounds(shape)
    hit = crashes(shape) - before
    facts = f"seed {seed}, {hit} jobs hit, {tally}"
    assert tally.kills == kills, facts
    assert tally.sent > 0, facts
    assert hit > 0, facts
    # A job whose worker died while a vendor was asked ends as a problem; nothing else may stop a person.
    assert tally.verified + tally.failures.total() == tally.done - tally.left, facts
    assert all(re.fullmatch(_PROBLEM, failure) for failure in tally.failures), facts
    assert tally.failures.total() <= hit, facts
    return hit


def crashes(shape):
    """Return how often a job's worker died."""
    ((count,),) = shape.sql("select coalesce(sum(crashes), 0) from proofing.job_done")
    return int(count)


async def test_nothing_outlives_its_bound(shape):
    """40 flows, 3 in 10 abandoned, 4 workers killed."""
    await walk_and_check(shape, flows=40, kills=4)


@pytest.mark.security
async def test_nothing_outlives_its_bound_at_length(shape, claim):
    """1,000 flows, 3 in 10 abandoned, 100 workers killed."""
    hit = await walk_and_check(shape, flows=1000, kills=100)
    claim(
        "S5",
        "1,000 flows, 3 in 10 abandoned, 100 workers killed: nothing outlives its bound",
        f"{hit} jobs lost their worker; within a minute 0 arguments, results, used images;"
        " after 15 minutes, by a moved clock, 0 images",
    )
