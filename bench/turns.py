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
