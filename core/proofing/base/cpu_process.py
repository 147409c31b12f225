"""One CPU child, seen from the process that started it; what it runs is `proofing.base.cpu_child`.

It is started by exec, with an environment and descriptors of its own, so that nothing of this process is in
it, whenever that is. Bytes go through pipes in pieces, and none of it blocks the event loop. docs/adr/0033
"""

import asyncio
import contextlib
import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from proofing.base import cpu_child
from proofing.base.cpu_child import ANSWER_HEADER, FRAME_HEADER
from proofing.base.errors import CPUFailure, CPUWorkError, PluginError
from proofing.base.strict_json import parse_json

#: Most bytes of a call or an answer, then of JSON in either, and how deep that may nest.
MAX_BYTES = 64 * 1024 * 1024
#: Read on the event loop: whatever an attacker makes of so little takes a few milliseconds.
MAX_JSON_BYTES = 32 * 1024
_MAX_DEPTH = 32
_MAX_FRAME_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
#: As large as Linux lets ordinary users make a pipe.
_PIPE_BYTES = 1024 * 1024
_STOP_SECONDS = 1.0
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MEBIBYTE = 1 << 20
_ENVIRONMENT = {
    # Libraries of numbers would start a thread for every CPU of the machine.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # A photo takes buffers of megabytes, one after another. glibc would return each to the kernel, which
    # clears the pages of the next one: a tenth of the reader's time. A fork keeps them, and ends soon.
    "MALLOC_MMAP_THRESHOLD_": str(128 * _MEBIBYTE),
    "MALLOC_TRIM_THRESHOLD_": str(256 * _MEBIBYTE),
}
_TIME_SIGNALS = {-signal.SIGALRM, -signal.SIGXCPU}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may take besides its time; see `proofing.contracts.cpu.CPUWork`."""

    megabytes: int
    cpu_seconds: int | None


class CPUChild:
    """A process that calls functions of one module, one call at a time."""

    def __init__(self, module: str) -> None:
        """Start it, on the thread of the running event loop: with that thread it ends.

        Raises:
            CPUWorkError: the system refuses.
        """
        self.module = module
        #: Whether it can take a call: not while one is in progress, and never after one that ended badly.
        self.is_sound = False
        self.missing: list[str] = []
        #: How many calls it was given.
        self.calls = 0
        self._loop = asyncio.get_running_loop()
        self._words = b""
        self._has_begun = False
        try:
            self._answers, answers = os.pipe()
        except OSError:
            raise CPUWorkError(CPUFailure.START) from None
        options = ("-I", "-S", "-B", "-X", "utf8")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own program
                (sys.executable, *options, cpu_child.__file__, str(answers)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(answers,),
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError:
            os.close(self._answers)
            raise CPUWorkError(CPUFailure.START) from None
        finally:
            os.close(answers)
        assert self._process.stdin is not None  # noqa: S101 - for mypy: pipes were requested
        assert self._process.stdout is not None  # noqa: S101
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        for descriptor in (self._input, self._output, self._answers):
            os.set_blocking(descriptor, False)
            _widen(descriptor)

    @property
    def pid(self) -> int:
        """The process id, which is that of its group, too."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, as by the kernel when memory ran out."""
        return self._process.poll() is not None

    async def begin(self) -> None:
        """Wait until its module is imported.

        Raises:
            CPUWorkError: it ended before.
            PluginError: the module is not there, or cannot be imported.
        """
        hello = {"module": self.module, **code_of(self.module)}
        with contextlib.suppress(BrokenPipeError):  # what it says then, or its end, tells why
            await self._send(_frame(hello))
        while (said := self._said()) is None:
            await self._readable()
        if said.get("ready") is True:
            self.missing = [str(name) for name in said["missing"]]
            self.is_sound = self._has_begun = True
            return
        if said.get("reason") == cpu_child.NOT_FOUND:
            raise PluginError(f"there is no module {self.module}")
        raise PluginError(f"the module {self.module} cannot be imported: {said.get('exception_class')}")

    async def call(self, function: str, data: bytes, args: Any, *, seconds: float, bounds: Bounds) -> Any:
        """Call *function* of its module; see `proofing.contracts.cpu.CPUWork`.

        Raises:
            CPUWorkError, PluginError: as there; also when the child is no longer `is_sound`.
        """
        self.is_sound = False
        self.calls += 1
        text = json.dumps(args).encode()
        header = {"function": function, "args": len(text), "bytes": len(data), "seconds": seconds}
        header |= {"megabytes": bounds.megabytes, "cpu_seconds": bounds.cpu_seconds}
        sending = asyncio.create_task(self._hand_over(_frame(header) + text, data))
        try:
            answer, ended = await self._answered()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        code = ended["code"]
        if code is None:
            raise CPUWorkError(CPUFailure.START)
        if code != 0 or sending.cancelled():
            raise CPUWorkError(_failure(code, bounds))
        answer.require_whole()
        # It ended as it should, and nothing of it is left in the pipes: what follows is the next call's.
        self.is_sound = True
        return answer.meaning(f"{self.module}:{function}")

    def interrupt(self) -> None:
        """Have its call end, as a crash of the child."""
        self._process.terminate()

    async def stop(self) -> None:
        """End it and whatever runs in it, and wait for that."""
        self.is_sound = False
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        os.close(self._answers)
        # First politely: so it waits for its fork, which else would be left to anyone who adopts it.
        self._process.terminate()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        """Wait for its end, and bring it about where it does not come."""
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def _answered(self) -> tuple["_Answer", dict[str, Any]]:
        """Return what came through the pipe of answers until the fork's end, and how that ended."""
        answer = _Answer()
        ended: dict[str, Any] | None = None
        while True:
            # In this order: what a fork wrote is in its pipe before the word on its end is in the other one.
            ended = ended or self._said()
            piece = _read(self._answers)
            if piece:
                answer.add(piece)
                await asyncio.sleep(0)
            elif ended is not None:
                return answer, ended
            else:
                await self._readable()

    def _said(self) -> dict[str, Any] | None:
        """Return the next frame of the child itself, which no fork can write; None while there is none.

        Raises:
            CPUWorkError: it has ended.
        """
        piece = _read(self._output)
        if piece is not None:
            if not piece:
                raise CPUWorkError(CPUFailure.CRASH if self._has_begun else CPUFailure.START)
            self._words += piece
        if len(self._words) < FRAME_HEADER.size:
            return None
        (length,) = FRAME_HEADER.unpack_from(self._words)
        end = FRAME_HEADER.size + length
        if length > _MAX_FRAME_BYTES:
            raise CPUWorkError(CPUFailure.ANSWER)
        if len(self._words) < end:
            return None
        said: dict[str, Any] = json.loads(self._words[FRAME_HEADER.size : end])
        self._words = self._words[end:]
        return said

    async def _hand_over(self, head: bytes, data: bytes) -> None:
        """Write a call; a child that ends meanwhile says so by itself."""
        with contextlib.suppress(BrokenPipeError):
            await self._send(head)
            await self._send(data)

    async def _send(self, content: bytes) -> None:
        """Write *content* in pieces, with a turn for others between them."""
        view = memoryview(content)
        while view:
            try:
                view = view[os.write(self._input, view[:_PIECE_BYTES]) :]
                if view:  # else a cancellation could come though everything is written
                    await asyncio.sleep(0)
            except BlockingIOError:
                free = self._loop.create_future()
                self._loop.add_writer(self._input, _set, free)
                try:
                    await free
                finally:
                    self._loop.remove_writer(self._input)

    async def _readable(self) -> None:
        """Wait until one of the pipes from the child has something, or its end."""
        ready = self._loop.create_future()
        for descriptor in (self._output, self._answers):
            self._loop.add_reader(descriptor, _set, ready)
        try:
            await ready
        finally:
            for descriptor in (self._output, self._answers):
                self._loop.remove_reader(descriptor)


class _Answer:
    """What a fork wrote, which may be anything."""

    def __init__(self) -> None:
        self._header = b""
        self._content = io.BytesIO()  # hands over its bytes without a copy

    def add(self, piece: bytes) -> None:
        """Take the next bytes. Raises `CPUWorkError` when they are too many."""
        missing = ANSWER_HEADER.size - len(self._header)
        self._header += piece[:missing]
        self._content.write(memoryview(piece)[missing:])
        if self._content.tell() > MAX_BYTES:
            raise CPUWorkError(CPUFailure.ANSWER)

    def require_whole(self) -> None:
        """Raise `CPUWorkError` unless this is one answer, no more and no less."""
        is_whole = len(self._header) == ANSWER_HEADER.size
        if not is_whole or ANSWER_HEADER.unpack(self._header)[1] != self._content.tell():
            raise CPUWorkError(CPUFailure.ANSWER)

    def meaning(self, function: str) -> Any:
        """Return what it says. Raises as `CPUChild.call`."""
        kind = self._header[:1]
        if kind == cpu_child.ANSWER_BYTES:
            return self._content.getvalue()
        if self._content.tell() > MAX_JSON_BYTES:
            raise CPUWorkError(CPUFailure.ANSWER)
        text = self._content.getvalue()
        if kind == cpu_child.ANSWER_JSON:
            try:
                return parse_json(text, max_depth=_MAX_DEPTH)
            except ValueError:
                raise CPUWorkError(CPUFailure.ANSWER) from None
        name = text.decode("ascii", "replace")
        name = name if _CLASS_NAME.fullmatch(name) else ""
        if kind == cpu_child.ANSWER_RAISED:
            raise CPUWorkError(CPUFailure.RAISED, exception_class=name)
        if kind == cpu_child.ANSWER_MISSING:
            raise PluginError(f"there is no function {function}")
        if kind == cpu_child.ANSWER_UNSUITABLE:
            raise PluginError(f"{function} must return JSON values or bytes, not {name}")
        raise CPUWorkError(CPUFailure.ANSWER)


def code_of(module: str) -> dict[str, list[str]]:
    """Return where a child finds modules, and what of that it may read.

    The working directory often holds data, and is where plugins are developed: there, only the package of
    *module* may be read.
    """
    here = os.path.realpath(os.getcwd())  # noqa: PTH109 - compared with texts
    path = [entry or here for entry in sys.path]
    package = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = [*(spec.submodule_search_locations or ())] if spec else []
    if spec and not places and spec.has_location and spec.origin:
        places = [spec.origin]
    readable = [entry for entry in path if os.path.realpath(entry) != here]
    # An import hook may have found it, such as that of an editable installation; a child has none.
    path += [folder for folder in map(os.path.dirname, places) if folder not in path]
    return {"path": path, "readable": [*readable, *places, sys.prefix, sys.base_prefix], "listable": path}


def _failure(code: int, bounds: Bounds) -> CPUFailure:
    """Return why a fork within *bounds* ended with *code*, a negative one of which is a signal's."""
    if code == -signal.SIGXCPU and bounds.cpu_seconds is not None:
        return CPUFailure.PROCESSOR
    if code in _TIME_SIGNALS:
        return CPUFailure.TIME
    # We do not kill forks, so that SIGKILL is the kernel's, out of memory.
    if code in {cpu_child.EXIT_NO_MEMORY, -signal.SIGKILL}:
        return CPUFailure.MEMORY
    return CPUFailure.CRASH


def json_size(value: Any) -> int:
    """Return how many bytes *value* is as JSON. Raises `PluginError` when it is not JSON."""
    try:
        return len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise PluginError("the arguments for a CPU child must be JSON values") from None


def _frame(value: dict[str, Any]) -> bytes:
    content = json.dumps(value).encode()
    return FRAME_HEADER.pack(len(content)) + content


def _read(descriptor: int) -> bytes | None:
    """Return what is in a pipe, at most one piece; empty at its end; None when there is nothing yet."""
    try:
        return os.read(descriptor, _PIECE_BYTES)
    except BlockingIOError:
        return None


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _widen(descriptor: int) -> None:
    """Make a pipe hold more, so that the two sides take turns less often."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        with contextlib.suppress(OSError):  # the user's pipes hold all that they may
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
