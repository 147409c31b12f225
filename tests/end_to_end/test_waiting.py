"""The waiting page: stream or polling, reloads, tabs, lost connections and late answers."""

import re

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def held(proofing):
    """An installation whose document vendor answers when the test says so."""
    with proofing.holding():
        yield proofing


async def wait_for_document(person, installation):
    """Bring a person to the waiting page of the document."""
    await person.consent(installation.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("We’re checking your ID")


async def test_page_continues_by_itself(held, person):
    """The heading has the focus, the state is announced, and the next page comes without a reload."""
    loads = []
    person.page.on(
        "request", lambda request: loads.append(request.url) if request.is_navigation_request() else 0
    )
    await wait_for_document(person, held)
    await expect(person.page.locator("#waiting h1")).to_be_focused()
    status = person.page.locator("#wait-status")
    await expect(status).to_have_attribute("aria-live", "polite")
    await expect(status).to_have_text("Still checking.")
    held.answer()
    await person.heading("Enter your Social Security number")
    # The end of the job leads to the next page by itself.
    assert len([url for url in loads if url.endswith("/document/wait")]) == 1


async def test_polling_where_streams_do_not_get_through(held, person):
    """Without the event stream the page polls, and continues anyway."""
    polls = []
    await person.page.route("**/events", lambda route: route.abort())
    person.page.on("request", lambda request: polls.append(request.url) if "/api/jobs/" in request.url else 0)
    await wait_for_document(person, held)
    held.answer()
    await person.heading("Enter your Social Security number")
    assert any(not url.endswith("/events") for url in polls)


async def test_reload_second_tab_and_back(held, person, meet):
    """Reloading, another tab, and going back find the same job; the session moves on once."""
    await wait_for_document(person, held)
    await person.page.reload()
    await person.heading("We’re checking your ID")
    tab = meet(await person.page.context.new_page())
    await tab.page.goto(f"{held.url}/document")
    await tab.heading("We’re checking your ID")
    held.answer()
    await person.heading("Enter your Social Security number")
    await tab.heading("Enter your Social Security number")
    await person.page.go_back()
    await expect(person.page.locator("h1:visible")).to_have_text(
        re.compile("Enter your Social Security number|Add photos of your ID")
    )
    await tab.page.reload()
    await tab.heading("Enter your Social Security number")


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "polling"])
async def test_connection_lost_and_found(unattended, person, streams):
    """Offline is announced, and so is the connection that is back, although the check has not ended."""
    if not streams:
        await person.page.route("**/events", lambda route: route.abort())
    await wait_for_document(person, unattended)
    status = person.page.locator("#wait-status")
    await expect(status).to_have_text("Still checking.")
    for _ in range(2):
        await person.page.context.set_offline(True)
        await expect(status).to_have_text(re.compile("You’re offline"))
        await person.page.context.set_offline(False)
        await expect(status).to_have_text("Connected again. Still checking.")


#: Notes every text that a screen reader announces.
LISTEN = """() => {
    const status = document.getElementById("wait-status");
    window.announced = [status.textContent];
    new MutationObserver(() => announced.push(status.textContent)).observe(status, {childList: true});
}"""


async def test_announcements(unattended, person):
    """News at about 15 and 30 seconds, three announcements altogether, none of them twice."""
    await person.page.clock.install()
    await wait_for_document(person, unattended)
    status = person.page.locator("#wait-status")
    await expect(status).to_have_text("Still checking.")
    await person.page.evaluate(LISTEN)
    for after in ("00:16", "00:15"):
        before = await status.text_content()
        await person.later(after)
        await expect(status).not_to_have_text(before)
    await person.later("00:59")
    announced = await person.page.evaluate("announced")
    assert len(announced) == len(set(announced)) == 3
    assert all(text.startswith("Still checking.") for text in announced)
    # A page that is loaded again does not begin again from the start.
    await person.page.reload()
    waited = int(await person.page.locator("#wait").get_attribute("data-waited-seconds"))
    assert 0 <= waited < 60


async def test_one_stream_for_all_tabs(unattended, person):
    """More tabs than a browser opens connections wait at the same time, and other pages load meanwhile."""
    context = person.page.context
    streams = []
    context.on("request", lambda request: streams.append(request) if request.url.endswith("/events") else 0)
    await wait_for_document(person, unattended)
    tabs = [person.page]
    for _ in range(8):
        tab = await context.new_page()
        await tab.goto(f"{unattended.url}/document/wait")
        await expect(tab.locator("#wait-status")).to_have_text("Still checking.")
        tabs.append(tab)
    assert len(streams) == 1
    # The tab that reads the stream goes away, and another one takes over.
    async with context.expect_event("request", lambda request: request.url.endswith("/events")):
        await tabs.pop(0).close()
    other = await context.new_page()
    await other.goto(unattended.url)
    await (
        other.get_by_role("link", name="Continue where you stopped").or_(other.locator("h1")).first.wait_for()
    )
    await tabs[0].get_by_text("Stop and go back").click()
    await tabs[0].get_by_role("button", name="Stop this check").click()
    await expect(tabs[0].locator("h1")).to_have_text("Add photos of your ID")


async def test_server_trouble_is_shown(held, person):
    """An answer of 500 or more while waiting is announced, and does not end the waiting."""
    await person.page.route("**/events", lambda route: route.abort())
    await person.page.route(
        re.compile("/api/jobs/[^/]+$"), lambda route: route.fulfill(status=503, json={"code": "technical"})
    )
    await wait_for_document(person, held)
    await expect(person.page.locator("#wait-status")).to_contain_text("can’t reach the server")
    await person.page.unroute(re.compile("/api/jobs/[^/]+$"))
    held.answer()
    await person.heading("Enter your Social Security number")


async def test_cancel(unattended, held, person):
    """Stopping asks first, then leads back to the form; the next try is a new job."""
    await wait_for_document(person, unattended)
    stop = person.page.get_by_role("button", name="Stop this check")
    await expect(stop).to_be_hidden()
    await expect(person.page.get_by_role("button", name="Try again")).to_be_hidden()
    await person.page.get_by_text("Stop and go back").press("Enter")
    await expect(person.page.get_by_text("Do you want to stop this check?")).to_be_visible()
    await person.heading("We’re checking your ID")
    await stop.click()
    await person.heading("Add photos of your ID")
    await wait_for_document(person, held)
    await person.page.get_by_text("Stop and go back").click()
    await stop.click()
    await person.heading("Add photos of your ID")
    await person.give_photos()
    await person.submit_photos()
    await person.heading("We’re checking your ID")
    held.answer()
    await person.heading("Enter your Social Security number")


async def test_double_click_is_one_attempt(held, person):
    """Two clicks on the button submit one job; the button says that it is busy."""
    submissions = []
    person.page.on(
        "request", lambda request: submissions.append(1) if request.url.endswith("/api/document") else 0
    )
    await person.consent(held.url)
    await person.give_photos()
    await person.page.get_by_role("button", name="Submit photos").dblclick()
    await person.heading("We’re checking your ID")
    assert len(submissions) == 1
    held.answer()
    await person.heading("Enter your Social Security number")


async def test_late_answer_is_adopted(install, person):
    """With no worker the page gives up with its own screen, keeps following, and takes what comes late."""
    installation = install(async_wait_timeout_seconds=3, job_deadline_seconds=2)
    installation.run("migrate")
    installation.start_web()
    await wait_for_document(person, installation)
    await person.heading("This is taking longer than usual")
    await expect(person.page.locator("#late h1")).to_be_focused()
    await expect(person.page.get_by_role("button", name="Try again")).to_be_visible()
    await expect(person.page.get_by_text("Stop and go back")).to_be_hidden()
    await expect(person.page.get_by_text("need to add your photos again")).to_be_visible()
    await person.page.reload()
    await person.heading("This is taking longer than usual")
    installation.start("worker")
    await person.heading("Enter your Social Security number")


async def test_failure_has_its_own_screen(proofing, person):
    """A failure is a failure at once, with what was found, attempts left and a retry; never a time-out."""
    await person.consent(proofing.url)
    await person.give_form("doc_auth_result: Failed\ntransaction_status: failed\nhttp_status: {front: 438}")
    await person.submit_photos()
    await person.heading("We couldn’t accept your photos")
    await expect(person.page.get_by_role("alert")).to_be_visible()
    await expect(person.page.get_by_text("We couldn’t open this photo")).to_be_visible()
    await expect(person.page.get_by_text("You have 4 attempts left")).to_be_visible()


async def test_vendor_exception_has_its_own_screen(proofing, person):
    """A vendor that cannot answer is a technical problem, not a time-out and not a failure."""
    await person.consent(proofing.url)
    await person.give_form("http_status: {result: 500}")
    await person.submit_photos()
    await person.heading("Something went wrong on our end")
    await person.page.get_by_role("link", name="Try again").click()
    await person.heading("Add photos of your ID")


async def insist_on_a_wrong_phone(person, *, is_first):
    """Send a number whose answer is no; from the second time on the page asks before it is tried again."""
    await person.give_phone("703-555-5555")
    if not is_first:
        await expect(person.page.locator("#error-summary")).to_be_visible()
        await person.give_phone("703-555-5555")


async def test_last_attempt_and_limit(proofing, person):
    """Silence costs nothing; after four times no, a fifth number that is right still passes."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    await person.give_phone("703-555-5888")
    await expect(person.page.get_by_text("You have 5 attempts left")).to_be_visible()
    await person.page.get_by_role("link", name="Try again").click()
    for left in (4, 3, 2, 1):
        await insist_on_a_wrong_phone(person, is_first=left == 4)
        await expect(person.page.get_by_text(f"You have {left} attempt")).to_be_visible()
        await person.page.get_by_role("link", name="Try another number").click()
    await person.give_phone()
    await person.heading("You’re verified")


async def test_limit_screen(proofing, person):
    """After the last failure every way leads to the limit's screen, with the time left in words."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    for count in range(4):
        await insist_on_a_wrong_phone(person, is_first=count == 0)
        await person.page.get_by_role("link", name="Try another number").click()
    await insist_on_a_wrong_phone(person, is_first=False)
    await person.heading("You’ve used all your attempts for phone numbers")
    await expect(person.page.get_by_text("You can try again in 6 hours")).to_be_visible()
    await person.page.goto(f"{proofing.url}/phone")
    await person.heading("You’ve used all your attempts for phone numbers")


async def test_session_warning(proofing, person):
    """Two minutes before the session ends the page asks; after the end it shows nothing of the person."""
    left = {"idle_seconds": 119}

    async def answer(route):
        if route.request.method == "POST":
            await route.continue_()
        elif left:
            await route.fulfill(json=left)
        else:
            await route.fulfill(status=401, json={"code": "no_session"})

    await person.page.route("**/api/session", answer)
    await person.page.clock.install()
    await person.consent(proofing.url)
    warning = person.page.get_by_role("dialog", name="Are you still there?")
    await expect(warning).to_be_hidden()
    await person.page.get_by_text("Cancel and exit", exact=True).focus()
    await person.later("13:01")
    await expect(warning).to_be_visible()
    await expect(warning).to_contain_text("ends in 1 minute")
    await expect(person.page.get_by_role("button", name="Yes, continue")).to_be_focused()
    # The time that is left comes from the server, again and again.
    left["idle_seconds"] = 65
    await person.later("00:16")
    await expect(warning).to_contain_text(re.compile(r"ends in 1 minute, [0-5] seconds?"))
    left["idle_seconds"] = 30
    await person.later("00:16")
    await expect(warning).to_contain_text(re.compile(r"ends in (30|2\d) seconds"))
    await person.page.get_by_role("button", name="Yes, continue").click()
    await expect(warning).to_be_hidden()
    await expect(person.page.get_by_text("Cancel and exit", exact=True)).to_be_focused()
    left.clear()
    await person.later("16:00")
    await person.heading("Your session has ended")


async def test_a_session_kept_alive_elsewhere_is_not_left(proofing, person):
    """A tab that was forgotten asks the server before it warns: another tab may be in use."""
    await person.page.clock.install()
    await person.consent(proofing.url)
    async with person.page.expect_response("**/api/session"):
        await person.later("13:01")
    warning = person.page.locator("#session-warning")
    await expect(warning).to_be_hidden()
    await person.heading("Add photos of your ID")


async def test_trouble_of_the_server_does_not_end_a_session(proofing, person):
    """What is not a word about the session is a reason to warn and to ask again: chosen photos stay."""
    broken, asked, left = [503], [], {}

    async def answer(route):
        asked.append(route.request.method)
        if broken == [503]:
            await route.fulfill(status=503, json={"code": "technical"})
        elif broken:
            await route.abort("internetdisconnected")
        else:
            await route.fulfill(json=left)

    await person.page.route("**/api/session", answer)
    await person.page.clock.install()
    await person.consent(proofing.url)
    await person.give_photos()
    warning = person.page.get_by_role("dialog", name="Are you still there?")
    await person.later("13:01")
    await expect(warning).to_be_visible()
    await expect(warning).to_contain_text("reach the server right now")
    # The server is there again, and says that another tab has kept the session alive.
    broken.clear()
    left["idle_seconds"] = 900
    await person.later("00:06")
    await expect(warning).to_be_hidden()
    assert asked == ["GET", "GET"]
    left["idle_seconds"] = 119
    await person.later("13:01")
    await expect(warning).to_be_visible()
    # The answer to the button is lost. What the person said is said again.
    broken.append("connection")
    async with person.page.expect_event("requestfailed"):
        await person.page.get_by_role("button", name="Yes, continue").click()
    broken.clear()
    left["idle_seconds"] = 900
    await person.later("00:06")
    await expect(warning).to_be_hidden()
    assert asked[2:] == ["GET", "POST", "POST"]
    await person.ready()
    # Without any answer the page leaves when the time is over that was known last.
    broken.append(503)
    await person.later("13:01")
    await expect(warning).to_be_visible()
    await person.ready()
    await person.later("02:01")
    await person.heading("Your session has ended")


async def test_a_server_that_says_nothing_does_not_keep_the_page_for_ever(proofing, person):
    """A question that nobody answers is abandoned; when the session's time is over, the page leaves."""
    await person.page.route("**/api/session", lambda _: None)
    await person.page.clock.install()
    await person.consent(proofing.url)
    async with person.page.expect_request("**/api/session"):
        await person.later("13:01")
    await person.later("00:16")
    await expect(person.page.locator("#session-warning")).to_be_visible()
    async with person.page.expect_request("**/api/session"):
        await person.later("02:01")
    await person.later("00:16")
    await person.heading("Your session has ended")


@pytest.fixture
def short(person):
    """Return a switch of the answer about the session: two minutes less one second, or the server's own."""
    answers = {"idle_seconds": 119}

    async def answer(route):
        if answers and route.request.method == "GET":
            await route.fulfill(json=answers)
        else:
            await route.continue_()

    async def switch(*, on):
        if on:
            await person.page.route("**/api/session", answer)
        else:
            await person.page.unroute("**/api/session")

    return switch


async def test_escape_extends_the_session(proofing, person, short):
    """Anyone who presses Escape is there: the session is extended, and the focus is where it was."""
    await person.page.clock.install()
    await short(on=True)
    await person.consent(proofing.url)
    dialog = person.page.get_by_role("dialog")
    await person.page.wait_for_load_state()
    await person.page.locator("#front").focus()
    await person.later("13:01")
    for _ in range(2):
        await expect(dialog).to_be_visible()
        async with person.page.expect_request(
            lambda request: request.url.endswith("/api/session") and request.method == "POST"
        ):
            await person.page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(person.page.locator("#front")).to_be_focused()
        await person.later("13:01")


async def test_session_dialog_on_a_small_telephone(proofing, person, short):
    """The dialog fits, holds the focus, leaves nothing behind it half covered, and has a way out."""
    await person.page.set_viewport_size({"width": 320, "height": 480})
    await person.page.clock.install()
    await short(on=True)
    await person.consent(proofing.url)
    await person.later("13:01")
    dialog = person.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    box = await dialog.bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["y"] + box["height"] <= 480
    assert await dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    assert await dialog.evaluate("dialog => dialog.scrollHeight <= dialog.clientHeight")
    for _ in range(4):
        await person.page.keyboard.press("Tab")
        focused = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        assert await person.page.evaluate(focused)
    await dialog.get_by_role("button", name="Delete my information and exit").click()
    await person.heading("You’ve left the identity check")


async def test_stopping_without_script_asks_too(install, chromium, meet, photos):
    """Without script the question opens as well, and only its answer stops the check."""
    installation = install(doc_auth_enable_presigned_s3_urls=False, async_wait_timeout_seconds=300)
    installation.run("migrate")
    installation.start_web()
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    person = meet(page)
    await person.consent(installation.url)
    for side, content in photos.items():
        await person.give(side, content)
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    await person.heading("We’re checking your information")
    await expect(page.get_by_role("button", name="Stop this check")).to_be_hidden()
    await page.get_by_text("Stop and go back").click()
    await page.get_by_role("button", name="Stop this check").click()
    await person.heading("Check your information")
    await context.close()
