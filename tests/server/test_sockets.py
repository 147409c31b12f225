"""Hostile senders on real connections: too much, too slow, half, nothing."""

import asyncio
import contextlib
import resource
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from proofing.base.errors import StoreUnavailableError
from proofing.base.listening import listen_sockets
from proofing.contracts.records import JobKind
from proofing.testing.processes import free_port
from proofing_devtools.capture import APPLICANT
from proofing_devtools.product import NO_AUTHORITIES
from proofing_devtools.sessions import put, waits_for
from proofing_server import bodies, http_protocol, jobs_api
from proofing_server.serving import serve

HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"


@asynccontextmanager
async def serving(site):
    """Serve *site* as `proofing web` does; give its port and the event that stops it."""
    port, stop = free_port(), asyncio.Event()
    task = asyncio.create_task(serve(site.service, listen_sockets("127.0.0.1", port), stop=stop))
    while not await is_up(port):
        assert not task.done(), task.exception()
    try:
        yield port, stop
    finally:
        stop.set()
        await task


async def is_up(port):
    """Return whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
async def port(site):
    """The port of the application, served as `proofing web` does."""
    async with serving(site) as (number, _stop):
        yield number


async def exchange(port, *pieces):
    """Send *pieces* and return what comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def kilobytes():
    """Return the highest memory use of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_260_megabytes(port):
    """A declared length over the cap is refused at once; an undeclared one when the cap is reached."""
    before = kilobytes()
    declared = HEAD % b"/reports/csp" + b"Content-Length: 272629760\r\n\r\n"
    answer = await exchange(port, declared)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = HEAD % b"/reports/csp" + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(port, head, *[piece] * 4160)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert kilobytes() - before < 16 * 1024


@pytest.mark.parametrize("path", [b"/reports/csp", b"/ssn", b"/api/uploads", b"/uploads/captures/x"])
async def test_half_sent_bodies_are_closed(port, path, monkeypatch):
    """A body that stops in the middle ends the connection, whether anybody reads it or not."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    method = b"PUT" if path.startswith(b"/uploads") else b"POST"
    head = (HEAD % path).replace(b"POST", method, 1)
    head += b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    answers = await asyncio.gather(*[exchange(port, head) for _ in range(50)])
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert {answer.split()[1] for answer in answers} <= {b"408", b"303", b"401", b"400", b"403", b"404"}


async def test_who_posts_photos_without_a_session_gets_the_answer(start):
    """None of them is read by a page, and the redirect still arrives."""
    switches = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
    async with (
        start(**switches) as site,
        serving(site) as (port, _stop),
        httpx.AsyncClient(trust_env=False, verify=NO_AUTHORITIES) as client,
    ):
        answer = await client.post(
            f"http://127.0.0.1:{port}/document",
            headers={"host": "localhost", "sec-fetch-site": "same-origin"},
            files={"front": ("front.jpg", b"x" * 6_000_000)},
        )
    assert (answer.status_code, answer.headers["location"]) == (303, "/cookies-needed")


async def test_silent_clients_disturb_nobody(port):
    """Hundreds of connections that say nothing leave the pages as they were."""
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    answer = await exchange(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    for _, writer in silent:
        writer.close()


async def test_requests_sent_ahead_keep_nobody_waiting(port, monkeypatch):
    """Connections that send requests ahead of their answers take turns; visitors are answered meanwhile."""
    turns = asyncio.Semaphore(0)
    monkeypatch.setattr(http_protocol, "let_others_go_first", turns.acquire)
    ask = b"GET /session-ended HTTP/1.1\r\nHost: localhost\r\n"
    last = ask + b"Connection: close\r\n\r\n"
    ahead = [asyncio.create_task(exchange(port, ask + b"\r\n" + last)) for _ in range(20)]
    for _ in range(5):
        assert (await exchange(port, last)).startswith(b"HTTP/1.1 200")
    assert not any(task.done() for task in ahead)
    for _ in ahead:
        turns.release()
    assert [answer.count(b"HTTP/1.1 200") for answer in await asyncio.gather(*ahead)] == [2] * len(ahead)


async def test_malformed_requests(port, caplog):
    """What is not HTTP is answered with 400, and the connection ends; one line reports all of them."""
    for request in (b"\x16\x03\x01\x02\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
        answer = await exchange(port, request)
        assert answer.startswith(b"HTTP/1.1 400")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
    (line,) = [record for record in caplog.records if record.getMessage() == "connections_closed"]
    assert line.proofing_fields["reason"] == "bad_request"


async def test_errors_outside_of_the_guard(site, monkeypatch, caplog):
    """An error page that fails itself ends in a line without text, and in a bare answer with the headers."""

    def broken(*_args, **_named):
        raise RuntimeError("900661234")

    monkeypatch.setattr(site.app.state.site.__class__, "page", broken)
    async with serving(site) as (port, _stop):
        answer = await exchange(port, b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"content-security-policy" in answer.lower()
    lines = [record for record in caplog.records if record.getMessage() == "request_failed"]
    assert [line.proofing_fields["exception_class"] for line in lines] == ["RuntimeError"] * 2
    assert "900661234" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
    caplog.clear()  # expected here; `no_crash` fails every other test with such lines


@pytest.mark.parametrize(
    "head",
    [
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\ncontent-length: 5\r\n\r\n",
        b"POST /reports/csp HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        b"POST /reports/csp HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
    ],
)
async def test_two_lengths_end_the_connection(port, head):
    """A request that two servers could end at different places is refused, and nothing after it is read."""
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = await exchange(port, head + smuggled)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert b"connection: close" in answer.lower()
    assert answer.count(b"HTTP/1.1") == 1


async def test_forwarded_headers_of_strangers(site, monkeypatch):
    """Nobody on the loopback is a proxy because of that."""
    seen = []
    find = site.app.state.site.sessions.__class__.find

    async def note(self, request, **named):
        seen.append((request.client.host, request.url.scheme))
        return await find(self, request, **named)

    monkeypatch.setattr(site.app.state.site.sessions.__class__, "find", note)
    forged = b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    async with serving(site) as (port, _stop):
        await exchange(port, b"GET /ssn HTTP/1.1\r\nHost: localhost\r\n" + forged)
    assert seen == [("127.0.0.1", "http")]


async def test_slow_headers_end(port, monkeypatch):
    """A header that is not complete in time gets 408, a silent connection nothing; both are closed."""
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.2)
    assert await exchange(port) == b""
    answer = await exchange(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"content-security-policy" in answer.lower()
    # The deadline is that of the whole header, also of a later request.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await reader.readuntil(b'"ok"}')).startswith(b"HTTP/1.1 200")
    with contextlib.suppress(ConnectionError):
        for byte in b"GET / HTTP/1.1\r\nHost: " + b"x" * 10_000:
            writer.write(bytes([byte]))
            await writer.drain()
            if reader.at_eof():
                break
    assert (await reader.read()).startswith(b"HTTP/1.1 408")
    writer.close()


async def hold(port, count, data=b""):
    """Open *count* connections that send *data* and wait."""
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in held:
        writer.write(data)
        await writer.drain()
    return held


ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("cap", ["web_max_connections", "web_max_connections_per_address"])
@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", HEAD % b"/reports/csp" + b"Content-Length: 100\r\n\r\n{"],
    ids=["silent", "half header", "half body"],
)
async def test_idle_connections_make_room(start, cap, data):
    """At a cap, a new client is served, and a connection held for nothing is closed."""
    async with start(**{cap: "20"}) as site, serving(site) as (port, _stop):
        held = await hold(port, 60, data)
        for _ in range(30):
            assert (await exchange(port, ALIVE)).startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()


@asynccontextmanager
async def unread(port, count):
    """Hold *count* connections that ask for much and read nothing."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for client in held:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, MUCH)
        yield held


MUCH = b"GET /static/x/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100


@pytest.mark.parametrize("cap", ["web_max_connections", "web_max_connections_per_address"])
async def test_unread_answers_make_room(start, cap):
    """A client that reads no answers makes room for a new one, once the system's buffers are full."""
    async with start(**{cap: "3"}) as site, serving(site) as (port, _stop), unread(port, 3):
        async with asyncio.timeout(20):
            while not (await exchange(port, ALIVE)).startswith(b"HTTP/1.1 200"):
                pass


async def test_unread_answers_end(site, monkeypatch, caplog):
    """The connection is closed when its client has read nothing for a time."""
    monkeypatch.setattr(http_protocol, "WRITE_SECONDS", 0.2)
    closed = {"name": "proofing_web_connections_closed_total", "labels": {"cause": "write_timeout"}}
    before = REGISTRY.get_sample_value(**closed) or 0.0
    async with serving(site) as (port, _stop), unread(port, 2), asyncio.timeout(20):
        while (REGISTRY.get_sample_value(**closed) or 0.0) < before + 2:
            await exchange(port, ALIVE)
    lines = [record for record in caplog.records if record.getMessage() == "connections_closed"]
    assert [record.proofing_fields["reason"] for record in lines] == ["write_timeout"]


async def test_late_readers_get_all_of_it(site):
    """Answers that did not fit into the system's buffers reach who reads them after all."""
    async with serving(site) as (port, _stop), unread(port, 1) as (client,), asyncio.timeout(30):
        count, end, loop = 0, b"", asyncio.get_running_loop()
        while count < MUCH.count(b"GET"):
            data = end + await loop.sock_recv(client, 65_536)
            count += data.count(b"HTTP/1.1 200 OK")
            end = data[-14:]


async def waiting_session(site):
    """Return the cookie of a session whose job is waited for, and the path of its stream."""
    session = await site.app.state.site.sessions.start(consented=True)
    job = await site.service.submit_applicant(
        JobKind.RESOLUTION,
        session.person,
        APPLICANT,
    )
    await session.update(put(**waits_for(JobKind.RESOLUTION, job)))
    head = f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nCookie: proofing={session.id}\r\n\r\n"
    return head.encode()


async def streams(port, request, count):
    """Open *count* streams and return those that were opened, and the statuses of all."""
    held, statuses = await hold(port, count, request), []
    for reader, _ in held:
        statuses.append(int((await reader.readuntil(b"\r\n")).split()[1]))
    return held, statuses


async def test_streams_have_caps(start, caplog):
    """Of one session 8, of one address the setting's number; further ones get 429, and pages poll."""
    async with start(web_max_streams_per_address="10") as site, serving(site) as (port, _stop):
        one, statuses = await streams(port, await waiting_session(site), 20)
        assert statuses == [200] * 8 + [429] * 12
        other, statuses = await streams(port, await waiting_session(site), 20)
        assert statuses == [200] * 2 + [429] * 18
        for _, writer in [*one, *other]:
            writer.close()


async def test_everything_busy_is_answered_503(start, caplog):
    """When every connection is being answered, the next one is refused with 503 and a line of the log."""
    async with start(web_max_connections="6") as site, serving(site) as (port, _stop):
        held, statuses = await streams(port, await waiting_session(site), 6)
        assert statuses == [200] * 6
        answers = await asyncio.gather(*(exchange(port, ALIVE) for _ in range(20)))
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in answers)
        assert all(b"content-security-policy" in answer.lower() for answer in answers)
        lines = [record for record in caplog.records if record.getMessage() == "connections_closed"]
        assert [record.proofing_fields["reason"] for record in lines] == ["full_refused"]
        for _, writer in held:
            writer.close()


async def test_stopping_ends_streams(site, caplog, monkeypatch):
    """Open streams end as streams do when the process stops, without waiting, and nothing is logged."""
    monkeypatch.setattr(jobs_api, "_HEARTBEAT_SECONDS", 60.0)
    async with serving(site) as (port, stop):
        held, statuses = await streams(port, await waiting_session(site), 5)
        assert set(statuses) == {200}
        for reader, _ in held:
            await reader.readuntil(b"in_progress")
        stop.set()
        for reader, writer in held:
            assert (await reader.read()).endswith(b"0\r\n\r\n")
            writer.close()
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_draining_closes_connections(site, monkeypatch):
    """A request that is answered after the stop announces that its connection closes."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(self, request, **_named):
        begun.set()
        await go_on.wait()
        raise StoreUnavailableError("away")

    monkeypatch.setattr(site.app.state.site.sessions.__class__, "find", slow)
    async with serving(site) as (port, stop):
        asking = asyncio.create_task(exchange(port, b"GET /ssn HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        await begun.wait()
        stop.set()
        while await is_up(port):
            pass
        go_on.set()
        answer = await asking
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"connection: close" in answer.lower()
