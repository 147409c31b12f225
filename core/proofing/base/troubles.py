"""Tells the kinds of trouble with a backend apart: by our own errors, and by what a client library wraps.

Client libraries wrap the operating system's errors in classes of their own, some with the text alone. The
whole chain of causes is searched, and the most telling one wins.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator

from proofing.base.errors import (
    ConfigurationError,
    PluginError,
    ProofingError,
    QueueUnavailableError,
    StoreUnavailableError,
    Trouble,
)

#: What happened, and what to look at, for messages such as "the result store (redis) cannot be reached: ...".
WORDS = {
    Trouble.UNKNOWN_HOST: "the host name is unknown; check its spelling and the DNS",
    Trouble.CONNECTION_REFUSED: "the connection is refused; check the port, and that the server runs",
    Trouble.UNREACHABLE: "the network does not reach it, or the connection broke",
    Trouble.TIMEOUT: "there is no answer within the deadline; check address and firewall",
    Trouble.TLS: "TLS failed; check the certificate, its files (sslrootcert), and that both sides use TLS",
    Trouble.CREDENTIALS: "it refuses our credentials",
    Trouble.PERMISSION: "our role may not do this",
    Trouble.NOT_FOUND: "it does not exist there",
    Trouble.UNAVAILABLE: "it cannot serve now",
    Trouble.OVERLOAD: "this process has more in progress than its limits allow",
}

#: PostgreSQL's SQLSTATE, or its class of two characters. Source: PostgreSQL manual, appendix A.
_POSTGRES_STATES = {
    "28": Trouble.CREDENTIALS,
    "3D": Trouble.NOT_FOUND,
    "3F": Trouble.NOT_FOUND,
    "53": Trouble.UNAVAILABLE,
    "57": Trouble.UNAVAILABLE,
    "42501": Trouble.PERMISSION,
    "42P01": Trouble.NOT_FOUND,
}
#: Connecting gives no SQLSTATE, only libpq's text and the server's, which are read here and shown nowhere.
#: The first that is found decides. Source: libpq, fe-connect.c; PostgreSQL, auth.c and postinit.c; PgBouncer.
_POSTGRES_TEXTS = (
    ("authentication failed", Trouble.CREDENTIALS),
    ("no password supplied", Trouble.CREDENTIALS),
    ("no pg_hba.conf entry", Trouble.CREDENTIALS),
    (r'role ".*" (does not exist|is not permitted to log in)', Trouble.CREDENTIALS),
    ("no such user", Trouble.CREDENTIALS),
    ("no such database", Trouble.NOT_FOUND),
    (r'database ".*" does not exist', Trouble.NOT_FOUND),
    ("certificate|SSL", Trouble.TLS),
    ("could not translate host name|failed to resolve host", Trouble.UNKNOWN_HOST),
    ("Name or service not known|Temporary failure in name resolution|No address", Trouble.UNKNOWN_HOST),
    ("Connection refused", Trouble.CONNECTION_REFUSED),
    # The socket of a server on this machine that does not run.
    ("No such file or directory", Trouble.CONNECTION_REFUSED),
    ("timeout|timed out", Trouble.TIMEOUT),
    ("too many (clients|connections)|connection slots are reserved", Trouble.UNAVAILABLE),
    ("is starting up|is shutting down|is not accepting|read-only", Trouble.UNAVAILABLE),
)
#: Classes of redis-py, which core does not import, and texts of the server that have no class.
_REDIS_CLASSES = {
    "AuthenticationError": Trouble.CREDENTIALS,
    "AuthenticationWrongNumberOfArgsError": Trouble.CREDENTIALS,
    "NoPermissionError": Trouble.PERMISSION,
    "BusyLoadingError": Trouble.UNAVAILABLE,
    "ReadOnlyError": Trouble.UNAVAILABLE,
}
_REDIS_TEXTS = (
    ("DB index is out of range", Trouble.NOT_FOUND),
    ("NOAUTH|WRONGPASS|invalid username-password", Trouble.CREDENTIALS),
)
_ERRNO = re.compile(r"\[Errno (-?\d+)\]")
_OF_ERRNO = {
    errno.ECONNREFUSED: Trouble.CONNECTION_REFUSED,
    errno.ETIMEDOUT: Trouble.TIMEOUT,
    errno.EACCES: Trouble.PERMISSION,
    errno.EPERM: Trouble.PERMISSION,
}
#: The more telling come first.
_ORDER = (
    Trouble.TLS,
    Trouble.UNKNOWN_HOST,
    Trouble.CONNECTION_REFUSED,
    Trouble.PERMISSION,
    Trouble.TIMEOUT,
    Trouble.UNREACHABLE,
)


def trouble_of(error: BaseException, *, default: Trouble = Trouble.UNAVAILABLE) -> Trouble:
    """Return the kind of trouble that *error* means: one of Proofing, or one that a client library raised.

    Args:
        error: with its chain of causes.
        default: for an error that shows none.
    """
    if isinstance(error, ProofingError):
        return _of_ours(error, default)
    found = {trouble for link in _chain(error) for trouble in _of_foreign(link)}
    return next((trouble for trouble in _ORDER if trouble in found), default)


def trouble_of_postgres(error: BaseException) -> Trouble:
    """Return the kind of trouble that an error of psycopg means."""
    state = getattr(error, "sqlstate", None) or ""
    if found := _POSTGRES_STATES.get(state) or _POSTGRES_STATES.get(state[:2]):
        return found
    if not state:
        text = str(error)
        for pattern, trouble in _POSTGRES_TEXTS:
            if re.search(pattern, text):
                return trouble
    return trouble_of(error, default=Trouble.UNREACHABLE if not state else Trouble.UNAVAILABLE)


def trouble_of_redis(error: BaseException) -> Trouble:
    """Return the kind of trouble that an error of redis-py means."""
    links = list(_chain(error))
    for link in links:
        if found := _REDIS_CLASSES.get(type(link).__name__):
            return found
        for pattern, trouble in _REDIS_TEXTS:
            if type(link).__module__.startswith("redis") and re.search(pattern, str(link)):
                return trouble
    # A server that answers with an error is reached; loading, out of memory, or a cluster that is down.
    is_answer = any(kind.__name__ == "ResponseError" for kind in type(error).__mro__)
    return trouble_of(error, default=Trouble.UNAVAILABLE if is_answer else Trouble.UNREACHABLE)


def _of_ours(error: ProofingError, default: Trouble) -> Trouble:
    """Return the trouble of one of our errors."""
    if isinstance(error, (StoreUnavailableError, QueueUnavailableError)):
        return error.trouble
    if isinstance(error, ConfigurationError):
        return Trouble.CONFIGURATION
    return Trouble.PLUGIN if isinstance(error, PluginError) else default


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and everything that led to it, also what libraries hide with ``from None``."""
    seen: set[int] = set()
    open_ends: list[BaseException | None] = [error]
    while open_ends:
        link = open_ends.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        open_ends += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            open_ends += link.exceptions


def _of_foreign(error: BaseException) -> Iterator[Trouble]:
    """Yield what one error of the chain means."""
    if isinstance(error, ssl.SSLError):
        yield Trouble.TLS
    elif isinstance(error, socket.gaierror):
        yield Trouble.UNKNOWN_HOST
    elif isinstance(error, TimeoutError):
        yield Trouble.TIMEOUT
    elif isinstance(error, OSError):
        # For a name with several addresses asyncio raises one error with the texts of all.
        numbers = [error.errno] if error.errno is not None else map(int, _ERRNO.findall(str(error)))
        for number in numbers:
            yield _OF_ERRNO.get(number, Trouble.UNREACHABLE)
