"""What a backend's library raises becomes one of our errors at our seam, whatever it is.

Libraries raise more than they document: redis-py passes on an `AttributeError` of asyncio when a connection
was reset, and none of it may reach a page. Each class that keeps the contract of a store, queue or key
service is marked once::

    @seam(StoreUnavailableError, "the result store (acme)")
    class AcmeResultStore: ...

and from then on its public methods raise nothing but our errors. Where a plugin itself acts on the typed
error (a loop that tries again), it uses `translated` around the call of its library. The contract suites of
`proofing.testing` inject foreign exceptions into every backend. docs/adr/0010
"""

import contextlib
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from proofing.base.errors import ProofingError, QueueUnavailableError, StoreUnavailableError, Trouble
from proofing.base.logs import exception_fields, get_logger, log
from proofing.base.troubles import WORDS, trouble_of

_logger = get_logger(__name__)

UnavailableT = TypeVar("UnavailableT", QueueUnavailableError, StoreUnavailableError)
ClassT = TypeVar("ClassT")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

#: Ours: typed errors, and what says that our own code is wrong.
_PASSING = (ProofingError, AssertionError)
_CALLS_BACK = "_proofing_calls_back"


def seam(unavailable: type[UnavailableT], name: str) -> Callable[[type[ClassT]], type[ClassT]]:
    """Return a class decorator: public methods raise *unavailable* for every foreign exception.

    What was wrong is logged once, as ``library_exception``, by class and place; its text may hold anything.
    Typed errors, `AssertionError` and cancellations pass. `close` leaves what it cannot close, and returns.

    Args:
        unavailable: `StoreUnavailableError` or `QueueUnavailableError`.
        name: of the backend, for message and log, such as ``the result store (redis)``.
    """

    def mark(cls: type[ClassT]) -> type[ClassT]:
        for method, function in inspect.getmembers_static(cls, inspect.isfunction):
            if not method.startswith("_") and not hasattr(function, _CALLS_BACK):
                setattr(cls, method, _guarded(function, unavailable, name))
        return cls

    return mark


def calls_back(method: FunctionT) -> FunctionT:
    """Mark a method that awaits code of its caller, whose exceptions are the caller's.

    `seam` leaves it alone; it uses `translated` for the calls of its library.
    """
    setattr(method, _CALLS_BACK, True)
    return method


@contextlib.contextmanager
def translated(
    unavailable: type[UnavailableT],
    name: str,
    *,
    passing: tuple[type[Exception], ...] = (),
    trouble: Callable[[BaseException], Trouble] = trouble_of,
) -> Iterator[None]:
    """Raise *unavailable* for every foreign exception of the block; see `seam`.

    Args:
        unavailable: `StoreUnavailableError` or `QueueUnavailableError`.
        name: of the backend.
        passing: foreign exceptions that the caller reads an answer from.
        trouble: what an exception of that library means.
    """
    try:
        yield
    except _PASSING + passing:
        raise
    except Exception as error:  # noqa: BLE001 - a library may raise anything; its text may hold values
        raise _translate(error, unavailable, name, trouble) from None


def _guarded(function: Callable[..., Any], unavailable: type[UnavailableT], name: str) -> Callable[..., Any]:
    """Return *function* behind the seam; wrong arguments are our own mistake, and stay a `TypeError`."""
    if not inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            # Not `translated`: `now` is asked several times a request, and a generator costs a microsecond.
            try:
                return function(*args, **kwargs)
            except _PASSING:
                raise
            except Exception as error:  # noqa: BLE001 - as below
                raise _translate(error, unavailable, name) from None

        return called

    is_close = function.__name__ == "close"

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        call = function(*args, **kwargs)
        # Not `translated` either: this is on the way of every enqueue.
        try:
            return await call
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - a library may raise anything; its text may hold values
            ours = _translate(error, unavailable, name)
        if is_close:
            return None
        raise ours

    return awaited


def _translate(
    error: Exception,
    unavailable: type[UnavailableT],
    name: str,
    trouble_of_it: Callable[[BaseException], Trouble] = trouble_of,
) -> UnavailableT:
    """Log a foreign *error* and return ours."""
    log(
        _logger,
        "library_exception",
        level=logging.WARNING,
        backend=name,
        **exception_fields(error),
    )
    trouble = trouble_of_it(error)
    text = f"{name} cannot be used: {WORDS[trouble]} ({type(error).__name__})"
    return unavailable(text, trouble=trouble)
