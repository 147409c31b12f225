"""How a run asks a vendor: every shape, every misdeed of an adapter, the intent, and the deadline."""

import asyncio
import sys
import threading
import time
import uuid
from dataclasses import replace

import httpx
import pytest

from proofing.base.errors import (
    Cause,
    CPUWorkError,
    LeaseLostError,
    PluginError,
    QueueUnavailableError,
    VendorError,
)
from proofing.base.metrics import VENDOR_CALLS
from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import (
    Match,
    Outcome,
    PhoneResult,
    ProoferKind,
    ResolutionResult,
    StateIDResult,
)
from proofing.crypto.encryption import KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.recording import JobRecords
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.plugins import LoadedProofer
from proofing.settings import Settings
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process

YES = ResolutionResult(vendor_name="acme", outcome=Outcome.PASSED, transaction_id="t-1")
CANARY = Canary()
URL = "https://vendor.example/"
WAY_BACK = WayBack(KeyRing(bytes(32)), "https://proofing.example.gov")
RESULT_ID, ANOTHER_RESULT_ID = (str(uuid.UUID(int=number)) for number in (1, 2))


class Adapter:
    """Answers by a function of request and context, async."""

    def __init__(self, answer):
        self.answer = answer

    async def proof(self, request, context):
        found = self.answer(request, context)
        return await found if asyncio.iscoroutine(found) else found


class Caller:
    """Calls its vendor, as adapters do, and answers yes."""

    async def proof(self, request, context):
        await context.http.get(URL)
        return YES


class PlainCaller:
    """The same, in a thread."""

    def proof(self, request, context):
        context.sync.http.get(URL)
        return YES


class PlainAdapter(Adapter):
    """The same, plain."""

    def proof(self, request, context):
        return self.answer(request, context)


def loaded_of(proofer, **changes):
    """Return *proofer* as a loaded one."""
    values = {
        "name": "acme",
        "kind": ProoferKind.RESOLUTION,
        "make": lambda *_: proofer,
        "attributes": frozenset({"first_name"}),
        "hosts": lambda _settings: frozenset({"vendor.example"}),
    }
    return LoadedProofer("acme", ProoferDescriptor(**{**values, **changes}), None, make_process)


@pytest.fixture
def vendor():
    """The vendor that adapters call; it says yes to everything."""
    return FakeVendor(lambda _request: httpx.Response(200, json={"ok": True}))


@pytest.fixture
async def clients(vendor):
    """What runs share; nothing leaves the process."""
    made = VendorClientPool(OutboundTransport(transport=vendor))
    yield made
    await made.close()


@pytest.fixture
def begin(clients):
    """Return a function that starts a run."""

    def start(**changes):
        values = {
            "result_id": RESULT_ID,
            "kind": JobKind.RESOLUTION,
            "owner": "o",
            "encrypted_arguments": b"",
        }
        return JobRun(
            MemoryJob(JobMessage(**{**values, **changes}), attempt=1), clients, WAY_BACK, keep_plain
        )

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


async def test_a_maintenance_window_is_among_the_facts(begin):
    """An answer that came within one says so, and no other one does."""
    answer = StateIDResult(vendor_name="acme", outcome=Outcome.FAILED)
    run = begin()
    for result in (answer, replace(answer, jurisdiction_in_maintenance_window=True)):
        loaded = loaded_of(Adapter(lambda *_, result=result: result), kind=ProoferKind.STATE_ID)
        await run.ask(loaded, REQUEST, step="state_id")
    loaded = loaded_of(Adapter(lambda *_: answer), kind=ProoferKind.STATE_ID)
    check = await run.ask(loaded, replace(REQUEST, in_maintenance_window=True), step="state_id")
    assert check.result.jurisdiction_in_maintenance_window
    assert [call.get("jurisdiction_in_maintenance_window") for call in run.calls] == [None, True, True]


@pytest.mark.parametrize(
    ("cause", "marked"),
    [
        (Cause.SOURCE_DOWN, Cause.MAINTENANCE),
        (Cause.SOURCE_TIMEOUT, Cause.MAINTENANCE),
        (Cause.UNREACHABLE, Cause.UNREACHABLE),
    ],
)
async def test_errors_within_a_maintenance_window(begin, cause, marked):
    """A failure of the agency's system is its maintenance; each one says when it came."""
    run, error = begin(), VendorError(cause, "0001", codes=("0001",), transaction_id="t-1", billed=False)

    def fail(*_arguments):
        raise error

    loaded = loaded_of(Adapter(fail), kind=ProoferKind.STATE_ID)
    check = await run.ask(loaded, replace(REQUEST, in_maintenance_window=True), step="state_id")
    assert (check.error.cause, check.error.codes) == (marked, ("0001", "jurisdiction_in_maintenance_window"))
    assert (check.error.transaction_id, check.error.billed) == ("t-1", False)


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


async def test_only_declared_attributes_are_seen(begin):
    """The rest of the applicant does not reach the adapter."""
    seen = []

    def answer(request, _context):
        seen.append(request.applicant)
        return YES

    await begin().ask(loaded_of(Adapter(answer)), REQUEST, step="s")
    assert seen == [Applicant(first_name=CANARY.applicant.first_name)]


@pytest.mark.parametrize("partner", [None, "p-1"])
async def test_vendors_know_a_person_by_our_references(begin, partner):
    """Whatever the kind of job, and only where they declare it."""
    seen = []

    def answer(request, _context):
        seen.append(request.applicant)
        return YES

    loaded = loaded_of(Adapter(answer), attributes=frozenset({"uuid", "uuid_prefix"}))
    await begin(owner="o-1", partner=partner).ask(loaded, REQUEST, step="s")
    assert seen == [Applicant(uuid="o-1", uuid_prefix=partner)]


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
    """No answer is kept alongside the answers, with its facts."""
    error = VendorError(Cause.NONSENSE, "nonsense", vendor_name="acme", codes=("0047",), transaction_id="t")
    run = begin()
    check = await run.ask(loaded_of(shape(lambda *_: _raise(error))), REQUEST, step="s")
    assert check.error is error
    assert not check.passed
    assert run.calls[0] == {
        "vendor": "acme",
        "step": "s",
        "success": False,
        "cause": "nonsense",
        "codes": ["0047"],
        "transaction_id": "t",
        "billed": True,
        "retry_after": None,
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
    """Type and fields are held to the contract; a yes of another kind is not yes."""
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
        ({"hosts": lambda _settings: {"api..vendor.example:8443"}}, "two dots in a row"),
        ({"hosts": lambda _settings: {None}}, "hosts must return a set of host names"),
        ({"timeout_seconds": lambda _settings: float("nan")}, "a positive number"),
        ({"timeout_seconds": lambda _settings: 0}, "a positive number"),
        ({"max_response_bytes": 0}, "a positive number of bytes"),
        ({"max_response_bytes": "5 MB"}, "a positive number of bytes"),
        ({"tls": lambda _settings: "client.pem"}, "tls must return a TLSSettings or None"),
    ],
)
async def test_a_descriptor_that_bounds_nothing_is_reported(begin, changes, said):
    """A text in place of a set would allow its letters, and the author would look for a wrong host."""
    with pytest.raises(PluginError, match=said):
        await begin().ask(loaded_of(Adapter(lambda *_: YES), **changes), REQUEST, step="s")


class CallsOften:
    """Calls its vendor three times at once, and once more."""

    async def proof(self, request, context):
        await asyncio.gather(*(context.http.get(URL) for _ in range(3)))
        await context.http.get(URL)
        return YES


async def test_the_intent_of_a_question_is_noted_once_and_before_its_first_call(begin, vendor):
    """Calls side by side wait for the one note; later ones find it there. Each question has its own."""
    run = begin()
    noted = {}
    real = run.job.record_intent

    async def note(name, *, question, answers):
        await asyncio.sleep(0)
        noted[question] = len(vendor.requests)
        await real(name, question=question, answers=answers)

    run.job.record_intent = note
    for step in ("one", "two"):
        await run.ask(loaded_of(CallsOften()), REQUEST, step=step)
    assert (list(noted.values()), len(vendor.requests)) == ([0, 4], 8)
    assert run.job.intents == ["acme"] * 2


async def test_a_plain_adapter_notes_its_intent_before_its_call(begin, vendor):
    """Its thread waits for the note."""
    run = begin()
    await run.ask(loaded_of(PlainCaller()), REQUEST, step="s")
    assert (run.job.intents, len(vendor.requests)) == (["acme"], 1)


async def test_an_adapter_that_calls_nobody_through_us_notes_its_intent_first(begin):
    """It names no hosts, so none of our code would see its call."""
    run = begin()
    noted = []
    loaded = loaded_of(
        Adapter(lambda *_: noted.extend(run.job.intents) or YES), hosts=lambda _settings: frozenset()
    )
    await run.ask(loaded, REQUEST, step="s")
    assert noted == ["acme"]


def counted_calls():
    """Return how many questions to the vendor are counted so far, whatever came of them."""
    return sum(
        sample.value
        for metric in VENDOR_CALLS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["vendor"] == "acme"
    )


def make_settings():
    """Return settings with what they must have."""
    key = "00" * 32
    return Settings(session_encryption_key=key, hmac_fingerprinter_key=key)


class Swallows(Caller):
    """Makes a yes of whatever goes wrong."""

    async def proof(self, request, context):
        try:
            return await super().proof(request, context)
        except Exception:  # noqa: BLE001 - what the test is about
            return YES


class Translates(Caller):
    """Makes a vendor's error of whatever goes wrong."""

    async def proof(self, request, context):
        try:
            return await super().proof(request, context)
        except Exception:  # noqa: BLE001 - what the test is about
            raise VendorError(Cause.UNREACHABLE, "no connection") from None


@pytest.mark.parametrize("caller", [Caller, PlainCaller, Swallows, Translates])
@pytest.mark.parametrize("kind", [LeaseLostError, QueueUnavailableError])
async def test_without_the_note_nobody_is_called(begin, vendor, caller, kind):
    """A rejected note ends the run before the vendor hears of it, whatever the adapter makes of the error."""
    run = begin()
    tries = []

    async def lost(_name, **_facts):
        tries.append(1)
        raise kind("x")

    run.job.record_intent = lost
    before = counted_calls()
    for _ in range(2):
        with pytest.raises(kind):
            await run.ask(loaded_of(caller()), REQUEST, step="s")
    assert (vendor.requests, len(tries)) == ([], 2)
    assert counted_calls() == before, "nobody was called"


class Impatient(Caller):
    """Gives its call no time, and makes a vendor's error of that."""

    async def proof(self, request, context):
        try:
            async with asyncio.timeout(0):
                return await super().proof(request, context)
        except TimeoutError:
            raise VendorError(Cause.TIMEOUT, "no answer") from None


@pytest.mark.parametrize("caller", [Caller, Impatient])
async def test_a_note_that_is_not_written_in_time_is_no_call(begin, vendor, caller, monkeypatch):
    """A time limit that ends while the note is on its way says nothing of the vendor, which bills nothing."""
    run = begin()
    run.records = JobRecords(run.message, make_settings())
    loop = asyncio.get_running_loop()
    real = loop.time

    async def hang(_name, **_facts):
        monkeypatch.setattr(loop, "time", lambda: real() + 1000)
        await asyncio.Event().wait()

    run.job.record_intent = hang
    before = counted_calls()
    with pytest.raises(QueueUnavailableError):
        await run.ask(loaded_of(caller()), REQUEST, step="s")
    assert vendor.requests == []
    assert counted_calls() == before
    assert run.records.take()[0] == []


@pytest.mark.parametrize(("is_idempotent", "is_billed"), [(False, False), (True, True)])
async def test_a_time_out_without_a_note_bills_nothing(begin, monkeypatch, is_idempotent, is_billed):
    """Nothing but free calls can have been made, unless the vendor needs no note."""
    loop = asyncio.get_running_loop()
    real = loop.time

    async def wait(_request, _context):
        monkeypatch.setattr(loop, "time", lambda: real() + 1000)
        await asyncio.Event().wait()

    loaded = loaded_of(Adapter(wait), idempotent=is_idempotent)
    check = await begin().ask(loaded, REQUEST, step="s")
    assert (check.error.cause, check.error.billed) == (Cause.TIMEOUT, is_billed)


async def test_a_job_that_is_canceled_while_its_note_is_on_its_way_has_no_call(begin, vendor):
    """It ends as canceled; nothing is counted."""
    run = begin()
    run.records = JobRecords(run.message, make_settings())
    noting = asyncio.Event()

    async def hang(_name, **_facts):
        noting.set()
        await asyncio.Event().wait()

    run.job.record_intent = hang
    before = counted_calls()
    asking = asyncio.create_task(run.ask(loaded_of(Caller()), REQUEST, step="s"))
    await noting.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (vendor.requests, counted_calls(), run.records.take()[0]) == ([], before, [])


async def test_free_calls_note_no_intent(begin, vendor):
    """Neither by the client, nor in tasks begun within, nor in a thread; the call after it does."""
    run = begin()

    async def answer(context):
        with context.unbilled():
            await context.http.get(URL)
            await asyncio.gather(context.http.get(URL), context.http.get(URL))
        assert run.job.intents == []
        await context.http.get(URL)
        return YES

    def plain_answer(context):
        with context.sync.unbilled():
            context.sync.http.get(URL)
            context.sync.request("GET", URL)
        assert plain.job.intents == []
        context.sync.request("GET", URL)
        return YES

    assert (
        await run.ask(loaded_of(Adapter(lambda _request, context: answer(context))), REQUEST, step="s")
    ).passed
    plain = begin()
    loaded = loaded_of(PlainAdapter(lambda _request, context: plain_answer(context)))
    assert (await plain.ask(loaded, REQUEST, step="s")).passed
    assert [run.job.intents, plain.job.intents] == [["acme"], ["acme"]]
    assert len(vendor.requests) == 7


async def test_free_calls_of_one_question_are_not_those_of_another(begin, vendor):
    """A question side by side is billed, though the first is in the middle of free calls."""
    free, billed = begin(), begin(result_id=ANOTHER_RESULT_ID)
    inside, outside = asyncio.Event(), asyncio.Event()

    async def log_in(context):
        with context.unbilled():
            inside.set()
            await outside.wait()
            await context.http.get(URL)
        return YES

    first = asyncio.create_task(
        free.ask(loaded_of(Adapter(lambda _request, context: log_in(context))), REQUEST, step="s")
    )
    await inside.wait()
    await billed.ask(loaded_of(Caller()), REQUEST, step="s")
    outside.set()
    await first
    assert [free.job.intents, billed.job.intents] == [[], ["acme"]]


async def test_one_hanging_plugin_starves_no_other(begin, clients):
    """Each plugin has eight threads of its own; the ninth question of one waits, and other plugins answer."""
    release, hanging = threading.Event(), threading.Semaphore(0)

    def hang(*_):
        hanging.release()
        release.wait(30)
        return YES

    run = begin(deadline_seconds=60)
    stuck = [
        asyncio.create_task(run.ask(loaded_of(PlainAdapter(hang)), REQUEST, step=str(number)))
        for number in range(9)
    ]
    try:
        for _ in range(8):
            assert await asyncio.to_thread(hanging.acquire, timeout=30)
        other = loaded_of(PlainAdapter(lambda *_: YES))
        other.plugin = "other"
        assert (await run.ask(other, REQUEST, step="s")).passed
        assert not hanging.acquire(blocking=False)
    finally:
        release.set()
    assert all(check.passed for check in await asyncio.gather(*stuck))


async def test_a_refused_credential_is_a_line_for_the_operator(begin, caplog):
    """It names the vendor, and is the alarm's source on AWS."""
    error = VendorError(Cause.AUTHENTICATION, "x", vendor_name="acme")
    check = await begin().ask(loaded_of(Adapter(lambda *_: _raise(error))), REQUEST, step="s")
    assert check.error is error
    (record,) = [record for record in caplog.records if record.message == "vendor_credentials_refused"]
    assert (record.levelname, record.proofing_fields["vendor"]) == ("ERROR", "acme")


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
    await begin(result_id=ANOTHER_RESULT_ID).ask(loaded, REQUEST, step="s")
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 64


async def test_a_proofer_that_cannot_be_made_notes_no_intent(begin):
    """Nothing was asked, so the job may be run again by a sound process."""
    run = begin()
    with pytest.raises(PluginError):
        await run.ask(loaded_of(None, make=lambda *_: _raise(ValueError())), REQUEST, step="s")
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
    assert check.error.cause is Cause.TIMEOUT
    assert time.monotonic() - started < 9
    assert check.error.vendor_name == "acme"


async def test_the_context_is_the_only_way_out(begin):
    """Client, session, time and logger; other hosts are refused."""
    seen = {}

    async def answer(context):
        seen["answer"] = (await context.http.get("https://vendor.example/")).json()
        seen["left"] = context.remaining_seconds()
        seen["zone"] = context.now().utcoffset().total_seconds()
        seen["session"] = context.sync.http
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
    assert (check.error.codes, check.error.exception_class) == (("cpu_raised",), "TypeError")
    assert run.calls[0]["codes"] == ["cpu_raised"]


async def test_the_clients_close_without_waiting_for_threads():
    """Close is harmless before any call, and twice."""
    clients = VendorClientPool(OutboundTransport())
    await clients.close()
    assert clients.threads("acme").submit(lambda: sys.version_info).result()
    await clients.close()
    await clients.close()
