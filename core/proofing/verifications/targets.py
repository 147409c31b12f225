"""The target guard: events go to public https endpoints, and nowhere into our own network.

A relying party's endpoint is an address that an operator was given. It must not reach what only this host
can: metadata services, databases, other people's networks. The URL is judged by `parse_target`, when settings
are read and again at every attempt. Without a proxy the host is resolved at every attempt, every answer is
judged by `is_public`, and the connection goes to an address that was judged: a name that resolves to
something else a moment later gains nothing. With a proxy the proxy resolves, and its address rules hold.
Redirects are not followed. docs/adr/0047.
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import idna

from proofing.base.hosts import LOOPBACK
from proofing.base.threads import BoundedThreads
from proofing.settings import Settings

#: Environments whose settings may name targets on this machine.
LOOPBACK_ENVIRONMENTS: Final = frozenset({"development", "test"})
_PORTS: Final = frozenset({443, 8443})
_MOST_CHARACTERS: Final = 2048
_MOST_HOST_CHARACTERS: Final = 253
_LEAST_LABELS: Final = 2
_MOST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?]+)([/?][!-~]*)?", re.ASCII)
_PLACE = re.compile(r"(\[[0-9a-f:]+\]|[^:\[\]]+)(?::([1-9][0-9]{0,4}))?")
#: Parsers disagree about these: where the host ends, or what it is.
_NEVER = re.compile(r"[\x00-\x20\x7f#%\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
#: Names that never are public: RFC 6761, RFC 8375, RFC 7686, ICANN's .internal, and habits.
_LAST_LABELS: Final = frozenset("localhost local internal localdomain onion test invalid".split())
_HOME: Final = ["home", "arpa"]
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
#: What `is_global` passes in some version of Python, or is global and not of the public: relays, anycast
#: services, protocols, documentation, tunnels that carry another address. IANA special-purpose registries;
#: 168.63.129.16 is Azure's platform service.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "168.63.129.16/32",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
#: `getaddrinfo` blocks as long as the name server of one host is silent; that delays no other host.
_RESOLVER_THREADS: Final = 64
_RESOLVE_SECONDS: Final = 5.0

#: Returns every address of a host; an `OSError` or none means that there is no answer.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an event goes.

    Attributes:
        url: as it is called: ASCII, the host in lower case.
        host: without port, brackets and final dot.
        is_loopback: whether it is this machine.
    """

    url: str
    host: str
    is_loopback: bool = False


def parse_target(url: str, *, allows_loopback: bool = False) -> Target:
    """Return the target that *url* names.

    Args:
        url: from the settings.
        allows_loopback: take targets on this machine, too, by http or https and with any port.

    Raises:
        ValueError: events do not go there; the message completes "the URL …" and never holds it.
    """
    if len(url) > _MOST_CHARACTERS:
        raise ValueError(f"must have at most {_MOST_CHARACTERS} characters")
    if _NEVER.search(url):
        raise ValueError("must hold no space, control character, #, % or \\")
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("must be an https URL; path and query in ASCII")
    scheme, authority, rest = found[1], found[2], found[3] or "/"
    if "@" in authority:
        raise ValueError("must hold no user name")
    place = _PLACE.fullmatch(authority)
    if place is None or int(place[2] or 0) > _MOST_PORT:
        raise ValueError("must name a host, and no port or a port from 1 to 65535")
    port = int(place[2]) if place[2] else _DEFAULT_PORTS[scheme]
    shown = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    rest = rest if rest.startswith("/") else f"/{rest}"
    literal = place[1].strip("[]").lower()
    if allows_loopback and literal in LOOPBACK:
        host = f"[{literal}]" if ":" in literal else literal
        return Target(url=f"{scheme}://{host}{shown}{rest}", host=literal, is_loopback=True)
    if scheme != "https":
        raise ValueError("must be an https URL")
    if port not in _PORTS:
        raise ValueError("must use port 443 or 8443")
    host = _public_name(place[1])
    return Target(url=f"https://{host}{shown}{rest}", host=host)


def endpoint_hosts(settings: Settings) -> dict[str, list[str]]:
    """Return the hosts of each relying party's endpoints, without the port of https; sorted.

    Endpoints on this machine are left out: they are called without a proxy.
    """
    found: dict[str, set[str]] = {}
    for name, party in settings.relying_parties.items():
        targets = [parse_target(one.url, allows_loopback=True) for one in party.webhooks.values()]
        found[name] = {urlsplit(target.url).netloc for target in targets if not target.is_loopback}
    return {name: sorted(hosts) for name, hosts in sorted(found.items()) if hosts}


def _public_name(text: str) -> str:
    """Return *text* as an ASCII host name that can be public. Raises `ValueError`."""
    try:
        labels = [_ascii_label(label) for label in text.removesuffix(".").split(".")]
    except idna.IDNAError:
        # Its message quotes the host.
        raise ValueError("must name a host of ASCII letters, digits and hyphens, or of IDNA 2008") from None
    host = ".".join(labels)
    if len(host) > _MOST_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("must name a host whose parts have 1 to 63 letters, digits and hyphens, 253 in all")
    last = labels[-1]
    if not last[0].isalpha() or len(labels) < _LEAST_LABELS:
        raise ValueError("must name a host with a domain, and no address")
    if last in _LAST_LABELS or labels[-2:] == _HOME:
        raise ValueError("must name a public host")
    return host


def _ascii_label(label: str) -> str:
    """Return *label* as it is resolved. Raises `idna.IDNAError` for what IDNA 2008 does not allow.

    Nothing is mapped: full-width digits and other dots would become an address behind our back.
    """
    if not label.isascii():
        return idna.alabel(label).decode()
    lower = label.lower()
    if lower.startswith("xn--"):
        idna.ulabel(lower)
    return lower


def is_public(address: str) -> bool:
    """Return whether *address*, IPv4 or IPv6, is one of the public Internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and (parsed.scope_id or parsed not in _PUBLIC_IPV6):  # noqa: PLR2004 - of IP
        return False
    listed = any(parsed in network for network in _NOT_PUBLIC if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not listed


class SystemResolver:
    """Asks the resolver of this machine, in threads of its own."""

    def __init__(self) -> None:
        """Make no thread yet."""
        self._threads = BoundedThreads(
            "webhook resolver", threads=_RESOLVER_THREADS, timeout_seconds=_RESOLVE_SECONDS
        )

    async def __call__(self, host: str) -> Sequence[str]:
        """Return every address of *host*. Raises `OSError`, of which `TimeoutError` is one."""
        found = await self._threads.run(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()


class TargetGuard:
    """Says to which addresses connections to a host may go."""

    def __init__(self, resolve: Resolve) -> None:
        """Check what *resolve* answers."""
        self._resolve = resolve
        # By host, as checked for the latest attempt. Hosts are those of the settings, so there are few.
        self._checked: dict[str, tuple[str, ...]] = {}

    async def check(self, target: Target) -> str | None:
        """Resolve *target* and judge every answer.

        Returns None when it may be called, else a code: ``no_address`` (nothing answers for the name now), or
        ``private_address`` (one answer or more is not public: no other is used either).
        """
        if target.is_loopback:
            self._checked[target.host] = ("127.0.0.1", "::1")
            return None
        refusal, addresses = await self._judge(target.host)
        # Only now: another endpoint of the host may connect meanwhile, to what was judged before.
        if refusal is None:
            self._checked[target.host] = addresses
        else:
            self._checked.pop(target.host, None)
        return refusal

    async def _judge(self, host: str) -> tuple[str | None, tuple[str, ...]]:
        """Return the refusal of *host* as `check` does, and its addresses."""
        try:
            addresses = tuple(await self._resolve(host))
        except (TimeoutError, OSError, UnicodeError):
            return "no_address", ()
        if not addresses:
            return "no_address", ()
        is_good = all(is_public(address) for address in addresses)
        return None if is_good else "private_address", addresses

    def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of *host* that `check` found; none where it found none."""
        return self._checked.get(host, ())
