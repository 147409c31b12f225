"""One attempt, against real sockets on this machine."""

import asyncio
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from standardwebhooks import Webhook

from proofing.base.errors import StoreUnavailableError
from proofing.client.webhooks import WebhookVerifier
from proofing.contracts.verification_store import Delivery
from proofing.contracts.verifications import Mode
from proofing.verifications.signatures import new_private_key, new_secret, parse_signing_key


def row(store, *, endpoint: str = "main", **event) -> Delivery:
    """Return a delivery in its first attempt."""
    return replace(store.rows[store.add(endpoint, **event), endpoint], attempts=1)


async def attempt(sending, delivery, **options):
    """Make one attempt and return what came of it."""
    sender = sending.sender(**options)
    try:
        return await sender.send(delivery, now=time.time())
    finally:
        await sender.close()


async def test_an_event_arrives_as_it_was_stored(support, store, sending):
    """Byte for byte, signed for independent and our own verifiers, with its attempt and version."""
    body = (
        '{"type":"verification.failed","timestamp":"2026-11-30T00:00:00Z","data":{"n": "Zoë 日本"}}'.encode()
    )
    async with support.serving(support.Endpoint()) as endpoint:
        sending.add("main", endpoint.url + "?a=b")
        delivery = row(store, body=body)
        answer = await attempt(sending, delivery)
    assert (answer.status, answer.failure) == (204, None)
    (request,) = endpoint.received
    assert request.body == body
    assert request.path == "/hook?a=b"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{endpoint.port}"
    assert request.headers["proofing-attempt"] == "1"
    assert request.headers["proofing-payload-version"] == "2026-11-30"
    assert request.headers["webhook-id"] == delivery.event.id
    assert Webhook(support.SECRET).verify(request.body, request.headers) == json.loads(body)
    public = parse_signing_key(support.PRIVATE).public_text
    for key in (support.SECRET, public):
        assert WebhookVerifier(key).verify(request.headers, request.body).id == delivery.event.id
    assert request.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", (200, None)),
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", (500, "http_status")),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", (410, "gone")),
        (b"nonsense\r\n\r\n", (None, "invalid_answer")),
        (b"", (None, "unreachable")),
    ],
)
async def test_what_an_endpoint_answers(support, store, sending, raw, expected):
    """A status, or something that is not HTTP, or a closed connection."""
    async with support.serving(support.Endpoint(answer=lambda _request: raw)) as endpoint:
        sending.add("main", endpoint.url)
        answer = await attempt(sending, row(store), timeout_seconds=5)
    assert (answer.status, answer.failure) == expected


@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_inward_is_not_followed(support, store, sending, status):
    """The other place gets nothing."""
    async with support.serving(support.Endpoint()) as inner:
        head = f"HTTP/1.1 {status} Found\r\nlocation: {inner.url}\r\ncontent-length: 0\r\n\r\n"
        async with support.serving(support.Endpoint(answer=lambda _request: head.encode())) as endpoint:
            sending.add("main", endpoint.url)
            answer = await attempt(sending, row(store))
    assert answer.failure == "redirect"
    assert inner.connections == 0


async def test_a_silent_endpoint_runs_into_the_time_limit(support, store, sending):
    """From the resolver to the end of the answer."""
    async with support.serving(support.Endpoint(), is_open=False) as endpoint:
        sending.add("main", endpoint.url)
        answer = await attempt(sending, row(store), timeout_seconds=0.2)
    assert (answer.status, answer.failure) == (None, "timeout")


async def test_a_resolver_that_hangs_runs_into_the_time_limit(store, sending):
    """It holds its own endpoint only."""

    async def hang(host):
        await asyncio.Event().wait()

    sending.add("main", "https://example.com")
    answer = await attempt(sending, row(store), resolve=hang, timeout_seconds=0.2)
    assert answer.failure == "timeout"


async def test_an_endless_body_is_cut_off(support, store, sending):
    """Its status is known; nothing reads the rest."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"
    async with support.serving(support.Endpoint(answer=lambda _request: head + bytes(64 * 1024))) as endpoint:
        sending.add("main", endpoint.url)
        answer = await attempt(sending, row(store), timeout_seconds=5)
    assert (answer.status, answer.failure) == (200, None)


async def test_connections_are_kept(support, store, sending):
    """And cookies are not: the second request is like the first."""
    raw = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    async with support.serving(support.Endpoint(answer=lambda _request: raw)) as endpoint:
        sending.add("main", endpoint.url)
        sender = sending.sender()
        for _ in range(3):
            await sender.send(row(store), now=1_800_000_000)
        await sender.close()
    assert (endpoint.connections, len(endpoint.received)) == (1, 3)
    assert all("cookie" not in request.headers for request in endpoint.received)


@pytest.mark.parametrize(
    "answers", [["127.77.0.9"], ["8.8.8.8", "127.77.0.9"], ["::ffff:127.77.0.9"], ["10.0.0.1"], []]
)
async def test_private_addresses_are_not_reached(support, store, sending, answers):
    """A canary listens where the name leads, on a port that targets may have."""

    async def resolve(host):
        return answers

    sending.add("main", "https://example.com:8443/hook")
    async with support.serving(support.Endpoint(), host="127.77.0.9", port=8443) as canary:
        answer = await attempt(sending, row(store), resolve=resolve)
    assert answer.failure == ("private_address" if answers else "no_address")
    assert canary.connections == 0


async def test_nothing_of_the_environment_is_used(support, store, sending, monkeypatch):
    """A proxy of the environment would see events and get around the guard."""
    async with support.serving(support.Endpoint()) as proxy, support.serving(support.Endpoint()) as endpoint:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        sending.add("main", endpoint.url)
        assert (await attempt(sending, row(store))).failure is None
    assert proxy.connections == 0


async def test_with_a_proxy_the_proxy_resolves(support, store, sending):
    """Its address rules hold; rules for URLs hold as before, and this machine is called directly."""

    async def resolve(host):
        raise AssertionError

    seen = asyncio.get_running_loop().create_future()

    async def connect(reader, writer):
        seen.set_result((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(connect, "127.0.0.1", 0) as server,
        support.serving(support.Endpoint()) as endpoint,
    ):
        proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sending.add("main", "https://hooks.example.com/hook")
        sending.add("bad", "https://127.0.0.1/hook")
        sending.add("here", endpoint.url)
        options = {"proxy": proxy, "resolve": resolve}
        assert (await attempt(sending, row(store), **options)).failure == "unreachable"
        assert (await seen).startswith("CONNECT hooks.example.com:443 ")
        sending.add("printer", "https://printer.local/hook")
        answer = await attempt(sending, row(store, endpoint="printer"), **options)
        assert answer.failure == "refused_url"
        assert (await attempt(sending, row(store, endpoint="here"), **options)).failure is None


async def test_what_cannot_be_sent_says_why(store, sending):
    """Each cause has a code that an operator can act on."""
    sending.add("main", "http://127.0.0.1:1/hook")
    sending.add("other", "https://localhost/hook", mode="test")
    assert (await attempt(sending, row(store, endpoint="gone"))).failure == "unknown_endpoint"
    assert (await attempt(sending, row(store, party="nobody"))).failure == "unknown_endpoint"
    assert (await attempt(sending, row(store), allows_loopback=False)).failure == "refused_url"
    assert (await attempt(sending, row(store))).failure == "unreachable"
    # A test endpoint never gets live events, nor the other way round.
    assert (await attempt(sending, row(store, endpoint="other"))).failure == "unknown_endpoint"
    assert (await attempt(sending, row(store, mode=Mode.TEST))).failure == "unknown_endpoint"
    sending.keys.texts["agency/main"] = (new_private_key(),)
    assert (await attempt(sending, row(store))).failure == "no_secret"


async def test_a_secret_that_cannot_be_read_now(store, sending):
    """The key service is down: the event waits, and nothing is sent unsigned."""

    async def fail(*_place):
        raise StoreUnavailableError("down")

    sending.keys.signing_keys = fail
    sending.add("main", "http://127.0.0.1:1/hook")
    assert (await attempt(sending, row(store))).failure == "secret_unavailable"


async def test_both_secrets_sign_while_one_is_replaced(support, store, sending):
    """Receivers with the old or the new one verify."""
    old, new = new_secret(), new_secret()
    sending.keys.texts["agency/main"] = (old, new)
    async with support.serving(support.Endpoint()) as endpoint:
        sending.add("main", endpoint.url)
        await attempt(sending, row(store))
    (request,) = endpoint.received
    for secret in (old, new):
        Webhook(secret).verify(request.body, request.headers)


@pytest.fixture
async def connects(monkeypatch):
    """Return the places to which this event loop has begun connections."""
    found = []
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def record(sock, address):
        found.append(address)
        await connect(sock, address)

    monkeypatch.setattr(loop, "sock_connect", record)
    return found


async def test_no_target_of_the_reference_is_reached(support, store, sending, connects):
    """28 URLs and 25 addresses, each alone and behind a public one; and that connections would be seen."""
    answers: list[str] = []

    async def resolve(host):
        return answers

    for url in support.REFUSED_URLS:
        sending.parties.clear()
        sending.parties["agency"] = SimpleNamespace(webhooks={"main": SimpleNamespace(url=url, mode="live")})
        answer = await attempt(sending, row(store), allows_loopback=False, resolve=resolve)
        assert answer.failure == "refused_url", url
    sending.parties.clear()
    sending.add("main", "https://example.com:8443/hook")
    for address in support.REFUSED_ADDRESSES:
        for found in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
            answers[:] = found
            answer = await attempt(sending, row(store), allows_loopback=False, resolve=resolve)
            assert answer.failure == "private_address", address
    assert connects == []
    async with support.serving(support.Endpoint()) as endpoint:
        sending.add("main", endpoint.url)
        assert (await attempt(sending, row(store))).status == 204
        assert connects == [("127.0.0.1", endpoint.port)]
