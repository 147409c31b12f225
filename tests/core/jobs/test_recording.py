"""What jobs record of their calls: every end, once, through outages; nothing of test mode."""

import asyncio
import json
import logging
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from proofing.base import logs
from proofing.base.errors import Cause, PluginError, StoreError, StoreUnavailableError, VendorError
from proofing.base.logs import JSONFormatter
from proofing.base.metrics import CALL_RECORDS_LOST
from proofing.contracts.applicant import Applicant
from proofing.contracts.call_records import CostGroup
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Check, Outcome, ProoferKind, ResolutionResult
from proofing.contracts.verifications import Mode, VerificationRef
from proofing.crypto.contexts import answers_context, arguments_context
from proofing.crypto.encryption import KeyRing
from proofing.jobs.arguments import PIIArguments
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.dependencies import Deadlines
from proofing.jobs.questions import Question, QuestionKey, QuestionLog
from proofing.jobs.recording import CallRecorder, JobRecords, call_record, question_digest
from proofing.jobs.run import JobRun
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer
from proofing.settings import Settings
from proofing.testing.call_basis import all_calls, make_call, make_decision
from proofing.testing.canary import Canary
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing_devtools.capture import DEVICE

CANARY = Canary(seed=78)
#: One that the mock vendor passes.
PERSON = CANARY.applicant.merge({"document_type_received": "drivers_license"})
AWAY = StoreUnavailableError("away")
PRICES = {"mock": {"price": "0.45", "currency": "USD"}}
PURPOSES = {"mock": "prevention of fraud"}
JOB = "8a0f5b3e-8c1c-4b8e-9d3a-0c5f2b7e4a11"
KEY = QuestionKey("resolution", 0)
REQUEST = ProofingRequest(applicant=Applicant())


@pytest.fixture
def lines():
    """Every line that is logged, as the product writes it; unregistered fields are errors."""
    kept = []

    class Keeper(logging.Handler):
        def emit(self, record):
            kept.append(json.loads(JSONFormatter("worker").format(record)))

    root = logging.getLogger("proofing")
    level = root.level
    handler = Keeper()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logs.strict_fields(on=True)
    yield kept
    logs.strict_fields(on=False)
    root.removeHandler(handler)
    root.setLevel(level)


def settings(**values):
    """Return settings with prices."""
    keys = dict.fromkeys(("session_encryption_key", "hmac_fingerprinter_key"), "00" * 32)
    return Settings.model_validate({"vendor_prices": PRICES, **keys, **values})


def plain_message(**changes):
    """Return a job that nobody runs."""
    given = {"result_id": JOB, "kind": JobKind.RESOLUTION, "owner": "opaque-1", "encrypted_arguments": b""}
    return JobMessage(**{**given, **changes})


async def message_of(runtime, **changes):
    """Return a sealed job about the person."""
    message = plain_message(**changes)
    arguments = PIIArguments(applicant=PERSON, **DEVICE)
    sealed = await runtime.runner._sealer.seal(arguments.to_bytes(), arguments_context(message))
    return replace(message, encrypted_arguments=sealed)


class Store:
    """A call store that fails *failures* times with *error*, and keeps what it is given."""

    def __init__(self, failures=0, error=AWAY):
        self.failures = failures
        self.error = error
        self.batches = []
        self.may_add = asyncio.Event()
        self.may_add.set()

    async def add(self, calls, decisions):
        await self.may_add.wait()
        if self.failures:
            self.failures -= 1
            raise self.error
        self.batches.append((calls, decisions))


def lost(kind):
    """Return how many records were lost so far."""
    return CALL_RECORDS_LOST.labels(kind)._value.get()


# Jobs


async def test_each_answered_question_is_one_call(process):
    """With price, purpose and relying party of the settings and the job; nothing about the person."""
    async with process(vendor_prices=PRICES, vendor_permissible_purposes=PURPOSES) as running:
        message = await message_of(running.runtime, partner="agency")
        record = await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert record.end_state is EndState.DONE
        calls = await all_calls(running.runtime.backends.calls)
        assert sorted(call.kind for call in calls) == ["device", "resolution", "state_id"]
        for call in calls:
            assert call.vendor == "mock"
            assert (call.price, call.currency) == (Decimal("0.45"), "USD")
            assert call.permissible_purpose == "prevention of fraud"
            assert call.relying_party == "agency"
            assert call.outcome == "passed"
            assert not call.is_uncertain
            assert call.at == pytest.approx(running.runtime.backends.results.now(), abs=60)
            assert message.result_id not in repr(call)
            assert message.owner not in repr(call)
            assert CANARY.find_leaks(repr(call)) == []
        span = {"begin": calls[0].at - 1, "end": calls[-1].at + 1}
        (line,) = await running.runtime.backends.calls.costs(**span, by=CostGroup.VENDOR)
        assert (line.calls, line.total) == (3, Decimal("1.35"))


async def test_each_decision_is_kept_with_what_it_was_made_from(process):
    """Once, also where the job runs again; made again by the same settings it is the same."""
    async with process() as running:
        message = await message_of(running.runtime)
        job = MemoryJob(message, attempt=1)
        await running.runtime.runner.run(job)
        store, router = running.runtime.backends.calls, running.runtime.parts.router
        decisions = await store.decisions_of_jobs([message.result_id])
        assert sorted(one.step for one in decisions) == ["device", "resolution", "state_id"]
        for one in decisions:
            assert one.decision.vendor == "mock"
            assert router.decide(one.decision.question) == one.decision
            assert message.owner not in repr(one)
        await running.runtime.runner.run(MemoryJob(job.interrupted(message), attempt=2))
        assert await store.decisions_of_jobs([message.result_id]) == decisions


async def test_a_job_inside_its_request_is_recorded(process):
    """As soon as the process has a moment; its person waits for nothing."""
    async with process() as running:
        message = await message_of(running.runtime)
        arguments = PIIArguments(applicant=PERSON, **DEVICE)
        await running.runtime.runner.run_inline(MemoryJob(message, attempt=1), arguments)
        await running.runtime.parts.recorder.close()
        assert len(await all_calls(running.runtime.backends.calls)) == 3


async def test_a_job_that_runs_again_adds_nothing_twice(process):
    """Its worker died after the end was published, whether or not its records had been added."""
    async with process() as running:
        message = await message_of(running.runtime)
        job = MemoryJob(message, attempt=1)
        await running.runtime.runner.run(job)
        before = await all_calls(running.runtime.backends.calls)
        await running.runtime.runner.run(MemoryJob(job.interrupted(message), attempt=2))
        assert await all_calls(running.runtime.backends.calls) == before


async def test_what_a_dead_worker_had_not_added_is_added_by_the_rescue(process):
    """From the answers that are kept with the job."""
    async with process() as running:
        runner = running.runtime.runner
        message = await message_of(running.runtime)
        result = ResolutionResult(vendor_name="mock", outcome=Outcome.FAILED, transaction_id="T-1")
        log = QuestionLog(
            {KEY: Question(vendor="mock", kind=ProoferKind.RESOLUTION, check=Check(result=result))}
        )
        answers = await runner._sealer.seal(log.answers_to_bytes(), answers_context(message))
        await runner.discard(message, EndState.DONE)
        await runner.run(MemoryJob(replace(message, answers=answers), attempt=2))
        (call,) = await all_calls(running.runtime.backends.calls)
        assert (call.outcome, call.transaction_id) == ("failed", "T-1")
        assert call.id == question_digest(message.result_id, KEY, "mock")


async def test_answers_that_cannot_be_read_are_logged(process, lines):
    """The job is ended as it was; the ledger may lack its calls."""
    async with process() as running:
        runner = running.runtime.runner
        message = await message_of(running.runtime)
        first = await runner.discard(message, EndState.DONE)
        assert await runner.run(MemoryJob(replace(message, answers=b"spoiled"), attempt=2)) == first
    (line,) = [line for line in lines if line["name"] == "call_records_not_recovered"]
    assert (line["job_id"], line["error"]) == (JOB, "EncryptionError")


async def test_a_lost_answer_is_uncertain(process):
    """The worker died during the call: the vendor alone knows."""
    async with process() as running:
        message = await message_of(running.runtime)
        await running.runtime.runner.run(MemoryJob(replace(message, intents=(KEY.number,)), attempt=2))
        calls = {call.kind: call for call in await all_calls(running.runtime.backends.calls)}
        assert calls[ProoferKind.RESOLUTION].outcome == "interrupted"
        assert calls[ProoferKind.RESOLUTION].is_uncertain


async def test_test_mode_records_nothing(process):
    """It asks mocks alone and costs nothing."""
    async with process() as running:
        reference = VerificationRef(id="ver_" + "0" * 32, mode=Mode.TEST, link=1)
        message = await message_of(running.runtime, verification=reference)
        await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert await all_calls(running.runtime.backends.calls) == []


async def test_a_store_that_stays_away_ends_no_job(process, lines):
    """The job ends as usual; each call is in the log with what is needed to add it by hand."""
    deadlines = Deadlines(publish_seconds=0.1, publish_wait_seconds=0.001)
    before = lost("call")
    async with process(deadlines=deadlines, vendor_prices=PRICES) as running:
        running.runtime.parts.recorder._store = Store(failures=10**9)
        message = await message_of(running.runtime, partner="agency")
        record = await running.runtime.runner.run(MemoryJob(message, attempt=1))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
        assert await running.runtime.backends.results.status(message.result_id) == record
    found = [line["call"] for line in lines if line["name"] == "call_record_lost"]
    assert len(found) == 3
    for call in found:
        assert call["price"] == "0.45"
        assert set(call) == set(make_call().__slots__)
    assert lost("call") == before + 3
    assert CANARY.find_leaks(json.dumps(lines)) == []


# The recorder


async def test_jobs_that_end_side_by_side_share_a_transaction():
    """What comes while one is written is written with the next."""
    store = Store()
    store.may_add.clear()
    recorder = CallRecorder(store)
    added = [recorder.begin(([make_call()], [make_decision()])) for _ in range(100)]
    await asyncio.sleep(0)
    later = [recorder.begin(([make_call()], [])) for _ in range(50)]
    assert not any(one.is_set() for one in (*added, *later))
    store.may_add.set()
    await recorder.close()
    assert all(one.is_set() for one in (*added, *later))
    assert [len(calls) for calls, _decisions in store.batches] == [100, 50]


async def test_a_transaction_has_a_bound():
    """However many wait."""
    store = Store()
    recorder = CallRecorder(store)
    for _ in range(30):
        recorder.begin(([make_call() for _ in range(100)], []))
    await recorder.close()
    assert [len(calls) for calls, _decisions in store.batches] == [500] * 6


async def test_a_store_that_comes_back_loses_nothing():
    """However often it fails meanwhile."""
    store = Store(failures=5)
    recorder = CallRecorder(store, first_wait_seconds=0.001)
    await recorder.begin(([make_call()], [make_decision()])).wait()
    assert [(len(calls), len(decisions)) for calls, decisions in store.batches] == [(1, 1)]


@pytest.mark.parametrize("error", [RuntimeError("bug"), StoreError("damaged")])
async def test_a_store_that_breaks_its_contract_stops_nobody(lines, error):
    """It raised what is not allowed: the records are lost, and the next ones are added."""
    before = lost("decision")
    store = Store(failures=1, error=error)
    recorder = CallRecorder(store, retry_seconds=0.0)
    await recorder.begin(([make_call()], [make_decision()])).wait()
    await recorder.begin(([make_call()], [])).wait()
    assert len(store.batches) == 1
    assert [line["name"] for line in lines] == ["call_record_lost"]
    assert lost("decision") == before + 1


async def test_a_decision_that_waited_too_long_is_dropped():
    """A redaction does not wait for it anymore; the call names nobody, and is kept however late."""
    before = lost("decision")
    store = Store()
    store.may_add.clear()
    recorder = CallRecorder(store, retry_seconds=0.0)
    first = recorder.begin(([make_call()], []))
    await asyncio.sleep(0)
    late = recorder.begin(([make_call()], [make_decision()]))
    store.may_add.set()
    await asyncio.gather(first.wait(), late.wait())
    assert [(len(calls), len(decisions)) for calls, decisions in store.batches] == [(1, 0), (1, 0)]
    assert lost("decision") == before + 1


async def test_nothing_is_not_added():
    """A job that asked nobody costs no transaction."""
    store = Store()
    recorder = CallRecorder(store)
    await recorder.begin(([], [])).wait()
    await recorder.close()
    assert store.batches == []


# What is a call


@pytest.mark.parametrize(
    ("cause", "is_recorded"),
    [
        (Cause.TIMEOUT, True),
        (Cause.SOURCE_TIMEOUT, True),
        (Cause.NONSENSE, True),
        (Cause.UNREACHABLE, False),
        (Cause.QUOTA, False),
        (Cause.AUTHENTICATION, False),
    ],
)
def test_a_call_without_an_answer(cause, is_recorded):
    """It is recorded where the vendor may bill it, and uncertain then."""
    check = Check(error=VendorError(cause, "none", transaction_id="T-2"))
    found = call_record(
        plain_message(), KEY, "mock", ProoferKind.RESOLUTION, check, settings=settings(), at=1.0
    )
    assert (found is not None) is is_recorded
    if found is not None:
        assert (found.outcome, found.is_uncertain, found.transaction_id) == (cause.value, True, "T-2")


def test_what_is_free_or_was_not_asked_is_no_call():
    """An answer that the vendor does not bill, and a question that was skipped."""
    free = Check(result=ResolutionResult(vendor_name="mock", outcome=Outcome.PASSED, billed=False))
    for check in (free, Check(skipped="UnsupportedJurisdiction")):
        given = (plain_message(), KEY, "mock", ProoferKind.RESOLUTION, check)
        assert call_record(*given, settings=settings(), at=1.0) is None


@pytest.mark.parametrize(
    ("vendor", "price"), [("acme:phone", "0.30"), ("acme:other", "0.10"), ("zeta", None), ("acme", "0.10")]
)
def test_the_price_of_a_product_is_its_own_or_its_vendors(vendor, price):
    """Exactly as it is written."""
    prices = {"acme": {"price": "0.10"}, "acme:phone": {"price": "0.30"}}
    check = Check(result=ResolutionResult(vendor_name=vendor, outcome=Outcome.REVIEW))
    found = call_record(
        plain_message(),
        KEY,
        vendor,
        ProoferKind.PHONE,
        check,
        settings=settings(vendor_prices=prices),
        at=1.0,
    )
    assert found.price == (None if price is None else Decimal(price))
    assert found.currency == (None if price is None else "USD")
    assert not found.is_shadow


def test_an_id_that_no_database_takes_is_made_harmless():
    """So that the records of others in the same transaction are kept."""
    result = ResolutionResult(
        vendor_name="mock", outcome=Outcome.PASSED, transaction_id="T\0\ud800é" + "9" * 500
    )
    found = call_record(
        plain_message(),
        KEY,
        "mock",
        ProoferKind.RESOLUTION,
        Check(result=result),
        settings=settings(),
        at=1.0,
    )
    assert found.transaction_id == "T??é" + "9" * 196


class Calls:
    """A proofer that calls its vendor, and then does *then*."""

    def __init__(self, then):
        self.then = then
        self.called = asyncio.Event()

    async def proof(self, request, context):
        await context.http.get("https://vendor.example/")
        self.called.set()
        return await self.then()


def vendor(proofer):
    """Return a phone vendor."""
    descriptor = ProoferDescriptor(
        name="acme",
        kind=ProoferKind.PHONE,
        make=lambda *_: proofer,
        hosts=lambda _settings: frozenset({"vendor.example"}),
    )
    return LoadedProofer("acme", descriptor, None, make_process)


@pytest.fixture
async def run():
    """Give a run of a job that records."""
    clients = VendorClientPool(
        OutboundTransport(transport=FakeVendor(lambda _request: httpx.Response(200, json={})))
    )
    message = plain_message()

    async def keep_plain(answers):
        return answers

    found = JobRun(
        MemoryJob(message, attempt=1),
        clients,
        WayBack(KeyRing(bytes(32)), "https://proofing.example.gov"),
        keep_plain,
        records=JobRecords(message, settings()),
    )
    yield found
    found.close()
    await clients.close()


async def test_a_call_that_is_cut_off_is_uncertain(run):
    """Its job was canceled, or ran out of time, when the vendor had the question."""
    proofer = Calls(asyncio.Event().wait)
    asking = asyncio.create_task(run.ask(vendor(proofer), REQUEST, step="phone"))
    await asyncio.wait([asking, asyncio.create_task(proofer.called.wait())], return_when="FIRST_COMPLETED")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    ((call,), _decisions) = run.records.take()
    assert (call.outcome, call.is_uncertain, call.vendor) == ("canceled", True, "acme")


async def test_the_call_of_a_broken_adapter_is_uncertain(run):
    """Its vendor may have answered well."""

    async def answer():
        return "nonsense"

    with pytest.raises(PluginError):
        await run.ask(vendor(Calls(answer)), REQUEST, step="phone")
    ((call,), _decisions) = run.records.take()
    assert (call.outcome, call.is_uncertain) == ("plugin_error", True)
    assert run.records.take() == ([], [])
