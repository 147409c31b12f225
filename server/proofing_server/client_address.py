"""Whose address a request has: the socket's, or what trusted proxies report of the connection before them.

Of ``X-Forwarded-For`` only the right end can be believed: each trusted proxy appends the address that it was
called from, and whatever is left of the first address that is not a trusted proxy's was sent by the person.
docs/howto/behind-a-proxy.md; MDN, "X-Forwarded-For", *Selecting an IP address*.
"""

import ipaddress
import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

#: ``203.0.113.9:1234``, ``[2001:db8::9]:1234`` and ``[2001:db8::9]``; AWS and Azure append ports.
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::\d{1,5})?", re.ASCII)
_MAX_ADDRESS_CHARACTERS = 45
#: What one IPv6 subscriber has: RFC 6177, and RIPE-690 for residential ones.
_IPV6_PREFIX = 64
_SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The setting ``trusted_proxies``: networks, or how many proxies every request passes."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hops: int = 0

    @classmethod
    def of(cls, setting: int | Sequence[str]) -> "TrustedProxies":
        """Read the setting, which the schema has checked."""
        if isinstance(setting, int):
            return cls(hops=setting)
        return cls(networks=tuple(ipaddress.ip_network(text) for text in setting))

    def trusts(self, peer: str) -> bool:
        """Return whether a connection from *peer* is one of a trusted proxy."""
        return self._is_proxy(parse_address(peer), 0)

    def resolve(self, scope: MutableMapping[str, Any]) -> tuple[str, str]:
        """Return the client's address ("" when not even the socket has one) and scheme of an HTTP scope."""
        peer = (scope.get("client") or ("", 0))[0]
        address, scheme = parse_address(peer), str(scope.get("scheme", "http"))
        if not self._is_proxy(address, 0):
            return str(address or peer), scheme
        for passed, text in enumerate(reversed(_entries(scope, b"x-forwarded-for"))):
            if not self._is_proxy(address, passed) or (reported := parse_address(text)) is None:
                break
            address = reported
        schemes = _entries(scope, b"x-forwarded-proto")
        if schemes and schemes[-1].lower() in _SCHEMES:
            scheme = schemes[-1].lower()
        return str(address or peer), scheme

    def _is_proxy(self, address: IPv4Address | IPv6Address | None, passed: int) -> bool:
        """Return whether *address*, found after *passed* others, is a trusted proxy's."""
        if self.hops:
            return passed < self.hops
        return address is not None and any(address in network for network in self.networks)


class ClientAddressMiddleware:
    """ASGI middleware that puts the client's address and scheme in the place of the socket's."""

    def __init__(self, app: ASGIApp, *, proxies: TrustedProxies) -> None:
        """Wrap *app*, believing *proxies*."""
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            address, scheme = self._proxies.resolve(scope)
            # The port is one between a proxy and us, and says nothing of the client.
            scope["client"], scope["scheme"] = (address, 0) if address else None, scheme
        await self._app(scope, receive, send)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in one entry of the header, without port and brackets; None when there is none."""
    text = text.strip(" \t")
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    # A zone (``fe80::1%eth0``) has a meaning on one machine only, and may hold any text.
    if len(text) > _MAX_ADDRESS_CHARACTERS or "%" in text or not text.isascii():
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(address: str) -> str:
    """Return what counts as one client in limits: the IPv4 address, or the /64 network of an IPv6 one.

    Returns "" for what is not an address, such as the path of a Unix socket.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return "" if parsed is None else str(parsed)


def client_network(request: Request) -> str:
    """Return what counts as one client in limits, of a request that passed the middleware."""
    return network_of(request.client.host) if request.client else ""


def _entries(scope: MutableMapping[str, Any], name: bytes) -> list[str]:
    """Return the entries of a list header, over all of its lines, without empty ones."""
    lines = [value.decode("latin-1") for header, value in scope["headers"] if header == name]
    return [entry for entry in (part.strip(" \t") for part in ",".join(lines).split(",")) if entry]
