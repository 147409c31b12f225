"""What is watched while a proofer works: its log lines and prints, the network, files, and what blocks.

An audit hook sees connections, look-ups, files and processes whatever library asks for them. It cannot be
removed, so it is installed once, and does nothing while no `Watch` is active.
"""

import asyncio
import contextlib
import io
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from proofing.base.log_output import FOREIGN
from proofing.base.logs import JSONFormatter

#: These write whole URLs or bodies; in a real process they are off.
_SWITCHED_OFF = frozenset(FOREIGN)
_NETWORK = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.sendto",
        "socket.sendmsg",
    }
)
_PROCESSES = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "sqlite3.connect"}
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
#: What the plugin has these do, they do.
_CORE = ("proofing.outbound.", "proofing.jobs.", "proofing.base.cpu")


class RefusedError(OSError):
    """A connection, file or process that an adapter may not have."""


@dataclass(slots=True)
class Watch:
    """What was seen.

    Attributes:
        lines: log records, as our formatter and as the standard one would write them, and what was printed.
        network: connections and look-ups that were refused.
        files: files and processes that were refused.
        blocking: calls that block, on the thread of the event loop.
        slept: waits by ``asyncio.sleep`` or ``time.sleep`` of the plugin.
    """

    plugin: str
    loop_thread: int = field(default_factory=threading.get_ident)
    lines: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    blocking: list[str] = field(default_factory=list)
    slept: list[str] = field(default_factory=list)

    def is_ours(self, depth: int) -> bool:
        """Return whether the plugin is among the callers, from *depth* frames above this call."""
        frame = sys._getframe(depth + 1)  # noqa: SLF001 - the documented way to the callers
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name == self.plugin or name.startswith(f"{self.plugin}."):
                return True
            if name.startswith(_CORE):
                return False
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def is_direct(self, depth: int) -> bool:
        """Return whether the plugin itself is the caller, *depth* frames above this call."""
        name = sys._getframe(depth + 1).f_globals.get("__name__", "")  # noqa: SLF001 - the way to the callers
        return bool(name == self.plugin or name.startswith(f"{self.plugin}."))


_active: list[Watch] = []
_installed = threading.Event()


@contextmanager
def watching(plugin: str) -> Iterator[Watch]:
    """Watch everything that is done within, and keep its log lines and prints from anybody else."""
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_audit)
    watch = Watch(plugin)
    with contextlib.ExitStack() as stack:
        printed = io.StringIO()
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(printed))
        stack.enter_context(_collecting(watch))
        waiting = _blocking_wait(watch, threading.Condition.wait)
        stack.enter_context(mock.patch.object(threading.Condition, "wait", waiting))
        _active.append(watch)
        try:
            yield watch
        finally:
            _active.remove(watch)
            watch.lines.append(printed.getvalue())


@contextmanager
def _collecting(watch: Watch) -> Iterator[None]:
    """Send the records of all loggers to *watch* alone."""
    handler = _Collector(watch.lines)
    root, ours = logging.getLogger(), logging.getLogger("proofing")
    before = [(logger, logger.level, logger.handlers[:], logger.disabled) for logger in (root, ours)]
    root.handlers[:], ours.handlers[:] = [handler], []
    propagate, ours.propagate = ours.propagate, True
    for logger in (root, ours):
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.propagate = propagate
        for logger, level, handlers, _disabled in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


class _Collector(logging.Handler):
    """Keeps each record as our formatter, and as the standard one, would write it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, unless it comes from a library that `configure_logs` switches off."""
        if record.name.partition(".")[0] in _SWITCHED_OFF:
            return
        self._lines += [
            JSONFormatter("test").format(record),
            logging.Formatter("%(name)s %(message)s").format(record),
            repr(getattr(record, "proofing_fields", {})),
        ]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note and refuse what an adapter may not do. Called for every audit event of the process."""
    if not _active:
        return
    watch = _active[-1]
    if event in _NETWORK:
        # Any caller: an event loop connects in tasks and threads that do not show on whose behalf.
        if not _is_local(arguments):
            watch.network.append(event.replace("socket.", ""))
            raise RefusedError("no network except through context")
    elif event == "open":
        path, _mode, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and watch.is_ours(1) and _is_file(path):
            watch.files.append("a file")
            raise RefusedError("no files")
    elif event == "time.sleep" and watch.is_ours(1):
        watch.slept.append(event)
        if watch.loop_thread == threading.get_ident():
            watch.blocking.append(event)
    elif event in _PROCESSES and watch.is_ours(1):
        watch.files.append(event)
        if watch.loop_thread == threading.get_ident():
            watch.blocking.append(event)
        raise RefusedError("no processes")


def _is_local(arguments: tuple[Any, ...]) -> bool:
    """Return whether a connection is between processes of this machine, such as to a CPU child."""
    family = getattr(arguments[0], "family", None) if arguments else None
    return family is not None and family not in {socket.AF_INET, socket.AF_INET6}


def _is_file(path: object) -> bool:
    """Return whether *path* is a file, and none of the interpreter's own."""
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    return "__pycache__" not in text and not text.startswith("/dev/")


def note_sleeps(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    """Note the plugin's ``asyncio.sleep`` on *loop* from now on, and do not wait for it."""
    call_later = loop.call_later

    def noted(delay: float, callback: Any, *arguments: Any, **named: Any) -> asyncio.TimerHandle:
        # So `asyncio.sleep` waits, by whatever name it was imported.
        is_sleep = getattr(callback, "__name__", "") == "_set_result_unless_cancelled"
        if is_sleep and watch.is_ours(1):
            watch.slept.append("asyncio.sleep")
            delay = 0
        return call_later(delay, callback, *arguments, **named)

    setattr(loop, "call_later", noted)  # noqa: B010 - a method of one loop, which has no hook for it


def _blocking_wait(watch: Watch, wait: Any) -> Any:
    def noted(condition: threading.Condition, timeout: float | None = None) -> Any:
        if threading.get_ident() == watch.loop_thread and watch.is_ours(1):
            watch.blocking.append("a wait for another thread")
        return wait(condition, timeout)

    return noted
