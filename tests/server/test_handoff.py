"""The hand-off of the photos to a phone, and attacks on it. ADR 53."""

import asyncio
import base64
import re

import pytest

from proofing.contracts.images import Side
from proofing.contracts.people import PersonRef
from proofing.sessions.handoffs import LINK_SECONDS, TOTAL_SECONDS, digest_of
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import upload_images

LINK = re.compile(r"http://localhost:8000(/handoff/[\w-]{43})")


@pytest.fixture
async def computer(site):
    """A computer at the capture page."""
    browser = site.browser()
    await browser.consent()
    return browser


async def session_of(site, browser):
    """Return the data of a computer's session."""
    return await site.service.sessions.load(browser.http.cookies["proofing"])


async def make_link(computer):
    """Have the computer show a link, and return its path."""
    await computer.get("/document")
    await computer.post("/document/handoff")
    assert computer.path == "/document/handoff"
    return LINK.search(computer.page.text)[1]


async def open_link(site, link):
    """Return a phone that has opened *link*."""
    phone = site.browser()
    await phone.get(link)
    await phone.post(link)
    return phone


def number_on(browser):
    """Return the number that a page shows."""
    found = re.search(r'class="handoff-number">(\d{3})<', browser.page.text)
    return found and found[1]


async def connect(site, computer):
    """Return a phone that may take the photos."""
    phone = await open_link(site, await make_link(computer))
    await computer.get("/document/handoff")
    assert number_on(computer) == number_on(phone)
    await computer.post("/document/handoff/confirm", number=number_on(computer))
    await phone.get("/handoff")
    assert "data-attempt" in phone.page.text
    return phone


def attempt_of(browser):
    """Return the attempt of the capture page on show."""
    return re.search(r'data-attempt="([0-9a-f]{32})"', browser.page.text)[1]


async def upload(site, computer, phone, query="?device=phone"):
    """Have the phone upload both sides, and return the body of its submission."""
    attempt = attempt_of(phone)
    person = PersonRef(reference=(await session_of(site, computer)).person)
    images = {Side(side): make_jpeg(comment=side.encode()) for side in ("front", "back")}
    given = await upload_images(site.service, images, attempt=attempt, person=person)
    key = base64.b64encode(given["encryption_key"]).decode()
    for side, image in given["images"].items():
        iv = base64.b64encode(image.iv).decode()
        body = {"attempt": attempt, "side": side.value, "iv": iv, "key": key}
        answer = await phone.api(f"/api/uploads/{image.slot}/finished{query}", body)
        assert answer.status_code == 200, answer.text
    return {"attempt": attempt}


async def call(phone, path, body, token):
    """Call the API as the script of a page that had this *token*, on any page that is on show by now."""
    headers = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token}
    return await phone.http.post(f"{path}?device=phone", json=body, headers=headers)


async def state_of(browser, query=""):
    """Return status and state that the API answers."""
    answer = await browser.http.get(f"/api/handoff{query}")
    return answer.status_code, answer.json().get("state")


async def test_the_phone_takes_the_photos(site, computer):
    """The whole way: link, number, confirmation, uploads, submission; the computer continues."""
    phone = await connect(site, computer)
    assert await state_of(computer) == (202, "confirmed")
    body = await upload(site, computer, phone)
    answer = await phone.api("/api/document?device=phone", body)
    assert (answer.status_code, answer.json()) == (202, {"next": "/handoff"})
    assert await state_of(computer) == (200, "over")
    assert (await computer.http.get("/api/handoff")).json()["next"] == "/document/wait"
    await site.queue.release()
    await computer.get("/document/handoff")
    assert computer.path in ("/document/wait", "/ssn")
    await computer.get("/document/wait")
    assert computer.path == "/ssn"
    await phone.get("/handoff")
    assert "Your photos were sent" in phone.page.text


def language_of(browser):
    """Return the language of the page on show."""
    return re.search(r'<html lang="([^"]+)"', browser.page.text)[1]


async def choose_language(browser, language):
    """Choose a language, as the switch of the page on show does."""
    await browser.post("/language", language=language, return_to=browser.path)


async def test_the_phone_has_the_language_of_the_computer(site, computer):
    """Every page, whatever the phone's browser asks for; a choice on the phone wins, there alone."""
    await choose_language(computer, "es")
    link = await make_link(computer)
    phone = site.browser()
    phone.http.headers["accept-language"] = "fr"
    await phone.get(link)
    assert language_of(phone) == "es"
    await phone.post(link)
    assert language_of(phone) == "es"
    await computer.get("/document/handoff")
    await computer.post("/document/handoff/confirm", number=number_on(computer))
    await phone.get("/handoff")
    assert (language_of(phone), "data-attempt" in phone.page.text) == ("es", True)
    await choose_language(phone, "zh")
    assert (language_of(phone), "data-attempt" in phone.page.text) == ("zh-Hans", True)
    await computer.get("/document/handoff")
    assert language_of(computer) == "es"


async def test_the_link_has_the_language_that_the_computer_shows_it_in(site, computer):
    """Also when the person changes it while the code is on show."""
    link = await make_link(computer)
    await choose_language(computer, "fr")
    assert "Continuez sur votre téléphone" in computer.page.text
    phone = site.browser()
    await phone.get(link)
    assert language_of(phone) == "fr"


async def test_nothing_before_the_computer_confirms(site, computer):
    """A phone that opened the link sees a number, and can neither see the capture page nor upload."""
    phone = await open_link(site, await make_link(computer))
    assert number_on(phone)
    assert "data-attempt" not in phone.page.text
    attempt = attempt_of(await computer.get("/document") and computer)
    answer = await phone.api("/api/uploads?device=phone", {"attempt": attempt, "side": "front"})
    assert (answer.status_code, answer.json()) == (409, {"code": "wrong_step", "next": "/handoff"})


async def test_the_number_that_is_confirmed_is_the_one_on_show(site, computer):
    """A page that shows an older number confirms no other phone."""
    phone = await open_link(site, await make_link(computer))
    await computer.get("/document/handoff")
    await computer.post("/document/handoff/confirm", number="000")
    assert await state_of(computer) == (202, "opened")
    await phone.get("/handoff")
    assert "data-attempt" not in phone.page.text


async def test_looking_at_a_link_uses_nothing(site, computer):
    """Scanners and previews open links with GET; the form needs the token of the same browser."""
    link = await make_link(computer)
    for _ in range(3):
        scanner = site.browser()
        assert (await scanner.get(link)).status_code == 200
    assert await state_of(computer) == (202, "waiting")
    scanner.http.cookies.clear()
    await scanner.post(link)
    assert scanner.path == "/cookies-needed"
    foreign = site.browser()
    await foreign.get(link)
    for token, site_of_page in (("x" * 43, "same-origin"), (foreign.csrf, "cross-site")):
        headers = {"Origin": "null", "Sec-Fetch-Site": site_of_page}
        refused = await foreign.http.post(link, data={"csrf_token": token}, headers=headers)
        assert refused.status_code == 403
    assert await state_of(computer) == (202, "waiting")


async def test_a_link_works_once(site, computer):
    """Of phones that open it at one moment, one does; a used link looks like one that never was."""
    link = await make_link(computer)
    phones = [site.browser() for _ in range(4)]
    for phone in phones:
        await phone.get(link)
    await asyncio.gather(*(phone.post(link) for phone in phones))
    assert sorted(phone.page.status_code for phone in phones) == [200, 404, 404, 404]
    late = site.browser()
    used = await late.get(link)
    unknown = await site.browser().get("/handoff/" + "x" * 43)
    assert used.status_code == unknown.status_code
    # But for the address itself, to which the language switch leads back.
    assert len({one.text.replace(one.url.path, "/handoff/TOKEN") for one in (used, unknown)}) == 1


async def test_a_newer_link_replaces_the_older(site, computer):
    """The older one, and the phone that came by it, lead nowhere."""
    old = await make_link(computer)
    phone = await connect(site, computer)
    await make_link(computer)
    assert (await site.browser().get(old)).status_code == 404
    await phone.get("/handoff")
    assert phone.page.status_code == 410
    assert await state_of(phone, "?device=phone") == (401, None)


async def test_links_are_limited(site, computer):
    """The sixth within ten minutes is refused, with a way to continue on the computer."""
    for _ in range(5):
        await make_link(computer)
    await computer.get("/document")
    await computer.post("/document/handoff")
    assert computer.page.status_code == 429
    assert "too many links" in computer.page.text
    assert attempt_of(computer)


@pytest.mark.parametrize(("opened", "seconds"), [(False, LINK_SECONDS), (True, TOTAL_SECONDS)])
async def test_what_is_late_is_refused(site, computer, monkeypatch, opened, seconds):
    """A link after ten minutes, a phone after twenty-five; the computer offers both ways."""
    link = await make_link(computer)
    phone = await open_link(site, link) if opened else site.browser()
    results = site.runtime.backends.results
    clock = results._clock
    monkeypatch.setattr(results, "_clock", lambda: clock() + seconds)
    if opened:
        await phone.get("/handoff")
        assert phone.page.status_code == 410
    else:
        assert (await phone.get(link)).status_code == 404
        assert await state_of(computer) == (410, "expired")
        await computer.get("/document/handoff")
        assert "no longer valid" in computer.page.text


@pytest.mark.parametrize("way", ["computer", "phone"])
async def test_either_side_cancels(site, computer, way):
    """The phone can do nothing from then on; the computer continues by itself."""
    phone = await connect(site, computer)
    token, body = phone.csrf, await upload(site, computer, phone)
    if way == "computer":
        await computer.get("/document/handoff")
        await computer.post("/document/handoff/cancel")
        assert computer.path == "/document"
    else:
        await phone.post("/handoff/cancel")
        await computer.get("/document/handoff")
        assert "You stopped on your phone" in computer.page.text
    assert await state_of(computer) == (410, "canceled")
    assert (await call(phone, "/api/document", body, token)).status_code == 409
    assert not site.queue.waiting
    await phone.get("/handoff")
    assert "data-attempt" not in phone.page.text
    # What the phone uploaded is the session's, and can be submitted on the computer.
    await computer.get("/document")
    assert (await computer.api("/api/document", {"attempt": attempt_of(computer)})).status_code == 202


async def test_both_devices_submit(site, computer):
    """At the same moment: one job; the phone's access is over, also after that job has failed."""
    phone = await connect(site, computer)
    body = await upload(site, computer, phone)
    await computer.get("/document")
    answers = await asyncio.gather(
        phone.api("/api/document?device=phone", body),
        computer.api("/api/document", {"attempt": attempt_of(computer)}),
        phone.api("/api/document?device=phone", body),
    )
    assert len(site.queue.waiting) == 1
    assert answers[1].status_code == 202
    (job,) = site.queue.waiting
    person = PersonRef(reference=(await session_of(site, computer)).person)
    await site.service.cancel(person, job.result_id, job.kind)
    await computer.get("/document/wait")
    answer = await phone.api("/api/document?device=phone", body)
    assert (answer.status_code, answer.json()["next"]) == (409, "/handoff")


async def test_a_submission_that_the_queue_refuses_can_be_repeated(site, computer):
    """It is taken back as a whole: the phone may submit again."""
    phone = await connect(site, computer)
    body = await upload(site, computer, phone)
    site.queue.broken = True
    assert (await phone.api("/api/document?device=phone", body)).status_code == 503
    site.queue.broken = False
    assert await state_of(computer) == (202, "confirmed")
    assert (await phone.api("/api/document?device=phone", body)).status_code == 202


async def test_the_phone_sees_nothing_else(site, computer):
    """Its cookie opens no other page or call, and its token no form of the computer."""
    phone = await connect(site, computer)
    session = await session_of(site, computer)
    for path in ("/ssn", "/verify", "/document", "/document/handoff", "/selfie", "/done"):
        await phone.get(path)
        assert phone.path in ("/", "/session-ended"), path
    for path in ("/api/session", "/api/handoff"):
        assert (await phone.http.get(path)).status_code == 401
    await phone.get("/handoff")
    assert session.csrf not in phone.page.text
    for forbidden in ("/exit", "/document/choice", "/selfie"):
        assert f'action="{forbidden}"' not in phone.page.text
    body = {"attempt": attempt_of(phone), "side": "front"}
    assert (await phone.api("/api/uploads", body)).status_code == 401
    # With the cookie of the phone in place of the computer's.
    thief = site.browser()
    thief.http.cookies.set("proofing", phone.http.cookies["proofing-device"])
    await thief.get("/ssn")
    assert thief.path == "/session-ended"
    # And the other way around.
    thief.http.cookies.set("proofing-device", computer.http.cookies["proofing"])
    await thief.get("/handoff")
    assert thief.page.status_code == 410


async def test_a_foreign_phone(site, computer):
    """A phone of another person's session reaches neither attempt nor slots of this one."""
    phone = await connect(site, computer)
    other = site.browser()
    await other.consent()
    stranger = await connect(site, other)
    answer = await stranger.api("/api/uploads?device=phone", {"attempt": attempt_of(phone), "side": "front"})
    assert answer.status_code == 404
    answer = await phone.api("/api/uploads?device=phone", {"attempt": attempt_of(phone), "side": "front"})
    slot = answer.json()["slot"]
    answer = await stranger.api(f"/api/uploads/{slot}/release?device=phone", {})
    assert answer.status_code == 404


async def test_forms_of_the_phone_need_its_token(site, computer):
    """Neither a missing nor the computer's token changes anything."""
    phone = await connect(site, computer)
    theirs = (await session_of(site, computer)).csrf
    for token in ("", theirs, "x" * 64):
        headers = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
        refused = await phone.http.post("/handoff/cancel", data={"csrf_token": token}, headers=headers)
        assert refused.status_code == 403
        refused = await call(phone, "/api/uploads", {"attempt": attempt_of(phone), "side": "front"}, token)
        assert refused.status_code == 403
    assert await state_of(computer) == (202, "confirmed")


async def test_what_the_store_holds(site, computer, tmp_path):
    """Neither link nor cookie is in it; after an erasure nothing leads to the session."""
    link = await make_link(computer)
    token = link.rsplit("/", 1)[1]
    phone = await open_link(site, link)
    secret = phone.http.cookies["proofing-device"]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "local").rglob("*") if path.is_file())
    for plain in (token, secret):
        assert plain.encode() not in stored
        assert digest_of(plain).encode() in stored
    assert repr((await session_of(site, computer)).handoff).count(token) == 0


async def test_leaving_on_the_computer_ends_it(site, computer):
    """The session is gone, and the phone says to go back to the computer."""
    phone = await connect(site, computer)
    await computer.get("/document")
    await computer.post("/exit")
    await phone.get("/handoff")
    assert phone.page.status_code == 410
    assert "isn’t connected" in phone.page.text
    answer = await call(phone, "/api/uploads", {"attempt": "0" * 32, "side": "front"}, "x")
    assert answer.status_code == 401


async def test_no_hand_off_without_uploads(sync_site):
    """With images in the form post there is none, and no way to begin one."""
    browser = sync_site.browser()
    await browser.consent()
    assert "/document/handoff" not in browser.page.text
    await browser.post("/document/handoff")
    assert browser.path == "/document"
