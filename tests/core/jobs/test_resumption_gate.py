"""Polls and fetches of parked jobs pass the gates of their vendor: they may wait, and none is lost."""

import pytest

from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.base.metrics import VENDOR_REFUSALS
from proofing.contracts.continuation import Again, Due, Expired
from proofing.contracts.results import ProoferKind
from proofing.contracts.vendor_gates import BreakerState, GateOutcome
from proofing.settings.vendor_values import BreakerSettings
from proofing_devtools.later_vendors import YES, Later, drain_again, pending, put_in_place, submit

PHONE = ProoferKind.PHONE
OPEN = BreakerSettings(faults=1, open_seconds=600.0)
FULL = {"vendor_concurrency_limits": {"mock": 1}}


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(ruby_workers_idv_enabled=True, **values)


async def park(running, *answers):
    """Have a job wait for a vendor that gives *answers* when it is resumed; return the vendor."""
    vendor = put_in_place(running, PHONE, Later(pending(), *answers))
    await submit(running)
    assert await running.drain() == []
    return vendor


class Caller:
    """Another process of the installation that calls the vendor."""

    def __init__(self, running):
        self.results = running.runtime.backends.results
        self.gate = running.runtime.parts.gates.gate(PHONE, "mock")

    async def begin(self):
        """Begin a call."""
        entry = await self.results.enter([self.gate], entrant="other", max_wait_seconds=0.0)
        assert entry.index == 0

    async def end(self, outcome):
        """End it."""
        await self.results.leave(self.gate, entrant="other", outcome=outcome)

    async def state(self):
        """Return the state of the gate."""
        (state,) = await self.results.gate_states([self.gate])
        return state


def refusals(reason):
    """Return how many questions the vendor's limits have refused so far."""
    return VENDOR_REFUSALS.labels("mock", "phone", reason)._value.get()


def reasons(vendor):
    """Return why the vendor was resumed, one reason a call."""
    return [because for _request, _pending, because, _key in vendor.calls[1:]]


async def test_a_poll_waits_while_the_breaker_is_open(jobs, caplog):
    """The vendor is not called, the line says why, and the answer comes once the breaker has closed."""
    caplog.set_level("INFO", "proofing")
    async with jobs(vendor_breaker=OPEN.model_dump()) as running:
        vendor = await park(running, YES[PHONE])
        other = Caller(running)
        await other.begin()
        await other.end(GateOutcome.FAULT)
        assert await drain_again(running) == []
        assert reasons(vendor) == []
        ((_message, seconds),) = running.queue.parked
        assert seconds == pytest.approx(60, abs=1)
        line = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"][-1]
        assert line["vendors"] == [
            {"vendor": "mock", "step": "address", "success": False, "pending": True, "cause": "breaker_open"}
        ]
        await running.runtime.parts.gates.close_breaker(PHONE, "mock")
        (record,) = await drain_again(running)
    assert record.is_success
    assert reasons(vendor) == [Due()]


async def test_a_poll_that_fails_opens_the_breaker(jobs):
    """It says of the vendor what a question would."""
    async with jobs(vendor_breaker=OPEN.model_dump()) as running:
        await park(running, VendorError(Cause.UNREACHABLE, "away"))
        assert await drain_again(running) == []
        await running.runtime.parts.gates.close()
        assert (await Caller(running).state()).breaker is BreakerState.OPEN


async def test_a_poll_waits_for_a_place(jobs):
    """Calls at once are limited for polls, too, and each one releases its place."""
    async with jobs(**FULL) as running:
        vendor = await park(running, pending(), YES[PHONE])
        await running.runtime.parts.gates.close()
        other = Caller(running)
        await other.begin()
        assert await drain_again(running) == []
        assert reasons(vendor) == []
        await other.end(GateOutcome.ANSWERED)
        for _ in range(2):
            ended = await drain_again(running)
            await running.runtime.parts.gates.close()
            assert (await other.state()).limits[0].running == 0
    assert ended[0].is_success


async def test_a_poll_is_not_on_the_budget(jobs):
    """The question was, when it was put; its answer is fetched however little is left."""
    async with jobs(vendor_hourly_budgets={"mock": 1}) as running:
        await park(running, YES[PHONE])
        assert (await Caller(running).state()).limits[0].calls_this_hour == 1
        (record,) = await drain_again(running)
        assert record.is_success
        assert (await Caller(running).state()).limits[0].calls_this_hour == 1


async def test_the_last_fetch_is_not_refused(jobs):
    """Nobody would ask for an answer that may be paid for, once the question has expired."""
    async with jobs(**FULL) as running:
        # Due when it expires.
        vendor = put_in_place(running, PHONE, Later(pending(then=Again(7200)), YES[PHONE]))
        await submit(running)
        await running.drain()
        await running.runtime.parts.gates.close()
        await Caller(running).begin()
        before = refusals("concurrency_limit")
        (record,) = await drain_again(running)
    assert record.is_success
    assert reasons(vendor) == [Expired()]
    assert refusals("concurrency_limit") == before, "the vendor was asked"


async def test_limits_that_are_not_known_put_a_poll_off(jobs, monkeypatch):
    """A contract is not kept by hoping; the question stays where it is."""

    async def away(*_arguments, **_options):
        raise StoreUnavailableError("away")

    async with jobs(vendor_rate_limits={"mock": 100.0}) as running:
        vendor = await park(running, YES[PHONE])
        with monkeypatch.context() as down:
            down.setattr(running.runtime.backends.results, "enter", away)
            assert await drain_again(running) == []
        assert reasons(vendor) == []
        (record,) = await drain_again(running)
    assert record.is_success


async def test_an_adapter_cannot_hide_that_it_was_not_let_through(jobs):
    """What it makes of the refusal is not taken for the vendor's answer, nor is its call counted as one."""

    class Hiding(Later):
        async def resume(self, request, pending, because, context):
            try:
                await context.http.get("https://later.example/answer")
            except VendorError:
                return YES[PHONE]
            raise AssertionError("the vendor was called")

    async with jobs(vendor_breaker=OPEN.model_dump()) as running:
        vendor = Hiding(pending())
        put_in_place(running, PHONE, vendor, hosts=lambda _settings: frozenset({"later.example"}))
        await submit(running)
        assert await running.drain() == []
        await running.runtime.parts.gates.close()
        other = Caller(running)
        await other.begin()
        await other.end(GateOutcome.FAULT)
        assert await drain_again(running) == []
        assert len(running.queue.parked) == 1


async def test_a_resumption_without_a_call_enters_no_gate(jobs):
    """An event may have the answer in it; a vendor that is down does not keep it back."""
    async with jobs(vendor_breaker=OPEN.model_dump()) as running:
        vendor = Later(pending(), YES[PHONE])
        put_in_place(running, PHONE, vendor, hosts=lambda _settings: frozenset({"later.example"}))
        await submit(running)
        assert await running.drain() == []
        await running.runtime.parts.gates.close()
        other = Caller(running)
        await other.begin()
        await other.end(GateOutcome.FAULT)
        (record,) = await drain_again(running)
        assert record.is_success
        assert (await other.state()).breaker is BreakerState.OPEN
