"""Jobs in Redis: Huey's storage on a sorted set, whose idle threads each wait for its bell.

The set is sorted by the time at which jobs were kept. A blocking pop of a job would take it out before
anything says that it was started, so threads wait for a list that is pushed to with every job, and take the
job by a script. The connection pool has room for every thread. Nothing is retried by the client: a script
whose answer was lost has started a job that nobody runs, which is found when its lease is over.
"""

import struct
import time
from collections.abc import Callable, Mapping, Sequence

from huey import storage as huey_storage
from huey.storage import PriorityRedisStorage
from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool, Redis
from redis import TimeoutError as RedisTimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from proofing.plugin import ConfigurationError, JobKind, Problem, Wake, notes_room
from proofing.plugin.support import unreadable
from proofing_huey import storages
from proofing_huey.idle_threads import IdleThreads
from proofing_huey.pauses import KEPT_PAUSES, Pause
from proofing_huey.redis_scripts import (
    DROP,
    FINISH,
    MOVE_DUE,
    PARK,
    PUT_ALL,
    PUT_BACK,
    RENEW,
    RESUME,
    TAKE,
    TAKE_LOST,
    WAKE,
)
from proofing_huey.settings import HueySettings
from proofing_huey.storages import (
    ENDED,
    WITHDRAWN,
    Entry,
    JobStorage,
    Rewrite,
    job_name,
    revoke_id,
)

#: How long one wait for the bell lasts; also how long an idle thread needs to notice that it should stop.
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
        self._put_back = self.conn.register_script(PUT_BACK)
        self._take = self.conn.register_script(TAKE)
        self._renew = self.conn.register_script(RENEW)
        self._take_lost = self.conn.register_script(TAKE_LOST)
        self._park = self.conn.register_script(PARK)
        self._wake = self.conn.register_script(WAKE)
        self._finish = self.conn.register_script(FINISH)
        self._drop = self.conn.register_script(DROP)
        self._move_due = self.conn.register_script(MOVE_DUE)
        self._resume = self.conn.register_script(RESUME)
        self._pause_key = f"{_PREFIX}pause:{name}"
        self._pauses_key = f"{_PREFIX}pauses:{name}"
        self._started_key = f"{_PREFIX}started:{name}"

    def dequeue(self) -> bytes | None:
        """Return the next job, waiting for one up to a second; None while the queue is paused."""
        places = self._places(self.name)
        keys = [*places[:2], self._pause_key, self._started_key]
        blob: bytes | None = self._take(keys=keys, args=[storages.LEASE_SECONDS])
        if blob is None:
            # A wait that ends with the connection, unlike a sleep. The next call takes what has come.
            self.conn.blpop([places[1]], timeout=_POP_SECONDS)
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
        arguments: list[str | float | bytes] = []
        now = int(time.time() * 1e6)
        for number, entry in enumerate(entries):
            keys += [*self._places(entry.queue_name), *_taken_keys(entry)]
            member = _member(entry.blob, now + number)
            arguments += [member, entry.blob, entry.result_id, *_lives(entry), _time(entry.ready_at)]
        return int(self._put_all(keys=keys, args=arguments))

    def park(self, entry: Entry, *, woken: bytes, read: int) -> bool:
        """Keep a job until its time, in one step."""
        keys = [*self._keys(entry), *self._places(self.name)]
        arguments = [
            entry.result_id,
            *_lives(entry),
            revoke_id(entry.result_id),
            entry.blob,
            _time(entry.ready_at),
            _member(woken),
            read,
            self.name,
            entry.started or b"",
        ]
        return bool(self._park(keys=keys, args=arguments))

    def wake(self, result_id: str, note: bytes, rewrite: Rewrite, *, is_event: bool) -> Wake:
        """Keep a note, and make a parked job ready, in one step."""
        job, notes, parked = (f"{_PREFIX}{name}" for name in (job_name(result_id), *_own_names(result_id)))
        values = [f"huey.results.{self.clean_name(kind.queue_name)}" for kind in JobKind]
        while True:
            name, blob = self.conn.hmget(parked, "queue", "blob")
            queue = self.name if name is None else name.decode()
            woken = rewrite(queue, blob) if blob else None
            keys = [job, notes, parked, *self._places(queue), *values]
            arguments = [result_id, note, *notes_room(is_event=is_event), revoke_id(result_id), blob or b""]
            found = self._wake(keys=keys, args=[*arguments, b"" if woken is None else _member(woken)])
            if found != b"again":
                return Wake(found.decode())

    def notes(self, result_id: str) -> tuple[bytes, ...]:
        """Return the notes of a job."""
        name, _parked = _own_names(result_id)
        return tuple(self.conn.lrange(f"{_PREFIX}{name}", 0, -1))

    def put_back(self, blob: bytes, started: bytes, *, ready_at: float | None = None) -> None:
        """Keep a job in place of one that was started, in one step."""
        keys = [*self._places(self.name), self._started_key]
        self._put_back(keys=keys, args=[started, _member(blob), blob, _time(ready_at)])

    def started_items(self) -> Sequence[bytes]:
        """Return the jobs of this queue that were started."""
        found: list[bytes] = self.conn.zrange(self._started_key, 0, -1)
        return found

    def renew(self, started: Sequence[bytes]) -> None:
        """Begin leases again, in one step."""
        self._renew(keys=[self._started_key], args=[storages.LEASE_SECONDS, *started])

    def take_lost(self) -> Sequence[bytes]:
        """Return started jobs whose lease is over, in one step."""
        found: list[bytes] = self._take_lost(keys=[self._started_key], args=[storages.LEASE_SECONDS])
        return found

    def forget_started(self, started: bytes) -> None:
        """Forget that a job was started."""
        self.conn.zrem(self._started_key, started)

    def finish(self, entry: Entry) -> None:
        """Forget a job that has ended, in one step."""
        self._finish(keys=self._keys(entry), args=_end_of(entry))

    def drop(self, pick: Callable[[bytes], Entry | None]) -> int:
        """Delete jobs that wait; one that a worker pops first is left to it.

        The schedule comes first: what a wake moves from there meanwhile is then found in the queue.
        """
        dropped = 0
        for key, prefix in ((self.schedule_key, 0), (self.queue_key, _STAMP_BYTES)):
            for member in self.conn.zrange(key, 0, -1):
                if (entry := pick(member[prefix:])) is not None:
                    dropped += self._drop(keys=[*self._keys(entry), key], args=[*_end_of(entry), member])
        return dropped

    def move_due(self, now: float) -> None:
        """Make ready what is due, in one step."""
        self._move_due(keys=self._places(self.name), args=[now, int(time.time() * 1e6)])

    def _places(self, name: str) -> list[str]:
        """Return the keys of Huey's queue *name*, of its bell, and of Huey's schedule."""
        clean = self.clean_name(name)
        return [f"huey.redis.{clean}", f"{_PREFIX}bell:{name}", f"huey.schedule.{clean}"]

    def _keys(self, entry: Entry) -> list[str]:
        """Return every key that is about a job of this queue."""
        own = [f"{_PREFIX}{name}" for name in _own_names(entry.result_id)]
        return [*_taken_keys(entry), *own, self.result_key, self._started_key]


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


def _own_names(result_id: str) -> tuple[str, str]:
    """Return the names under which a job's notes are kept, and where it is parked."""
    return f"notes:{result_id}", f"parked:{result_id}"


def _taken_keys(entry: Entry) -> tuple[str, str]:
    """Return the key of a job, and its unique key, or the former again when there is none."""
    names = [f"{_PREFIX}{name}" for name in entry.taken_keys]
    return names[0], names[-1]


def _lives(entry: Entry) -> tuple[int, int]:
    """Return for how many milliseconds the job's own key is taken, and for how many others are."""
    return int(entry.job_ttl_seconds * 1000), int(entry.ttl_seconds * 1000)


def _time(ready_at: float | None) -> str | float:
    """Return when a job may run, as scripts take it."""
    return "" if ready_at is None else ready_at


def _end_of(entry: Entry) -> list[str | int | bytes]:
    """Return the arguments with which a job is finished."""
    life = int(entry.ttl_seconds * 1000)
    return [entry.result_id, ENDED, life, revoke_id(entry.result_id), entry.started or b""]


def _member(blob: bytes, stamp: int | None = None) -> bytes:
    """Return a member of a queue as Huey builds it: all have one score, and the time keeps their order."""
    return struct.pack(">Q", int(time.time() * 1e6) if stamp is None else stamp) + blob
