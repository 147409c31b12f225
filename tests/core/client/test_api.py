"""The client of `/v1`: what it sends, when it sends again, and what it raises."""

import json
import subprocess
import sys

import httpx
import pytest

from proofing.client import (
    AsyncClient,
    Client,
    ConflictError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)

KEY = "proofing_key_test_sample"
ID = "ver_" + "0a" * 16
VERIFICATION = {
    "id": ID,
    "object": "verification",
    "livemode": False,
    "policy": "standard",
    "state": "created",
    "sequence": 1,
    "created_at": "2026-11-30T20:00:00.000Z",
    "updated_at": "2026-11-30T20:00:00.000Z",
    "expires_at": "2026-12-01T20:00:00.000Z",
    "steps": ["document"],
    "claims": [],
    "failures": {},
    "exceptions": 0,
    "link": {"url": "https://proofing.example.gov/start/secret", "expires_at": "2026-11-30T21:00:00.000Z"},
    "subject": "customer-zebra",
    "metadata": {},
}


class Server:
    """Answers as a test has it, and remembers what was sent."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer; the last one again and again."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        """Return a client of this server."""
        transport = httpx.MockTransport(self)
        return Client("https://proofing.example.gov", KEY, transport=transport, sleep=self.waits.append)


def answer(value=None, status=200, headers=None) -> httpx.Response:
    """Return a success."""
    return httpx.Response(status, json=VERIFICATION if value is None else value, headers=headers)


def problem(status, code, headers=None, **members) -> httpx.Response:
    """Return a refusal."""
    body = {
        "type": "about:blank",
        "title": "",
        "status": status,
        "code": code,
        "detail": "Do this.",
        **members,
    }
    content = json.dumps(body).encode()
    media_type = {"content-type": "application/problem+json", "request-id": "abc"}
    return httpx.Response(status, content=content, headers={**media_type, **(headers or {})})


def test_a_verification_is_created():
    """One request with key, version and idempotency key; the answer is typed."""
    server = Server(answer(status=201))
    found = server.client().create(subject="customer-zebra", policy="standard")
    (sent,) = server.requests
    assert (sent.method, sent.url.path) == ("POST", "/v1/verifications")
    assert json.loads(sent.content) == {"subject": "customer-zebra", "policy": "standard"}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["proofing-version"] == "2026-11-30"
    assert len(sent.headers["idempotency-key"]) == 38
    assert (found.id, found.state, found.is_end, found.created_at.year) == (ID, "created", False, 2026)
    assert found.link.url.endswith("/start/secret")


def test_nothing_personal_is_printed():
    """Neither subject nor link, however it is shown."""
    found = Server(answer()).client().get(ID)
    assert found.subject == "customer-zebra"
    assert "zebra" not in repr(found)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        problem(503, "unavailable", {"retry-after": "5"}),
        problem(409, "request_in_progress", {"retry-after": "1"}),
        problem(429, "rate_limited", {"retry-after": "30"}),
        httpx.Response(502, text="<html>bad gateway</html>"),
    ],
)
def test_what_changes_something_is_sent_again_as_one_request(failure):
    """With the same key, after a wait that is at least the one that was asked for."""
    server = Server(failure, answer(status=201))
    server.client().create(subject="customer-zebra")
    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content
    asked = float(failure.headers.get("retry-after", 0)) if isinstance(failure, httpx.Response) else 0.0
    assert server.waits[0] >= asked


@pytest.mark.parametrize("asked", ["3600", "999999"])
def test_a_long_wait_is_left_to_the_caller(asked):
    """The error has it; a client that sleeps for an hour looks like one that hangs."""
    server = Server(problem(429, "rate_limited", {"retry-after": asked}))
    with pytest.raises(RateLimitedError) as limited:
        server.client().create(subject="customer-zebra")
    assert limited.value.retry_after == float(asked)
    assert server.waits == []


@pytest.mark.parametrize("nonsense", ["inf", "nan", "-5", "soon", "1e9"])
def test_a_wait_that_is_no_number_of_seconds_counts_for_nothing(nonsense):
    """As if the server had not asked for one."""
    server = Server(problem(503, "unavailable", {"retry-after": nonsense}), answer(status=201))
    server.client().create(subject="customer-zebra")
    assert server.waits[0] < 10


def test_a_key_of_the_caller_is_quoted():
    """A quoted string of RFC 9651, whatever is in it."""
    server = Server(answer(status=201))
    server.client().create(subject="customer-zebra", idempotency_key='order "7" \\ 8')
    assert server.requests[0].headers["idempotency-key"] == '"order \\"7\\" \\\\ 8"'


def test_claims_are_not_asked_for_twice():
    """A second request would find none; the caller decides what a lost answer means."""
    server = Server(httpx.ReadTimeout("slow"))
    with pytest.raises(NoAnswerError):
        server.client().collect_claims(ID)
    assert len(server.requests) == 1


def test_a_server_that_never_answers_ends():
    """Four tries, and an error without the URL."""
    server = Server(httpx.ConnectError(f"no route to {ID}"))
    with pytest.raises(NoAnswerError) as failed:
        server.client().get(ID)
    assert len(server.requests) == 4
    assert ID not in str(failed.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, UnauthorizedError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, ConflictError),
        (422, InvalidRequestError),
        (429, RateLimitedError),
        (500, UnavailableError),
    ],
)
def test_refusals_are_typed(status, kind):
    """By status, with code, fields, further members and the request id."""
    errors = [{"pointer": "/subject", "detail": "is missing"}]
    refusal = problem(status, "a_code", errors=errors, verification=ID)
    with pytest.raises(kind) as refused:
        Server(refusal).client().get(ID)
    found = refused.value
    assert (found.status, found.code, found.request_id) == (status, "a_code", "abc")
    assert found.errors[0].pointer == "/subject"
    assert found.members["verification"] == ID


@pytest.mark.parametrize(
    "strange",
    [
        httpx.Response(200, text="<html>log in</html>"),
        httpx.Response(200, json=["a", "list"]),
        httpx.Response(200, json={"id": ID}),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        httpx.Response(200, content=b"{", headers={"content-type": "application/json"}),
    ],
)
def test_answers_of_others_are_refused(strange):
    """A proxy, a portal, or another server under the name: never taken for the API."""
    server = Server(strange)
    with pytest.raises(NoAnswerError):
        server.client().decide(ID, outcome="verified", reason="seen")
    assert len(server.requests) == 1


def test_lists_follow_their_cursors():
    """Until there is no next page; a subject is in the body, never in the URL."""
    pages = [
        answer({"data": [VERIFICATION], "next_cursor": "abc"}),
        answer({"data": [VERIFICATION], "next_cursor": None}),
    ]
    server = Server(*pages)
    assert [one.id for one in server.client().list(subject="customer-zebra", state="created")] == [ID, ID]
    assert all(request.url.path == "/v1/verifications/search" for request in server.requests)
    assert all("zebra" not in str(request.url) for request in server.requests)
    assert json.loads(server.requests[1].content)["cursor"] == "abc"
    server = Server(answer({"data": [], "next_cursor": None}))
    assert list(server.client().list(page_size=7)) == []
    assert dict(server.requests[0].url.params) == {"limit": "7"}


def test_events_are_read_until_there_is_none():
    """In order; the cursor of the last one is where the next call begins."""
    event = {
        "id": "evt_1",
        "cursor": "c1",
        "type": "verification.created",
        "timestamp": "2026-11-30T20:00:00.000Z",
        "data": {"id": ID},
    }
    pages = [
        answer({"data": [event], "next_cursor": "c1", "has_more": True}),
        answer({"data": [{**event, "cursor": "c2"}], "next_cursor": "c2", "has_more": False}),
    ]
    server = Server(*pages)
    assert [one.cursor for one in server.client().events()] == ["c1", "c2"]
    assert [request.url.params.get("cursor") for request in server.requests] == [None, "c1"]


async def test_the_client_with_asyncio_does_the_same():
    """The same calls, the same values, the same errors."""
    server = Server(answer(status=201))
    transport = httpx.MockTransport(server)
    async with AsyncClient("https://proofing.example.gov", KEY, transport=transport) as client:
        assert (await client.create(subject="a")).id == ID
        server.answers = [answer({"data": [VERIFICATION], "next_cursor": None})]
        assert [one.id async for one in client.list()] == [ID]
        server.answers = [problem(404, "not_found")]
        with pytest.raises(NotFoundError):
            await client.get(ID)


def test_the_client_needs_nothing_else_of_the_product():
    """A relying party's process loads httpx and the client alone."""
    code = "import sys, proofing.client; print([m for m in sys.modules if m.startswith('proofing.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = [name for name in eval(found) if not name.startswith("proofing.client")]  # noqa: S307 - our own
    assert modules == []
