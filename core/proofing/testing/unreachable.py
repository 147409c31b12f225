"""Servers that do not serve: for tests of what a backend reports when it cannot be used."""

import contextlib
import socket
import threading
from collections.abc import Iterator

#: A host name that no resolver knows. Source: RFC 6761, section 6.4.
UNKNOWN_HOST = "backend.invalid"


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Give the port of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@contextlib.contextmanager
def talkative_server(
    answer: bytes = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
) -> Iterator[int]:
    """Give the port of a server that answers whatever comes with *answer*: one that speaks no TLS."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), connection:
                    connection.settimeout(5)
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # Wakes `accept`, which a close alone does not.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
