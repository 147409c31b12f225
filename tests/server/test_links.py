"""From a relying party's link to the outcome: what uses a link, whose session begins, what each end shows."""

import asyncio
import base64
import json
import re
import time
from datetime import UTC, datetime

import pytest

from proofing.app.verifications import PartyRef, Request
from proofing.base.errors import VerificationStateError
from proofing.contracts.verifications import Mode, VerificationState
from proofing.settings.vendor_values import VendorStatus
from proofing.testing.images import make_jpeg

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
PARTY = PartyRef(name="agency")
RETURN_URL = "https://agency.example.gov/back?case=1"
WAY_BACK = "https://agency.example.gov/back?case=1&amp;verification_id="
EVERYTHING = ["document", "selfie", "resolution", "phone", "code"]
LOGO = "data:image/jpeg;base64," + base64.b64encode(make_jpeg()).decode()
BRANDING = {
    "name": "Department of Examples",
    "color": "#8b0a1a",
    "logo": LOGO,
    "support_phone": "202-555-0143",
    "privacy_url": "https://agency.example.gov/privacy",
}
FILES = {side: (f"{side}.jpg", make_jpeg(comment=side.encode())) for side in ("front", "back", "selfie")}
MOCK_OUT = {"mock": VendorStatus.FULL_OUTAGE}
PERSON = {"first_name": "Fakey", "last_name": "McFakerson"} | {
    "dob_month": "10",
    "dob_day": "6",
    "dob_year": "1938",
}
CARD = {"document_type_received": "drivers_license", "state_id_number": "1111111111111"}
ADDRESS = {"address1": "1 FAKE RD", "city": "GREAT FALLS", "state": "MT", "zipcode": "59010"}
PHONE = "(202) 555-0143"


def settings_for(*steps, attempts=3, branding=None, **more):
    """Return settings with one relying party whose policy asks for *steps*."""
    policy = {"steps": list(steps), "attempts": attempts, "branding": branding or {}}
    party = {"display_name": "The Agency", "policies": ["benefits"], "return_urls": [RETURN_URL]}
    return {
        **SYNC,
        "messenger_vendor": "mock",
        "phone_code_pause_seconds": "0",
        "policies": json.dumps({"benefits": policy}),
        "relying_parties": json.dumps({"agency": party}),
        **more,
    }


async def create(site, subject="person 1", **more):
    """Return a new verification and the path of its link."""
    wanted = Request(subject=subject, return_url=RETURN_URL, **more)
    created = await site.service.verifications.create(PARTY, wanted)
    return created.record, f"/start/{created.token}"


def switch(site, **values):
    """Have other settings in effect."""
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update=values)


async def state_of(site, record):
    """Return where the verification is."""
    return (await site.service.verifications.get(PARTY, record.id)).state


async def begin(site, link):
    """Return a browser that has used the link and consented; of a phone alone, the name is typed too."""
    browser = site.browser()
    await browser.get(link)
    await browser.post(link)
    assert browser.path == "/consent", browser.page.text
    await browser.post("/consent", consent="yes")
    if browser.path == "/identity" and "state_id_number" not in browser.page.text:
        await browser.post("/identity", **PERSON)
    return browser


async def show_document(browser, *, selfie=False):
    """Send the photos."""
    wanted = {side: file for side, file in FILES.items() if selfie or side != "selfie"}
    await browser.post_files("/document", wanted)


async def type_identity(browser):
    """Type everything that a resolution asks about."""
    await browser.post("/identity", **PERSON, **CARD, state_id_jurisdiction="ND")
    await browser.post("/ssn", ssn="900-66-1234", device="pass")
    await browser.post("/address", **ADDRESS)
    await browser.post("/verify")


async def confirm_phone(browser):
    """Have a code sent, and return it as the page of a test system shows it."""
    await browser.post("/code", channel="text")
    code = re.search(r'id="test-code"[^>]*>(\d+)<', browser.page.text)
    await browser.post("/code", code=code[1])


async def agree_to_selfie(browser):
    """Agree to the selfie with the text that the page shows."""
    version = re.search(r'name="text_version" value="([^"]+)"', browser.page.text)[1]
    await browser.post("/selfie", answer="agree", consent="yes", text_version=version)


async def take_all(site, link, steps):
    """Walk a whole policy and return the browser at its end."""
    browser = await begin(site, link)
    if "selfie" in steps:
        assert browser.path in {"/document", "/selfie"}
        await browser.get("/document")
        assert browser.path == "/selfie"
        await agree_to_selfie(browser)
    if "document" in steps:
        await show_document(browser, selfie="selfie" in steps)
    if "resolution" in steps and "document" in steps:
        await browser.post("/ssn", ssn="900-66-1234", device="pass")
        await browser.post("/verify")
    elif "resolution" in steps:
        await type_identity(browser)
    if "phone" in steps:
        await browser.post("/phone", phone=PHONE)
    if "code" in steps:
        await confirm_phone(browser)
    return browser


@pytest.mark.parametrize(
    "steps",
    [["document"], ["document", "selfie"], ["phone"], ["phone", "code"], ["resolution"], EVERYTHING],
    ids=" ".join,
)
async def test_every_policy_from_link_to_return_url(start, steps):
    """The person sees who asks, passes what the policy asks, and is led back with a verdict."""
    async with start(**settings_for(*steps)) as site:
        record, link = await create(site)
        browser = await take_all(site, link, steps)
        assert browser.path == "/outcome", browser.page.text
        assert "We’ve verified your identity for The Agency" in browser.page.text
        assert f'href="{WAY_BACK}{record.id}"' in browser.page.text
        assert await state_of(site, record) is VerificationState.VERIFIED
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        assert session.data.is_finished
        assert not session.data.has_personal_data
        await browser.get("/")
        assert browser.path == "/outcome"


async def test_looking_at_a_link_uses_nothing(start):
    """Mail scanners open links, several times and by HEAD; the person can still start."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        for _ in range(3):
            scanner = site.browser()
            await scanner.get(link)
            assert scanner.page.status_code == 200
            assert (await scanner.http.head(link)).status_code == 200
            assert "proofing" not in scanner.http.cookies
        assert await state_of(site, record) is VerificationState.CREATED
        browser = await begin(site, link)
        assert browser.path == "/phone"
        assert await state_of(site, record) is VerificationState.IN_PROGRESS


async def test_the_page_says_who_asks_and_what_comes(start):
    """By name; only what the policy asks for is announced."""
    async with start(**settings_for("phone", "code")) as site:
        _record, link = await create(site)
        browser = site.browser()
        await browser.get(link)
        text = browser.page.text
        assert "The Agency needs to confirm it’s really you" in text
        assert "A US phone number" in text
        assert "We’ll send a code to it" in text
        assert "An ID that" not in text
        assert "Social Security" not in text
        assert "this link works once" in text
        await browser.post(link)
        assert "for The Agency" in browser.page.text
        assert "We tell The Agency the result" in browser.page.text
        assert "credit bureaus" not in browser.page.text
        assert "genuine" not in browser.page.text


async def test_the_start_page_shows_the_steps_of_its_policy(start):
    """Not those of the whole flow: no ID is shown, and nothing but a phone number checked."""
    async with start(**settings_for("phone", "code")) as site:
        _record, link = await create(site)
        browser = site.browser()
        await browser.get(link)
        indicator = re.compile(r'<nav class="steps".*?</nav>', re.DOTALL)
        shown = indicator.search(browser.page.text)[0]
        await browser.post(link)
        assert indicator.search(browser.page.text)[0] == shown


async def test_a_link_works_once(start):
    """The second use is refused with a page that helps; in the browser of the first, the way on is there."""
    async with start(**settings_for("phone")) as site:
        _record, link = await create(site)
        browser = await begin(site, link)
        await browser.get(link)
        assert browser.page.status_code == 410
        assert "already used" in browser.page.text
        assert 'href="/outcome"' in browser.page.text
        await browser.get("/outcome")
        assert browser.path == "/phone"
        other = site.browser()
        await other.get(link)
        assert other.page.status_code == 410
        assert "/outcome" not in other.page.text


async def test_of_many_uses_at_once_one_counts(start):
    """Two devices, one link: one session."""
    async with start(**settings_for("phone")) as site:
        _record, link = await create(site)
        browsers = [site.browser() for _ in range(8)]
        for browser in browsers:
            await browser.get(link)
        await asyncio.gather(*(browser.post(link) for browser in browsers))
        assert sorted(browser.path for browser in browsers).count("/consent") == 1


async def test_only_our_own_form_uses_a_link(start):
    """Not a POST of another site, nor one without the token of the page."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = site.browser()
        await browser.get(link)
        csrf = {"csrf_token": browser.csrf}
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.http.post(link, data=csrf, headers=foreign)).status_code == 403
        own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        assert (await browser.http.post(link, data={"csrf_token": "x"}, headers=own)).status_code == 403
        stranger = site.browser()
        answer = await stranger.http.post(link, data=csrf, headers=own)
        assert answer.headers["location"] == "/cookies-needed"
        assert await state_of(site, record) is VerificationState.CREATED


async def test_links_that_do_not_work(start):
    """Unknown, malformed and replaced ones look alike; an ended one says so, and not whose it was."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = site.browser()
        unknown = await browser.get("/start/" + "0" * 40)
        malformed = await browser.get("/start/x")
        newer = await site.service.verifications.new_link(PARTY, record.id)
        replaced = await browser.get(link)
        assert {one.status_code for one in (unknown, malformed, replaced)} == {404}
        # But for the address itself, to which the language switch leads back.
        pages = {one.text.replace(one.url.path, "/start/TOKEN") for one in (unknown, malformed, replaced)}
        assert len(pages) == 1
        assert "use the newest" in replaced.text
        await site.service.verifications.cancel(PARTY, record.id)
        ended = await browser.get(f"/start/{newer.token}")
        assert ended.status_code == 410
        assert "is over" in ended.text
        assert "The Agency" not in unknown.text + ended.text


def set_forward(monkeypatch, site, minutes):
    """Set the clock of the verifications' store forward."""
    monkeypatch.setattr(site.service.verifications.store, "_clock", lambda: time.time() + minutes * 60)


async def test_a_link_that_has_expired(start, monkeypatch):
    """It says so, and can be replaced; nobody has to know whose it was."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = site.browser()
        await browser.get(link)
        set_forward(monkeypatch, site, 61)
        await browser.post(link)
        assert browser.page.status_code == 410
        assert "This link has expired" in browser.page.text
        assert await state_of(site, record) is VerificationState.CREATED
        newer = await site.service.verifications.new_link(PARTY, record.id)
        assert (await begin(site, f"/start/{newer.token}")).path == "/phone"


async def test_a_verification_that_expires_on_the_way(start, monkeypatch):
    """The next page says so, before any sweeper has come to it."""
    async with start(**settings_for("phone")) as site:
        _record, link = await create(site)
        browser = await begin(site, link)
        set_forward(monkeypatch, site, 24 * 60 + 1)
        await browser.post("/phone", phone=PHONE)
        assert browser.path == "/outcome"
        assert "has expired" in browser.page.text
        assert "ask The Agency for a new link" in browser.page.text


async def test_a_new_link_begins_again_on_another_device(start):
    """The person is the same; what the first device knew does not follow, and its page says so."""
    async with start(**settings_for("phone", "code")) as site:
        record, link = await create(site)
        first = await begin(site, link)
        await first.post("/phone", phone=PHONE)
        assert first.path == "/code"
        newer = await site.service.verifications.new_link(PARTY, record.id)
        # The first one continues until the new link is used.
        await first.get("/code")
        assert first.path == "/code"
        second = await begin(site, f"/start/{newer.token}")
        assert second.path == "/phone"
        assert PHONE not in second.page.text
        await first.get("/code")
        assert first.path == "/outcome"
        assert "You started again with another link" in first.page.text
        await second.post("/phone", phone=PHONE)
        await confirm_phone(second)
        assert "You’re verified" in second.page.text
        assert await state_of(site, record) is VerificationState.VERIFIED


async def test_a_new_link_in_the_same_browser_offers_to_continue(start):
    """Nothing is lost by looking at it."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        newer = await site.service.verifications.new_link(PARTY, record.id)
        await browser.get(f"/start/{newer.token}")
        assert 'href="/phone"' in browser.page.text
        assert "You can also start again" in browser.page.text


async def test_another_person_in_the_same_browser_is_not_mixed(start):
    """The second link begins a session of its own; what the first person typed is deleted."""
    async with start(**settings_for("resolution")) as site:
        _record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/identity", **PERSON, **CARD, state_id_jurisdiction="ND")
        before = browser.http.cookies["proofing"]
        other, link = await create(site, subject="person 2")
        await browser.get(link)
        await browser.post(link)
        await browser.post("/consent", consent="yes")
        assert browser.path == "/identity"
        assert "McFakerson" not in browser.page.text
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        assert session.data.person == other.person
        assert await site.app.state.site.sessions.open(before) is None


@pytest.mark.parametrize("by", ["person", "relying party"])
async def test_a_canceled_verification(start, by):
    """Either side can; the other one hears of it, and what was entered is deleted."""
    async with start(**settings_for("resolution")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/identity", **PERSON, **CARD, state_id_jurisdiction="ND")
        assert "The Agency will be told that you canceled" in browser.page.text
        if by == "person":
            await browser.post("/exit")
        else:
            await site.service.verifications.cancel(PARTY, record.id)
            await browser.post("/ssn", ssn="900-66-1234")
        assert browser.path == "/outcome"
        assert "was canceled" in browser.page.text
        assert f'href="{WAY_BACK}{record.id}"' in browser.page.text
        assert await state_of(site, record) is VerificationState.CANCELED
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        assert not session.data.has_personal_data
        await browser.post("/exit")
        assert browser.path == "/exited"


async def test_a_person_has_their_information_deleted(start):
    """After the end, by a form that says what remains; the relying party keeps the outcome."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.get("/outcome/delete")
        assert browser.path != "/outcome/delete", "it has not ended"
        await browser.post("/phone", phone=PHONE)
        assert await state_of(site, record) is VerificationState.VERIFIED
        assert 'href="/outcome/delete"' in browser.page.text
        await browser.get("/outcome/delete")
        assert "The Agency keeps the result" in browser.page.text
        assert "already collected" in browser.page.text
        before = browser.http.cookies["proofing"]
        assert (await site.service.verifications.get(PARTY, record.id)).redacted_at is None
        await browser.post("/outcome/delete")
        assert browser.path == "/information-deleted"
        assert await site.app.state.site.sessions.open(before) is None
        kept = await site.service.verifications.get(PARTY, record.id)
        assert (kept.state, kept.redacted_at is None) == (VerificationState.VERIFIED, False)
        assert (await site.service.verifications.details(PARTY, record.id))[1] is None
        store = site.service.verifications.store
        events = await store.events(PARTY.name, PARTY.mode, after=0, limit=99)
        assert events[-1].type.value == "verification.redacted"


async def test_nobody_deletes_by_a_forged_form(start):
    """Nor is an open verification deleted: leaving it cancels it."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/outcome/delete")
        assert (await site.service.verifications.get(PARTY, record.id)).state.is_open
        await browser.post("/exit")
        await browser.post("/outcome/delete", csrf_token="forged")
        assert browser.page.status_code == 403
        assert (await site.service.verifications.get(PARTY, record.id)).redacted_at is None


async def test_used_up_attempts_end_it(start):
    """The page says what to do, not what did not match."""
    async with start(**settings_for("phone", attempts=1)) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/phone", phone="703-555-5555")
        assert browser.path == "/outcome"
        assert "We couldn’t verify your identity" in browser.page.text
        assert "Ask The Agency about another way" in browser.page.text
        assert "Reference number" in browser.page.text
        assert await state_of(site, record) is VerificationState.FAILED


async def test_an_attempt_that_is_left(start):
    """The problem page as everywhere, and then another try."""
    async with start(**settings_for("phone", attempts=2)) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/phone", phone="703-555-5555")
        assert browser.path == "/phone/problem"
        await browser.get("/phone")
        await browser.post("/phone", phone=PHONE)
        assert browser.path == "/outcome"
        assert await state_of(site, record) is VerificationState.VERIFIED


async def test_a_review(start):
    """The page says that somebody looks; when they have, it shows the decision."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/phone", phone="703-555-5777")
        assert browser.path == "/outcome"
        assert "Someone needs to review your information" in browser.page.text
        assert await state_of(site, record) is VerificationState.NEEDS_REVIEW
        await browser.get("/outcome")
        assert "Check again" in browser.page.text
        expires_at = (await site.service.verifications.get(PARTY, record.id)).expires_at
        until = datetime.fromtimestamp(expires_at, UTC)
        day = f"{until:%B} {until.day}, {until.year}"
        assert f"no decision by {day}, this identity check expires" in browser.page.text
        await site.service.verifications.decide(
            PARTY, record.id, is_approved=True, reason="looked_at", by="operator"
        )
        await browser.get("/outcome")
        assert "You’re verified" in browser.page.text


async def test_a_review_that_nobody_decides(start, monkeypatch):
    """When its days are over the page says so, before any sweeper has come to it; nobody can decide it."""
    async with start(**settings_for("phone")) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/phone", phone="703-555-5777")
        set_forward(monkeypatch, site, 7 * 24 * 60 + 1)
        for _ in range(2):
            await browser.get("/outcome")
            assert "This identity check has expired" in browser.page.text
            assert "It wasn’t finished or decided in time." in browser.page.text
            await site.runtime.worker.verifications.sweep()
        assert await state_of(site, record) is VerificationState.EXPIRED
        with pytest.raises(VerificationStateError):
            await site.service.verifications.decide(
                PARTY, record.id, is_approved=True, reason="too_late", by="operator"
            )


async def test_a_job_that_runs_when_the_relying_party_cancels(start):
    """Its result is discarded; the waiting page leads to the outcome."""
    settings = settings_for("phone") | {"ruby_workers_idv_enabled": "true"}
    async with start(**settings) as site:
        record, link = await create(site)
        browser = await begin(site, link)
        await browser.post("/phone", phone=PHONE)
        assert browser.path == "/phone/wait"
        assert await state_of(site, record) is VerificationState.PROCESSING
        await browser.get("/outcome")
        assert browser.path == "/phone/wait"
        await site.service.verifications.cancel(PARTY, record.id)
        await browser.get("/phone/wait")
        assert browser.path == "/outcome"
        assert "was canceled" in browser.page.text


async def test_begin_without_a_relying_party(start):
    """Where it is off, the first page and the consent say how to get a link; a link still works."""
    async with start(**settings_for("phone", start_without_relying_party="false")) as site:
        browser = site.browser()
        for path in ("/", "/consent"):
            await browser.get(path)
            assert browser.page.status_code == 403
            assert "Start with your link" in browser.page.text
        await browser.get("/document")
        assert "Start with your link" in browser.page.text
        _record, link = await create(site)
        assert (await begin(site, link)).path == "/phone"


async def test_branding(start):
    """Name, color, logo, help and privacy are the policy's, all from our own origin."""
    async with start(**settings_for("phone", branding=BRANDING)) as site:
        _record, link = await create(site)
        browser = await begin(site, link)
        text = browser.page.text
        assert "for Department of Examples" in text
        assert "(202) 555-0143" not in text
        assert 'href="tel:+12025550143"' in text
        assert "https://agency.example.gov/privacy" in text
        style = re.search(r'href="(/branding/[^"]+\.css)"', text)[1]
        logo = re.search(r'src="(/branding/[^"]+\.image)"', text)[1]
        css = await browser.http.get(style)
        assert css.headers["content-type"].startswith("text/css")
        assert "--accent: #8b0a1a" in css.text
        assert "immutable" in css.headers["cache-control"]
        image = await browser.http.get(logo)
        assert (image.headers["content-type"], image.content) == ("image/jpeg", make_jpeg())
        assert "data:" not in browser.page.headers["content-security-policy"]
        stranger = site.browser()
        await stranger.get("/")
        assert "/branding/" not in stranger.page.text


@pytest.mark.parametrize(
    "path",
    [
        "/branding/x/ffffff.css",
        "/branding/x/blue.css",
        "/branding/x/unknown.image",
        "/branding/x/benefits.image",
    ],
)
async def test_what_is_no_branding(start, path):
    """Colors that settings cannot name, and policies without a logo."""
    async with start(**settings_for("phone")) as site:
        assert (await site.browser().http.get(path)).status_code == 404


async def test_a_test_verification_meets_mocks_alone(start):
    """Whatever the settings name: their messenger would call Twilio. Each page says that it is a test."""
    twilio = {"account_sid": "AC" + "0" * 32, "api_key_sid": "SK" + "0" * 32, "api_key_secret": "x" * 32}
    real = {
        "plugins": '["huey", "local", "mock", "twilio"]',
        "messenger_vendor": "twilio",
        "twilio": json.dumps({**twilio, "voice_from": "+12025550100"}),
    }
    async with start(**settings_for("phone", "code", **real)) as site:
        wanted = Request(subject="person 1", return_url=RETURN_URL)
        party = PartyRef(name="agency", mode=Mode.TEST)
        created = await site.service.verifications.create(party, wanted)
        browser = site.browser()
        await browser.get(f"/start/{created.token}")
        assert "This is a test system" in browser.page.text
        browser = await begin(site, f"/start/{created.token}")
        await browser.post("/phone", phone=PHONE)
        await confirm_phone(browser)
        assert "You’re verified" in browser.page.text


async def test_a_number_that_was_tried_in_mode_test_is_free_in_mode_live(start):
    """A test key must not lock people out: limits of an SSN are apart, too."""
    async with start(**settings_for("resolution", proof_ssn_max_attempts="1")) as site:
        for mode in (Mode.TEST, Mode.LIVE):
            party = PartyRef(name="agency", mode=mode)
            for subject, path in (("one", "/outcome"), ("two", "/limit/proof_ssn")):
                created = await site.service.verifications.create(party, Request(subject=subject))
                browser = await begin(site, f"/start/{created.token}")
                await type_identity(browser)
                assert browser.path == path, (mode, subject)


@pytest.mark.parametrize("out", [{"idv_available": False}, {"vendor_status": MOCK_OUT}])
async def test_who_was_sent_sees_by_whom_and_may_return(start, out):
    """The page names the relying party, and leads back to it."""
    async with start(**settings_for("document")) as site:
        _record, link = await create(site)
        browser = await begin(site, link)
        switch(site, **out)
        page = await browser.get("/document")
        assert page.status_code == 503
        assert "The identity check for The Agency isn’t available right now." in page.text
        assert 'href="https://agency.example.gov/back?case=1&amp;verification_id=' in page.text


async def test_an_outage_uses_no_link(start):
    """A link works once, and nobody could continue with it now; later it still works."""
    async with start(**settings_for("document")) as site:
        record, link = await create(site)
        browser = site.browser()
        await browser.get(link)
        switch(site, vendor_status=MOCK_OUT)
        for page in (await browser.post(link), await browser.get(link)):
            assert page.status_code == 503
            assert "The identity check for The Agency isn’t available right now." in page.text
        assert await state_of(site, record) is VerificationState.CREATED
        switch(site, vendor_status={})
        await begin(site, link)
        assert await state_of(site, record) is not VerificationState.CREATED


async def test_who_needs_no_document_is_not_kept_by_its_vendor(start):
    """A policy without documents continues while they cannot be verified."""
    values = {"document_vendor": "mock:polling", "doc_auth_enable_presigned_s3_urls": "true"}
    async with start(**settings_for("phone") | values) as site:
        _record, link = await create(site)
        switch(site, vendor_status={"mock:polling": VendorStatus.FULL_OUTAGE})
        browser = await begin(site, link)
        assert (browser.path, browser.page.status_code) == ("/phone", 200)
