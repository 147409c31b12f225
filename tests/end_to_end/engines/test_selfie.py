"""The selfie in Firefox and WebKitGTK: statement, field, result, and the way without."""

import json

import pytest

from proofing.cli.smoke import make_image

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
STATEMENT, PHOTOS = "A photo of yourself", "Add photos of your ID"
#: Notes what the page wants of the camera. By the prototype: WebKit forgets what is set on `mediaDevices`
#: itself when it collects garbage.
WISHES = """() => {
    window.wishes = [];
    const open = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = function (wanted) {
        window.wishes.push(wanted.video.facingMode);
        return open.call(this, wanted);
    };
}"""
FITS = "() => document.documentElement.scrollWidth <= innerWidth"


async def agree(visitor):
    """Agree to the statement on show."""
    await visitor.tab.click("#consent")
    await visitor.tab.click("text=Agree and continue")
    await visitor.heading(PHOTOS)


async def test_a_selfie(asking, visitor):
    """The person agrees, and the vendor compares what the browser encrypted."""
    already = len(asking.seen.read_text().splitlines())
    await visitor.consent(asking.url, STATEMENT)
    await agree(visitor)
    assert (
        await visitor.tab.evaluate("() => document.querySelector('#selfie').getAttribute('capture')")
        == "user"
    )
    await visitor.give(**visitor.photos, selfie=make_image())
    await visitor.submit_photos()
    await visitor.give_ssn()
    await visitor.tab.see("dl.summary", "Matches the portrait on your ID")
    seen = [json.loads(line)["side"] for line in asking.seen.read_text().splitlines()[already:]]
    assert sorted(seen) == ["back", "front", "selfie"]


async def test_a_selfie_that_does_not_pass_and_the_way_without(asking, visitor):
    """Each page fits a small screen; a failed selfie leads to new photos, or to the other way."""
    await visitor.tab.resize(320, 640)
    await visitor.consent(asking.url, STATEMENT)
    assert await visitor.tab.evaluate(FITS)
    await agree(visitor)
    assert await visitor.tab.evaluate(FITS)
    form = b"portrait_match_results: {FaceMatchResult: Fail, FaceErrorMessage: NoFace}"
    await visitor.give(**visitor.photos, selfie=form)
    await visitor.submit_photos()
    await visitor.heading("We couldn’t use the photo of yourself")
    assert await visitor.tab.evaluate(FITS)
    await visitor.tab.click("text=Options without a photo of yourself")
    await visitor.heading(STATEMENT)
    await visitor.tab.click("text=Show me another way")
    await visitor.heading("Another way to verify your identity")
    await visitor.tab.see("main", "Come to any of our offices.")
    await visitor.tab.wait_for("() => document.activeElement.matches('h1')")
    assert await visitor.tab.evaluate(FITS)


async def test_a_selfie_by_the_camera_and_another_one(asking, visitor):
    """The front camera is wanted; after one that was too dark only the selfie is taken again."""
    already = len(asking.seen.read_text().splitlines())
    await visitor.consent(asking.url, STATEMENT)
    await agree(visitor)
    form = b"portrait_match_results: {FaceMatchResult: Fail, FaceErrorMessage: TooDark}"
    await visitor.give(**visitor.photos, selfie=form)
    await visitor.submit_photos()
    await visitor.tab.click("text=Take a new photo of yourself")
    await visitor.tab.see("[data-side=front] .side-status", "Front: uploaded")
    await visitor.tab.evaluate(WISHES)
    await visitor.tab.click("[data-side=selfie] [data-camera=open]")
    await visitor.tab.wait_for("() => document.querySelector('[data-side=selfie] video').videoWidth > 0")
    assert await visitor.tab.evaluate("() => window.wishes") == ["user"]
    await visitor.tab.click("[data-side=selfie] [data-camera=take]")
    await visitor.tab.see("[data-side=selfie].ready")
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")
    seen = [json.loads(line)["side"] for line in asking.seen.read_text().splitlines()[already:]]
    assert sorted(seen) == ["back", "back", "front", "front", "selfie", "selfie"]
