"""Questions and the gates before vendors: who is asked, what is waited for, and what is reported."""

import asyncio
import logging
from collections import Counter

import pytest

from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.base.metrics import VENDOR_BREAKER_CHANGES, VENDOR_BUDGETS_REACHED, VENDOR_REFUSALS
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal
from proofing.contracts.vendor_gates import BreakerState, BreakerTerms, CallLimits, GateOutcome
from proofing.routing.gates import Gatekeeper, gate_of, outcome_of
from proofing.settings import LiveSettings, Settings
from proofing.testing.waiting import eventually
from proofing_local.results import LocalResultStore
from proofing_local.settings import LocalSettings

PHONE = ProoferKind.PHONE
NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86_400 + 12 * 3600.0
FAULT, ANSWERED = GateOutcome.FAULT, GateOutcome.ANSWERED


class Store(LocalResultStore):
    """A store that counts the round trips, with a clock that the test sets."""

    def __init__(self, folder):
        self.now_is = NOON
        self.calls = Counter()
        self.is_asked = asyncio.Event()
        super().__init__(LocalSettings(directory=str(folder)), clock=lambda: self.now_is)

    async def enter(self, *arguments, **named):
        self.calls["enter"] += 1
        self.is_asked.set()
        return await super().enter(*arguments, **named)

    async def leave(self, *arguments, **named):
        self.calls["leave"] += 1
        return await super().leave(*arguments, **named)


class Parts:
    """A gatekeeper, its store, and the settings that the test changes."""

    def __init__(self, folder):
        self.store = Store(folder)
        self.live = LiveSettings(make_settings())
        self.gates = Gatekeeper(self.store, self.live)

    def set(self, **values):
        """Have other settings in effect."""
        self.live.current = make_settings(**values)

    async def enter(self, *names, seconds_left=50.0):
        return await self.gates.enter(PHONE, names, seconds_left=seconds_left)

    async def ask(self, *names, outcome=None):
        """Put one question and return who was asked."""
        with await self.enter(*names) as permit:
            if outcome is not None:
                permit.report(outcome)
        await self.reported()
        return permit.vendor

    async def state(self):
        """Return the state of the gate that is asked about."""
        (reading,) = await self.gates.read([(PHONE, "acme:phone")])
        return reading.state

    async def reported(self):
        """Wait for what is reported in the background."""
        await eventually(lambda: not self.gates._reports.pending())


def make_settings(**values):
    """Return settings with what they must have."""
    key = "00" * 32
    return Settings(session_encryption_key=key, hmac_fingerprinter_key=key, **values)


@pytest.fixture
async def parts(tmp_path):
    """A gatekeeper on an open store."""
    parts = Parts(tmp_path)
    await parts.store.open()
    yield parts
    await parts.gates.close()
    await parts.store.close()


def test_the_settings_make_gates():
    """Limits of the vendor and of the product both hold; the breaker is the product's own."""
    settings = make_settings(
        vendor_breaker={"faults": 4, "open_seconds": 20, "probe_seconds": 9},
        vendor_breaker_overrides={"acme": None, "acme:phone": {"faults": 2}},
        vendor_rate_limits={"acme": 400, "other": 0.5},
        vendor_concurrency_limits={"acme:phone": 3},
        vendor_hourly_budgets={"acme": 100, "mock": 7},
        job_deadline_seconds=33,
    )
    gate = gate_of(settings, PHONE, "acme:phone")
    assert gate.name == "phone/acme:phone"
    assert gate.breaker == BreakerTerms(faults=2, open_seconds=30, probe_seconds=60)
    assert gate.limits == (
        CallLimits(scope="acme", per_second=400, burst=4, per_hour=100),
        CallLimits(scope="acme:phone", concurrent=3),
    )
    assert gate.lease_seconds == 33
    assert gate_of(settings, PHONE, "acme:else").breaker is None
    other = gate_of(settings, PHONE, "other:phone")
    assert other.breaker == BreakerTerms(faults=4, open_seconds=20, probe_seconds=9)
    assert other.limits == (CallLimits(scope="other", per_second=0.5, burst=1),)
    assert gate_of(settings, PHONE, "mock").limits == (CallLimits(scope="mock", per_hour=7),)
    assert gate_of(settings, ProoferKind.RESOLUTION, "mock").limits == gate_of(settings, PHONE, "mock").limits


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_judged(cause):
    """What the next question would meet, too, is a fault; what a source or the question is about is not."""
    expected = {
        Cause.SOURCE_DOWN: ANSWERED,
        Cause.SOURCE_TIMEOUT: ANSWERED,
        Cause.BAD_REQUEST: ANSWERED,
        Cause.INTERRUPTED: GateOutcome.NOTHING,
        Cause.ABANDONED: GateOutcome.NOTHING,
    }
    assert outcome_of(VendorError(cause, "text")) is expected.get(cause, FAULT)
    assert outcome_of(None) is ANSWERED


async def test_a_usual_question_costs_one_round_trip(parts):
    """An answer of a vendor without faults is not reported; one after a fault is, and forgets it."""
    for _ in range(3):
        assert await parts.ask("acme:phone", "other", outcome=ANSWERED) == "acme:phone"
    assert parts.store.calls == {"enter": 3}
    await parts.ask("acme:phone", outcome=FAULT)
    await parts.ask("acme:phone", outcome=ANSWERED)
    await parts.ask("acme:phone", outcome=ANSWERED)
    assert parts.store.calls == {"enter": 6, "leave": 2}
    assert (await parts.state()).faults == 0


async def test_a_vendor_without_terms_costs_none(parts):
    """Neither breaker nor limit: the store is not asked."""
    parts.set(vendor_breaker=None)
    assert await parts.ask("acme:phone", outcome=FAULT) == "acme:phone"
    assert parts.store.calls == {}


async def test_a_breaker_opens_and_closes(parts, caplog):
    """With counts and lines for operators, once for each change; meanwhile the next vendor is asked."""
    caplog.set_level(logging.INFO)

    def changes(state):
        return VENDOR_BREAKER_CHANGES.labels("acme", "phone", state.value)._value.get()

    before = [changes(state) for state in (BreakerState.OPEN, BreakerState.CLOSED)]
    refused = VENDOR_REFUSALS.labels("acme", "phone", "breaker_open")._value.get()
    for _ in range(5):
        assert await parts.ask("acme:phone", "other", outcome=FAULT) == "acme:phone"
    permit = await parts.enter("acme:phone", "other")
    assert (permit.vendor, permit.refused) == ("other", {"acme:phone": Refusal.BREAKER_OPEN})
    permit = await parts.enter("acme:phone")
    assert (permit.vendor, permit.refused) == (None, {"acme:phone": Refusal.BREAKER_OPEN})
    permit.release()
    parts.store.now_is += 30
    with await parts.enter("acme:phone", "other") as probe:
        assert probe.vendor == "acme:phone"
        assert (await parts.enter("acme:phone", "other")).vendor == "other"
        probe.report(ANSWERED)
    await parts.reported()
    assert await parts.ask("acme:phone", "other", outcome=ANSWERED) == "acme:phone"
    assert [changes(BreakerState.OPEN), changes(BreakerState.CLOSED)] == [before[0] + 1, before[1] + 1]
    assert VENDOR_REFUSALS.labels("acme", "phone", "breaker_open")._value.get() == refused + 3
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("gates")]
    assert lines == ["vendor_breaker_opened", "vendor_breaker_closed"]


@pytest.mark.parametrize("ending", ["canceled", "broken"])
async def test_a_probe_that_tells_nothing(parts, ending):
    """Its job is canceled, or its adapter broke: the next question is the probe, without any wait."""
    for _ in range(5):
        await parts.ask("acme:phone", outcome=FAULT)
    parts.store.now_is += 30
    error = asyncio.CancelledError if ending == "canceled" else ValueError
    probe = await parts.enter("acme:phone")
    with pytest.raises(error), probe:
        raise error
    await parts.reported()
    assert await parts.ask("acme:phone", outcome=ANSWERED) == "acme:phone"
    assert (await parts.state()).breaker is BreakerState.CLOSED


async def test_what_a_reading_names_as_refused_is_what_would_be(parts):
    """Open, half-open without a probe, and while the probe is on its way."""

    async def refusal():
        (reading,) = await parts.gates.read([(PHONE, "acme:phone")])
        return reading.refusal

    for _ in range(5):
        await parts.ask("acme:phone", outcome=FAULT)
    assert await refusal() is Refusal.BREAKER_OPEN
    parts.store.now_is += 30
    assert await refusal() is None
    with await parts.enter("acme:phone") as probe:
        assert await refusal() is Refusal.BREAKER_OPEN
        assert (await parts.enter("acme:phone")).vendor is None
        probe.report(ANSWERED)
    await parts.reported()
    assert await refusal() is None


async def test_a_place_is_released_however_the_call_ends(parts):
    """Once; a released permit holds nothing."""
    parts.set(vendor_concurrency_limits={"acme": 1})
    for ended in (ANSWERED, FAULT, None):
        assert await parts.ask("acme:phone", outcome=ended) == "acme:phone"
    permit = await parts.enter("acme:phone")
    other = await parts.enter("acme:other", "other")
    assert (other.vendor, other.refused) == ("other", {"acme:other": Refusal.CONCURRENCY_LIMIT})
    for _ in range(2):
        permit.release()
    await parts.reported()
    assert parts.store.calls["leave"] == 4
    assert (await parts.enter("acme:other")).vendor == "acme:other"


async def test_a_budget_that_is_used_up(parts):
    """Counts for its alarm, too; the next hour of the store begins a new one."""
    parts.set(vendor_hourly_budgets={"acme": 2})
    before = VENDOR_BUDGETS_REACHED.labels("acme:phone")._value.get()
    assert [await parts.ask("acme:phone", outcome=ANSWERED) for _ in range(3)] == ["acme:phone"] * 2 + [None]
    assert VENDOR_BUDGETS_REACHED.labels("acme:phone")._value.get() == before + 1
    parts.store.now_is += 3599
    assert await parts.ask("acme:phone") is None
    parts.store.now_is += 1
    assert await parts.ask("acme:phone") == "acme:phone"


async def test_a_rate_is_waited_for(parts):
    """In the order of coming, for at most half of the job's time; then the next vendor is asked."""
    parts.set(vendor_rate_limits={"acme": 20})
    loop = asyncio.get_running_loop()
    began = loop.time()
    permits = await asyncio.gather(*(parts.enter("acme:phone") for _ in range(6)))
    assert {permit.vendor for permit in permits} == {"acme:phone"}
    # The store's clock stands still: one at once, then one each 50 ms.
    assert loop.time() - began >= 5 / 20 - 0.01
    assert (await parts.enter("acme:phone", "other", seconds_left=0.4)).vendor == "other"
    assert (await parts.enter("acme:phone", seconds_left=-1)).refused == {"acme:phone": Refusal.RATE_LIMIT}


async def test_a_wait_that_is_canceled_releases_the_place(parts):
    """The place in the rate is lost, so that nobody is faster for it; that among the calls at once is not."""
    parts.set(vendor_rate_limits={"acme": 0.5}, vendor_concurrency_limits={"acme": 2})
    assert await parts.ask("acme:phone") == "acme:phone"
    waiting = asyncio.create_task(parts.enter("acme:phone"))

    async def running():
        return (await parts.state()).limits[0].running

    await eventually(running)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await parts.reported()
    (limits,) = (await parts.state()).limits
    assert (limits.running, limits.wait_seconds) == (0, 4.0)


async def test_a_question_that_is_canceled_while_the_store_is_asked(parts):
    """Whatever the store admitted meanwhile is released."""
    parts.set(vendor_concurrency_limits={"acme": 1})
    asking = asyncio.create_task(parts.enter("acme:phone", "other"))
    await parts.store.is_asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await parts.reported()
    assert await parts.ask("acme:phone", outcome=ANSWERED) == "acme:phone"


async def test_settings_hold_from_the_next_question_on(parts):
    """Without a restart."""
    assert await parts.ask("acme:phone") == "acme:phone"
    parts.set(vendor_hourly_budgets={"acme:phone": 0})
    assert await parts.ask("acme:phone") is None
    parts.set()
    assert await parts.ask("acme:phone") == "acme:phone"


async def test_a_store_that_cannot_be_reached(parts):
    """A vendor with limits is not asked; one with a breaker alone is."""
    await parts.store.close()
    permit = await parts.enter("acme:phone", "other")
    assert (permit.vendor, permit.refused) == ("acme:phone", {})
    permit.report(FAULT)
    permit.release()
    assert parts.store.calls["leave"] == 0
    parts.set(vendor_rate_limits={"acme": 5})
    with pytest.raises(StoreUnavailableError):
        await parts.enter("acme:phone", "other")


async def test_an_operator_closes_a_breaker(parts):
    """And sees what it closes."""
    for _ in range(5):
        await parts.ask("acme:phone", outcome=FAULT)
    state = await parts.state()
    assert (state.breaker, state.faults, state.until) == (BreakerState.OPEN, 5, NOON + 30)
    assert await parts.gates.close_breaker(PHONE, "acme:phone")
    assert not await parts.gates.close_breaker(PHONE, "acme:phone")
    assert await parts.ask("acme:phone") == "acme:phone"
