"""The result store on Redis: status records, sealed results, session blobs and limit counters.

Keys (``proofing`` is the setting ``key_prefix``)::

    proofing:{RESULT_ID}:status   "0" or "1" (terminal), then the status record as JSON
    proofing:{RESULT_ID}:result   the sealed result
    proofing:kept:KEY             what `save` and `add` keep
    proofing:count:COUNTER        a limit counter
    proofing:ended                channel on which ended result ids are published

Every key expires by the server's clock. The braces put both keys of a job into one slot of a cluster. What
must be one step is one Lua script; the scripts lie in ``lua/``.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Sequence
from functools import partial
from importlib import resources

from proofing.errors import ConfigurationError, Problem, StoreUnavailableError
from proofing.logs import get_logger, log
from proofing.records import StatusRecord
from proofing.stores import Usage
from proofing_redis.connection import Client, RedisConnection
from proofing_redis.doctor import find_risks
from proofing_redis.settings import RedisSettings
from proofing_redis.wakeups import WakeUps

_DONE = b"1"
_IN_PROGRESS = b"0"
#: How many records one poll asks for in one round trip.
_POLL_BATCH = 200

_FINISH, _COUNT, _USAGE, _GIVE_BACK = (
    resources.files("proofing_redis").joinpath("lua", f"{name}.lua").read_text("utf-8")
    for name in ("finish", "count", "usage", "give_back")
)

_logger = get_logger("stores.redis")


class RedisResultStore:
    """Keeps the contract `proofing.stores.ResultStore`.

    Args:
        settings: the plugin's.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._prefix = settings.key_prefix
        self._connection = RedisConnection(settings)
        self._wakeups = WakeUps(
            self._connection,
            f"{self._prefix}:ended",
            self._find_done,
            poll_seconds=settings.poll_seconds,
        )

    async def open(self) -> None:
        """Connect, and look whether the server keeps what it should forget.

        Raises:
            StoreUnavailableError: it does not answer.
            ConfigurationError: it keeps too much, and ``refuse_risks`` is on.
        """
        await self._connection.open()
        try:
            risks = await self.check()
        except StoreUnavailableError:
            await self.close()
            raise
        if risks and self._settings.refuse_risks:
            await self.close()
            raise ConfigurationError([Problem("redis server", "redis", risk) for risk in risks])
        for risk in risks:
            log(_logger, "result_store_risk", level=logging.WARNING, store="redis", rule=risk)

    async def close(self) -> None:
        """Close all connections. Harmless when not open."""
        await self._wakeups.close()
        await self._connection.close()

    async def check(self) -> Sequence[str]:
        """Return what is wrong with the set-up of the server, each with how to mend it."""
        return await find_risks(self._connection, self._settings.address)

    async def begin(self, record: StatusRecord, *, life_seconds: float) -> bool:
        """Keep a record that is in progress, unless one stands."""
        key = self._status_key(record.result_id)
        return await self._set(key, _encode(record), life_seconds, only_if_absent=True)

    async def finish(
        self,
        record: StatusRecord,
        *,
        life_seconds: float,
        sealed_result: bytes | None = None,
        result_life_seconds: float = 60.0,
    ) -> StatusRecord:
        """Keep a terminal record and its result, wake who waits, and return the record that stands."""
        for overwrite in (0, 1):
            standing = await self._connection.evaluate(
                _FINISH,
                [self._status_key(record.result_id), self._result_key(record.result_id)],
                _encode(record),
                _milliseconds(life_seconds),
                sealed_result or b"",
                _milliseconds(result_life_seconds),
                f"{self._prefix}:ended",
                record.result_id,
                overwrite,
            )
            kept = _decode(standing)
            if kept is not None:
                return kept
            # Something stands that no version of ours wrote. It must not swallow the verdict.
            log(_logger, "unreadable_status_record", level=logging.WARNING, store="redis")
        return record

    async def status(self, result_id: str) -> StatusRecord | None:
        """Return the record; one that cannot be read counts as none."""
        value = await self._connection.call(lambda client: client.get(self._status_key(result_id)))
        return _decode(value) if value is not None else None

    async def wait(self, result_id: str, *, timeout_seconds: float) -> StatusRecord | None:
        """Return the record as soon as it is terminal, or as it stands at the end of the time.

        Raises:
            StoreUnavailableError: Redis did not answer at the beginning or at the end. An outage between is
                waited out.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + timeout_seconds
        with self._wakeups.waiting(result_id) as event:
            record = await self.status(result_id)
            while (record is None or not record.is_done) and clock() < end:
                try:
                    async with asyncio.timeout_at(end):
                        await event.wait()
                except TimeoutError:
                    return await self.status(result_id)
                event.clear()
                try:
                    record = await self.status(result_id)
                except StoreUnavailableError:
                    if not self._connection.is_open:
                        raise
                    # The poll wakes us again when Redis is back.
        return record

    async def take_result(self, result_id: str) -> bytes | None:
        """Return the sealed result and delete it in one step."""
        key = self._result_key(result_id)
        value: bytes | None = await self._connection.call(lambda client: client.getdel(key))
        return value

    async def save(self, key: str, value: bytes, *, life_seconds: float) -> None:
        """Keep *value*, replacing what stood there and its expiry."""
        await self._set(self._kept_key(key), value, life_seconds)

    async def load(self, key: str) -> bytes | None:
        """Return the value under *key*, or None."""
        value: bytes | None = await self._connection.call(lambda client: client.get(self._kept_key(key)))
        return value

    async def delete(self, key: str) -> None:
        """Delete what `save` kept."""
        await self._connection.call(lambda client: client.delete(self._kept_key(key)))

    async def add(self, key: str, value: bytes, *, life_seconds: float) -> bool:
        """Keep *value* only when nothing stands under *key*."""
        return await self._set(self._kept_key(key), value, life_seconds, only_if_absent=True)

    async def replace(self, key: str, value: bytes, *, life_seconds: float) -> bool:
        """Keep *value* only in place of one that stands under *key*."""
        return await self._set(self._kept_key(key), value, life_seconds, only_if_present=True)

    async def erase(self, result_id: str) -> bool:
        """Delete status and result of one job; return whether something was there."""
        keys = (self._status_key(result_id), self._result_key(result_id))
        return bool(await self._connection.call(lambda client: client.delete(*keys)))

    async def count(self, counter: str, *, maximum: int, window_seconds: float) -> Usage:
        """Add one and restart the window, or change nothing when *maximum* is reached."""
        count, left, counted = await self._connection.evaluate(
            _COUNT, [self._counter_key(counter)], maximum, _milliseconds(window_seconds)
        )
        return Usage(count=count, seconds_left=_seconds(left), counted=bool(counted))

    async def usage(self, counter: str) -> Usage:
        """Return how far *counter* has come."""
        count, left = await self._connection.evaluate(_USAGE, [self._counter_key(counter)])
        return Usage(count=count, seconds_left=_seconds(left))

    async def give_back(self, counter: str) -> Usage:
        """Take one counted attempt back, leaving the window as it is."""
        count, left = await self._connection.evaluate(_GIVE_BACK, [self._counter_key(counter)])
        return Usage(count=count, seconds_left=_seconds(left))

    async def reset(self, counter: str) -> bool:
        """Delete a counter; return whether it stood."""
        key = self._counter_key(counter)
        return bool(await self._connection.call(lambda client: client.delete(key)))

    def _status_key(self, result_id: str) -> str:
        return f"{self._prefix}:{{{result_id}}}:status"

    def _result_key(self, result_id: str) -> str:
        return f"{self._prefix}:{{{result_id}}}:result"

    def _kept_key(self, key: str) -> str:
        return f"{self._prefix}:kept:{key}"

    def _counter_key(self, counter: str) -> str:
        return f"{self._prefix}:count:{counter}"

    async def _set(
        self,
        key: str,
        value: bytes,
        life_seconds: float,
        *,
        only_if_absent: bool = False,
        only_if_present: bool = False,
    ) -> bool:
        """Set *key* with its expiry in one command; return whether it was set."""
        life = _milliseconds(life_seconds)
        return bool(
            await self._connection.call(
                lambda client: client.set(key, value, px=life, nx=only_if_absent, xx=only_if_present)
            )
        )

    async def _find_done(self, result_ids: Collection[str]) -> list[str]:
        """Return those of *result_ids* whose record is terminal; only its first byte travels."""
        ids = list(result_ids)
        done: list[str] = []
        for start in range(0, len(ids), _POLL_BATCH):
            batch = ids[start : start + _POLL_BATCH]
            marks = await self._connection.call(partial(self._read_marks, batch))
            done += [result_id for result_id, mark in zip(batch, marks, strict=True) if mark == _DONE]
        return done

    async def _read_marks(self, result_ids: list[str], client: Client) -> list[bytes]:
        """Read the first byte of each record in one round trip."""
        async with client.pipeline(transaction=False) as pipeline:
            for result_id in result_ids:
                pipeline.getrange(self._status_key(result_id), 0, 0)
            marks: list[bytes] = await pipeline.execute()
        return marks


def _encode(record: StatusRecord) -> bytes:
    """Return the value of a status key."""
    return (_DONE if record.is_done else _IN_PROGRESS) + record.to_json().encode()


def _decode(value: bytes) -> StatusRecord | None:
    """Read a status key; None when no version of ours wrote it, or mark and record differ."""
    try:
        record = StatusRecord.from_json(value[1:])
    except ValueError:
        return None
    return record if value[:1] == (_DONE if record.is_done else _IN_PROGRESS) else None


def _milliseconds(seconds: float) -> int:
    """Round up, so that a life is never shorter than asked, nor zero (which Redis refuses)."""
    return max(1, math.ceil(seconds * 1000))


def _seconds(milliseconds: int) -> float:
    """Turn a PTTL into seconds left; it is negative when there is no key."""
    return max(0, milliseconds) / 1000
