"""The cross-check: another reading alongside the document vendor's, which is nothing, advice, or a no."""

import uuid

import pytest
from tests.core.jobs.test_asking import GONE, PERSON, Asking

from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.cross_checks import CrossCheckMode
from proofing.contracts.images import Side
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Assurance, DocumentResult, Finding, FindingCode, Outcome, ProoferKind
from proofing.jobs.arguments import DocumentArguments
from proofing.routing.vendors import vendor_problems
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryJob

DOCUMENT = ProoferKind.DOCUMENT
YES = DocumentResult(
    vendor_name="a",
    outcome=Outcome.PASSED,
    assurance=Assurance.AUTHENTICATED,
    document_type=DocumentType.DRIVERS_LICENSE,
    applicant=Applicant(
        first_name="FAKEY",
        last_name="MCFAKERSON",
        dob="1938-10-06",
        address1="1 FAKE RD",
        city="GREAT FALLS",
        state="MT",
        zipcode="59010",
        state_id_number="1111111111111",
        state_id_jurisdiction="ND",
    ),
)
MAJOR = Finding(code=FindingCode.BIRTH_DATE, vendor_code="reading_birth_date_major")
MINOR = Finding(code=FindingCode.NAME, vendor_code="reading_middle_name_minor", is_advice=True)
DIFFERS = DocumentResult(vendor_name="c", outcome=Outcome.FAILED, findings=(MAJOR, MINOR))
AGREES = DocumentResult(vendor_name="c", outcome=Outcome.PASSED, findings=(MINOR,))


@pytest.fixture
async def asking(process):
    """Return a process with a document vendor whose answer is a yes."""
    async with process(ruby_workers_idv_enabled=False) as running:
        yield Asking(running)


async def proof(jobs, caplog, *answers, mode="refuse", vendor=YES, **images):
    """Run a document job; return its record, what is logged as its findings, and what the other was asked."""
    caplog.set_level("INFO", "proofing")
    jobs.vendor(DOCUMENT, "a", vendor)
    other = jobs.vendor(DOCUMENT, "c", *answers, compares_readings=True, offline=True, attributes={"dob"})
    jobs.set(document_vendor="a", document_cross_check=CrossCheckMode(mode), document_cross_check_vendor="c")
    message = JobMessage(
        result_id=str(uuid.uuid4()),
        kind=JobKind.DOCUMENT,
        owner=PERSON.reference,
        encrypted_arguments=b"",
    )
    shown = images or {"front": make_jpeg(comment=b"front"), "back": make_jpeg(comment=b"back")}
    arguments = DocumentArguments(plain_images={Side(side): image for side, image in shown.items()})
    record = await jobs.runner.run_inline(MemoryJob(message, attempt=1), arguments)
    (line,) = [one.proofing_fields for one in caplog.records if one.getMessage() == "perform"]
    return record, line.get("findings"), other.calls


ADVICE = ["birth_date::reading_birth_date_major:advice", "name::reading_middle_name_minor:advice"]


async def test_a_difference_is_advice(asking, caplog):
    """It is in the log, and the document passes."""
    record, findings, calls = await proof(asking, caplog, DIFFERS, mode="advise")
    assert (record.outcome, findings) == (Outcome.PASSED, ADVICE)
    (call,) = calls
    assert set(call[0].images) == {Side.FRONT, Side.BACK}
    assert call[0].applicant.dob == YES.applicant.dob


async def test_a_major_difference_is_a_no(asking, caplog):
    """With the class of its finding, as if the vendor had found it."""
    record, findings, _calls = await proof(asking, caplog, DIFFERS)
    assert (record.outcome, record.reasons) == (Outcome.FAILED, ("birth_date_checks",))
    assert findings == ["birth_date::reading_birth_date_major", ADVICE[1]]


async def test_a_minor_difference_is_not(asking, caplog):
    """Whatever the mode is."""
    record, findings, _calls = await proof(asking, caplog, AGREES)
    assert (record.outcome, findings) == (Outcome.PASSED, ADVICE[1:])


async def test_nobody_is_asked_by_default(asking, caplog):
    """The switch is off."""
    record, findings, calls = await proof(asking, caplog, mode="never")
    assert (record.outcome, findings, calls) == (Outcome.PASSED, [], [])


async def test_nor_after_a_no(asking, caplog):
    """There is nothing to turn, and nothing to compare with."""
    no = DocumentResult(vendor_name="a", outcome=Outcome.FAILED, findings=(MAJOR,))
    record, _findings, calls = await proof(asking, caplog, vendor=no)
    assert (record.outcome, calls) == (Outcome.FAILED, [])


async def test_no_answer_is_no_no(asking, caplog):
    """A cross-check that cannot be asked leaves the vendor's answer, and says so."""
    record, findings, _calls = await proof(asking, caplog, GONE)
    assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
    assert findings == ["other::cross_check_unanswered:advice"]


async def test_a_testers_form_is_not_read(asking, caplog):
    """It has no image."""
    forms = {side: f"document: {{}} # {side}".encode() for side in ("front", "back")}
    record, findings, calls = await proof(asking, caplog, **forms)
    assert (record.outcome, findings, calls) == (Outcome.PASSED, [], [])


@pytest.mark.parametrize(
    ("values", "named", "key"),
    [
        (
            {"document_cross_check": CrossCheckMode.ADVISE, "document_cross_check_vendor": "mock"},
            "mock",
            "cross_check_vendor",
        ),
        ({"document_vendor": "reader:cross_check"}, "reader:cross_check", "vendor"),
    ],
    ids=["one that is not for it", "one that is for it alone"],
)
async def test_each_vendor_has_its_place(process, values, named, key):
    """A start names the key and what is wrong with it."""
    async with process(plugins=["huey", "local", "mock", "reader"]) as running:
        configuration = running.runtime.configuration
        settings = configuration.live.current.model_copy(update=values)
        (problem,) = vendor_problems(settings, configuration.plugins)
    assert problem.key == f"document_{key}"
    assert named in problem.rule
