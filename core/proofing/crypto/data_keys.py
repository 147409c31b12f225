"""Data keys that the key service makes and unwraps, each used within bounds, so that few seals wait for it.

A job seals several messages; a call for each would cost more than the rest of the request. A data key serves
a bounded number of messages of one purpose for a bounded time. Before it reaches a bound, the next one is
made alongside the work. docs/adr/0003-sealed-messages.md.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Self, TypeVar

from proofing.base.errors import StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.stores import DataKey, KeyService

KeyT = TypeVar("KeyT")
AnswerT = TypeVar("AnswerT")

_logger = get_logger(__name__)

#: Unwrapped data keys kept for reading; more than the distinct keys in use within their life.
_UNWRAPPED_KEYS = 256
#: The next data key is made when this share of the uses or the time of the one in use is left.
_LOW_SHARE = 0.2


class Purpose(StrEnum):
    """What a message is for. Each purpose has keys of its own."""

    #: A job's arguments.
    ARGUMENTS = "args"
    #: What workers share of a vendor, such as an access token; only they seal and open it.
    CACHE = "cache"
    #: What a parked job continues with; only workers seal and open it.
    PARKED = "parked"
    #: What happened to a question of a parked job; web processes seal it, and only workers open it.
    NOTES = "notes"
    #: A job's result.
    RESULT = "result"
    #: A person's session.
    SESSION = "session"
    #: The sealed values of a verification; workers seal them, and only web processes open them.
    VERIFICATION = "verification"
    #: Secrets and private keys of relying parties and of the provider; operators' commands seal them.
    CREDENTIAL = "credential"


class DataKeys:
    """The data keys of one process."""

    def __init__(
        self, service: KeyService, *, environment: str, max_messages: int, max_seconds: float
    ) -> None:
        """Let *service* make and unwrap the keys.

        Args:
            service: wraps the keys.
            environment: part of every key's context.
            max_messages: how many messages one key may seal; 1 keeps none for reading, and makes none ahead.
            max_seconds: for how long a key seals, and is kept for reading.
        """
        self._service = service
        self._environment = environment
        self._max_messages = max_messages
        self._max_seconds = max_seconds
        self._sealing: dict[Purpose, _KeyInUse] = {}
        self._locks = {purpose: asyncio.Lock() for purpose in Purpose}
        self._renewals: _SharedCalls[Purpose, None] = _SharedCalls()
        self._unwrappings: _SharedCalls[tuple[Purpose, bytes], bytes] = _SharedCalls()
        self._unwrapped: OrderedDict[tuple[Purpose, bytes], tuple[bytes, float]] = OrderedDict()

    async def key_for_sealing(self, purpose: Purpose) -> DataKey:
        """Return a data key with a use left, made by one call however many wait for it.

        Raises:
            StoreUnavailableError: the key service does not answer.
        """
        async with self._locks[purpose]:
            in_use = self._sealing.get(purpose)
            if in_use is None or in_use.is_spent:
                await self._renewals.join(purpose, lambda: self._renew(purpose))
            elif in_use.is_running_low:
                self._renewals.begin(purpose, lambda: self._renew(purpose))
            in_use = self._sealing[purpose]
            in_use.uses_left -= 1
            return in_use.key

    async def key_for_opening(self, purpose: Purpose, wrapped: bytes, key_id: str) -> bytes:
        """Return the plain data key of a message, from memory while its life lasts.

        Raises:
            EncryptionError: it was not wrapped for this purpose, or not by us.
            StoreUnavailableError: the key service does not answer.
        """
        kept = self._unwrapped.get((purpose, wrapped))
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        # A worker that begins with a backlog opens thousands of messages under one key at the same moment.
        return await self._unwrappings.join(
            (purpose, wrapped), lambda: self._unwrap(purpose, wrapped, key_id)
        )

    def _context(self, purpose: Purpose) -> dict[str, str]:
        """Return the key service's encryption context: what may show in its audit trail."""
        return {"app": "proofing", "environment": self._environment, "purpose": purpose.value}

    async def _renew(self, purpose: Purpose) -> None:
        """Make the next key for *purpose* and use it from now on."""
        try:
            key = await self._service.generate(self._context(purpose))
        except StoreError as error:
            # It was made ahead of need: a caller that needs it when the old one is spent asks again.
            log(
                _logger,
                "key_renewal_failed",
                level=logging.WARNING,
                context=purpose,
                error=type(error).__name__,
            )
            raise
        log(_logger, "key_used", action="generate", key_id=key.key_id, context=purpose)
        self._sealing[purpose] = _KeyInUse.begin(key, self._max_messages, self._max_seconds)
        self._remember(purpose, key.wrapped, key.plaintext)

    async def _unwrap(self, purpose: Purpose, wrapped: bytes, key_id: str) -> bytes:
        """Have the key service unwrap a key, and remember it."""
        plain = await self._service.unwrap(wrapped, key_id, self._context(purpose))
        log(_logger, "key_used", action="unwrap", key_id=key_id, context=purpose)
        self._remember(purpose, wrapped, plain)
        return plain

    def _remember(self, purpose: Purpose, wrapped: bytes, plain: bytes) -> None:
        """Keep an unwrapped key for reading, if keys may be reused at all."""
        if self._max_messages <= 1:
            return
        self._unwrapped[purpose, wrapped] = (plain, time.monotonic() + self._max_seconds)
        while len(self._unwrapped) > _UNWRAPPED_KEYS:
            self._unwrapped.popitem(last=False)


class _SharedCalls(Generic[KeyT, AnswerT]):
    """Calls in progress, each made once for all who ask for the same while it lasts."""

    def __init__(self) -> None:
        self._tasks: dict[KeyT, asyncio.Task[AnswerT]] = {}

    def begin(self, key: KeyT, call: Callable[[], Coroutine[Any, Any, AnswerT]]) -> "asyncio.Task[AnswerT]":
        """Return the call in progress for *key*, made by *call* if there is none. It runs unattended."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(call())
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    async def join(self, key: KeyT, call: Callable[[], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        """Wait for the call for *key*. A waiter that gives up does not stop it: others wait too."""
        return await asyncio.shield(self.begin(key, call))

    def _end(self, key: KeyT, done: "asyncio.Task[AnswerT]") -> None:
        """Forget a call; its failure is reported only to those who wait for it."""
        del self._tasks[key]
        if not done.cancelled():
            done.exception()


@dataclass(slots=True)
class _KeyInUse:
    """A data key that seals, with what is left of its bounds.

    Attributes:
        low_uses: so few uses left mean that the next key is due; 0 makes none beforehand.
        low_at: from then on the next key is due, in monotonic seconds.
        expires: from then on the key seals no more.
    """

    key: DataKey
    uses_left: int
    low_uses: int
    low_at: float
    expires: float

    @classmethod
    def begin(cls, key: DataKey, messages: int, seconds: float) -> Self:
        """Return *key* with all of its bounds before it."""
        now = time.monotonic()
        return cls(
            key=key,
            uses_left=messages,
            low_uses=int(messages * _LOW_SHARE),
            low_at=now + seconds * (1 - _LOW_SHARE),
            expires=now + seconds,
        )

    @property
    def is_spent(self) -> bool:
        """Whether it may seal no more."""
        return self.uses_left <= 0 or time.monotonic() >= self.expires

    @property
    def is_running_low(self) -> bool:
        """Whether the next key should be made, while this one still seals."""
        return self.low_uses > 0 and (self.uses_left <= self.low_uses or time.monotonic() >= self.low_at)
