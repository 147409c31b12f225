"""Limits of client addresses and budgets of vendors: fixed hours, keyed digests, atomic counts."""

import asyncio
from collections import Counter
from functools import partial

import pytest

from proofing.base.errors import LimitReachedError
from proofing.base.metrics import VENDOR_BUDGETS_REACHED
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.vendor_gates import GateOutcome
from proofing.crypto.encryption import KeyRing
from proofing.routing.gates import Gatekeeper
from proofing.routing.shared_limits import SharedLimits
from proofing.settings import LiveSettings, Settings
from proofing_local.results import LocalResultStore
from proofing_local.settings import LocalSettings

HOUR = 3600.0
NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86_400 + 12 * HOUR
ADDRESS = "203.0.113.9"


class Clock:
    """A clock that the test sets."""

    now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
async def parts(tmp_path):
    """The limits, their clock and their store."""
    key = "00" * 32
    settings = Settings(
        session_encryption_key=key,
        hmac_fingerprinter_key=key,
        client_session_max_attempts=3,
        client_document_max_attempts=2,
        vendor_hourly_budgets={"mock:document": 2, "empty": 0},
    )
    live = LiveSettings(settings)
    clock = Clock()
    store = LocalResultStore(LocalSettings(directory=str(tmp_path)), clock=clock)
    gates = Gatekeeper(store, live)
    await store.open()
    shared = SharedLimits(
        results=store,
        keys=KeyRing(b"k" * 32),
        live=live,
        gates=gates,
        candidates=lambda kind, person: [
            "mock:document" if kind is JobKind.DOCUMENT and person == "person" else "other"
        ],
        clock=clock,
    )
    yield shared, partial(spend, gates), clock
    await gates.close()
    await store.close()


async def spend(gates, vendor):
    """Return whether a call of *vendor* is let through, which counts then."""
    with await gates.enter(ProoferKind.DOCUMENT, [vendor], seconds_left=10.0) as permit:
        permit.report(GateOutcome.ANSWERED)
        return permit.vendor is not None


async def begun(shared, network, count=20):
    """Begin sessions in parallel, and return how many were refused."""

    async def begin():
        try:
            await shared.count_session(network)
        except LimitReachedError as error:
            return error.limit == "client_session" and 0 < error.seconds_left <= HOUR
        return False

    return Counter(await asyncio.gather(*(begin() for _ in range(count))))


async def test_exactly_the_maximum_in_each_hour(parts):
    """Per address and clock hour; steady traffic does not keep an hour open."""
    shared, _spend_one, clock = parts
    assert await begun(shared, ADDRESS) == {False: 3, True: 17}
    assert await begun(shared, "203.0.113.10") == {False: 3, True: 17}
    assert await shared.seconds_left("client_session", ADDRESS) == HOUR
    clock.now += HOUR - 1
    assert await begun(shared, ADDRESS) == {True: 20}
    assert await shared.seconds_left("client_session", ADDRESS) == 1
    clock.now += 1
    assert await shared.seconds_left("client_session", ADDRESS) == 0
    assert await begun(shared, ADDRESS) == {False: 3, True: 17}


async def test_a_client_without_an_address_is_not_counted(parts):
    """Such as one on a Unix socket."""
    shared, _spend_one, _clock = parts
    assert await begun(shared, "") == {False: 20}
    assert shared.counters(JobKind.DOCUMENT, "") == []
    assert await shared.seconds_left("client_session", "") == 0


async def test_names_of_counters_hold_no_address(parts):
    """They are digests under a key of the day: no address, and no link between days or limits."""
    shared, _spend_one, clock = parts
    keys = set()
    for _ in range(3):
        for kind in JobKind:
            (counter,) = shared.counters(kind, ADDRESS)
            assert ADDRESS not in counter.key
            keys.add(counter.key.rpartition(":")[2])
        clock.now += 24 * HOUR
    assert len(keys) == 3 * len(JobKind)
    assert all(len(key) == 64 for key in keys)


async def test_calls_of_a_vendor_stay_within_its_budget(parts):
    """Counted before the call; a vendor without a budget is always asked, one of 0 never."""
    shared, spend_one, clock = parts
    assert Counter(await asyncio.gather(*(spend_one("mock:document") for _ in range(9)))) == {
        True: 2,
        False: 7,
    }
    assert await spend_one("other")
    assert not await spend_one("empty")
    with pytest.raises(LimitReachedError) as caught:
        await shared.require_budget(JobKind.DOCUMENT, "person")
    assert (caught.value.limit, caught.value.seconds_left) == ("vendor_budget", HOUR)
    await shared.require_budget(JobKind.PHONE, "person")
    await shared.require_budget(JobKind.DOCUMENT, "of another vendor")
    assert await shared.seconds_left("vendor_budget", ADDRESS, person="person") == HOUR
    assert await shared.seconds_left("vendor_budget", ADDRESS, person="of another vendor") == 0
    assert await shared.seconds_left("vendor_budget", ADDRESS) == 0
    clock.now += HOUR
    await shared.require_budget(JobKind.DOCUMENT, "person")
    assert await spend_one("mock:document")


async def test_a_person_who_is_refused_before_the_job_counts_as_a_budget_reached(parts):
    """Else the budget of a vendor that is the only one for its step is used up unseen: no job asks it."""
    shared, spend_one, _clock = parts

    def counted():
        return VENDOR_BUDGETS_REACHED.labels("mock:document")._value.get()

    before = counted()
    for _ in range(2):
        assert await spend_one("mock:document")
    assert counted() == before
    with pytest.raises(LimitReachedError):
        await shared.require_budget(JobKind.DOCUMENT, "person")
    assert counted() == before + 1
