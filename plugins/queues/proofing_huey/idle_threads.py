"""Where idle worker threads wait until the storage's watcher says that there are jobs.

One watcher a process asks or listens for all its threads; a thread of its own asks only when woken. So a
hundred idle threads cost nothing, and a job starts milliseconds after it was enqueued.
"""

import threading


class IdleThreads:
    """The idle threads of one queue."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._condition = threading.Condition()
        self._generation = 0
        self._idle = 0
        self._is_closed = False

    @property
    def generation(self) -> int:
        """A number that changes with every wake-up; read it before looking for a job."""
        return self._generation

    def wait(self, generation: int, seconds: float) -> None:
        """Wait for a wake-up after *generation*, at most *seconds*; return right away when there was one."""
        with self._condition:
            if self._is_closed or self._generation != generation:
                return
            self._idle += 1
            try:
                self._condition.wait(seconds)
            finally:
                self._idle -= 1

    def wake(self, count: int) -> None:
        """Let *count* threads look for a job, and any that is about to wait."""
        with self._condition:
            self._generation += 1
            self._condition.notify(count)

    def open(self) -> None:
        """Let threads wait again after `close`."""
        with self._condition:
            self._is_closed = False

    def close(self) -> None:
        """Let every thread go, and none wait from now on."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
