"""The CPU children of one process: started at need, few at once, taken in turn, replaced when one breaks.

A child serves the module that it has imported, and stays for a while for the next call of it. Calls that
wait are taken up package by package, so that a flood of one plugin's does not hold up another's.
"""

import asyncio
import logging
import os
import re
import time
from collections import deque
from typing import Any

from proofing.base.concurrency import Background, gather_settled
from proofing.base.cpu_process import MAX_BYTES, MAX_JSON_BYTES, Bounds, CPUChild, json_size
from proofing.base.errors import CPUFailure, CPUWorkError, PluginError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import CPU_CALLS, CPU_CHILDREN, CPU_SECONDS, CPU_WAIT_SECONDS

_logger = get_logger(__name__)
_FUNCTION = re.compile(r"([A-Za-z_]\w*)(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
#: Children of a process whose settings say nothing; each may take the megabytes of its call.
_MOST_BY_DEFAULT = 4
IDLE_SECONDS = 60.0
#: Beyond what a job may take, and a machine has.
_MOST_SECONDS, _MOST_MEGABYTES = 3600.0, 1024 * 1024
_DONE, _CANCELED, _PLUGIN_ERROR = "done", "canceled", "plugin_error"

for _outcome in (_DONE, _CANCELED, _PLUGIN_ERROR, *CPUFailure):
    CPU_CALLS.labels(_outcome)  # at 0, so that the first failure is an increase


class CPUPool:
    """Calls functions in children; without a call it has none."""

    def __init__(self, children: int | None = None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        """Have at most *children* at once; None: as many as there are CPUs, at most four.

        A child without a call ends after *idle_seconds*.
        """
        self._most = children or min(_MOST_BY_DEFAULT, _processors())
        self._idle_seconds = idle_seconds
        self._turns = _Turns(self._most)
        self._idle: list[CPUChild] = []
        #: Children at work, with what their calls set when they have ended.
        self._busy: dict[CPUChild, asyncio.Event] = {}
        self._ending = Background()
        self._has_reported = False
        self._is_closed = False

    async def run(
        self,
        function: str,
        data: bytes = b"",
        args: Any = None,
        *,
        seconds: float,
        megabytes: int,
        cpu_seconds: int | None = None,
    ) -> Any:
        """Call *function* in a child; see `proofing.contracts.cpu.CPUWork`."""
        started = time.monotonic()
        outcome = _CANCELED
        try:
            answer = await self._run(function, data, args, seconds, Bounds(megabytes, cpu_seconds))
            outcome = _DONE
        except CPUWorkError as error:
            outcome = error.failure.value
            raise
        except PluginError:
            outcome = _PLUGIN_ERROR
            raise
        finally:
            elapsed = time.monotonic() - started
            CPU_CALLS.labels(outcome).inc()
            CPU_SECONDS.observe(elapsed)
            if outcome not in {_DONE, _CANCELED}:
                log(
                    _logger,
                    "cpu_call_failed",
                    level=logging.WARNING,
                    rule=function if _FUNCTION.fullmatch(function) else "",
                    reason=outcome,
                    duration_ms=round(elapsed * 1000, 2),
                )
        return answer

    async def close(self) -> None:
        """End all children, those at work too, and wait for that; nothing can be called anymore."""
        self._is_closed = True
        for child in list(self._idle):
            self._discard(child)
        for child, ended in list(self._busy.items()):
            child.interrupt()
            await ended.wait()
        await gather_settled(self._ending.pending())

    async def _run(self, function: str, data: bytes, args: Any, seconds: float, bounds: Bounds) -> Any:
        """Check a call, wait for its turn, and do it, all within its seconds."""
        named = _FUNCTION.fullmatch(function)
        if named is None:
            raise PluginError("a function for a CPU child must be named as package.module:function")
        cpu_seconds = seconds if bounds.cpu_seconds is None else bounds.cpu_seconds
        is_bounded = 0 < seconds <= _MOST_SECONDS and 0 < bounds.megabytes <= _MOST_MEGABYTES
        if not is_bounded or not 0 < cpu_seconds <= _MOST_SECONDS:
            raise PluginError("a call in a CPU child must say its seconds and megabytes")
        if len(data) > MAX_BYTES or json_size(args) > MAX_JSON_BYTES:
            raise PluginError("a CPU child takes at most 64 MiB, and 32 KiB of arguments")
        deadline = time.monotonic() + seconds
        failure = CPUFailure.BUSY
        try:
            async with asyncio.timeout(seconds), self._turns.of(named[1]):
                failure = CPUFailure.TIME
                left = deadline - time.monotonic()
                CPU_WAIT_SECONDS.observe(seconds - left)
                return await self._call(function, data, args, deadline, bounds)
        except TimeoutError:
            raise CPUWorkError(failure) from None

    async def _call(self, function: str, data: bytes, args: Any, deadline: float, bounds: Bounds) -> Any:
        """Call *function* in a child, which is kept for the next call of its module if it ended well."""
        if self._is_closed:
            raise CPUWorkError(CPUFailure.START)
        module, _, name = function.partition(":")
        child = self._take(module)
        ended = self._busy[child] = asyncio.Event()
        try:
            if not child.is_sound:
                await child.begin()
                self._report(child)
            # Its own clock ends the fork even if we are gone by then, and cannot.
            seconds = max(deadline - time.monotonic(), 0.001)
            return await child.call(name, data, args, seconds=seconds, bounds=bounds)
        finally:
            del self._busy[child]
            self._idle.append(child)
            if child.is_sound and not self._is_closed:
                self._expire_later(child)
            else:
                self._discard(child)
            ended.set()

    def _take(self, module: str) -> CPUChild:
        """Return an idle child of *module*, else a new one, for which an idle one may have to end."""
        for child in [child for child in self._idle if child.has_ended]:
            self._discard(child)
        for child in reversed(self._idle):  # the last is the warmest, and the first can end
            if child.module == module:
                self._idle.remove(child)
                return child
        if self._idle and len(self._busy) + len(self._idle) >= self._most:
            self._discard(self._idle[0])
        child = CPUChild(module)
        CPU_CHILDREN.inc()
        return child

    def _discard(self, child: CPUChild) -> None:
        """End *child*, which is idle, without waiting for it."""
        self._idle.remove(child)
        CPU_CHILDREN.dec()
        self._ending.begin(child.stop())

    def _expire_later(self, child: CPUChild) -> None:
        """Have *child* end, unless it is called meanwhile."""
        calls = child.calls

        def expire() -> None:
            if child in self._idle and child.calls == calls:
                self._discard(child)

        asyncio.get_running_loop().call_later(self._idle_seconds, expire)

    def _report(self, child: CPUChild) -> None:
        """Say once what children of this system cannot be kept from."""
        if child.missing and not self._has_reported:
            self._has_reported = True
            log(_logger, "cpu_confinement_incomplete", level=logging.WARNING, names=child.missing)


class _Turns:
    """So many at once; those who wait are let in package by package, and in order within one."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def of(self, package: str) -> "_Turn":
        """Return what waits for a turn of *package*, and gives it back."""
        return _Turn(self, package)

    async def wait(self, package: str) -> None:
        """Wait for a turn."""
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(package, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # it came in the same moment
            raise

    def release(self) -> None:
        """Pass a turn on to the package that has waited longest for one."""
        while self._waiting:
            package = next(iter(self._waiting))
            queue = self._waiting.pop(package)
            turn = queue.popleft()
            if queue:
                self._waiting[package] = queue  # at the end now
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Turn:
    """One turn, as a context."""

    def __init__(self, turns: _Turns, package: str) -> None:
        self._turns = turns
        self._package = package

    async def __aenter__(self) -> None:
        await self._turns.wait(self._package)

    async def __aexit__(self, *_error: object) -> None:
        self._turns.release()


def _processors() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
