"""What libpq's parameters say that no connection can come of, told before one is tried.

libpq itself tells it in a text of its own, in the middle of a connection; with ``sslmode=require`` it does
not tell that the root certificate is missing, and checks none. Source: PostgreSQL manual, libpq, SSL support.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proofing.base.errors import unreadable
from proofing.base.hosts import HOST_RULE, is_host

_FILES = ("sslrootcert", "sslcert", "sslkey")
#: In the place of sslrootcert: the authorities of the machine.
_SYSTEM = "system"
_VERIFYING = ("verify-ca", "verify-full")


def libpq_problem(parameters: Mapping[str, Any]) -> str | None:
    """Return the rule that *parameters* of a connection break, without their values, or None."""
    hosts = [host for host in str(parameters.get("host") or "").split(",") if not _is_socket(host)]
    if not all(is_host(host) for host in hosts):
        return HOST_RULE
    for name in _FILES:
        path = str(parameters.get(name) or "")
        # A key may lie in an engine: NAME:ID.
        is_file = path not in ("", _SYSTEM) and not (name == "sslkey" and ":" in path)
        if is_file and (trouble := unreadable(path)):
            return f"the file that {name} names cannot be read: {trouble}; correct its path or rights"
    mode = parameters.get("sslmode") or os.environ.get("PGSSLMODE")
    root = parameters.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    is_missing = mode in _VERIFYING and not root and unreadable(Path("~/.postgresql/root.crt").expanduser())
    if is_missing and (hosts or parameters.get("hostaddr")):
        return (
            f"sslmode={mode} needs a root certificate, and there is none: add sslrootcert=/its/file, or "
            f"sslrootcert={_SYSTEM} for the authorities that this machine trusts"
        )
    return None


def _is_socket(host: str) -> bool:
    """Return whether *host* is the directory of a socket, an abstract one, or the default."""
    return not host or host.startswith(("/", "@"))
