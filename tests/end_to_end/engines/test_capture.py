"""What the capture page does with files and finished uploads, in Firefox and WebKitGTK."""

import hashlib
import io
import json

import pytest
from PIL import Image

from proofing.rules.image_check import inspect_image

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_motion_photos_and_a_reload(proofing, visitor):
    """The film behind a photo stays on the device; finished uploads survive a reload, and are submitted."""
    already = len(proofing.seen.read_text().splitlines())
    photos = dict(visitor.photos)
    visitor.photos = {side: content + b"\0\0\0\x18ftypmp42" * 20_000 for side, content in photos.items()}
    await visitor.consent(proofing.url)
    await visitor.give_photos()
    await visitor.tab.reload()
    for name in ("Front", "Back"):
        await visitor.tab.see(f"[data-side={name.lower()}] .side-status", f"{name}: uploaded")
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert {facts["side"]: facts["sha256"] for facts in seen} == {
        side: hashlib.sha256(inspect_image(content).content).hexdigest() for side, content in photos.items()
    }


async def test_a_photo_above_a_limit_is_made_smaller(proofing, visitor):
    """Each engine decodes the photo that the page gives it, and submits a smaller one, upright."""
    already = len(proofing.seen.read_text().splitlines())
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned by a quarter.
    Image.new("L", (9248, 6936), "gray").save(file, "JPEG", exif=exif)
    await visitor.consent(proofing.url)
    await visitor.give(front=file.getvalue(), back=visitor.photos["back"])
    preview = "document.querySelector('[data-side=front] .preview')"
    assert await visitor.tab.evaluate(f"() => [{preview}.width, {preview}.height]") == [720, 960]
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert {facts["side"] for facts in seen} == {"front", "back"}


async def test_a_photo_by_the_camera(proofing, visitor):
    """The page films with the engine's made-up camera; closing it takes none, and the vendor gets a photo."""
    already = len(proofing.seen.read_text().splitlines())
    await visitor.consent(proofing.url)
    await visitor.give(back=visitor.photos["back"])
    front = "[data-side=front]"
    for button in ("close", "take"):
        await visitor.tab.click(f"{front} [data-camera=open]")
        await visitor.tab.wait_for(f"() => document.querySelector('{front} video').videoWidth > 0")
        await visitor.tab.click(f"{front} [data-camera={button}]")
    await visitor.tab.see(f"{front}.ready")
    assert await visitor.tab.evaluate(f"() => document.querySelector('{front} video').srcObject === null")
    await visitor.submit_photos()
    await visitor.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert {(facts["side"], facts["type"]) for facts in seen} == {
        ("front", "image/jpeg"),
        ("back", "image/jpeg"),
    }
