"""Calls that the vendor does not bill, by the adapter's word: authentication, session creation, free polls.

Every other call is noted before it is made, so that a job whose process died is not asked about twice. An
adapter that forgets to say so loses only an answer: the job then ends as *unknown outcome*.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_unbilled: ContextVar[bool] = ContextVar("unbilled", default=False)


@contextlib.contextmanager
def unbilled() -> Iterator[None]:
    """Say that the calls within are free. Holds for this task or thread, and for tasks begun within."""
    token = _unbilled.set(True)
    try:
        yield
    finally:
        _unbilled.reset(token)


def is_unbilled() -> bool:
    """Return whether the calling task or thread has said so."""
    return _unbilled.get()
