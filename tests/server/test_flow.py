"""Which page may be seen in which state, and what completes or reopens a step."""

import itertools
from dataclasses import replace

import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.job_results import DocumentJobResult, ResolutionJobResult
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.contracts.verifications import Step as PolicyStep
from proofing.sessions.data import Problem
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing.sessions.steps import STEP_OF, STEPS, SUBMIT_STEP, Page, parts_of, steps_for
from proofing_devtools.sessions import DOCUMENT, SSN, SSN_AND_PHONE, make_session, waits_for
from proofing_server import flow

PERSON = "person-1"
READ = frozenset({JobKind.DOCUMENT})
CHECKED = READ | {JobKind.RESOLUTION}
ADDRESS = {"address1": "2 FAKE RD", "city": "GREAT FALLS", "state": "MT", "zipcode": "59010"}


def state(name):
    """Return the session's data of a person who is at *name*."""
    steps = {
        "new": {},
        "consented": {"consented_at": 1.0},
        "document pending": waits_for(JobKind.DOCUMENT, "d"),
        "document problem": {
            "pending": None,
            "problem": Problem(kind=JobKind.DOCUMENT, screen="document_failed"),
        },
        "unconfirmed": {
            "completed": READ,
            "document": replace(DOCUMENT, needs_confirmation=True),
            "problem": None,
        },
        "document done": {"document": replace(DOCUMENT, needs_confirmation=True, confirmed=True)},
        "ssn": {"typed": SSN},
        "resolution pending": waits_for(JobKind.RESOLUTION, "r"),
        "resolution problem": {
            "pending": None,
            "problem": Problem(kind=JobKind.RESOLUTION, screen="verify_failed"),
        },
        "resolution done": {"completed": CHECKED, "problem": None},
        "phone pending": {"typed": SSN_AND_PHONE, **waits_for(JobKind.PHONE, "a")},
        "phone done": {
            "pending": None,
            "completed": CHECKED | {JobKind.PHONE},
            "confirmation": PhoneConfirmation(phone="2025550123"),
        },
        "code pending": waits_for(JobKind.CODE, "c"),
        "code problem": {"pending": None, "problem": Problem(kind=JobKind.CODE, screen="code_failed")},
        "code sent": {
            "problem": None,
            "completed": CHECKED | {JobKind.PHONE, JobKind.CODE},
            "confirmation": PhoneConfirmation(phone="2025550123", mac="0" * 64, made_at=1.0),
        },
        "confirmed": {"confirmation": PhoneConfirmation(phone="2025550123", confirmed_at=2.0)},
    }
    if name == "finished":
        return make_session(PERSON, finished_at=1.0)
    values = {}
    for step, more in steps.items():
        values.update(more)
        if step == name:
            return make_session(PERSON, **values)
    raise AssertionError(name)


#: State to the page it belongs on, and the further pages that may be seen.
TABLE = {
    "new": (Page.CONSENT, ""),
    "consented": (Page.DOCUMENT, "/consent /selfie"),
    "document pending": (Page.DOCUMENT_WAIT, ""),
    "document problem": (Page.DOCUMENT, "/consent /selfie /document/problem"),
    "unconfirmed": (Page.CONFIRM, "/consent /selfie /document"),
    "document done": (Page.SSN, "/consent /selfie /document"),
    "ssn": (Page.VERIFY, "/consent /selfie /document /ssn /address"),
    "resolution pending": (Page.VERIFY_WAIT, ""),
    "resolution problem": (Page.VERIFY, "/consent /selfie /document /ssn /address /verify/problem"),
    "resolution done": (Page.PHONE, "/consent /selfie /document /ssn /address /verify"),
    "phone pending": (Page.PHONE_WAIT, ""),
    "phone done": (Page.CODE, "/consent /selfie /document /ssn /address /verify /phone"),
    "code pending": (Page.CODE_WAIT, ""),
    "code problem": (Page.CODE, "/consent /selfie /document /ssn /address /verify /phone /code/problem"),
    "code sent": (Page.CODE, "/consent /selfie /document /ssn /address /verify /phone"),
    "confirmed": (Page.DONE, ""),
    "finished": (Page.DONE, ""),
}


@pytest.mark.parametrize(("name", "page"), list(itertools.product(TABLE, Page)))
def test_guard(name, page):
    """Every pair of state and page: shown, or sent to where the person belongs."""
    here, others = TABLE[name]
    data = state(name)
    assert flow.current_page(data) is here
    allowed = {here.value, "/", *others.split()}
    elsewhere = flow.redirect_for(data, page)
    if page.value in allowed:
        assert elsewhere is None
    else:
        assert elsewhere is not None
        assert flow.redirect_for(data, elsewhere) is None


def test_wait_page_without_a_job_leads_to_the_problem():
    """Reloading a waiting page after a failure shows the failure."""
    assert flow.redirect_for(state("document problem"), Page.DOCUMENT_WAIT) is Page.DOCUMENT_PROBLEM
    assert flow.redirect_for(state("document problem"), Page.VERIFY_WAIT) is Page.DOCUMENT


def test_passport_without_address_asks_for_it():
    """A document without an address is followed by the address form."""
    data = state("ssn")
    data.document = replace(DOCUMENT, applicant=Applicant(first_name="FAKEY"))
    assert flow.current_page(data) is Page.ADDRESS
    data.typed = data.typed.merge(ADDRESS)
    assert flow.current_page(data) is Page.VERIFY


def test_an_address_in_puerto_rico_is_confirmed():
    """Also when it is complete; until the person has reviewed it there is none."""
    data = state("ssn")
    data.document = replace(DOCUMENT, applicant=DOCUMENT.applicant.merge({"state": "PR", "zipcode": "00901"}))
    assert flow.current_page(data) is Page.ADDRESS
    data.typed = data.typed.merge({**ADDRESS, "state": "PR", "zipcode": "00901"})
    assert flow.current_page(data) is Page.VERIFY


def record(kind=JobKind.RESOLUTION, **values):
    """Return a successful record of the pending resolution."""
    facts = {
        "owner": PERSON,
        "result_id": "r",
        "end_state": EndState.DONE,
        "outcome": Outcome.PASSED,
        **values,
    }
    basis = StatusRecord(result_id=facts["result_id"], kind=kind, owner=facts["owner"], submitted_at=1.0)
    return basis.finished(facts["end_state"], at=2.0, outcome=facts["outcome"])


def test_success_completes():
    """A done, successful, own record of this step completes it."""
    data = state("resolution pending")
    assert flow.complete(data, record(), None)
    assert flow.current_page(data) is Page.PHONE


@pytest.mark.parametrize(
    "wrong",
    [
        record(outcome=Outcome.FAILED),
        record(outcome=Outcome.REVIEW),
        record(outcome=Outcome.UNKNOWN),
        *[record(end_state=end) for end in EndState if end is not EndState.DONE],
        record(owner="person-2"),
        record(result_id="other"),
        record(kind=JobKind.PHONE),
        StatusRecord(result_id="r", kind=JobKind.RESOLUTION, owner=PERSON, submitted_at=1.0),
    ],
    ids=lambda wrong: f"{wrong.kind}-{wrong.end_state}-{wrong.outcome}-{wrong.owner}-{wrong.result_id}",
)
def test_anything_else_does_not_complete(wrong):
    """Failed, unfinished, foreign, other-step and other-attempt records change nothing."""
    data = state("resolution pending")
    before = data.copy()
    assert not flow.complete(data, wrong, None)
    assert data == before


def test_success_without_a_pending_job_does_not_complete():
    """A record that the session does not wait for is nothing."""
    data = state("ssn")
    assert not flow.complete(data, record(), None)
    assert flow.current_page(data) is Page.VERIFY


@pytest.mark.parametrize("result", [None, DocumentJobResult(), ResolutionJobResult()])
def test_document_without_its_result_does_not_complete(result):
    """A success whose personal data has expired cannot be gone on with."""
    data = state("document pending")
    success = record(kind=JobKind.DOCUMENT, result_id="d")
    assert not flow.complete(data, success, result)


def test_editing_an_earlier_answer_reopens_what_follows():
    """New images clear everything after them; a new SSN clears the check but not the address."""
    data = state("phone pending")
    data.typed = data.typed.merge(ADDRESS)
    before = data.copy()
    flow.reset_from(data, Page.SSN)
    assert data.typed == Applicant(**ADDRESS)
    assert data.completed == READ
    assert data.pending is None
    data = before
    flow.submitted(data, JobKind.DOCUMENT, "new", at=3.0)
    assert flow.current_page(data) is Page.DOCUMENT_WAIT
    assert data.typed == Applicant()


def test_a_reverted_submit_leaves_what_others_changed():
    """The step is as it was before; an answer that came since stays."""
    data = state("resolution done")
    before = data.copy()
    data.typed = data.typed.merge({"phone": "2025550143"})
    flow.submitted(data, JobKind.PHONE, "a", at=3.0)
    after = data.copy()
    data.failed_phones |= {"7035555555"}
    flow.revert(data, before, after)
    assert data == replace(before, failed_phones=frozenset({"7035555555"}))


def test_the_end_keeps_no_personal_data():
    """A finished session holds no answer."""
    data = state("phone pending")
    assert flow.complete(data, record(kind=JobKind.PHONE, result_id="a"), None)
    flow.finish_if_complete(data, at=2.0)
    assert flow.current_page(data) is Page.DONE
    kept = {"csrf": data.csrf, "created_at": data.created_at, "saved_at": data.saved_at}
    assert data == make_session(PERSON, **kept, recent=data.recent, finished_at=2.0)


def test_the_session_remembers_few_jobs():
    """Only the last eight jobs are known by id."""
    data = state("ssn")
    for number in range(20):
        flow.submitted(data, JobKind.RESOLUTION, str(number), at=1.0)
    assert list(data.recent) == [str(number) for number in range(12, 20)]


POLICIES = {
    "document": (Page.CONSENT, Page.DOCUMENT),
    "document selfie": (Page.CONSENT, Page.DOCUMENT),
    "phone": (Page.CONSENT, Page.PHONE),
    "phone code": (Page.CONSENT, Page.PHONE, Page.CODE),
    "resolution": (Page.CONSENT, Page.IDENTITY, Page.SSN, Page.ADDRESS, Page.VERIFY),
    "phone code resolution": (
        *(Page.CONSENT, Page.IDENTITY, Page.PHONE, Page.CODE),
        *(Page.SSN, Page.ADDRESS, Page.VERIFY),
    ),
    "document selfie resolution phone code": (
        *(Page.CONSENT, Page.DOCUMENT, Page.SSN, Page.ADDRESS, Page.VERIFY, Page.PHONE, Page.CODE),
    ),
}
IDENTITY = {"first_name": "FAKEY", "last_name": "MCFAKERSON", "dob": "1938-10-06"}
#: What a person answers on each page, as changes of the session.
TYPED = {Page.IDENTITY: IDENTITY, Page.SSN: {"ssn": "900661234"}, Page.ADDRESS: ADDRESS}


@pytest.mark.parametrize("policy", POLICIES)
def test_any_policy_is_a_flow(policy):
    """Steps that are left out are neither asked nor open; the last one ends the flow."""
    asked = tuple(map(PolicyStep, policy.split()))
    data = make_session(PERSON, policy_steps=asked)
    for page in POLICIES[policy]:
        step = STEP_OF[page]
        assert flow.current_page(data) is page
        for other in Page:
            elsewhere = flow.redirect_for(data, other)
            if elsewhere is not None:
                assert flow.redirect_for(data, elsewhere) is None
            elif other is not Page.WELCOME:
                assert STEP_OF[other] in steps_for(asked)
        if page is Page.CONSENT:
            data.consented_at = 1.0
        data.typed = data.typed.merge(TYPED.get(page, {}))
        if page is Page.PHONE:
            data.typed = data.typed.merge({"phone": "2025550143"})
        if page is Page.CODE:
            data.confirmation = PhoneConfirmation(phone="2025550143", confirmed_at=2.0)
        elif step.submits:
            flow.submitted(data, step.job, "x", at=1.0)
            assert flow.current_page(data) is step.wait_page
            success = record(kind=step.job, result_id="x")
            found = DocumentJobResult(applicant=Applicant(first_name="FAKEY"))
            assert flow.complete(data, success, found, confirms_phone=data.confirms_phone(False))
    flow.finish_if_complete(data, at=2.0)
    assert data.is_finished
    assert data.policy_steps == asked
    assert flow.current_page(data) is Page.DONE


def test_parts_of_the_indicator_are_those_of_the_policy():
    """Nobody is promised a part that they will not see."""
    asked = {name: make_session(policy_steps=tuple(map(PolicyStep, name.split()))) for name in POLICIES}
    assert parts_of(make_session()) == ("start", "document", "verify", "phone", "done")
    assert parts_of(asked["document selfie"]) == ("start", "document", "done")
    assert parts_of(asked["phone code"]) == ("start", "phone", "done")
    assert parts_of(asked["resolution"]) == ("start", "verify", "done")
    assert parts_of(asked["phone code resolution"]) == ("start", "verify", "phone", "done")


def test_a_typed_name_is_an_input_of_every_later_step():
    """Another name opens what was checked with the first one again, but not what was typed about it."""
    data = make_session(
        PERSON,
        policy_steps=(PolicyStep.RESOLUTION, PolicyStep.PHONE),
        consented_at=1.0,
        typed=Applicant(**IDENTITY, **ADDRESS, ssn="900661234", phone="2025550143"),
        completed=frozenset({JobKind.RESOLUTION}),
    )
    assert flow.current_page(data) is Page.PHONE
    flow.reset_from(data, Page.IDENTITY)
    data.typed = data.typed.merge({**IDENTITY, "first_name": "OTHER"})
    assert flow.current_page(data) is Page.VERIFY
    assert data.typed.ssn == "900661234"


def test_a_phone_alone_needs_a_name_where_its_vendor_compares_it():
    """Nothing else would say whose phone it should be."""
    data = make_session(PERSON, policy_steps=(PolicyStep.PHONE,), consented_at=1.0)
    assert flow.current_page(data) is Page.PHONE
    data.needed = frozenset({"first_name", "last_name"})
    assert flow.current_page(data) is Page.IDENTITY
    data.typed = Applicant(last_name="MCFAKERSON", dob="1938-10-06")
    assert flow.current_page(data) is Page.PHONE


def test_every_row_of_the_table_is_whole():
    """A step starts unanswered; one that submits a job has its pages and its limit; no kind has two."""
    assert set(SUBMIT_STEP) == set(JobKind)
    assert len({step.name for step in STEPS}) == len({step.page for step in STEPS}) == len(STEPS)
    for step in STEPS:
        assert not step.is_complete(make_session(PERSON)) or step.is_optional, step.name
        if step.submits:
            assert step.wait_page in Page
            assert step.problem_page in Page
            assert step.limits
