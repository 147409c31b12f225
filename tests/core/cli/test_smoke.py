"""`proofing smoke` walks the real pages, both switches both ways, and says where a walk ended."""

import asyncio
import json
import re

import httpx
import pytest

from proofing.cli import main
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.applicant import parse_ssn
from proofing.contracts.images import Side
from proofing.rules.image_check import inspect_image
from proofing.sessions.samples import make_test_ssn
from proofing.testing.processes import free_port
from proofing_server.app import make_app

ORIGIN = "http://localhost:8000"
STEPS = ["consent", "document", "ssn", "resolution", "phone"]


async def walk(running, **typed):
    """Walk over the application of a running process, whose queue works alongside."""
    stop = asyncio.Event()
    queue = running.queue
    work = asyncio.create_task(queue.work(running.runtime.runner, slots={}, stop=stop, drain_seconds=0))
    transport = httpx.ASGITransport(app=make_app(running.service))
    documents = {side: (make_image(), "image/jpeg") for side in (Side.FRONT, Side.BACK)}
    try:
        async with (
            asyncio.timeout(60),
            httpx.AsyncClient(
                transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}, follow_redirects=True
            ) as client,
        ):
            return await Walk(client, Answers(documents=documents, typed=typed)).run()
    finally:
        stop.set()
        await work


@pytest.mark.parametrize("uploads", [True, False])
@pytest.mark.parametrize("jobs", [True, False])
async def test_the_walk_passes(process, uploads, jobs):
    """Every step has an outcome and its milliseconds."""
    async with process(doc_auth_enable_presigned_s3_urls=uploads, ruby_workers_idv_enabled=jobs) as running:
        report = await walk(running)
    assert report["passed"], report
    assert [step["step"] for step in report["steps"]] == STEPS
    assert all(step["milliseconds"] >= 0 for step in report["steps"])


async def test_each_walk_has_an_ssn_of_its_own(process):
    """A monitor that walks every minute does not run into the limit of one number."""
    async with process(proof_ssn_max_attempts=1) as running:
        for _ in range(2):
            report = await walk(running)
            assert report["passed"], report


def test_a_test_ssn_belongs_to_nobody():
    """No SSN begins with 900, and the group is of no ITIN; parts of zeros only do not occur."""
    found = {make_test_ssn() for _ in range(2000)}
    assert len(found) > 1900
    for ssn in found:
        assert re.fullmatch(r"900-(?!00)[0-4]\d-(?!0000)\d{4}", ssn), ssn
        assert parse_ssn(ssn)


async def test_the_walk_stops_where_it_is_led_astray(process):
    """A phone that fails leads elsewhere; the report says so, and tells no answer."""
    async with process() as running:
        report = await walk(running, phone="7035555555")
    assert not report["passed"]
    last = report["steps"][-1]
    assert (last["step"], last["outcome"]) == ("phone", "failed")
    assert "in place of /done" in last["detail"]
    assert "7035555555" not in json.dumps(report)


@pytest.mark.parametrize("form", [["--json"], []])
def test_nobody_there_is_a_failed_walk(capsys, form):
    """Exit code 1, and a report that says why."""
    assert main(["smoke", "--url", f"http://127.0.0.1:{free_port()}", *form]) == 1
    output = capsys.readouterr().out
    assert "consent" in output
    if form:
        report = json.loads(output)
        assert not report["passed"]
        assert report["steps"][0]["detail"]
    else:
        assert "FAILED in" in output
        assert "connection" in output.splitlines()[0]


def test_the_image_is_one():
    """The gate takes it, and no two are the same."""
    first, second = make_image(), make_image()
    assert inspect_image(first).fingerprint != inspect_image(second).fingerprint
