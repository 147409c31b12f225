"""The `requests` session keeps the outbound rules: under `responses`, and on real sockets."""

import asyncio
import contextlib
import sys

import pytest
import requests
import responses

from proofing.base.errors import VendorError, VendorResponseError, VendorTimeoutError, VendorUnavailableError
from proofing.outbound.client import OutboundPolicy
from proofing.outbound.sessions import make_session
from proofing.testing.hostile import HostileVendor


def session_of(*hosts, **options):
    """Return a session that may call *hosts*."""
    values = {"vendor_name": "acme", "timeout_seconds": 5.0, **options}
    return make_session(OutboundPolicy(hosts=frozenset(hosts), **values))


@pytest.fixture
async def vendor():
    """A hostile vendor on loopback."""
    async with HostileVendor() as running:
        yield running


@responses.activate
def test_an_sdk_can_be_tested_with_responses():
    """`responses` answers below the session, and the bounds hold above it."""
    responses.post("https://vendor.example/ask", json={"ok": True})
    session = session_of("vendor.example")
    assert session.post("https://vendor.example/ask", json={}).json() == {"ok": True}
    with pytest.raises(VendorError, match="allow-list"):
        session.get("https://evil.example/")
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (requests.ConnectTimeout("https://secret.example"), VendorTimeoutError),
        (requests.ConnectionError("https://secret.example"), VendorUnavailableError),
        (requests.exceptions.ContentDecodingError("https://secret.example"), VendorResponseError),
    ],
)
def test_foreign_errors_become_ours(raised, kind):
    """Errors of `requests` hold the URL; ours do not."""
    responses.get("https://vendor.example/", body=raised)
    with pytest.raises(VendorError) as caught:
        session_of("vendor.example").get("https://vendor.example/")
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@responses.activate
def test_when_the_job_is_over_nothing_is_sent():
    """A deadline in the past refuses the call."""
    responses.get("https://vendor.example/")
    with pytest.raises(VendorTimeoutError):
        session_of("vendor.example", deadline=0.0).get("https://vendor.example/")
    assert len(responses.calls) == 0


@pytest.mark.parametrize("misdeed", ["hang", "drip", "drip_headers"])
async def test_a_vendor_who_never_ends_does_not_hold_the_thread(vendor, misdeed):
    """The limit is total for plain adapters, too."""
    session = session_of(vendor.host, timeout_seconds=0.2)
    async with asyncio.timeout(5):
        with pytest.raises(VendorTimeoutError):
            await asyncio.to_thread(session.get, vendor.url(misdeed))
        await vendor.left.wait()


@pytest.mark.parametrize(
    ("misdeed", "kind"),
    [
        ("endless", VendorResponseError),
        ("huge", VendorResponseError),
        ("bomb", VendorResponseError),
        ("no_http", VendorResponseError),
        ("huge_header", VendorResponseError),
        ("truncated", VendorUnavailableError),
        ("reset", VendorUnavailableError),
        ("hang_up", VendorUnavailableError),
    ],
)
async def test_hostile_answers(vendor, misdeed, kind):
    """Caps and classes are those of the outbound client."""
    with pytest.raises(VendorError) as caught:
        await asyncio.to_thread(session_of(vendor.host).get, vendor.url(misdeed))
    assert type(caught.value) is kind
    assert vendor.host not in str(caught.value)


async def test_redirects_cookies_and_the_environment(vendor, monkeypatch):
    """A redirect is an answer, cookies are not kept, and the environment's proxy is not asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    session = session_of(vendor.host)
    answer = await asyncio.to_thread(session.get, vendor.url("redirect"))
    assert answer.status_code == 302
    for name in ("cookie", "ok"):
        answer = await asyncio.to_thread(session.get, vendor.url(name))
    assert answer.json() == {"ok": True}
    assert "cookie" not in vendor.calls[-1].headers


async def test_the_proxy_of_the_settings_carries_the_call():
    """With a proxy nothing goes to the vendor directly."""
    async with HostileVendor() as proxy:
        session = session_of("vendor.example", proxy=f"http://{proxy.host}")
        await asyncio.to_thread(session.get, "http://vendor.example/ok")
        assert proxy.calls[0].target == "http://vendor.example/ok"


@pytest.mark.parametrize(
    "url", ["http://{host}\\@evil.example/", "http://evil.example\\@{host}/", "http://a:b@{host}/ok"]
)
async def test_the_checked_host_is_the_called_one(vendor, url):
    """However two parsers read a URL, nobody but the allowed host is called."""
    with contextlib.suppress(VendorError):
        await asyncio.to_thread(session_of(vendor.host).get, url.format(host=vendor.host))
    assert all(call.headers["host"] == vendor.host for call in vendor.calls)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(VendorError, match=r"proofing\[requests\]"):
        session_of("vendor.example")
