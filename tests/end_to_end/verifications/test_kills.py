"""kill -9 between each pair of steps of a verification's job: one end, one event, whatever runs the job.

A process submits a job and runs it; it is killed at a place. Then another process works, and a sweeper comes
when the job can have no end of its own anymore. What it must come to:

* admitted: nobody knows of the job; the person submits again.
* begun: it never reached its queue, and is ended as an unknown outcome; the attempt is refunded.
* enqueued: a job in a queue runs; one inside its request is lost with the request.
* answered: its vendor may have been asked: the answer is not known.
* recorded, published: it is over, and stays what was recorded, whatever happens to it later.

A queue that rescues loses no call that a vendor bills: each is in the ledger, once.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from proofing import bootstrap
from proofing.app.verifications import person_of
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.verifications import Mode, VerificationState
from proofing.testing.processes import start_process
from proofing_devtools.postgres import FAST, running_postgres
from proofing_devtools.verifications import SETTINGS

PLACES = ["admitted", "begun", "enqueued", "answered", "recorded", "published"]
KINDS = [JobKind.DOCUMENT, JobKind.RESOLUTION, JobKind.PHONE]
WAYS = ["huey", "postgres", "inline"]
#: A few of everything, for each run of the tests.
SHORT = [
    ("huey", JobKind.PHONE, "begun"),
    ("huey", JobKind.DOCUMENT, "recorded"),
    ("huey", JobKind.RESOLUTION, "answered"),
    ("postgres", JobKind.PHONE, "enqueued"),
    ("postgres", JobKind.DOCUMENT, "answered"),
    ("postgres", JobKind.RESOLUTION, "recorded"),
    ("inline", JobKind.PHONE, "recorded"),
    ("inline", JobKind.DOCUMENT, "begun"),
    ("inline", JobKind.RESOLUTION, "answered"),
]
LONG = [
    pytest.param(way, kind, place, marks=pytest.mark.chaos)
    for way in WAYS
    for kind in KINDS
    for place in PLACES
    if (way, kind, place) not in SHORT
    # Inside a request nothing is enqueued.
    and not (way == "inline" and place == "enqueued")
]
#: The calls of a job of each kind.
CALLS = {
    JobKind.DOCUMENT: ["document"],
    JobKind.RESOLUTION: ["device", "resolution", "state_id"],
    JobKind.PHONE: ["phone"],
}
_VICTIM = Path(__file__).with_name("victim.py")
_PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def postgres():
    """Start the PostgreSQL of this module's queues."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def settings(tmp_path, request):
    """Return a function that writes the settings of a product with this way to run jobs."""

    def write(way):
        local = tmp_path / "local"
        values = {
            "plugins": ["huey", "local", "mock", "postgres"],
            "local": {"directory": str(local)},
            "huey": {"path": str(local / "huey.db")},
            "log_directory": str(tmp_path / "log"),
            "ruby_workers_idv_enabled": way != "inline",
            "doc_auth_enable_presigned_s3_urls": way != "inline",
            **SETTINGS,
        }
        if way == "postgres":
            dsn = request.getfixturevalue("postgres").new_database()
            values |= dict.fromkeys(("queue", "verification_store", "call_store"), "postgres")
            values["postgres"] = {"dsn": dsn, **FAST}
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": values}))
        return {"PROOFING_SETTINGS": str(path), "PROOFING_ENV": "test"}

    return write


@pytest.mark.parametrize(("way", "kind", "place"), [*SHORT, *LONG])
async def test_a_killed_process_leaves_one_end_and_one_event(settings, monkeypatch, way, kind, place):
    """And a verdict that neither the queue nor the result store can change."""
    environ = settings(way)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if way == "postgres":
        await migrate()
    result_id = str(uuid4())
    verification_id = await run_victim(kind, result_id, place)
    async with bootstrap.start(await bootstrap.configure(role="run"), "run") as runtime:
        store = runtime.backends.verifications
        record = (await store.load(verification_id)).record
        person = person_of(record)
        is_recorded = place in {"recorded", "published"}
        assert (record.state is VerificationState.VERIFIED) is is_recorded, "the verdict needs no recovery"
        if place == "admitted":
            assert record.state is VerificationState.IN_PROGRESS
            assert not await store.begun_jobs(verification_id)
            return
        if not is_recorded:
            assert [job.result_id for job in await store.begun_jobs(verification_id)] == [result_id]
        await recover(runtime, way, place, result_id, kind, monkeypatch)
        (end,) = await store.ends(verification_id)
        is_known = is_recorded or (place == "enqueued" and way != "inline")
        assert end.record.end_state is (EndState.DONE if is_known else EndState.UNKNOWN_OUTCOME)
        record = (await store.load(verification_id)).record
        last = "verified" if is_known else "input_required"
        assert await events_of(store) == ["created", "started", "processing", last]
        assert not await store.begun_jobs(verification_id)
        published = await runtime.service.status(person, result_id, kind)
        assert published is None or not published.is_done or published.mac == end.record.mac
        if not is_known:
            assert (record.failures, record.exceptions) == ({}, 1)
        if way == "postgres":
            calls = await ledger_of(runtime)
            assert sorted(call.kind for call in calls) == ([] if place == "begun" else CALLS[kind])
            if place in {"enqueued", "published"}:
                assert {call.outcome for call in calls} == {"passed"}
            else:
                # The answers were known to the process that died, and to nobody else.
                assert {call.outcome for call in calls} <= {"passed", "interrupted"}


async def ledger_of(runtime):
    """Return the calls that are to be paid for."""
    return await runtime.backends.calls.calls(begin=0.0, end=1e12, limit=100)


async def recover(runtime, way, place, result_id, kind, monkeypatch):  # noqa: PLR0917
    """Work as the next process does, until the job has its end; then sweep at the end of all patience."""
    store = runtime.backends.verifications
    stop = asyncio.Event()
    work = asyncio.create_task(runtime.worker.work(stop))
    if place != "begun" and (way == "postgres" or (way == "huey" and place == "enqueued")):

        async def has_end():
            return await store.end_of(result_id) is not None

        await eventually(has_end, "the job has no end")
    if place == "recorded" and way == "postgres":

        async def is_in_ledger():
            return len(await ledger_of(runtime)) == len(CALLS[kind])

        await eventually(is_in_ledger, "the rescue has not recorded the calls")
    begun = await store.overdue_jobs(before=float("inf"), limit=10)
    late = max((job.give_up_at for job in begun), default=store.now()) + 1
    with monkeypatch.context() as later:
        later.setattr(store, "now", lambda: late)
        swept = await runtime.worker.verifications.sweep()
        assert swept.jobs == len(begun)
        assert (await runtime.worker.verifications.sweep()).jobs == 0
    stop.set()
    await work


async def eventually(is_so, otherwise):
    """Wait until *is_so*; *otherwise* says what is missing."""
    for _ in range(_PATIENCE_SECONDS * 10):
        if await is_so():
            return
        await asyncio.sleep(0.1)
    pytest.fail(otherwise)


async def run_victim(kind, result_id, place):
    """Run the process that dies, and return the id of its verification."""
    command = [sys.executable, str(_VICTIM), kind.value, result_id, place]
    victim = start_process(command, stdout=subprocess.PIPE, env=os.environ.copy())
    output = (await asyncio.to_thread(victim.communicate, timeout=_PATIENCE_SECONDS))[0]
    assert victim.returncode == -signal.SIGKILL
    return output.decode().split()[-1]


async def migrate():
    """Make the tables of the queue."""
    queue = bootstrap.make_backends(await bootstrap.configure(role="migrate"), "migrate").queue
    await queue.migrate()


async def events_of(store):
    """Return the types of the relying party's events, in their order."""
    found = await store.events("acme", Mode.LIVE, after=0, limit=100)
    return [json.loads(event.body)["type"].removeprefix("verification.") for event in found]
