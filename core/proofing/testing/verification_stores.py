"""The contract suite of verification stores: changes, events, deliveries, credentials, processes.

Subclass `VerificationStoreContract` and say how to make a store, here and in a process of its own::

    class TestMyStore(VerificationStoreContract):
        def make_store(self) -> VerificationStore:
            return MyStore(...)

        def process_spec(self) -> Mapping[str, Any]:
            return {"plugin": "mine", "settings": {...}}
"""

import asyncio
import logging
import time

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.verification_store import ClaimedDelivery, EndpointState, VerificationStore
from proofing.contracts.verifications import Mode, Sealed
from proofing.testing.injections import Calls, assert_unavailable, extended, foreign_errors
from proofing.testing.verification_basis import (
    GIVE_UP_SECONDS,
    PARTY,
    add,
    make_answer,
    make_credential,
    make_event,
    make_verification,
)
from proofing.testing.verification_changes import ChangeCases
from proofing.testing.verification_credentials import CredentialCases
from proofing.testing.verification_deliveries import DeliveryCases
from proofing.testing.verification_lists import ListCases
from proofing.testing.verification_survival import SurvivalCases


def _reading(store: VerificationStore) -> Calls:
    """Return a call of each method that changes nothing."""
    return {
        "load": lambda: store.load("ver_1"),
        "find_link": lambda: store.find_link("00"),
        "end_of": lambda: store.end_of("job"),
        "ends": lambda: store.ends("ver_1"),
        "begun_jobs": lambda: store.begun_jobs("ver_1"),
        "overdue_jobs": lambda: store.overdue_jobs(before=1.0, limit=1),
        "overdue_verifications": lambda: store.overdue_verifications(before=1.0, limit=1),
        "page": lambda: store.page(PARTY, Mode.LIVE, limit=1),
        "of_person": lambda: store.of_person("person"),
        "idempotent_answer": lambda: store.idempotent_answer("scope", "key"),
        "events": lambda: store.events(PARTY, Mode.LIVE, after=0, limit=1),
        "next_delivery_at": store.next_delivery_at,
        "deliveries": store.deliveries,
        "endpoint_states": store.endpoint_states,
        "credential": lambda: store.credential("key_1"),
        "credentials": store.credentials,
    }


def _writing(store: VerificationStore, claimed: ClaimedDelivery) -> Calls:
    """Return a call of each method that changes something; *claimed* is a delivery that the store gave."""
    return {
        "create": lambda: store.create(make_verification(), sealed={}),
        "change": lambda: store.change(make_verification(sequence=2)),
        "delete": lambda: store.delete("ver_1"),
        "keep_answer": lambda: store.keep_answer(make_answer("key")),
        "purge_answers": lambda: store.purge_answers(before=1.0),
        "purge_events": lambda: store.purge_events(before=1.0),
        "claim_deliveries": lambda: store.claim_deliveries(limit=1, per_endpoint=1, lease_seconds=1.0),
        "finish_delivery": lambda: store.finish_delivery(claimed, claimed.delivery),
        "replay_deliveries": lambda: store.replay_deliveries(relying_party=PARTY),
        "set_endpoint": lambda: store.set_endpoint(
            EndpointState(relying_party=PARTY, mode=Mode.LIVE, endpoint="hook")
        ),
        "add_credential": lambda: store.add_credential(make_credential()),
        "retire_credential": lambda: store.retire_credential("key_1", at=1.0),
        "note_use": lambda: store.note_use("key_1", at=1.0),
        "delete_credential": lambda: store.delete_credential("key_1"),
    }


class VerificationStoreContract(ChangeCases, ListCases, DeliveryCases, CredentialCases, SurvivalCases):
    """What every verification store does. All stores from `make_store` look at the same data."""

    async def test_the_contract_is_kept(self, store: VerificationStore) -> None:
        """It has every method, its clock is near ours, and it answers a ping."""
        assert isinstance(store, VerificationStore)
        assert abs(store.now() - time.time()) < GIVE_UP_SECONDS
        await store.ping()

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice; data survives it."""
        store = self.make_store()
        await store.close()
        await store.open()
        record = await add(store)
        await store.close()
        await store.close()
        await store.open()
        assert await store.load(record.id) is not None
        await store.close()

    async def test_logs_hold_no_values(
        self, store: VerificationStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither sealed values nor references, keys or digests are logged."""
        with caplog.at_level(logging.DEBUG):
            record = await add(
                store, make_event(), person="canary-person", sealed={Sealed.SUBJECT: b"canary-subject"}
            )
            await store.keep_answer(make_answer("canary-key", answer=b"canary-answer"))
            await store.add_credential(make_credential(digest=b"canary-digest", sealed=b"canary-sealed"))
            await store.page(PARTY, Mode.LIVE, limit=1, person="canary-person")
            await store.find_link("canary-link")
            await store.delete(record.id)
        assert "canary" not in caplog.text

    async def test_what_holds_secrets_prints_none(self, store: VerificationStore) -> None:
        """Sealed values, answers and credentials are not in the text of what the store returns."""
        record = await add(store, sealed={Sealed.SUBJECT: b"canary-subject"})
        await store.keep_answer(make_answer("canary-key", answer=b"canary-answer"))
        found = [await store.load(record.id), await store.idempotent_answer("acme/live/create", "canary-key")]
        assert None not in found
        assert "canary" not in repr(found)

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        store: VerificationStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError` at every method, and the store recovers."""
        record = await add(store, make_event(endpoints=["hook"]))
        (claimed,) = await store.claim_deliveries(limit=1, per_endpoint=1, lease_seconds=60.0)
        other = self.make_store()
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {"open": other.open, **_reading(store), **_writing(store, claimed)}
            calls = extended(calls, store, VerificationStore, without={"migrate"})
            await assert_unavailable(calls, StoreUnavailableError, foreign, caplog)
            await other.close()
        assert await store.load(record.id) is not None

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the store's own deadline."""
        store = self.make_unreachable_store()

        async def use() -> None:
            await store.open()
            await store.load("ver_1")

        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(use(), GIVE_UP_SECONDS)
        await store.close()
