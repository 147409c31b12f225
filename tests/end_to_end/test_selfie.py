"""The selfie in a browser: the statement, the front camera, what the vendor gets, and the way without."""

import io
import json
import re

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

#: Notes what a page wants of the camera.
WISHES = """
    window.wishes = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => {
        window.wishes.push(wanted.video.facingMode);
        return open(wanted);
    };
"""
#: As in the tests of the journeys: what can be tapped and is lower than 44 CSS pixels.
SMALL_TARGETS = """[...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
  .filter(target => target.checkVisibility({ visibilityProperty: true }) && !target.matches(".skip"))
  .filter(target => (target.closest("label") ?? target).getBoundingClientRect().height < 43.9)
  .map(target => target.outerHTML)"""
STATEMENT, PHOTOS = "A photo of yourself", "Add photos of your ID"


def form(message):
    """Return the testers' file of a selfie that does not pass."""
    verdict = {"FaceMatchResult": "Fail", "FaceErrorMessage": message}
    return json.dumps({"portrait_match_results": verdict}).encode()


async def agree(person):
    """Agree to the statement on show."""
    await person.page.get_by_label("I agree").check()
    await person.page.get_by_role("button", name="Agree and continue").click()
    await person.heading(PHOTOS)


@pytest_asyncio.fixture(loop_scope="session")
async def asked(asking, person):
    """A person who reads how a selfie is used."""
    await person.consent(asking.url, STATEMENT)
    return person


async def test_a_photo_by_the_front_camera(asking, page, asked):
    """The person agrees, takes it with the camera of a computer, and the vendor gets it: it matches."""
    already = len(asking.seen.read_text().splitlines())
    await page.add_init_script(WISHES)
    await agree(asked)
    await asked.give_photos()
    await expect(page.locator("#selfie")).to_have_attribute("capture", "user")
    side = asked.side("selfie")
    await side.get_by_role("button", name="Use camera").click()
    await expect(side.locator("video")).to_be_visible()
    await side.get_by_role("button", name="Take photo").click()
    await asked.ready("front", "back", "selfie")
    assert await page.evaluate("window.wishes") == ["user"]
    async with page.expect_request("**/api/document") as submitting:
        await asked.submit_photos()
    assert (await submitting.value).post_data_json["metadata"]["selfie"]["source"] == "camera"
    await asked.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in asking.seen.read_text().splitlines()[already:]]
    assert {(facts["side"], facts["type"]) for facts in seen} == {
        *(("front", "image/jpeg"), ("back", "image/jpeg"), ("selfie", "image/jpeg"))
    }
    await asked.give_ssn()
    await expect(page.locator("dl.summary")).to_contain_text("Matches the portrait on your ID")


async def test_a_file_and_a_reload(asked, photos):
    """Without a camera a file will do; it survives a reload, and leaves the browser encrypted."""
    bodies = []
    asked.page.on("request", lambda one: bodies.append(one.post_data_buffer) if one.method == "PUT" else None)
    await agree(asked)
    file = io.BytesIO()
    Image.open(io.BytesIO(photos["front"])).transpose(Image.Transpose.ROTATE_180).save(file, "JPEG")
    selfie = file.getvalue()
    await asked.give("selfie", selfie)
    await asked.ready("selfie")
    assert len(bodies) == 1
    assert selfie[1000:1032] not in bodies[0]
    await asked.page.reload()
    await expect(asked.side("selfie").locator(".side-status")).to_have_text("Photo of yourself: uploaded")
    await asked.give_photos()
    await asked.submit_photos()
    await asked.heading("Enter your Social Security number")


async def test_the_box_must_be_checked(asking, asked):
    """The error takes the focus and leads to the box; no photo can be given meanwhile."""
    await asked.page.get_by_role("button", name="Agree and continue").click()
    summary = asked.page.locator("#error-summary")
    await expect(summary).to_be_focused()
    await expect(asked.page).to_have_title(re.compile("^Error: "))
    await summary.get_by_role("link").click()
    await expect(asked.page.locator("#consent")).to_be_focused()
    await asked.page.goto(f"{asking.url}/document")
    await asked.heading(STATEMENT)


async def test_who_declines_is_shown_another_way(asking, asked):
    """By the keyboard alone; the text is the organization's, and the way back is open."""
    await asked.page.get_by_role("button", name="Show me another way").press("Enter")
    await asked.heading("Another way to verify your identity")
    await expect(asked.page.locator("h1")).to_be_focused()
    await expect(asked.page.locator("main")).to_contain_text("Come to any of our offices.")
    await asked.page.get_by_role("link", name="Take a photo of yourself after all").click()
    await asked.heading(STATEMENT)
    await agree(asked)


@pytest.mark.parametrize(
    ("message", "title", "found"),
    [
        ("NoFace", "We couldn’t use the photo of yourself", "find a face"),
        ("SeveralFaces", "We couldn’t use the photo of yourself", "more than one face"),
        ("TooDark", "We couldn’t use the photo of yourself", "too dark"),
        ("Liveness: NotLive", "We couldn’t use the photo of yourself", "printed photo or a screen"),
        ("", "We couldn’t match the photo of yourself to your ID", "isn’t clear"),
    ],
)
async def test_a_selfie_that_does_not_pass(asked, message, title, found):
    """What was found, the attempts left, new photos, or the other way: never a dead end."""
    await agree(asked)
    await asked.give_photos()
    await asked.give("selfie", form(message), "selfie.yaml")
    await asked.ready("selfie")
    await asked.submit_photos()
    await asked.heading(title)
    main = asked.page.locator("main")
    await expect(main).to_contain_text(found)
    await expect(main).to_contain_text("This counts as an attempt")
    await expect(main).to_contain_text("attempts left")
    # Where the document may be to blame as well, its photos are taken again.
    is_alone = message != ""
    again = "Take a new photo of yourself" if is_alone else "Add photos again"
    await asked.page.get_by_role("link", name=again).click()
    await asked.heading(PHOTOS)
    await expect(asked.side("selfie")).to_have_class(re.compile("has-error"))
    front = asked.side("front").locator(".side-status")
    await expect(front).to_have_text("Front: uploaded" if is_alone else "")
    await asked.page.go_back()
    await asked.page.get_by_role("link", name="Options without a photo of yourself").click()
    await asked.heading(STATEMENT)


async def test_the_selfie_alone_is_taken_again(asking, asked):
    """After one that was too dark: the vendor gets the same photos of the ID with the new one."""
    already = len(asking.seen.read_text().splitlines())
    await agree(asked)
    await asked.give_photos()
    await asked.give("selfie", form("TooDark"), "selfie.yaml")
    await asked.ready("selfie")
    await asked.submit_photos()
    await asked.page.get_by_role("link", name="Take a new photo of yourself").click()
    await asked.heading(PHOTOS)
    await asked.give("selfie", asked.photos["front"])
    await expect(asked.side("selfie").locator(".field-error")).to_contain_text("same photo")
    side = asked.side("selfie")
    await side.get_by_role("button", name="Use camera").click()
    await side.get_by_role("button", name="Take photo").click()
    await asked.ready("selfie")
    await asked.submit_photos()
    await asked.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in asking.seen.read_text().splitlines()[already:]]
    sides = [(facts["side"], facts["sha256"]) for facts in seen if facts["side"] != "selfie"]
    assert len(sides) == 4
    assert len(set(sides)) == 2


async def test_small_screens(asking, page, asked):
    """Statement, other way and field fit a small telephone, and a finger finds what it aims at."""

    async def check():
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await page.evaluate(SMALL_TARGETS) == []
        assert await page.get_by_role("heading", level=1).count() == 1

    await check()
    await page.get_by_role("button", name="Show me another way").click()
    await asked.heading("Another way to verify your identity")
    await check()
    await page.goto(f"{asking.url}/selfie?again")
    await agree(asked)
    await check()
