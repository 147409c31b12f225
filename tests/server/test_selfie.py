"""The selfie: its own consent, the way for people who take none, and what is sent to whom. ADR 44."""

import base64
import re
from dataclasses import replace

import pytest
import yaml

from proofing.bootstrap import make_eraser
from proofing.contracts.images import Side
from proofing.contracts.people import PersonRef
from proofing.contracts.results import ProoferKind
from proofing.testing.images import make_jpeg
from proofing.testing.waiting import follow_edits
from proofing_devtools.capture import upload_images

REQUIRED = {"selfie": "required"}
FORM_POST = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}


def photos(*, with_selfie=True, **forms):
    """Return the files of a form post; *forms* are testers' texts by side."""
    sides = ["front", "back", *(["selfie"] if with_selfie else [])]
    files = {side: ("photo.jpg", make_jpeg(comment=side.encode())) for side in sides}
    return files | {side: ("form.yaml", yaml.safe_dump(form).encode()) for side, form in forms.items()}


def portrait(message):
    """Return the tester's form of a selfie that does not pass."""
    return {"portrait_match_results": {"FaceMatchResult": "Fail", "FaceErrorMessage": message}}


def failing(alert):
    """Return the tester's form of a document of which one check fails."""
    alerts = [{"name": alert, "result": "Failed"}]
    form = {"doc_auth_result": "Failed", "transaction_status": "failed", "failed_alerts": alerts}
    return yaml.safe_dump(form).encode()


async def at_the_statement(site):
    """Return a browser that gave the first consent, and reads the second."""
    browser = site.browser()
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    assert browser.path == "/selfie"
    return browser


def version(browser):
    """Return the version of the text on show."""
    return re.search(r'name="text_version" value="([^"]+)"', browser.page.text)[1]


async def agree(browser):
    """Agree to the statement on show."""
    await browser.post("/selfie", answer="agree", consent="yes", text_version=version(browser))
    assert browser.path == "/document"


async def session_of(site, browser):
    """Return the data of the browser's session."""
    return await site.service.sessions.load(browser.http.cookies["proofing"])


def attempt_of(browser):
    """Return the attempt of the capture page on show."""
    return re.search(r'data-attempt="([0-9a-f]{32})"', browser.page.text)[1]


async def upload(site, browser, **images):
    """Have the capture page on show upload *images* that the session keeps."""
    attempt = attempt_of(browser)
    person = PersonRef(reference=(await session_of(site, browser)).person)
    contents = {Side(side): content for side, content in images.items()}
    given = await upload_images(site.service, contents, attempt=attempt, person=person)
    key = base64.b64encode(given["encryption_key"]).decode()
    for side, image in given["images"].items():
        iv = base64.b64encode(image.iv).decode()
        body = {"attempt": attempt, "side": side.value, "iv": iv, "key": key}
        assert (await browser.api(f"/api/uploads/{image.slot}/finished", body)).status_code == 200


async def upload_selfie(site, browser):
    """Have the capture page on show upload a selfie that the session keeps."""
    await upload(site, browser, selfie=make_jpeg(comment=b"selfie"))


async def submit(site, browser):
    """Submit what the session keeps, and have the job done."""
    answer = await browser.api("/api/document", {"attempt": attempt_of(browser)})
    assert answer.status_code == 202, answer.text
    await site.queue.release()
    await browser.get("/document/wait")


async def after_selfie(site, message):
    """Return a browser whose selfie came to *message* of the tester's form, with a document that passes."""
    browser = await at_the_statement(site)
    await agree(browser)
    sides = {side: make_jpeg(comment=side.encode()) for side in ("front", "back")}
    await upload(site, browser, **sides, selfie=yaml.safe_dump(portrait(message)).encode())
    await submit(site, browser)
    assert browser.path == "/document/problem"
    return browser


def stored(directory):
    """Return the images in the store of *directory*; one that was deleted leaves an empty file.

    A part is discarded by a thread for which no answer waits.
    """
    images = (directory / "local" / "images").iterdir()
    return [path for path in images if path.stat().st_size and not path.name.startswith(".part-")]


def answered(caplog):
    """Return the lines of the answers."""
    return [one.proofing_fields for one in caplog.records if one.getMessage() == "selfie_answered"]


@pytest.mark.parametrize("mode", ["never", "where_needed"])
async def test_nobody_is_asked(start, mode):
    """The mock needs no selfie: neither the statement nor the field is shown."""
    async with start(selfie=mode) as site:
        browser = site.browser()
        await browser.consent()
        assert 'data-side="selfie"' not in browser.page.text
        assert (await browser.get("/selfie")).url.path == "/document"


async def test_the_people_of_a_vendor_that_needs_one_are_asked(start):
    """By default, without a setting; the field must be filled in, and the vendor compares it."""
    async with start(**FORM_POST) as site:
        loaded = site.runtime.configuration.plugins.proofers[ProoferKind.DOCUMENT, "mock"]
        loaded.descriptor = replace(loaded.descriptor, needs_selfie=True)
        assert "A photo of yourself" in (await site.browser().get("/")).text
        browser = await at_the_statement(site)
        await agree(browser)
        await browser.post_files("/document", photos(with_selfie=False))
        assert browser.page.status_code == 400
        assert 'href="#selfie"' in browser.page.text
        assert 'href="#back"' not in browser.page.text
        await browser.post_files("/document", photos())
        assert browser.path == "/ssn"


@pytest.mark.parametrize(("mode", "is_announced"), [("required", True), ("where_needed", False)])
async def test_the_first_page_announces_it(start, mode, is_announced):
    """Where everybody is asked: by the setting, or because every document vendor needs one."""
    async with start(selfie=mode) as site:
        page = await site.browser().get("/")
        assert ("A photo of yourself" in page.text) is is_announced


async def test_the_statement_comes_before_the_camera(start):
    """It names purpose, recipient, period and the right to refuse; without an answer no photo is taken."""
    async with start(
        **REQUIRED, selfie_retention_minutes="90", selfie_notice="A & B keep it for a day."
    ) as site:
        browser = await at_the_statement(site)
        text = browser.page.text
        for said in (
            "portrait on your ID",
            "the made-up vendor of this test system",
            "1 hour and 30 minutes",
            "You don’t have to agree",
            "A &amp; B keep it for a day.",
        ):
            assert said in text
        assert (await browser.get("/document")).url.path == "/selfie"
        refused = await browser.api("/api/uploads", {"side": "front", "attempt": "0" * 32})
        assert (refused.status_code, refused.json()["next"]) == (409, "/selfie")


async def test_the_answer_is_recorded(start, caplog):
    """With its time, the version of the text on show, and the recipient; in the session and the log."""
    caplog.set_level("INFO", "proofing")
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        shown = version(browser)
        assert f"Version of this text: {shown}" in browser.page.text
        before = site.service.now()
        await agree(browser)
        session = await session_of(site, browser)
        assert session.selfie.text_version == shown
        assert before <= session.selfie.at <= site.service.now()
        (line,) = answered(caplog)
        assert line["owner"] == session.person
        assert line["selfie_choice"] == session.selfie.to_json()
        assert line["selfie_choice"]["answer"] == "agreed"
        assert line["selfie_choice"]["recipient"] == "the made-up vendor of this test system"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"answer": "agree"}, 400),
        ({"answer": "agree", "consent": "no"}, 400),
        ({"answer": "yes", "consent": "yes"}, 400),
        ({"answer": "agree", "consent": "yes", "text_version": "en-000000000000"}, 409),
    ],
    ids=str,
)
async def test_without_the_consent_to_this_text_nothing_is_taken(start, fields, status):
    """An unchecked box, an unknown button, another text."""
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await browser.post("/selfie", **{"text_version": version(browser), **fields})
        assert (browser.page.status_code, browser.path) == (status, "/selfie")
        assert 'id="error-summary"' in browser.page.text
        assert (await browser.get("/document")).url.path == "/selfie"


async def test_another_text_has_another_version(start):
    """Whatever the person reads is in it: the notice, the period, where a refusal leads."""
    versions = set()
    for more in (
        {},
        {"selfie_notice": "More."},
        {"selfie_retention_minutes": "99"},
        {"selfie_refusal": "continue"},
    ):
        async with start(**REQUIRED, **more) as site:
            versions.add(version(await at_the_statement(site)))
    assert len(versions) == 4


async def test_who_declines_finds_the_other_way(start, caplog):
    """The organization's text and contacts, a way back, no attempt, and no failure."""
    caplog.set_level("INFO", "proofing")
    other = {"selfie_other_way": "Come to any office with your ID.", "support_phone": "'202-555-0143'"}
    async with start(**REQUIRED, **other) as site:
        browser = await at_the_statement(site)
        await browser.post("/selfie", answer="decline")
        assert (browser.path, browser.page.status_code) == ("/selfie", 200)
        assert "Come to any office with your ID." in browser.page.text
        assert "202-555-0143" in browser.page.text
        assert [line["selfie_choice"]["answer"] for line in answered(caplog)] == ["declined"]
        assert (await browser.get("/document")).url.path == "/selfie"
        assert "Another way to verify" in browser.page.text
        await browser.get("/selfie?again")
        await agree(browser)
        assert "attempt left" not in browser.page.text


async def test_who_declines_may_continue_where_the_policy_lets_them(start):
    """Without the field, without a comparison, and the summary says so."""
    async with start(**REQUIRED, **FORM_POST, selfie_refusal="continue") as site:
        browser = await at_the_statement(site)
        await browser.post("/selfie", answer="decline")
        assert browser.path == "/document"
        assert 'data-side="selfie"' not in browser.page.text
        assert "You chose to continue without" in browser.page.text
        await browser.post_files("/document", photos(with_selfie=False))
        await browser.get("/document/wait")
        assert browser.path == "/ssn"
        await browser.post("/ssn", ssn="900-45-6789")
        assert "Not taken, as you chose" in browser.page.text
        assert "Matches the portrait" not in browser.page.text


async def test_a_match_is_shown(start, caplog):
    """It is a check of its own, in the summary and in the job's line with the consent."""
    caplog.set_level("INFO", "proofing")
    async with start(**REQUIRED, **FORM_POST) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        assert 'data-side="selfie"' in browser.page.text
        assert 'capture="user"' in browser.page.text
        await browser.post_files("/document", photos())
        await browser.get("/document/wait")
        await browser.post("/ssn", ssn="900-45-6789")
        assert "Matches the portrait on your ID" in browser.page.text
        line = next(one.proofing_fields for one in caplog.records if one.getMessage() == "perform")
        assert line["selfie"] == "match"
        assert line["selfie_choice"] == answered(caplog)[0]["selfie_choice"]
        # Nothing is left to decide on.
        assert (await browser.get("/selfie")).url.path == "/verify"


@pytest.mark.parametrize(
    ("message", "title", "found"),
    [
        ("NoFace", "couldn’t use the photo of yourself", "couldn’t find a face"),
        ("SeveralFaces", "couldn’t use the photo of yourself", "more than one face"),
        ("TooDark", "couldn’t use the photo of yourself", "too dark"),
        ("Liveness: NotLive", "couldn’t use the photo of yourself", "not of a printed photo or a screen"),
        ("Liveness: PoorQuality", "couldn’t use the photo of yourself", "hold still"),
        ("", "couldn’t match the photo of yourself", "isn’t clear"),
    ],
)
async def test_what_is_wrong_with_the_selfie_has_its_screen(start, message, title, found):
    """It counts, says what helps, offers the other way, and blames the document only for no match."""
    async with start(**REQUIRED, **FORM_POST) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await browser.post_files("/document", photos(selfie=portrait(message)))
        await browser.get("/document/wait")
        assert browser.path == "/document/problem"
        for said in (title, found, "This counts as an attempt", "You have 4 attempts left", 'href="/selfie"'):
            assert said in browser.page.text
        session = await session_of(site, browser)
        sides = {mark.partition(":")[0] for mark in session.failed_fingerprints}
        assert sides == ({"selfie"} if message else {"front", "back", "selfie"})
        await browser.get("/selfie")
        await browser.post("/selfie", answer="decline")
        assert "Another way to verify" in browser.page.text


async def test_a_vendor_that_is_down_costs_no_attempt(start):
    """The person reads that it is not their fault."""
    async with start(**REQUIRED, **FORM_POST) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await browser.post_files("/document", photos(selfie={"http_status": {"result": 503}}))
        await browser.get("/document/wait")
        assert "This didn’t count as an attempt" in browser.page.text
        assert "went wrong on our end" in browser.page.text


async def test_a_selfie_is_not_left_out(start):
    """Who agreed cannot submit without it, in neither mode."""
    async with start(**REQUIRED, **FORM_POST) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await browser.post_files("/document", photos(with_selfie=False))
        assert browser.page.status_code == 400
        assert 'href="#selfie"' in browser.page.text
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        attempt = attempt_of(browser)
        answer = await browser.api("/api/document", {"attempt": attempt})
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"front", "back", "selfie"})


async def test_the_selfie_may_not_be_a_photo_of_the_document(start):
    """The same file twice is refused at its field."""
    async with start(**REQUIRED, **FORM_POST) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        files = photos()
        await browser.post_files("/document", files | {"selfie": files["front"]})
        assert browser.page.status_code == 400
        assert "same photo" in browser.page.text


async def test_no_slot_without_consent(start):
    """Neither where nobody is asked, nor after a refusal."""
    async with start() as site:
        browser = site.browser()
        await browser.consent()
        attempt = attempt_of(browser)
        answer = await browser.api("/api/uploads", {"side": "selfie", "attempt": attempt})
        assert (answer.status_code, answer.json()["code"]) == (403, "no_consent")
    async with start(**REQUIRED, selfie_refusal="continue") as site:
        browser = await at_the_statement(site)
        await browser.post("/selfie", answer="decline")
        attempt = attempt_of(browser)
        answer = await browser.api("/api/uploads", {"side": "selfie", "attempt": attempt})
        assert (answer.status_code, answer.json()["code"]) == (403, "no_consent")
        answer = await browser.api("/api/uploads", {"side": "front", "attempt": attempt})
        assert answer.status_code == 201


async def test_the_switch_takes_effect_while_it_runs(start, tmp_path):
    """A session that is at its photos already is asked, too; switched off again, it is not."""
    async with start() as site:
        browser = site.browser()
        await browser.consent()
        watch = site.runtime.configuration.watch
        path = tmp_path / "settings.yaml"
        text = path.read_text()
        path.write_text(text.replace("default:\n", "default:\n  selfie: required\n"))
        await follow_edits(watch)
        assert (await browser.get("/document")).url.path == "/selfie"
        await agree(browser)
        path.write_text(text.replace("default:\n", "default:\n  selfie: never\n"))
        await follow_edits(watch)
        assert 'data-side="selfie"' not in (await browser.get("/document")).text


async def test_a_refusal_takes_back_an_upload(start, tmp_path):
    """Its slot cannot be submitted anymore, and the next sweep deletes what was uploaded."""
    async with start(**REQUIRED, selfie_refusal="continue") as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await upload_selfie(site, browser)
        assert len(stored(tmp_path)) == 1
        await browser.get("/selfie")
        await browser.post("/selfie", answer="decline")
        session = await session_of(site, browser)
        assert session.uploads == {}
        assert session.image_keys == {}
        await site.runtime.worker.sweep()
        assert not stored(tmp_path)


async def test_who_leaves_leaves_no_selfie(start, tmp_path):
    """The next sweep deletes it, long before its slot would have expired."""
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await upload_selfie(site, browser)
        assert len(stored(tmp_path)) == 1
        await browser.post("/exit")
        await site.runtime.worker.sweep()
        assert not stored(tmp_path)


async def test_an_erasure_deletes_the_selfie(start, tmp_path):
    """At once, with the session, and in the receipt of the image store."""
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        await upload_selfie(site, browser)
        session = await session_of(site, browser)
        eraser = make_eraser(site.runtime.configuration, site.runtime.backends, stop_seconds=0.0)
        erasure = await eraser.erase(session.person)
        assert erasure.is_complete
        assert {one.store: one.removed for one in erasure.receipts}["image_store"] == 1
        assert not stored(tmp_path)
        assert await session_of(site, browser) is None


async def test_a_selfie_alone_is_taken_again(start, tmp_path):
    """The photos of the document are still there, and its photo is deleted; each submission counts."""
    async with start(**REQUIRED) as site:
        browser = await after_selfie(site, "TooDark")
        assert len(stored(tmp_path)) == 2
        await site.runtime.worker.sweep()
        assert len(stored(tmp_path)) == 2
        for said in (
            "take only this photo again",
            "Take a new photo of yourself",
            "You have 4 attempts left",
        ):
            assert said in browser.page.text
        await browser.get("/document")
        kept = re.findall(r'data-side="(\w+)" data-slot', browser.page.text)
        assert kept == ["front", "back"]
        await upload_selfie(site, browser)
        await submit(site, browser)
        assert browser.path == "/ssn"
        assert not stored(tmp_path)
        session = await session_of(site, browser)
        assert (session.uploads, session.submitted_uploads, session.image_keys) == ({}, {}, {})


@pytest.mark.parametrize(("side", "alert"), [("back", "2D Barcode Read"), ("front", "Photo Printing")])
async def test_one_side_of_the_document_alone_is_taken_again(start, tmp_path, side, alert):
    """Of a barcode that is not found, as of a portrait: the other side is still there, and is sent again."""
    other = {"back": "front", "front": "back"}[side]
    async with start() as site:
        browser = site.browser()
        await browser.get("/consent")
        await browser.post("/consent", consent="yes")
        images = {other: make_jpeg(comment=b"good"), side: failing(alert)}
        await upload(site, browser, **images)
        await submit(site, browser)
        assert browser.path == "/document/problem"
        assert f"Please take only the photo of the {side} again" in browser.page.text
        assert f"Take a new photo of the {side}" in browser.page.text
        assert len(stored(tmp_path)) == 1
        await browser.get("/document")
        assert re.findall(r'data-side="(\w+)" data-slot', browser.page.text) == [other]
        await upload(site, browser, **{side: make_jpeg(comment=b"again")})
        await submit(site, browser)
        assert browser.path == "/ssn"
        assert not stored(tmp_path)
        session = await session_of(site, browser)
        assert (session.uploads, session.submitted_uploads, session.image_keys) == ({}, {}, {})


async def test_a_selfie_does_not_outlive_a_job_that_failed(start, tmp_path):
    """Where one side of the document failed, the other is left, and what shows a face is not."""
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        images = {"front": make_jpeg(comment=b"good"), "selfie": make_jpeg(comment=b"selfie")}
        await upload(site, browser, back=failing("2D Barcode Read"), **images)
        await submit(site, browser)
        assert browser.path == "/document/problem"
        assert "take only" not in browser.page.text
        assert len(stored(tmp_path)) == 1
        await browser.get("/document")
        assert re.findall(r'data-side="(\w+)" data-slot', browser.page.text) == ["front"]


async def test_no_match_blames_the_document_too(start, tmp_path):
    """Its portrait may be what is not clear, so that all photos are taken again, and none is left."""
    async with start(**REQUIRED) as site:
        browser = await after_selfie(site, "")
        assert not stored(tmp_path)
        assert "Please add your photos again" in browser.page.text
        await browser.get("/document")
        assert "data-slot" not in browser.page.text


async def test_the_photos_of_the_document_do_not_outlive_their_slot(start, tmp_path):
    """The page no longer says that they are there, and the next sweep deletes them."""
    async with start(**REQUIRED) as site:
        browser = await at_the_statement(site)
        await agree(browser)
        sides = {side: make_jpeg(comment=side.encode()) for side in ("front", "back")}
        await upload(site, browser, **sides, selfie=yaml.safe_dump(portrait("TooDark")).encode())
        slots = [one.slot for one in (await session_of(site, browser)).uploads.values()]
        answer = await browser.api("/api/document", {"attempt": attempt_of(browser)})
        assert answer.status_code == 202
        await site.queue.release()
        for slot in slots:
            await site.runtime.backends.results.delete(f"slot:signed:{slot}")
        await site.runtime.worker.sweep()
        assert not stored(tmp_path)


@pytest.mark.parametrize("leaves", [True, False])
async def test_photos_of_the_document_that_nobody_wants_anymore(start, tmp_path, leaves):
    """The person leaves, or takes one away: the next sweep deletes them."""
    async with start(**REQUIRED) as site:
        browser = await after_selfie(site, "NoFace")
        await browser.get("/document")
        if leaves:
            await browser.post("/exit")
        else:
            attempt = attempt_of(browser)
            for slot in re.findall(r'data-slot="(\w+)"', browser.page.text):
                answer = await browser.api(f"/api/uploads/{slot}/release", {"attempt": attempt})
                assert answer.status_code == 200
        await site.runtime.worker.sweep()
        assert not stored(tmp_path)


async def test_an_erasure_deletes_what_was_left_for_another_selfie(start, tmp_path):
    """At once, as any other upload."""
    async with start(**REQUIRED) as site:
        browser = await after_selfie(site, "NoFace")
        session = await session_of(site, browser)
        eraser = make_eraser(site.runtime.configuration, site.runtime.backends, stop_seconds=0.0)
        erasure = await eraser.erase(session.person)
        assert erasure.is_complete
        assert not stored(tmp_path)
