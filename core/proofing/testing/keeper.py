"""A process that ends the processes of another one when that is gone, however it ended.

Standard input is a pipe that only the parent can write to. Each line is the id of a process that the parent
has started as the leader of a group of its own. When the pipe ends, so has the parent, and everything that
it started and left running is killed, with all its descendants. Works where the parent had no time to clean
up: SIGKILL, an exit without finalizers, a closed terminal.

`proofing.testing.processes` starts one for each process that starts others. Standard library only, since the
interpreter that runs it is started with nothing else.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")


def descendants(pids: Iterable[int]) -> list[int]:
    """Return the processes that came of *pids*, grandchildren too; none where there is no ``/proc``."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found = list(pids)
    known = len(found)
    for pid in found:
        found += children.get(pid, ())  # the list grows while it is walked
    return found[known:]


def start_time(pid: int) -> str | None:
    """Return when *pid* was started, in ticks since the boot, or None when there is no such process.

    An id may be given to another process, which has another time. Source: proc(5), field 22 of ``stat``.
    """
    try:
        return _fields(pid)[19]
    except OSError:
        return None


def _parents() -> Iterator[tuple[int, int]]:
    """Yield id and parent of every process."""
    for entry in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(entry.name), int(_fields(int(entry.name))[1])


def is_running(pid: int) -> bool:
    """Return whether *pid* runs; one that has ended and that nobody has waited for does not. Linux only."""
    try:
        return _fields(pid)[0] != "Z"
    except OSError:
        return False


def _fields(pid: int) -> list[str]:
    """Return the fields of ``stat`` from the third on; the name before them may hold anything."""
    text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def _end(kept: dict[int, str | None]) -> None:
    """Kill what still runs of the processes *kept*, their groups, and all that came of them."""
    ours = [pid for pid, started in kept.items() if start_time(pid) in {started, None}]
    # Listed first: the children of a process that is gone belong to nobody.
    below = descendants(ours)
    for pid in ours:
        # The number of a group stays taken until its last member is gone.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for pid in below:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Note every process until the parent is gone, then end them."""
    # A signal to a whole group or terminal is not for the one that cleans up after it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kept: dict[int, str | None] = {}
    for line in sys.stdin:
        kept[int(line)] = start_time(int(line))
    _end(kept)


if __name__ == "__main__":
    main()
