"""Which page may be seen in which state, and what completes or reopens a step."""

import itertools

import pytest

from proofing.contracts.job_results import DocumentJobResult, ResolutionJobResult
from proofing.contracts.records import End, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing_server import flow
from proofing_server.flow import Page

PERSON = "person-1"
APPLICANT = {
    "first_name": "FAKEY",
    "address1": "1 FAKE RD",
    "city": "GREAT FALLS",
    "state": "MT",
    "zipcode": "59010",
}


def state(name):
    """Return the session's data of a person who stands at *name*."""
    data = {"person": PERSON, "csrf": "c", "created_at": 1.0}
    steps = {
        "new": {},
        "consented": {"consented": True},
        "document pending": {"jobs": {"document": {"pending": "d", "at": 1.0}}},
        "document problem": {
            "jobs": {},
            "problem": {"kind": "document", "screen": "document_failed", "fields": {}},
        },
        "unconfirmed": {
            "jobs": {"document": {"done": "d"}},
            "applicant": APPLICANT,
            "needs_confirmation": True,
            "problem": None,
        },
        "document done": {"confirmed": True},
        "ssn": {"ssn": "900661234"},
        "resolution pending": {
            "jobs": {"document": {"done": "d"}, "resolution": {"pending": "r", "at": 1.0}}
        },
        "resolution problem": {
            "jobs": {"document": {"done": "d"}},
            "problem": {"kind": "resolution", "screen": "verify_failed", "fields": {}},
        },
        "resolution done": {
            "jobs": {"document": {"done": "d"}, "resolution": {"done": "r"}},
            "problem": None,
        },
        "phone pending": {
            "phone": "2025550123",
            "jobs": {
                "document": {"done": "d"},
                "resolution": {"done": "r"},
                "phone": {"pending": "a", "at": 1.0},
            },
        },
    }
    if name == "finished":
        return {**data, "finished": True}
    for step, values in steps.items():
        data.update(values)
        if step == name:
            return data
    raise AssertionError(name)


#: State to the page it belongs on, and the further pages that may be seen.
TABLE = {
    "new": (Page.CONSENT, ""),
    "consented": (Page.DOCUMENT, "/consent"),
    "document pending": (Page.DOCUMENT_WAIT, ""),
    "document problem": (Page.DOCUMENT, "/consent /document/problem"),
    "unconfirmed": (Page.CONFIRM, "/consent /document"),
    "document done": (Page.SSN, "/consent /document"),
    "ssn": (Page.VERIFY, "/consent /document /ssn /address"),
    "resolution pending": (Page.VERIFY_WAIT, ""),
    "resolution problem": (Page.VERIFY, "/consent /document /ssn /address /verify/problem"),
    "resolution done": (Page.PHONE, "/consent /document /ssn /address /verify"),
    "phone pending": (Page.PHONE_WAIT, ""),
    "finished": (Page.DONE, ""),
}


@pytest.mark.parametrize(("name", "page"), list(itertools.product(TABLE, Page)))
def test_gate(name, page):
    """Every pair of state and page: shown, or sent to where the person belongs."""
    here, others = TABLE[name]
    data = state(name)
    assert flow.place(data) is here
    allowed = {here.value, "/", *others.split()}
    elsewhere = flow.gate(data, page)
    if page.value in allowed:
        assert elsewhere is None
    else:
        assert elsewhere is not None
        assert flow.gate(data, elsewhere) is None


def test_wait_page_without_a_job_leads_to_the_problem():
    """Reloading a waiting page after a failure shows the failure."""
    assert flow.gate(state("document problem"), Page.DOCUMENT_WAIT) is Page.DOCUMENT_PROBLEM
    assert flow.gate(state("document problem"), Page.VERIFY_WAIT) is Page.DOCUMENT


def test_passport_without_address_asks_for_it():
    """A document without an address is followed by the address form."""
    data = state("ssn")
    data["applicant"] = {"first_name": "FAKEY"}
    assert flow.place(data) is Page.ADDRESS
    data["address"] = {"address1": "1 FAKE RD"}
    assert flow.place(data) is Page.VERIFY


def record(kind=JobKind.RESOLUTION, **values):
    """Return a successful record of the pending resolution."""
    facts = {"owner": PERSON, "result_id": "r", "end": End.DONE, "outcome": Outcome.PASSED, **values}
    basis = StatusRecord(result_id=facts["result_id"], kind=kind, owner=facts["owner"], submitted_at=1.0)
    return basis.ended(facts["end"], at=2.0, outcome=facts["outcome"])


def test_success_completes():
    """A done, successful, own record of this step completes it."""
    data = state("resolution pending")
    assert flow.complete(data, JobKind.RESOLUTION, record(), None, at=2.0)
    assert flow.place(data) is Page.PHONE


@pytest.mark.parametrize(
    "wrong",
    [
        record(outcome=Outcome.FAILED),
        record(outcome=Outcome.REVIEW),
        record(outcome=Outcome.UNKNOWN),
        *[record(end=end) for end in End if end is not End.DONE],
        record(owner="person-2"),
        record(result_id="other"),
        record(kind=JobKind.PHONE),
        StatusRecord(result_id="r", kind=JobKind.RESOLUTION, owner=PERSON, submitted_at=1.0),
    ],
    ids=lambda wrong: f"{wrong.kind}-{wrong.end}-{wrong.outcome}-{wrong.owner}-{wrong.result_id}",
)
def test_anything_else_does_not_complete(wrong):
    """Failed, unfinished, foreign, other-step and other-attempt records change nothing."""
    data = state("resolution pending")
    before = repr(data)
    assert not flow.complete(data, JobKind.RESOLUTION, wrong, None, at=2.0)
    assert repr(data) == before


def test_success_without_a_pending_job_does_not_complete():
    """A record that the session does not wait for is nothing."""
    data = state("ssn")
    assert not flow.complete(data, JobKind.RESOLUTION, record(), None, at=2.0)
    assert flow.place(data) is Page.VERIFY


@pytest.mark.parametrize("result", [None, DocumentJobResult(), ResolutionJobResult()])
def test_document_without_its_result_does_not_complete(result):
    """A success whose personal data has expired cannot be gone on with."""
    data = state("document pending")
    success = record(kind=JobKind.DOCUMENT, result_id="d")
    assert not flow.complete(data, JobKind.DOCUMENT, success, result, at=2.0)


def test_editing_an_earlier_answer_reopens_what_follows():
    """New pictures clear everything after them; a new SSN clears the check but not the address."""
    data = state("phone pending") | {"address": {"address1": "x"}}
    flow.forget(data, Page.SSN)
    assert "ssn" not in data
    assert data["address"]
    assert not flow.is_complete(data, JobKind.RESOLUTION)
    assert flow.pending_job(data) is None
    data = state("phone pending") | {"address": {"address1": "x"}}
    flow.submitted(data, JobKind.DOCUMENT, "new", at=3.0)
    assert flow.place(data) is Page.DOCUMENT_WAIT
    assert not {"ssn", "address", "phone"} & set(data)


def test_the_end_keeps_no_personal_data():
    """A finished session holds no answer."""
    data = state("phone pending") | {"recent": {"a": "phone"}}
    success = record(kind=JobKind.PHONE, result_id="a")
    assert flow.complete(data, JobKind.PHONE, success, None, at=2.0)
    assert set(data) == {"person", "csrf", "created_at", "finished", "finished_at", "recent"}


def test_the_session_remembers_few_jobs():
    """Only the last eight jobs are known by id."""
    data = state("ssn")
    for number in range(20):
        flow.submitted(data, JobKind.RESOLUTION, str(number), at=1.0)
    assert list(data["recent"]) == [str(number) for number in range(12, 20)]
