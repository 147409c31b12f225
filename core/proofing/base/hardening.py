"""Keeps what a process holds in memory from other processes and from files."""

import logging
import os

from proofing.base.logs import get_logger, log

_logger = get_logger(__name__)


def protect_process() -> None:
    """Keep what this process holds from files: private file modes, no core dumps, no tracing by others."""
    os.umask(0o077)
    try:
        import ctypes  # noqa: PLC0415 - needed once, at start
        import resource  # noqa: PLC0415 - does not exist on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        pr_set_dumpable = 4  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)
    except (ImportError, OSError, ValueError, AttributeError):
        log(_logger, "process_hardening_failed", level=logging.WARNING)
