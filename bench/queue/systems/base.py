"""What every system under test offers, so that each measure is written once."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

#: What a job carries: 1 KiB, as sealed arguments of a resolution job do.
PAYLOAD = bytes(range(256)) * 4

Body = Callable[[], Awaitable[None]]


class System(ABC):
    """One job queue on PostgreSQL."""

    name: str
    #: Whether the event loop is uvloop's, as the system's authors recommend.
    uses_uvloop = False

    def __init__(self, dsn: str) -> None:
        """Use the database *dsn*."""
        self.dsn = dsn

    @abstractmethod
    async def set_up(self) -> None:
        """Make the tables."""

    @abstractmethod
    async def fill(self, count: int) -> None:
        """Enqueue *count* jobs in the fastest way the system has."""

    @abstractmethod
    async def enqueue(self) -> None:
        """Enqueue one job, committed when this returns, waking a worker that waits."""

    @abstractmethod
    async def work(
        self, slots: int, body: Body | None, ended: Callable[[], None], stop: asyncio.Event
    ) -> None:
        """Run jobs, at most *slots* at once, until *stop*; return when every end is durable.

        Args:
            slots: jobs at once in this process.
            body: what each job does; None for nothing.
            ended: to be called at the end of each job's body.
            stop: set to have the worker leave.
        """

    async def close(self) -> None:  # noqa: B027 - not every system keeps something open
        """Close what `enqueue` and `fill` have opened."""
