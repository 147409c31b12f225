"""What is another person's looks like what does not exist, and no request takes a step that is not open.

The table of pages by state is tried without HTTP in tests/server/test_flow.py, tokens and origins in
tests/server/test_security.py.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace

import pytest

from proofing.app.service import PersonRef
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.jobs.way_back import QuestionAddress
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing.sessions.steps import STEPS, Page
from proofing.testing.images import make_jpeg
from proofing.verifications.credentials import Scope
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.sessions import DOCUMENT, SSN, SSN_AND_PHONE, make_session, waits_for
from proofing_devtools.verifications import ACME, ACME_TEST, OTHER, SETTINGS, start_verification
from proofing_server.app import make_app
from proofing_server.flow import current_page

CASES = {
    "test_foreign_is_unknown": (4, 100),
    "test_a_foreign_verification_is_unknown": (2, 40),
    "test_no_request_takes_a_step_that_is_not_open": (1, 1),
}
CSRF = "c" * 43
HEADERS = {"Origin": "http://localhost:8000", "X-CSRF-Token": CSRF}
#: What relying parties do with one verification, and what they send.
ACTIONS = {
    "cancel": None,
    "claims": None,
    "decision": {"outcome": "verified", "reason": "seen"},
    "link": None,
    "redact": None,
}
#: Headers that differ between any two requests of one key.
VARYING = ("request-id", "ratelimit", "ratelimit-policy", "retry-after")
#: Routes with an id in their path.
ROUTES = {
    "/limit/{limit}": "names a limit, not a thing of a person",
    "/static/{version}/{name}": "public files",
    "/static/vendors/{digest}/{name}": "scripts of plugins, public as well",
    "/device/{session_id}": "a page that knows nobody: it shows what its path says",
    "/uploads/{object_key:path}": "tried below",
    "/api/uploads/{slot}": "tried below",
    "/api/uploads/{slot}/finished": "tried below",
    "/api/uploads/{slot}/release": "tried below",
    "/api/jobs/{result_id}": "tried below",
    "/api/jobs/{result_id}/events": "tried below",
    "/api/answers/{question_id}": "tried below",
    "/answers/{question_id}": "for a wallet, which has no session: the address is the permission",
    "/answers/{question_id}/request": "the same",
    "/start/{token}": "the address is the permission; tried in tests/server/test_links.py",
    "/handoff/{token}": "the same; tried in tests/server/test_handoff.py",
    "/branding/{version}/{color}.css": "computed from its path",
    "/branding/{version}/{policy}.image": "the logo of a policy, which all its pages show",
    "/return/{question_id}": "wakes a job, and shows nothing of it",
    "/webhooks/{name}": "names a vendor, which signs",
    "/oauth/return/{client_id}": "names a client, not a thing of a person; the session is asked",
    **dict.fromkeys(
        [
            "/v1/verifications/{id}",
            *(f"/v1/verifications/{{id}}/{action}" for action in ACTIONS),
            "/v1/test/verifications/{id}/simulate",
        ],
        "of a relying party, which has a key: tried below",
    ),
}


def session_of(person, **values):
    """Return id and data of a session of *person*."""
    data = make_session(person, csrf=CSRF, device_session_id="d", saved_at=9e9, **values)
    return secrets.token_urlsafe(32), data


def seen(response, *ids):
    """Return everything of a response that the requester sees, with the ids they sent made equal."""
    body = response.text
    for one in ids:
        body = body.replace(one, "ID")
    return response.status_code, sorted(response.headers.items()), body


async def test_foreign_is_unknown(cases, claim, process):
    """Jobs, slots, attempts, and uploads of another person answer byte for byte as made-up ones."""
    compared = 0
    async with process(proof_ssn_max_attempts=10_000) as running, running.browser() as http:
        paths = {route.path for route in make_app(running.service).routes if "{" in route.path}
        assert paths == set(ROUTES), "a new route with an id: try it here"
        for number in range(cases):
            owner, thief = f"owner-{number}", f"thief-{number}"
            theirs = await belongings(running.service, PersonRef(reference=owner))
            own = "b" * 32
            session_id, data = session_of(thief, consented_at=1.0, attempts=(own,))
            await running.service.sessions.save(session_id, data)
            http.cookies = {"proofing": session_id}
            for request in attempts(own):
                compared += 1
                answers = []
                for ids in (theirs, await made_up(theirs)):
                    method, path, options = request(ids)
                    response = await http.request(method, path, headers=HEADERS, **options)
                    assert response.status_code in (400, 403, 404), (path, response.status_code)
                    answers.append(seen(response, *ids.values()))
                assert answers[0] == answers[1], path
            assert len(running.queue.waiting) == number + 1
    claim("S8", "Foreign ids answer byte for byte as unknown ones", f"{compared} of {compared} pairs equal")


async def test_a_foreign_verification_is_unknown(cases, claim, process):
    """To another relying party, and to a key of the other mode: byte for byte as one that does not exist."""
    compared = 0
    async with process(**SETTINGS) as running, running.browser() as http:
        add = running.service.relying_parties.credentials.add
        strangers = [
            (await add(party.name, party.mode, scopes=tuple(Scope))).token for party in (OTHER, ACME_TEST)
        ]
        for number in range(cases):
            made = await start_verification(running.service, "phone", subject=f"customer-{number}")
            ids = {"id": made.record.id}
            unknown = {"id": "ver_" + secrets.token_hex(16)}
            for token in strangers:
                for method, path, body in verification_requests():
                    compared += 1
                    answers = []
                    for one in (ids, unknown):
                        response = await http.request(
                            method,
                            path.format(**one),
                            headers={"Authorization": f"Bearer {token}"},
                            json=body,
                        )
                        assert response.status_code in (403, 404), (path, response.text)
                        for name in VARYING:
                            response.headers.pop(name, None)
                        answers.append(seen(response, one["id"]))
                    assert answers[0] == answers[1], path
            assert (await running.service.verifications.get(ACME, made.record.id)).sequence == 2
    assert compared == cases * len(strangers) * len(verification_requests())


def verification_requests():
    """Return method, path and body of everything that a relying party does with one verification."""
    one = "/v1/verifications/{id}"
    return [
        ("GET", one, None),
        *(("POST", f"{one}/{action}", body) for action, body in ACTIONS.items()),
        ("POST", "/v1/test/verifications/{id}/simulate", {"outcome": "verified"}),
    ]


async def belongings(service, person):
    """Let *person* have a job, a slot and an upload, and return their ids."""
    attempt = secrets.token_hex(16)
    slot = await service.new_slot(person, attempt=attempt, side=Side.FRONT)
    reserved = await service.new_slot(person, attempt=attempt, side=Side.BACK)
    signed = await service.uploads.presign(
        person.reference, attempt=attempt, slot=slot, length=99, sha256=bytes(32)
    )
    assert signed
    job = await service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
    question = service.events._way_back.question_id(QuestionAddress(job, 1))
    return {"job": job, "slot": slot, "reserved": reserved, "attempt": attempt, "question": question}


async def made_up(ids: Mapping[str, str]):
    """Return ids of the same form that nobody has."""
    return {
        name: re.sub(r"[0-9a-f]", lambda _: secrets.choice("0123456789abcdef"), one)
        for name, one in ids.items()
    }


def attempts(own):
    """Return what a thief asks, given ids; *own* is the thief's own attempt."""
    zeros = base64.b64encode(bytes(32)).decode()
    terms = {"length": 99, "sha256": zeros}

    done = {"side": "front", "iv": base64.b64encode(bytes(12)).decode(), "key": zeros}

    def submit(attempt, slot):
        image = {"slot": slot, "iv": base64.b64encode(bytes(12)).decode()}
        images = {"front": image, "back": image}
        return "POST", "/api/document", {"json": {"attempt": attempt, "key": zeros, "images": images}}

    return (
        lambda ids: ("GET", f"/api/jobs/{ids['job']}", {}),
        lambda ids: ("POST", f"/api/answers/{ids['question']}", {"json": {}}),
        lambda ids: ("GET", f"/api/jobs/{ids['job']}/events", {}),
        lambda ids: ("POST", "/api/uploads", {"json": {"attempt": ids["attempt"], "side": "front"}}),
        lambda ids: ("POST", f"/api/uploads/{ids['reserved']}", {"json": {"attempt": own, **terms}}),
        lambda ids: ("POST", f"/api/uploads/{ids['slot']}", {"json": {"attempt": own, **terms}}),
        lambda ids: ("POST", f"/api/uploads/{ids['slot']}", {"json": {"attempt": ids["attempt"], **terms}}),
        lambda ids: ("POST", f"/api/uploads/{ids['slot']}/finished", {"json": {"attempt": own, **done}}),
        lambda ids: (
            "POST",
            f"/api/uploads/{ids['slot']}/finished",
            {"json": {"attempt": ids["attempt"], **done}},
        ),
        lambda ids: ("POST", f"/api/uploads/{ids['slot']}/release", {"json": {}}),
        lambda ids: submit(own, ids["slot"]),
        lambda ids: submit(ids["attempt"], ids["slot"]),
        lambda ids: ("PUT", f"/uploads/captures/{ids['attempt']}/{ids['slot']}", {"content": b"x" * 99}),
    )


@pytest.mark.parametrize("inline", [False, True], ids=["jobs", "inline"])
async def test_no_photo_is_taken_before_the_answer_to_the_selfie(process, inline):
    """Whatever a program sends: no slot, no upload, no job; and no consent without the box and the text."""
    switches = {"doc_auth_enable_presigned_s3_urls": not inline, "ruby_workers_idv_enabled": not inline}
    async with process(**switches, selfie="required") as running, running.browser() as http:
        own = "b" * 32
        session_id, data = session_of("person", consented_at=1.0, attempts=(own,))
        await running.service.sessions.save(session_id, data)
        http.cookies = {"proofing": session_id}
        files = {side: make_jpeg(comment=side.encode()) for side in ("front", "back", "selfie")}
        answers = [
            await http.post("/document", data={"csrf_token": CSRF}, files=files, headers=HEADERS),
            await http.post("/selfie", data={"csrf_token": CSRF, "answer": "agree"}, headers=HEADERS),
            await http.post("/selfie", data={**FIELDS, "answer": "agree"}, headers=HEADERS),
        ]
        for request in attempts(own):
            method, path, options = request(IDS | {"attempt": own})
            if path.startswith(("/api/uploads", "/api/document")):
                answers.append(await http.request(method, path, headers=HEADERS, **options))
        assert len(answers) > len(files)
        assert {answer.status_code for answer in answers} <= {303, 400, 409}
        assert (running.queue.waiting, running.asked) == ([], [])
        after = await running.service.sessions.load(session_id)
        assert replace(after, saved_at=0.0) == replace(data, saved_at=0.0)


#: Of nobody.
IDS = dict.fromkeys(("job", "slot", "reserved", "attempt", "question"), "0" * 32)
READ = frozenset({JobKind.DOCUMENT})
CHECKED = READ | {JobKind.RESOLUTION}
PHONED = CHECKED | {JobKind.PHONE}
CONFIRMATION = PhoneConfirmation(phone="2025550123")
READY = {"consented_at": 1.0, "document": DOCUMENT, "typed": SSN}
#: Name of a state to the session's values, as tests/server/test_flow.py has them.
STATES = {
    "new": {},
    "consented": {"consented_at": 1.0},
    "document pending": {"consented_at": 1.0, **waits_for(JobKind.DOCUMENT, "d")},
    "unconfirmed": {
        "consented_at": 1.0,
        "completed": READ,
        "document": replace(DOCUMENT, needs_confirmation=True),
    },
    "document done": {"consented_at": 1.0, "completed": READ, "document": DOCUMENT},
    "ssn": {**READY, "completed": READ},
    "resolution pending": {**READY, "completed": READ, **waits_for(JobKind.RESOLUTION, "r")},
    "resolution done": {**READY, "completed": CHECKED},
    "phone pending": {
        **READY,
        "completed": CHECKED,
        "typed": SSN_AND_PHONE,
        **waits_for(JobKind.PHONE, "a"),
    },
    "code to send": {**READY, "completed": PHONED, "typed": SSN_AND_PHONE, "confirmation": CONFIRMATION},
    "code pending": {
        **READY,
        "completed": PHONED,
        "typed": SSN_AND_PHONE,
        "confirmation": CONFIRMATION,
        **waits_for(JobKind.CODE, "c"),
    },
    "code sent": {
        **READY,
        "completed": PHONED | {JobKind.CODE},
        "typed": SSN_AND_PHONE,
        "confirmation": replace(CONFIRMATION, mac="0" * 64, made_at=9e9),
    },
    "finished": {"finished_at": 9e9},
}
FIELDS = {
    "csrf_token": CSRF,
    "consent": "yes",
    "answer": "yes",
    "ssn": "900661235",
    "phone": "2025550123",
    "channel": "text",
    "address1": "1 FAKE RD",
    "city": "GREAT FALLS",
    "state": "MT",
    "zipcode": "59010",
}
#: What a form may be sent from: its page is open, or earlier than the current one.
FORMS = [step.page for step in STEPS]
ORDER = [*FORMS, Page.DONE]


@pytest.mark.parametrize("inline", [False, True], ids=["jobs", "inline"])
async def test_no_request_takes_a_step_that_is_not_open(cases, claim, process, inline):
    """Every form in every state over HTTP: where it is not open, nothing changes and no job starts."""
    assert cases == 1
    pairs = illegal = 0
    switches = {
        "doc_auth_enable_presigned_s3_urls": not inline,
        "ruby_workers_idv_enabled": not inline,
        "messenger_vendor": "mock",
    }
    async with process(**switches) as running, running.browser() as http:
        for name, values in STATES.items():
            for form in FORMS:
                person = f"{name}-{form.name}"
                session_id, data = session_of(person, **values)
                await running.service.sessions.save(session_id, data)
                http.cookies = {"proofing": session_id}
                here = current_page(data)
                is_open = form is here or (
                    here in ORDER and ORDER.index(form) < ORDER.index(here) < len(FORMS)
                )
                before = len(running.queue.waiting), len(running.asked)
                files = (
                    {"front": make_jpeg(), "back": make_jpeg(comment=b"b")} if form is Page.DOCUMENT else None
                )
                response = await http.post(form.value, data=FIELDS, files=files, headers=HEADERS)
                assert response.status_code in (200, 303, 400, 409), (person, response.status_code)
                pairs += 1
                after = await running.service.sessions.load(session_id)
                if is_open:
                    continue
                illegal += 1
                assert response.status_code in (303, 409), (person, response.status_code)
                assert (len(running.queue.waiting), len(running.asked)) == before, person
                assert replace(after, saved_at=0.0) == replace(data, saved_at=0.0), person
    claim(
        "S8",
        f"Forms sent where their step is not open, {'inside the request' if inline else 'with jobs'}",
        f"0 of {illegal} took effect ({pairs} pairs of state and form)",
    )
