"""What the cases of the result store contract share: making stores, records, and the times they use."""

import contextlib
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

import pytest

from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.contracts.stores import ResultStore

#: Long enough that nothing expires while a test runs.
LIFE_SECONDS = 300.0
#: Short enough to see something expire.
SHORT_LIFE_SECONDS = 0.3
#: By when a store that cannot be reached must have failed.
GIVE_UP_SECONDS = 20.0


def make_record(result_id: str | None = None, *, owner: str = "person-1") -> StatusRecord:
    """Return a record in progress under a fresh id."""
    return StatusRecord(
        result_id=result_id or str(uuid.uuid4()),
        kind=JobKind.RESOLUTION,
        owner=owner,
        submitted_at=time.time(),
    )


def make_ended(record: StatusRecord, end: EndState = EndState.DONE) -> StatusRecord:
    """Return *record* as terminal, with every field filled."""
    return record.finished(
        end,
        at=time.time(),
        outcome=Outcome.PASSED if end is EndState.DONE else Outcome.UNKNOWN,
        reasons=("pass_resolution_and_state_id",),
        wrong_fields={"front": "glare_low"},
    )


class ResultStoreBasis(ABC):
    """How the cases get their stores. Two stores from `make_store` look at the same data."""

    @abstractmethod
    def make_store(self) -> ResultStore:
        """Return a store that is not open yet; each call returns another view of the same data."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    def make_unreachable_store(self) -> ResultStore | None:
        """Return a store whose backend does not answer, or None to skip those tests."""
        return None

    @pytest.fixture
    async def store(self) -> AsyncIterator[ResultStore]:
        """Give an open store."""
        async with self.opened(1) as (store,):
            yield store

    @pytest.fixture
    async def pair(self) -> AsyncIterator[Sequence[ResultStore]]:
        """Give two open stores on the same data, as web and worker have them."""
        async with self.opened(2) as stores:
            yield stores

    @contextlib.asynccontextmanager
    async def opened(self, count: int) -> AsyncIterator[Sequence[ResultStore]]:
        """Open *count* stores and close them at the end."""
        async with contextlib.AsyncExitStack() as stack:
            stores = [self.make_store() for _ in range(count)]
            for store in stores:
                await store.open()
                stack.push_async_callback(store.close)
            yield stores
