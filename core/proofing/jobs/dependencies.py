"""What everything that handles jobs in one process shares: one record, made by `proofing.bootstrap`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from proofing.base.retries import FIRST_WAIT_SECONDS, RETRY_SECONDS, retry_while_unavailable
from proofing.contracts.queues import Queue
from proofing.contracts.stores import ImageStore, ResultStore
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.way_back import WayBack
from proofing.routing.router import Router
from proofing.settings import LiveSettings

StepT = TypeVar("StepT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long things may take. What an operator may choose is a setting, and not here.

    Attributes:
        publish_seconds: how long publishing an end is tried again while the result store is down. The queue
            is asked for ends of attempts that are older.
        publish_wait_seconds: the first wait between two tries; doubled each time, up to a second.
        delete_images_seconds: how long deleting the images of one job may take; then the sweeper does it.
        slow_submit_seconds: a submit that took longer may have been canceled by its person meanwhile.
        undo_wait_seconds: the first wait between two tries to withdraw a job from a queue that is down.
    """

    publish_seconds: float = RETRY_SECONDS
    publish_wait_seconds: float = FIRST_WAIT_SECONDS
    delete_images_seconds: float = 4.0
    slow_submit_seconds: float = 5.0
    undo_wait_seconds: float = 0.5

    async def retry_while_unavailable(self, step: Callable[[], Awaitable[StepT]]) -> StepT:
        """Do *step* again while its store is down; see `proofing.base.retries`."""
        return await retry_while_unavailable(
            step, retry_seconds=self.publish_seconds, first_wait_seconds=self.publish_wait_seconds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The parts of one process.

    Attributes:
        queue, results, images: the backends.
        sealer: seals and opens under `keys` and data keys.
        keys: sign records and slots.
        router: chooses vendors.
        clients: what all vendor calls share.
        way_back: makes and reads the ids by which what happens at a vendor finds its question.
        live: the settings in effect.
        deadlines: how long things may take.
    """

    queue: Queue
    results: ResultStore
    images: ImageStore
    sealer: Sealer
    keys: KeyRing
    router: Router
    clients: VendorClientPool
    way_back: WayBack
    live: LiveSettings
    deadlines: Deadlines = field(default_factory=Deadlines)
