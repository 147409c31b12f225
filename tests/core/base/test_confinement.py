"""What a CPU child asks of kernels that it may meet; the filter of system calls, instruction by instruction.

What all that comes to on the kernel of this machine: test_cpu_pool.py.
"""

import ctypes
import os
import platform
import re
import resource
import signal
import struct
import sys
from pathlib import Path

import pytest

from proofing.base import confinement

linux = pytest.mark.skipif(sys.platform != "linux", reason="opens paths as only Linux can")
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


class Kernel:
    """Takes the place of libc: offers as much as it is made with, and notes what was asked of it."""

    def __init__(self, *, namespaces=True, seccomp=True, landlock=7, refuses=()):
        self.namespaces, self.seccomp, self.landlock = namespaces, seccomp, landlock
        self.refuses = refuses
        self.rights = b""
        self.allowed = {}
        self.oom = None

    def prctl(self, option, _mode, filter_at, *_rest):
        if option != confinement._PR_SET_SECCOMP:
            return 0
        return 0 if self.seccomp and filter_at else -1

    def get_errno(self):
        """Return why `prctl` refused: what knows filters looks for one, and finds a null pointer."""
        return 14 if self.seccomp else 22

    def unshare(self, _flags):
        return 0 if self.namespaces else -1

    def capset(self, *_sets):
        return 0

    def syscall(self, number, *arguments):
        if number == confinement._LANDLOCK_CREATE and arguments[0] is None:
            return self.landlock or -1
        if number in self.refuses:
            return -1
        if number == confinement._LANDLOCK_CREATE:
            self.rights = arguments[0]
            return os.open(os.devnull, os.O_RDONLY)
        if number == confinement._LANDLOCK_ADD:
            rights, handle = struct.unpack("=Qi", arguments[2])
            self.allowed[str(Path(f"/proc/self/fd/{handle}").readlink())] = rights
        return 0


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Return a function that puts this process on a `Kernel`, which it can change nothing of."""

    def put(*, root=False, machine="x86_64", system="linux", **offers):
        kernel = Kernel(**offers)
        monkeypatch.setattr(ctypes, "CDLL", lambda *_name, **_options: kernel)
        monkeypatch.setattr(ctypes, "get_errno", kernel.get_errno)
        monkeypatch.setattr(os, "nice", int)
        monkeypatch.setattr(os, "getuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(sys, "platform", system)
        # The file that says how soon the kernel ends this process; nobody may take that back.
        kernel.oom = tmp_path / "oom_score_adj"
        monkeypatch.setattr(confinement, "open", lambda _path, mode: kernel.oom.open(mode), raising=False)
        return kernel

    return put


@linux
@pytest.mark.parametrize(
    ("kernel", "missing"),
    [
        ({}, []),
        ({"namespaces": False}, []),  # the filter denies sockets
        ({"seccomp": False}, []),  # the namespace has no network, and a limit denies processes
        ({"seccomp": False, "root": True}, ["processes"]),
        ({"machine": "riscv64", "root": True}, ["processes"]),
        ({"namespaces": False, "seccomp": False}, ["network"]),
        ({"landlock": 0}, ["files"]),
        ({"refuses": [confinement._LANDLOCK_CREATE]}, ["files"]),
        ({"refuses": [confinement._LANDLOCK_RESTRICT]}, ["files"]),
        ({"namespaces": False, "machine": "riscv64", "landlock": 0, "root": True}, None),
        ({"system": "darwin"}, None),
    ],
    ids=str,
)
def test_what_a_system_cannot_take_is_named(on, kernel, missing):
    """An operator reads it in the log; what has another way to it is not missing."""
    on(**kernel)
    assert confinement.confine([], []) == (["network", "files", "processes"] if missing is None else missing)


@linux
@pytest.mark.parametrize(("version", "words"), [(1, 1), (3, 1), (4, 2), (6, 3), (9, 3)])
def test_landlock_is_asked_for_no_more_than_it_knows(on, version, words):
    """An older kernel would refuse all of it for one right that it does not know."""
    kernel = on(landlock=version)
    assert confinement.confine([], []) == []
    rights = struct.unpack(f"={words}Q", kernel.rights)
    assert rights[0].bit_length() == {1: 13, 3: 15, 4: 15}.get(version, 16)


@linux
def test_paths_are_opened_for_what_they_are(on, tmp_path):
    """Files to be read, directories to be listed, the null device to be written; what is gone is skipped."""
    kernel = on()
    code, names = tmp_path / "code", tmp_path / "names"
    code.mkdir()
    names.mkdir()
    (code / "module.py").write_text("")
    readable = [str(code), str(code / "module.py"), str(tmp_path / "gone")]
    assert confinement.confine(readable, [str(names)]) == []
    read, listed, written = confinement._READ_FILE, confinement._READ_DIR, confinement._WRITE_FILE
    found = {path: rights for path, rights in kernel.allowed.items() if path.startswith(str(tmp_path))}
    assert found == {str(code): read | listed, str(code / "module.py"): read, str(names): listed}
    assert kernel.allowed[os.devnull] == read | written
    assert kernel.oom.read_text() == "1000"


@linux
@pytest.mark.parametrize(
    ("kernel", "limits"), [({}, []), ({"seccomp": False}, [(0, 0)]), ({"system": "darwin"}, [(0, 0)])]
)
def test_without_a_filter_a_limit_denies_processes(on, monkeypatch, kernel, limits):
    """It holds back everybody but root, whose child names what is missing."""
    on(**kernel)
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, bounds: asked.append((kind, bounds)))
    confinement.deny_system_calls()
    assert asked == [(resource.RLIMIT_NPROC, bounds) for bounds in limits]


def test_a_limit_that_the_system_refuses_keeps_no_other_from_being_set(monkeypatch):
    """A lower hard limit stays, and macOS knows none of address space; CPU time is rounded up."""
    limits, timers = {}, []

    def set_limit(kind, bounds):
        if kind in {resource.RLIMIT_CORE, resource.RLIMIT_NOFILE}:
            raise ValueError("not allowed to raise maximum limit")
        limits[kind] = bounds

    monkeypatch.setattr(resource, "setrlimit", set_limit)
    monkeypatch.setattr(signal, "setitimer", lambda *timer: timers.append(timer))
    confinement.limit(seconds=1.5, megabytes=100)
    mib = 1024 * 1024
    assert limits == {
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CPU: (2, 3),
        resource.RLIMIT_DATA: (100 * mib, 100 * mib),
        resource.RLIMIT_AS: (1124 * mib, 1124 * mib),
    }
    confinement.limit(seconds=20.0, megabytes=100, cpu_seconds=4)
    assert limits[resource.RLIMIT_CPU] == (4, 5)
    assert timers == [(signal.ITIMER_REAL, 1.5), (signal.ITIMER_REAL, 20.0)]
