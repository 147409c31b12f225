"""What everything that handles jobs in one process shares: one record, made by `proofing.bootstrap`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from proofing.base.retries import FIRST_WAIT_SECONDS, RETRY_SECONDS, retry_while_unavailable
from proofing.contracts.call_records import CallStore
from proofing.contracts.ends import EndRecorder
from proofing.contracts.queues import Queue
from proofing.contracts.stores import ImageStore, ResultStore
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.jobs.asked_questions import QuestionListener, Shadow
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.recording import CallRecorder
from proofing.jobs.way_back import WayBack
from proofing.routing.gates import Gatekeeper
from proofing.routing.mocks import MockRouter
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
        queue, results, images, verifications, calls: the backends.
        sealer: seals and opens under `keys` and data keys.
        keys: sign records and slots.
        router, mocks: choose vendors, in live mode and in test mode; see `router_of`.
        clients: what all vendor calls share.
        way_back: makes and reads the ids by which what happens at a vendor finds its question.
        live: the settings in effect.
        ends: records begins and ends of jobs with their verification.
        gates: lets questions through to vendors, within their limits.
        recorder: keeps what jobs record of their calls and decisions.
        deadlines: how long things may take.
        listeners: take note of each question of each job.
        shadow: asks second vendors in the background; None for nobody.
    """

    queue: Queue
    results: ResultStore
    images: ImageStore
    verifications: VerificationStore
    calls: CallStore
    sealer: Sealer
    keys: KeyRing
    router: Router
    mocks: MockRouter
    clients: VendorClientPool
    way_back: WayBack
    live: LiveSettings
    ends: EndRecorder
    gates: Gatekeeper
    recorder: CallRecorder
    deadlines: Deadlines = field(default_factory=Deadlines)
    listeners: Sequence[QuestionListener] = ()
    shadow: Shadow | None = None

    def router_of(self, mode: Mode) -> Router:
        """Return who chooses vendors in *mode*: in test mode among mocks alone."""
        return self.router if mode is Mode.LIVE else self.mocks
