"""Whatever tests start ends with the process that started it, however that ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.testing import keeper
from proofing.testing.keeper import is_running
from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)

#: Starts one child that ignores what can be ignored and has a child in a session of its own, and one that is
#: frozen; tells their ids, and waits.
PARENT = """
import asyncio, json, os, signal, subprocess, sys, time
from proofing.testing.processes import start_process, start_process_async

STUBBORN = '''
import signal, subprocess, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
below = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(below.pid, flush=True)
signal.pause()
'''
stubborn = start_process([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True)
below = int(stubborn.stdout.readline())
frozen = start_process(["sleep", "1000"])
frozen.send_signal(signal.SIGSTOP)

async def awaited():
    process = await start_process_async("sleep", "1000")
    return process.pid

loop = asyncio.new_event_loop()
pids = [stubborn.pid, below, frozen.pid, loop.run_until_complete(awaited())]
forked = os.fork() if sys.argv[1] == "forks" else None
if forked == 0:
    signal.pause()
print(json.dumps(pids), flush=True)
command = sys.stdin.readline().strip()
if command == "leave":
    os._exit(3)
if command == "fail":
    raise ValueError
"""

#: A test that starts a child and does not come to its end.
HANGING = """
import os, signal
from proofing.testing.processes import free_port, start_process

def test_hangs():
    child = start_process(["sleep", "1000"])
    with open(os.environ["PIDS"], "w") as file:
        file.write(f"{child.pid}\\n")
    signal.pause()
"""


async def gone(*pids: int) -> None:
    """Expect that none of the processes runs anymore."""
    await eventually(lambda: not any(is_running(pid) for pid in pids), within_seconds=30)


@pytest.mark.parametrize("way", ["KILL", "TERM", "HUP", "INT", "forks", "leave", "fail", "end"])
@pytest.mark.usefixtures("default_signals")
async def test_children_end_with_their_parent(way):
    """Killed, ended by a signal, left without finalizers, failed, or come to its end."""
    parent = start_process(
        [sys.executable, "-c", PARENT, way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        pids = json.loads(parent.stdout.readline())
        assert all(is_running(pid) for pid in pids)
        if way in {"leave", "fail", "end"}:
            parent.stdin.write(f"{way}\n")
            parent.stdin.close()
        else:
            parent.send_signal(signal.SIGKILL if way == "forks" else getattr(signal, f"SIG{way}"))
        parent.wait(30)
        await gone(*pids)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        for stream in (parent.stdin, parent.stdout):
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_children_of_tests_end_with_pytest(tmp_path, number):
    """Also of those that a worker of xdist runs, when the one process is killed that all know of."""
    (tmp_path / "test_hanging.py").write_text(HANGING)
    output = tmp_path / "pids"
    run = start_process(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PIDS": str(output)},
        stdout=subprocess.DEVNULL,
    )
    await eventually(lambda: output.exists() and output.read_text().endswith("\n"), within_seconds=60)
    pids = [int(output.read_text()), *keeper.descendants([run.pid])]
    assert all(is_running(pid) for pid in pids)
    run.send_signal(number)
    run.wait(30)
    await gone(*pids)


async def test_a_process_with_a_number_of_ours_is_left_alone():
    """Numbers are given again: what was started at another time is not ours."""
    other = start_process(["sleep", "1000"])
    try:
        keeper._end({other.pid: "1"})
        assert is_running(other.pid)
        keeper._end({other.pid: keeper.start_time(other.pid)})
        assert other.wait(30) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()


def test_nothing_but_processes_starts_processes():
    """Tests, test tools and benches start what outlives a call in one place, which ends it with them."""
    root = Path(__file__).parents[3]
    own = {
        root / "core/proofing/testing/processes.py",
        Path(__file__),
        # The first tries in a CPU child, which ends with it; the second measures the pool of a library.
        root / "tests/core/base/cpu_functions/hostile_work.py",
        root / "bench/cpu/__main__.py",
        # Its pool draws photos, and ends with the block that opened it.
        root / "bench/reader/drawing.py",
        # Their programs wait for each process that they fork.
        root / "tests/core/cli/test_jobs.py",
        root / "tests/plugins/vendors/planted/forks.py",
        # Names what a plugin may not do.
        root / "core/proofing/testing/vendors/watch.py",
    }
    places = ("core/proofing/testing", "devtools", "tests", "bench", "scripts", "docs")
    ways = ("Popen(", "create_subprocess_", "os.fork(", "posix_spawn", "multiprocessing")
    found = [
        path.relative_to(root)
        for place in places
        for path in (root / place).rglob("*.py")
        if path not in own and any(way in path.read_text() for way in ways)
    ]
    assert found == []


def test_a_free_port_is_its_processes_own():
    """Neither the system nor another process that asks here gives it to anybody while this process lives."""
    script = "from proofing.testing.processes import free_port; print(*(free_port() for _ in range(300)))"
    mine = {free_port() for _ in range(300)}
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    theirs = {int(port) for port in run.stdout.split()}
    assert (len(mine), len(theirs), mine & theirs) == (300, 300, set())
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not [port for port in mine | theirs if first <= port <= last]
