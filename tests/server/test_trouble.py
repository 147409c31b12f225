"""Each error is reported at its field, and nothing is lost."""

import asyncio

import pytest

from proofing.base.errors import QueueUnavailableError, StoreUnavailableError
from proofing.contracts.people import FinishedJob
from proofing.contracts.records import EndState, JobKind, State, StatusRecord
from proofing.contracts.results import Outcome
from proofing.settings.vendor_values import VendorStatus
from proofing.testing.images import make_jpeg, make_png
from proofing_devtools.sessions import put, waits_for

FILES = {"front": ("a.jpg", make_jpeg()), "back": ("a.png", make_png())}
SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}


async def away(*_args, **_named):
    """Do as a store that does not answer."""
    raise StoreUnavailableError("away")


async def reach(browser, page):
    """Bring a browser to *page*."""
    await browser.consent()
    if page == "/document":
        return
    await browser.post_files("/document", FILES)
    if page == "/ssn":
        return
    await browser.post("/ssn", ssn="900661234")
    if page == "/phone":
        await browser.post("/verify")
    assert browser.path == page


async def test_wrong_ssn(sync_site):
    """A wrong number is reported at its field and not sent back; a missing one is reported too."""
    browser = sync_site.browser()
    await reach(browser, "/ssn")
    for ssn, text in (("900", "with 9 digits"), ("", "Enter your Social Security number")):
        await browser.post("/ssn", ssn=ssn)
        assert browser.page.status_code == 400
        assert text in browser.page.text
        assert 'value="900"' not in browser.page.text
        assert 'aria-invalid="true"' in browser.page.text
        assert browser.page.text.index("error-summary") < browser.page.text.index("<h1")


async def test_known_ssn_is_shown_masked_only(sync_site):
    """Going back to the number shows its ends, and lets the person keep it."""
    browser = sync_site.browser()
    await reach(browser, "/verify")
    await browser.get("/ssn")
    assert "9**-**-***4" in browser.page.text
    assert "900661234" not in browser.page.text
    assert 'href="/verify"' in browser.page.text


async def test_wrong_address(sync_site):
    """Wrong fields keep what was typed."""
    browser = sync_site.browser()
    await reach(browser, "/verify")
    await browser.get("/address")
    assert 'value="1 FAKE RD"' in browser.page.text
    assert '<option value="MT" selected>Montana</option>' in browser.page.text
    await browser.post("/address", address1="<b>7</b>", city="", state="MT", zipcode="x")
    assert browser.page.status_code == 400
    assert 'value="&lt;b&gt;7&lt;/b&gt;"' in browser.page.text
    assert "Enter your city" in browser.page.text
    assert "<title>Error: Your home address" in browser.page.text
    await browser.get("/verify")
    assert "1 FAKE RD" in browser.page.text


async def test_an_address_in_puerto_rico_is_confirmed_as_it_is(sync_site):
    """The form says why it is there; unchanged it is an answer, too."""
    browser = sync_site.browser()
    await browser.consent()
    form = b"document: {address1: 1 FAKE RD, address2: URB FAKE, city: SAN JUAN, state: PR, zipcode: '00901'}"
    await browser.post_files("/document", {"front": ("a.yml", form), "back": ("b.yml", form)})
    await browser.post("/ssn", ssn="900661234")
    assert browser.path == "/address"
    assert "with your urbanization" in browser.page.text
    assert 'href="/verify"' not in browser.page.text
    await browser.post(
        "/address", address1="1 FAKE RD", address2="URB FAKE", city="SAN JUAN", state="PR", zipcode="00901"
    )
    assert browser.path == "/verify"
    await browser.get("/address")
    assert "with your urbanization" not in browser.page.text


async def test_ssn_limit(start):
    """A number that was tried too often by anybody is refused for a while, at its page and at the summary."""
    async with start(**SYNC, proof_ssn_max_attempts="1") as site:
        first, second, third = site.browser(), site.browser(), site.browser()
        await reach(third, "/verify")
        await reach(first, "/phone")
        await reach(second, "/ssn")
        await second.post("/ssn", ssn="900-66-1234")
        assert second.path == "/limit/proof_ssn"
        assert second.page.status_code == 429
        assert "in 1 hour" in second.page.text
        await third.get("/verify")
        assert third.path == "/limit/proof_ssn"
        # Another number is another matter, and the page leads to it.
        assert 'href="/ssn"' in second.page.text
        await second.get("/ssn")
        await second.post("/ssn", ssn="900-66-1299")
        assert second.path == "/verify"


async def test_limit_that_is_reached_in_between(start):
    """The submission itself finds the limit, too."""
    async with start(**SYNC, proof_ssn_max_attempts="1") as site:
        first, second = site.browser(), site.browser()
        await reach(second, "/verify")
        token = second.csrf
        await reach(first, "/phone")
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        response = await second.http.post("/verify", data={"csrf_token": token}, headers=headers)
        assert response.headers["location"] == "/limit/proof_ssn"


@pytest.mark.parametrize(
    ("page", "method", "field"),
    [
        ("/document", "submit_images", None),
        ("/verify", "submit_applicant", None),
        ("/phone", "submit_applicant", "phone"),
    ],
)
async def test_store_away_at_submit(sync_site, monkeypatch, page, method, field):
    """The form comes back with 503, what was typed in it, and a sentence; sending it again works."""
    browser = sync_site.browser()
    await reach(browser, page)
    with monkeypatch.context() as patch:
        patch.setattr(sync_site.service, method, away)
        if page == "/document":
            await browser.post_files(page, FILES)
        else:
            await browser.post(page, **({field: "202-555-0123"} if field else {}))
    assert browser.page.status_code == 503
    if page == "/document":
        # A browser does not fill file fields in again: the page must not say that nothing is lost.
        assert "we didn’t get your photos" in browser.page.text
        assert "choose them again" in browser.page.text
    else:
        assert "Nothing you entered is lost" in browser.page.text
    if field:
        assert 'value="202-555-0123"' in browser.page.text
        await browser.post(page, phone="202-555-0123")
        assert browser.path == "/done"


async def test_expired_document_result(sync_site, monkeypatch):
    """A success whose personal data is gone is reported as such, and completes nothing."""
    browser = sync_site.browser()
    await browser.consent()
    real = sync_site.service.submit_images

    async def submit(*args, **named):
        result_id = await real(*args, **named)
        await sync_site.runtime.backends.results.drop_result(result_id)
        return result_id

    monkeypatch.setattr(sync_site.service, "submit_images", submit)
    await browser.post_files("/document", FILES)
    assert browser.path == "/document/problem"
    assert "deleted for your security" in browser.page.text
    await browser.get("/ssn")
    assert browser.path == "/document"


async def test_a_page_is_answered_in_time_and_loses_nothing(start, monkeypatch):
    """A store that is slow, not away: an apology, and what the page read once is kept anyway."""
    async with start(doc_auth_enable_presigned_s3_urls="false") as site:
        browser = site.browser()
        await reach(browser, "/verify")
        await browser.post("/verify")
        await site.queue.release()
        save, goes_on, kept = site.service.sessions.update, asyncio.Event(), asyncio.Event()

        async def slow(session_id, data, **more):
            await goes_on.wait()
            saved = await save(session_id, data, **more)
            kept.set()
            return saved

        with monkeypatch.context() as trouble:
            trouble.setattr(site.service.sessions, "update", slow)
            trouble.setattr("proofing_server.app._PAGE_SECONDS", 0.05)
            page = await browser.get("/verify/wait")
            assert page.status_code == 503
            assert "Retry-After" in page.headers
            goes_on.set()
            await kept.wait()
        await browser.get("/verify/wait")
        assert browser.path == "/phone"


async def waiting_browser(site, *, at=0.0):
    """Return a browser whose job "x" was submitted *at* a time."""
    browser = site.browser()
    await browser.consent()
    sessions = site.app.state.site.sessions
    session = await sessions.open(browser.http.cookies["proofing"])
    await session.update(put(**waits_for(JobKind.DOCUMENT, "x", at=at)))
    return browser


@pytest.mark.parametrize("error", [StoreUnavailableError, QueueUnavailableError])
async def test_trouble_while_following(site, monkeypatch, error):
    """A store or queue that does not answer ends the stream with a word, and the poll with 503."""
    browser = await waiting_browser(site)

    async def away(*_args, **_named):
        raise error("away")

    monkeypatch.setattr(site.service, "status", away)
    monkeypatch.setattr(site.service, "status_and_result", away)
    stream = await browser.http.get("/api/jobs/x/events")
    assert "event: trouble" in stream.text
    poll = await browser.http.get("/api/jobs/x")
    assert (poll.status_code, poll.json()) == (503, {"code": "technical"})
    page = await browser.get("/document/wait")
    assert page.status_code == 503


async def test_another_tab_leaves_while_following(site, monkeypatch):
    """The stream of a session that has ended meanwhile ends, and the next one is refused."""
    browser = await waiting_browser(site)
    sessions = site.app.state.site.sessions
    record = StatusRecord(
        result_id="x",
        kind=JobKind.DOCUMENT,
        owner="",
        submitted_at=0.0,
        state=State.DONE,
        end_state=EndState.DONE,
        outcome=Outcome.FAILED,
    )

    async def leave(*_args, **_named):
        await sessions.end(await sessions.open(browser.http.cookies["proofing"]))
        return record

    async def finished(*_args, **_named):
        return FinishedJob(record=record, result=None)

    monkeypatch.setattr(site.service, "status", leave)
    monkeypatch.setattr(site.service, "finished_job", finished)
    stream = await browser.http.get("/api/jobs/x/events")
    assert stream.text == "retry: 3000\n\n"
    assert (await browser.http.get("/api/jobs/x/events")).status_code == 401


async def test_the_waited_time_is_by_the_clock_of_the_store(site, monkeypatch):
    """Not by that of the web host, which may be another one than it was at the submit."""
    now = site.service.now()
    monkeypatch.setattr(site.runtime.backends.results, "_clock", lambda: now + 7)
    browser = await waiting_browser(site, at=now)
    await browser.get("/document/wait")
    assert 'data-waited-seconds="7"' in browser.page.text


async def test_vendor_outage_closes_the_flow(sync_site):
    """With a needed vendor out, the flow says that it is not available, on re-entry too."""
    browser = sync_site.browser()
    await browser.consent()
    token = browser.csrf
    live = sync_site.runtime.configuration.live
    live.current = live.current.model_copy(update={"vendor_status": {"mock": VendorStatus.FULL_OUTAGE}})
    await browser.get("/document")
    assert browser.page.status_code == 503
    assert "isn’t available" in browser.page.text
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token}
    call = await browser.http.post("/api/uploads", json={}, headers=headers)
    assert (call.status_code, call.json()) == (503, {"code": "unavailable"})


async def test_names_of_every_kind_are_shown_as_text(sync_site):
    """What a document says is text, never markup."""
    browser = sync_site.browser()
    await browser.consent()
    content = "document: {first_name: '<script>alert(1)</script>', last_name: \"O'Neil & Søn\"}\n"
    await browser.post_files("/document", {side: ("a.yaml", f"{content}# {side}".encode()) for side in FILES})
    await browser.post("/ssn", ssn="900661234")
    assert "<script>alert" not in browser.page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.page.text
    assert "Søn" in browser.page.text


@pytest.mark.parametrize("city", [r"Great\u202eFalls", r"Great\0Falls", r"Great\ud83dFalls"])
async def test_unsafe_text_of_a_document_is_refused(sync_site, city):
    """It never gets as far as a page: no page of the session fails because of it."""
    browser = sync_site.browser()
    await browser.consent()
    content = f'document: {{city: "{city}"}}\n'
    await browser.post_files("/document", {side: ("a.yaml", f"{content}# {side}".encode()) for side in FILES})
    assert browser.path == "/document/problem"
    assert "read some of the text on your ID" in browser.page.text
    await browser.get("/verify")
    assert browser.path == "/document"


@pytest.mark.parametrize("name", ["first_name", "last_name"])
async def test_people_with_one_name_are_verified(sync_site, name):
    """A document, a barcode that is confirmed, a summary, and all vendors do with one name."""
    browser = sync_site.browser()
    await browser.consent()
    content = f"document: {{{name}: null}}\nfailed_alerts: [{{name: 2D Barcode Read, result: Attention}}]\n"
    await browser.post_files("/document", {side: ("a.yaml", f"{content}# {side}".encode()) for side in FILES})
    assert browser.path == "/document/confirm"
    assert "None" not in browser.page.text
    await browser.post("/document/confirm", answer="yes")
    await browser.post("/ssn", ssn="900661234")
    assert browser.path == "/verify"
    assert "None" not in browser.page.text
    await browser.post("/verify")
    await browser.post("/phone", phone="\u202d+1 (202) 555\u20110143\u202c")
    assert browser.path == "/done"
