"""The capture page as people see it: one side at a time, hints, the camera's dialog, small screens."""

import asyncio
import gzip
import io
import re
from urllib.parse import urljoin, urlsplit

import pytest
import pytest_asyncio
from PIL import Image, ImageFilter
from playwright.async_api import expect

from proofing_devtools.page_structure import check_structure

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MAX_COMPRESSED_BYTES = 60_000
#: Gives the page a camera whose video is a canvas: a dark table, and a drawn card where `window.card` says.
CARD_CAMERA = """
    window.card = { scale: 1 };
    window.torch = [];
    navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
        const context = canvas.getContext("2d");
        const draw = () => {
            context.fillStyle = "#333";
            context.fillRect(0, 0, 1280, 720);
            const [width, height] = [1000 * card.scale, 630 * card.scale];
            context.save();
            context.translate(640 - width / 2, 360 - height / 2);
            context.scale(card.scale, card.scale);
            context.fillStyle = "#ddd";
            context.fillRect(0, 0, 1000, 630);
            context.fillStyle = "#222";
            for (let line = 0; line < 16; line += 1) {
                for (let at = 20; at < 960; at += 11 + ((line * 7 + at) % 13)) {
                    context.fillRect(at, 25 + line * 37, 5 + (at % 6), 18);
                }
            }
            context.restore();
        };
        draw();
        setInterval(draw, 50);
        const stream = canvas.captureStream(20);
        const [track] = stream.getVideoTracks();
        track.getCapabilities = () => ({ torch: true });
        track.applyConstraints = async ({ advanced: [{ torch }] }) => { window.torch.push(torch); };
        return stream;
    };
"""


def out_of_focus():
    """Return a photo of a drawn pattern that is blurred."""
    image = Image.effect_noise((240, 160), 200).resize((1200, 800), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(8)).save(file, "JPEG")
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="session")
async def capture(proofing, person):
    """A person at the capture page."""
    await person.consent(proofing.url)
    return person


async def test_one_side_at_a_time(capture, photos):
    """The first side is open; a good photo opens the next, and the focus moves on with it."""
    page = capture.page
    front, back = capture.side("front"), capture.side("back")
    await expect(front.locator(".side-body")).to_be_visible()
    await expect(back.locator(".side-body")).to_be_hidden()
    await expect(back.get_by_role("button", name="Add photo Back of your ID")).to_be_visible()
    await page.locator("#front").focus()
    await capture.give("front", photos["front"])
    await expect(page.get_by_role("heading", name="Back of your ID")).to_be_focused()
    await expect(front.locator(".side-body")).to_be_hidden()
    await expect(front.get_by_role("img", name="front")).to_be_visible()
    await page.locator("#back").focus()
    await capture.give("back", photos["back"])
    await expect(page.get_by_role("button", name="Submit photos")).to_be_focused()
    await expect(page.locator(".side-body:visible")).to_have_count(0)
    await page.get_by_role("button", name="Remove Front of your ID").click()
    await expect(page.locator("#front")).to_be_focused()
    await expect(page.locator(".side-body:visible")).to_have_count(1)


#: Notes every text that a live region gets.
LISTEN = """() => {
    window.heard = [];
    const listen = new MutationObserver((changes) => {
        for (const { target } of changes) {
            const text = target.closest("[role=status], [aria-live]")?.textContent.trim();
            if (text) window.heard.push(text);
        }
    });
    listen.observe(document.querySelector("main"), { childList: true, subtree: true });
}"""


async def test_what_is_read_out_of_an_upload(capture, photos):
    """That it has arrived, and of which side; the steps of the work are shown, and disturb nobody."""
    page = capture.page
    await page.evaluate(LISTEN)
    await capture.give("front", photos["front"])
    await capture.ready("front")
    assert await page.evaluate("heard") == ["Front of your ID: Uploaded"]
    await capture.side("front").locator("[data-remove]").click()
    await expect(page.locator("#front")).to_be_focused()
    assert await page.evaluate("heard.at(-1)") == "Front of your ID: Photo removed"


async def test_a_slow_upload_is_read_out_once(capture, photos):
    """Somebody who waits hears how far it is."""
    page = capture.page
    await page.clock.install()
    await page.evaluate(LISTEN)
    held = asyncio.Event()

    async def hold(route):
        await held.wait()
        await route.continue_()

    await page.route("**/api/uploads", hold)
    await capture.give("front", photos["front"])
    await expect(capture.side("front").locator(".side-status")).to_contain_text("Reading")
    await capture.later("00:05")
    news = capture.side("front").locator("[data-news]")
    await expect(news).to_have_text(re.compile("^Front of your ID: R"))
    held.set()
    await capture.ready("front")
    assert len(await page.evaluate("heard")) == 2


async def test_a_hint_advises_and_blocks_nobody(capture, photos):
    """A blurred photo is uploaded; the page says politely what it sees, and the person decides."""
    page, front = capture.page, capture.side("front")
    await page.locator("#front").focus()
    await capture.give("front", out_of_focus())
    hints = front.locator(".side-hints")
    await expect(hints).to_contain_text("looks blurry")
    await expect(hints).to_have_role("status")
    keep = front.get_by_role("button", name="Use this photo Front of your ID")
    await expect(keep).to_be_focused()
    await expect(keep).to_have_accessible_description(re.compile("looks blurry"))
    await capture.ready("front")
    await expect(capture.side("back").locator(".side-body")).to_be_hidden()
    await keep.press("Enter")
    await expect(page.get_by_role("heading", name="Back of your ID")).to_be_focused()
    await capture.give("back", photos["back"])
    await capture.ready("back")
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_a_closed_side_asks_nothing(capture, photos):
    """Who leaves a hint unanswered sees one button that leads on: that of the open side."""
    front, back = capture.side("front"), capture.side("back")
    await capture.give("front", out_of_focus())
    await expect(front.locator("[data-keep]")).to_be_visible()
    await back.locator("[data-open]").click()
    await expect(back.locator(".side-body")).to_be_visible()
    await expect(front.locator("[data-keep]")).to_be_hidden()
    await capture.give("back", photos["back"])
    await capture.ready()


async def test_another_photo_takes_the_hint_away(capture, photos):
    """What was said of the photo before is not said of the next."""
    await capture.give("front", out_of_focus())
    hints = capture.side("front").locator(".side-hints")
    await expect(hints).to_be_visible()
    await capture.give("front", photos["front"])
    await expect(hints).to_be_hidden()
    await expect(capture.side("back").locator(".side-body")).to_be_visible()


async def test_the_shutter_takes_a_card_that_fills_the_frame(proofing, person):
    """Too far away there is advice; closer, the photo is taken by itself, once; the camera is off then."""
    page = person.page
    await page.add_init_script(CARD_CAMERA)
    await person.consent(proofing.url)
    await page.evaluate("card.scale = 0.6")
    front = person.side("front")
    await front.get_by_role("button", name="Use camera").click()
    advice = front.locator(".camera-advice")
    await expect(front.get_by_role("button", name="Take photo Front of your ID")).to_be_focused()
    await expect(advice).to_have_text("Move closer.")
    await expect(advice).to_have_role("status")
    await page.evaluate("card.scale = 1")
    await person.ready("front")
    await expect(front.locator("dialog")).to_be_hidden()
    assert await front.locator("video").evaluate("video => video.srcObject") is None


async def test_the_button_is_always_there(proofing, person):
    """Whatever the camera sees, the person may take the photo; the light is switched where there is one."""
    page = person.page
    await page.add_init_script(CARD_CAMERA)
    await person.consent(proofing.url)
    await page.evaluate("card.scale = 0.3")
    front = person.side("front")
    await front.get_by_role("button", name="Use camera").click()
    light = front.get_by_role("button", name="Light")
    await light.click()
    await expect(light).to_have_attribute("aria-pressed", "true")
    await light.click()
    await expect(light).to_have_attribute("aria-pressed", "false")
    assert await page.evaluate("torch") == [True, False]
    await front.get_by_role("button", name="Take photo").click()
    await expect(front.locator(".side-hints")).to_contain_text("too small")
    await front.get_by_role("button", name="Retake Front of your ID").click()
    await page.keyboard.press("Escape")
    await expect(front.get_by_role("button", name="Retake Front of your ID")).to_be_focused()
    await person.ready("front")


@pytest.mark.parametrize("language", ["en", "es", "fr", "zh"])
async def test_the_first_screen_of_a_phone(proofing, chromium, meet, language):
    """What to do, and the first control, are visible without scrolling."""
    context = await chromium.new_context(locale=language)
    page = await context.new_page()
    await page.goto(f"{proofing.url}/consent")
    await page.locator("#consent").check()
    await page.locator("main button[type=submit]").click()
    await page.wait_for_url("**/document")
    front = meet(page).side("front")
    camera = front.locator("[data-camera=open]")
    await expect(camera).to_be_visible()
    # No real system has it.
    await page.locator(".test-banner").evaluate("banner => banner.remove()")
    for width, height in ((320, 568), (375, 667)):
        await page.set_viewport_size({"width": width, "height": height})
        for part in (page.locator("h1"), front.locator(".hint"), camera):
            box = await part.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= height, (width, await part.inner_text())
    await context.close()


async def test_the_camera_fills_the_screen_of_a_phone(capture):
    """Its buttons are within it, and a finger finds them."""
    page = capture.page
    await page.set_viewport_size({"width": 375, "height": 667})
    front = capture.side("front")
    await front.get_by_role("button", name="Use camera").click()
    dialog = front.get_by_role("dialog", name="Front of your ID")
    assert await dialog.bounding_box() == {"x": 0, "y": 0, "width": 375, "height": 667}
    for name in ("Take photo", "Close camera"):
        box = await dialog.get_by_role("button", name=name).bounding_box()
        assert box["y"] + box["height"] <= 667
        assert box["height"] >= 44


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"forced_colors": "active"}, {"reduced_motion": "reduce"}], ids=str
)
async def test_structure(proofing, chromium, meet, look):
    """At 320 pixels, which 1280 at 400 % are, nothing is cut off, and a finger finds what it aims at."""
    context = await chromium.new_context(**look)
    page = await context.new_page()
    person = meet(page)
    await person.consent(proofing.url)
    await person.give("front", out_of_focus())
    await person.ready("front")
    await check_structure(page)
    await person.side("front").locator("[data-keep]").click()
    await check_structure(page)
    await page.set_viewport_size({"width": 320, "height": 256})
    await person.side("back").get_by_role("button", name="Use camera").click()
    for name in ("Take photo", "Close camera"):
        button = person.side("back").get_by_role("dialog").get_by_role("button", name=name)
        await button.scroll_into_view_if_needed()
        await expect(button).to_be_in_viewport(ratio=1)
    await context.close()


async def test_the_page_is_light(proofing, capture):
    """The page, and all that it and its worker load, has at most 60 kB compressed."""
    page = capture.page
    sizes = {}

    async def measure(url):
        path = urlsplit(url).path
        if path in sizes:
            return
        answer = await page.request.get(url)
        assert answer.ok, url
        content = await answer.body()
        sizes[path] = len(gzip.compress(content, 9))
        if path.endswith(".js"):
            for name in re.findall(r'from "(\./[^"]+)"', content.decode()):
                await measure(urljoin(url, name))

    await page.reload()
    urls = await page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    # Of the worker the page itself hears nothing; its modules are those of the page.
    worker = next(url for url in urls if url.endswith("/capture.js")).replace("capture.js", "worker.js")
    for url in [page.url, worker, *urls]:
        await measure(url)
    assert {"capture.js", "photo_quality.js", "worker.js", "example-front.svg"} <= {
        path.rsplit("/", 1)[-1] for path in sizes
    }
    assert sum(sizes.values()) <= MAX_COMPRESSED_BYTES, sizes
