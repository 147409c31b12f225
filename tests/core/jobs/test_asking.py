"""How jobs ask: fallbacks, second opinions, gates, and what is noted of each question."""

import uuid
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.continuation import Again
from proofing.contracts.evidence import Death
from proofing.contracts.images import Side
from proofing.contracts.people import PersonRef
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Match, Outcome, PhoneResult, ProoferKind, ResolutionResult
from proofing.contracts.routing import Refusal, RoutingRule
from proofing.contracts.verifications import Mode, VerificationRef
from proofing.jobs.arguments import DocumentArguments, PIIArguments
from proofing.jobs.questions import QuestionKey
from proofing.jobs.runner import JobRunner
from proofing.registry.proofers import LoadedProofer
from proofing.settings.vendor_values import (
    AgencyWindow,
    BreakerSettings,
    SecondOpinion,
    VendorFallback,
    VendorStatus,
)
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.vendor_fakes import make_process
from proofing_devtools.capture import DEVICE
from proofing_devtools.later_vendors import APPLICANT, YES, Later, pending

PERSON = PersonRef(reference="person-1")
RESOLUTION = ProoferKind.RESOLUTION
GONE = VendorError(Cause.UNREACHABLE, "no connection")
DENIED = ResolutionResult(vendor_name="v", outcome=Outcome.FAILED, reasons=("name_mismatch",))
OPEN = BreakerSettings(faults=1, open_seconds=600.0)
IMAGES = {Side.FRONT: make_jpeg(comment=b"front"), Side.BACK: make_jpeg(comment=b"back")}
FALLBACK = {"resolution_vendor": "a", "resolution_vendor_fallbacks": (VendorFallback(vendor="b"),)}
SECOND = {"resolution_vendor": "a", "resolution_vendor_second_opinion": SecondOpinion(vendor="b")}


class Asking:
    """A process with vendors of this test, which notes all questions.

    Attributes:
        seen: the questions of the last jobs.
        shadowed: those that a shadow could ask, too.
    """

    def __init__(self, running):
        self.running = running
        self.seen = []
        self.shadowed = []
        parts = replace(
            running.runtime.parts,
            listeners=(self.seen.append,),
            shadow=lambda question, request: self.shadowed.append((question, request)),
        )
        self.runner = JobRunner(parts)

    def set(self, **values):
        """Change live settings."""
        live = self.running.runtime.configuration.live
        live.current = live.current.model_copy(update=values)

    def vendor(self, kind, name, *answers, **changes):
        """Add a vendor that gives *answers*, one a call."""
        proofer = Later(*answers)
        proofers = self.running.runtime.configuration.plugins.proofers
        descriptor = replace(
            proofers[kind, "mock"].descriptor,
            name=name,
            make=lambda *_: proofer,
            **{"continues": frozenset({Again}), **changes},
        )
        proofers[kind, name] = LoadedProofer("odd", descriptor, None, make_process)
        return proofer

    async def resolve(self):
        """Run a resolution job and return its record, or None when it is parked."""
        await self.running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        return await self.go_on()

    async def go_on(self):
        """Run what waits."""
        records = await self.running.queue.drain(self.runner)
        return records[0] if records else None

    def questions(self, kind=RESOLUTION):
        """Return vendor, rule and state of each question of *kind*."""
        return [
            (one.decision.vendor, one.decision.rule, one.check and one.check.state)
            for one in self.seen
            if one.kind is kind
        ]


@pytest.fixture
def make_job():
    """Return a function that makes a job of a kind that runs inside the request."""

    def make(kind, mode=Mode.LIVE):
        message = JobMessage(
            result_id=str(uuid.uuid4()),
            kind=JobKind(kind),
            owner=PERSON.reference,
            encrypted_arguments=b"",
            verification=None if mode is Mode.LIVE else VerificationRef(id="ver_1", mode=mode, link=1),
        )
        return MemoryJob(message, attempt=1)

    return make


@pytest.fixture
def asking(process):
    """Return a context manager that starts a process."""

    @asynccontextmanager
    async def start(**values):
        async with process(ruby_workers_idv_enabled=True, **values) as running:
            yield Asking(running)

    return start


async def test_the_fallback_is_asked_after_a_failure(asking, caplog):
    """Its answer counts, the log line names both, and each one's decision is noted."""
    caplog.set_level("INFO", "proofing")
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a", GONE)
        second = jobs.vendor(RESOLUTION, "b", YES[RESOLUTION])
        jobs.set(**FALLBACK, assurance_vendors=("b",))
        record = await jobs.resolve()
    assert record.is_success
    assert (len(first.calls), len(second.calls)) == (1, 1)
    assert jobs.questions() == [
        ("a", RoutingRule.DEFAULT, "unknown"),
        ("b", RoutingRule.FALLBACK, "passed"),
    ]
    (line,) = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"]
    calls = [(call["vendor"], call.get("cause")) for call in line["vendors"] if call["step"] == "resolution"]
    assert calls == [("a", "unreachable"), ("b", None)]
    assert line["evidence"], "the operator vouches for the vendor whose answer counts"


async def test_not_after_every_failure(asking):
    """A fallback that names causes is not asked after others; the job ends without an answer."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", GONE)
        second = jobs.vendor(RESOLUTION, "b")
        jobs.set(
            resolution_vendor="a",
            resolution_vendor_fallbacks=(VendorFallback(vendor="b", after=(Cause.TIMEOUT,)),),
        )
        record = await jobs.resolve()
    assert (record.end_state, second.calls) == (EndState.VENDOR_EXCEPTION, [])


async def test_not_without_time(asking):
    """What is left of the job's time would have the fallback time out, as if it were at fault."""
    async with asking(job_deadline_seconds=1) as jobs:
        jobs.vendor(RESOLUTION, "a", GONE)
        second = jobs.vendor(RESOLUTION, "b")
        jobs.set(**FALLBACK)
        record = await jobs.resolve()
    assert (record.end_state, second.calls) == (EndState.VENDOR_EXCEPTION, [])


async def test_a_no_is_no_failure(asking):
    """Fallbacks are not asked after an answer."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", DENIED)
        second = jobs.vendor(RESOLUTION, "b")
        jobs.set(**FALLBACK)
        record = await jobs.resolve()
    assert (record.outcome, second.calls) == (Outcome.FAILED, [])


@pytest.mark.parametrize(
    ("answer", "outcome", "end"),
    [
        (YES[RESOLUTION], Outcome.PASSED, EndState.DONE),
        (replace(DENIED, reasons=("dob_mismatch",)), Outcome.FAILED, EndState.DONE),
        (replace(DENIED, outcome=Outcome.REVIEW), Outcome.FAILED, EndState.DONE),
        (GONE, Outcome.FAILED, EndState.DONE),
    ],
)
async def test_a_second_opinion_counts_where_it_is_a_yes(asking, answer, outcome, end):
    """Else the first answer stays, also when the second vendor gives none."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", DENIED)
        second = jobs.vendor(RESOLUTION, "b", answer)
        jobs.set(**SECOND)
        record = await jobs.resolve()
    assert (record.outcome, record.end_state) == (outcome, end)
    assert len(second.calls) == 1
    assert jobs.questions()[1][:2] == ("b", RoutingRule.SECOND_OPINION)


@pytest.mark.parametrize("vouched", ["a", "b"])
async def test_evidence_is_of_the_vendor_whose_answer_counts(asking, caplog, vouched):
    """Not of the last one that was asked, nor of the first."""
    caplog.set_level("INFO", "proofing")
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", DENIED)
        jobs.vendor(RESOLUTION, "b", replace(YES[RESOLUTION], attributes={"dob": Match.MATCH}))
        jobs.set(**SECOND, assurance_vendors=(vouched,), state_id_vendor=None)
        await jobs.resolve()
    (line,) = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"]
    assert bool(line["evidence"]) is (vouched == "b")


async def test_nobody_outvotes_a_death_record(asking):
    """It is no mistake of matching."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", replace(DENIED, death=Death.HIT))
        second = jobs.vendor(RESOLUTION, "b")
        jobs.set(**SECOND)
        record = await jobs.resolve()
    assert (record.outcome, second.calls) == (Outcome.FAILED, [])


async def test_a_vendor_that_is_out_is_not_asked(asking, caplog):
    """The fallback is; without one the job ends typed, and the line says why nobody was asked."""
    caplog.set_level("INFO", "proofing")
    out = {"vendor_status": {"a": VendorStatus.FULL_OUTAGE}}
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a")
        jobs.vendor(RESOLUTION, "b", YES[RESOLUTION])
        jobs.set(**FALLBACK, **out)
        assert (await jobs.resolve()).is_success
        jobs.set(resolution_vendor_fallbacks=())
        jobs.seen.clear()
        record = await jobs.resolve()
    assert (record.end_state, first.calls) == (EndState.VENDOR_UNAVAILABLE, [])
    (question,) = [one for one in jobs.seen if one.kind is RESOLUTION]
    assert (question.vendor, question.decision.passed_over) == (None, (("a", Refusal.OUTAGE),))
    line = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"][-1]
    (call,) = [one for one in line["vendors"] if one["step"] == "resolution"]
    assert (call["cause"], call["codes"], call["billed"]) == ("maintenance", ["outage"], False)


async def test_the_next_vendor_has_room(asking):
    """A budget that is used up, and an open breaker: the fallback is asked, and its decision says why."""
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a", YES[RESOLUTION])
        jobs.vendor(RESOLUTION, "b", YES[RESOLUTION])
        jobs.set(**FALLBACK, vendor_hourly_budgets={"a": 1})
        assert (await jobs.resolve()).is_success
        assert (await jobs.resolve()).is_success
        assert len(first.calls) == 1
        (decision,) = [one.decision for one in jobs.seen if one.decision.vendor == "b"]
        assert decision.passed_over == (("a", Refusal.BUDGET),)
        assert jobs.running.runtime.configuration.router.decide(decision.question) == decision


async def test_one_round_trip_admits_a_question(asking, monkeypatch):
    """With all vendors that may answer it, in their order; one that is put already asks for its own alone."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", pending(), YES[RESOLUTION])
        jobs.vendor(RESOLUTION, "b")
        jobs.set(**FALLBACK, vendor_hourly_budgets={"b": 9})
        store, entered = jobs.running.runtime.backends.results, []
        real = store.enter

        async def enter(gates, **values):
            entered.append([gate.name for gate in gates])
            return await real(gates, **values)

        monkeypatch.setattr(store, "enter", enter)
        assert await jobs.resolve() is None
        jobs.running.queue.wake_parked()
        assert (await jobs.go_on()).is_success
    assert len(entered) == sum(one.is_new for one in jobs.seen) + 1
    assert [names for names in entered if "resolution/a" in names] == [
        ["resolution/a", "resolution/b"],
        ["resolution/a"],
    ]


async def test_faults_open_the_breaker(asking):
    """After five in a row the vendor is not called anymore, by jobs as they are."""
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a", *[GONE] * 5)
        jobs.vendor(RESOLUTION, "b", *[YES[RESOLUTION]] * 7)
        jobs.set(**FALLBACK, idv_resolution_max_attempts=99)
        for _ in range(7):
            assert (await jobs.resolve()).is_success
            await jobs.running.runtime.parts.gates.close()
        assert len(first.calls) == 5
        reasons = {one.decision.passed_over for one in jobs.seen if one.decision.vendor == "b"}
        assert (("a", Refusal.BREAKER_OPEN),) in reasons


async def test_maintenance_of_one_agency(asking, caplog):
    """Announced while processes run: its failure is marked, and is no fault of the vendor that asks all."""
    caplog.set_level("INFO", "proofing")
    down = VendorError(Cause.SOURCE_DOWN, "away")
    always = {APPLICANT.state_id_jurisdiction: (AgencyWindow(cron="* * * * *", minutes=2),)}
    async with asking() as jobs:
        jobs.vendor(ProoferKind.STATE_ID, "a", down, down, YES[ProoferKind.STATE_ID])
        jobs.set(state_id_vendor="a", vendor_breaker=OPEN, state_id_maintenance_windows={})
        await jobs.resolve()
        jobs.set(state_id_maintenance_windows=always, state_id_bypass_causes=(Cause.MAINTENANCE,))
        records = [await jobs.resolve() for _ in range(2)]
    assert [one.is_success for one in records] == [True, True]
    lines = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"]
    calls = [call for line in lines for call in line["vendors"] if call["vendor"] == "a"]
    assert [(call.get("cause"), call.get("codes")) for call in calls] == [
        ("source_down", []),
        ("maintenance", ["jurisdiction_in_maintenance_window"]),
        (None, None),
    ]
    assert calls[2]["jurisdiction_in_maintenance_window"]


NO_CALLS = {"vendor_hourly_budgets": {"mock": 0}}


@pytest.mark.parametrize("out", [NO_CALLS, {"vendor_status": {"mock": VendorStatus.FULL_OUTAGE}}])
@pytest.mark.parametrize("kind", [JobKind.RESOLUTION, JobKind.PHONE, JobKind.DOCUMENT])
async def test_a_job_that_can_ask_nobody(asking, make_job, kind, out):
    """It says so, whatever it was to be asked; nothing is held against the person."""
    async with asking() as jobs:
        jobs.set(**out)
        arguments = {
            JobKind.DOCUMENT: DocumentArguments(plain_images=IMAGES, vendor="mock"),
            JobKind.PHONE: PIIArguments(applicant=APPLICANT),
        }.get(kind, PIIArguments(applicant=APPLICANT, **DEVICE))
        record = await jobs.runner.run_inline(make_job(kind), arguments)
    assert (record.end_state, record.is_exception) == (EndState.VENDOR_UNAVAILABLE, True)


async def test_a_state_id_vendor_that_is_out_is_no_agency_that_failed(asking):
    """Nobody asked the agency, and the page blames it for nothing."""
    async with asking() as jobs:
        agency = jobs.vendor(ProoferKind.STATE_ID, "a")
        jobs.set(state_id_vendor="a", vendor_status={"a": VendorStatus.FULL_OUTAGE})
        record = await jobs.resolve()
    assert (record.end_state, agency.calls) == (EndState.VENDOR_UNAVAILABLE, [])


async def test_a_breaker_without_a_fallback(asking):
    """The job that opens it met a fault; the next one could ask nobody."""
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a", GONE)
        jobs.set(resolution_vendor="a", vendor_breaker=OPEN)
        ends = []
        for _ in range(2):
            ends.append((await jobs.resolve()).end_state)
            await jobs.running.runtime.parts.gates.close()
    assert ends == [EndState.VENDOR_EXCEPTION, EndState.VENDOR_UNAVAILABLE]
    assert len(first.calls) == 1


async def test_a_parked_question_stays_where_it_is(asking):
    """Whatever the settings say by then; its failure still leads to a fallback."""
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a", pending(), YES[RESOLUTION])
        jobs.set(**FALLBACK)
        assert await jobs.resolve() is None
        jobs.set(resolution_vendor="mock", vendor_status={"a": VendorStatus.FULL_OUTAGE})
        jobs.running.queue.wake_parked()
        assert (await jobs.go_on()).is_success
    assert len(first.calls) == 2
    assert jobs.questions() == [("a", RoutingRule.DEFAULT, None), ("a", RoutingRule.KEPT, "passed")]
    ids = [one.id for one in jobs.seen if one.kind is RESOLUTION]
    assert ids[0] == ids[1]
    assert [one.is_new for one in jobs.seen if one.kind is RESOLUTION] == [True, False]


async def test_a_phone_pre_check_that_waits_is_finished_whatever_share_is_asked_by_then(asking):
    """It was put, and may be paid for."""
    async with asking() as jobs:
        phone = jobs.vendor(ProoferKind.PHONE, "a", pending(), YES[ProoferKind.PHONE])
        jobs.set(phone_precheck_enabled=True, phone_vendors=("a",))
        assert await jobs.resolve() is None
        jobs.set(phone_precheck_percentage=0)
        jobs.running.queue.wake_parked()
        assert (await jobs.go_on()).is_success
    assert len(phone.calls) == 2


async def test_a_question_that_failed_while_it_waited_has_a_fallback(asking):
    """The data is still there, but for images."""
    lost = VendorError(Cause.NONSENSE, "not documented")
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a", pending(), lost)
        second = jobs.vendor(RESOLUTION, "b", YES[RESOLUTION])
        jobs.set(**FALLBACK)
        assert await jobs.resolve() is None
        jobs.running.queue.wake_parked()
        record = await jobs.go_on()
    assert record.is_success
    assert second.calls[0][0].applicant.last_name == APPLICANT.last_name


async def test_an_interrupted_question_is_put_to_nobody_else(asking):
    """Its vendor may have answered, and may bill."""
    async with asking() as jobs:
        jobs.vendor(RESOLUTION, "a")
        second = jobs.vendor(RESOLUTION, "b")
        jobs.set(**FALLBACK)
        await jobs.running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        number = QuestionKey("resolution", 0).number
        (message,) = jobs.running.queue.waiting
        jobs.running.queue.waiting[:] = [replace(message, intents=(number,))]
        record = await jobs.go_on()
    assert (record.end_state, second.calls) == (EndState.UNKNOWN_OUTCOME, [])


async def test_everything_that_is_noted(asking):
    """Ids are unique, questions that got an answer are offered to the shadow once, with the whole request."""
    async with asking() as jobs:
        await jobs.resolve()
        ids = [one.id for one in jobs.seen]
        assert len(set(ids)) == len(ids) >= 3
        assert {one.kind for one in jobs.seen} >= {RESOLUTION, ProoferKind.STATE_ID, ProoferKind.DEVICE}
        assert all(one.job == ids[0].split(":")[0] and one.is_new for one in jobs.seen)
        assert [question for question, _request in jobs.shadowed] == jobs.seen
        assert {request.applicant.ssn for _question, request in jobs.shadowed} == {APPLICANT.ssn}
        people = {one.decision.question.person for one in jobs.seen}
        assert people == {jobs.running.runtime.configuration.router.question(RESOLUTION, "person-1").person}
        text = repr([one.decision for one in jobs.seen])
        assert PERSON.reference not in text
        assert APPLICANT.ssn not in text


async def test_phones_go_on_until_a_yes(asking):
    """In order: after a failure by rule of fallback, after a no as a second opinion; the last one counts."""
    denied = PhoneResult(vendor_name="b", outcome=Outcome.FAILED, reasons=("name_mismatch",))
    async with asking() as jobs:
        jobs.vendor(ProoferKind.PHONE, "a", GONE)
        jobs.vendor(ProoferKind.PHONE, "b", denied)
        jobs.vendor(ProoferKind.PHONE, "c", YES[ProoferKind.PHONE])
        jobs.set(phone_vendors=("a", "b", "c"))
        await jobs.running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        assert (await jobs.go_on()).is_success
    assert [one[:2] for one in jobs.questions(ProoferKind.PHONE)] == [
        ("a", RoutingRule.DEFAULT),
        ("b", RoutingRule.FALLBACK),
        ("c", RoutingRule.SECOND_OPINION),
    ]


async def test_states_of_several_vendors(asking):
    """A fallback answers for the states that the first vendor does not have."""
    async with asking() as jobs:
        first = jobs.vendor(ProoferKind.STATE_ID, "a", jurisdictions=frozenset({"VA"}))
        state = APPLICANT.state_id_jurisdiction
        second = jobs.vendor(
            ProoferKind.STATE_ID, "b", YES[ProoferKind.STATE_ID], jurisdictions=frozenset({state})
        )
        jobs.set(state_id_vendor="a", state_id_vendor_fallbacks=(VendorFallback(vendor="b"),))
        assert (await jobs.resolve()).is_success
    assert (len(first.calls), len(second.calls)) == (0, 1)
    (question,) = [one for one in jobs.seen if one.kind is ProoferKind.STATE_ID]
    assert question.decision.passed_over == (("a", Refusal.UNSUITABLE),)


def _document(jobs, **second):
    """Add two document vendors, of which the first fails; return the other one."""
    jobs.vendor(ProoferKind.DOCUMENT, "a", GONE)
    other = jobs.vendor(ProoferKind.DOCUMENT, "b", YES[ProoferKind.DOCUMENT], **second)
    jobs.set(
        document_vendor="a",
        document_vendor_fallbacks=(VendorFallback(vendor="b"),),
        ruby_workers_idv_enabled=False,
    )
    return other


async def _proof_document(jobs, make_job):
    return await jobs.runner.run_inline(
        make_job("document"), DocumentArguments(plain_images=IMAGES, vendor="a")
    )


async def test_a_document_fallback_gets_the_same_images(asking, make_job):
    """They are still there; the person was shown the first vendor."""
    async with asking() as jobs:
        other = _document(jobs)
        await _proof_document(jobs, make_job)
    (call,) = other.calls
    assert set(call[0].images) == {Side.FRONT, Side.BACK}
    assert [one[:2] for one in jobs.questions(ProoferKind.DOCUMENT)] == [
        ("a", RoutingRule.DEFAULT),
        ("b", RoutingRule.FALLBACK),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"captures_images": True},
        {"needs_selfie": True, "company": "Other, Inc."},
        {"document_types": frozenset()},
        {"accepts_test_documents": False},
        {"requires": frozenset({"email"}), "attributes": frozenset({"email"})},
    ],
)
async def test_a_document_vendor_that_cannot_take_over(asking, make_job, changes):
    """It takes its own images, wants what the person was not asked, or cannot answer about the document."""
    async with asking() as jobs:
        other = _document(jobs, **changes)
        record = await _proof_document(jobs, make_job)
    assert (record.end_state, other.calls) == (EndState.VENDOR_EXCEPTION, [])
    decision = jobs.seen[0].decision
    assert decision.vendor == "a"


async def test_mocks_in_test_mode_pass_no_gates(asking, make_job):
    """They have no limits, and nobody else is asked."""
    async with asking() as jobs:
        first = jobs.vendor(RESOLUTION, "a")
        jobs.set(resolution_vendor="mock", vendor_hourly_budgets={"mock": 0})
        record = await jobs.runner.run_inline(
            make_job("resolution", Mode.TEST), PIIArguments(applicant=APPLICANT, **DEVICE)
        )
    assert record.outcome is Outcome.PASSED
    assert first.calls == []
    assert {one.decision.rule for one in jobs.seen} == {RoutingRule.TEST_MODE}
