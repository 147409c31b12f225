"""The JSON API: jobs, uploads, and what bad input gets."""

import asyncio
import base64
import hashlib
import json
import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import proofing_server
from proofing.base.errors import EncryptionError
from proofing.contracts.applicant import Applicant
from proofing.contracts.circumstances import CIRCUMSTANCES
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.contracts.results import Outcome, ProoferKind
from proofing.crypto.contexts import image_key_context
from proofing.crypto.data_keys import Purpose
from proofing.sessions.uploads import SLOT_LIFE_SECONDS
from proofing.testing.images import make_jpeg, make_png
from proofing_server.compression import unmask
from proofing_server.job_status import Stage

IMAGES = {"front": make_jpeg(), "back": make_png()}


def text(content):
    """Return base64 text."""
    return base64.b64encode(content).decode()


class Capture:
    """What the capture page's script does, in Python."""

    def __init__(self, browser, attempt=None):
        self.browser = browser
        self.attempt = attempt or browser.page.text.split('data-attempt="')[1][:32]
        self.key = os.urandom(32)
        self.images = {}

    async def upload(self, side, content, *, aad=None, sent=None):
        """Encrypt and upload one side; return the last response."""
        response = await self.browser.api("/api/uploads", {"attempt": self.attempt, "side": side})
        assert response.status_code == 201, response.text
        slot = response.json()["slot"]
        iv = os.urandom(12)
        body = AESGCM(self.key).encrypt(iv, content, (aad or f"v2|{slot}|{side}").encode())
        terms = {"attempt": self.attempt, "length": len(body), "sha256": text(hashlib.sha256(body).digest())}
        signed = await self.browser.api(f"/api/uploads/{slot}", terms)
        assert signed.status_code == 200, signed.text
        self.images[side] = {"slot": slot, "iv": text(iv)}
        upload = signed.json()
        self.put = upload, body
        return await self.browser.http.put(upload["url"], content=sent or body, headers=upload["headers"])

    async def submit(self, **changes):
        """Submit the attempt."""
        body = {"attempt": self.attempt, "key": text(self.key), "images": self.images, **changes}
        return await self.browser.api("/api/document", body)

    async def finish(self, of, **changes):
        """Have the session keep the upload of one side; None leaves a part out."""
        image = self.images[of]
        body = {"attempt": self.attempt, "side": of, "iv": image["iv"], "key": text(self.key), **changes}
        sent = {name: value for name, value in body.items() if value is not None}
        return await self.browser.api(f"/api/uploads/{image['slot']}/finished", sent)

    async def reload(self):
        """Return the page that a reload shows: another attempt, without key and IVs."""
        await self.browser.get("/document")
        return Capture(self.browser)

    @property
    def kept(self):
        """The slots that the page shows as uploaded, by side."""
        return dict(re.findall(r'data-side="(\w+)" data-slot="(\w+)"', self.browser.page.text))


@pytest.fixture
async def capture(site):
    """A capture page."""
    browser = site.browser()
    await browser.consent()
    return Capture(browser)


async def upload_both(capture):
    """Upload both sides."""
    for side, content in IMAGES.items():
        assert (await capture.upload(side, content)).status_code == 200


async def test_upload_and_submit(site, capture):
    """Both sides arrive, the job reads them, and the flow continues."""
    await upload_both(capture)
    metadata = {"front": {"width": 1, "height": 2, "mime": "image/jpeg", "source": "upload", "name": "x"}}
    response = await capture.submit(metadata=metadata)
    assert (response.status_code, response.json()) == (202, {"next": "/document/wait"})
    assert site.queue.waiting[0].metadata["images"]["front"] == {
        "width": 1,
        "height": 2,
        "mime": "image/jpeg",
        "source": "upload",
    }
    await site.queue.release()
    await capture.browser.get("/document/wait")
    assert capture.browser.path == "/ssn"


async def test_the_vendor_is_told_how_the_person_came(site, capture):
    """By the session and the request; and what the person typed on pages before, as far as it is declared."""
    loaded = site.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
    loaded.descriptor = replace(
        loaded.descriptor, needs=frozenset(CIRCUMSTANCES), attributes=frozenset({"email", "ssn"})
    )
    seen = note_requests(loaded)
    await upload_both(capture)
    await capture.submit()
    await site.queue.release()
    await capture.browser.get("/document/wait")
    await capture.browser.post("/ssn", ssn="900-66-1234")
    session = await site.app.state.site.sessions.open(capture.browser.http.cookies["proofing"])
    await session.update(
        lambda data: setattr(data, "typed", data.typed.merge({"email": "anna@mail.example"}))
    )
    again = await capture.reload()
    await upload_both(again)
    await again.submit()
    await site.queue.release()
    first, second = seen
    assert first.applicant == Applicant()
    # The number belongs to a later page, whose answer new photos remove.
    assert second.applicant == Applicant(email="anna@mail.example")
    assert first.circumstances.locale == "en"
    assert first.circumstances.ip_address == "127.0.0.1"
    assert first.circumstances.user_agent.startswith("python-httpx")
    age = datetime.now(UTC) - first.circumstances.consented_at
    assert timedelta(0) <= age < timedelta(hours=1)
    assert second.circumstances == replace(first.circumstances, attempt_number=2)
    assert first.circumstances.attempt_number == 1


async def test_each_form_tells_how_the_person_came(sync_site):
    """Photos of a form post, resolution and phone; a user agent is cut off, and may be missing."""
    seen = {}
    for (kind, name), loaded in sync_site.runtime.configuration.plugins.proofers.items():
        # A license is no question for the issuer of passports, and a message no question about a person.
        if name == "mock" and kind not in {ProoferKind.PASSPORT, ProoferKind.MESSENGER}:
            loaded.descriptor = replace(loaded.descriptor, needs=frozenset(CIRCUMSTANCES))
            seen[kind] = note_requests(loaded)
    browser = sync_site.browser()
    browser.http.headers["user-agent"] = "x" * 600
    await browser.consent()
    files = {side: (f"{side}.jpg", content) for side, content in IMAGES.items()}
    await browser.post_files("/document", files)
    await browser.post("/ssn", ssn="900-66-1234")
    browser.http.headers["user-agent"] = ""
    await browser.post("/verify")
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"
    known = {kind: requests[0].circumstances for kind, requests in seen.items()}
    assert {one.attempt_number for one in known.values()} == {1}
    assert len({(one.consented_at, one.device_session_id, one.locale) for one in known.values()}) == 1
    assert known[ProoferKind.DOCUMENT].user_agent == "x" * 512
    assert known[ProoferKind.PHONE].user_agent is None


def note_requests(loaded):
    """Return the requests that the proofer gets from now on."""
    seen, answer = [], loaded.proofer.proof

    async def proof(request, context):
        seen.append(request)
        return await answer(request, context)

    loaded.proofer.proof = proof
    return seen


async def test_upload_alone_completes_nothing(site, capture):
    """Objects in the store are no evidence: the step is open until a job says otherwise."""
    await upload_both(capture)
    await capture.browser.get("/ssn")
    assert capture.browser.path == "/document"
    assert not site.queue.waiting


async def test_finished_uploads_survive_a_reload(site, capture):
    """The page without key and IVs submits what the session has kept, and the vendor sees both images."""
    await upload_both(capture)
    assert (await capture.finish("front", metadata={"size": 7, "scaled": True, "x": 1})).status_code == 200
    assert (await capture.finish("back", key=None)).status_code == 200
    reloaded = await capture.reload()
    assert reloaded.kept == {side: image["slot"] for side, image in capture.images.items()}
    response = await reloaded.submit(images={}, key=None)
    assert (response.status_code, response.json()) == (202, {"next": "/document/wait"})
    assert site.queue.waiting[0].metadata["images"] == {"front": {"size": 7, "scaled": True}, "back": {}}
    await site.queue.release()
    await capture.browser.get("/document/wait")
    assert capture.browser.path == "/ssn"


async def test_a_replaced_side_and_a_kept_one_are_submitted_together(site, capture):
    """Each image is opened with the key of the page that uploaded it."""
    await upload_both(capture)
    for side in IMAGES:
        await capture.finish(side)
    reloaded = await capture.reload()
    await reloaded.upload("back", make_png(comment=b"another"))
    assert (await reloaded.finish("back")).status_code == 200
    assert (await reloaded.submit()).status_code == 202
    await site.queue.release()
    await capture.browser.get("/document/wait")
    assert capture.browser.path == "/ssn"


async def test_choosing_again_forgets_what_was_kept(capture):
    """Another image that does not arrive does not bring the first one back."""
    await upload_both(capture)
    for side in IMAGES:
        await capture.finish(side)
    reloaded = await capture.reload()
    await reloaded.browser.api("/api/uploads", {"attempt": reloaded.attempt, "side": "back"})
    again = await reloaded.reload()
    assert list(again.kept) == ["front"]
    response = await again.submit(images={}, key=None)
    assert (response.status_code, response.json()["errors"]) == (400, {"back": "upload_missing"})


async def test_removed_uploads_are_gone(capture):
    """What is removed is neither shown nor submitted, and the key goes with the last of its images."""
    await upload_both(capture)
    for side in IMAGES:
        await capture.finish(side)
    for side, image in capture.images.items():
        removed = await capture.browser.api(f"/api/uploads/{image['slot']}/release", {})
        assert (removed.status_code, removed.json()) == (200, {})
        assert side not in (await capture.reload()).kept
    assert (await (await capture.reload()).submit(images={}, key=None)).status_code == 400
    await capture.upload("front", IMAGES["front"])
    assert (await capture.finish("front", key=None)).json()["code"] == "key_needed"


async def test_the_key_comes_with_the_first_upload(capture):
    """Without it nothing is kept; with a key of another length, an IV or a slot that is wrong, neither."""
    await upload_both(capture)
    needed = await capture.finish("front", key=None)
    assert (needed.status_code, needed.json()["code"]) == (409, "key_needed")
    for changes, status in [
        ({"key": text(b"k" * 31)}, 400),
        ({"iv": text(b"i" * 11)}, 400),
        ({"side": "left"}, 400),
        ({"side": "back"}, 404),
        ({"attempt": "0" * 32}, 404),
        ({"metadata": 1}, 400),
    ]:
        assert (await capture.finish("front", **changes)).status_code == status
    assert not (await capture.reload()).kept


async def test_what_was_kept_ends_with_the_submission(site, capture):
    """Slots are used once, and the sealed key is gone with the job that could have left uploads."""
    await upload_both(capture)
    for side in IMAGES:
        await capture.finish(side)
    assert (await capture.submit()).status_code == 202
    sessions = site.app.state.site.sessions
    session = await sessions.open(capture.browser.http.cookies[sessions.cookie_name])
    assert session.data.uploads == {}
    await site.queue.release()
    await capture.browser.get("/document/wait")
    session = await sessions.open(session.id)
    assert (session.data.uploads, session.data.submitted_uploads, session.data.image_keys) == ({}, {}, {})


async def test_what_was_kept_ends_with_its_slot(site, capture):
    """Expired uploads, and the key that only they need, leave the session with the next sign of life."""
    await upload_both(capture)
    for side in IMAGES:
        await capture.finish(side)
    sessions = site.app.state.site.sessions
    session_id = capture.browser.http.cookies[sessions.cookie_name]
    session = await sessions.open(session_id)
    until = session.data.uploads[Side.FRONT].expires_at
    assert 0 < until - site.service.now() <= SLOT_LIFE_SECONDS

    def expire(side, at):
        def change(data):
            data.uploads[side] = replace(data.uploads[side], expires_at=at)

        return change

    await session.update(expire(Side.FRONT, site.service.now()))
    kept = (await sessions.open(session_id)).data
    assert (list(kept.uploads), list(kept.image_keys)) == ([Side.BACK], [capture.attempt])
    assert list((await capture.reload()).kept) == ["back"]
    await session.update(expire(Side.BACK, 0.0))
    kept = (await sessions.open(session_id)).data
    assert (kept.uploads, kept.image_keys) == ({}, {})


async def test_no_session_holds_a_key_that_web_can_open(site, capture):
    """The session keeps the key sealed for the worker only: bound to person and attempt, unreadable here."""
    await upload_both(capture)
    await capture.finish("front")
    sessions = site.app.state.site.sessions
    session = await sessions.open(capture.browser.http.cookies[sessions.cookie_name])
    kept = session.data.to_json().decode()
    assert text(capture.key) not in kept
    assert capture.key.hex() not in kept
    (blob,) = session.data.image_keys.values()
    owner = session.person.reference
    sealer = site.service.uploads._sealer
    assert await sealer.open(blob, image_key_context(owner, capture.attempt)) == capture.key
    for context in (
        image_key_context("person-2", capture.attempt),
        image_key_context(owner, "0" * 32),
        replace(image_key_context(owner, capture.attempt), purpose=Purpose.SESSION),
    ):
        with pytest.raises(EncryptionError):
            await sealer.open(blob, context)


async def test_every_side_and_attempt_has_its_own_slot(capture):
    """A replaced image gets a new slot; a new page is a new attempt."""
    slots = set()
    for side in ("front", "front", "back"):
        await capture.upload(side, IMAGES[side])
        slots.add(capture.images[side]["slot"])
    assert len(slots) == 3
    await capture.browser.get("/document")
    assert Capture(capture.browser).attempt != capture.attempt


async def test_slots_of_a_person_are_limited(capture):
    """The ninth choice of a photo works as the first; more than sixty an hour are refused with 429."""
    responses = [
        await capture.browser.api("/api/uploads", {"attempt": capture.attempt, "side": "front"})
        for _ in range(61)
    ]
    assert [response.status_code for response in responses] == [201] * 60 + [429]


async def test_second_submit_is_the_same(site, capture):
    """A double submit, and one from an old tab, submits one job."""
    await upload_both(capture)
    first, second = await asyncio.gather(capture.submit(), capture.submit())
    assert {first.status_code, second.status_code} == {202}
    assert len(site.queue.waiting) == 1
    again = await capture.submit()
    assert (again.status_code, again.json()["next"]) == (202, "/document/wait")


async def test_a_slot_takes_one_upload(capture):
    """The same URL a second time, other bytes, or other headers: refused by the store."""
    await capture.upload("front", IMAGES["front"])
    upload, body = capture.put
    again = await capture.browser.http.put(upload["url"], content=body, headers=upload["headers"])
    assert again.status_code in (409, 412)
    other = await capture.upload("back", IMAGES["back"], sent=b"x" * 100)
    assert other.status_code in (400, 403, 413)
    assert "code" in other.json()


async def test_missing_upload_is_at_its_side(site, capture):
    """A side whose image never arrived is reported at its field, and nothing is submitted."""
    await capture.upload("front", IMAGES["front"])
    capture.images["back"] = {"slot": "0" * 32, "iv": text(b"\0" * 12)}
    response = await capture.submit()
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["back"]
    assert not site.queue.waiting


@pytest.mark.parametrize("kind", ["tampered", "swapped IVs", "swapped sides", "wrong key", "no image"])
async def test_what_does_not_open_is_reported(site, capture, kind):
    """Tampering ends with its own screen: no vendor is called, and the images can be added again."""
    if kind == "no image":
        await capture.upload("front", b"\x00\x01\x02\x03")
        await capture.upload("back", IMAGES["back"])
    elif kind == "swapped sides":
        await capture.upload("front", IMAGES["front"], aad="v2|x|back")
        await capture.upload("back", IMAGES["back"])
    else:
        await upload_both(capture)
    front, back = capture.images["front"], capture.images["back"]
    if kind == "swapped IVs":
        front["iv"], back["iv"] = back["iv"], front["iv"]
    if kind in ("wrong key", "tampered"):
        capture.key = os.urandom(32)
    assert (await capture.submit()).status_code == 202
    await site.queue.release()
    await capture.browser.get("/document/wait")
    assert capture.browser.path == "/document/problem"
    assert "We couldn’t open your photos" in capture.browser.page.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"attempt": "ATTEMPT"},
        {"attempt": "ATTEMPT", "side": "left"},
        {"attempt": "ATTEMPT", "side": ["front"]},
        {"attempt": "f" * 32, "side": "front"},
        {"attempt": 7, "side": "front"},
        {"attempt": "ATTEMPT", "side": "front", "url": "http://169.254.169.254/"},
        [],
    ],
    ids=str,
)
async def test_bad_slot_requests(capture, body):
    """Wrong or foreign parts are refused; what is not in the API is ignored."""
    if isinstance(body, dict) and body.get("attempt") == "ATTEMPT":
        body = {**body, "attempt": capture.attempt}
    response = await capture.browser.api("/api/uploads", body)
    assert response.status_code == (201 if isinstance(body, dict) and "url" in body else response.status_code)
    assert response.status_code in (201, 400, 404)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"length": 0}, 400),
        ({"length": True}, 400),
        ({"length": "9"}, 400),
        ({"length": 83.0}, 400),
        ({"length": 30_000_000}, 413),
        ({"sha256": "x"}, 400),
        ({"sha256": text(b"x")}, 400),
        ({"sha256": None}, 400),
        ({"attempt": "f" * 32}, 404),
    ],
    ids=str,
)
async def test_bad_terms(capture, changes, status):
    """Length and hash are checked before anything is signed."""
    response = await capture.browser.api("/api/uploads", {"attempt": capture.attempt, "side": "front"})
    terms = {"attempt": capture.attempt, "length": 100, "sha256": text(b"\0" * 32)}
    signed = await capture.browser.api(f"/api/uploads/{response.json()['slot']}", {**terms, **changes})
    assert signed.status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "short"},
        {"key": text(b"k" * 31)},
        {"key": None},
        {"images": {}},
        {"images": []},
        {"images": {"front": "x"}},
        {"images": {"front": {"slot": "x", "iv": "y"}}},
        {"images": {"front": {"slot": "x", "iv": text(b"\0" * 12), "url": "http://x"}}},
        {"images": {"left": {"slot": "x", "iv": text(b"\0" * 12)}}},
        {"metadata": []},
        {"metadata": {"front": 1}},
        {"metadata": {"left": {}}},
    ],
    ids=str,
)
async def test_bad_submissions(site, capture, changes):
    """Wrong parts are refused with 400, URLs among them, and nothing is submitted."""
    await upload_both(capture)
    assert (await capture.submit(**changes)).status_code == 400
    assert not site.queue.waiting


async def test_foreign_slots_and_attempts(site, capture):
    """Another session's attempt is unknown, and its slots do not count."""
    await upload_both(capture)
    other = site.browser()
    await other.consent()
    thief = Capture(other, attempt=capture.attempt)
    thief.images, thief.key = capture.images, capture.key
    assert (await thief.submit()).status_code == 404
    thief.attempt = Capture(other).attempt
    response = await thief.submit()
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"front", "back"}


async def test_store_away_keeps_the_slots(site, capture):
    """When the job cannot be submitted the answer says so, and is 503."""
    await upload_both(capture)
    site.queue.broken = True
    response = await capture.submit()
    assert (response.status_code, response.json()["code"]) == (503, "technical")


async def test_job_status(site, capture):
    """202 while it runs, 200 when it has ended; the next page is named, and no field."""
    await upload_both(capture)
    await capture.submit()
    result_id = site.queue.waiting[0].result_id
    path = f"/api/jobs/{result_id}"
    running = await capture.browser.http.get(path)
    assert running.status_code == 202
    assert running.json() == {
        "result_id": result_id,
        "kind": "document",
        "state": "in_progress",
        "next": "/document/wait",
    }
    await site.queue.release()
    ended = await capture.browser.http.get(path)
    assert (ended.status_code, ended.json()["state"], ended.json()["outcome"]) == (200, "done", "passed")
    await capture.browser.get("/document/wait")
    settled = await capture.browser.http.get(path)
    assert settled.json()["next"] == "/ssn"


async def test_unknown_and_foreign_jobs_look_the_same(site, capture):
    """404 with the same bytes, whether the id exists or not."""
    await upload_both(capture)
    await capture.submit()
    result_id = site.queue.waiting[0].result_id
    other = site.browser()
    await other.consent()
    unknown = "00000000-0000-4000-8000-000000000000"
    for tail in ("", "/events"):
        answers = [await other.http.get(f"/api/jobs/{one}{tail}") for one in (result_id, unknown, "x")]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
        heads = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in answers]
        assert heads[0] == heads[1]


def events(response):
    """Return the data of the events of a stream."""
    lines = [line for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_events(site, capture):
    """The stream tells the state at once, the end as soon as it comes, and then ends."""
    await upload_both(capture)
    await capture.submit()
    path = f"/api/jobs/{site.queue.waiting[0].result_id}/events"
    stream = asyncio.create_task(capture.browser.http.get(path))
    await asyncio.sleep(0)
    await site.queue.release()
    response = await stream
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert events(response)[-1]["state"] == "done"
    await capture.browser.get("/document/wait")
    assert events(await capture.browser.http.get(path))[0]["next"] == "/ssn"


async def test_events_of_a_lost_job(site, capture, monkeypatch):
    """A record that is gone ends the stream as missing."""
    await upload_both(capture)
    await capture.submit()
    result_id = site.queue.waiting[0].result_id
    results = site.runtime.backends.results
    await results.erase(result_id)
    monkeypatch.setattr(results, "_clock", lambda: time.time() + 11)
    response = await capture.browser.http.get(f"/api/jobs/{result_id}/events")
    assert [event["state"] for event in events(response)] == ["missing"]


async def test_session_endpoint(capture):
    """Other front ends read place, token and mode."""
    body = (await capture.browser.http.get("/api/session")).json()
    assert 0 < body.pop("idle_seconds") <= 900
    # The page's token is masked, because the page is compressed.
    token = unmask(capture.browser.csrf)
    assert body == {"page": "/document", "csrf_token": token, "pending": None, "uploads": True}


async def test_switch_while_the_page_is_open(site, capture):
    """A page of the other mode is told to load again; its images are not taken the wrong way."""
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update={"doc_auth_enable_presigned_s3_urls": False})
    response = await capture.submit()
    assert (response.status_code, response.json()["next"]) == (409, "/document")
    await capture.browser.get("/document")
    live.current = live.current.model_copy(update={"doc_auth_enable_presigned_s3_urls": True})
    await capture.browser.post_files("/document", {side: (side, b"x") for side in IMAGES})
    assert capture.browser.page.status_code == 409
    assert "add your photos again" in capture.browser.page.text


def test_openapi_names_every_endpoint(site_routes):
    """The hand-written file and the routes agree."""
    described = yaml.safe_load((Path(proofing_server.__file__).parent / "openapi.yaml").read_text())
    pairs = {
        (method.upper(), path)
        for path, item in described["paths"].items()
        for method in item
        if method in ("get", "post", "put")
    }
    assert pairs == site_routes


def test_openapi_has_the_words_of_the_code():
    """A client that is generated from it gets every value that the API sends, and no other."""
    described = yaml.safe_load((Path(proofing_server.__file__).parent / "openapi.yaml").read_text())
    schemas = described["components"]["schemas"]
    job = schemas["Job"]["properties"]
    for words, kind in (
        (job["kind"], JobKind),
        (job["state"], Stage),
        (job["outcome"], Outcome),
        (schemas["Side"], Side),
    ):
        assert sorted(words["enum"]) == sorted(kind)


@pytest.fixture
def site_routes(site):
    """The endpoints that are no pages."""
    return {
        (method, route.path.replace(":path", ""))
        for route in site.app.routes
        for method in (route.methods or set()) - {"HEAD"}
        if route.path.startswith(("/api/", "/uploads/", "/healthz", "/reports/"))
    }
