"""`proofing smoke` walks the real pages, both switches both ways, and says where a walk ended."""

import asyncio
import json
import re

import httpx
import pytest

from proofing.app.phone_codes import PhoneCodes
from proofing.app.verifications import PartyRef, Request
from proofing.cli import main, smoke
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.applicant import parse_ssn
from proofing.contracts.images import Side
from proofing.rules.image_check import inspect_image
from proofing.sessions.samples import make_test_ssn
from proofing.testing.processes import free_port
from proofing_server.app import make_app

ORIGIN = "http://localhost:8000"
STEPS = ["consent", "document", "ssn", "resolution", "phone"]


class Broken(httpx.AsyncBaseTransport):
    """Passes requests on to *app*, save those to a path like *path*, which get *answer*."""

    def __init__(self, app, path, answer):
        self._app = httpx.ASGITransport(app=app)
        self._path = path
        self._answer = answer

    async def handle_async_request(self, request):
        if re.fullmatch(self._path, request.url.path):
            return self._answer()
        return await self._app.handle_async_request(request)


async def walk(running, broken="", answer=None, link=None, **typed):
    """Walk over the application of a running process, whose queue works alongside.

    Paths like *broken* get *answer* in place of the application's.
    """
    stop = asyncio.Event()
    queue = running.queue
    work = asyncio.create_task(queue.work(running.runtime.runner, slots={}, stop=stop, drain_seconds=0))
    transport = Broken(make_app(running.service), broken, answer)
    sides = (Side.FRONT, Side.BACK, Side.SELFIE)
    documents = {side: (make_image(), "image/jpeg") for side in sides}
    try:
        async with (
            asyncio.timeout(60),
            httpx.AsyncClient(
                transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}, follow_redirects=True
            ) as client,
        ):
            walk = Walk(client, Answers(documents=documents, typed=typed))
            return await (walk.run_link(link) if link else walk.run())
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


@pytest.mark.parametrize("jobs", [True, False])
async def test_the_walk_returns_the_code_of_a_mock_messenger(process, jobs):
    """The page of a test system shows it; one that was sent to a phone ends the walk there."""
    async with process(messenger_vendor="mock", ruby_workers_idv_enabled=jobs) as running:
        report = await walk(running)
        assert report["passed"], report
        assert [step["step"] for step in report["steps"]] == [*STEPS, "code"]
        # Nothing of the code is on a page where the messenger really sends.
        running.service.codes.__class__ = _Sending
        report = await walk(running)
    assert not report["passed"]
    assert "sent to a phone" in report["steps"][-1]["detail"]


class _Sending(PhoneCodes):
    """Codes of a messenger that is no mock."""

    def shows_code(self, person):
        return False


@pytest.mark.parametrize("uploads", [True, False])
async def test_the_walk_agrees_to_a_selfie(process, uploads):
    """Where one is asked for, the walk reads the statement and gives the photo; elsewhere it sends none."""
    settings = {"doc_auth_enable_presigned_s3_urls": uploads, "selfie": "required"}
    async with process(**settings) as running:
        report = await walk(running)
        assert report["passed"], report
        assert [step["step"] for step in report["steps"]] == ["consent", "selfie", *STEPS[1:]]


#: Policy to the steps that its walk takes.
POLICIES = {
    "document": ["document"],
    "document selfie": ["selfie", "document"],
    "phone code": ["identity", "phone", "code"],
    "resolution": ["identity", "ssn", "address", "resolution"],
    "phone resolution": ["identity", "phone", "ssn", "address", "resolution"],
    "document selfie resolution phone code": ["selfie", "document", "ssn", "resolution", "phone", "code"],
}


def by_policy(steps):
    """Return the settings of a relying party whose policy asks for *steps*."""
    return {
        "messenger_vendor": "mock",
        "policies": {"one": {"steps": steps.split()}},
        "relying_parties": {"agency": {"display_name": "The Agency", "policies": ["one"]}},
    }


async def make_link(running):
    """Return the link of a new verification."""
    party = PartyRef(name="agency")
    created = await running.service.verifications.create(party, Request(subject="person 1"))
    return f"{ORIGIN}/start/{created.token}"


@pytest.mark.parametrize("steps", POLICIES)
@pytest.mark.parametrize("jobs", [True, False])
async def test_the_walk_of_a_link(process, steps, jobs):
    """It takes the steps of the policy, in its order, and passes with the verification."""
    async with process(ruby_workers_idv_enabled=jobs, **by_policy(steps)) as running:
        report = await walk(running, link=await make_link(running))
    assert report["passed"], report
    assert [step["step"] for step in report["steps"]] == ["link", "consent", *POLICIES[steps], "outcome"]


async def test_a_link_whose_verification_fails(process):
    """The walk says so, and where."""
    async with process(**by_policy("phone")) as running:
        link = await make_link(running)
        report = await walk(running, link=link, phone="703-555-5555")
        assert not report["passed"]
        assert report["steps"][-1]["detail"].startswith("led to /phone/problem in place of")
        again = await walk(running, link=link)
    assert again["steps"] == [again["steps"][0]]
    assert "was answered with HTTP 410" in again["steps"][0]["detail"]


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


@pytest.mark.parametrize(
    ("path", "step", "detail"),
    [
        ("/", "consent", "/ was answered with HTTP 503"),
        ("/api/uploads", "document", "/api/uploads was answered with HTTP 503"),
        ("/uploads/.+", "document", "the upload was answered with HTTP 503"),
        ("/api/jobs/.+", "document", "the job did not end"),
    ],
)
async def test_an_error_of_the_server_ends_the_walk_where_it_is(process, monkeypatch, path, step, detail):
    """A monitor alarms with the step, and with what the server answered."""
    monkeypatch.setattr(smoke, "_TIMEOUT_SECONDS", 0.0)
    async with process() as running:
        report = await walk(running, path, lambda: httpx.Response(503))
    assert not report["passed"]
    assert [one["outcome"] for one in report["steps"]] == ["passed"] * (len(report["steps"]) - 1) + ["failed"]
    assert (report["steps"][-1]["step"], report["steps"][-1]["detail"]) == (step, detail)


async def test_a_page_that_is_another_ends_the_walk(process):
    """As that of a load balancer, which answers well with a page of its own."""
    async with process() as running:
        report = await walk(running, "/consent", lambda: httpx.Response(200, text="<form action=/>Soon"))
    assert (report["passed"], report["steps"][0]["detail"]) == (False, "/consent has no form for /consent")


@pytest.mark.parametrize("form", [["--json"], []])
def test_nobody_there_is_a_failed_walk(capsys, form):
    """Exit code 1, and a report that names the address and says why; the product may have another port."""
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["smoke", "--url", url, *form]) == 1
    output = capsys.readouterr().out
    assert "consent" in output
    if form:
        report = json.loads(output)
        assert not report["passed"]
        assert report["steps"][0]["detail"]
    else:
        assert "FAILED in" in output
        assert "connection" in output.splitlines()[0]
        assert f"{url} cannot be reached" in output
        assert "set --url, or PORT" in output


def test_the_image_is_one():
    """The gate takes it, and no two are the same."""
    first, second = make_image(), make_image()
    assert inspect_image(first).fingerprint != inspect_image(second).fingerprint


@pytest.mark.parametrize(
    ("link", "origin"),
    [
        ("https://proofing.example.gov:8443/start/abc", "https://proofing.example.gov:8443"),
        ("/start/abc", None),
        (None, None),
    ],
)
def test_a_link_says_where_its_server_is(link, origin):
    """So that `--url` need not repeat it."""
    assert smoke.server_of(link) == origin
