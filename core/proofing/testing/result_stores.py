"""The contract suite of result stores: records, results, blobs and limit counters.

Subclass `ResultStoreContract` and say how to make a store::

    class TestMyStore(ResultStoreContract):
        def make_store(self) -> ResultStore:
            return MyStore(...)
"""

import asyncio
import logging
import uuid

import pytest

from proofing.errors import StoreUnavailableError
from proofing.records import State
from proofing.stores import ResultStore
from proofing.testing.result_records import RecordCases
from proofing.testing.result_values import ValueCases
from proofing.testing.store_basis import GIVE_UP_SECONDS, LIFE_SECONDS, make_ended, make_record


class ResultStoreContract(RecordCases, ValueCases):
    """What every result store does. Two stores from `make_store` look at the same data."""

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice; data survives it."""
        store = self.make_store()
        await store.close()
        await store.open()
        await store.save("key", b"value", life_seconds=LIFE_SECONDS)
        await store.close()
        await store.close()
        await store.open()
        assert await store.load("key") == b"value"
        await store.close()

    async def test_logs_hold_no_values(self, store: ResultStore, caplog: pytest.LogCaptureFixture) -> None:
        """Neither values nor keys nor owners are logged."""
        with caplog.at_level(logging.DEBUG):
            ended = make_ended(make_record(owner="canary-owner"))
            await store.finish(ended, life_seconds=LIFE_SECONDS, sealed_result=b"canary-result")
            await store.save("canary-key", b"canary-value", life_seconds=LIFE_SECONDS)
            await store.count("canary-counter", maximum=1, window_seconds=LIFE_SECONDS)
            await store.take_result(ended.result_id)
        assert ended.state is State.DONE
        assert "canary" not in caplog.text

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the store's own deadline."""
        store = self.make_unreachable_store()
        if store is None:
            pytest.skip("no unreachable store to test with")

        async def use() -> None:
            await store.open()
            await store.status(str(uuid.uuid4()))

        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(use(), GIVE_UP_SECONDS)
        await store.close()
