"""What plain (not async) adapters use in their thread: the outbound client, below libraries that block.

The bytes are carried by the one client on the loop, so that its hosts, certificates, proxy, deadline, caps,
intent and log lines hold whatever library builds the requests.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractContextManager
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.cache import Cache, ValueT
from proofing.contracts.http import VendorResponse
from proofing.outbound.billing import unbilled
from proofing.outbound.client import OutboundClient
from proofing.outbound.sessions import make_session
from proofing.outbound.transport import timed_out

if TYPE_CHECKING:
    import requests

AnswerT = TypeVar("AnswerT")
#: What was made, or what was raised instead.
_Made = tuple[Any, Exception | None]

#: What runs on the loop ends by itself; only a loop that is gone takes longer than its time and this.
_GRACE_SECONDS = 5.0


class ClientTwins:
    """The blocking twins of one client and cache, `proofing.contracts.proofers.BlockingTwins`."""

    def __init__(self, client: OutboundClient, cache: Cache, vendor_name: str) -> None:
        """Let *client* carry the calls. Must be called on its running loop."""
        self._client = client
        self._cache = cache
        self._vendor_name = vendor_name
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()

    @cached_property
    def http(self) -> "requests.Session":
        """A `requests` session; see the protocol."""
        return make_session(self.request, self._vendor_name)

    def unbilled(self) -> AbstractContextManager[None]:
        """Say that the calls within are free."""
        return unbilled()

    @cached_property
    def cache(self) -> "CacheTwin":
        """What the workers share."""
        return CacheTwin(self._cache, self)

    def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> VendorResponse:
        """Send one request and wait for its answer."""
        return self.wait_for(
            self._client.request(
                method, url, content=content, headers=headers, timeout_seconds=timeout_seconds
            )
        )

    def wait_for(self, step: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """Do *step* on the loop, and return what it returns."""
        return self.result_of(self.begin(step))

    def result_of(self, doing: "Future[AnswerT]") -> AnswerT:
        """Wait for what *doing* returns. Raises `VendorError` when the time of the call is over."""
        try:
            return doing.result(self.patience_seconds())
        except (FutureTimeoutError, CancelledError):
            doing.cancel()
            raise timed_out(self._vendor_name) from None

    def patience_seconds(self) -> float:
        """Return how long to wait for the loop, which ends each step by itself."""
        return self._client.seconds_left() + _GRACE_SECONDS

    def begin(self, step: Coroutine[Any, Any, AnswerT]) -> "Future[AnswerT]":
        """Begin *step* on the loop."""
        if threading.get_ident() == self._loop_thread:
            step.close()
            message = "a blocking call on the event loop; write the method as plain `def`"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=self._vendor_name)
        # It runs in a copy of this thread's context, so in its trace, and free where this thread says so.
        try:
            return asyncio.run_coroutine_threadsafe(step, self._loop)
        except RuntimeError:
            # The loop is closed: the question that this thread works on was over before.
            step.close()
            raise timed_out(self._vendor_name) from None


class CacheTwin:
    """The blocking twin of one cache, `proofing.contracts.cache.BlockingCache`."""

    def __init__(self, cache: Cache, twins: ClientTwins) -> None:
        """Let *cache* do the work, on the loop of *twins*."""
        self._cache = cache
        self._twins = twins

    def get_or_make(self, name: str, make: Callable[[], tuple[ValueT, float]]) -> ValueT:
        """Return the value of *name*, made by *make*, in this thread, where there is none."""
        asked: SimpleQueue[asyncio.Future[_Made] | None] = SimpleQueue()

        async def make_in_thread() -> tuple[ValueT, float]:
            # In the thread that waits for it: another one may not be free before this one is.
            made: asyncio.Future[_Made] = asyncio.get_running_loop().create_future()
            asked.put(made)
            answer, error = await made
            if error is not None:
                raise error
            found: tuple[ValueT, float] = answer
            return found

        getting = self._twins.begin(self._cache.get_or_make(name, make_in_thread))
        getting.add_done_callback(lambda _done: asked.put(None))
        try:
            while (made := asked.get(timeout=self._twins.patience_seconds())) is not None:
                made.get_loop().call_soon_threadsafe(_hand_over, made, _call(make))
        except Empty:
            getting.cancel()
        return self._twins.result_of(getting)

    def drop(self, name: str, seen: bytes | str) -> None:
        """Delete the value of *name* if it is still *seen*."""
        self._twins.wait_for(self._cache.drop(name, seen))


def _call(make: Callable[[], Any]) -> _Made:
    """Return what *make* returns, or what it raises."""
    try:
        return make(), None
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        return None, error
    except BaseException as error:  # noqa: BLE001 - raised in a task, it would end the loop
        return None, PluginError(f"make raised {type(error).__name__}")


def _hand_over(made: "asyncio.Future[_Made]", answer: _Made) -> None:
    """Give *answer* to the coroutine that still waits for it."""
    if not made.done():
        made.set_result(answer)
