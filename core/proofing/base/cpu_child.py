"""The program of a CPU child: imports one module, then forks itself for every call of a function in it.

Run as a script by `proofing.base.cpu_process`, without the environment of its parent, isolated and without
``site``; it imports the standard library alone until it knows the path of modules. Its argument is the
descriptor of answers. The process that is started reads no arguments and no bytes of a call: the fork does,
under limits, works, and ends. So no call finds what another one left, and a fork that breaks takes nothing
with it.

Standard input has the calls: a frame, then the arguments as JSON, then the bytes. Standard output says what
becomes of forks, which cannot write there. Both are put away before anything is imported, since modules
print. Forks answer on descriptor 3. A frame is a length of four bytes, most significant first, and JSON.
"""

import contextlib
import importlib
import io
import json
import os
import signal
import struct
import sys
from operator import attrgetter
from types import ModuleType
from typing import Any

ANSWER_DESCRIPTOR = 3
#: A fork that ends so had no memory left.
EXIT_NO_MEMORY = 3
#: First byte of an answer, before the eight of its length: bytes, JSON, a class of exception, a bad type, or
#: nothing, as the module has no such function.
ANSWER_BYTES, ANSWER_JSON, ANSWER_RAISED, ANSWER_UNSUITABLE, ANSWER_MISSING = b"b", b"j", b"r", b"u", b"m"
ANSWER_HEADER = struct.Struct(">cQ")
FRAME_HEADER = struct.Struct(">I")
#: What a child says instead of becoming ready.
NOT_FOUND, NOT_IMPORTED = "not_found", "not_imported"

_PIECE_BYTES = 256 * 1024


def main() -> None:
    """Serve calls until standard input ends. Raises `EOFError` then."""
    given = int(sys.argv[1])
    if given != ANSWER_DESCRIPTOR:
        os.dup2(given, ANSWER_DESCRIPTOR, inheritable=False)
        os.close(given)
    pipes = Pipes(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    hello = pipes.read_frame()
    sys.path[:] = hello["path"]
    from proofing.base import confinement  # noqa: PLC0415 - the path is known only now

    missing = confinement.confine(hello["readable"], hello["listable"])
    try:
        module = load(hello["module"])
    except UnusableError as error:
        pipes.write_frame({"ready": False, "reason": error.reason, "exception_class": error.exception_class})
        return
    pipes.write_frame({"ready": True, "missing": missing})
    while True:
        pipes.write_frame(_run(pipes.read_frame(), module, pipes))


class UnusableError(Exception):
    """The module cannot be imported."""

    def __init__(self, reason: str, error: BaseException) -> None:
        """Take the reason, and of an exception the class alone."""
        self.reason = reason
        self.exception_class = type(error).__name__
        super().__init__(reason)


class Pipes:
    """The ends of the two pipes that lead to the parent, kept from what runs here."""

    def __init__(self, calls: int, words: int) -> None:
        """Take the descriptors of calls, and of words about them."""
        self._calls = calls
        self._words = words

    def read_frame(self) -> dict[str, Any]:
        """Return the next frame. Raises `EOFError` when there is none anymore."""
        (length,) = FRAME_HEADER.unpack(self.read(FRAME_HEADER.size))
        frame: dict[str, Any] = json.loads(self.read(length))
        return frame

    def read(self, count: int) -> bytes:
        """Return the next *count* bytes, never one more. Raises `EOFError`."""
        found = io.BytesIO()  # hands over its bytes without a copy
        while count:
            piece = os.read(self._calls, min(count, _PIECE_BYTES))
            if not piece:
                raise EOFError
            count -= found.write(piece)
        return found.getvalue()

    def write_frame(self, value: dict[str, Any]) -> None:
        """Tell the parent *value*."""
        content = json.dumps(value).encode()
        _write(self._words, FRAME_HEADER.pack(len(content)) + content)

    def close(self) -> None:
        """Give both up."""
        os.close(self._calls)
        os.close(self._words)


def load(name: str) -> ModuleType:
    """Return the module *name*. Raises `UnusableError`."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself, or a package that it is in; else one that it imports.
        is_itself = error.name is not None and f"{name}.".startswith(f"{error.name}.")
        raise UnusableError(NOT_FOUND if is_itself else NOT_IMPORTED, error) from None
    except BaseException as error:  # noqa: BLE001 - a module may raise anything; its text stays here
        raise UnusableError(NOT_IMPORTED, error) from None


def _run(call: dict[str, Any], module: ModuleType, pipes: Pipes) -> dict[str, Any]:
    """Fork for *call*, and return how the fork ended; no code: the system refuses forks."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        pid = os.fork()
    except OSError:
        return {"code": None}
    if pid == 0:
        _work(call, module, pipes)

    def stop(*_arguments: object) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # or it would be left to anyone who adopts it
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _pid, status = os.waitpid(pid, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return {"code": os.waitstatus_to_exitcode(status)}


def _work(call: dict[str, Any], module: ModuleType, pipes: Pipes) -> None:
    """Do one call in this fork, and end it."""
    code = 1
    try:
        from proofing.base import confinement  # noqa: PLC0415 - loaded long ago

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        confinement.die_with_parent()
        confinement.limit(
            seconds=call["seconds"], megabytes=call["megabytes"], cpu_seconds=call["cpu_seconds"]
        )
        args = json.loads(pipes.read(call["args"]))
        data = pipes.read(call["bytes"])
        pipes.close()  # from here on the next call, and the word on this one, are out of reach
        confinement.deny_system_calls()
        _answer(module, call["function"], data, args)
        code = 0
    except MemoryError:
        code = EXIT_NO_MEMORY
    finally:
        os._exit(code)  # without what an interpreter does at its end, which is our parent's to do


def _answer(module: ModuleType, name: str, data: bytes, args: Any) -> None:
    """Call the function *name* and write its result. Raises `MemoryError`."""
    try:
        function = attrgetter(name)(module)
    except AttributeError:
        function = None
    if not callable(function):
        _write_answer(ANSWER_MISSING, b"")
        return
    try:
        result = function(data, args)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - decoders raise anything; its text may hold what they read
        _write_answer(ANSWER_RAISED, type(error).__name__.encode())
        return
    if isinstance(result, (bytes, bytearray, memoryview)):
        _write_answer(ANSWER_BYTES, result)
        return
    try:
        text = json.dumps(result, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        _write_answer(ANSWER_UNSUITABLE, type(result).__name__.encode())
    else:
        _write_answer(ANSWER_JSON, text)


def _write_answer(kind: bytes, content: "bytes | bytearray | memoryview") -> None:
    view = memoryview(content).cast("B")
    _write(ANSWER_DESCRIPTOR, ANSWER_HEADER.pack(kind, len(view)))
    _write(ANSWER_DESCRIPTOR, view)


def _write(descriptor: int, content: "bytes | memoryview") -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, EOFError):  # our parent is gone, or has no more calls
        main()
