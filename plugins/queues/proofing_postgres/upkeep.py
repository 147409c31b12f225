"""Chores of any worker that may take long: pruning the history, and resuming paused queues.

They have a connection of their own, opened when there is work and closed after it, so that no claim waits for
them. Each is done by one worker at a time, in many short transactions.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from proofing.plugin import QueueUnavailableError, get_logger, log
from proofing.plugin.support import jittered
from proofing_postgres.connections import PLAN_SETTINGS, ReconnectingConnection
from proofing_postgres.listening import JOBS_CHANNEL
from proofing_postgres.settings import PostgresSettings

#: Ends that one statement deletes, and jobs that one moves in time: a small part of a statement's time.
PRUNE_BATCH = 5000
SHIFT_BATCH = 1000
_PRUNE_SECONDS = 60.0
#: Between two batches, so that a long chore leaves the disk to the jobs.
_PAUSE_SECONDS = 0.02
_DAY_SECONDS = 86_400.0

_logger = get_logger(__name__)


class Upkeep:
    """Does the chores when asked, and prunes every minute.

    Args:
        settings: the plugin's.
        on_resume: called with the name of a queue whose jobs start again.

    Attributes:
        wanted: set to have the background tasks run right away.
    """

    def __init__(
        self, settings: PostgresSettings, on_resume: Callable[[str], None] = lambda _name: None
    ) -> None:
        self._settings = settings
        self._on_resume = on_resume
        # The disk is not waited for: what a crash takes back is done again.
        self._link = ReconnectingConnection(settings, {**PLAN_SETTINGS, "synchronous_commit": "off"})
        self.wanted = asyncio.Event()

    async def run(self) -> None:
        """Run the background tasks forever; wait while the database is down."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(jittered(_PRUNE_SECONDS)):
                    await self.wanted.wait()
            self.wanted.clear()
            try:
                await self.resume_queues()
                await self.prune()
            except QueueUnavailableError as error:
                log(_logger, "upkeep_failed", level=logging.WARNING, error=type(error).__name__)
            finally:
                await self.close()

    async def prune(self) -> int:
        """Delete history that is over its age and return how many ends; 0 when another worker is at it."""
        total = 0
        while True:
            count = await self._prune_batch()
            total += count
            if count < PRUNE_BATCH:
                return total
            await asyncio.sleep(_PAUSE_SECONDS)

    async def resume_queues(self) -> None:
        """Move the times of jobs that waited in a pause which is over, then let their queues continue."""
        while (name := await self._resume_step()) is not None:
            if name:
                self._on_resume(name)
                # Other workers may have the free slots.
                await self._link.run("notify", (JOBS_CHANNEL, name))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Close the connection; the next chore opens another."""
        await self._link.close()

    async def _prune_batch(self) -> int:
        """Delete one batch, as the only one that does, and return its size."""
        async with self._link.use() as connection, connection.transaction():
            rows, _count = await self._link.execute(connection, "take_turn", {"chore": "prune"})
            if rows != [(True,)]:
                return 0
            seconds = self._settings.history_days * _DAY_SECONDS
            ((count,),), _count = await self._link.execute(
                connection, "prune", {"seconds": seconds, "limit": PRUNE_BATCH}
            )
            return int(count)

    async def _resume_step(self) -> str | None:
        """Move one batch of jobs in time.

        Returns:
            The name of a queue that continues now, "" when there is more to do, None when there is nothing.
        """
        async with self._link.use() as connection, connection.transaction():
            rows, _count = await self._link.execute(connection, "resuming", ())
            if not rows:
                return None
            ((name, after),) = rows
            moved, _count = await self._link.execute(
                connection, "shift", {"queue": name, "after": after, "limit": SHIFT_BATCH}
            )
            if moved:
                last = max(row[0] for row in moved)
                await self._link.execute(connection, "shifted", {"queue": name, "last": last})
                return ""
            await self._link.execute(connection, "unpause", {"queue": name})
            return str(name)
