"""S15: a person who was not verified cannot tell from any answer which of their answers was wrong."""

import secrets
from dataclasses import replace

import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.records import EndState, JobKind, reference_number
from proofing.contracts.results import Match
from proofing.sessions.data import ReadDocument
from proofing_devtools.capture import APPLICANT
from proofing_devtools.sessions import make_session
from proofing_mock.proofers import ResolutionMock, StateIDMock

CASES = {"test_every_mismatch_looks_the_same": (5, 200)}
CSRF = "c" * 43
HEADERS = {"Origin": "http://localhost:8000", "X-CSRF-Token": CSRF}
#: Kind of mismatch to what brings it about with the mock vendor, and to what the vendor says of it.
MISMATCHES = {
    "first name": ({"first_name": "BAD"}, {"first_name"}),
    "SSN that somebody may have": ({"ssn": "123456789"}, {"ssn"}),
    "ZIP code": ({"zipcode": "00000"}, {"zipcode"}),
    "license number": ({"state_id_number": "0000"}, {"state_id_number"}),
    "license of an unknown kind": ({"document_type_received": "library_card"}, {"document_type_received"}),
    "SSN of two that are wrong": ({"ssn": "123456789", "zipcode": "00000"}, {"ssn"}),
    "license number and kind": (
        {"state_id_number": "0000", "document_type_received": "library_card"},
        {"state_id_number", "document_type_received"},
    ),
    "first name of three that are wrong": (
        {"first_name": "BAD", "ssn": "123456789", "zipcode": "00000"},
        {"first_name"},
    ),
}


@pytest.fixture
def said(monkeypatch):
    """Return the attributes that vendors have called wrong, as they say so."""
    found = set()
    for mock in (ResolutionMock, StateIDMock):

        async def proof(self, request, context, proof=mock.proof):
            result = await proof(self, request, context)
            found.update(name for name, match in result.attributes.items() if match is Match.MISMATCH)
            return result

        monkeypatch.setattr(mock, "proof", proof)
    return found


def session_of(person, mismatch):
    """Return id and data of a session that is before the check, with one mismatch in it."""
    applicant = APPLICANT.merge(MISMATCHES[mismatch][0])
    data = make_session(
        person,
        csrf=CSRF,
        device_session_id="pass",
        saved_at=9e9,
        consented_at=1.0,
        completed=frozenset({JobKind.DOCUMENT}),
        document=ReadDocument(applicant=replace(applicant, ssn=None)),
        typed=Applicant(ssn=applicant.ssn),
    )
    return secrets.token_urlsafe(32), data


async def walk(running, http, mismatch):
    """Submit one person with *mismatch* and return every answer on the way."""
    session_id, data = session_of(secrets.token_hex(16), mismatch)
    await running.service.sessions.save(session_id, data)
    http.cookies = {"proofing": session_id}
    submitted = await http.post("/verify", data={"csrf_token": CSRF}, headers=HEADERS)
    assert submitted.status_code == 303, submitted.text
    waiting = await http.get(submitted.headers["location"])
    result_id = waiting.text.partition('data-result-id="')[2].partition('"')[0]
    (record,) = await running.drain()
    assert (record.result_id, record.end_state, record.is_success) == (result_id, EndState.DONE, False)
    job = f"/api/jobs/{result_id}"
    paths = (job, f"{job}/events", waiting.url.path, "/verify/problem")
    answers = [submitted, waiting, *[await http.get(path) for path in paths]]
    assert [answer.status_code for answer in answers] == [303, 200, 200, 200, 303, 200], mismatch
    assert answers[4].headers["location"] == "/verify/problem"
    return [(sorted(answer.headers.items()), _without_ids(answer.content, result_id)) for answer in answers]


def _without_ids(content, result_id):
    """Return *content* without what is random for every job: its id, and the beginning of it."""
    return content.replace(result_id.encode(), b"ID").replace(
        reference_number(result_id).encode(), b"REFERENCE"
    )


async def test_every_mismatch_looks_the_same(cases, claim, process, said):
    """Waiting page, status, events, redirect and failure page are equal byte for byte, headers included."""
    seen = None
    compared = 0
    async with process(proof_ssn_max_attempts=10_000) as running, running.browser() as http:
        for _ in range(cases):
            for mismatch in MISMATCHES:
                said.clear()
                answers = await walk(running, http, mismatch)
                assert said == MISMATCHES[mismatch][1]
                seen = seen or answers
                for number, (ours, first) in enumerate(zip(answers, seen, strict=True)):
                    assert ours == first, (mismatch, number)
                compared += 1
    assert compared == cases * len(MISMATCHES)
    claim(
        "S15",
        "Kinds of mismatch tell themselves apart by no byte of any answer, status and failure page included",
        f"{len(MISMATCHES)} kinds x {cases}: {compared:,} of {compared:,} equal",
    )
