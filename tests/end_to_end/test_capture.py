"""The capture page: checks at the field, uploads that fail, and what leaves the browser."""

import asyncio
import base64
import io
import json
import re

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MEGABYTE = 1024 * 1024


@pytest_asyncio.fixture(loop_scope="session")
async def capture(proofing, person):
    """A person at the capture page."""
    await person.consent(proofing.url)
    return person


async def expect_error(person, side, text):
    """Expect an error at the field, an empty field, and a submission that is blocked and says why."""
    field = person.page.locator(f"#{side}")
    await expect(person.page.locator(f"#{side}-error")).to_contain_text(text)
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("")
    await person.submit_photos()
    summary = person.page.locator("#error-summary")
    await expect(summary).to_be_focused()
    await expect(summary).to_have_role("alert")
    await expect(person.page).to_have_title(re.compile("^Error: "))
    link = summary.get_by_role("link").filter(has_text=text)
    await link.click()
    await expect(field).to_be_focused()
    assert person.page.url.split("#")[0].endswith("/document")


#: File name, how it is made from a photograph, and what the person reads.
WRONG_FILES = [
    ("program.jpg", lambda photo: b"MZ\x00\x01" + photo[4:], "as a photo"),
    ("empty.jpg", lambda photo: b"", "file is empty"),
    ("large.yaml", lambda photo: b"a: b\n" * (4 * MEGABYTE), "too large"),
    ("heic.jpg", lambda photo: b"\0\0\0\x18ftypheic" + photo, "Most Compatible"),
    ("empty text.jpg", lambda photo: b"data:image/jpeg;base64,", "file is empty"),
    ("cut.jpg", lambda photo: photo[: len(photo) // 2], "incomplete"),
    ("url.txt", lambda photo: b"data:image/jpeg;base64,%%%", "as a photo"),
    ("url.jpg", lambda photo: b"data:image/jpeg;base64," + base64.b64encode(b"MZ\x00"), "as a photo"),
]


@pytest.mark.parametrize("wrong", WRONG_FILES, ids=lambda wrong: wrong[0])
async def test_wrong_files(capture, photos, wrong, tmp_path):
    """Each wrong file is reported at its field at once, and uploads nothing."""
    name, make, text = wrong
    uploads = []
    capture.page.on("request", lambda request: uploads.append(request.url) if request.method == "PUT" else 0)
    path = tmp_path / name
    path.write_bytes(make(photos["front"]))
    await capture.page.set_input_files("#front", path)
    await expect_error(capture, "front", text)
    assert not uploads


def huge_photo(width, height):
    """Return a JPEG of one color with so many pixels."""
    file = io.BytesIO()
    Image.new("L", (width, height), "gray").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("size", [(9248, 6936), (12_001, 10)], ids=str)
async def test_a_photo_above_a_limit_is_made_smaller(capture, size):
    """Nobody has to find a smaller photo; the job hears that its size was changed."""
    await capture.give("front", huge_photo(*size))
    await capture.give("back", capture.photos["back"])
    await capture.ready()
    async with capture.page.expect_request("**/api/document") as submitting:
        await capture.submit_photos()
    facts = (await submitting.value).post_data_json["metadata"]
    assert facts["front"]["scaled"]
    assert facts["front"]["width"] == 4000
    assert "scaled" not in facts["back"]
    await capture.heading("Enter your Social Security number")


@pytest.mark.parametrize("size", [(9248, 6936), (12_001, 10)], ids=str)
async def test_too_many_pixels_are_reported_at_the_field(capture, size):
    """A photo that cannot be made smaller is reported before upload, with advice; it costs no attempt."""
    uploads = []
    capture.page.on("request", lambda request: uploads.append(request.url) if request.method == "PUT" else 0)
    # No browser decodes twelve bits a sample; the frame header still gives the size.
    photo = huge_photo(*size).replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc1\x00\x0b\x0c")
    await capture.give("front", photo)
    await expect_error(capture, "front", "12 megapixels, and take a new photo")
    await expect(capture.page.get_by_role("img", name="front")).to_be_hidden()
    assert not uploads


@pytest_asyncio.fixture(loop_scope="session")
async def slow(proofing, person):
    """A person at the capture page, whose script arrives only when the returned event is set."""
    arrive = asyncio.Event()

    async def hold(route):
        await arrive.wait()
        await route.continue_()

    await person.page.route("**/capture.js", hold)
    await person.consent(proofing.url)
    yield person, arrive
    arrive.set()


async def test_files_chosen_before_the_script_runs(slow, photos):
    """A file may be there before the script, as a browser restores it; it is read as any other."""
    person, arrive = slow
    await person.page.set_input_files("#front", person.file(photos["front"]))
    await person.page.set_input_files("#back", person.file(b""))
    arrive.set()
    await person.ready("front")
    await expect_error(person, "back", "file is empty")
    await person.give("back", photos["back"])
    await person.ready()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")


async def test_nothing_is_sent_before_the_script_runs(slow, photos):
    """The form waits for the script, and not even a forced submission posts an image in clear."""
    person, arrive = slow
    await person.page.set_input_files("#front", person.file(photos["front"]))
    button = person.page.get_by_role("button", name="Submit photos")
    await expect(button).to_be_hidden()
    async with person.page.expect_request(lambda request: request.method == "POST") as posting:
        await person.page.evaluate("document.getElementById('capture').requestSubmit()")
    body = (await posting.value).post_data_buffer
    assert b"csrf_token" in body
    assert b"photo.jpg" not in body
    assert photos["front"][1000:1032] not in body
    arrive.set()
    await expect(button).to_be_visible()


@pytest.mark.parametrize("restore", ["late", "back", "reload"])
async def test_restored_files_are_looked_at(capture, photos, restore):
    """Browsers differ in what a file field holds after *back*: whatever it is, it has been read."""
    await capture.give("front", photos["front"])
    await capture.ready("front")
    if restore == "late":
        # As a browser does that restores its fields after the scripts have run: without a change event.
        await capture.page.evaluate(
            """async () => {
                const canvas = new OffscreenCanvas(30, 20);
                canvas.getContext("2d").fillRect(0, 0, 10, 10);
                const files = new DataTransfer();
                files.items.add(new File([await canvas.convertToBlob()], "photo.png"));
                document.getElementById("back").files = files.files;
                dispatchEvent(new PageTransitionEvent("pageshow"));
            }"""
        )
    elif restore == "back":
        await capture.page.goto("about:blank")
        await capture.page.go_back()
    else:
        await capture.page.reload()
    held = await capture.page.evaluate(
        "() => [...document.querySelectorAll('input[type=file]')].filter(f => f.files.length).map(f => f.id)"
    )
    assert "back" in held or restore != "late"
    # The front was uploaded before, and stays so.
    for side in {*held, "front"}:
        await capture.ready(side)
    await expect(capture.page.locator(".ready")).to_have_count(len({*held, "front"}))


async def test_data_url_is_decoded_before_it_is_encrypted(capture, proofing, photos):
    """The vendor sees the image that a data URL spells, not its text."""
    already = len(proofing.seen.read_text().splitlines())
    await capture.give("front", b"data:image/jpeg;base64," + base64.b64encode(photos["front"]), "photo.txt")
    await capture.give("back", photos["back"])
    await capture.ready()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert {facts["type"] for facts in seen} == {"image/jpeg"}


@pytest.mark.parametrize("failure", ["refused", "no slot", "not signed"])
async def test_failed_upload_is_reported_and_blocks(capture, photos, failure):
    """An upload that is refused is an error at the field, clears it, and blocks; choosing again works."""

    async def fail(route):
        await route.fulfill(status=403, json={"code": "expired"})

    pattern = {"no slot": "**/api/uploads", "not signed": "**/api/uploads/*"}.get(
        failure, "**/uploads/captures/**"
    )
    await capture.page.route(pattern, fail)
    await capture.give("front", photos["front"])
    await expect_error(capture, "front", "couldn’t accept")
    await capture.page.unroute(pattern)
    await capture.give("front", photos["front"])
    await capture.ready("front")
    await expect(capture.page.locator("#error-summary")).to_contain_text("Back of your ID")


async def test_failed_encryption_is_reported_and_blocks(proofing, person, photos):
    """When the browser cannot encrypt, nothing is uploaded in its place."""
    async with person.page.expect_worker() as starting:
        await person.consent(proofing.url)
    worker = await starting.value
    await worker.evaluate("() => { crypto.subtle.encrypt = () => Promise.reject(new Error('no')) }")
    uploads = []
    person.page.on("request", lambda request: uploads.append(request.url) if request.method == "PUT" else 0)
    await person.give("front", photos["front"])
    await expect_error(person, "front", "couldn’t encrypt")
    assert not uploads


async def test_the_page_itself_does_no_heavy_work(proofing, person):
    """The whole of reading, drawing, encrypting and uploading happens in the worker; the page is free."""
    await person.page.add_init_script(
        """
        const refuse = () => { throw new Error("on the thread of the page"); };
        for (const name of ["encrypt", "digest"]) crypto.subtle[name] = refuse;
        for (const name of ["arrayBuffer", "text", "stream", "slice"]) Blob.prototype[name] = refuse;
        FileReader = XMLHttpRequest = createImageBitmap = refuse;
        URL.createObjectURL = refuse;
        """
    )
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")


async def test_preview_is_small_and_upright(capture):
    """The preview is turned as the camera says, and so are the facts that the submission tells."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned by a quarter.
    photo = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(photo, "JPEG", exif=exif)
    await capture.give("front", photo.getvalue())
    await capture.give("back", capture.photos["back"])
    await capture.ready()
    preview = capture.page.get_by_role("img", name="front")
    await expect(preview).to_be_visible()
    shown = await preview.evaluate(
        """canvas => {
            const middle = [canvas.width / 2, canvas.height / 2, 1, 1];
            const [red, green, blue] = canvas.getContext("2d").getImageData(...middle).data;
            return [canvas.width, canvas.height, red > 200 && green < 50 && blue < 50];
        }"""
    )
    assert shown == [720, 1080, True]
    async with capture.page.expect_request("**/api/document") as submitting:
        await capture.submit_photos()
    facts = (await submitting.value).post_data_json["metadata"]["front"]
    assert (facts["width"], facts["height"], facts["mime"]) == (2000, 3000, "image/jpeg")
    await capture.heading("Enter your Social Security number")


async def end_worker(page, way):
    """Take the page's worker away in one of the ways in which browsers lose theirs."""
    if way == "its script does not load":
        await page.route("**/worker.js?*", lambda route: route.abort("connectionreset"))
    elif way == "an import of it does not load":
        await page.route("**/worker.js?*", with_text('import "./nothing.js";'))
    elif way == "its script never arrives":
        await page.route("**/worker.js?*", lambda _: None)
    elif way == "browser does not start it":
        await page.add_init_script("Worker = class { constructor() { throw new Error('none'); } };")
    elif way == "it fails while it works":
        await page.route("**/worker.js?*", with_text("addEventListener('message', () => { throw 1; });"))
    else:
        await page.route("**/worker.js?*", with_text("addEventListener('message', () => close());"))


def with_text(script):
    """Return a route that puts *script* in front of one of our own, whose imports stay as they are."""

    async def answer(route):
        ours = await route.fetch()
        await route.fulfill(response=ours, body=f"{script}\n{await ours.text()}")

    return answer


@pytest.mark.parametrize(
    "way",
    [
        "its script does not load",
        "an import of it does not load",
        "its script never arrives",
        "browser does not start it",
        "it fails while it works",
        "it ends without a word",
    ],
)
async def test_page_works_without_its_worker(proofing, person, photos, way):
    """However the worker is lost, the page encrypts and uploads by itself, and blames nobody's connection."""
    already = len(proofing.seen.read_text().splitlines())
    if way == "its script never arrives":
        await person.page.clock.install()
    await end_worker(person.page, way)
    await person.consent(proofing.url)
    await person.give("front", photos["front"])
    if way == "its script never arrives":
        await expect(person.page.locator("[data-side=front] .side-status")).to_contain_text("Reading")
        await person.later("00:11")
    await person.ready("front")
    await person.give("back", photos["back"])
    await person.ready()
    await expect(person.page.locator(".field-error:not(:empty)")).to_have_count(0)
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert len(seen) == len(photos)


async def test_another_photo_replaces_one_on_its_way(capture, photos):
    """The upload of a photo that was replaced is broken off, and only the later photo counts."""
    held = asyncio.get_running_loop().create_future()

    async def hold_the_first(route):
        if held.done():
            await route.continue_()
        else:
            held.set_result(route)

    await capture.page.route("**/uploads/captures/**", hold_the_first)
    async with capture.page.expect_event("requestfailed", lambda request: request.method == "PUT"):
        await capture.give("front", photos["front"])
        replaced = (await held).request.url
        await capture.give("front", photos["back"])
    await capture.give("back", photos["front"])
    await capture.ready()
    async with capture.page.expect_request("**/api/document") as submitting:
        await capture.submit_photos()
    images = (await submitting.value).post_data_json["images"]
    assert images["front"]["slot"] not in replaced
    await capture.heading("Enter your Social Security number")


async def test_every_upload_has_its_own_slot_key_stays_and_iv_is_fresh(capture, photos):
    """Choosing again uploads into a new slot; the submission names the last ones, one key, different IVs."""
    slots, posts = [], []

    async def listen(response):
        if response.url.endswith("/api/uploads"):
            slots.append((await response.json())["slot"])

    capture.page.on("response", listen)
    capture.page.on(
        "request", lambda request: posts.append(request) if request.url.endswith("/api/document") else 0
    )
    await capture.give("front", photos["back"])
    await capture.ready("front")
    await capture.give_photos()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")
    assert len(set(slots)) == 3
    body = posts[0].post_data_json
    front, back = body["images"]["front"], body["images"]["back"]
    assert {front["slot"], back["slot"]} < set(slots)
    assert slots[0] not in (front["slot"], back["slot"])
    assert front["iv"] != back["iv"]
    assert [len(base64.b64decode(value)) for value in (body["key"], front["iv"], back["iv"])] == [32, 12, 12]
    assert "url" not in json.dumps(body)


async def test_upload_alone_completes_nothing(capture, proofing):
    """Both images are uploaded, but nothing was submitted: the step is open."""
    await capture.give_photos()
    for path in ("/ssn", "/document/wait", "/verify"):
        await capture.page.goto(proofing.url + path)
        await capture.heading("Add photos of your ID")
    # The page, and with it the key, is gone: the session has both uploads, for a submission.
    await expect(capture.page.locator(".ready")).to_have_count(2)


async def test_progress_and_leaving(capture, photos):
    """While an upload runs its progress shows, leaving asks, and the submission waits for it."""
    release = asyncio.Event()

    async def hold(route):
        await release.wait()
        await route.continue_()

    await capture.page.route("**/uploads/captures/**", hold)
    await capture.give("front", photos["front"])
    await expect(capture.page.get_by_role("progressbar", name="Upload progress, front")).to_be_visible()
    await capture.page.locator("h1").click()
    asked = []

    async def stay(dialog):
        asked.append(dialog.type)
        await dialog.dismiss()

    capture.page.on("dialog", stay)
    await capture.page.evaluate("() => { location.href = '/consent' }")
    await capture.submit_photos()
    await expect(capture.page.locator(".busy")).to_contain_text("still uploading")
    assert asked == ["beforeunload"]
    release.set()
    await capture.ready("front")
    await expect(capture.page.locator("#error-summary")).to_contain_text("Back of your ID")
    await expect(capture.page.get_by_role("button", name="Submit photos")).not_to_have_attribute(
        "aria-disabled", "true"
    )


async def test_only_the_upload_target_may_be_reached(proofing, chromium, meet):
    """The policy stops all else that page and worker try, also to a neighbour port of the same machine."""
    context = await chromium.new_context()
    page = await context.new_page()
    person = meet(page)
    async with page.expect_worker() as starting:
        await person.consent(proofing.url)
    other = f"http://localhost:{proofing.port + 1}/"
    for thread in (page, await starting.value):
        reached = await thread.evaluate(
            "url => fetch(url, {mode: 'no-cors'}).then(() => 'reached', error => String(error))", other
        )
        assert "TypeError" in reached
    violated = await page.evaluate(
        """url => new Promise(done => {
            addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
            fetch(url).catch(() => {});
        })""",
        other,
    )
    assert violated == "connect-src"
    for untrusted in (
        "document.body.innerHTML = '<b>x</b>'",
        "new Worker('/static/x/worker.js')",
        "trustedTypes.createPolicy('worker', {})",
        "trustedTypes.createPolicy('other', {})",
    ):
        tried = f"try {{ {untrusted}; return 'done'; }} catch (error) {{ return error.name; }}"
        trusted = await page.evaluate(f"() => {{ {tried} }}")
        assert trusted == "TypeError", untrusted
    await context.close()


async def test_failed_image_is_refused_before_it_is_sent(capture):
    """An image that failed in this session is reported at the field, and costs no attempt."""
    alerts = "failed_alerts: [{name: Visible Pattern, result: Failed}]"
    failing = f"doc_auth_result: Failed\ntransaction_status: failed\n{alerts}"
    await capture.give_form(failing)
    await capture.submit_photos()
    await capture.heading("We couldn’t accept your photos")
    await expect(capture.page.get_by_text("You have 4 attempts left")).to_be_visible()
    await capture.page.get_by_role("link", name="Add new photos").click()
    await expect(capture.page.locator("#front-error")).to_contain_text("couldn’t verify this ID")
    await capture.give("front", f"{failing}\n# front\n".encode(), "id.yaml")
    await expect_error(capture, "front", "already used this photo")
    await capture.give_photos()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_tampered_upload_is_reported(capture, photos):
    """Ciphertext that was changed on its way is refused by the store, and the field says so."""

    async def tamper(route):
        body = bytearray(route.request.post_data_buffer)
        body[100] ^= 1
        await route.continue_(post_data=bytes(body))

    await capture.page.route("**/uploads/captures/**", tamper)
    await capture.give("front", photos["front"])
    await expect_error(capture, "front", "couldn’t accept")


async def test_swapped_ivs_end_with_their_own_screen(capture):
    """A submission whose IVs were swapped ends as unreadable, not as a time-out, and can be repeated."""

    async def swap(route):
        body = route.request.post_data_json
        front, back = body["images"]["front"], body["images"]["back"]
        front["iv"], back["iv"] = back["iv"], front["iv"]
        await route.continue_(post_data=json.dumps(body))

    await capture.page.route("**/api/document", swap)
    await capture.give_photos()
    await capture.submit_photos()
    await capture.heading("We couldn’t open your photos")
    await capture.page.unroute("**/api/document")
    await capture.page.get_by_role("link", name="Add photos again").click()
    await capture.give_photos()
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_submission_that_fails_keeps_the_photos(capture):
    """A technical problem is reported alongside the button, which then works with the same photos."""

    async def away(route):
        await route.fulfill(status=503, json={"code": "technical"})

    await capture.page.route("**/api/document", away)
    await capture.give_photos()
    await capture.submit_photos()
    await expect(capture.page.locator(".busy")).to_contain_text("Your photos are still here")
    await capture.page.unroute("**/api/document")
    await capture.submit_photos()
    await capture.heading("Enter your Social Security number")


async def test_ended_session_while_capturing(capture, photos):
    """When the session has ended meanwhile, choosing a photo leads to the page that says so."""
    await capture.page.context.clear_cookies()
    await capture.give("front", photos["front"])
    await capture.heading("Your session has ended")
