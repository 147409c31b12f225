"""The sandbox itself: what testers choose, latency and faults, and webhooks that are sent again."""

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually
from proofing_sandbox import play as play_module
from proofing_sandbox.app import make_app
from proofing_sandbox.behavior import Behaviors
from proofing_sandbox.inputs import Verdict, judge_device, judge_phone, judge_resolution, judge_state_id
from proofing_sandbox.play import Play


class Echo:
    """A vendor that answers with the verdict that was chosen."""

    PRODUCTS = frozenset({"echo:one", "echo:two"})

    def routes(self, play):
        async def answer(request):
            product = f"echo:{request.path_params['name']}"
            return await play.answer(product, lambda verdict: JSONResponse({"verdict": verdict}))

        return [Route("/echo/{name}", answer, methods=["POST"])]

    def settings(self, url):
        return {"echo": {"url": url}}


@asynccontextmanager
async def asking():
    """A client of a sandbox with one vendor."""
    app = make_app("http://sandbox.example", "http://product.example", (Echo(),))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.example") as client:
        yield client


async def test_a_product_answers_as_chosen():
    """For so many answers as chosen, and the others as before."""
    async with asking() as client:
        chosen = await client.put("/sandbox/echo:one", json={"verdict": "failed", "times": 2})
        assert chosen.status_code == 204
        verdicts = [(await client.post("/echo/one")).json()["verdict"] for _ in range(3)]
        assert verdicts == ["failed", "failed", None]
        assert (await client.post("/echo/two")).json() == {"verdict": None}
        facts = (await client.get("/sandbox")).json()
        assert (facts["calls"], facts["behavior"]) == ({"echo:one": 3, "echo:two": 1}, {})
        await client.put("/sandbox/*", json={"verdict": "review"})
        assert (await client.post("/echo/two")).json() == {"verdict": "review"}
        assert (await client.delete("/sandbox")).status_code == 204
        assert (await client.post("/echo/two")).json() == {"verdict": None}


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("error_500", 500, "<h1>Error</h1>"),
        ("error_503", 503, "<h1>Error</h1>"),
        ("error_429", 429, "<h1>Error</h1>"),
        ("error_401", 401, ""),
        ("html", 200, "<h1>Error</h1>"),
        ("empty", 200, ""),
        ("redirect", 307, ""),
    ],
)
async def test_faults_come_to_order(fault, status, says):
    """Each is what it says."""
    async with asking() as client:
        await client.put("/sandbox/echo:one", json={"fault": fault})
        answer = await client.post("/echo/one")
        assert answer.status_code == status
        assert says in answer.text
        assert '"verdict"' not in answer.text
        assert ("retry-after" in answer.headers) is (fault in {"error_503", "error_429"})


@pytest.mark.parametrize(
    ("product", "body", "status"),
    [
        ("nobody", {}, 422),
        ("echo:one", {"verdict": "perhaps"}, 422),
        ("echo:one", {"fault": "flood"}, 422),
        ("echo:one", {"latency_seconds": -1}, 422),
        ("echo:one", {"times": 0}, 422),
        ("echo:one", {"time": 1}, 422),
        ("echo:one", [], 422),
    ],
)
async def test_a_wrong_choice_is_refused(product, body, status):
    """With a sentence."""
    async with asking() as client:
        answer = await client.put(f"/sandbox/{product}", json=body)
        assert (answer.status_code, bool(answer.json()["problem"])) == (status, True)


async def test_a_form_of_a_stranger_chooses_nothing():
    """A browser sends it without asking."""
    async with asking() as client:
        answer = await client.put("/sandbox/echo:one", content=b"{}", headers={"content-type": "text/plain"})
        assert answer.status_code == 415


def test_the_command_says_that_it_is_ready_when_it_is():
    """A program that reads the line may connect at once."""
    port = free_port()
    command = [sys.executable, "-m", "proofing.cli", "sandbox", "--port", str(port)]
    process = start_process(command, stdout=subprocess.PIPE, text=True)
    try:
        assert "is ready" in process.stdout.readline()
        socket.create_connection(("127.0.0.1", port)).close()
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def test_a_webhook_is_sent_again_until_it_is_taken(monkeypatch):
    """Each try has headers of its own."""
    statuses, seen = [503, 200], []

    async def take(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(4)
        seen.append((head.split(b"try: ")[1].split(b"\r\n")[0], body))
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % statuses.pop(0))
        await writer.drain()
        writer.close()

    monkeypatch.setattr(play_module, "_RETRY_SECONDS", (0.0, 0.0))
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    play = Play("http://sandbox.example", f"http://127.0.0.1:{port}", Behaviors(frozenset()))
    tries = iter(["1", "2"])
    play.deliver("/webhooks/echo", b"body", lambda: {"try": next(tries)})
    await eventually(lambda: play.sent == [("/webhooks/echo", [503, 200])])
    await play.close()
    server.close()
    assert seen == [(b"1", b"body"), (b"2", b"body")]


def test_inputs_ask_for_what_the_mock_vendor_answers():
    """docs/vendors/mock.md has the table."""
    person = {"first_name": "Ada", "ssn": "900-12-3456", "zipcode": "12180"}
    resolution = {
        (Verdict.PASSED, None): {},
        (Verdict.UNAVAILABLE, None): {"ssn": "000000000"},
        (Verdict.TIMEOUT, None): {"first_name": "Timea"},
        (Verdict.NONSENSE, None): {"first_name": "Parse"},
        (Verdict.REVIEW, None): {"first_name": "Review"},
        (Verdict.FAILED, "first_name"): {"first_name": "Bad"},
        (Verdict.FAILED, "ssn"): {"ssn": "123456789"},
        (Verdict.FAILED, "zipcode"): {"zipcode": "00000-1234"},
    }
    assert {
        expected: judge_resolution(**{**person, **change}) for expected, change in resolution.items()
    } == {expected: expected for expected in resolution}
    assert judge_phone("+1 (703) 555-5555") is Verdict.FAILED
    assert judge_phone("7035555777") is Verdict.REVIEW
    assert judge_phone("17035555888") is Verdict.TIMEOUT
    assert judge_phone("703-555-5999") is Verdict.UNAVAILABLE
    assert judge_phone("2025550123") is Verdict.PASSED
    assert [judge_state_id(one) for one in ("S123", "000", "", "MVATimeout")] == [
        Verdict.PASSED,
        Verdict.FAILED,
        Verdict.FAILED,
        Verdict.SOURCE_TIMEOUT,
    ]
    assert [judge_device(one) for one in ("a", "no_result", "reject", "review")] == [
        Verdict.PASSED,
        Verdict.UNAVAILABLE,
        Verdict.FAILED,
        Verdict.REVIEW,
    ]
