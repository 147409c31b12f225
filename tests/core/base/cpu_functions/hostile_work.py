"""What the tests of CPU children have them run: honest work, and what hostile bytes may cause."""

# Attacks use what the rules keep from other code: the system itself, without niceties.
# ruff: noqa: PLW0603, T201, S606, PTH109, PTH123

import ctypes
import io
import os
import signal
import socket
import struct
import sys
import threading
import time
import zlib

_calls = 0
print("Modules print when they are imported.", flush=True)


def describe(data, args):
    """Say what came."""
    return {"bytes": len(data), "args": args}


def echo(data, _args):
    """Return the bytes."""
    return data


def count(_data, _args):
    """Return how often this module was called in this process."""
    global _calls
    _calls += 1
    return _calls


def wait(_data, seconds):
    """Take time, and no CPU."""
    time.sleep(seconds)


def loop(_data, _args):
    """Never end, and use the CPU."""
    while True:
        pass


def ignore_signals_and_loop(_data, _args):
    """Try not to be ended."""
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    loop(_data, _args)


def hog(_data, _args):
    """Take memory until there is none."""
    held = []
    while True:
        held.append(bytearray(8 * 1024 * 1024))


def unpack_bomb(data, _args):
    """Unpack what is thousands of times larger."""
    return len(zlib.decompress(data))


def decode_image(data, _args):
    """Decode an image with no limit of our own."""
    from PIL import Image  # noqa: PLC0415 - as an adapter that imports late

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return list(image.size)


def segfault(_data, _args):
    """Read address 0."""
    ctypes.string_at(0)


def abort(_data, _args):
    """End as libc does when its heap is broken."""
    os.abort()


def leave(_data, code):
    """End without an answer."""
    os._exit(code)


def fail(_data, _args):
    """Raise, with a text that is nobody's business."""
    raise LookupError("SECRET of the document")


def recurse(data, args):
    """Call oneself without end."""
    return recurse(data, args)


def exit_interpreter(_data, _args):
    """Raise what ends an interpreter."""
    sys.exit(0)


def not_json(_data, _args):
    """Return what cannot be sent."""
    return object()


def nest(_data, depth):
    """Return lists within lists."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def echo_text(_data, size):
    """Return a text of that size."""
    return "x" * size


def talk(_data, _args):
    """Write to the standard streams, as libraries do."""
    print("garbage", flush=True)
    for descriptor in (0, 1, 2):
        os.write(descriptor, b"\0\0\0\x02{}" * 100)
    return "fine"


def forge(_data, text):
    """Write answers of one's own, before and alongside the true one."""
    os.write(3, text.encode("latin-1"))
    return "true"


def flood(_data, _args):
    """Answer with more than anybody can take."""
    os.write(3, struct.pack(">cQ", b"b", 1 << 62))
    while True:
        os.write(3, b"x" * 65536)


def fork_bomb(_data, _args):
    """Start processes in every way there is, and say which ways were open."""
    ways = {
        "fork": os.fork,
        "spawn": lambda: os.posix_spawn(sys.executable, ["x", "-c", ""], {}),
        "exec": lambda: os.execv(sys.executable, ["x", "-c", ""]),
        "vfork": lambda: _system_call(58),
        "session": os.setsid,
    }
    return _open_ways(ways)


def reach_out(_data, _args):
    """Open connections in every way there is, and say which ways were open."""
    ways = {
        "tcp": lambda: socket.create_connection(("127.0.0.1", 9)),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "ring": lambda: _system_call(425, 1, ctypes.create_string_buffer(256)),
    }
    return _open_ways(ways)


def attack(_data, pid):
    """Disturb the process that started us, and say which ways were open."""
    import resource  # noqa: PLC0415 - not on every system

    ways = {
        "signal": lambda: os.kill(pid, signal.SIGCONT),
        "thread signal": lambda: _system_call(234, pid, pid, signal.SIGCONT),
        "limits": lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3)),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        "environment": lambda: open(f"/proc/{pid}/environ", "rb").close(),
        "memory": lambda: open(f"/proc/{pid}/mem", "rb").close(),
        "own memory limit": lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40)),
    }
    # The process that tells the parent how this one ends, and that will have the next call.
    for number in range(10):
        ways[f"descriptor {number}"] = lambda number=number: os.open(
            f"/proc/{os.getppid()}/fd/{number}", os.O_RDWR
        )
    return _open_ways(ways)


def read_files(_data, paths):
    """Return which of *paths* can be opened."""
    return _open_ways({path: lambda path=path: open(path, "rb").close() for path in paths})


def write_files(_data, paths):
    """Return which of *paths* can be made."""
    return _open_ways({path: lambda path=path: open(path, "wb").close() for path in paths})


def look_around(_data, _args):
    """Return what a child finds."""
    import resource  # noqa: PLC0415 - not on every system

    return {
        "environ": dict(os.environ),
        "directory": os.getcwd(),
        "descriptors": [number for number in range(256) if _is_open(number)],
        "core": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "modules": sorted(name for name in sys.modules if name.partition(".")[0] == "proofing"),
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        "no_new_privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
    }


def start_thread(_data, _args):
    """Work in a thread, which libraries may do."""
    found = []
    thread = threading.Thread(target=lambda: found.append(threading.current_thread().name), name="inner")
    thread.start()
    thread.join()
    return found


def _is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_ways(ways):
    found = []
    for name, way in ways.items():
        try:
            way()
        except (OSError, ValueError):
            continue
        found.append(name)
    return found


def _system_call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
