"""How a run asks a vendor: every shape, every misdeed of an adapter, the intent, and the deadline."""

import asyncio
import sys
import threading
import time
from dataclasses import replace

import httpx
import pytest

from proofing.base.errors import (
    CPUWorkError,
    LeaseLostError,
    PluginError,
    VendorResponseError,
    VendorTimeoutError,
)
from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import Match, Outcome, PhoneResult, ProoferKind, ResolutionResult
from proofing.jobs import run as run_module
from proofing.jobs.run import JobRun, VendorClientPool
from proofing.outbound.client import OutboundTransport
from proofing.registry.plugins import LoadedProofer
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.vendor_fakes import FakeVendor

YES = ResolutionResult(vendor_name="acme", outcome=Outcome.PASSED, transaction_id="t-1")
CANARY = Canary()


class Adapter:
    """Answers by a function of request and context, async."""

    def __init__(self, answer):
        self.answer = answer

    async def proof(self, request, context):
        found = self.answer(request, context)
        return await found if asyncio.iscoroutine(found) else found


class PlainAdapter(Adapter):
    """The same, plain."""

    def proof(self, request, context):
        return self.answer(request, context)


def loaded_of(proofer, **changes):
    """Return *proofer* as a loaded one."""
    values = {
        "name": "acme",
        "kind": ProoferKind.RESOLUTION,
        "make": lambda _settings: proofer,
        "attributes": frozenset({"first_name"}),
        "hosts": lambda _settings: frozenset({"vendor.example"}),
    }
    return LoadedProofer("acme", ProoferDescriptor(**{**values, **changes}), None)


@pytest.fixture
async def desk():
    """What runs share; nothing leaves the process."""
    transport = FakeVendor(lambda _request: httpx.Response(200, json={"ok": True}))
    made = VendorClientPool(OutboundTransport(transport=transport))
    yield made
    await made.close()


@pytest.fixture
def begin(desk):
    """Return a function that starts a run."""

    def start(**changes):
        values = {"result_id": "r-1", "kind": JobKind.RESOLUTION, "owner": "o", "encrypted_arguments": b""}
        return JobRun(MemoryJob(JobMessage(**{**values, **changes}), attempt=1), desk)

    return start


REQUEST = ProofingRequest(applicant=CANARY.applicant)


async def test_an_async_adapter_answers_on_the_loop(begin):
    """Its result is the check, its step is timed, and its call is in the facts."""
    run = begin()
    check = await run.ask(loaded_of(Adapter(lambda *_: YES)), REQUEST, step="resolution")
    assert (check.result, check.passed) == (YES, True)
    assert run.stopwatch.steps["resolution"] >= 0
    assert run.calls == [
        {"vendor": "acme", "step": "resolution", "success": True, "transaction_id": "t-1", "billed": True}
    ]


async def test_a_plain_adapter_runs_in_a_thread(begin):
    """It does not hold the loop, and its threads are named."""
    names = []

    def answer(*_):
        names.append(threading.current_thread().name)
        return YES

    check = await begin().ask(loaded_of(PlainAdapter(answer)), REQUEST, step="s")
    assert check.passed
    assert names[0].startswith("proofer")


async def test_a_plain_method_may_return_an_awaitable(begin):
    """What a plain method returns is awaited on the loop."""

    async def later():
        return YES

    assert (await begin().ask(loaded_of(PlainAdapter(lambda *_: later())), REQUEST, step="s")).passed


async def test_submit_then_poll(begin, monkeypatch):
    """It is asked until it answers; the waits grow up to a most."""
    waits = []
    tickets = []
    real_sleep = asyncio.sleep

    async def sleep(seconds):
        waits.append(seconds)
        await real_sleep(0)

    class Poller:
        async def submit(self, request, context):
            return "ticket"

        def poll(self, ticket, context):
            tickets.append(ticket)
            return YES if len(tickets) > 6 else None

    monkeypatch.setattr(run_module.asyncio, "sleep", sleep)
    check = await begin().ask(loaded_of(Poller()), REQUEST, step="s")
    assert check.passed
    assert set(tickets) == {"ticket"}
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 3.0)


async def test_a_poller_without_an_answer_times_out(begin):
    """The deadline ends the polling, and the intent stands once."""

    class Poller:
        async def submit(self, request, context):
            return "ticket"

        async def poll(self, ticket, context):
            return None

    run = begin()
    check = await run.ask(loaded_of(Poller(), timeout_seconds=lambda _settings: 0.05), REQUEST, step="s")
    assert check.timed_out
    assert run.job.intents == ["acme"]


async def test_only_declared_attributes_are_seen(begin):
    """The rest of the applicant does not reach the adapter."""
    seen = []

    def answer(request, _context):
        seen.append(request.applicant)
        return YES

    await begin().ask(loaded_of(Adapter(answer)), REQUEST, step="s")
    assert seen == [Applicant(first_name=CANARY.applicant.first_name)]


def _raise(error):
    raise error


@pytest.mark.parametrize("shape", [Adapter, PlainAdapter])
@pytest.mark.parametrize("kind", [ValueError, KeyError, SystemExit, asyncio.CancelledError, RecursionError])
async def test_a_foreign_error_is_a_broken_plugin_without_text(begin, shape, kind):
    """Whatever an adapter raises, also what would end the process, its text is dropped."""
    adapter = shape(lambda *_: _raise(kind(CANARY.applicant.ssn)))
    with pytest.raises(PluginError) as caught:
        await begin().ask(loaded_of(adapter), REQUEST, step="s")
    assert str(caught.value) == f"the proofer raised {kind.__name__}"
    assert caught.value.__suppress_context__


async def test_our_own_cancellation_is_passed_on(begin):
    """When the queue takes the job back, the adapter's wait ends as canceled."""
    asked = asyncio.Event()

    async def hang():
        asked.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(begin().ask(loaded_of(Adapter(lambda *_: hang())), REQUEST, step="s"))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("shape", [Adapter, PlainAdapter])
async def test_a_vendor_error_is_the_check(begin, shape):
    """No answer is kept beside the answers, with its facts."""
    error = VendorResponseError("nonsense", vendor_name="acme", code="0047", transaction_id="t")
    run = begin()
    check = await run.ask(loaded_of(shape(lambda *_: _raise(error))), REQUEST, step="s")
    assert check.error is error
    assert not check.passed
    assert run.calls[0] == {
        "vendor": "acme",
        "step": "s",
        "success": False,
        "error": "VendorResponseError",
        "code": "0047",
        "transaction_id": "t",
        "timed_out": False,
    }


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        {"outcome": "passed"},
        PhoneResult(vendor_name="acme", outcome=Outcome.PASSED),
        replace(YES, outcome="passed"),
        replace(YES, outcome=True),
        replace(YES, attributes={"ssn": "match"}),
        replace(YES, attributes=[("ssn", Match.MATCH)]),
        replace(YES, reasons="ssn"),
        replace(YES, reasons=(b"x",)),
        replace(YES, vendor_codes=[1]),
        replace(YES, transaction_id=7),
        replace(YES, reference=object()),
    ],
)
async def test_an_answer_of_the_wrong_type_is_refused(begin, answer):
    """Type and fields are held to the contract; a yes of another kind is no yes."""
    with pytest.raises(PluginError, match="answered with"):
        await begin().ask(loaded_of(Adapter(lambda *_: answer)), REQUEST, step="s")


@pytest.mark.parametrize(
    "changes",
    [
        {"timeout_seconds": lambda _settings: None},
        {"timeout_seconds": lambda _settings: _raise(ValueError("secret"))},
        {"hosts": lambda settings: settings.missing},
    ],
)
async def test_a_broken_descriptor_is_a_broken_plugin(begin, changes):
    """Functions of a descriptor are the plugin's as well."""
    with pytest.raises(PluginError, match="the descriptor of acme raised"):
        await begin().ask(loaded_of(Adapter(lambda *_: YES), **changes), REQUEST, step="s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hosts": lambda _settings: "vendor.example"}, "hosts must return a set of host names"),
        ({"hosts": lambda _settings: {"https://vendor.example"}}, "hosts must return a set of host names"),
        ({"hosts": lambda _settings: {None}}, "hosts must return a set of host names"),
        ({"timeout_seconds": lambda _settings: float("nan")}, "a positive number"),
        ({"timeout_seconds": lambda _settings: 0}, "a positive number"),
    ],
)
async def test_a_descriptor_that_bounds_nothing_is_told_plainly(begin, changes, said):
    """A text in place of a set would allow its letters, and the author would look for a wrong host."""
    with pytest.raises(PluginError, match=said):
        await begin().ask(loaded_of(Adapter(lambda *_: YES), **changes), REQUEST, step="s")


async def test_the_intent_is_noted_once_and_before_the_first_call(begin):
    """Calls side by side wait for the one note; later ones find it there."""
    run = begin()
    order = []
    real = run.job.record_intent

    async def note(name):
        await asyncio.sleep(0)
        await real(name)
        order.append("intent")

    run.job.record_intent = note
    loaded = loaded_of(Adapter(lambda *_: order.append("call") or YES))
    await asyncio.gather(*(run.ask(loaded, REQUEST, step=str(number)) for number in range(5)))
    await run.ask(loaded, REQUEST, step="later")
    assert order == ["intent"] + ["call"] * 6
    assert run.job.intents == ["acme"]


async def test_without_the_lease_nobody_is_called(begin):
    """A rejected note stops the run before the vendor hears of it; the next call tries again."""
    run = begin()
    called = []

    async def lost(_name):
        raise LeaseLostError

    run.job.record_intent = lost
    loaded = loaded_of(Adapter(lambda *_: called.append(1) or YES))
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            await run.ask(loaded, REQUEST, step="s")
    assert called == []


async def test_an_idempotent_adapter_needs_no_intent(begin):
    """Where the vendor charges once, the job may be run again; the key is the same each time."""
    keys = []
    for _ in range(2):
        run = begin()
        loaded = loaded_of(
            Adapter(lambda _request, context: keys.append(context.idempotency_key) or YES), idempotent=True
        )
        await run.ask(loaded, REQUEST, step="s")
        assert run.job.intents == []
    await begin(result_id="r-2").ask(loaded, REQUEST, step="s")
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 64


async def test_a_proofer_that_cannot_be_made_notes_no_intent(begin):
    """Nothing was asked, so the job may be run again by a sound process."""
    run = begin()
    with pytest.raises(PluginError):
        await run.ask(loaded_of(None, make=lambda _settings: _raise(ValueError())), REQUEST, step="s")
    assert run.job.intents == []


@pytest.mark.parametrize("shape", [Adapter, PlainAdapter])
async def test_the_deadline_ends_the_call(begin, shape):
    """The shorter of the vendor's limit and what is left of the job; a thread that hangs is left behind."""
    release = threading.Event()
    answer = (lambda *_: release.wait(10)) if shape is PlainAdapter else (lambda *_: asyncio.Event().wait())
    started = time.monotonic()
    try:
        check = await begin(deadline_seconds=0.1).ask(loaded_of(shape(answer)), REQUEST, step="s")
    finally:
        release.set()
    assert isinstance(check.error, VendorTimeoutError)
    assert time.monotonic() - started < 9
    assert check.error.vendor_name == "acme"


async def test_the_context_is_the_only_way_out(begin):
    """Client, session, time and logger; other hosts are refused."""
    seen = {}

    async def answer(context):
        seen["answer"] = (await context.http.get("https://vendor.example/")).json()
        seen["left"] = context.remaining_seconds()
        seen["zone"] = context.now().utcoffset().total_seconds()
        seen["session"] = context.requests_session()
        seen["logger"] = context.logger.name
        await context.http.get("https://evil.example/")

    check = await begin(deadline_seconds=30).ask(
        loaded_of(Adapter(lambda _request, context: answer(context))), REQUEST, step="s"
    )
    assert "allow-list" in str(check.error)
    assert seen["answer"] == {"ok": True}
    assert 0 < seen["left"] <= 30
    assert (seen["zone"], seen["session"].trust_env, seen["logger"]) == (0, False, f"proofing.{__name__}")


async def test_cpu_work_goes_to_a_child(begin):
    """What comes back is the adapter's; where nothing does, its question has no answer, and a reason."""
    run = begin()
    bounds = {"seconds": 50, "megabytes": 200}

    async def answer(context):
        assert await context.cpu("operator:ne", b"", "x", **bounds) is True
        await context.cpu("operator:add", b"", "x", **bounds)

    check = await run.ask(loaded_of(Adapter(lambda _request, context: answer(context))), REQUEST, step="s")
    assert isinstance(check.error, CPUWorkError)
    assert (check.error.code, check.error.exception_class) == ("cpu_raised", "TypeError")
    assert run.calls[0]["code"] == "cpu_raised"


async def test_a_desk_closes_without_waiting_for_threads():
    """Close is harmless before any call, and twice."""
    desk = VendorClientPool(OutboundTransport())
    await desk.close()
    assert desk.threads.submit(lambda: sys.version_info).result()
    await desk.close()
    await desk.close()
