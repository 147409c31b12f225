"""How long the turns of an event loop take, in CPU time: other programs on the machine do not count."""

import asyncio
import time


class Turns:
    """Measures every callback of the loop, from when it is made.

    Attributes:
        longest: CPU seconds of the longest one.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        run = asyncio.Handle._run  # noqa: SLF001 - where every callback passes

        def measured(handle: asyncio.Handle) -> None:
            started = time.thread_time()
            run(handle)
            self.longest = max(self.longest, time.thread_time() - started)

        asyncio.Handle._run = measured  # noqa: SLF001


class Gaps:
    """How long the loop was kept waiting by other threads, in CPU time of the process.

    A timer of half a millisecond fires late while another thread holds the interpreter; the time in which
    nobody runs does not count. It also fires late when the machine runs something else in place of the loop,
    and the other thread runs on: so look at many measurements, and not at the longest.

    Attributes:
        longest: CPU seconds of the longest wait.
    """

    _BEAT_SECONDS = 0.0005

    def __init__(self) -> None:
        self.longest = 0.0
        self._before = time.process_time()
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(self._BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        now = time.process_time()
        self.longest = max(self.longest, now - self._before)
        self._before = now
        self._loop.call_later(self._BEAT_SECONDS, self._beat)
