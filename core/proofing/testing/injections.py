"""Foreign exceptions for the contract suites: what a backend's library raises is *unavailable* at our seam.

A suite's `break_library` makes the library of the backend raise; each call of the contract must then raise
the typed error and nothing else, in text, cause, context and log without a word of the foreign one.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection

import pytest

from proofing.base.errors import ProofingError
from proofing.contracts.stores import Diagnosable, Pingable

#: In the text of every injected exception; it could hold a URL, a statement or personal data.
CANARY = "canary-900-66-1234"


class UnlistedError(Exception):
    """An exception that our code cannot know."""


#: Documented or not, some library raised each of these; the first two asyncio does, from inside clients.
FOREIGN_ERRORS: tuple[Exception, ...] = (
    AttributeError(CANARY),
    RuntimeError(CANARY),
    ConnectionResetError(CANARY),
    ExceptionGroup(CANARY, [OSError(CANARY)]),
    KeyError(CANARY),
    OSError(CANARY),
    TimeoutError(CANARY),
    TypeError(CANARY),
    UnlistedError(CANARY),
    ValueError(CANARY),
)

foreign_errors = pytest.mark.parametrize("foreign", FOREIGN_ERRORS, ids=lambda error: type(error).__name__)

#: Name of a method to a call of it.
Calls = dict[str, Callable[[], Awaitable[object]]]


def extended(calls: Calls, backend: object, contract: type, *, without: Collection[str] = ()) -> Calls:
    """Return *calls* with those of the optional contracts that *backend* keeps.

    Asserts that every method of *contract* is among them but `close` and those *without* a library behind
    them in some backend, so that a new method has a call here from its first day.
    """
    optional = ((Diagnosable, "check"), (Pingable, "ping"))
    found = {
        name: getattr(backend, name)
        for kind, name in optional
        if isinstance(backend, kind) and name not in without
    }
    methods = {name for name, _method in inspect.getmembers(contract, inspect.iscoroutinefunction)}
    missing = methods - set(calls) - set(found) - {*without, "close"}
    assert not missing, missing
    return {**calls, **found}


async def assert_unavailable(
    calls: Calls, unavailable: type[ProofingError], foreign: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Assert that each of *calls* raises *unavailable*, and that *foreign* is logged without its text."""
    for name, call in calls.items():
        caplog.clear()
        with caplog.at_level(logging.DEBUG), pytest.raises(ProofingError) as caught:
            await call()
        assert type(caught.value) is unavailable, name
        assert CANARY not in f"{caught.value} {caught.value!r} {caplog.text}", name
        assert caught.value.__cause__ is None, name
        assert caught.value.__context__ is None or caught.value.__suppress_context__, name
        lines = [record for record in caplog.records if record.getMessage() == "library_exception"]
        # What a library documents has a message of its own, and needs no line; where libraries connect, they
        # make such an error of others. Background work may meet the same and add a line.
        assert lines or name == "open" or not isinstance(foreign, UnlistedError), name
        for line in lines:
            assert line.levelno == logging.WARNING
            assert vars(line)["proofing_fields"]["exception_class"] == type(foreign).__name__
