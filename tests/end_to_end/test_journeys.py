"""A person in a real browser proofs who they are: both switches both ways, by mouse, keyboard and without script."""

import hashlib
import io
import json
import random
import re

import pytest
from PIL import Image
from playwright.async_api import expect

pytestmark = pytest.mark.browser

SWITCHES = [(True, True), (True, False), (False, True), (False, False)]


def photograph(seed):
    """Return a JPEG as a camera makes it: noise that does not compress away, 1.5 megapixels."""
    pixels = random.Random(seed).randbytes(1500 * 1000 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (1500, 1000), pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


PHOTOS = {"front": photograph(1), "back": photograph(2)}


def as_file(content, name="photo.jpg", mime="image/jpeg"):
    """Return what Playwright puts into a file field."""
    return {"name": name, "mimeType": mime, "buffer": content}


@pytest.fixture(scope="session")
def installations(install, proofing):
    """Return a finder of the running installation for a pair of switches."""
    running = {(True, True): proofing}

    def find(uploads, jobs):
        if (uploads, jobs) not in running:
            running[uploads, jobs] = install(
                doc_auth_enable_presigned_s3_urls=str(uploads).lower(),
                ruby_workers_idv_enabled=str(jobs).lower(),
            )
            running[uploads, jobs].start_all()
        return running[uploads, jobs]

    return find


@pytest.fixture
async def page(chromium):
    """A page that fails the test when the browser sees an error of ours."""
    context = await chromium.new_context()
    page = await context.new_page()
    page.set_default_timeout(20_000)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: (
            wrong.append(message.text)
            if "Content Security Policy" in message.text or "Trusted" in message.text
            else None
        ),
    )
    yield page
    await context.close()
    assert not wrong


async def consent(page, url):
    """Go to the capture page."""
    await page.goto(url)
    await page.get_by_role("link", name="Start", exact=True).click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Add photos of your ID")


async def give_photos(page, photos=PHOTOS):
    """Choose both photos and wait until each is ready."""
    for side, content in photos.items():
        await page.set_input_files(f"#{side}", as_file(content))
    for side in photos:
        await expect(page.locator(f"[data-side={side}]")).to_have_class(re.compile("ready"))


async def finish(page):
    """Answer everything after the photos."""
    await page.get_by_label("Social Security number").fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check your information")
    await page.get_by_role("button", name="Submit for checking").click()
    await page.get_by_label("Phone number").fill("202-555-0123")
    await page.get_by_role("button", name="Check number").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are verified")


@pytest.mark.parametrize(("uploads", "jobs"), SWITCHES)
async def test_journey(installations, page, uploads, jobs):
    """From welcome to done with real photographs; the vendor sees them byte for byte."""
    installation = installations(uploads, jobs)
    already = len(installation.seen.read_text().splitlines())
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url, request.post_data_buffer)))
    await consent(page, installation.url)
    await give_photos(page)
    await page.get_by_role("button", name="Submit photos").click()
    await finish(page)
    seen = [json.loads(line) for line in installation.seen.read_text().splitlines()[already:]]
    assert {(facts["side"], facts["sha256"]) for facts in seen} == {
        (side, hashlib.sha256(content).hexdigest()) for side, content in PHOTOS.items()
    }
    puts = [body for method, url, body in sent if method == "PUT"]
    assert len(puts) == (2 if uploads else 0)
    for body in puts:
        # Ciphertext is as long as the photo and its tag: bytes were encrypted, not the text of a data URL.
        assert len(body) in {len(content) + 16 for content in PHOTOS.values()}
        assert not body.startswith(b"\xff\xd8\xff")
        assert not any(content[1000:1032] in body for content in PHOTOS.values())
    if uploads:
        posts = b"".join(body or b"" for method, _, body in sent if method == "POST")
        assert not any(content[1000:1032] in posts for content in PHOTOS.values())
    # Nothing of the person in any URL, and nothing kept by the browser but the opaque cookie.
    assert not re.search(
        "900|1234|FAKEY|2025550123", " ".join(url.split("/uploads/")[0] for _, url, _ in sent)
    )
    assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    (cookie,) = await page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("proofing", True, "Lax")
    # The store keeps nothing once the verdict stands.
    assert not [path for path in installation.directory.glob("local/**/captures/**/*") if path.is_file()]


async def tab_to(page, selector):
    """Press the tab key until *selector* has the focus."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


async def test_keyboard_alone(proofing, page):
    """Every step can be reached and done with the keyboard; files come through the browser's own dialog."""
    await page.goto(proofing.url)
    await tab_to(page, "main a.button")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/consent")
    await tab_to(page, "#consent")
    await page.keyboard.press("Space")
    await tab_to(page, "main button[type=submit]")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/document")
    for side, content in PHOTOS.items():
        await tab_to(page, f"#{side}")
        async with page.expect_file_chooser() as choosing:
            await page.keyboard.press("Space")
        await (await choosing.value).set_files(as_file(content))
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


async def test_without_script(installations, chromium):
    """With the pictures in the form post everything works without script; the waiting page refreshes itself."""
    installation = installations(False, True)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await consent(page, installation.url)
    for side, content in PHOTOS.items():
        await page.set_input_files(f"#{side}", as_file(content))
    await page.get_by_role("button", name="Submit photos").click()
    await page.get_by_label("Social Security number").fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Submit for checking").click()
    phone = page.get_by_label("Phone number")
    for _ in range(20):
        if await phone.is_visible():
            break
        await page.get_by_role("button", name="Check again").click()
    await phone.fill("202-555-0123")
    await page.get_by_role("button", name="Check number").click()
    done = page.get_by_role("heading", name="You are verified")
    for _ in range(20):
        if await done.is_visible():
            break
        await page.get_by_role("button", name="Check again").click()
    await expect(done).to_be_visible()
    await context.close()


async def test_uploads_without_script_are_explained(proofing, chromium):
    """Where the browser must encrypt, a browser without script is told so."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await consent(page, proofing.url)
    await expect(page.get_by_text("needs JavaScript")).to_be_visible()
    await context.close()


async def test_camera(proofing, page):
    """A photo from the camera is taken, shown and uploaded."""
    await consent(page, proofing.url)
    front = page.locator("[data-side=front]")
    await front.get_by_role("button", name="Use camera").click()
    await front.get_by_role("button", name="Take photo").click()
    await expect(front).to_have_class(re.compile("ready"))
    await expect(front.get_by_role("img")).to_be_visible()
    await expect(front.get_by_role("button", name="Use camera")).to_be_focused()


async def test_ssn_is_masked(proofing, page):
    """The number is hidden until the person asks to see it, and spoken by its ends only."""
    await consent(page, proofing.url)
    await give_photos(page)
    await page.get_by_role("button", name="Submit photos").click()
    field = page.get_by_label("Social Security number")
    await expect(field).to_have_attribute("type", "password")
    toggle = page.get_by_role("button", name="Show number")
    await toggle.click()
    await expect(field).to_have_attribute("type", "text")
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await field.fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_text("a number that starts with 9 and ends with 4")).to_be_attached()
    assert "900661234" not in await page.content()
    await page.go_back()
    assert "900661234" not in await page.content()


async def test_structure_of_every_page(proofing, page):
    """One main heading, labelled fields, a marked step, a language: on every page."""
    await consent(page, proofing.url)
    for path in ("/", "/consent", "/document", "/session-ended", "/exited", "/nothing"):
        await page.goto(proofing.url + path)
        assert await page.get_by_role("heading", level=1).count() == 1
        assert await page.locator("html").get_attribute("lang") == "en"
        assert await page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select')].every(f => f.labels.length > 0)"
        )
        if path in ("/", "/consent", "/document"):
            step = page.locator("nav[aria-label=Progress] li[aria-current=step]")
            await expect(step).to_contain_text("current step")
        # The page fits a small telephone without sideways scrolling.
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        await page.set_viewport_size({"width": 1000, "height": 800})


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
        await expect(page.get_by_text("not opened on a secure connection")).to_be_visible()
        await browser.close()
