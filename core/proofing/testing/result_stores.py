"""The contract suite of result stores: records, results, blobs, limit counters and the gates before vendors.

Subclass `ResultStoreContract` and say how to make a store::

    class TestMyStore(ResultStoreContract):
        def make_store(self) -> ResultStore:
            return MyStore(...)
"""

import asyncio
import logging
import uuid

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.records import State
from proofing.contracts.stores import Mark, ResultStore
from proofing.contracts.vendor_gates import GateOutcome
from proofing.testing.injections import Calls, assert_unavailable, extended, foreign_errors
from proofing.testing.result_changes import ChangeCases
from proofing.testing.result_gates import GateCases, make_gate
from proofing.testing.result_records import RecordCases
from proofing.testing.result_values import ValueCases
from proofing.testing.store_basis import GIVE_UP_SECONDS, LIFE_SECONDS, make_ended, make_record


class ResultStoreContract(RecordCases, ValueCases, ChangeCases, GateCases):
    """What every result store does. Two stores from `make_store` look at the same data."""

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice; data survives it."""
        store = self.make_store()
        await store.close()
        await store.open()
        await store.save("key", b"value", ttl_seconds=LIFE_SECONDS)
        await store.close()
        await store.close()
        await store.open()
        assert await store.load("key") == b"value"
        await store.close()

    async def test_logs_hold_no_values(self, store: ResultStore, caplog: pytest.LogCaptureFixture) -> None:
        """Neither values nor keys nor owners are logged."""
        with caplog.at_level(logging.DEBUG):
            ended = make_ended(make_record(owner="canary-owner"))
            await store.finish(ended, ttl_seconds=LIFE_SECONDS, sealed_result=b"canary-result")
            await store.save("canary-key", b"canary-value", ttl_seconds=LIFE_SECONDS)
            await store.count("canary-counter", maximum=1, window_seconds=LIFE_SECONDS)
            await store.drop_result(ended.result_id)
        assert ended.state is State.DONE
        assert "canary" not in caplog.text

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        store: ResultStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError` at every method, and the store recovers."""
        record = make_record()
        await store.begin(record, ttl_seconds=LIFE_SECONDS)
        name, life = record.result_id, LIFE_SECONDS
        other = self.make_store()
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {
                "open": other.open,
                "begin": lambda: store.begin(make_record(), ttl_seconds=life),
                "finish": lambda: store.finish(make_ended(record), ttl_seconds=life),
                "update": lambda: store.update(record, ttl_seconds=life),
                "status": lambda: store.status(name),
                "wait": lambda: store.wait(name, timeout_seconds=life),
                "drop_result": lambda: store.drop_result(name),
                "save": lambda: store.save("key", b"value", ttl_seconds=life),
                "load": lambda: store.load("key"),
                "delete": lambda: store.delete("key"),
                "add": lambda: store.add("key", b"value", ttl_seconds=life),
                "result": lambda: store.result(name),
                "compare_and_set": lambda: store.compare_and_set(
                    "key", b"value", expected=b"", ttl_seconds=life
                ),
                "admit": lambda: store.admit(marks=[Mark(key="mark", value=b"", ttl_seconds=life)]),
                "add_member": lambda: store.add_member("key", b"member", ttl_seconds=life),
                "members": lambda: store.members("key"),
                "drop_members": lambda: store.drop_members("key"),
                "erase": lambda: store.erase(name),
                "count": lambda: store.count("counter", maximum=1, window_seconds=life),
                "usage": lambda: store.usage("counter"),
                "refund": lambda: store.refund("counter"),
                "reset": lambda: store.reset("counter"),
                "enter": lambda: store.enter([make_gate()], entrant="e", max_wait_seconds=0.0),
                "leave": lambda: store.leave(make_gate(), entrant="e", outcome=GateOutcome.FAULT),
                "gate_states": lambda: store.gate_states([make_gate()]),
                "close_breaker": lambda: store.close_breaker(make_gate()),
            }
            calls = extended(calls, store, ResultStore, without={"time"})
            await assert_unavailable(calls, StoreUnavailableError, foreign, caplog)
            await other.close()
        await store.save("key", b"value", ttl_seconds=LIFE_SECONDS)
        assert await store.load("key") == b"value"

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
