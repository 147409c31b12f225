"""What each kind of job does besides asking: image checks, switches, jurisdictions, phone vendors."""

import asyncio
import json
import uuid
from dataclasses import replace

import pytest

from proofing.base.metrics import JOBS_ENDED
from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import Evidence, ValidatedBy
from proofing.contracts.images import Side
from proofing.contracts.job_results import DocumentJobResult
from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import FraudSignal, Match, Outcome, PhoneResult, ProoferKind, SelfieCheck
from proofing.contracts.selfies import SelfieAnswer, SelfieChoice
from proofing.jobs.arguments import DocumentArguments, PIIArguments
from proofing.jobs.run import JobRun
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.vendor_fakes import make_process
from proofing_devtools.capture import DEVICE, upload_images

PERSON = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    ssn="900661234",
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010",
    phone="2025550143",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    document_type_received="drivers_license",
)


class Recorder:
    """A job that keeps what the run noted."""

    def __init__(self, running, kind):
        self.message = JobMessage(
            result_id=str(uuid.uuid4()), kind=JobKind(kind), owner="owner-1", encrypted_arguments=b""
        )
        self.job = MemoryJob(self.message, attempt=1)
        self.running = running

    async def run(self, arguments):
        """Run inside the request and return the record."""
        return await self.running.runtime.runner.run_inline(self.job, arguments)


def pair(**changes):
    """Return both sides of a document."""
    return {Side.FRONT: make_jpeg(comment=b"front"), Side.BACK: make_jpeg(comment=b"back"), **changes}


async def test_images_of_a_form_start_at_the_check(process):
    """They are proofed like uploaded ones."""
    async with process() as running:
        record = await Recorder(running, "document").run(DocumentArguments(plain_images=pair()))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)


async def test_a_side_that_is_no_image_is_named(process):
    """The code of the check is reported for its side, and no vendor was asked."""
    async with process() as running:
        recorder = Recorder(running, "document")
        images = pair(**{Side.BACK: b"\x00\x01\x02"})
        record = await recorder.run(DocumentArguments(plain_images=images))
        assert (record.end_state, record.fields) == (EndState.BAD_IMAGE, {"back": "not_an_image"})
        assert recorder.job.intents == []


async def test_an_image_that_failed_before_is_refused_unasked(process):
    """Remembered marks of known sides count; others are ignored."""
    images = pair()
    mark = inspect_image(images[Side.FRONT]).fingerprint
    async with process() as running:
        recorder = Recorder(running, "document")
        marks = frozenset({f"front:{mark}", f"ceiling:{mark}", "nonsense"})
        record = await recorder.run(DocumentArguments(plain_images=images, failed_fingerprints=marks))
        assert (record.end_state, record.outcome) == (EndState.BAD_IMAGE, Outcome.UNKNOWN)
        assert set(record.fields) == {"front"}
        assert recorder.job.intents == []


async def test_a_review_of_a_document_blames_no_image(process, caplog):
    """The job is done, and counted by its outcome; its line has the outcome; nothing is handed on."""
    caplog.set_level("INFO", "proofing")
    labels = ("document", "done", "review")
    before = JOBS_ENDED.labels(*labels)._value.get()
    async with process() as running:
        recorder = Recorder(running, "document")
        form = b"document: {}\ntransaction_status: review\n"
        images = {Side.FRONT: form + b"# front", Side.BACK: form + b"# back"}
        record = await recorder.run(DocumentArguments(plain_images=images))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.REVIEW)
        assert not record.is_success
        assert not record.is_exception
        assert (record.reasons, record.fields) == ((), None)
        person = PersonRef(reference="owner-1")
        finished = await running.service.finished_job(person, record.result_id, JobKind.DOCUMENT)
        assert replace(finished.result, evidence=Evidence()) == DocumentJobResult(
            checks={"document": "review", "selfie": "not_checked", "passport": "not_checked"}
        )
        (piece,) = finished.result.evidence.pieces
        assert (piece.validated_by, piece.verified_by) == (ValidatedBy.NONE, ())
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert (line["outcome"], line["success"]) == (Outcome.REVIEW, False)
    assert JOBS_ENDED.labels(*labels)._value.get() == before + 1


def passport_form(mrz="P<USADOE<<JANE<<<", **facts):
    """Return both sides of a passport with that machine-readable zone."""
    form = json.dumps({"document": {"document_type_received": "passport", "mrz": mrz}, **facts})
    return {side: form.encode() + f"  # {side}".encode() for side in (Side.FRONT, Side.BACK)}


@pytest.mark.parametrize(
    ("word", "outcome", "reasons"),
    [
        ("JANE", Outcome.PASSED, ()),
        ("BAD", Outcome.FAILED, ("passport_check",)),
        ("REVIEW", Outcome.REVIEW, ()),
        ("FAIL", Outcome.UNKNOWN, ("network",)),
        ("TIME", Outcome.UNKNOWN, ("network",)),
    ],
)
async def test_the_issuer_is_asked_about_a_passport(process, caplog, word, outcome, reasons):
    """Its no fails the attempt and blames the images; its silence is no answer, and blames none."""
    caplog.set_level("INFO", "proofing")
    async with process() as running:
        images = passport_form(f"P<USADOE<<{word}<<<")
        record = await Recorder(running, "document").run(DocumentArguments(plain_images=images))
        finished = await running.service.finished_job(
            PersonRef(reference="owner-1"), record.result_id, JobKind.DOCUMENT
        )
    end_state = EndState.VENDOR_EXCEPTION if outcome is Outcome.UNKNOWN else EndState.DONE
    assert (record.end_state, record.outcome, record.reasons) == (end_state, outcome, reasons)
    failed = outcome is Outcome.FAILED
    assert record.fields == (dict.fromkeys(("front", "back"), "passport_check") if failed else None)
    assert len(finished.result.failed_fingerprints if finished.result else ()) == (2 if failed else 0)
    assert record.timed_out is (word == "TIME")
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert [call["step"] for call in line["vendors"]] == ["vendor_request", "passport"]


@pytest.mark.parametrize(
    ("images", "settings"),
    [
        (passport_form(), {"passport_vendor": None}),
        (passport_form(passport_check_result={"PassportCheckResult": "Pass"}), {}),
        (passport_form(passport_check_result={"PassportCheckResult": "Fail"}), {}),
        (passport_form(transaction_status="failed"), {}),
        (passport_form(transaction_status="review"), {}),
        (passport_form(mrz=None), {}),
        (pair(), {}),
    ],
    ids=["off", "vendor's yes", "vendor's no", "failed", "review", "no MRZ", "license"],
)
async def test_the_issuer_is_not_asked(process, images, settings):
    """Unless the passport passed, and its vendor did not ask the issuer itself."""
    async with process(**settings) as running:
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.PASSPORT, "mock"]
        loaded.proofer.proof = pytest.fail
        await Recorder(running, "document").run(DocumentArguments(plain_images=images))


@pytest.mark.parametrize("requires", ["authenticated", "read"])
async def test_how_far_a_document_must_have_been_checked(process, caplog, requires):
    """The setting decides whether one that was only read passes; the line says how far it was checked."""
    caplog.set_level("INFO", "proofing")
    form = b"{document: {}, assurance: read}"
    async with process(document_requires=requires) as running:
        images = {Side.FRONT: form, Side.BACK: form}
        record = await Recorder(running, "document").run(DocumentArguments(plain_images=images))
    reasons = ("not_authenticated",) if requires == "authenticated" else ()
    assert (record.is_success, record.reasons) == (not reasons, reasons)
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert line["assurance"] == "read"


@pytest.mark.parametrize(
    ("form", "findings", "warning"),
    [
        (b"http_status: {front: 438}", ["image_unreadable:front:438"], None),
        (
            b"failed_alerts: [{name: Moon Phase}, {name: Visible Pattern}]",
            ["other::Moon Phase", "not_genuine::Visible Pattern"],
            "unknown_findings",
        ),
        (b"doc_auth_result: Failed", [], "unexplained"),
    ],
)
async def test_the_line_of_a_document_job_has_its_findings(process, caplog, form, findings, warning):
    """With the vendor's names, and a warning where our words do not have them."""
    caplog.set_level("INFO", "proofing")
    async with process() as running:
        images = {Side.FRONT: form, Side.BACK: form}
        record = await Recorder(running, "document").run(DocumentArguments(plain_images=images))
        assert record.outcome is Outcome.FAILED
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert (line["findings"], line.get("warning")) == (findings, warning)


DOCUMENT_OWNER = PersonRef(reference="owner-1")
COMPANY = "the made-up vendor of this test system"
AGREED = SelfieChoice(answer=SelfieAnswer.AGREED, at=1.0, text_version="en-1", recipient=COMPANY)
DECLINED = replace(AGREED, answer=SelfieAnswer.DECLINED)


def note_sides(running):
    """Return the list that fills with the sides that the document vendor gets."""
    seen = []
    loaded = running.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
    real = loaded.proofer.proof

    async def proof(request, context):
        seen.append((set(request.images), request.wanted.selfie))
        return await real(request, context)

    loaded.proofer.proof = proof
    return seen


@pytest.mark.parametrize("has_selfie", [False, True])
async def test_a_vendor_may_need_a_selfie(process, has_selfie):
    """The page asks for it, the vendor gets it, and without it nobody is asked."""
    async with process() as running:
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
        person = PersonRef(reference="x")
        assert running.service.document_plan(person).sides == (Side.FRONT, Side.BACK)
        loaded.descriptor = replace(loaded.descriptor, needs_selfie=True)
        assert running.service.document_plan(person).sides == (*pair(), Side.SELFIE)
        recorder = Recorder(running, "document")
        images = pair(**({Side.SELFIE: make_jpeg(comment=b"selfie")} if has_selfie else {}))
        record = await recorder.run(DocumentArguments(plain_images=images, selfie=AGREED))
        if has_selfie:
            assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
        else:
            assert (record.end_state, record.fields) == (EndState.BAD_IMAGE, {"selfie": "missing_image"})
            assert recorder.job.intents == []


@pytest.mark.parametrize(
    ("settings", "choice", "sides"),
    [
        ({"selfie": "required"}, AGREED, {*pair(), Side.SELFIE}),
        # To somebody else, to nothing, or not at all.
        ({"selfie": "required"}, replace(AGREED, recipient="Another Company"), None),
        ({"selfie": "required"}, None, None),
        ({"selfie": "required"}, DECLINED, None),
        ({"selfie": "required", "selfie_refusal": "continue"}, DECLINED, {*pair()}),
        ({"selfie": "required", "selfie_refusal": "continue"}, None, None),
        # Switched off since: what was taken is of no use anymore.
        ({"selfie": "never"}, AGREED, {*pair()}),
        ({"selfie": "where_needed"}, AGREED, {*pair()}),
    ],
)
async def test_no_vendor_gets_a_selfie_without_consent(process, settings, choice, sides):
    """Whatever was uploaded; where one is wanted, nobody is asked without it, and nothing is counted."""
    async with process(**settings) as running:
        seen = note_sides(running)
        images = pair(**{Side.SELFIE: make_jpeg(comment=b"selfie")})
        recorder = Recorder(running, "document")
        record = await recorder.run(DocumentArguments(plain_images=images, selfie=choice))
        if sides is None:
            assert (record.end_state, record.fields) == (EndState.BAD_IMAGE, {"selfie": "missing_image"})
            assert seen == []
        else:
            assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
            assert seen == [(sides, Side.SELFIE in sides)]


@pytest.mark.parametrize(("choice", "is_read"), [(AGREED, True), (DECLINED, False)])
async def test_every_uploaded_selfie_is_gone_when_the_job_ends(process, tmp_path, caplog, choice, is_read):
    """With consent it is compared; without, not even read. The line has the outcome and no image."""
    caplog.set_level("INFO", "proofing")
    async with process(selfie="required", selfie_refusal="continue") as running:
        images = pair(**{Side.SELFIE: make_jpeg(comment=b"selfie")})
        given = await upload_images(running.service, images, person=DOCUMENT_OWNER)
        result_id = await running.service.submit_uploads(DOCUMENT_OWNER, **given, selfie=choice)
        stored = tmp_path / "local" / "images"
        assert len([path for path in stored.iterdir() if path.stat().st_size]) == len(images)
        await running.drain()
        assert not [path for path in stored.iterdir() if path.stat().st_size]
        finished = await running.service.finished_job(DOCUMENT_OWNER, result_id, JobKind.DOCUMENT)
        assert finished.result.selfie is (SelfieCheck.MATCH if is_read else SelfieCheck.NOT_CHECKED)
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert ("download.selfie" in line["timing"]) is is_read
    assert line["selfie"] == ("match" if is_read else "not_checked")
    assert line["selfie_choice"] == choice.to_json()


@pytest.mark.parametrize("check", sorted(set(SelfieCheck) - {SelfieCheck.MATCH}))
async def test_only_a_match_passes(process, check):
    """Whatever else a vendor says of the selfie, and of the document."""
    async with process(selfie="required") as running:
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
        real = loaded.proofer.proof

        async def proof(request, context):
            return replace(await real(request, context), selfie=check)

        loaded.proofer.proof = proof
        images = pair(**{Side.SELFIE: make_jpeg(comment=b"selfie")})
        record = await Recorder(running, "document").run(
            DocumentArguments(plain_images=images, selfie=AGREED)
        )
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.FAILED)
        assert "selfie" in record.fields


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, {"device", "resolution", "state_id"}),
        ({"device_profiling_enabled": False}, {"resolution", "state_id"}),
        ({"state_id_vendor": None}, {"device", "resolution"}),
        ({"state_id_jurisdictions": ["MT"]}, {"device", "resolution"}),
        ({"state_id_jurisdictions": ["ND"]}, {"device", "resolution", "state_id"}),
        ({"phone_precheck_enabled": True}, {"device", "resolution", "state_id", "phone"}),
        (
            {"phone_precheck_enabled": True, "phone_precheck_percentage": 0},
            {"device", "resolution", "state_id"},
        ),
        ({"phone_precheck_percentage": 100}, {"device", "resolution", "state_id"}),
    ],
)
async def test_switches_decide_who_is_asked(process, monkeypatch, settings, asked):
    """What is off, or out of its jurisdictions, is not asked, and the person passes anyway."""
    seen = set()
    real = JobRun.ask

    async def ask(self, loaded, request, *, step):
        seen.add(step)
        return await real(self, loaded, request, step=step)

    monkeypatch.setattr(JobRun, "ask", ask)
    async with process(**settings) as running:
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=PERSON, **DEVICE))
        assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
    assert seen == asked


@pytest.mark.parametrize(("chosen", "is_asked"), [([], True), (["NY"], True), (["MT"], False)])
async def test_a_vendor_may_answer_for_more_jurisdictions(process, chosen, is_asked):
    """New York's office, which answers no vendor by default: the vendor's states count, as far as chosen."""
    async with process(state_id_jurisdictions=chosen) as running:
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.STATE_ID, "mock"]
        loaded.descriptor = replace(loaded.descriptor, jurisdictions=frozenset({"NY", "VA"}))
        applicant = PERSON.merge({"state_id_jurisdiction": "NY"})
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=applicant, **DEVICE))
        # The mock says no to New York.
        assert record.outcome is (Outcome.FAILED if is_asked else Outcome.PASSED)


async def test_a_vendor_of_few_jurisdictions_is_not_asked_for_others(process):
    """The descriptor's states bound those of the rules."""
    async with process() as running:
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.STATE_ID, "mock"]
        loaded.descriptor = ProoferDescriptor(
            name="mock",
            kind=ProoferKind.STATE_ID,
            make=lambda *_: pytest.fail("it was asked"),
            jurisdictions=frozenset({"VA"}),
            maturity=Maturity.MOCK,
        )
        loaded.__dict__["proofer"] = None
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=PERSON, **DEVICE))
        assert record.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("causes", "end"),
    [
        ([], EndState.STATE_ID_EXCEPTION),
        (["source_down"], EndState.STATE_ID_EXCEPTION),
        (["source_down", "source_timeout"], EndState.DONE),
    ],
)
async def test_errors_of_a_license_office_can_be_bypassed(process, caplog, causes, end):
    """Only those that operators chose; the job's line keeps what happened."""
    caplog.set_level("INFO", "proofing")
    async with process(state_id_bypass_causes=causes) as running:
        recorder = Recorder(running, "resolution")
        record = await recorder.run(
            PIIArguments(
                applicant=PERSON.merge({"state_id_number": "mvatimeout"}),
                **DEVICE,
            )
        )
        assert (record.end_state, record.is_success) == (end, end is EndState.DONE)
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert [call["codes"] for call in line["vendors"] if call["step"] == "state_id"] == [["0047"]]


async def test_a_home_address_of_its_own_is_resolved_apart(process):
    """In the in-person flow home and document are two questions."""
    apart = PERSON.merge(
        {
            "same_address_as_id": False,
            "identity_doc_address1": "2 FAKE RD",
            "identity_doc_city": "HELENA",
            "identity_doc_address_state": "MT",
            "identity_doc_zipcode": "59011",
        }
    )
    async with process() as running:
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=apart, **DEVICE))
        assert record.outcome is Outcome.PASSED


class Meeting:
    """Vendors of several kinds, each of which answers only when all others have been asked."""

    def __init__(self, *kinds):
        self._asked = {kind: asyncio.Event() for kind in kinds}

    def put_in_place(self, running, kind):
        """Put the vendor of *kind* into the place of the mock's."""
        loaded = running.runtime.configuration.plugins.proofers[kind, "mock"]
        real = loaded.proofer

        class Waiting:
            async def proof(_, request, context):  # noqa: N805
                self._asked[kind].set()
                for event in self._asked.values():
                    await event.wait()
                return await real.proof(request, context)

        loaded.__dict__["proofer"] = Waiting()


@pytest.mark.parametrize(
    "kinds",
    [
        (ProoferKind.DEVICE, ProoferKind.RESOLUTION),
        (ProoferKind.DEVICE, ProoferKind.STATE_ID),
        (ProoferKind.DEVICE, ProoferKind.PHONE),
        (ProoferKind.STATE_ID, ProoferKind.PHONE),
        (ProoferKind.DEVICE, ProoferKind.STATE_ID, ProoferKind.PHONE),
    ],
)
async def test_what_does_not_depend_on_each_other_is_asked_at_once(process, kinds):
    """Nobody waits for the device profile, nor state ID and phone for each other."""
    async with process(phone_precheck_enabled=True) as running:
        meeting = Meeting(*kinds)
        for kind in kinds:
            meeting.put_in_place(running, kind)
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=PERSON, **DEVICE))
    assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)


@pytest.mark.parametrize("kind", [ProoferKind.STATE_ID, ProoferKind.PHONE])
async def test_who_depends_on_the_resolution_is_not_asked_before_it(process, kind):
    """Nor at all when it says a no that nothing cures."""
    async with process(phone_precheck_enabled=True) as running:
        loaded = running.runtime.configuration.plugins.proofers[kind, "mock"]
        loaded.proofer.proof = pytest.fail
        applicant = PERSON.merge({"zipcode": "00000"})
        record = await Recorder(running, "resolution").run(PIIArguments(applicant=applicant, **DEVICE))
    assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.FAILED)


@pytest.mark.parametrize(
    ("arguments", "settings", "checks"),
    [
        (
            DocumentArguments(plain_images=pair()),
            {},
            {"document": "passed", "selfie": "not_checked", "passport": "not_checked"},
        ),
        (
            DocumentArguments(plain_images=passport_form()),
            {"passport_vendor": None},
            {"document": "passed", "selfie": "not_checked", "passport": "not_checked"},
        ),
        (
            DocumentArguments(plain_images=passport_form()),
            {},
            {"document": "passed", "selfie": "not_checked", "passport": "passed"},
        ),
        (
            DocumentArguments(plain_images=passport_form("P<USADOE<<BAD<<<")),
            {},
            {"document": "passed", "selfie": "not_checked", "passport": "failed"},
        ),
        (
            DocumentArguments(
                plain_images=passport_form(passport_check_result={"PassportCheckResult": "Pass"})
            ),
            {},
            {"document": "passed", "selfie": "not_checked", "passport": "passed"},
        ),
        (DocumentArguments(plain_images={}), {}, {"document": "not_checked"}),
        (
            PIIArguments(applicant=PERSON),
            {"device_profiling_enabled": False, "state_id_vendor": None},
            {
                "resolution": "passed",
                "residential_address": "not_checked",
                "state_id": "not_checked",
                "device": "not_checked",
                "phone_precheck": "not_checked",
            },
        ),
        (PIIArguments(applicant=PERSON), {}, {"phone": "passed"}),
        (PIIArguments(applicant=PERSON.merge({"phone": "7035555999"})), {}, {"phone": "unknown"}),
    ],
)
async def test_a_check_that_nobody_made_is_not_checked(process, caplog, arguments, settings, checks):
    """In the line and in the sealed result of every kind of job, whatever the job comes to."""
    kind = next(kind for kind in JobKind if kind.value in checks)
    caplog.set_level("INFO", "proofing")
    async with process(**settings) as running:
        record = await Recorder(running, kind).run(arguments)
        finished = await running.service.finished_job(PersonRef(reference="owner-1"), record.result_id, kind)
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert line["checks"] == checks
    if finished.result is not None:
        assert finished.result.checks == checks


class Phone:
    """A phone vendor that answers what a test says."""

    def __init__(self, name, outcome, *signals):
        self.name = name
        self.outcome = outcome
        self.signals = frozenset(signals)

    def proof(self, request, context):
        """Answer."""
        return PhoneResult(
            vendor_name=self.name,
            outcome=self.outcome,
            attributes={"phone": Match.MATCH},
            reasons=(self.name,),
            fraud_signals=self.signals,
        )


@pytest.mark.parametrize(
    ("answers", "asked", "wanted"),
    [
        (((Outcome.PASSED,), (Outcome.PASSED,)), 1, (Outcome.PASSED,)),
        (((Outcome.FAILED,), (Outcome.PASSED,)), 2, (Outcome.PASSED,)),
        (((Outcome.FAILED,), (Outcome.FAILED,)), 2, (Outcome.FAILED,)),
        (((Outcome.REVIEW,), (Outcome.PASSED,)), 2, (Outcome.PASSED,)),
        (((Outcome.REVIEW,), (Outcome.FAILED,)), 2, (Outcome.FAILED,)),
        (((Outcome.FAILED,), (Outcome.REVIEW,)), 2, (Outcome.REVIEW,)),
        (((Outcome.FAILED, FraudSignal.SIM_SWAPPED), (Outcome.PASSED,)), 1, (Outcome.FAILED, "sim_swapped")),
        (((Outcome.REVIEW, FraudSignal.HIGH_RISK), (Outcome.PASSED,)), 1, (Outcome.REVIEW, "phone_risk")),
        (
            ((Outcome.FAILED,), (Outcome.PASSED, FraudSignal.NUMBER_REASSIGNED)),
            2,
            (Outcome.PASSED, "number_reassigned"),
        ),
    ],
)
async def test_phone_vendors_are_asked_until_a_yes(process, answers, asked, wanted):
    """In order, and not after a sign of fraud; the last answer counts."""
    outcome, *signals = wanted
    async with process() as running:
        configuration = running.runtime.configuration
        proofers = configuration.plugins.proofers
        template = proofers[ProoferKind.PHONE, "mock"]
        names = [f"v{number}" for number in range(len(answers))]
        for name, answer in zip(names, answers, strict=True):
            descriptor = replace(template.descriptor, name=name)
            proofers[ProoferKind.PHONE, name] = loaded = type(template)("p", descriptor, None, make_process)
            loaded.__dict__["proofer"] = Phone(name, *answer)
        live = configuration.live
        live.current = live.current.model_copy(update={"phone_vendors": tuple(names)})
        record = await Recorder(running, "phone").run(PIIArguments(applicant=PERSON))
        assert (record.end_state, record.outcome) == (EndState.DONE, outcome)
        assert record.reasons == (f"v{asked - 1}", *signals)
