"""The waiting page: stream or polling, reloads, tabs, lost connections and late answers."""

import re

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="session")
def slow(install):
    """An installation whose document vendor takes two seconds to answer."""
    installation = install(spy_seconds=2)
    installation.start_all()
    return installation


async def wait_for_document(person, installation):
    """Bring a person to the waiting page of the document."""
    await person.consent(installation.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("We are checking your ID")


async def test_page_goes_on_by_itself(slow, person):
    """The heading has the focus, the state is announced, and the next page comes without a reload."""
    loads = []
    person.page.on(
        "request", lambda request: loads.append(request.url) if request.is_navigation_request() else 0
    )
    await wait_for_document(person, slow)
    await expect(person.page.locator("#waiting h1")).to_be_focused()
    status = person.page.locator("#wait-status")
    await expect(status).to_have_attribute("aria-live", "polite")
    await expect(status).to_have_text("Still checking.")
    await expect(person.page.get_by_role("button", name="Stop and go back")).to_be_visible()
    await person.heading("Enter your Social Security number")
    # One load of the waiting page, and one that the end of the job led to.
    assert len([url for url in loads if url.endswith("/document/wait")]) == 2


async def test_polling_where_streams_do_not_get_through(slow, person):
    """Without the event stream the page polls, and goes on all the same."""
    polls = []
    await person.page.route("**/events", lambda route: route.abort())
    person.page.on("request", lambda request: polls.append(request.url) if "/api/jobs/" in request.url else 0)
    await wait_for_document(person, slow)
    await person.heading("Enter your Social Security number")
    assert any(not url.endswith("/events") for url in polls)


async def test_reload_second_tab_and_back(slow, person, meet):
    """Reloading, another tab, and going back find the same job; the session moves on once."""
    await wait_for_document(person, slow)
    await person.page.reload()
    await person.heading("We are checking your ID")
    tab = meet(await person.page.context.new_page())
    await tab.page.goto(f"{slow.url}/document")
    await tab.heading("We are checking your ID")
    await person.heading("Enter your Social Security number")
    await tab.heading("Enter your Social Security number")
    await person.page.go_back()
    await expect(person.page.locator("h1:visible")).to_have_text(
        re.compile("Enter your Social Security number|Add photos of your ID")
    )
    await tab.page.reload()
    await tab.heading("Enter your Social Security number")


async def test_connection_lost_and_found(slow, person):
    """Offline is said, and when the connection is back the page goes on."""
    await wait_for_document(person, slow)
    await person.page.context.set_offline(True)
    await expect(person.page.locator("#wait-status")).to_have_text(re.compile("offline"))
    await person.page.context.set_offline(False)
    await person.heading("Enter your Social Security number")


async def test_server_trouble_is_shown(slow, person):
    """An answer of 500 or more while waiting is told, and does not end the waiting."""
    await person.page.route("**/events", lambda route: route.abort())
    await person.page.route(
        re.compile("/api/jobs/[^/]+$"), lambda route: route.fulfill(status=503, json={"code": "technical"})
    )
    await wait_for_document(person, slow)
    await expect(person.page.locator("#wait-status")).to_contain_text("cannot reach the server")
    await person.page.unroute(re.compile("/api/jobs/[^/]+$"))
    await person.heading("Enter your Social Security number")


async def test_cancel(slow, person):
    """Stopping leads back to the form, and the next try is a new job."""
    await wait_for_document(person, slow)
    await person.page.get_by_role("button", name="Stop and go back").click()
    await person.heading("Add photos of your ID")
    await person.give_photos()
    await person.submit_photos()
    await person.heading("We are checking your ID")
    await person.heading("Enter your Social Security number")


async def test_double_click_is_one_attempt(slow, person):
    """Two clicks on the button hand in one job; the button says that it is busy."""
    submissions = []
    person.page.on(
        "request", lambda request: submissions.append(1) if request.url.endswith("/api/document") else 0
    )
    await person.consent(slow.url)
    await person.give_photos()
    await person.page.get_by_role("button", name="Submit photos").dblclick()
    await person.heading("We are checking your ID")
    assert len(submissions) == 1
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
    await expect(person.page.get_by_role("button", name="Stop and go back")).to_have_count(0)
    await expect(person.page.get_by_text("You will need to add your photos once more")).to_be_visible()
    await person.page.reload()
    await person.heading("This is taking longer than usual")
    installation.start("worker")
    await person.heading("Enter your Social Security number")


async def test_failure_has_its_own_screen(slow, person):
    """A failure is a failure at once, with what was found, attempts left and a retry; never a time-out."""
    await person.consent(slow.url)
    await person.give_form("doc_auth_result: Failed\ntransaction_status: failed\nhttp_status: {front: 438}")
    await person.submit_photos()
    await person.heading("We could not accept your photos")
    await expect(person.page.get_by_role("alert")).to_be_visible()
    await expect(person.page.get_by_text("This photo could not be opened")).to_be_visible()
    await expect(person.page.get_by_text("You have 4 attempts left")).to_be_visible()


async def test_vendor_exception_has_its_own_screen(slow, person):
    """A vendor that cannot answer is a technical problem, not a time-out and not a failure."""
    await person.consent(slow.url)
    await person.give_form("http_status: {result: 500}")
    await person.submit_photos()
    await person.heading("We have a technical problem")
    await person.page.get_by_role("link", name="Try again").click()
    await person.heading("Add photos of your ID")


async def test_last_attempt_and_limit(proofing, person):
    """Four failed phone numbers, a fifth that is right: the flow goes on. All wrong: the limit, in words."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    for left in (4, 3, 2, 1):
        await person.give_phone(f"703-555-{5888 if left % 2 else 5999}")
        await expect(person.page.get_by_role("alert")).to_be_visible()
        await expect(person.page.get_by_text(f"You have {left} attempt")).to_be_visible()
        await person.page.get_by_role("link", name="Try again").click()
    await person.give_phone()
    await person.heading("You are verified")


async def test_limit_screen(proofing, person):
    """After the last failure every way leads to the limit's screen, with the time left in words."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    for _ in range(4):
        await person.give_phone("703-555-5888")
        await person.page.get_by_role("link", name="Try again").click()
    await person.give_phone("703-555-5888")
    await person.heading("You have used all attempts for phone numbers")
    await expect(person.page.get_by_text("Please try again in 6 hours")).to_be_visible()
    await person.page.goto(f"{proofing.url}/phone")
    await person.heading("You have used all attempts for phone numbers")


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
    warning = person.page.get_by_role("alert").filter(has_text="this session ends in 2 minutes")
    await expect(warning).to_be_hidden()
    await person.page.clock.fast_forward("13:01")
    await expect(warning).to_be_visible()
    await person.page.get_by_role("button", name="I am still here").click()
    await expect(warning).to_be_hidden()
    left.clear()
    await person.page.clock.fast_forward("16:00")
    await person.heading("Your session has ended")


async def test_a_session_kept_alive_elsewhere_is_not_left(proofing, person):
    """A tab that was forgotten asks the server before it warns: another tab may be in use."""
    await person.page.clock.install()
    await person.consent(proofing.url)
    async with person.page.expect_response("**/api/session"):
        await person.page.clock.fast_forward("13:01")
    warning = person.page.locator("#session-warning")
    await expect(warning).to_be_hidden()
    await person.heading("Add photos of your ID")


async def test_trouble_of_the_server_does_not_end_a_session(proofing, person):
    """What is no word about the session is a reason to warn and to ask again: chosen photos stay."""
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
    warning = person.page.get_by_role("alert").filter(has_text="this session ends in 2 minutes")
    await person.page.clock.fast_forward("13:01")
    await expect(warning).to_be_visible()
    # The server is there again, and says that another tab has kept the session alive.
    broken.clear()
    left["idle_seconds"] = 900
    await person.page.clock.fast_forward("00:06")
    await expect(warning).to_be_hidden()
    assert asked == ["GET", "GET"]
    left["idle_seconds"] = 119
    await person.page.clock.fast_forward("13:01")
    await expect(warning).to_be_visible()
    # The answer to the button is lost. What the person said is said again.
    broken.append("connection")
    async with person.page.expect_event("requestfailed"):
        await person.page.get_by_role("button", name="I am still here").click()
    broken.clear()
    left["idle_seconds"] = 900
    await person.page.clock.fast_forward("00:06")
    await expect(warning).to_be_hidden()
    assert asked[2:] == ["GET", "POST", "POST"]
    await person.ready()
    # Without any answer the page leaves when the time is over that was known last.
    broken.append(503)
    await person.page.clock.fast_forward("13:01")
    await expect(warning).to_be_visible()
    await person.ready()
    await person.page.clock.fast_forward("02:01")
    await person.heading("Your session has ended")


async def test_a_server_that_says_nothing_does_not_keep_the_page_for_ever(proofing, person):
    """A question that nobody answers is given up; when the session's time is over, the page leaves."""
    await person.page.route("**/api/session", lambda _: None)
    await person.page.clock.install()
    await person.consent(proofing.url)
    async with person.page.expect_request("**/api/session"):
        await person.page.clock.fast_forward("13:01")
    await person.page.clock.fast_forward("00:16")
    await expect(person.page.locator("#session-warning")).to_be_visible()
    async with person.page.expect_request("**/api/session"):
        await person.page.clock.fast_forward("02:01")
    await person.page.clock.fast_forward("00:16")
    await person.heading("Your session has ended")
