"""What a CPU child gives up before it touches untrusted bytes: Linux by system call, the rest by limits.

Three things are taken away: the *network*, *files* other than code, and *processes* (starting, tracing and
signaling them). Each by what the kernel offers: a network namespace, Landlock, a seccomp filter. Where it
offers none, as on macOS, the limits of `limit` are what remains, and `confine` names what is missing.
Imports the standard library only: it is loaded in the child, before everything else.

Source: landlock(7), seccomp(2), prctl(2), getrlimit(2); docs/adr/0033.
"""

import contextlib
import ctypes
import math
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable

#: What a child can be without, as log lines name it.
NETWORK, FILES, PROCESSES = "network", "files", "processes"

_MIB = 1024 * 1024
#: Address space beyond the memory that is counted: code of libraries, and what is only reserved.
_RESERVED_BYTES = 1024 * _MIB
_OPEN_FILES = 64
_NICENESS = 5

# linux/prctl.h, linux/sched.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_THREAD = 0x10000000, 0x40000000, 0x00010000

# linux/landlock.h; these three system calls have one number on all architectures.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_ABI, _PATH_BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
#: Rights on files that each version of the interface knows; older kernels refuse unknown ones.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ALL_FILE_RIGHTS = (1 << 16) - 1
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_TCP_RIGHTS, _SCOPES = 0b11, 0b11
#: Alongside the code itself: what loaders and libraries read. No directory that people or programs write to.
_READABLE = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share", "/lib", "/lib64", "/etc/ld.so.cache"),
    *("/etc/fonts", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/urandom", "/dev/null"),
)

#: Machine to the audit number of its architecture, and the column of `_DENIED`. linux/audit.h
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: System calls that fail with EPERM, by their numbers on x86_64 and aarch64; None: there is none.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    # Would do what is denied here on our behalf.
    "io_uring_setup": (425, 425),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # Memory and messages that would outlive the child.
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
_CLONE, _CLONE3, _TGKILL, _PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)
_X32_BIT = 0x40000000
# linux/bpf_common.h, linux/seccomp.h: load a word; jump if equal, not less, or a bit is set; return.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38


def confine(readable: Iterable[str], listable: Iterable[str]) -> list[str]:
    """Take network and files from this process and its forks, for good; return what cannot be taken.

    Must be called with one thread. Also: no new privileges, not traceable, and SIGKILL when the parent ends.

    Args:
        readable: files and directories that may still be read, with everything below.
        listable: directories of which the names of files may still be read, with everything below.
    """
    # Behind the loop that renews leases, which must have its turn while all CPUs decode.
    os.nice(_NICENESS)
    if sys.platform != "linux":
        return [NETWORK, FILES, PROCESSES]
    _be_first_without_memory()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    has_namespace = libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    _drop_capabilities(libc)
    # After these, as a change of credentials undoes both.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    die_with_parent()
    can_filter = platform.machine() in _ARCHITECTURES and _seccomp_exists(libc)
    missing = []
    if not has_namespace and not can_filter:
        missing.append(NETWORK)
    if not _close_file_system(libc, readable, listable):
        missing.append(FILES)
    # Without the filter a limit denies new processes, but not to root; see `limit`.
    if not can_filter and os.getuid() == 0:
        missing.append(PROCESSES)
    return missing


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Be an ordinary user from here on, also where the parent is root or a namespace has made us so.

    A capability would raise limits again, and open what is closed because a process is not dumpable.
    """
    version = 0x20080522  # linux/capability.h: of two sets of three words
    libc.capset(struct.pack("=Ii", version, 0), bytes(24))


def _be_first_without_memory() -> None:
    """Have the kernel end children, not their parent, where memory runs out."""
    # proc(5): from -1000 to 1000, and everybody may raise it.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - light
        file.write("1000")


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit(*, seconds: float, megabytes: int, cpu_seconds: int | None = None) -> None:
    """Bound this process, which cannot undo it: memory, CPU and clock time, files, core dumps.

    Args:
        seconds: until SIGALRM ends it.
        megabytes: MiB of data, heap and stacks, with what the process holds already.
        cpu_seconds: of CPU time, until SIGXCPU ends it; None: *seconds*, rounded up.
    """
    data = megabytes * _MIB
    processor = math.ceil(seconds) if cpu_seconds is None else cpu_seconds
    for kind, bounds in (
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_FSIZE, (0, 0)),
        (resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES)),
        (resource.RLIMIT_CPU, (processor, processor + 1)),
        (resource.RLIMIT_DATA, (data, data)),
        (resource.RLIMIT_AS, (data + _RESERVED_BYTES, data + _RESERVED_BYTES)),
    ):
        # A hard limit that is lower already stays; macOS knows no limit of address space.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, bounds)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def deny_system_calls() -> None:
    """Take network and processes from this process by a filter of system calls; threads stay allowed.

    Where there is no filter, a limit denies further processes and threads, except to root.
    """
    if sys.platform == "linux" and (known := _ARCHITECTURES.get(platform.machine())) is not None:
        program = _filter_program(*known)
        buffer = ctypes.create_string_buffer(program, len(program))
        libc = ctypes.CDLL(None, use_errno=True)
        filter_mode = 2
        header = _FilterHeader(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
        if libc.prctl(_PR_SET_SECCOMP, filter_mode, ctypes.byref(header), 0, 0) == 0:
            return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


class _FilterHeader(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _filter_program(architecture: int, column: int) -> bytes:
    """Return the filter's instructions, each ``struct sock_filter`` of linux/filter.h."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    allow, deny = step(_RETURN, _ALLOW), step(_RETURN, _FAIL | _EPERM)
    first = step(_LOAD, _FIRST_ARGUMENT_AT)
    steps = [
        step(_LOAD, _ARCHITECTURE_AT),
        step(_JUMP_EQUAL, architecture, 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, _NUMBER_AT),
        # The x32 calls of x86_64, which have numbers of their own.
        step(_JUMP_GREATER, _X32_BIT, 0, 1),
        deny,
        # glibc then uses clone, whose flags can be read here.
        step(_JUMP_EQUAL, _CLONE3[column], 0, 1),
        step(_RETURN, _FAIL | _ENOSYS),
    ]
    for numbers in _DENIED.values():
        if (number := numbers[column]) is not None:
            steps += [step(_JUMP_EQUAL, number, 0, 1), deny]
    # Threads, a signal to ourselves (abort), our own limits; never those of another process.
    steps += [
        step(_JUMP_EQUAL, _CLONE[column], 0, 4),
        first,
        step(_JUMP_SET, _CLONE_THREAD, 0, 1),
        allow,
        deny,
    ]
    steps += [
        step(_JUMP_EQUAL, _TGKILL[column], 0, 4),
        first,
        step(_JUMP_EQUAL, os.getpid(), 0, 1),
        allow,
        deny,
    ]
    steps += [step(_JUMP_EQUAL, _PRLIMIT[column], 0, 4), first, step(_JUMP_EQUAL, 0, 0, 1), allow, deny]
    return b"".join([*steps, allow])


def _seccomp_exists(libc: ctypes.CDLL) -> bool:
    """Return whether the kernel takes filters: it then complains of the null pointer."""
    efault = 14
    filter_mode = 2
    return libc.prctl(_PR_SET_SECCOMP, filter_mode, 0, 0, 0) == -1 and ctypes.get_errno() == efault


def _close_file_system(libc: ctypes.CDLL, readable: Iterable[str], listable: Iterable[str]) -> bool:
    """Have this process read what `confine` and `_READABLE` allow, and write nothing; False: it cannot."""
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_ABI)
    if version < 1:
        return False
    attributes = [_FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS)]
    attributes += [_TCP_RIGHTS] if version >= _NETWORK_ABI else []
    attributes += [_SCOPES] if version >= _SCOPE_ABI else []
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = libc.syscall(_LANDLOCK_CREATE, packed, ctypes.c_size_t(len(packed)), 0)
    if rules < 0:
        return False
    try:
        for path in dict.fromkeys((*readable, *_READABLE)):
            _allow(libc, rules, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(libc, rules, path, _READ_DIR)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    """Add *rights* on *path* to *rules*, if it exists."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore] # Linux
    except OSError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - pathlib is not worth its import here
            rights &= _READ_FILE
        if path == os.devnull:
            rights |= _WRITE_FILE
        libc.syscall(_LANDLOCK_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)
