"""The protocol of a CPU child: frames come in, answers go out. What runs in one: test_cpu_pool.py."""

import os
import struct
from types import SimpleNamespace

import pytest

from proofing.base import cpu_child
from proofing.base.cpu_child import ANSWER_HEADER, Pipes


@pytest.fixture
def pipe():
    """Both ends of a pipe; those that a test has not closed are closed."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def frame(content):
    """Return *content* with its length before it."""
    return struct.pack(">I", len(content)) + content


def test_a_frame_is_read_to_its_end_and_no_further(pipe):
    """What follows it belongs to the call, and is read by the fork."""
    reading, writing = pipe
    os.write(writing, frame(b'{"bytes": 3}') + b"abc")
    pipes = Pipes(reading, writing)
    assert pipes.read_frame() == {"bytes": 3}
    assert pipes.read(3) == b"abc"
    assert pipes.read(0) == b""
    pipes.write_frame({"code": None})
    assert pipes.read_frame() == {"code": None}


@pytest.mark.parametrize("sent", [b"", b"\0\0", frame(b"{}")[:-1]])
def test_a_parent_that_is_gone_ends_the_child(pipe, sent):
    """Wherever in a frame its pipe ends."""
    reading, writing = pipe
    os.write(writing, sent)
    os.close(writing)
    with pytest.raises(EOFError):
        Pipes(reading, writing).read_frame()


def give_up(_data, _args):
    """Run out of memory."""
    raise MemoryError


MODULE = SimpleNamespace(
    echo=lambda data, _args: data,
    view=lambda data, _args: memoryview(data),
    repeat=lambda _data, args: args,
    divide=lambda _data, _args: 1 / 0,
    strange=lambda _data, _args: object(),
    endless=lambda _data, _args: float("inf"),
    give_up=give_up,
    number=7,
)


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("echo", b"b", b"data"),
        ("view", b"b", b"data"),
        ("repeat", b"j", b'{"a": [1, null]}'),
        ("divide", b"r", b"ZeroDivisionError"),
        ("strange", b"u", b"object"),
        ("endless", b"u", b"float"),
        ("missing", b"m", b""),
        ("echo.missing", b"m", b""),
        ("number", b"m", b""),
    ],
)
def test_every_end_of_a_call_is_an_answer(pipe, monkeypatch, name, kind, content):
    """Of an exception the class alone; of a value that cannot be sent, its type."""
    reading, writing = pipe
    monkeypatch.setattr(cpu_child, "ANSWER_DESCRIPTOR", writing)
    cpu_child._answer(MODULE, name, b"data", {"a": [1, None]})
    answer = os.read(reading, 4096)
    assert ANSWER_HEADER.unpack_from(answer) == (kind, len(content))
    assert answer[ANSWER_HEADER.size :] == content


def test_a_call_without_memory_answers_nothing(pipe, monkeypatch):
    """An answer would take some; how the fork ends says it."""
    monkeypatch.setattr(cpu_child, "ANSWER_DESCRIPTOR", pipe[1])
    with pytest.raises(MemoryError):
        cpu_child._answer(MODULE, "give_up", b"", None)
    os.set_blocking(pipe[0], False)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)
