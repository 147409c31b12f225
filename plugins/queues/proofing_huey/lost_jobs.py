"""Ends the jobs whose worker has died: they were started, and nobody renews their lease.

Whether a vendor was asked, nobody knows: the intent died with the worker. So they end as *unknown outcome*,
and do not run again.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from proofing.plugin import EndState, JobMessage, ProofingError
from proofing_huey import storages
from proofing_huey.coroutine_bridge import CoroutineBridge, log_unpublished
from proofing_huey.huey_app import JobHuey

#: How often leases are renewed, and lost jobs looked for.
LOOK_SECONDS = 10.0


class LostJobs:
    """Keeps the leases of this process, and ends lost jobs of any, for as long as one `Queue.work` lasts."""

    def __init__(
        self, hueys: Sequence[JobHuey], bridge: CoroutineBridge, call: Callable[..., Awaitable[Any]]
    ) -> None:
        """Look after the jobs of *hueys*.

        Args:
            hueys: one a queue.
            bridge: publishes ends.
            call: runs a blocking call to the storage in a thread.
        """
        self._hueys = hueys
        self._bridge = bridge
        self._call = call
        self._looked_at = self._reachable_since = time.time()

    async def watch(self) -> None:
        """Renew and look again and again, until it is canceled."""
        # An end may have to wait for a result store, and no lease waits for that.
        async with asyncio.TaskGroup() as ends:
            while True:
                for message, started in await self._look():
                    ends.create_task(self._end(message, started))
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> list[tuple[JobMessage, bytes]]:
        """Renew the leases, and return the lost jobs.

        None for a lease's time after the storage was out of reach, or this host asleep: the workers that live
        have to renew first.
        """
        now = time.time()
        if now - self._looked_at > storages.LEASE_SECONDS:
            self._reachable_since = now
        self._looked_at = now
        try:
            for huey in self._hueys:
                await self._call(huey.renew_leases)
            if now - self._reachable_since < storages.LEASE_SECONDS:
                return []
            return [lost for huey in self._hueys for lost in await self._call(huey.take_lost)]
        except ProofingError:
            self._reachable_since = time.time()
            return []

    async def _end(self, message: JobMessage, started: bytes) -> None:
        """Publish the end of one job, then have the storage forget it; what fails is done again."""
        huey = next(huey for huey in self._hueys if huey.name == message.queue_name)
        try:
            await self._bridge.publish_on_loop(message, EndState.UNKNOWN_OUTCOME)
        except Exception as error:  # noqa: BLE001 - whatever it is, leases must be renewed
            log_unpublished(message, EndState.UNKNOWN_OUTCOME, error)
            return
        with contextlib.suppress(ProofingError):
            await self._call(huey.finish_lost, message, started)
