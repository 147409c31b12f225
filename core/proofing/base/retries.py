"""Steps that are tried again while a store is down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from proofing.base.backoff import Backoff
from proofing.base.errors import StoreUnavailableError

StepT = TypeVar("StepT")

#: How long steps are tried again while their store is down, and the first wait between tries.
RETRY_SECONDS = 15.0
FIRST_WAIT_SECONDS = 0.1
#: Without this cap a wait could grow as long as the outage: a page waits for the step, too.
_LONGEST_WAIT_SECONDS = 1.0


async def retry_while_unavailable(
    step: Callable[[], Awaitable[StepT]],
    *,
    retry_seconds: float = RETRY_SECONDS,
    first_wait_seconds: float = FIRST_WAIT_SECONDS,
) -> StepT:
    """Do *step* again while its store is down, with waits up to a second, for up to *retry_seconds*.

    Raises:
        StoreUnavailableError: it stayed down.
    """
    deadline = time.monotonic() + retry_seconds
    backoff = Backoff(first_wait_seconds, _LONGEST_WAIT_SECONDS, jitter=(1.0, 1.0))
    while True:
        wait = backoff.next_seconds()
        try:
            return await step()
        except StoreUnavailableError:
            if time.monotonic() + wait > deadline:
                raise
        await asyncio.sleep(wait)
