"""What all workers share of a vendor: access tokens and key sets, sealed in the result store.

A value lies under a MAC of its plugin, its plugin's settings and its name, and is sealed for that place. Of
many who want one, in whatever process, the one that holds the lock makes it. The lock expires, so that a
maker that dies holds nobody up for long; two that make a value at once cost a token, nothing else.

Where the store or the key service is down, the process makes a value of its own and keeps that in memory.
docs/adr/0037-shared-cache.md.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from proofing.base.backoff import Backoff
from proofing.base.errors import EncryptionError, PluginError, StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.cache import MAX_KEPT_SECONDS, MAX_NAME_LENGTH, MAX_VALUE_BYTES, ValueT
from proofing.contracts.stores import ResultStore
from proofing.crypto.contexts import cache_context
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.outbound.transport import timed_out
from proofing.registry.proofers import LoadedProofer

#: How long one process may make a value before another one makes it, too.
LOCK_SECONDS = 10.0
#: What `ResultStore.compare_and_set` leaves in place of what is deleted, and for how long.
_DELETED = b""
_DELETED_SECONDS = 0.01
#: The waits between two looks for what another process makes.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0
#: Values of its own that a process keeps while the store is down.
_OWN_VALUES = 256

_logger = get_logger(__name__)

Value = bytes | str


class SharedValues:
    """The values in the result store. All methods raise `StoreError` where it or the key service is down."""

    def __init__(
        self, results: ResultStore, sealer: Sealer, keys: KeyRing, *, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        """Keep values in *results*, sealed by *sealer*, under names that *keys* hide."""
        self._results = results
        self._sealer = sealer
        self._keys = keys
        self._lock_seconds = lock_seconds

    def key(self, place: str) -> str:
        """Return the key of the store for *place*, which says nothing of it."""
        return f"cache:{self._keys.sign(place.encode(), 'cache')}"

    async def load(self, key: str) -> Value | None:
        """Return the value under *key*; None when there is none that opens."""
        return (await self._load(key))[0]

    async def _load(self, key: str) -> tuple[Value | None, bytes]:
        """Return the value under *key*, and what is stored there."""
        blob = await self._results.load(key)
        if not blob:
            return None, _DELETED
        try:
            return _read(await self._sealer.open(blob, cache_context(key))), blob
        except EncryptionError:
            # Of an application key that is gone, or no message at all: made again, and overwritten.
            log(_logger, "vendor_cache_unreadable", level=logging.WARNING)
            return None, blob

    async def keep(self, key: str, value: Value, seconds: float) -> None:
        """Keep *value* under *key*."""
        blob = await self._sealer.seal(_write(value), cache_context(key))
        await self._results.save(key, blob, ttl_seconds=seconds)

    async def drop(self, key: str, seen: Value) -> None:
        """Delete the value under *key* if it is *seen*."""
        value, blob = await self._load(key)
        if value == seen:
            await self._delete(key, blob)

    async def value_or_lock(self, key: str) -> tuple[Value | None, bytes]:
        """Return the value under *key* as soon as there is one, else the lock to make it, when it is free."""
        backoff = Backoff(_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        lock = secrets.token_bytes(16)
        while (value := await self.load(key)) is None:
            if not await self._results.add(f"{key}:lock", lock, ttl_seconds=self._lock_seconds):
                await backoff.sleep()
            elif (value := await self.load(key)) is None:
                return None, lock
            else:  # made between the look and the lock
                await self.unlock(key, lock)
                break
        return value, b""

    async def unlock(self, key: str, lock: bytes) -> None:
        """Let others make the value under *key*, if *lock* still is what keeps them from it."""
        await self._delete(f"{key}:lock", lock)

    async def _delete(self, key: str, expected: bytes) -> None:
        """Delete what is under *key* if it is *expected*."""
        await self._results.compare_and_set(key, _DELETED, expected=expected, ttl_seconds=_DELETED_SECONDS)


class VendorCaches:
    """The values of one process, shared with other processes or not."""

    def __init__(self, shared: SharedValues | None = None) -> None:
        """Share values by *shared*; None keeps them in this process."""
        self._shared = shared
        self._own: dict[str, tuple[Value, float]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, loaded: LoadedProofer, remaining_seconds: Callable[[], float]) -> "VendorCache":
        """Return the cache of a proofer's plugin for a call that has *remaining_seconds*."""
        return VendorCache(self, loaded, remaining_seconds)

    def key(self, place: str) -> str:
        """Return under which key the value of *place* is kept."""
        return place if self._shared is None else self._shared.key(place)

    async def get_or_make(self, key: str, make: Callable[[], Awaitable[Any]], vendor: str) -> Value:
        """Return the value under *key*; see `proofing.contracts.cache.Cache`."""
        shared, value = self._shared, None
        if shared is not None:
            try:
                value = await shared.load(key)
            except StoreError as error:
                _log_unshared(error, vendor)
                shared = None
        if shared is None:
            value = self._own_value(key)
        if value is not None:
            return value
        # Of this process only one waits for the others; the dictionary forgets a lock that nobody holds.
        own_lock = self._locks.setdefault(key, asyncio.Lock())
        async with own_lock:
            lock = b""
            if shared is not None:
                try:
                    value, lock = await shared.value_or_lock(key)
                except StoreError as error:
                    _log_unshared(error, vendor)
                    shared = None
            if shared is None:
                value = self._own_value(key)
            if value is not None:
                return value
            return await self._make(key, make, vendor, shared, lock)

    async def _make(
        self,
        key: str,
        make: Callable[[], Awaitable[Any]],
        vendor: str,
        shared: SharedValues | None,
        lock: bytes,
    ) -> Value:
        """Make the value under *key* and keep it in *shared*, or as this process's own."""
        trouble: StoreError | None = None
        try:
            value, seconds = _require(await make(), vendor)
            if seconds <= 0:
                return value
            if shared is not None:
                try:
                    await shared.keep(key, value, seconds)
                except StoreError as error:
                    trouble = error
                else:
                    return value
            self._keep_own(key, value, seconds)
            return value
        finally:
            if shared is not None:
                try:
                    await shared.unlock(key, lock)
                except StoreError as error:  # the lock expires
                    trouble = trouble or error
            if trouble is not None:
                _log_unshared(trouble, vendor)

    async def drop(self, key: str, seen: Value, vendor: str) -> None:
        """Delete the value under *key* if it is *seen*."""
        if self._own_value(key) == seen:
            del self._own[key]
        if self._shared is not None:
            try:
                await self._shared.drop(key, seen)
            except StoreError as error:
                _log_unshared(error, vendor)

    def _own_value(self, key: str) -> Value | None:
        """Return this process's own value under *key*."""
        value, until = self._own.get(key, (None, 0.0))
        return value if time.monotonic() < until else None

    def _keep_own(self, key: str, value: Value, seconds: float) -> None:
        """Keep *value* in this process, in place of those that are over, and of the oldest."""
        now = time.monotonic()
        self._own = {name: kept for name, kept in self._own.items() if now < kept[1]}
        while len(self._own) >= _OWN_VALUES:
            del self._own[next(iter(self._own))]
        self._own[key] = (value, now + seconds)


class VendorCache:
    """The cache of one plugin for one call; `proofing.contracts.cache.Cache`."""

    def __init__(
        self, caches: VendorCaches, loaded: LoadedProofer, remaining_seconds: Callable[[], float]
    ) -> None:
        """Bind *caches* to a proofer's plugin and to the time of a call."""
        self._caches = caches
        self._loaded = loaded
        self._vendor = loaded.descriptor.name
        self._remaining_seconds = remaining_seconds

    async def get_or_make(self, name: str, make: Callable[[], Awaitable[tuple[ValueT, float]]]) -> ValueT:
        """Return the value of *name*, made by *make* where there is none."""
        key = self._key(name)
        try:
            async with asyncio.timeout(self._remaining_seconds()):
                value: Any = await self._caches.get_or_make(key, make, self._vendor)
        except TimeoutError:
            raise timed_out(self._vendor) from None
        found: ValueT = value
        return found

    async def drop(self, name: str, seen: Value) -> None:
        """Delete the value of *name* if it is still *seen*."""
        await self._caches.drop(self._key(name), seen, self._vendor)

    def _key(self, name: str) -> str:
        """Return the key of *name*."""
        text: object = name  # Python holds nobody to it
        if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME_LENGTH:
            raise PluginError(f"{self._vendor}: the name of a cached value must have 1 to 100 characters")
        return self._caches.key(json.dumps([self._loaded.plugin, self._loaded.settings_digest, name]))


def _require(made: Any, vendor: str) -> tuple[Value, float]:
    """Return value and seconds of what an adapter made. Raises `PluginError`."""
    rule = f"{vendor}: what is to be cached must be a tuple of a value and seconds"
    if not isinstance(made, tuple) or len(made) != 2:  # noqa: PLR2004 - value and seconds
        raise PluginError(rule)
    value, seconds = made
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not isinstance(value, bytes | str) or not is_number or seconds != seconds:  # noqa: PLR0124 - NaN
        raise PluginError(f"{rule}: bytes or text, and a number")
    if len(_write(value)) > MAX_VALUE_BYTES + 1:
        raise PluginError(f"{vendor}: a cached value must have at most {MAX_VALUE_BYTES} bytes")
    return value, min(float(seconds), MAX_KEPT_SECONDS)


def _write(value: Value) -> bytes:
    """Return *value* with a byte before it that says its type."""
    return b"t" + value.encode() if isinstance(value, str) else b"b" + value


def _read(data: bytes) -> Value:
    """Read what `_write` returned."""
    return data[1:].decode() if data[:1] == b"t" else data[1:]


def _log_unshared(error: StoreError, vendor: str) -> None:
    """Log that this process is on its own for this call."""
    log(_logger, "vendor_cache_unshared", level=logging.WARNING, vendor=vendor, error=type(error).__name__)
