"""The program of a CPU child: imports one function, then forks itself for every call of it.

Run as a script by `proofing.base.cpu_process`, with an empty environment, isolated and without ``site``; it
imports the standard library alone until it knows the path of modules. Its argument is the descriptor of
answers. The process
that is started never sees the bytes of a call beyond its pipe: the fork reads them, under limits, works, and
ends. So no call finds what another one left behind, and a fork that breaks takes nothing with it.

Descriptors: 0 has the frames and bytes of calls, 1 says what becomes of forks (they cannot write there), 3
takes the answers of forks. A frame is a length of four bytes, most significant first, and JSON.
"""

import contextlib
import importlib
import io
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

ANSWER_DESCRIPTOR = 3
#: A fork that ends so had no memory left.
EXIT_NO_MEMORY = 3
#: First byte of an answer, before the eight of its length: bytes, JSON, a class of exception, or a bad type.
ANSWER_BYTES, ANSWER_JSON, ANSWER_RAISED, ANSWER_UNSUITABLE = b"b", b"j", b"r", b"u"
ANSWER_HEADER = struct.Struct(">cQ")
FRAME_HEADER = struct.Struct(">I")
#: What a child says instead of becoming ready.
NOT_FOUND, NOT_IMPORTED = "not_found", "not_imported"

_PIECE_BYTES = 256 * 1024


def main() -> None:
    """Serve calls until standard input ends."""
    given = int(sys.argv[1])
    if given != ANSWER_DESCRIPTOR:
        os.dup2(given, ANSWER_DESCRIPTOR)
        os.close(given)
    hello = _read_frame()
    if hello is None:
        return
    sys.path[:] = hello["path"]
    from proofing.base import confinement  # noqa: PLC0415 - the path is known only now

    missing = confinement.confine(hello["readable"])
    function = _find(hello["function"])
    _write_frame({"ready": True, "missing": missing})
    while (call := _read_frame()) is not None:
        _write_frame(_run(call, function))


def _find(name: str) -> Callable[[bytes, Any], Any]:
    """Return the function *name*; where there is none, say so and end."""
    module, _, attribute = name.partition(":")
    try:
        function: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        _refuse(
            NOT_FOUND if error.name and f"{module}.".startswith(f"{error.name}.") else NOT_IMPORTED, error
        )
    except BaseException as error:  # noqa: BLE001 - a module may raise anything; its text stays here
        _refuse(NOT_IMPORTED, error)
    try:
        for part in attribute.split("."):
            function = getattr(function, part)
    except AttributeError as error:
        _refuse(NOT_FOUND, error)
    if not callable(function):
        _refuse(NOT_FOUND, TypeError())
    found: Callable[[bytes, Any], Any] = function
    return found


def _refuse(reason: str, error: BaseException) -> None:
    """Say why this child cannot serve, and end."""
    _write_frame({"ready": False, "reason": reason, "exception_class": type(error).__name__})
    sys.exit()


def _run(call: dict[str, Any], function: Callable[[bytes, Any], Any]) -> dict[str, Any]:
    """Fork for *call*, and return how the fork ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        _work(call, function)

    def stop(*_arguments: object) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # or it would be left to whoever adopts it
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _pid, status, used = os.wait4(pid, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": used.ru_utime + used.ru_stime,
    }


def _work(call: dict[str, Any], function: Callable[[bytes, Any], Any]) -> None:
    """Do one call in this fork, and end it."""
    code = 1
    try:
        from proofing.base import confinement  # noqa: PLC0415 - loaded long ago

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        confinement.die_with_parent()
        confinement.limit(seconds=call["seconds"], megabytes=call["megabytes"])
        data = _read_bytes(call["bytes"])
        # From here on the next call and the word on this one are out of reach.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        confinement.deny_system_calls()
        _answer(function, data, call["args"])
        code = 0
    except MemoryError:
        code = EXIT_NO_MEMORY
    finally:
        os._exit(code)  # without what the template's exit would do a second time


def _answer(function: Callable[[bytes, Any], Any], data: bytes, args: Any) -> None:
    """Call *function* and write what comes of it. Raises `MemoryError`."""
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


def _write_frame(value: dict[str, Any]) -> None:
    content = json.dumps(value).encode()
    _write(1, FRAME_HEADER.pack(len(content)) + content)


def _write(descriptor: int, content: "bytes | memoryview") -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_frame() -> dict[str, Any] | None:
    """Return the next frame; None when there is none any more."""
    try:
        (length,) = FRAME_HEADER.unpack(_read_bytes(FRAME_HEADER.size))
        frame: dict[str, Any] = json.loads(_read_bytes(length))
    except EOFError:
        return None
    return frame


def _read_bytes(count: int) -> bytes:
    """Return the next *count* bytes of standard input, never one more. Raises `EOFError`."""
    found = io.BytesIO()  # hands over its bytes without a copy
    while count:
        piece = os.read(0, min(count, _PIECE_BYTES))
        if not piece:
            raise EOFError
        count -= found.write(piece)
    return found.getvalue()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # our parent is gone
        main()
