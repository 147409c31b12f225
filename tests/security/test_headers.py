"""Security headers on every route, method and status.

Their values are tested in tests/server/test_security.py.
"""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest

from proofing.base.errors import QueueUnavailableError, StoreUnavailableError
from proofing.base.listening import listen_sockets
from proofing.testing.processes import free_port, is_healthy
from proofing.testing.waiting import eventually
from proofing_devtools.sessions import make_session
from proofing_server.app import make_app
from proofing_server.security import SECURITY_HEADERS
from proofing_server.serving import serve
from proofing_server.sessions import Sessions

CASES = {
    "test_every_route_method_and_status": (1, 1),
    "test_answers_to_what_is_no_http": (1, 1),
}
ORIGIN = {"Origin": "http://localhost:8000"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
FAILURES = (RuntimeError("900-66-1234"), StoreUnavailableError("away"), QueueUnavailableError("away"))
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /consent HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:8000\r\n"
#: What never reaches the application, because the server cannot read it.
NO_HTTP = {
    "a line that is not a header": GET + b"bad header\r\n\r\n",
    "a header without a name": GET + b": x\r\n\r\n",
    "a control character in a header": GET + b"X-A: a\x00b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: evil.example\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/9\r\nHost: localhost\r\n\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "headers without an end": GET + b"X-A: " + b"a" * 70_000,
    "a length that is not a number": POST + b"Content-Length: abc\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "an unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a chunk without a size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\r\n\r\n",
    "a greeting of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}
WEB_SOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def check(response, path):
    """Check one response."""
    for name in SECURITY_HEADERS:
        assert name in response.headers, (path, response.status_code, name)
    policy = response.headers["content-security-policy"]
    for directive in (
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert directive in policy, (path, response.status_code)
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "access-control-allow-origin" not in response.headers
    assert "server" not in response.headers
    assert "900-66-1234" not in response.text


async def test_every_route_method_and_status(cases, claim, process):
    """Each route by each method: with and without a session, from elsewhere, oversized, in every failure."""
    assert cases == 1
    statuses = Counter()
    async with process() as running, running.browser() as http:
        paths = sorted({route.path for route in make_app(running.service).routes})
        paths = [path.replace("{", "").replace("}", "").replace(":path", "") for path in paths]
        data = make_session(consented_at=1.0, saved_at=9e9)
        await running.service.sessions.save("x" * 43, data)

        async def ask(method, path, **options):
            response = await http.request(method, path, **options)
            check(response, path)
            statuses[response.status_code] += 1

        for path in [
            *paths,
            "/nothing",
            "/api/nothing",
            "/static/../app.py",
            "/%00",
            "//",
            "/api/uploads/a/b",
        ]:
            for method in METHODS:
                for headers in ({}, ORIGIN, {"Origin": "https://evil.example"}):
                    await ask(method, path, headers=headers)
                await ask(method, path, headers={**ORIGIN, "Cookie": f"proofing={'x' * 43}"})
                await ask(method, path, headers={**ORIGIN, "Cookie": f"proofing={'y' * 43}"})
            await ask("POST", path, headers=ORIGIN, content=b"x" * 70_000)
            await ask("POST", path, headers={**ORIGIN, "Content-Length": "-1"}, content=b"")
            await ask("POST", path, headers={**ORIGIN, "Content-Type": "application/json"}, content=b"{" * 99)
            for failure in FAILURES:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(Sessions, "find", failing(failure))
                    await ask("GET", path)
                    await ask("POST", path, headers=ORIGIN)
    assert {200, 303, 400, 401, 403, 404, 405, 413, 500, 503} <= set(statuses), statuses
    total = sum(statuses.values())
    names = ", ".join(str(status) for status in sorted(statuses))
    claim(
        "S10", "Responses that carry every header and the policy", f"{total:,} of {total:,}; statuses {names}"
    )


@pytest.fixture
def serving():
    """Return a context manager that serves a process as `proofing web` does, and gives how to send bytes."""

    @asynccontextmanager
    async def start(running):
        port, stop = free_port(), asyncio.Event()
        task = asyncio.create_task(serve(running.service, listen_sockets("127.0.0.1", port), stop=stop))

        async def send(content, *, then=b""):
            """Return the response; *then* goes out after its head, and the connection must end."""
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(content)
                async with asyncio.timeout(20):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                    if then:
                        writer.write(then)
                        await reader.read()
            finally:
                writer.close()
            lines = [line.partition(": ")[::2] for line in head[1:] if line]
            assert len({name for name, _ in lines}) == len(lines), lines
            return httpx.Response(int(head[0].split()[1]), headers=lines)

        try:
            url = f"http://127.0.0.1:{port}"
            await eventually(lambda: asyncio.to_thread(is_healthy, url), within_seconds=20)
            yield send
        finally:
            stop.set()
            await task

    return start


async def test_answers_to_what_is_no_http(cases, claim, process, serving):
    """What the server answers by itself carries the same headers, and says nothing of the server."""
    assert cases == 1
    async with process() as running, serving(running) as send:
        for name, content in NO_HTTP.items():
            response = await send(content)
            check(response, name)
            assert response.status_code in {400, 403}, name
        response = await send(GET + WEB_SOCKET)
        check(response, "a web socket")
        assert response.status_code == 200
    total = len(NO_HTTP) + 1
    claim(
        "S10",
        "Answers of the server itself, on a real socket, to what is not HTTP or asks for a web socket",
        f"{total} of {total} carry every header",
    )


async def test_a_broken_body_has_one_answer(process, serving, caplog):
    """Before the answer it is refused, after it the connection ends; nothing is raised and logged."""
    head = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with process() as running, serving(running) as send:
        refused = await send(head + b"zz\r\n")
        check(refused, "/nothing")
        assert refused.status_code == 400
        answered = await send(head, then=b"zz\r\n")
        check(answered, "/nothing")
        assert answered.status_code == 403
    assert not [record for record in caplog.records if record.exc_info]


def failing(error):
    """Return a method that raises *error*."""

    async def find(*_arguments, **_named):
        raise error

    return find
