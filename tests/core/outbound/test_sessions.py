"""The `requests` session keeps the outbound rules, on real sockets."""

import asyncio
import base64
import contextlib
import gc
import io
import sys
import threading

import pytest
from requests.adapters import HTTPAdapter

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import Base64, StreamedBody
from proofing.outbound.blocking import ClientTwins
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.hostile import HostileVendor
from proofing.testing.vendor_checks import caused_by


@pytest.fixture
async def session_of():
    """Return a function that makes a session that may call hosts."""
    transports = []

    def make(*hosts, proxy=None, deadline=None, **options):
        transports.append(OutboundTransport(proxy=proxy))
        transports[-1].prepare(None)
        values = {"vendor_name": "acme", "timeout_seconds": 5.0, **options}
        policy = OutboundPolicy(hosts=frozenset(hosts), **values)
        return ClientTwins(OutboundClient(transports[-1], policy, deadline=deadline), None, "acme").http

    yield make
    for transport in transports:
        await transport.close()


@pytest.fixture
async def vendor():
    """A hostile vendor on loopback."""
    async with HostileVendor() as running:
        yield running


async def test_when_the_job_is_over_nothing_is_sent(vendor, session_of):
    """A deadline in the past refuses the call."""
    with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
        await asyncio.to_thread(session_of(vendor.host, deadline=0.0).get, vendor.url("ok"))
    assert vendor.calls == []


async def test_a_body_goes_out_as_it_is_given(vendor, session_of):
    """JSON, form, text, an iterable, a file and a streamed body all arrive whole, with their length."""
    image = b"x" * 100_000
    bodies = [
        ({"json": {"a": 1}}, b'{"a": 1}'),
        ({"data": {"a": "1"}}, b"a=1"),
        ({"data": "text"}, b"text"),
        ({"data": iter([b"one", b"two"])}, b"onetwo"),
        ({"data": io.BytesIO(b"file")}, b"file"),
        (
            {"data": StreamedBody(b"<", Base64(image), b">")},
            b"<" + base64.b64encode(image) + b">",
        ),
    ]
    session = session_of(vendor.host)
    for options, expected in bodies:
        answer = await asyncio.to_thread(lambda options=options: session.post(vendor.url("ok"), **options))
        assert answer.json() == {"ok": True}
        assert vendor.calls[-1].body == expected
        assert vendor.calls[-1].headers["content-length"] == str(len(expected))


async def test_a_call_may_ask_for_less_time(vendor, session_of):
    """The ``timeout`` of `requests` shortens the call, and never prolongs it."""
    session = session_of(vendor.host, timeout_seconds=60)
    for timeout in (0.05, (0.02, 0.03)):
        with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
            await asyncio.to_thread(lambda timeout=timeout: session.get(vendor.url("hang"), timeout=timeout))
    session = session_of(vendor.host, timeout_seconds=0.05)
    with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
        await asyncio.to_thread(lambda: session.get(vendor.url("hang"), timeout=60))


async def test_an_sdk_cannot_mount_another_way_out(vendor, session_of):
    """SDKs mount adapters of their own for retries; these would have their own connections and no rules."""
    session = session_of("vendor.example")
    session.mount("http://", HTTPAdapter(max_retries=3))
    for url in (vendor.url("ok"), "ftp://vendor.example/"):
        with pytest.raises(VendorError, match="allow-list"):
            await asyncio.to_thread(session.get, url)
    assert vendor.connections == 0


async def test_the_loop_is_never_blocked(vendor, session_of):
    """A blocking call in an async method is refused, where it would wait for itself."""
    with pytest.raises(VendorError, match="plain `def`"):
        session_of(vendor.host).get(vendor.url("ok"))


@pytest.mark.parametrize("misdeed", ["hang", "drip", "drip_headers"])
async def test_a_vendor_who_never_ends_does_not_hold_the_thread(vendor, session_of, misdeed):
    """The limit is total for plain adapters, too."""
    session = session_of(vendor.host, timeout_seconds=0.2)
    async with asyncio.timeout(5):
        with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
            await asyncio.to_thread(session.get, vendor.url(misdeed))
        await vendor.left.wait()


@pytest.mark.parametrize(
    ("misdeed", "kind"),
    [
        ("endless", Cause.NONSENSE),
        ("huge", Cause.NONSENSE),
        ("no_http", Cause.NONSENSE),
        ("huge_header", Cause.NONSENSE),
        ("truncated", Cause.UNREACHABLE),
        ("reset", Cause.UNREACHABLE),
        ("hang_up", Cause.UNREACHABLE),
    ],
)
async def test_hostile_answers(vendor, session_of, misdeed, kind):
    """Caps and classes are those of the outbound client."""
    with pytest.raises(VendorError) as caught:
        await asyncio.to_thread(session_of(vendor.host).get, vendor.url(misdeed))
    assert caught.value.cause is kind
    assert vendor.host not in str(caught.value)


async def test_redirects_cookies_and_the_environment(vendor, session_of, monkeypatch):
    """A redirect is an answer, cookies are not kept, and the environment's proxy is not asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    session = session_of(vendor.host)
    answer = await asyncio.to_thread(session.get, vendor.url("redirect"))
    assert answer.status_code == 302
    for name in ("cookie", "ok"):
        answer = await asyncio.to_thread(session.get, vendor.url(name))
    assert answer.json() == {"ok": True}
    assert "cookie" not in vendor.calls[-1].headers


async def test_the_proxy_of_the_settings_carries_the_call(session_of):
    """With a proxy nothing goes to the vendor directly."""
    async with HostileVendor() as proxy:
        session = session_of("vendor.example", proxy=f"http://{proxy.host}")
        await asyncio.to_thread(session.get, "http://vendor.example/ok")
        assert proxy.calls[0].target == "http://vendor.example/ok"


@pytest.mark.parametrize(
    "url", ["http://{host}\\@evil.example/", "http://evil.example\\@{host}/", "http://a:b@{host}/ok"]
)
async def test_the_checked_host_is_the_called_one(vendor, session_of, url):
    """However two parsers read a URL, nobody but the allowed host is called."""
    with contextlib.suppress(VendorError):
        await asyncio.to_thread(session_of(vendor.host).get, url.format(host=vendor.host))
    assert all(call.headers["host"] == vendor.host for call in vendor.calls)


async def test_without_the_extra_it_says_what_to_install(session_of, monkeypatch):
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(VendorError, match=r"proofing\[requests\]"):
        session_of("vendor.example")


def test_a_thread_whose_loop_is_closed_is_out_of_time(recwarn):
    """It works on a question that was over before; nothing is left that was never awaited."""

    async def make():
        policy = OutboundPolicy(hosts=frozenset({"acme.example"}), vendor_name="acme", timeout_seconds=5.0)
        return ClientTwins(OutboundClient(OutboundTransport(), policy), None, "acme").http

    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(make())
    loop.close()
    raised = []

    def call():
        try:
            session.get("https://acme.example/")
        except VendorError as error:
            raised.append(error.cause)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    gc.collect()
    assert raised == [Cause.TIMEOUT]
    assert list(recwarn) == []
