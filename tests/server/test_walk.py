"""The flow without script: forwards, backwards, twice, in two tabs, and with every outcome."""

import asyncio
import base64
import re
import time

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.settings.vendor_values import VendorStatus
from proofing.testing.images import make_jpeg, make_png
from proofing_devtools.sessions import DOCUMENT, put
from proofing_mock.proofers import PhoneMock
from proofing_server import flow

SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
PHOTO = ("id.jpg", make_jpeg())
FILES = {"front": PHOTO, "back": ("id.png", make_png())}
FAILED = b"doc_auth_result: Failed\ntransaction_status: failed\n"
FAILING = FAILED + b"failed_alerts: [{name: Visible Pattern, result: Failed}]\n"
REVIEW = b"document: {}\ntransaction_status: review\n"
UNDERAGE = b"document: {dob: 2020-01-01}\n"
ATTENTION = b"""
document: {first_name: Jane}
doc_auth_result: Attention
failed_alerts: [{name: 2D Barcode Read, result: Attention}]
"""


def both(content):
    """Return the same tester's file for both sides."""
    return {side: ("id.yaml", content + f"# {side}".encode()) for side in ("front", "back")}


async def reach_verify(site, **document):
    """Return a browser at *check your information*, images given."""
    browser = site.browser()
    await browser.consent()
    await browser.post_files("/document", document or FILES)
    await browser.post("/ssn", ssn="900-66-1234")
    assert browser.path == "/verify"
    return browser


async def test_sync(sync_site):
    """With both switches off, every job runs inside its request."""
    browser = sync_site.browser()
    await browser.get("/")
    await browser.get("/consent")
    await browser.post("/consent")
    assert browser.page.status_code == 400
    assert "Check the box" in browser.page.text
    await browser.post("/consent", consent="yes")
    await browser.post_files("/document", FILES)
    assert browser.path == "/ssn"
    await browser.post("/ssn", ssn="900-66-1234")
    assert browser.path == "/verify"
    assert "FAKEY" in browser.page.text
    assert "9**-**-***4" in browser.page.text
    assert "900661234" not in browser.page.text
    await browser.post("/verify")
    assert browser.path == "/phone"
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"
    assert browser.page.headers["clear-site-data"] == '"cache", "storage"'
    await browser.get("/verify")
    assert browser.path == "/done"


async def test_after_the_end(start):
    """The first page, too, says that a person is verified; it leads to the partner only if there is one."""
    for partner, shows_partner in (("/", False), ("https://agency.example", True)):
        async with start(**SYNC, partner_url=partner, partner_name="the agency") as site:
            browser = await reach_verify(site)
            assert "Delete my information and exit" in browser.page.text
            await browser.post("/verify")
            await browser.post("/phone", phone="202-555-0123")
            assert browser.path == "/done"
            assert ("Continue to the agency" in browser.page.text) is shows_partner
            assert ("You can close this page" in browser.page.text) is not shows_partner
            # Nothing can be lost anymore: no question before leaving, no warning, no sudden end.
            assert "Delete my information and exit" not in browser.page.text
            assert "data-idle-seconds" not in browser.page.text
            await browser.get("/")
            assert "You’re already verified" in browser.page.text
            assert 'href="/done"' in browser.page.text
            assert 'href="/consent"' not in browser.page.text


async def test_leaving_asks_first(site):
    """Before consent there is nothing to lose; afterward leaving says what it does before it does it."""
    browser = site.browser()
    await browser.get("/consent")
    assert "Delete my information and exit" not in browser.page.text
    await browser.post("/consent", consent="yes")
    assert "What you entered will be deleted" in browser.page.text


async def test_consent_given_twice(site):
    """A second click, or tab, finds the consent given, although the session has a new token since."""
    browser = site.browser()
    await browser.get("/consent")
    old = browser.csrf
    await browser.post("/consent", consent="yes")
    response = await browser.http.post(
        "/consent", data={"csrf_token": old, "consent": "yes"}, headers=SAME_ORIGIN
    )
    assert (response.status_code, response.headers["location"]) == (303, "/document")


async def test_first_page_says_how_long_a_pause_may_be(start):
    """The time is the one of the settings."""
    async with start(session_idle_timeout_minutes="25") as site:
        assert "If you’re inactive for 25 minutes" in (await site.browser().get("/")).text


async def test_pages_refuse_to_be_skipped_to(sync_site):
    """No page can be opened, and no form sent, before its turn."""
    browser = sync_site.browser()
    await browser.get("/verify")
    assert browser.path == "/"
    await browser.consent()
    for path in (
        "/ssn",
        "/verify",
        "/phone",
        "/done",
        "/document/wait",
        "/document/problem",
        "/document/confirm",
    ):
        await browser.get(path)
        assert browser.path == "/document", path
    for path in ("/ssn", "/verify", "/phone", "/address", "/document/confirm"):
        await browser.post(path, ssn="900661234", phone="2025550123", answer="yes")
        assert browser.path == "/document", path


async def test_wrong_images(sync_site):
    """Each side's problem is shown at its field; nothing is charged."""
    browser = sync_site.browser()
    await browser.consent()
    cases = {
        "Choose a photo": {"front": ("", b""), "back": PHOTO},
        "This file is empty": {"front": ("a.jpg", b""), "back": PHOTO},
        "as a photo": {"front": ("a.exe", b"MZ\x00\x00"), "back": PHOTO},
        "incomplete": {"front": ("a.jpg", make_jpeg()[:200]), "back": PHOTO},
        "too many pixels": {"front": ("a.png", make_png(13_000, 2)), "back": PHOTO},
    }
    for text, files in cases.items():
        await browser.post_files("/document", files)
        assert browser.page.status_code == 400, text
        assert text in browser.page.text
        assert "choose them again" in browser.page.text
        assert 'href="#front"' in browser.page.text
        assert 'href="#back"' not in browser.page.text
    assert "attempts left" not in browser.page.text
    await browser.post_files("/document", {"front": ("", b""), "back": ("", b"")})
    assert 'href="#back"' in browser.page.text
    assert "choose them again" not in browser.page.text


async def test_data_url_is_decoded(sync_site):
    """The text of a data URL is not the image: its bytes are."""
    browser = sync_site.browser()
    await browser.consent()
    text = b"data:image/jpeg;base64," + base64.b64encode(PHOTO[1])
    await browser.post_files("/document", {**FILES, "front": ("a.txt", text)})
    assert browser.path == "/ssn"
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", {**FILES, "front": ("a.txt", b"data:image/jpeg;base64,!!")})
    assert browser.page.status_code == 400


async def test_document_failure_and_retry(sync_site):
    """A failure has its own screen with sides, tips, attempts left; the same image is not taken twice."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(FAILING))
    assert browser.path == "/document/problem"
    assert "We couldn’t verify this ID" in browser.page.text
    assert "You have 4 attempts left" in browser.page.text
    assert "For a good photo" in browser.page.text
    await browser.get("/document/wait")
    assert browser.path == "/document/problem"
    await browser.get("/document")
    await browser.post_files("/document", both(FAILING))
    assert (browser.path, browser.page.status_code) == ("/document", 400)
    for side in ("front", "back"):
        assert f'href="#{side}"' in browser.page.text
        assert re.search(f'id="{side}-error"[^<]+already used this photo', browser.page.text)
    # It is reported before the attempt is counted, as often as it is sent.
    assert "You have 4 attempts left" in browser.page.text
    # A side is known by its own image only.
    failed = both(FAILING)
    await browser.post_files("/document", {"front": PHOTO, "back": failed["back"]})
    assert browser.page.status_code == 400
    assert 'href="#front"' not in browser.page.text
    assert 'href="#back"' in browser.page.text
    assert "You have 4 attempts left" in browser.page.text
    await browser.post_files("/document", FILES)
    assert browser.path == "/ssn"


async def test_underage_has_its_own_words(sync_site):
    """The rule on age is reported as such."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(UNDERAGE))
    assert browser.page.text.count("at least 18 years old") == 1
    assert "Front of your ID:" not in browser.page.text


#: Words that would tell somebody who waits for a review that they were refused, or to take better photos.
REFUSAL = re.compile(r"fail|couldn’t (accept|verify|match)|new photo|better|role=.alert", re.IGNORECASE)


async def test_a_review_of_each_kind(sync_site):
    """It has its own screen, counts as an attempt, completes nothing, and holds nothing against anybody."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(REVIEW))
    assert browser.path == "/document/problem"
    assert "Someone needs to review your ID" in browser.page.text
    assert "This counts as an attempt." in browser.page.text
    assert "You have 4 attempts left" in browser.page.text
    assert "Reference number:" in browser.page.text
    assert not REFUSAL.search(browser.page.text)
    await browser.get("/ssn")
    assert browser.path == "/document"
    # The very images of a review are taken again; now they are those of somebody who is reviewed later.
    await browser.post_files("/document", both(REVIEW))
    assert browser.path == "/document/problem"
    assert "You have 3 attempts left" in browser.page.text
    await browser.get("/document")
    await browser.post_files("/document", both(b"document: {first_name: Review}\n"))
    await browser.post("/ssn", ssn="900661234")
    await browser.post("/verify")
    assert browser.path == "/verify/problem"
    assert "Someone needs to review your information" in browser.page.text
    assert not REFUSAL.search(browser.page.text)
    await browser.get("/phone")
    assert browser.path == "/verify"
    await browser.get("/document")
    await browser.post_files("/document", FILES)
    await browser.post("/ssn", ssn="900661234")
    await browser.post("/verify")
    await browser.post("/phone", phone="703-555-5777")
    assert browser.path == "/phone/problem"
    assert "Someone needs to review your phone number" in browser.page.text
    assert not REFUSAL.search(browser.page.text)
    # The number did not fail: it is filled in again, and may be sent again without being asked about.
    await browser.get("/phone")
    assert "703" in browser.page.text
    await browser.post("/phone", phone="703-555-5777")
    assert browser.path == "/phone/problem"
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"


async def test_a_review_of_the_last_attempt(start):
    """Its screen is shown without a way to try again; the page of the limit says nothing of a failure."""
    async with start(**SYNC, idv_doc_auth_max_attempts="1") as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", both(REVIEW))
        assert browser.path == "/document/problem"
        assert "Someone needs to review your ID" in browser.page.text
        assert "Use another ID" not in browser.page.text
        await browser.get("/document")
        assert browser.path == "/limit/idv_doc_auth"
        assert "Someone needs to review your ID" in browser.page.text
        assert not re.search("failed|couldn’t accept", browser.page.text)


async def test_no_answer_is_said_once(sync_site):
    """A went wrong on our end has no findings that say the same again."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(b"http_status: {result: 500}\n"))
    assert "Something went wrong on our end" in browser.page.text
    assert "findings" not in browser.page.text


async def test_barcode_attention(sync_site):
    """What was read must be confirmed, or new images taken; the summary warns again."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(ATTENTION))
    assert browser.path == "/document/confirm"
    assert "October 6, 1938" in browser.page.text
    await browser.post("/document/confirm", answer="maybe")
    assert browser.path == "/document/confirm"
    await browser.post("/document/confirm", answer="retake")
    assert browser.path == "/document"
    await browser.post_files("/document", both(ATTENTION))
    await browser.post("/document/confirm", answer="yes")
    await browser.post("/ssn", ssn="900661234")
    assert "couldn’t read the barcode" in browser.page.text


async def test_the_last_attempt_is_processed(sync_site):
    """Four failures, then a success on the fifth continues; a fifth failure leads to the limit."""
    browser = sync_site.browser()
    await browser.consent()
    for number in range(4):
        await browser.get("/document")
        await browser.post_files("/document", both(FAILING + f"# {number}\n".encode()))
        assert browser.path == "/document/problem"
    assert "You have 1 attempt left" in browser.page.text
    await browser.get("/document")
    await browser.post_files("/document", FILES)
    assert browser.path == "/ssn"
    await browser.post("/ssn", ssn="900661234")
    assert browser.path == "/verify"


async def test_the_limit(sync_site):
    """After the last failure every way leads to the page of the limit, with the time left in words."""
    browser = sync_site.browser()
    await browser.consent()
    for number in range(5):
        await browser.get("/document")
        await browser.post_files("/document", both(FAILING + f"# {number}\n".encode()))
    assert browser.path == "/limit/idv_doc_auth"
    assert browser.page.status_code == 429
    assert "in 6 hours" in browser.page.text
    await browser.get("/document")
    assert browser.path == "/limit/idv_doc_auth"
    # Starting over keeps the person, and the limit.
    await browser.post("/exit")
    assert browser.path == "/exited"
    await browser.get("/consent")
    await browser.post("/consent", consent="yes")
    assert browser.path == "/limit/idv_doc_auth"


async def test_limits_that_are_not_reached_lead_back(sync_site):
    """The page of a limit is not a place to be when there is none."""
    browser = sync_site.browser()
    await browser.consent()
    for name in ("idv_doc_auth", "idv_resolution", "proof_ssn", "proof_address"):
        await browser.get(f"/limit/{name}")
        assert browser.path == "/document"
    await browser.get("/limit/other")
    assert browser.page.status_code == 404


@pytest.mark.parametrize(
    ("change", "screen"),
    [
        ({"zipcode": "00000"}, "We couldn’t verify your information"),
        ({"ssn": "123-45-6789"}, "We couldn’t verify your information"),
        ({"ssn": "000-00-0000"}, "Something went wrong on our end"),
        ({"device": "no_result"}, "A security check of this device"),
        ({"device": "reject"}, None),
    ],
)
async def test_resolution_outcomes(sync_site, change, screen):
    """Each outcome of the check has its screen; all failures read the same."""
    browser = await reach_verify(sync_site)
    if "zipcode" in change:
        await browser.get("/address")
        await browser.post(
            "/address", address1="1 FAKE RD", city="GREAT FALLS", state="MT", zipcode=change["zipcode"]
        )
    else:
        await browser.get("/ssn")
        await browser.post("/ssn", **{"ssn": "900661234", **change})
    assert browser.path == "/verify"
    await browser.post("/verify")
    if screen is None:
        assert browser.path == "/phone"
    else:
        assert browser.path == "/verify/problem"
        assert screen in browser.page.text
        await browser.get("/verify")
        assert browser.path == "/verify"


@pytest.mark.parametrize("profiled", ["true", "false"])
async def test_testers_choose_for_the_device_mock_only(start, profiled):
    """A profiler that is off, or real, is offered no answers, whatever reads the images."""
    async with start(**SYNC, device_profiling_enabled=profiled) as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", FILES)
        await browser.get("/ssn")
        assert ('name="device"' in browser.page.text) is (profiled == "true")
        await browser.post("/ssn", ssn="900-66-1234", device="reject")
        assert browser.path == "/verify"


async def test_failures_are_no_oracle(sync_site):
    """Wrong SSN, wrong ZIP code and wrong name give the same bytes."""
    pages = []
    for name, ssn, zipcode in (
        ("Jane", "123456789", "59010"),
        ("Jane", "900661234", "00000"),
        ("Bad", "900661234", "59010"),
    ):
        content = f"document: {{first_name: {name}, zipcode: '{zipcode}'}}\n".encode()
        browser = sync_site.browser()
        await browser.consent()
        await browser.post_files("/document", both(content))
        await browser.post("/ssn", ssn=ssn)
        await browser.post("/verify")
        assert browser.path == "/verify/problem"
        # Random for every job and session; nothing else differs.
        reference = re.search(r'class="code">([0-9a-f-]{13})<', browser.page.text)[1]
        pages.append(browser.page.text.replace(browser.csrf, "").replace(reference, ""))
    assert len(set(pages)) == 1


async def test_phone_outcomes(sync_site):
    """Failure, time-out, exception; a number that failed is warned of, and not filled in."""
    browser = await reach_verify(sync_site)
    await browser.post("/verify")
    await browser.post("/phone", phone="12")
    assert browser.page.status_code == 400
    assert 'value="12"' in browser.page.text
    for phone, text in (
        ("7035555555", "couldn’t match this number"),
        ("7035555888", "took too long"),
        ("7035555999", "went wrong on our end"),
    ):
        await browser.get("/phone")
        await browser.post("/phone", phone=phone)
        assert browser.path == "/phone/problem"
        assert text in browser.page.text
    await browser.get("/phone")
    # The form holds the number that got no answer; the one that failed is named.
    assert 'value="7035555999"' in browser.page.text
    assert "(703) 555-5555</bdi></li>" in browser.page.text
    await browser.post("/phone", phone="(703) 555-5555")
    assert "already tried this number" in browser.page.text
    await browser.post("/phone", phone="703-555-5555", again="7035555555")
    assert browser.path == "/phone/problem"
    await browser.get("/phone")
    await browser.post("/phone", phone="202-555-0123")
    assert browser.path == "/done"


async def test_editing_clears_later_steps(sync_site):
    """A new SSN or address after the check opens the check again; the same answer does not."""
    browser = await reach_verify(sync_site)
    await browser.post("/verify")
    assert browser.path == "/phone"
    await browser.get("/ssn")
    await browser.post("/ssn", ssn="900-66-1234")
    assert browser.path == "/phone"
    await browser.get("/ssn")
    await browser.post("/ssn", ssn="900-66-1235")
    assert browser.path == "/verify"
    await browser.post("/verify")
    assert browser.path == "/phone"
    await browser.get("/address")
    await browser.post("/address", address1="2 FAKE RD", city="X", state="MT", zipcode="59010")
    assert browser.path == "/verify"
    assert "2 FAKE RD" in browser.page.text
    await browser.get("/phone")
    assert browser.path == "/verify"


async def test_back_and_submit_again_is_harmless(sync_site):
    """The summary, sent again after its success, calls nobody and continues."""
    browser = await reach_verify(sync_site)
    await browser.post("/verify")
    await browser.get("/verify")
    assert browser.path == "/verify"
    before = await sync_site.service.limit((await session_of(browser)).person, "idv_resolution")
    await browser.post("/verify")
    assert browser.path == "/phone"
    after = await sync_site.service.limit((await session_of(browser)).person, "idv_resolution")
    assert before.remaining == after.remaining


async def session_of(browser):
    """Return the browser's session as the server sees it."""
    return await browser.site.app.state.site.sessions.open(browser.http.cookies["proofing"])


async def test_double_submit_is_one_attempt(site):
    """Two clicks, or two tabs, submit one job and wait for the same one."""
    browser = await reach_verify_async(site)
    await asyncio.gather(
        *[
            browser.http.post("/verify", data={"csrf_token": browser.csrf}, headers=SAME_ORIGIN)
            for _ in range(5)
        ]
    )
    assert len(site.queue.waiting) == 1
    await browser.get("/verify")
    assert browser.path == "/verify/wait"
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


SAME_ORIGIN = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}


async def reach_verify_async(site):
    """Return a browser at the summary: the images' job is put in by the service, as the script would."""
    browser = site.browser()
    await browser.consent()
    session = await session_of(browser)
    await session.update(put(document=DOCUMENT, completed=frozenset({JobKind.DOCUMENT})))
    await browser.get("/ssn")
    await browser.post("/ssn", ssn="900-66-1234")
    assert browser.path == "/verify"
    return browser


async def test_waiting_page(site):
    """The page says that it waits, refreshes itself without script, and continues when the job has ended."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    assert browser.path == "/verify/wait"
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in browser.page.text
    assert "Check again" in browser.page.text
    assert "If you stop now, this counts as an attempt" in browser.page.text
    for path in ("/verify", "/ssn", "/document", "/phone", "/verify/wait"):
        await browser.get(path)
        assert browser.path == "/verify/wait"
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_cancel(site):
    """Canceling stops the job and leads back to the form, where every answer is kept."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    await browser.post("/verify/cancel")
    assert browser.path == "/verify"
    assert not site.queue.waiting
    await browser.post("/verify")
    assert browser.path == "/verify/wait"
    assert len(site.queue.waiting) == 1


async def test_the_end_that_a_stop_brings_about_is_not_shown_as_a_problem(site, monkeypatch):
    """The page's own event stream may take in the canceled job before the form is answered."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    cancel = site.service.cancel

    async def cancel_and_look(*args, **named):
        await cancel(*args, **named)
        answer = await browser.http.get("/verify/wait")
        assert answer.headers["location"] == "/verify/problem"

    monkeypatch.setattr(site.service, "cancel", cancel_and_look)
    await browser.post("/verify/cancel")
    assert browser.path == "/verify"


async def test_late_result_is_adopted(site, monkeypatch):
    """The page gives up with its own screen and keeps following; a result that comes then still counts."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    with monkeypatch.context() as patch:
        patch.setattr(site.runtime.backends.results, "_clock", lambda: time.time() + 61)
        await browser.get("/verify/wait")
    assert "This is taking longer than usual" in browser.page.text
    assert 'data-stage="late"' in browser.page.text
    assert "count as an attempt, and what you entered is kept" in browser.page.text
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_a_vendor_that_answers_later(start, monkeypatch):
    """Within the promised time the page waits; then it asks for more, and offers no second check."""
    async with start(resolution_vendor="mock:polling", mock__polling_seconds="0") as site:
        browser = await reach_verify_async(site)
        await browser.post("/verify")
        await site.queue.release()
        await browser.get("/verify/wait")
        assert 'data-stage="in_progress"' in browser.page.text
        with monkeypatch.context() as patch:
            patch.setattr(site.runtime.backends.results, "_clock", lambda: time.time() + 61)
            await browser.get("/verify/wait")
            assert 'data-stage="pending"' in browser.page.text
            result_id = site.queue.waiting[0].result_id
            answer = await browser.http.get(f"/api/jobs/{result_id}")
            assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        assert browser.open_parts == {"wait", "pending", "stop"}
        assert 'id="stop-counted" hidden' in browser.page.text
        assert "This check needs more time" in browser.page.text
        await site.queue.release()
        await browser.get("/verify/wait")
        assert browser.path == "/phone"


async def test_a_pending_check_is_stopped(start, monkeypatch):
    """The attempt is refunded, no wait counts as abandoned, and the parked job ends without a call."""
    async with start(resolution_vendor="mock:polling") as site:
        browser = await reach_verify_async(site)
        await browser.post("/verify")
        await site.queue.release()
        with monkeypatch.context() as patch:
            patch.setattr(site.runtime.backends.results, "_clock", lambda: time.time() + 61)
            await browser.get("/verify/wait")
            assert "It doesn’t count as an attempt" in browser.page.text
            await browser.post("/verify/cancel")
            assert browser.path == "/verify"
            session = await session_of(browser)
            limit = await site.service.limit(session.person, "idv_resolution")
            assert limit.remaining == limit.maximum
        assert site.queue.waiting == []


async def test_lost_record_is_missing(site, monkeypatch):
    """A job whose record is gone is reported as such, and can be tried again; nothing is completed.

    Not in its first seconds: the session knows of a job that is still being submitted.
    """
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    result_id = site.queue.waiting[0].result_id
    results = site.runtime.backends.results
    await results.erase(result_id)
    await browser.get("/verify/wait")
    assert 'data-stage="in_progress"' in browser.page.text
    monkeypatch.setattr(results, "_clock", lambda: time.time() + 11)
    await browser.get("/verify/wait")
    assert 'data-stage="missing"' in browser.page.text
    assert "find this check anymore" in browser.page.text
    assert "longer than usual" not in browser.page.text
    assert "Check again" not in browser.page.text
    await browser.post("/verify/cancel")
    assert browser.path == "/verify"


@pytest.mark.parametrize("end", [end for end in EndState if end is not EndState.DONE])
async def test_every_end_has_its_own_screen_and_no_time_out(site, end):
    """A job that ends without an answer leads to a screen at once, with a retry, and completes nothing."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    await site.runtime.runner.discard(site.queue.waiting[0], end)
    await browser.get("/verify/wait")
    assert browser.path == "/verify/problem"
    assert "longer than usual" not in browser.page.text
    assert 'href="/verify"' in browser.page.text
    await browser.get("/phone")
    assert browser.path == "/verify"


async def test_forged_record_does_not_advance(site, monkeypatch):
    """A writer of the store cannot turn a no into a yes: the MAC decides."""
    browser = await reach_verify_async(site)
    await browser.post("/verify")
    message = site.queue.waiting[0]
    forged = StatusRecord(
        result_id=message.result_id, kind=JobKind.RESOLUTION, owner=message.owner, submitted_at=1.0
    ).finished(EndState.DONE, at=2.0, outcome=Outcome.PASSED)
    results = site.runtime.backends.results
    await results.finish(forged, ttl_seconds=60)
    monkeypatch.setattr(results, "_clock", lambda: time.time() + 11)
    await browser.get("/verify/wait")
    assert browser.path == "/verify/wait"
    assert 'data-stage="missing"' in browser.page.text
    await browser.get("/phone")
    assert browser.path == "/verify/wait"


async def test_foreign_and_other_step_results_do_not_advance(site):
    """A success of another person, or of another step, put into the session's pointer completes nothing."""
    other = await reach_verify_async(site)
    await other.post("/verify")
    await site.queue.release()
    foreign = (await session_of(other)).data.pending.result_id
    browser = await reach_verify_async(site)
    session = await session_of(browser)
    long_ago = site.service.now() - 11
    await session.update(lambda data: flow.submitted(data, JobKind.RESOLUTION, foreign, at=long_ago))
    await browser.get("/verify/wait")
    assert 'data-stage="missing"' in browser.page.text
    await other.get("/verify/wait")
    assert other.path == "/phone"
    own_session = await session_of(other)
    await own_session.update(lambda data: flow.submitted(data, JobKind.PHONE, foreign, at=long_ago))
    await other.get("/phone/wait")
    assert 'data-stage="missing"' in other.page.text


async def test_broken_queue_loses_nothing(site):
    """A job that cannot be submitted leaves the form as it was, with a sentence; trying again works."""
    browser = await reach_verify_async(site)
    site.queue.broken = True
    await browser.post("/verify")
    assert browser.page.status_code == 503
    assert "Nothing you entered is lost" in browser.page.text
    site.queue.broken = False
    await browser.post("/verify")
    assert browser.path == "/verify/wait"


async def test_broken_store_is_reported(site, monkeypatch):
    """Without the store there is no page but the one that says so, with 503."""
    browser = await reach_verify_async(site)

    async def away(*_args, **_named):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(site.service.sessions, "load", away)
    await browser.get("/verify")
    assert browser.page.status_code == 503
    assert "went wrong on our end" in browser.page.text


async def test_switched_off(tmp_path, site):
    """With the flow switched off every page of it says so, also on re-entry; the process stays alive."""
    browser = await reach_verify_async(site)
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update={"idv_available": False})
    for path in ("/", "/consent", "/document", "/verify", "/verify/wait", "/phone"):
        await browser.get(path)
        assert browser.page.status_code == 503, path
        assert "isn’t available" in browser.page.text
    assert (await browser.http.get("/healthz")).status_code == 200


async def test_switched_off_shows_the_ways_out(start):
    """The status link when there is one, and leaving when there is something to leave."""
    link = "https://status.agency.example/idv"
    for status, session in (("", False), ("", True), (link, False), (link, True)):
        async with start(**SYNC, **({"status_url": status} if status else {})) as site:
            browser = site.browser()
            if session:
                await browser.consent()
            live = site.runtime.configuration.live
            live.current = live.current.model_copy(update={"idv_available": False})
            await browser.get("/document")
            assert browser.page.status_code == 503
            assert (f'href="{link}"' in browser.page.text) is bool(status)
            assert ('action="/exit"' in browser.page.text) is session
            if session:
                await browser.post("/exit")
                assert browser.path == "/exited"


async def test_a_vendor_outage_shows_the_way_out(site):
    """The page that found the vendor out knows the session; so does a form that was on its way."""
    browser = await reach_verify_async(site)
    token = browser.csrf
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update={"vendor_status": {"mock": VendorStatus.FULL_OUTAGE}})
    await browser.get("/verify")
    assert browser.page.status_code == 503
    assert browser.csrf == token
    await browser.post("/verify")
    assert browser.page.status_code == 503
    assert browser.csrf == token


async def test_switched_off_with_the_store_away(site, monkeypatch):
    """A store that is down, or slow, takes the button off the page, not the page."""
    browser = await reach_verify_async(site)
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update={"idv_available": False})

    async def away(*_args):
        raise StoreUnavailableError("away")

    async def slow(*_args):
        await asyncio.Event().wait()

    monkeypatch.setattr("proofing_server.app._SESSION_SECONDS", 0.01)
    for trouble in (away, slow):
        monkeypatch.setattr(site.service.sessions, "load", trouble)
        await browser.get("/verify")
        assert browser.page.status_code == 503
        assert "isn’t available" in browser.page.text
        assert 'action="/exit"' not in browser.page.text


async def test_leaving(site):
    """Leaving cancels the job, forgets the answers and keeps the person."""
    browser = await reach_verify_async(site)
    person = (await session_of(browser)).person
    await browser.post("/verify")
    old = browser.http.cookies["proofing"]
    await browser.post("/exit")
    assert browser.path == "/exited"
    assert not site.queue.waiting
    assert await site.service.sessions.load(old) is None
    session = await session_of(browser)
    assert session.person == person
    assert not session.data.has_personal_data
    assert session.data.pending is None


@pytest.mark.parametrize(
    ("phone", "path", "asked"),
    [("202-555-0123", "/done", 1), ("703-555-5555", "/phone", 1), ("703-555-5999", "/phone", 1)],
)
async def test_a_phone_that_was_checked_with_the_rest_is_not_asked_again(
    start, monkeypatch, phone, path, asked
):
    """A yes of the pre-check completes the phone step; a no is not paid for twice; silence is neither."""
    calls = []
    proof = PhoneMock.proof

    async def watch(self, request, context):
        calls.append(request.applicant.phone)
        return await proof(self, request, context)

    monkeypatch.setattr(PhoneMock, "proof", watch)
    async with start(**SYNC, phone_precheck_enabled="true") as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", both(f"document: {{phone: '{phone}'}}\n".encode()))
        await browser.post("/ssn", ssn="900661234")
        await browser.post("/verify")
        assert browser.path == path
        assert len(calls) == asked
        if phone == "703-555-5555":
            assert "(703) 555-5555" in browser.page.text
            await browser.post("/phone", phone=phone)
            assert "already tried this number" in browser.page.text
            assert len(calls) == 1
            await browser.post("/phone", phone="202-555-0123")
            assert browser.path == "/done"


async def test_without_the_precheck_a_phone_of_the_document_changes_nothing(sync_site):
    """The step is asked as ever."""
    browser = sync_site.browser()
    await browser.consent()
    await browser.post_files("/document", both(b"document: {phone: 202-555-0123}\n"))
    await browser.post("/ssn", ssn="900661234")
    await browser.post("/verify")
    assert browser.path == "/phone"
