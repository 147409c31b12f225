"""The one place where tests and test tools start processes: whatever is started here ends with its parent.

Also what each of them needs besides: a free port, and an end that is certain.
"""

import asyncio
import contextlib
import errno
import http
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofing.testing import keeper

_STOP_SECONDS = 5.0
_SYSTEM_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_PORT, _LAST_PORT = 10240, 65536
_MANY_PORTS = 1000
#: What makes a port this process's own, for as long as it lives.
_claims: list[int] = []


class _Keeper:
    """The process that ends those of this process, started with the first of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start it, unless it runs."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own script
                    [sys.executable, "-I", "-S", keeper.__file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,
                    bufsize=0,
                )

    def keep(self, pid: int) -> None:
        """Have the process *pid*, leader of a group, ended with this one."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(b"%d\n" % pid)

    def forget(self) -> None:
        """Let go, in a forked child: else it would hold the pipe open after its parent is gone."""
        process, self._process, self._lock = self._process, None, threading.Lock()
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.returncode = 0  # not ours to wait for


_keeper = _Keeper()
os.register_at_fork(after_in_child=_keeper.forget)


def start_process(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """Start *command* as the leader of a session of its own, and have it ended with this process.

    A Ctrl-C in the terminal is not for it, but for the program that started it.

    Args:
        command: program and arguments; no shell.
        options: as of `subprocess.Popen`.
    """
    _keeper.start()
    process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603 - of tests, no shell
    _keeper.keep(process.pid)
    return process


async def start_process_async(*command: str, **options: Any) -> asyncio.subprocess.Process:
    """Do as `start_process`, for the event loop; options as of `asyncio.create_subprocess_exec`."""
    _keeper.start()
    process = await asyncio.create_subprocess_exec(*command, start_new_session=True, **options)
    _keeper.keep(process.pid)
    return process


def free_port() -> int:
    """Return a TCP port that is free on every address, and that stays this process's own until it ends.

    Nobody else takes it meanwhile: not the system, which gives other ports to connections and servers that
    ask for none, and not the tests of another process that ask here.
    """
    for port in random.sample(_own_ports(), _MANY_PORTS):
        # A name without a file, which is free again when this process has ended: unix(7).
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0proofing-port-{port}")
            with socket.socket() as probe:
                probe.bind(("", port))
        except OSError:
            claim.close()
        else:
            _claims.append(claim.detach())
            return port
    raise OSError(errno.EADDRINUSE, "no port is free for a test")


def _own_ports() -> range:
    """Return the ports below those that the system gives away: ip_local_port_range of ip(7)."""
    try:
        first = int(_SYSTEM_PORTS.read_text().split()[0])
    except OSError:
        first = _LAST_PORT
    return range(_FIRST_PORT, first if first >= _FIRST_PORT + _MANY_PORTS else _LAST_PORT)


def is_healthy(url: str) -> bool:
    """Return whether our server at *url* answers."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - our own server
            return bool(answer.status == http.HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def end_process(
    process: "subprocess.Popen[bytes]", signal_number: int, *, patience_seconds: float = _STOP_SECONDS
) -> None:
    """Send the signal, also to a paused process, and wait; SIGKILL when it does not help."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal_number)
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
