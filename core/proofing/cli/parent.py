"""Stops a process when the one that started it is gone, however that ended, SIGKILL included.

The parent holds the other end of our standard input, a pipe, and never writes to it: the kernel closes it
with the parent. Unlike the parent-death signal of Linux this works on every POSIX system, and does not
depend on which thread of the parent started us.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import time

from proofing.base.logs import get_logger, log

_logger = get_logger(__name__)


def stop_with_parent(stop: asyncio.Event, *, kill_after_seconds: float) -> None:
    """Set *stop* when standard input ends, and kill this process when it has not ended by itself in time.

    Args:
        stop: of the running event loop.
        kill_after_seconds: how long a drain may take.
    """
    loop = asyncio.get_running_loop()

    def parent_gone() -> None:
        log(_logger, "parent_gone", level=logging.WARNING)
        stop.set()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        try:
            loop.call_soon_threadsafe(parent_gone)
        except RuntimeError:  # the loop is closed: we are ending already
            return
        # In a thread, so that not even a loop that is blocked keeps the process.
        time.sleep(kill_after_seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()
