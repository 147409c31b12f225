"""Whose address a request has: the socket's, or what trusted proxies in front of us report."""

import pytest

from proofing.contracts.records import JobKind
from proofing.jobs.arguments import PIIArguments
from proofing_devtools.sessions import DOCUMENT, SSN, put
from proofing_server.client_address import TrustedProxies, network_of, parse_address

PROXY = "10.0.0.5"
NETWORKS = TrustedProxies.of(["10.0.0.0/8", "fd00::/8", "192.0.2.1"])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("  203.0.113.9\t", "203.0.113.9"),
        ("203.0.113.9:54321", "203.0.113.9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("[2001:DB8::9]", "2001:db8::9"),
        ("2001:db8:0:0:0:0:0:9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("203.0.113", None),
        ("203.0.113.09", None),
        ("203.0.113.9:port", None),
        ("203.0.113.9:123456", None),
        ("[2001:db8::9", None),
        ("[203.0.113.9]:80x", None),
        ("2001:db8::9%eth0", None),
        ("2001:db8::9%<script>", None),
        ("for=203.0.113.9", None),
        ("\x00", None),
        ("9" * 10_000, None),
        ("٣.٣.٣.٣", None),
    ],
)
def test_one_entry(text, address):
    """An address with or without port and brackets; everything else is not an address."""
    found = parse_address(text)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize(
    ("proxies", "peer", "lines", "client"),
    [
        # Nobody is trusted: the header may hold anything.
        (TrustedProxies.of([]), "203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
        (TrustedProxies.of(0), "203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
        # A stranger that connects past the proxies.
        (NETWORKS, "203.0.113.1", ["198.51.100.7"], "203.0.113.1"),
        # From the right: what the person sent is left of what the proxies wrote.
        (NETWORKS, PROXY, ["198.51.100.7"], "198.51.100.7"),
        (NETWORKS, PROXY, ["10.9.9.9, 6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (NETWORKS, PROXY, ["6.6.6.6, 198.51.100.7, 10.0.0.9, 192.0.2.1"], "198.51.100.7"),
        (NETWORKS, PROXY, ["6.6.6.6", "198.51.100.7", "10.0.0.9"], "198.51.100.7"),
        (NETWORKS, PROXY, ["6.6.6.6,", ",198.51.100.7:5555"], "198.51.100.7"),
        (NETWORKS, "fd00::1", ["[2001:db8::9]:443, ::ffff:10.0.0.3"], "2001:db8::9"),
        (NETWORKS, "::ffff:10.0.0.5", ["198.51.100.7"], "198.51.100.7"),
        # What a proxy reports and is not an address ends the walk at the proxy that reported it.
        (NETWORKS, PROXY, ["6.6.6.6, unknown"], PROXY),
        (NETWORKS, PROXY, ["6.6.6.6, unknown, 10.0.0.9"], "10.0.0.9"),
        (NETWORKS, PROXY, [""], PROXY),
        (NETWORKS, PROXY, [], PROXY),
        # People inside of the trusted networks.
        (NETWORKS, PROXY, ["10.1.1.1, 10.0.0.9"], "10.1.1.1"),
        # A count of hops.
        (TrustedProxies.of(1), "203.0.113.1", ["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (TrustedProxies.of(2), "203.0.113.1", ["6.6.6.6, 198.51.100.7, 10.0.0.9"], "198.51.100.7"),
        (TrustedProxies.of(2), "203.0.113.1", ["198.51.100.7"], "198.51.100.7"),
        (TrustedProxies.of(1), "203.0.113.1", [], "203.0.113.1"),
        (TrustedProxies.of(1), "203.0.113.1", ["garbage"], "203.0.113.1"),
    ],
)
def test_the_walk(proxies, peer, lines, client):
    """The first address from the right that is not a trusted proxy's."""
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    assert proxies.resolve({"client": (peer, 1), "scheme": "http", "headers": headers})[0] == client


@pytest.mark.parametrize(
    ("proxies", "lines", "scheme"),
    [
        (TrustedProxies.of([]), ["https"], "http"),
        (NETWORKS, ["https"], "https"),
        (NETWORKS, ["HTTPS"], "https"),
        (NETWORKS, ["http, https"], "https"),
        (NETWORKS, ["https", "http"], "http"),
        (NETWORKS, ["javascript"], "http"),
        (NETWORKS, [""], "http"),
        (TrustedProxies.of(1), ["https"], "https"),
    ],
)
def test_the_scheme(proxies, lines, scheme):
    """The scheme that the nearest proxy reports, when that is trusted."""
    headers = [(b"x-forwarded-proto", line.encode()) for line in lines]
    assert proxies.resolve({"client": (PROXY, 1), "scheme": "http", "headers": headers})[1] == scheme


def test_networks_of_addresses():
    """An IPv6 subscriber has a whole /64; an IPv4 address counts as itself."""
    assert network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::4") == "2001:db8:1:3::/64"
    assert network_of("/run/socket") == ""


async def _asked_address(site, monkeypatch, headers):
    """Go to the end of the resolution form and return the address that its job carries."""
    seen = []
    init = PIIArguments.__init__

    def note(self, **named):
        seen.append(named["circumstances"].ip_address)
        init(self, **named)

    monkeypatch.setattr(PIIArguments, "__init__", note)
    browser = site.browser()
    browser.http.headers.update(headers)
    session = await site.app.state.site.sessions.start(consented=True)
    completed = frozenset({JobKind.DOCUMENT})
    await session.update(put(document=DOCUMENT, typed=SSN, completed=completed))
    browser.http.cookies.set("proofing", session.id)
    await browser.get("/verify")
    await browser.post("/verify")
    return seen[-1]


async def test_the_vendor_gets_the_address_of_the_person(start, monkeypatch):
    """Of the socket by default; behind a trusted proxy the one that the proxy reports."""
    forged = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7"}
    async with start() as site:
        assert await _asked_address(site, monkeypatch, forged) == "127.0.0.1"
    async with start(trusted_proxies='["127.0.0.0/8"]') as site:
        assert await _asked_address(site, monkeypatch, forged) == "198.51.100.7"
    async with start(trusted_proxies="1") as site:
        assert await _asked_address(site, monkeypatch, forged) == "198.51.100.7"
