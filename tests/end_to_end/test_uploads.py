"""Uploads that are interrupted, finished uploads that survive the page, and what a browser never stores."""

import asyncio
import io
import re

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import expect

#: No photo, and no text either, which testers may choose.
WRONG = b"MZ\0\1" * 100
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

UPLOADS = {"slot": "**/api/uploads", "terms": "**/api/uploads/*", "upload": "**/uploads/captures/**"}
#: What a page could leave on the device.
STORAGE = """async () => {
    const found = [...Object.keys(localStorage), ...Object.keys(sessionStorage)];
    for (const { name } of await indexedDB.databases()) found.push(name);
    found.push(...(await caches.keys()));
    for (const { scope } of await navigator.serviceWorker.getRegistrations()) found.push(scope);
    for await (const name of (await navigator.storage.getDirectory()).keys()) found.push(name);
    return [...found, document.cookie].filter(Boolean);
}"""
#: Counts the camera's streams that are on.
CAMERA = """
    window.streams = [];
    window.asked = 0;
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (...wanted) => {
        asked += 1;
        const stream = await open(...wanted);
        await new Promise((resolve) => setTimeout(resolve, window.slow ?? 0));
        streams.push(stream);
        return stream;
    };
    window.live = () => streams.flatMap((stream) => stream.getTracks())
        .filter((track) => track.readyState === "live").length;
"""


@pytest_asyncio.fixture(loop_scope="session")
async def capture(proofing, person):
    """A person at the capture page."""
    await person.consent(proofing.url)
    return person


def status(person, side):
    """Return the line that says what becomes of a side."""
    return person.page.locator(f"[data-side={side}] .side-status")


async def until(page, condition):
    """Wait for something that no element shows; the page's policy forbids Playwright's own way."""
    await page.evaluate(
        f"async () => {{ while (!({condition})) await new Promise((resolve) => setTimeout(resolve, 20)); }}"
    )


async def lose(route, how):
    """Let a request fail."""
    if how == "connection":
        await route.abort("connectionreset")
    else:
        await route.fulfill(status=503, json={"code": "SlowDown"})


@pytest.mark.parametrize("where", UPLOADS)
@pytest.mark.parametrize("how", ["connection", "503"])
async def test_one_interruption_is_not_noticed(capture, photos, where, how):
    """The upload is tried again with a slot of its own, and nobody has to do anything."""
    lost, slots = [], []

    async def lose_first(route):
        if lost:
            await route.continue_()
        else:
            lost.append(route.request.url)
            await lose(route, how)

    async def listen(response):
        if response.url.endswith("/api/uploads") and response.ok:
            slots.append((await response.json())["slot"])

    capture.page.on("response", listen)
    await capture.page.route(UPLOADS[where], lose_first)
    await capture.give("front", photos["front"])
    await expect(status(capture, "front")).to_contain_text("Trying again")
    await capture.ready("front")
    await expect(capture.page.locator("#front-error")).to_be_empty()
    assert len(lost) == 1
    assert len(set(slots)) == (1 if where == "slot" else 2)


async def test_a_long_interruption_keeps_the_photo(proofing, person, photos):
    """After five tries the page says so; the photo stays, and one press uploads it, without the file."""
    async with person.page.expect_worker() as starting:
        await person.consent(proofing.url)
    worker = await starting.value
    # The pauses between the tries last half a minute; when the device is online again they end at once.
    await worker.evaluate("() => { setInterval(() => dispatchEvent(new Event('online')), 50); }")
    tries = []

    async def fail(route):
        tries.append(route.request.url)
        await lose(route, "connection")

    await person.page.route(UPLOADS["upload"], fail)
    await person.give("front", photos["front"])
    error = person.page.locator("#front-error")
    await expect(error).to_contain_text("Your photo is still here")
    assert len(set(tries)) == 5
    await expect(person.page.get_by_role("img", name="front")).to_be_visible()
    await person.submit_photos()
    await expect(person.page.locator("#error-summary")).to_contain_text("Your photo is still here")
    await worker.evaluate("() => { Blob.prototype.arrayBuffer = () => Promise.reject(new Error('gone')); }")
    await person.page.unroute(UPLOADS["upload"])
    await person.page.get_by_role("button", name="Try again Front").click()
    await person.ready("front")
    await expect(error).to_be_empty()


async def test_the_pauses_between_tries_last_half_a_minute(capture):
    """At least four tries over thirty seconds."""
    pauses = await capture.page.evaluate(
        """async () => {
            const script = document.querySelector("script[src*='capture.js']").src;
            const text = await (await fetch(script.replace("capture.js", "uploads.js"))).text();
            return /RETRY_AFTER_SECONDS = (\\[.*\\])/.exec(text)[1];
        }"""
    )
    seconds = [float(each) for each in re.findall(r"\d+", pauses)]
    assert len(seconds) >= 3
    assert sum(seconds) >= 30


async def test_photos_can_be_chosen_any_number_of_times(capture, photos):
    """The ninth choice works as the first; no reload is requested."""
    for number in range(10):
        await capture.give("front", photos["front" if number % 2 else "back"])
        await capture.ready("front")
    await capture.give("back", photos["back"])
    await capture.ready()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_a_file_that_disappeared_has_its_own_text(proofing, person, photos, tmp_path):
    """A file that was moved, or that the cloud did not deliver, is nobody's connection."""
    path, gone = tmp_path / "photo.jpg", asyncio.Event()
    path.write_bytes(photos["front"])

    async def hold(route):
        await gone.wait()
        await route.continue_()

    await person.page.route("**/capture.js", hold)
    await person.consent(proofing.url)
    await person.page.set_input_files("#front", path)
    path.unlink()
    gone.set()
    await expect(person.page.locator("#front-error")).to_contain_text("download it to this device first")
    await person.give("front", photos["front"])
    await person.ready("front")


async def test_the_same_photo_for_both_sides_is_refused_at_once(capture, photos):
    """Also when it carries other metadata, and when the first side was uploaded by an earlier page."""
    await capture.give("front", photos["front"])
    await capture.ready("front")
    for number in range(2):
        await capture.give("back", photos["front"] + b"trailer" * number)
        await expect(capture.page.locator("#back-error")).to_contain_text("same photo as for the other side")
        await expect(capture.page.locator("#back-error")).to_have_count(1)
    await capture.page.reload()
    await capture.give("back", photos["front"])
    await expect(capture.page.locator("#back-error")).to_contain_text("same photo as for the other side")
    await capture.give("back", photos["back"])
    await capture.ready()


@pytest.mark.parametrize("way", ["replaced", "removed", "wrong file"])
@pytest.mark.parametrize("earlier", [False, True], ids=["this page", "an earlier page"])
async def test_a_photo_refused_as_the_other_sides_continues_when_that_changes(capture, photos, way, earlier):
    """The refused photo is still in the page; nobody has to choose it once more."""
    await capture.give("front", photos["front"])
    await capture.ready("front")
    if earlier:
        await capture.page.reload()
        await capture.ready("front")
    await capture.give("back", photos["front"])
    error = capture.page.locator("#back-error")
    await expect(error).to_contain_text("same photo as for the other side")
    await expect(capture.page.get_by_role("button", name="Try again Back")).to_be_hidden()
    await capture.submit_photos()
    await expect(capture.page.locator("#error-summary li")).to_have_count(1)
    if way == "removed":
        await capture.page.get_by_role("button", name="Remove Front").click()
    else:
        await capture.give("front", photos["back"] if way == "replaced" else WRONG)
    await capture.ready("back")
    await expect(error).to_be_empty()
    await expect(capture.page.locator("#error-summary a[href='#back']")).to_have_count(0)
    await expect(capture.page.get_by_role("img", name="back")).to_be_visible()
    if way != "replaced":
        await capture.give("front", photos["back"])
    await capture.ready()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_a_photo_refused_as_the_other_sides_stays_refused_while_it_is(capture, photos):
    """The other side chosen again with the same photo keeps it; the refused side can be emptied."""
    await capture.give("front", photos["front"])
    await capture.ready("front")
    await capture.give("back", photos["front"])
    error = capture.page.locator("#back-error")
    await expect(error).to_contain_text("same photo as for the other side")
    await capture.give("front", photos["front"] + b"trailer")
    await capture.ready("front")
    await expect(error).to_contain_text("same photo as for the other side")
    await expect(capture.page.locator("#front-error")).to_be_empty()
    await capture.page.get_by_role("button", name="Remove Back").click()
    await expect(error).to_be_empty()
    await expect(capture.page.locator("#back")).to_be_focused()


async def test_a_submission_waits_for_a_refused_photo_that_continues(capture, photos):
    """The other side is replaced and the page is submitted at once: both go together."""
    await capture.give("front", photos["front"])
    await capture.ready("front")
    await capture.give("back", photos["front"])
    await expect(capture.page.locator("#back-error")).to_contain_text("same photo")
    await capture.give("front", photos["back"])
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_ready_side_has_one_way_to_another_photo(capture, photos, width):
    """No empty field alongside a photo that is ready: *Replace* is in its place, the next side open."""
    await capture.page.set_viewport_size({"width": width, "height": 900})
    field = capture.page.locator("#front")
    replace = capture.page.get_by_role("button", name="Replace Front")
    await expect(field).to_be_visible()
    await field.focus()
    await capture.give("front", photos["front"])
    await capture.ready("front")
    await expect(field).to_be_hidden()
    await expect(capture.page.get_by_role("heading", name="Back of your ID")).to_be_focused()
    await expect(capture.page.locator("#back")).to_be_visible()
    await capture.page.reload()
    await capture.ready("front")
    await expect(field).to_be_hidden()
    await expect(capture.page.locator("[data-side=front] .drop")).to_be_hidden()
    await replace.focus()
    async with capture.page.expect_file_chooser() as choosing:
        await capture.page.keyboard.press("Enter")
    await (await choosing.value).set_files(capture.file(WRONG))
    await expect(capture.page.locator("#front-error")).not_to_be_empty()
    await expect(field).to_be_visible()
    await expect(field).to_be_focused()
    async with capture.page.expect_file_chooser() as choosing:
        await capture.page.locator("label[for=front]").click()
    await (await choosing.value).set_files(capture.file(photos["front"]))
    await capture.ready("front")
    async with capture.page.expect_file_chooser():
        await capture.page.locator("label[for=front]").click()


async def test_finished_uploads_survive_a_reload(capture, photos):
    """The page says which sides are uploaded, and hands them in although it has neither key nor image."""
    await capture.give_photos()
    await capture.page.reload()
    for side, text in (("front", "Front: uploaded"), ("back", "Back: uploaded")):
        await expect(status(capture, side)).to_have_text(text)
    await capture.ready()
    async with capture.page.expect_request("**/api/document") as submitting:
        await capture.submit_photos()
    body = (await submitting.value).post_data_json
    assert "key" not in body
    assert body["images"] == {}
    await capture.heading("Enter your Social Security number")


@pytest.mark.parametrize("way", ["back", "killed tab"])
async def test_finished_uploads_survive_the_page(proofing, capture, meet, way):
    """One side replaced and one kept go together, each under the key of its own page."""
    await capture.give_photos()
    if way == "back":
        await capture.page.goto(proofing.url)
        await capture.page.go_back()
        person = capture
    else:
        page = await capture.page.context.new_page()
        await capture.page.close()
        await page.goto(f"{proofing.url}/document")
        person = meet(page)
    await person.ready()
    async with person.page.expect_file_chooser() as choosing:
        await person.page.get_by_role("button", name="Replace Back").click()
    chooser = await choosing.value
    file = io.BytesIO()
    Image.effect_noise((900, 600), 60).save(file, "JPEG")
    await chooser.set_files(person.file(file.getvalue()))
    await expect(status(person, "back")).to_have_text("Uploaded")
    await expect(status(person, "front")).to_have_text("Front: uploaded")
    await person.submit_photos()
    await person.heading("Enter your Social Security number")


async def test_a_removed_photo_stays_removed(capture, photos):
    """Before a reload and after one; and nothing is submitted without it."""
    await capture.give_photos()
    remove = capture.page.get_by_role("button", name="Remove Front")
    await remove.click()
    await expect(remove).to_be_hidden()
    await expect(capture.page.locator("#front")).to_be_focused()
    await expect(capture.page.get_by_role("img", name="front")).to_be_hidden()
    await capture.page.reload()
    await capture.ready("back")
    await expect(capture.page.locator(".ready")).to_have_count(1)
    await capture.page.get_by_role("button", name="Remove Back").click()
    await expect(capture.page.locator(".ready")).to_have_count(0)
    await capture.submit_photos()
    await expect(capture.page.locator("#error-summary li")).to_have_count(2)
    await capture.give_photos()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_lies_over_a_photo_that_was_lost(capture, photos, width):
    """Where a submission is refused, each photo is seen, and *Try again* is in the place of *Add photo*."""

    async def refuse(route):
        await route.fulfill(status=422, json={"errors": {"front": "missing", "back": "missing"}})

    await capture.page.set_viewport_size({"width": width, "height": 900})
    await capture.page.route("**/api/document", refuse)
    await capture.give_photos()
    await capture.submit_photos()
    for name in ("front", "back"):
        side = capture.side(name)
        await expect(side.get_by_role("button", name="Try again")).to_be_visible()
        await expect(side.locator("[data-open]")).to_be_hidden()
        # Playwright refuses to point at what something else covers.
        await side.locator(".preview").hover()


async def test_nothing_is_stored_in_the_browser(capture):
    """After every step: no storage, no database, no cache, no service worker, no readable cookie."""

    async def expect_nothing():
        assert await capture.page.evaluate(STORAGE) == []

    await expect_nothing()
    for side, content in capture.photos.items():
        await capture.give(side, content)
        await capture.ready(side)
        await expect_nothing()
    await capture.page.reload()
    await capture.ready()
    await expect_nothing()
    await capture.page.get_by_role("button", name="Remove Front").click()
    await expect_nothing()
    await capture.give("front", capture.photos["front"])
    await capture.ready()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")
    await expect_nothing()
    await capture.give_ssn()
    await expect_nothing()
    await capture.submit_information()
    await capture.give_phone()
    await capture.heading("You’re verified")
    await expect_nothing()


async def test_a_failed_check_leads_back_with_summary_and_focus(capture):
    """Where the check failed, the capture page says at once what was wrong with which photo."""
    alerts = "failed_alerts: [{name: Visible Pattern, result: Failed}]"
    await capture.give_form(f"doc_auth_result: Failed\ntransaction_status: failed\n{alerts}")
    await capture.submit_photos()
    await capture.heading("We couldn’t accept your photos")
    await capture.page.get_by_role("link", name="Add new photos").click()
    await capture.heading("Add photos of your ID")
    summary = capture.page.locator("#error-summary")
    await expect(summary).to_be_focused()
    await expect(capture.page).to_have_title(re.compile("^Error: "))
    await summary.get_by_role("link").filter(has_text="Back").click()
    await expect(capture.page.locator("#back")).to_be_focused()
    await expect(capture.page.locator(".ready")).to_have_count(0)


@pytest_asyncio.fixture(loop_scope="session")
async def filming(proofing, person):
    """A person at the capture page of a device with a camera, whose streams are counted."""
    await person.page.context.grant_permissions(["camera"])
    await person.page.add_init_script(CAMERA)
    await person.consent(proofing.url)
    return person


async def test_a_double_click_on_use_camera(filming):
    """Opens it once, and after the photo nothing is on."""
    page = filming.page
    await page.get_by_role("button", name="Use camera Front").dblclick()
    take = page.get_by_role("button", name="Take photo Front")
    await expect(take).to_be_visible()
    assert await page.evaluate("[asked, live()]") == [1, 1]
    await expect(page.locator("[data-side=front] video")).to_have_js_property("paused", False)
    await until(page, "document.querySelector('[data-side=front] video').videoWidth > 0")
    await take.click()
    await filming.ready("front")
    assert await page.evaluate("live()") == 0


@pytest.mark.parametrize("way", ["hide", "remove", "another file", "close"])
async def test_no_camera_stays_on(filming, way):
    """However the person turns away, also while the camera is still being opened."""
    page = filming.page
    for slow in (0, 300):
        await filming.give("front", filming.photos["back" if slow else "front"])
        await filming.ready("front")
        await page.evaluate("(slow) => { window.slow = slow; window.streams = []; }", slow)
        await page.get_by_role("button", name="Retake Front").click()
        if not slow:
            await expect(page.get_by_role("button", name="Take photo Front")).to_be_visible()
        if way == "hide":
            await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        elif way == "remove":
            # By the script, as what is behind the camera cannot be clicked.
            await filming.side("front").locator("[data-remove]").evaluate("button => button.click()")
        elif way == "another file":
            await page.set_input_files("#front", filming.file(b"none", "other.jpg"))
        elif not slow:
            await page.get_by_role("button", name="Close camera Front").click()
        else:
            return
        await until(page, "streams.length === 1 && live() === 0")
        again = "Use camera Front" if way == "remove" else "Retake Front"
        await expect(page.get_by_role("button", name=again)).to_be_visible()
