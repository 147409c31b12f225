"""Aborting abandoned calls: a thread cannot be interrupted, but its socket can be shut.

Without this a server that answers a byte a second would hold a thread, and the end of the process, for as
long as it likes: botocore's time-outs hold for single reads.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

AnswerT = TypeVar("AnswerT")

_thread = threading.local()


class AbortableCall(Generic[AnswerT]):
    """One call of boto3, made in a thread; `abort` ends it from another.

    Args:
        function: makes the call.
    """

    def __init__(self, function: Callable[[], AnswerT]) -> None:
        self._function = function
        self._connection: Any = None
        self._socket: Any = None
        self._is_aborted = False

    def __call__(self) -> AnswerT:
        """Make the call, in this thread."""
        _thread.call = self
        try:
            return self._function()
        finally:
            _thread.call = None

    def use(self, connection: Any) -> None:
        """Note the connection that this call goes through from now on.

        Raises:
            OSError: the call was aborted: it is not tried again.
        """
        self._connection = connection
        connection.used_by = self
        if connection.sock is not None:
            # Kept, because the connection forgets it when the last answer begins to come in.
            self._socket = connection.sock
        if self._is_aborted:
            raise OSError("aborted")

    def abort(self) -> None:
        """Make whatever the thread reads or writes fail right away."""
        self._is_aborted = True
        connection = self._connection
        if connection is None or connection.used_by is not self:
            return
        line = connection.sock or self._socket
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                # Not the method of a TLS socket, which would pull the session from under its reader.
                socket.socket.shutdown(line, socket.SHUT_RDWR)


class _Tracked:
    """Mixed into a connection, registers with the call of its thread that it is in use."""

    used_by: AbortableCall[Any] | None = None

    def request(self, *args: Any, **kwargs: Any) -> Any:
        _use(self)
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        _use(self)
        super().connect()  # type: ignore[misc]
        _use(self)  # aborted before there was a socket to shut?


class _Connection(_Tracked, AWSHTTPConnection):  # type: ignore[misc]  # botocore's own bases disagree
    pass


class _TLSConnection(_Tracked, AWSHTTPSConnection):  # type: ignore[misc]  # as above
    pass


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def prepare(client: Any) -> None:
    """Make calls of the boto3 *client* abortable. Before its first request."""
    session = client._endpoint.http_session  # noqa: SLF001 - botocore has no seam for connection classes
    session._pool_classes_by_scheme.update(http=_Pool, https=_TLSPool)  # noqa: SLF001 - shared with its managers


def _use(connection: Any) -> None:
    """Note *connection* with the call of this thread, if it makes one."""
    call = getattr(_thread, "call", None)
    if call is not None:
        call.use(connection)
