"""Types of settings: switches, counts, names, keys, and the proxies that are trusted."""

import base64
import binascii
import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, SecretStr

from proofing.base.hosts import check_hosts

KEY_BYTES = 32
_MAX_HOPS = 8


def decode_key(text: str) -> bytes | None:
    """Return the 32 bytes that *text* spells in hex or base64, or None."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _plain_key(value: object) -> object:
    """Demand 32 bytes in hex or base64 without ever showing them."""
    if isinstance(value, str) and decode_key(value) is not None:
        return SecretStr(value)
    raise ValueError("must be 32 bytes, written in hex or base64")


def _proxies(value: object) -> object:
    """Demand a count of hops, or networks without host bits."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_HOPS:
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
        try:
            networks = [ipaddress.ip_network(text) for text in value]
        except ValueError:
            pass
        else:
            if any(network.prefixlen == 0 for network in networks):
                raise ValueError("must not trust every address: anyone could choose theirs; name the proxies")
            return tuple(str(network) for network in networks)
    raise ValueError(f"must be a list of networks such as 10.0.0.0/8, or a count of hops, 0 to {_MAX_HOPS}")


def _switch(value: object) -> object:
    """Read the two quoted spellings; leave the rest to the strict type."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _host(text: str) -> str:
    check_hosts([text])
    return text


#: Marks a key that may change while the process runs.
LIVE: dict[str, JsonValue] = {"live": True}
#: Also has its new value logged: for switches, vendors and numbers; never for people, secrets, texts or URLs.
LIVE_LOGGED: dict[str, JsonValue] = {"live": True, "logged": True}
Switch = Annotated[bool, BeforeValidator(_switch)]
Count = Annotated[int, Field(ge=1)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
#: A host name or an address.
Host = Annotated[str, AfterValidator(_host)]
SecretKey = Annotated[SecretStr, BeforeValidator(_plain_key)]
Proxies = Annotated[int | tuple[str, ...], BeforeValidator(_proxies)]
