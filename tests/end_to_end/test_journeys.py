"""Whole journeys in a real browser: both switches both ways, by mouse, by keyboard, and without script."""

import hashlib
import json
import re

import pytest
from playwright.async_api import expect

from proofing_devtools.page_structure import SMALL_TARGETS, check_structure

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SWITCHES = [(True, True), (True, False), (False, True), (False, False)]


@pytest.fixture(scope="session")
def installations(install, proofing):
    """Return a finder of the running installation for a pair of switches."""
    running = {(True, True): proofing}

    def find(uploads, jobs):
        if (uploads, jobs) not in running:
            running[uploads, jobs] = install(
                doc_auth_enable_presigned_s3_urls=uploads,
                ruby_workers_idv_enabled=jobs,
            )
            running[uploads, jobs].start_all()
        return running[uploads, jobs]

    return find


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
async def test_journey(installations, switches, page, person, photos):
    """From welcome to done with real photographs; the vendor sees them byte for byte."""
    uploads, _ = switches
    installation = installations(*switches)
    already = len(installation.seen.read_text().splitlines())
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url, request.post_data_buffer)))
    await person.consent(installation.url)
    await person.give_photos()
    await page.get_by_role("button", name="Submit photos").click()
    await person.finish()
    seen = [json.loads(line) for line in installation.seen.read_text().splitlines()[already:]]
    assert {(facts["side"], facts["sha256"]) for facts in seen} == {
        (side, hashlib.sha256(content).hexdigest()) for side, content in photos.items()
    }
    puts = [body for method, url, body in sent if method == "PUT"]
    assert len(puts) == (2 if uploads else 0)
    for body in puts:
        # Ciphertext is as long as the photo and its tag: bytes were encrypted, not the text of a data URL.
        assert len(body) in {len(content) + 16 for content in photos.values()}
        assert not body.startswith(b"\xff\xd8\xff")
        assert not any(content[1000:1032] in body for content in photos.values())
    if uploads:
        posts = b"".join(body or b"" for method, _, body in sent if method == "POST")
        assert not any(content[1000:1032] in posts for content in photos.values())
    # Nothing of the person in any URL, and nothing kept by the browser but opaque cookies.
    urls = " ".join(url for _, url, _ in sent)
    assert not re.search("900-?66|661234|fake|2025550123|59010", urls, re.IGNORECASE)
    assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    cookies = await page.context.cookies()
    assert {cookie["name"] for cookie in cookies} == {"proofing", "proofing-visit"}
    assert all((cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax") for cookie in cookies)
    # The store keeps nothing once the verdict is known.
    assert not [path for path in installation.directory.glob("local/**/captures/**/*") if path.is_file()]


async def tab_to(page, selector):
    """Press the tab key until *selector* has the focus."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


async def test_keyboard_alone(proofing, page, person, photos):
    """Every step can be reached and done with the keyboard; files come through the browser's own dialog."""
    # Dialogs are caught from the start: a key pressed right after asking for it can overtake the asking.
    page.on("filechooser", lambda _: None)
    await page.goto(proofing.url)
    await tab_to(page, "main a.button")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/consent")
    await tab_to(page, "#consent")
    await page.keyboard.press("Space")
    await tab_to(page, "main button[type=submit]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/document")
    for side, content in photos.items():
        await tab_to(page, f"#{side}")
        async with page.expect_file_chooser() as choosing:
            await page.keyboard.press("Space")
        await (await choosing.value).set_files(person.file(content))
        await expect(page.locator(f"[data-side={side}]")).to_have_class(re.compile("ready"))
    await tab_to(page, "#capture button[type=submit]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/ssn")
    await tab_to(page, "#ssn")
    await page.keyboard.type("900661234")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/verify")
    await tab_to(page, "main form button[type=submit]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/phone")
    await tab_to(page, "#phone")
    await page.keyboard.type("2025550123")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/done")


async def check_until(page, wanted):
    """Press *Check again* until *wanted* is there."""
    again = page.get_by_role("button", name="Check again")
    for _ in range(40):
        await expect(wanted.or_(again)).to_be_visible()
        if await wanted.is_visible():
            return
        await again.click()
        await page.wait_for_load_state()
    raise AssertionError("the job did not end")


async def test_without_script(installations, chromium, meet, photos):
    """With the images in the form post everything works without script, the waiting page too."""
    installation = installations(False, True)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    person = meet(page)
    await person.consent(installation.url)
    await expect(page.get_by_text("resized on this device")).to_be_hidden()
    for side, content in photos.items():
        await person.give(side, content)
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    await check_until(page, page.get_by_label("Phone number"))
    await person.give_phone()
    await check_until(page, page.get_by_role("heading", name="You’re verified"))
    await context.close()


async def test_failed_image_without_script(installations, chromium, meet, photos):
    """An image that failed is reported at its field however often it is sent, and costs one attempt only."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    person = meet(page)
    await person.consent(installations(False, True).url)
    failing = b"doc_auth_result: Failed\ntransaction_status: failed\nhttp_status: {front: 438}\n"
    await person.give("front", failing, "id.yaml")
    await person.give("back", photos["back"])
    await person.submit_photos()
    await person.heading("We couldn’t accept your photos")
    await page.get_by_role("link", name="Add new photos").click()
    for _ in range(2):
        await person.give("front", failing, "id.yaml")
        await person.give("back", photos["back"])
        await person.submit_photos()
        await expect(page.locator("#front-error")).to_contain_text("already used this photo")
        await expect(page.get_by_text("You have 4 attempts left")).to_be_visible()
    await person.give("front", photos["front"])
    await person.give("back", photos["back"])
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    await context.close()


async def test_reviews(proofing, page, person):
    """What a machine cannot decide is explained without blame; the same photos are taken again."""
    await person.consent(proofing.url)
    await person.give_form("document: {}\ntransaction_status: review")
    await person.submit_photos()
    await person.heading("Someone needs to review your ID")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await expect(page.get_by_text("You have 4 attempts left")).to_be_visible()
    await expect(page.get_by_text("Reference number:")).to_be_visible()
    await page.get_by_role("link", name="Use another ID").click()
    await person.give_form("document: {}\ntransaction_status: review")
    await person.submit_photos()
    await person.heading("Someone needs to review your ID")
    await page.get_by_role("link", name="Use another ID").click()
    await person.give_form("document: {first_name: Review}")
    await person.submit_photos()
    await person.give_ssn("900-44-1234")
    await person.submit_information()
    await person.heading("Someone needs to review your information")
    await page.goto(f"{proofing.url}/document")
    await person.give_form("document: {}")
    await person.submit_photos()
    await person.give_ssn("900-44-1234")
    await person.submit_information()
    await person.give_phone("703-555-5777")
    await person.heading("Someone needs to review your phone number")
    await page.get_by_role("link", name="Use another number").click()
    await person.give_phone("202-555-0123")
    await person.heading("You’re verified")


async def test_uploads_without_script_are_explained(proofing, chromium, meet):
    """Where the browser must encrypt, a browser without script gets a message."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    person = meet(page)
    await person.consent(proofing.url)
    await expect(page.get_by_text("requires JavaScript")).to_be_visible()
    # What cannot work is not offered.
    await expect(page.get_by_role("button", name="Submit photos")).to_be_hidden()
    await context.close()


async def test_photos_cannot_be_chosen_before_the_script_listens(proofing, page, person):
    """On a slow line the fields come with the script: a photo chosen earlier would be lost without a word."""
    held = []

    def hold(route):
        held.append(route)

    await page.route("**/capture.js", hold)
    await person.consent(proofing.url)
    await expect(page.locator("#needs-script")).to_be_visible()
    await expect(page.locator("#front")).to_be_hidden()
    await held[0].continue_()
    await person.give_photos()
    await expect(page.locator("#needs-script")).to_have_count(0)


async def test_leaving_asks_without_losing_anything(proofing, page, person):
    """The question opens in the page, where chosen photos stay; the answer removes everything."""
    await person.consent(proofing.url)
    await person.give_photos()
    leave = page.get_by_role("button", name="Delete my information and exit")
    await expect(leave).to_be_hidden()
    await page.get_by_text("Cancel and exit").press("Enter")
    await expect(page.get_by_text("What you entered will be deleted")).to_be_visible()
    await person.ready()
    await leave.click()
    await person.heading("You’ve left the identity check")


async def test_camera(proofing, page, person):
    """A photo from the camera is taken, shown and uploaded."""
    await person.consent(proofing.url)
    front = page.locator("[data-side=front]")
    await front.get_by_role("button", name="Use camera").click()
    await front.get_by_role("button", name="Take photo").click()
    await expect(front).to_have_class(re.compile("ready"))
    await expect(front.get_by_role("img")).to_be_visible()
    # The next side is open, and has the focus. Heard out of its place, each button says which side it is for.
    await expect(page.get_by_role("heading", name="Back of your ID")).to_be_focused()
    await expect(page.get_by_role("button", name="Use camera Back of your ID")).to_be_visible()
    await page.get_by_role("button", name="Retake Front of your ID").click()
    await front.get_by_role("button", name="Close camera Front of your ID").click()
    await expect(page.get_by_role("button", name="Retake Front of your ID")).to_be_focused()


async def test_forms_name_their_origin(proofing, page, person):
    """Without Sec-Fetch-Site a browser is known by its Origin, which our policies must not hide."""
    async with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/consent")
    ) as posting:
        await person.consent(proofing.url)
    assert await (await posting.value).header_value("origin") == proofing.url


async def test_ssn_is_masked(proofing, page, person, photos):
    """The number is hidden until the person asks to see it, and spoken by its ends only."""
    await person.consent(proofing.url)
    await person.give_photos()
    await page.get_by_role("button", name="Submit photos").click()
    field = page.get_by_label("Social Security number")
    await expect(field).to_have_css("-webkit-text-security", "disc")
    toggle = page.get_by_role("button", name="Show Social Security number")
    await toggle.click()
    await expect(field).to_have_css("-webkit-text-security", "none")
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await field.fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("a number that starts with 9 and ends with 4")).to_be_attached()
    assert "900661234" not in await page.content()
    await page.go_back()
    assert "900661234" not in await page.content()
    await expect(field).to_have_value("")


async def test_back_after_an_error_in_a_form(proofing, page, person):
    """*Back* to a form with errors shows the form, not the browser's own page about a lost post."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    await page.get_by_label("Social Security number").fill("123")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#error-summary")).to_be_focused()
    await person.give_ssn()
    await page.go_back()
    await person.heading("Enter your Social Security number")
    await page.reload()
    await person.heading("Enter your Social Security number")
    # The page that came back is a whole one.
    await person.give_ssn()


async def test_targets_of_the_steps_behind_the_photos(proofing, page, person):
    """Toggles, links to change an answer, and summaries of errors are large enough for fingers."""
    await page.set_viewport_size({"width": 390, "height": 844})
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#error-summary")).to_be_focused()
    assert await page.evaluate(SMALL_TARGETS) == []
    await person.give_ssn()
    for path in ("/verify", "/address", "/ssn"):
        await page.goto(proofing.url + path)
        assert await page.evaluate(SMALL_TARGETS) == []


async def test_structure_of_every_page(proofing, page, person):
    """One main heading, labeled fields, a marked step, a language: on every page."""
    await person.consent(proofing.url)
    for path in ("/", "/consent", "/document", "/session-ended", "/exited", "/nothing"):
        await page.goto(proofing.url + path)
        await check_structure(page)
        if path in ("/", "/consent", "/document"):
            step = page.locator("nav[aria-label=Progress] li[aria-current=step]")
            await expect(step).to_contain_text("current step")


async def test_insecure_address_is_explained(proofing, chromium_path):
    """On plain http under another name the browser cannot encrypt: the first page says so."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - as in tests/conftest.py

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--host-resolver-rules=MAP proofing.test 127.0.0.1"],
            chromium_sandbox=False,
        )
        page = await browser.new_page()
        await page.goto(f"http://proofing.test:{proofing.port}/")
        await expect(page.get_by_text("This connection isn’t secure")).to_be_visible()
        await page.get_by_role("link", name="Start", exact=True).click()
        await page.get_by_label("I agree").check()
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="We couldn’t accept this request")).to_be_visible()
        await expect(page.get_by_text("This connection isn’t secure")).to_be_visible()
        await browser.close()
