"""What the suites of durable stores share: two stores on the same data, opened and closed."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import pytest


class _Openable(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...


StoreT = TypeVar("StoreT", bound=_Openable)


class DurableStoreBasis(ABC, Generic[StoreT]):
    """How the cases get their stores. All stores from `make_store` look at the same data."""

    @abstractmethod
    def make_store(self) -> StoreT:
        """Return a store that is not open yet; each call returns another view of the same data."""

    @abstractmethod
    def process_spec(self) -> Mapping[str, Any]:
        """Return ``plugin`` and ``settings`` by which a process of its own makes a store on the same data."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    @abstractmethod
    def make_unreachable_store(self) -> StoreT:
        """Return a store whose backend does not answer."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[StoreT]:
        """Give an open store."""
        async with self.opened(1) as (store,):
            yield store

    @pytest.fixture
    async def pair(self) -> AsyncIterator[Sequence[StoreT]]:
        """Give two open stores on the same data, as two processes have them."""
        async with self.opened(2) as stores:
            yield stores

    @contextlib.asynccontextmanager
    async def opened(self, count: int) -> AsyncIterator[Sequence[StoreT]]:
        """Open *count* stores and close them at the end."""
        async with contextlib.AsyncExitStack() as stack:
            stores = [self.make_store() for _ in range(count)]
            for store in stores:
                stack.push_async_callback(store.close)
                await store.open()
            yield stores
