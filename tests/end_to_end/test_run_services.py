"""`make run-services`: all of it ends with its terminal, or when it is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.testing.keeper import descendants, is_running
from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("default_signals")
async def test_nothing_is_left_when_it_ends(number):
    """Web, workers, PostgreSQL, Redis and KMS."""
    process = start_process(
        [sys.executable, str(ROOT / "scripts" / "services.py")],
        env={**os.environ, "PORT": str(free_port())},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        lines = iter(process.stdout.readline, "")
        assert await asyncio.to_thread(lambda: any("Ctrl-C stops it" in line for line in lines))
        pids = descendants([process.pid])
        # Two workers, the server, Redis, KMS, and PostgreSQL with its own processes.
        assert len(pids) > 10
        process.send_signal(number)
        assert process.wait(60) == (0 if number == signal.SIGHUP else -number)
        await eventually(lambda: not any(is_running(pid) for pid in pids), within_seconds=30)
