"""The form of host names in settings, judged before a resolver meets them.

For a name with an empty or too long part Python's resolver raises UnicodeError, which is not an OSError and
says nothing of the setting. Source: RFC 1035, section 2.3.4.
"""

import re
from collections.abc import Iterable
from typing import Final

#: The names of this machine for itself, of which traffic does not leave it.
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
HOST_RULE: Final = (
    "the host name must have 1 to 63 characters between dots, and 253 in all; "
    "two dots in a row, or one at the beginning, are a typing error"
)
_MAX_NAME_LENGTH = 253


def is_host(text: str) -> bool:
    """Return whether a resolver takes *text*: a name, or an address (IPv6 without brackets).

    A dot at the end is part of a whole name.
    """
    try:
        name = text.encode("idna").removesuffix(b".")
    except UnicodeError:
        return False
    return 0 < len(name) <= _MAX_NAME_LENGTH


def hosts_of(url: str) -> list[str]:
    """Return the hosts that *url* names, without ports and brackets; clients of databases take several.

    A host may be empty. Nothing else about *url* is judged.
    """
    authority = re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0]
    places = authority.rpartition("@")[2].split(",")
    return [
        place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0] for place in places
    ]


def check_hosts(hosts: Iterable[str]) -> None:
    """Raise ValueError, which shows none, when one of *hosts* is not a host name; an empty one is left."""
    if not all(is_host(host) for host in hosts if host):
        raise ValueError(HOST_RULE)
