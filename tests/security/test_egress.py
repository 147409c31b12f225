"""S13: whatever a URL, an answer or the environment says, calls go to the vendor's hosts, by our proxy.

Each try is made with the client of the adapters and with the `requests` session for SDKs. Forbidden hosts are
servers that count their connections; addresses that are not ours are tried through our own proxy, which
would see the call. What a listed name resolves to is the network's matter and not tried here.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from proofing.base.errors import VendorError
from proofing.outbound.blocking import ClientTwins
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.hostile import REDIRECTS, HostileVendor

CASES = {"test_no_try_leaves_by_another_way": (1, 1)}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
#: Spellings of loopback and tricks with the vendor's name; all lead to the forbidden server when let through.
ELSEWHERE = (
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://127.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.0.0.2:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://{vendor}@127.0.0.1:{port}/",
    "http://{vendor}:x@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@{vendor}/",
    "http://127.0.0.1:{port}?@{vendor}/",
    "http://127.0.0.1:{port}\\@{vendor}/",
    "http://127.0.0.1:{port}/{vendor}",
    "http://127.0.0.1:{port}%2f@{vendor}/",
)
#: Addresses at which clouds give credentials to anyone who asks, and other schemes.
METADATA = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://169.254.169.254:80/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fd00:ec2::254]/",
    "http://169.254.170.2/v2/credentials",
    "http://metadata.google.internal/",
    "http://vendor.example@169.254.169.254/",
    "https://169.254.169.254/",
    "ftp://169.254.169.254/",
    "file:///etc/passwd",
)


@dataclass
class Way:
    """One way to make calls: the client of the adapters, or a `requests` session.

    Attributes:
        tried: how many tries were made.
    """

    is_session: bool
    tried: int = 0
    _transports: dict = field(default_factory=dict)

    async def call(self, url, *hosts, proxy=None):
        """Send personal data to *url* and return the status; None when the call was refused or failed."""
        self.tried += 1
        policy = OutboundPolicy(vendor_name="acme", hosts=frozenset(hosts), timeout_seconds=60.0)
        if proxy not in self._transports:
            self._transports[proxy] = OutboundTransport(proxy=proxy)
            self._transports[proxy].prepare(None)
        client, body = OutboundClient(self._transports[proxy], policy), b"900661234"
        with contextlib.suppress(VendorError):
            if self.is_session:
                session = ClientTwins(client, None, "acme").http
                answer = await asyncio.to_thread(session.post, url, data=body, allow_redirects=True)
                return answer.status_code
            return (await client.post(url, content=body)).status
        return None

    async def close(self):
        """Close every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()


async def try_urls(way, vendor, other):
    """URLs that lead elsewhere, or seem to."""
    for url in ELSEWHERE:
        place = url.format(port=other.port, vendor=vendor.host)
        assert await way.call(place, vendor.host) is None, url
        assert other.connections == 0, url


async def try_metadata(way, proxy):
    """Metadata addresses, through a proxy that would see the call."""
    for url in METADATA:
        assert await way.call(url, "vendor.example", proxy=proxy.url("")) is None, url
        assert proxy.connections == 0, url


async def try_redirects(way, vendor, other):
    """Answers that send the call on; also to a host that is allowed, since a redirect is not our wish."""
    for name, status in REDIRECTS.items():
        for hosts in ([vendor.host], [vendor.host, other.host]):
            assert await way.call(vendor.url(name), *hosts) == status, name
            assert other.connections == 0, name


async def try_environment(way, vendor, other, monkeypatch):
    """Variables that put a proxy between, or take ours away."""
    for name in PROXIES:
        with monkeypatch.context() as patch:
            patch.setenv(name, other.url(""))
            patch.setenv("NO_PROXY", "")
            await way.close()  # a connection made before would not show it
            assert await way.call(vendor.url("ok"), vendor.host) == 200, name
            assert other.connections == 0, name
    for name in ("NO_PROXY", "no_proxy"):
        async with HostileVendor() as proxy:
            with monkeypatch.context() as patch:
                patch.setenv(name, "*")
                await way.close()
                before = vendor.connections
                assert await way.call(vendor.url("ok"), vendor.host, proxy=proxy.url("")) == 200, name
            assert (proxy.connections, vendor.connections) == (1, before), name


async def test_no_try_leaves_by_another_way(cases, claim, monkeypatch):
    """No connection is made to a host that is not listed, and none past the proxy of the settings."""
    assert cases == 1
    ways = [Way(is_session=False), Way(is_session=True)]
    for way in ways:
        async with HostileVendor() as other, HostileVendor(elsewhere=other.url("ok")) as vendor:
            await try_urls(way, vendor, other)
            assert vendor.connections == 0
            await try_redirects(way, vendor, other)
            await try_environment(way, vendor, other, monkeypatch)
            assert {call.body for call in vendor.calls} == {b"900661234"}
            assert other.connections == 0
        async with HostileVendor() as proxy:
            await try_metadata(way, proxy)
        await way.close()
    tried = sum(way.tried for way in ways)
    assert tried >= 80
    claim(
        "S13",
        "Tries to reach other hosts than the vendor's, or to pass the proxy: URLs, redirects, environment",
        f"0 of {tried} succeeded, with both clients",
    )
