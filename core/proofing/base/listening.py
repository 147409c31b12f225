"""The sockets on which a server listens."""

import errno
import socket
from collections.abc import Iterable

from proofing.base.errors import ConfigurationError, Problem, os_error_reason


def listen_sockets(host: str, port: int) -> list[socket.socket]:
    """Return sockets that are bound to *port* of the addresses of *host* that this machine has.

    Raises:
        ConfigurationError: the port is in use, or cannot be bound on any address; the rule gives the cause.
    """
    bound: list[socket.socket] = []
    errors: list[OSError] = []
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        places, errors = [], [error]
    for family, kind, protocol, _, address in dict.fromkeys(places):
        try:
            bound.append(_bound(family, kind, protocol, address))
        except OSError as error:
            errors.append(error)
    if any(error.errno == errno.EADDRINUSE for error in errors):
        close_sockets(bound)
        rule = f"{port} is in use; choose another with PORT or --port"
        raise ConfigurationError([Problem("command line", "port", rule)])
    if not bound:
        rule = f"{host} port {port} cannot be listened on ({os_error_reason(errors[0])})"
        raise ConfigurationError([Problem("command line", "host", rule)])
    return bound


def close_sockets(sockets: Iterable[socket.socket]) -> None:
    """Close all of them."""
    for one in sockets:
        one.close()


def _bound(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    """Return one socket. Raises `OSError`."""
    listener = socket.socket(family, kind, protocol)
    try:
        # Connections of before, and the other family, hold nothing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
