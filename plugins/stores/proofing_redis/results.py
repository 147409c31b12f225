"""The result store on Redis: status records, sealed results, session blobs and limit counters.

Keys (``proofing`` is the setting ``key_prefix``)::

    proofing:{RESULT_ID}:status   "0" or "1" (terminal), then the status record as JSON
    proofing:{RESULT_ID}:result   the sealed result
    proofing:kept:KEY             what `save` and `add` keep
    proofing:members:KEY          a set of `add_member`
    proofing:count:COUNTER        a limit counter
    proofing:ended                channel of jobs that ended or need their person: result ids and records

Those of the gates before vendors: `proofing_redis.gates`. Keys expire by the server's clock. The braces
put both keys of a job into one slot.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Collection, Sequence
from functools import partial
from importlib import resources

from proofing.plugin import (
    Admission,
    ConfigurationError,
    Count,
    Mark,
    Problem,
    StatusRecord,
    StoreUnavailableError,
    Usage,
    get_logger,
    log,
)
from proofing.plugin.support import seam
from proofing_redis.batches import Client
from proofing_redis.config_audit import audit_config
from proofing_redis.connection import NAME, RedisConnection
from proofing_redis.gates import RedisVendorGates
from proofing_redis.settings import RedisSettings
from proofing_redis.wakeups import WakeUps

_DONE = b"1"
_IN_PROGRESS = b"0"
_NEEDS_PERSON = b"2"
#: First numbers of the answer of ``admit.lua``.
_TAKEN, _FULL = 0, 2
#: How many records one poll asks for in one round trip.
_POLL_BATCH = 200

_FINISH, _UPDATE, _COUNT, _USAGE, _GIVE_BACK, _COMPARE_AND_SET, _ADMIT, _ADD_MEMBER, _DROP_MEMBERS = (
    resources.files("proofing_redis").joinpath("lua", f"{name}.lua").read_text("utf-8")
    for name in (
        "finish",
        "update",
        "count",
        "usage",
        "refund",
        "compare_and_set",
        "admit",
        "add_member",
        "drop_members",
    )
)

#: How long the key that `RedisResultStore.ping` writes lives.
_PING_SECONDS = 10.0

_logger = get_logger(__name__)


@seam(StoreUnavailableError, NAME)
class RedisResultStore(RedisVendorGates):
    """Keeps the contract `proofing.plugin.ResultStore`.

    Args:
        settings: the plugin's.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._prefix = settings.key_prefix
        self._channel = f"{self._prefix}:ended"
        self._connection = RedisConnection(settings)
        super().__init__(self._connection, self._prefix)
        self._wakeups = WakeUps(
            self._connection,
            self._channel,
            self._find_news,
            poll_seconds=settings.poll_seconds,
        )

    async def open(self) -> None:
        """Connect, and check whether the server persists what it must not.

        Raises:
            StoreUnavailableError: it does not answer.
            ConfigurationError: it keeps too much, and ``strict_config`` is on.
        """
        await self._connection.open()
        self._wakeups.open()
        try:
            risks = await self.check()
        except StoreUnavailableError:
            await self.close()
            raise
        if risks and self._settings.strict_config:
            await self.close()
            raise ConfigurationError([Problem("redis server", "redis", risk) for risk in risks])
        for risk in risks:
            log(_logger, "result_store_risk", level=logging.WARNING, store="redis", rule=risk)

    async def close(self) -> None:
        """Close all connections. Harmless when not open."""
        await self._wakeups.close()
        await self._connection.close()

    async def check(self) -> Sequence[str]:
        """Return what is wrong with the set-up of the server, each with how to fix it."""
        return await audit_config(self._connection, self._settings.address)

    def now(self) -> float:
        """Return the server's time, as its last answers showed it."""
        return self._connection.clock.now()

    async def time(self) -> float:
        """Return the server's time, requested now."""
        return await self._connection.read_clock()

    async def ping(self) -> None:
        """Write: a replica that was promoted back, or a full server, still answers questions."""
        await self._set(f"{self._prefix}:ping", b"", _PING_SECONDS)

    async def begin(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep a record that is in progress, unless one exists."""
        key = self._status_key(record.result_id)
        return await self._set(key, _encode(record), ttl_seconds, only_if_absent=True)

    async def finish(
        self,
        record: StatusRecord,
        *,
        ttl_seconds: float,
        sealed_result: bytes | None = None,
        result_ttl_seconds: float = 60.0,
    ) -> StatusRecord:
        """Keep a terminal record and its result, wake all waiters, and return the effective record."""
        for overwrite in (0, 1):
            standing = await self._connection.evaluate(
                _FINISH,
                [self._status_key(record.result_id), self._result_key(record.result_id)],
                _encode(record),
                _milliseconds(ttl_seconds),
                sealed_result or b"",
                _milliseconds(result_ttl_seconds),
                self._channel,
                record.result_id,
                overwrite,
            )
            kept = _decode(standing)
            if kept is not None:
                return kept
            # There is something that no version of Proofing wrote. It must not swallow the final status.
            log(_logger, "unreadable_status_record", level=logging.WARNING, store="redis")
        return record

    async def update(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep a record in progress, unless a terminal one exists."""
        keys = [self._status_key(record.result_id)]
        kept = await self._connection.evaluate(
            _UPDATE, keys, _encode(record), _milliseconds(ttl_seconds), self._channel, record.result_id
        )
        return bool(kept)

    async def status(self, result_id: str) -> StatusRecord | None:
        """Return the record; one that cannot be read counts as none."""
        value = await self._connection.command("GET", self._status_key(result_id))
        return _decode(value) if value is not None else None

    async def wait(
        self, result_id: str, *, timeout_seconds: float, ends_only: bool = False
    ) -> StatusRecord | None:
        """Return the record as soon as there is something to say, or in its current state later.

        Raises:
            StoreUnavailableError: Redis did not answer at the beginning or at the end. An outage between is
                waited out.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + timeout_seconds
        with self._wakeups.waiting(result_id) as event:
            record = await self.status(result_id)
            while (record is None or not record.ends_wait(ends_only=ends_only)) and clock() < end:
                try:
                    async with asyncio.timeout_at(end):
                        await event.wait()
                except TimeoutError:
                    return await self.status(result_id)
                event.clear()
                if (
                    event.value is not None
                    and (sent := _decode(event.value))
                    and sent.result_id == result_id
                    and sent.ends_wait(ends_only=ends_only)
                ):
                    return sent
                try:
                    record = await self.status(result_id)
                except StoreUnavailableError:
                    if not self._connection.is_open:
                        raise
                    # The poll wakes us again when Redis is back.
        return record

    async def result(self, result_id: str) -> bytes | None:
        """Return the sealed result, leaving it."""
        value: bytes | None = await self._connection.command("GET", self._result_key(result_id))
        return value

    async def drop_result(self, result_id: str) -> bool:
        """Delete the sealed result; return whether there was one."""
        return bool(await self._connection.command("DEL", self._result_key(result_id)))

    async def save(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep *value*, replacing any previous value and its expiry."""
        await self._set(self._kept_key(key), value, ttl_seconds)

    async def load(self, key: str) -> bytes | None:
        """Return the value under *key*, or None."""
        value: bytes | None = await self._connection.command("GET", self._kept_key(key))
        return value

    async def delete(self, key: str) -> None:
        """Delete what `save` kept."""
        await self._connection.command("DEL", self._kept_key(key))

    async def add(self, key: str, value: bytes, *, ttl_seconds: float) -> bool:
        """Store *value* only when *key* does not exist."""
        return await self._set(self._kept_key(key), value, ttl_seconds, only_if_absent=True)

    async def compare_and_set(
        self,
        key: str,
        value: bytes,
        *,
        expected: bytes,
        ttl_seconds: float,
        consumes: str | None = None,
    ) -> bytes | None:
        """Keep *value* only in place of one that begins with *expected*; return the value stored then."""
        keys = [self._kept_key(key)]
        if consumes is not None and not self._connection.is_cluster:
            keys.append(self._result_key(consumes))
        found: bytes | None = await self._connection.evaluate(
            _COMPARE_AND_SET, keys, expected, value, _milliseconds(ttl_seconds)
        )
        if consumes is not None and self._connection.is_cluster and found == value:
            await self._connection.command("DEL", self._result_key(consumes))
        return found

    async def admit(self, *, marks: Sequence[Mark] = (), counts: Sequence[Count] = ()) -> Admission:
        """Keep all marks and count all attempts, or change nothing."""
        if self._connection.is_cluster:
            return await self._admit_one_by_one(marks, counts)
        arguments: list[str | bytes | float] = [len(marks)]
        for mark in marks:
            arguments += [mark.value, _milliseconds(mark.ttl_seconds)]
        for count in counts:
            arguments += [count.maximum, _milliseconds(count.window_seconds)]
        keys = [
            *(self._kept_key(mark.key) for mark in marks),
            *(self._counter_key(count.counter) for count in counts),
        ]
        what, *facts = await self._connection.evaluate(_ADMIT, keys, *arguments)
        if what == _TAKEN:
            return Admission(taken=frozenset(marks[number - 1].key for number in facts))
        if what == _FULL:
            number, reached, left = facts
            full = counts[number - 1 - len(marks)]
            return Admission(full=(full.counter, Usage(count=reached, seconds_left=_seconds(left))))
        return Admission()

    async def add_member(self, key: str, member: bytes, *, ttl_seconds: float) -> None:
        """Add *member* to the set under *key*."""
        life = _milliseconds(ttl_seconds)
        await self._connection.evaluate(_ADD_MEMBER, [self._members_key(key)], member, life)

    async def members(self, key: str) -> frozenset[bytes]:
        """Return the set under *key*."""
        return frozenset(await self._connection.command("SMEMBERS", self._members_key(key)))

    async def drop_members(self, key: str) -> int:
        """Delete the set under *key* and return how many members it had."""
        count: int = await self._connection.evaluate(_DROP_MEMBERS, [self._members_key(key)])
        return count

    async def erase(self, result_id: str) -> bool:
        """Delete status and result of one job; return whether something was there."""
        return bool(
            await self._connection.command("DEL", self._status_key(result_id), self._result_key(result_id))
        )

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

    async def refund(self, counter: str) -> Usage:
        """Take one counted attempt back, leaving the window as it is."""
        count, left = await self._connection.evaluate(_GIVE_BACK, [self._counter_key(counter)])
        return Usage(count=count, seconds_left=_seconds(left))

    async def reset(self, counter: str) -> bool:
        """Delete a counter; return whether it existed."""
        return bool(await self._connection.command("DEL", self._counter_key(counter)))

    def _status_key(self, result_id: str) -> str:
        return f"{self._prefix}:{{{result_id}}}:status"

    def _result_key(self, result_id: str) -> str:
        return f"{self._prefix}:{{{result_id}}}:result"

    def _kept_key(self, key: str) -> str:
        return f"{self._prefix}:kept:{key}"

    def _members_key(self, key: str) -> str:
        return f"{self._prefix}:members:{key}"

    def _counter_key(self, counter: str) -> str:
        return f"{self._prefix}:count:{counter}"

    async def _set(self, key: str, value: bytes, ttl_seconds: float, *, only_if_absent: bool = False) -> bool:
        """Set *key* with its expiry in one command; return whether it was set."""
        options = ("NX",) if only_if_absent else ()
        return bool(
            await self._connection.command("SET", key, value, "PX", _milliseconds(ttl_seconds), *options)
        )

    async def _admit_one_by_one(self, marks: Sequence[Mark], counts: Sequence[Count]) -> Admission:
        """Do what `admit` does over several servers, and take back what was done when a step fails.

        What cannot be taken back either leaves the first mark, by which the caller finds it.
        """
        tried: list[Mark] = []
        counted: list[Count] = []
        refused = Admission()
        try:
            for mark in marks:
                tried.append(mark)
                if not await self.add(mark.key, mark.value, ttl_seconds=mark.ttl_seconds):
                    tried.pop()
                    refused = Admission(taken=refused.taken | {mark.key})
            for count in counts if refused.granted else ():
                usage = await self.count(
                    count.counter, maximum=count.maximum, window_seconds=count.window_seconds
                )
                if not usage.counted:
                    refused = Admission(full=(count.counter, usage))
                    break
                counted.append(count)
        except BaseException:
            with contextlib.suppress(StoreUnavailableError):
                await self._take_back(tried, counted)
            raise
        if not refused.granted:
            await self._take_back(tried, counted)
        return refused

    async def _take_back(self, marks: Sequence[Mark], counts: Sequence[Count]) -> None:
        """Undo one admission, its first mark last."""
        for count in counts:
            await self.refund(count.counter)
        for mark in reversed(marks):
            # The answer to the last one may have been lost, and the mark be another's.
            if await self.load(mark.key) == mark.value:
                await self.delete(mark.key)

    async def _find_news(self, result_ids: Collection[str]) -> list[str]:
        """Return those of *result_ids* whose record may end a wait; only its first byte travels."""
        ids = list(result_ids)
        news: list[str] = []
        for start in range(0, len(ids), _POLL_BATCH):
            batch = ids[start : start + _POLL_BATCH]
            marks = await self._connection.call(partial(self._read_marks, batch))
            news += [one for one, mark in zip(batch, marks, strict=True) if mark in (_DONE, _NEEDS_PERSON)]
        return news

    async def _read_marks(self, result_ids: list[str], client: Client) -> list[bytes]:
        """Read the first byte of each record in one round trip."""
        async with client.pipeline(transaction=False) as pipeline:
            for result_id in result_ids:
                pipeline.getrange(self._status_key(result_id), 0, 0)
            marks: list[bytes] = await pipeline.execute()
        return marks


def _encode(record: StatusRecord) -> bytes:
    """Return the value of a status key."""
    return _mark(record) + record.to_json().encode()


def _decode(value: bytes) -> StatusRecord | None:
    """Read a status key; None when no version of Proofing wrote it, or mark and record differ."""
    try:
        record = StatusRecord.from_json(value[1:])
    except ValueError:
        return None
    return record if value[:1] == _mark(record) else None


def _mark(record: StatusRecord) -> bytes:
    """Return the first byte of a status key, which scripts and polls read in place of the record."""
    if record.is_done:
        return _DONE
    return _NEEDS_PERSON if record.needs_person else _IN_PROGRESS


def _milliseconds(seconds: float) -> int:
    """Round up, so that a life is never shorter than asked, nor zero (which Redis refuses)."""
    return max(1, math.ceil(seconds * 1000))


def _seconds(milliseconds: int) -> float:
    """Turn a PTTL into seconds left; it is negative when there is no key."""
    return max(0, milliseconds) / 1000
