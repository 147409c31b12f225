"""Jobs in Redis: Huey's storage on a sorted set, whose threads each wait in a blocking pop.

The set is sorted by the time at which jobs were kept. The connection pool has room for every thread: a pop
that finds no connection after the server has answered would lose the job. Nothing is retried by the client,
for the same reason.
"""

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from huey import storage as huey_storage
from huey.storage import PriorityRedisStorage
from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool, Redis
from redis import TimeoutError as RedisTimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from proofing.plugin import ConfigurationError, Problem
from proofing.plugin.support import unreadable
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.pauses import KEPT_PAUSES, Pause, open_since
from proofing_huey.redis_scripts import PUT_ALL, RELEASE, RESUME
from proofing_huey.settings import HueySettings
from proofing_huey.storages import WITHDRAWN, Entry, JobStorage, job_name, unique_name

#: How long one blocking pop lasts; also how long an idle thread needs to notice that it should stop.
_POP_SECONDS = 1
#: Connections alongside those of the worker threads: schedulers and calls from the event loop.
_SPARE_CONNECTIONS = 16
_PREFIX = "proofing.huey."
#: Members of a queue begin with the time at which they were kept.
_STAMP_BYTES = 8

# Huey lacks them where it was imported for another storage first.
huey_storage.ConnectionPool, huey_storage.Redis = ConnectionPool, Redis
huey_storage.ConnectionError, huey_storage.TimeoutError = RedisConnectionError, RedisTimeoutError


class RedisJobStorage(JobStorage, PriorityRedisStorage):  # type: ignore[misc]
    """Huey's storage on a sorted set."""

    redis_client = Redis

    def __init__(self, name: str, pool: ConnectionPool) -> None:
        """Use connections of *pool* for the queue *name*."""
        super().__init__(name, connection_pool=pool, read_timeout=_POP_SECONDS)
        self._put_all = self.conn.register_script(PUT_ALL)
        self._release = self.conn.register_script(RELEASE)
        self._resume = self.conn.register_script(RESUME)
        self._pause_key = f"{_PREFIX}pause:{name}"
        self._pauses_key = f"{_PREFIX}pauses:{name}"

    def dequeue(self) -> bytes | None:
        """Return the next job, waiting for one up to a second; None while the queue is paused."""
        if open_since(self.pauses()) is not None:
            # Nothing is ever pushed there: a wait that ends with the connection, unlike a sleep.
            self.conn.blpop([f"{self._pause_key}:wait"], timeout=_POP_SECONDS)
            return None
        popped = self.conn.bzpopmin(self.queue_key, timeout=_POP_SECONDS)
        if popped is None:
            return None
        _key, member, score = popped
        if open_since(self.pauses()) is not None:
            # It came while we waited, in a pause that began meanwhile: back to its place.
            self.conn.zadd(self.queue_key, {member: score})
            return None
        blob: bytes = member[_STAMP_BYTES:]
        return blob

    def pauses(self) -> Sequence[Pause]:
        """Return the pauses of this queue."""
        pipeline = self.conn.pipeline(transaction=False)
        pipeline.get(self._pause_key)
        pipeline.lrange(self._pauses_key, 0, -1)
        since, over = pipeline.execute()
        found = [Pause(*(float(part) for part in item.split(b":"))) for item in over]
        return found if since is None else [*found, Pause(float(since), None)]

    def pause(self, now: float) -> bool:
        """Begin a pause."""
        return bool(self.conn.set(self._pause_key, repr(now), nx=True))

    def resume(self, now: float) -> bool:
        """End the open pause."""
        return bool(self._resume(keys=[self._pause_key, self._pauses_key], args=[repr(now), KEPT_PAUSES]))

    def bar(self, result_id: str, ttl_seconds: float, *, is_dropped: bool = False) -> bool:
        """Take the key of a job that was never kept, or was dropped."""
        key = f"{_PREFIX}{job_name(result_id)}"
        self.conn.set(key, WITHDRAWN, px=int(ttl_seconds * 1000), nx=not is_dropped)
        return bool(self.conn.get(key) == WITHDRAWN.encode())

    def put_all(self, entries: Sequence[Entry]) -> int:
        """Keep jobs of any queue in one step."""
        keys: list[str] = []
        arguments: list[str | int | bytes] = []
        now = int(time.time() * 1e6)
        for number, entry in enumerate(entries):
            job = f"{_PREFIX}{entry.job_key}"
            unique = job if entry.unique_key is None else f"{_PREFIX}{unique_name(entry.unique_key)}"
            keys += [f"huey.redis.{self.clean_name(entry.queue_name)}", job, unique]
            # As Huey builds it: every job has the same score, and the time keeps them in order.
            member = struct.pack(">Q", now + number) + entry.blob
            arguments += [member, entry.result_id, int(entry.ttl_seconds * 1000)]
        return int(self._put_all(keys=keys, args=arguments))

    def park(self, entry: Entry, ready_at: float) -> None:
        """Keep a job until its time, in one transaction."""
        pipeline = self.conn.pipeline(transaction=True)
        pipeline.zadd(self.schedule_key, {entry.blob: ready_at})
        for name in entry.taken_keys:
            pipeline.pexpire(f"{_PREFIX}{name}", int(entry.ttl_seconds * 1000))
        pipeline.execute()

    def drop(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Delete jobs that wait; one that a worker pops first is left to it."""
        dropped = []
        for key, prefix in ((self.queue_key, _STAMP_BYTES), (self.schedule_key, 0)):
            for member in self.conn.zrange(key, 0, -1):
                blob = member[prefix:]
                if is_wanted(blob) and self.conn.zrem(key, member):
                    dropped.append(blob)
        return dropped

    def release(self, unique_key: str, result_id: str) -> None:
        """Free a unique key."""
        self._release(keys=[f"{_PREFIX}{unique_name(unique_key)}"], args=[result_id])

    def convert_ts(self, ts: datetime) -> float:
        """Return seconds since the epoch; Huey would read its naive UTC as local time."""
        return ts.replace(tzinfo=UTC).timestamp()


class RedisBackend:
    """The connections of one process."""

    def __init__(self, settings: HueySettings) -> None:
        """Connect to nothing yet. Raises `ConfigurationError` when no connection can come of the URL."""
        assert settings.url is not None  # noqa: S101 - the schema demands it for this storage
        try:
            self._pool: ConnectionPool = ConnectionPool.from_url(
                settings.url.get_secret_value(),
                max_connections=settings.max_threads + _SPARE_CONNECTIONS,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=settings.timeout_seconds,
                socket_timeout=settings.timeout_seconds + _POP_SECONDS,
            )
        except ValueError:
            # Its text may show the URL, and with it the password.
            rule = "must be a URL such as redis://:password@host:6379/0"
            raise ConfigurationError([Problem("settings", "huey.url", rule)]) from None
        authority = self._pool.connection_kwargs.get("ssl_ca_certs")
        if authority and (trouble := unreadable(authority)):
            rule = f"the file that ssl_ca_certs names cannot be read: {trouble}"
            raise ConfigurationError([Problem("settings", "huey.url", rule)])

    def storage(self, queue_name: str) -> RedisJobStorage:
        """Return the storage of one queue."""
        return RedisJobStorage(queue_name, self._pool)

    def check(self) -> None:
        """Connect."""
        Redis(connection_pool=self._pool).ping()

    def migrate(self) -> Sequence[str]:
        """Return nothing: Redis has no schema."""
        return []

    def watcher(self, idle: Mapping[str, IdleThreads]) -> None:
        """Return None: Redis wakes the threads itself."""

    def close(self) -> None:
        """Disconnect."""
        self._pool.disconnect()
