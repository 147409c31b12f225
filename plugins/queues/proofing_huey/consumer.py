"""Huey's consumer, embedded in our worker process.

The process's own signal handlers stay in charge: `HueyQueue.work` stops the consumer. Threads log the class
of what went wrong and no more, and ask a storage that fails again after a growing, jittered wait.
"""

import random
import threading
from typing import Any

from huey.consumer import Consumer, Worker

from proofing_huey.huey_app import JobHuey

#: Waits between tries while the storage fails.
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0
_BACKOFF = 1.6
#: How long threads may take to end after their bodies were told to stop.
_JOIN_SECONDS = 10.0


class JobWorker(Worker):  # type: ignore[misc]
    """A thread that takes jobs one by one and waits for their bodies."""

    delay: float
    default_delay: float

    def loop(self, now: Any = None) -> None:  # noqa: ARG002 - Huey's argument, for its own tests
        """Take a job and run it to its end."""
        try:
            task = self.huey.dequeue()
        except Exception as error:  # noqa: BLE001 - any storage error; its text may show addresses
            if self.delay == self.default_delay:
                self.huey.note_unavailable(error)
            self.sleep()
            return
        self.delay = self.default_delay
        if task is None:
            return
        if self.stop_flag.is_set():
            # It was handed to us while we were being stopped.
            self.huey.hand_back(task)
        else:
            self.huey.run_to_end(task, self.stop_flag.wait)

    def sleep(self) -> None:
        """Wait, longer each time, and not in step with the other threads."""
        self.stop_flag.wait(self.delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
        self.delay = min(self.delay * self.backoff, self.max_delay)


class JobConsumer(Consumer):  # type: ignore[misc]
    """The threads and the scheduler of one queue."""

    worker_class = JobWorker
    worker_threads: list[tuple[JobWorker, threading.Thread]]

    def __init__(self, huey: JobHuey, threads: int) -> None:
        """Run at most *threads* jobs at once."""
        super().__init__(
            huey,
            workers=threads,
            periodic=False,
            initial_delay=_FIRST_WAIT_SECONDS,
            backoff=_BACKOFF,
            max_delay=_LONGEST_WAIT_SECONDS,
            scheduler_interval=1,
            shutdown_timeout=_JOIN_SECONDS,
            graceful_signal="TERM",
        )

    def finish(self) -> None:
        """Wait for the threads, whose bodies have ended or were told to, and hand back what is left."""
        if self.scheduler.ident is None:
            return  # The first to be started; there is nobody to wait for.
        # A thread that could not be started cannot be joined.
        self.worker_threads = [(worker, thread) for worker, thread in self.worker_threads if thread.ident]
        self.stop(graceful=True)
        self.huey.notify_interrupted_tasks()

    def _set_signal_handlers(self) -> None:
        """Leave the process's signals alone."""
