"""The filter of system calls, run instruction by instruction for both architectures that it knows."""

import os
import re
import struct
from pathlib import Path

import pytest

from proofing.base import confinement

ALLOWED, FORBIDDEN, UNKNOWN, KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+) (\d+)"),
    "aarch64": ("/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+) (\d+)"),
}


def decide(program, architecture, number, argument=0):
    """Return what the kernel would, as in its BPF: bpf(4) of BSD, seccomp(2)."""
    data = struct.pack("<iIQQ", number, architecture, 0, argument)
    at, word = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (word,) = struct.unpack_from("<I", data, value)
            continue
        holds = {0x15: word == value, 0x35: word >= value, 0x45: bool(word & value)}[code]
        at += if_true if holds else if_false


@pytest.fixture(params=ARCHITECTURES)
def machine(request):
    """Name, number and column of an architecture, and the filter for it."""
    number, column = ARCHITECTURES[request.param]
    return request.param, number, column, confinement._filter_program(number, column)


def test_what_is_dangerous_fails_and_all_else_passes(machine):
    """With EPERM, which libraries can take; of what follows the list, nothing is lost."""
    _name, architecture, column, program = machine
    denied = {numbers[column] for numbers in confinement._DENIED.values()} - {None}
    special = {
        numbers[column]
        for numbers in (confinement._CLONE, confinement._CLONE3, confinement._TGKILL, confinement._PRLIMIT)
    }
    for number in set(range(460)) - special:
        expected = FORBIDDEN if number in denied else ALLOWED
        assert decide(program, architecture, number) == expected, number


def test_threads_pass_and_processes_do_not(machine):
    """By the flags of clone; clone3, whose flags no filter can read, does not exist."""
    _name, architecture, column, program = machine
    clone, clone3 = confinement._CLONE[column], confinement._CLONE3[column]
    assert decide(program, architecture, clone, 0x003D0F00) == ALLOWED  # what glibc uses for a thread
    assert decide(program, architecture, clone, 0x01200011) == FORBIDDEN  # and for a fork
    assert decide(program, architecture, clone3) == UNKNOWN


def test_only_this_process_may_be_signaled_and_limited(machine):
    """An abort is a signal to oneself, and reading limits is a call of the same number."""
    _name, architecture, column, program = machine
    signal_thread, limits = confinement._TGKILL[column], confinement._PRLIMIT[column]
    assert decide(program, architecture, signal_thread, os.getpid()) == ALLOWED
    assert decide(program, architecture, signal_thread, os.getppid()) == FORBIDDEN
    assert decide(program, architecture, limits, 0) == ALLOWED
    assert decide(program, architecture, limits, os.getppid()) == FORBIDDEN


def test_other_interfaces_of_the_kernel_are_closed(machine):
    """Those of 32 bits, which have other numbers."""
    _name, architecture, _column, program = machine
    assert decide(program, 0x40000003, 1) == KILLED
    assert decide(program, architecture, 0x40000000 | 41) == FORBIDDEN


@pytest.mark.parametrize("name", HEADERS)
def test_the_numbers_are_those_of_the_kernel(name):
    """As its headers have them, where they are installed."""
    file, pattern = HEADERS[name]
    if not Path(file).exists():
        pytest.skip(f"no {file}: apt-get install linux-libc-dev")
    known = {word: int(number) for word, number in re.findall(pattern, Path(file).read_text())}
    column = ARCHITECTURES[name][1]
    for word, numbers in confinement._DENIED.items():
        assert known.get(word) == numbers[column], word
    for word in ("clone", "clone3", "tgkill", "prlimit64"):
        wanted = {"prlimit64": "_PRLIMIT"}.get(word, f"_{word.upper()}")
        assert known[word] == getattr(confinement, wanted)[column], word
