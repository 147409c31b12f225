"""What is watched while a proofer works: its log lines and prints, the network, files, and what blocks.

An audit hook sees connections, look-ups, files and processes whatever library asks for them. It cannot be
removed, so it is installed once, and does nothing while no `Watch` is active.

Whatever else happens in the process is not the plugin's: what other threads do, what finalizers do while
garbage is collected, which may be anybody's, and what the import system writes. It is neither noted nor
hindered.
"""

import asyncio
import contextlib
import functools
import gc
import io
import logging
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO
from unittest import mock
from weakref import WeakKeyDictionary

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
#: Of the threads that the interpreter starts, whatever the way; the first argument is what the thread does.
_THREADS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})
#: What each log record has, and the formatters write.
_OF_EACH_RECORD = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName"}
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
#: What the plugin has these do, they do.
_CORE = ("proofing.outbound.", "proofing.jobs.", "proofing.base.cpu")


class RefusedError(OSError):
    """A connection, file or process that an adapter may not have."""


@dataclass(slots=True, eq=False)
class Watch:
    """What was seen.

    Attributes:
        keeps_lines: whether anybody reads *lines*, which take long to format.
        loop_thread: the thread that watches, on which loops run.
        lines: log records, as our formatter and as the standard one would write them, and what was printed.
        network: connections and look-ups that were refused.
        files: files and processes that were refused.
        blocking: calls that block, on the thread of the event loop.
        slept: waits by ``asyncio.sleep`` or ``time.sleep`` of the plugin.
    """

    plugin: str
    keeps_lines: bool = True
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
#: Threads that were started under a watch, with its plugin; some of them live on to the next.
_started: "WeakKeyDictionary[threading.Thread, str]" = WeakKeyDictionary()
#: Threads that collect garbage at this moment.
_finalizing: set[int] = set()


@contextmanager
def watching(plugin: str, *, keeps_lines: bool = True) -> Iterator[Watch]:
    """Watch what is done within, by this thread and those that it starts, and keep its output from others."""
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_audit)
        gc.callbacks.append(_note_finalizing)
        _audit_as_later_versions()
    watch = Watch(plugin, keeps_lines=keeps_lines)
    with contextlib.ExitStack() as stack:
        printed = [_Printed(stream) for stream in (sys.stdout, sys.stderr)]
        stack.enter_context(contextlib.redirect_stdout(printed[0]))
        stack.enter_context(contextlib.redirect_stderr(printed[1]))
        for name, stream in zip(("__stdout__", "__stderr__"), printed, strict=True):
            stack.enter_context(mock.patch.object(sys, name, stream))
        stack.enter_context(_collecting(watch))
        stack.enter_context(_warned(watch))
        stack.enter_context(mock.patch.object(time, "sleep", _noted_sleep(watch, time.sleep)))
        waiting = _blocking_wait(watch, threading.Condition.wait)
        stack.enter_context(mock.patch.object(threading.Condition, "wait", waiting))
        joining = _blocking_join(watch, threading.Thread.join)
        stack.enter_context(mock.patch.object(threading.Thread, "join", joining))
        _active.append(watch)
        try:
            yield watch
        finally:
            _active.remove(watch)
            watch.lines += [one.getvalue() for one in printed]


def _watch_here() -> Watch | None:
    """Return the watch under which this thread works; None for a thread, or garbage, of somebody else."""
    ident = threading.get_ident()
    if not _active or ident in _finalizing:
        return None
    # `current_thread` would make an object for a thread that has none.
    thread = threading._active.get(ident)  # type: ignore[attr-defined]  # noqa: SLF001
    plugin = None if thread is None else _started.get(thread)
    return next(
        (watch for watch in reversed(_active) if ident == watch.loop_thread or plugin == watch.plugin), None
    )


def _audit_as_later_versions() -> None:
    """Have what the newest Python audits be audit events in older ones."""
    if sys.version_info < (3, 12):
        threading._start_new_thread = _audited(  # type: ignore[attr-defined]  # noqa: SLF001 - by it threads start
            "_thread.start_new_thread",
            threading._start_new_thread,  # type: ignore[attr-defined]  # noqa: SLF001
        )
    if sys.version_info < (3, 13):
        time.sleep = _audited("time.sleep", time.sleep)


def _audited(event: str, function: Any) -> Any:
    @functools.wraps(function)
    def audited(*arguments: Any) -> Any:
        sys.audit(event, *arguments)
        return function(*arguments)

    return audited


def _note_finalizing(phase: str, _details: Any) -> None:
    """Note that this thread begins, or ends, to collect garbage."""
    (_finalizing.add if phase == "start" else _finalizing.discard)(threading.get_ident())


class _Printed(io.StringIO):
    """Keeps what watched threads print; what others print is passed on."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        """Keep *text*, or pass it on."""
        return self._stream.write(text) if _watch_here() is None else super().write(text)


@contextmanager
def _collecting(watch: Watch) -> Iterator[None]:
    """Send the records of all loggers to *watch*; those of others to the handlers that they had."""
    root, ours = logging.getLogger(), logging.getLogger("proofing")
    before = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in (root, ours)]
    handler = _Collector(watch, before)
    root.handlers[:], ours.handlers[:] = [handler], []
    ours.propagate = True
    for logger in (root, ours):
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level, handlers, propagate in before:
            logger.setLevel(level)
            logger.handlers[:], logger.propagate = handlers, propagate


@contextmanager
def _warned(watch: Watch) -> Iterator[None]:
    """Keep each warning of what is watched, which the process would print; others are printed."""
    show = warnings.showwarning

    def noted(message: Warning | str, *details: Any, **named: Any) -> None:
        if _watch_here() is watch:
            watch.lines.append(str(message))
        else:
            show(message, *details, **named)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = noted
        yield


class _Collector(logging.Handler):
    """Keeps each record as our formatter, and as the standard one, would write it."""

    def __init__(
        self, watch: Watch, before: list[tuple[logging.Logger, int, list[logging.Handler], bool]]
    ) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch
        self._before = before

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, unless it comes from a library that `configure_logs` switches off."""
        if _watch_here() is None:
            self._pass_on(record)
        elif self._watch.keeps_lines and record.name.partition(".")[0] not in _SWITCHED_OFF:
            self._watch.lines += [
                JSONFormatter("test").format(record),
                logging.Formatter("%(name)s %(message)s").format(record),
                # Our formatter leaves out what is not registered; others, such as of error trackers, do not.
                repr({name: value for name, value in vars(record).items() if name not in _OF_EACH_RECORD}),
            ]

    def _pass_on(self, record: logging.LogRecord) -> None:
        """Give *record* to the handlers to which it went before, from its logger up."""
        for logger, level, handlers, propagates in reversed(self._before):
            if logger.name != "root" and logger.name != record.name.partition(".")[0]:
                continue
            for handler in handlers:
                if record.levelno >= max(level, handler.level):
                    handler.handle(record)
            if not propagates:
                return


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note and refuse what an adapter may not do. Called for every audit event of the process."""
    watch = _watch_here()
    if watch is None:
        return
    if event in _THREADS:
        # A method of a `Thread`, but for threads that only frames know.
        if isinstance(thread := getattr(arguments[0], "__self__", None), threading.Thread):
            _started[thread] = watch.plugin
    elif event in _NETWORK:
        # Any caller: an event loop connects in tasks and threads that do not show on whose behalf.
        if not _is_local(arguments):
            watch.network.append(event.replace("socket.", ""))
            raise RefusedError("no network except through context")
    elif event == "open":
        if _is_written(*arguments) and watch.is_ours(1):
            watch.files.append("a file")
            raise RefusedError("no files")
    elif (event in _PROCESSES or event == "time.sleep") and watch.is_ours(1):
        _note_wait(watch, event, arguments)


def _note_wait(watch: Watch, event: str, arguments: tuple[Any, ...]) -> None:
    """Note that the plugin sleeps, or note and refuse a process, which is waited for as well."""
    if arguments[:1] == (":memory:",):
        # A database that is no file.
        return
    if watch.loop_thread == threading.get_ident():
        watch.blocking.append(event)
    if event == "time.sleep":
        watch.slept.append(event)
        return
    watch.files.append(event)
    raise RefusedError("no processes")


def _is_local(arguments: tuple[Any, ...]) -> bool:
    """Return whether a connection is between processes of this machine, such as to a CPU child."""
    family = getattr(arguments[0], "family", None) if arguments else None
    return family is not None and family not in {socket.AF_INET, socket.AF_INET6}


def _is_written(path: object, _mode: object, flags: object) -> bool:
    """Return whether a file is opened to be written, and none of the interpreter's own."""
    if not (isinstance(flags, int) and flags & _WRITING and isinstance(path, (str, bytes, os.PathLike))):
        # A number is of what is open already, which was seen by its path.
        return False
    text = os.fsdecode(path)
    if text.startswith("/dev/"):
        return text.startswith("/dev/shm/")  # noqa: S108 - what adapters may not write
    prefix = sys.pycache_prefix
    return "__pycache__" not in text and not (prefix and text.startswith(prefix))


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


def _noted_sleep(watch: Watch, sleep: Any) -> Any:
    """Return what notes the plugin's ``time.sleep`` and does not wait: each of many questions may sleep."""

    def noted(seconds: float) -> None:
        if _watch_here() is watch and watch.is_ours(1):
            sys.audit("time.sleep", seconds)
        else:
            sleep(seconds)

    return noted


def _blocking_wait(watch: Watch, wait: Any) -> Any:
    def noted(condition: threading.Condition, timeout: float | None = None) -> Any:
        if (
            threading.get_ident() == watch.loop_thread
            and _watch_here() is watch
            # An executor looks in this way whether a thread is idle.
            and timeout != 0
            and watch.is_ours(1)
            and not _waits_for_start(sys._getframe(1))  # noqa: SLF001 - the documented way to the callers
        ):
            watch.blocking.append("a wait for another thread")
        return wait(condition, timeout)

    return noted


def _blocking_join(watch: Watch, join: Any) -> Any:
    def noted(thread: threading.Thread, timeout: float | None = None) -> Any:
        is_on_loop = threading.get_ident() == watch.loop_thread and _watch_here() is watch
        if is_on_loop and timeout != 0 and watch.is_ours(1):
            watch.blocking.append("a wait for the end of a thread")
        return join(thread, timeout)

    return noted


def _waits_for_start(frame: FrameType | None) -> bool:
    """Return whether *frame* waits until a new thread says that it began: no time, and a matter of luck."""
    starter = frame.f_back if frame is not None else None
    return (
        frame is not None
        and starter is not None
        and (frame.f_code, starter.f_code) == (threading.Event.wait.__code__, threading.Thread.start.__code__)
    )
