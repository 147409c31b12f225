"""Visits of the capture page and the hand-off for scripts/screenshots.py."""

import base64
import io
from typing import Any, Protocol

from PIL import Image, ImageFilter
from playwright.async_api import Page, expect

#: A camera that films a table with the card `window.cardBytes` on it, too far away for the shutter.
_FILMED = """
    navigator.mediaDevices.getUserMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 1080, height: 1080 });
        const context = canvas.getContext("2d");
        const bytes = Uint8Array.from(atob(window.cardBytes), (letter) => letter.charCodeAt(0));
        const card = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
        const draw = () => {
            context.fillStyle = "#4b535c";
            context.fillRect(0, 0, 1080, 1080);
            context.drawImage(card, 390, 440, 300, 200);
        };
        draw();
        setInterval(draw, 100);
        return canvas.captureStream(10);
    };
"""


class Take(Protocol):
    """Takes the image of a page, under a name."""

    async def __call__(self, page: Page, name: str, *, full_page: bool = True) -> None:
        """Take the whole page, or what is on the screen."""


async def take_photos(person: Any, url: str, take: Take, *, card: bytes) -> None:
    """Choose a language, film *card*, and get advice."""
    page = person.page
    await page.add_init_script(f"window.cardBytes = '{base64.b64encode(card).decode()}'; {_FILMED}")
    await page.goto(url)
    await page.locator(".languages summary").click()
    await take(page, "language", full_page=False)
    await person.consent(url)
    front = person.side("front")
    await front.get_by_role("button", name="Use camera").click()
    await expect(front.locator(".camera-advice")).to_have_text("Move closer.")
    await take(page, "document-camera", full_page=False)
    await front.get_by_role("button", name="Close camera").click()
    blurred = Image.open(io.BytesIO(card)).filter(ImageFilter.GaussianBlur(8))
    file = io.BytesIO()
    blurred.save(file, "JPEG")
    await person.give("front", file.getvalue())
    await person.ready("front")
    await take(page, "document-hint")
    await front.get_by_role("button", name="Remove").click()
    await page.locator(".languages summary").click()
    await page.get_by_role("button", name="Français").click()
    await person.heading("Ajoutez des photos de votre pièce d’identité")
    await take(page, "document-french")


async def continue_on_a_phone(person: Any, phone: Any, url: str, take: Take) -> None:
    """Have a phone take the photos of a computer."""
    computer = person.page
    await person.consent(url)
    await take(computer, "handoff-offer")
    await computer.get_by_role("button", name="Take the photos with your phone").click()
    await person.heading("Continue on your phone")
    await take(computer, "handoff-code")
    await phone.page.goto(await computer.locator(".handoff-link").inner_text())
    await take(phone.page, "handoff-link")
    await phone.page.get_by_role("button", name="Start on this phone").click()
    await phone.heading("Check this number")
    await take(phone.page, "handoff-phone-number")
    await person.heading("Does your phone show this number?")
    await take(computer, "handoff-computer-number")
    await computer.get_by_role("button", name="Yes, my phone shows it").click()
    await person.heading("Take the photos on your phone")
    await take(computer, "handoff-waiting")
    await phone.heading("Add photos of your ID")
    await take(phone.page, "handoff-photos")
    await phone.give_photos()
    await phone.submit_photos()
    await phone.heading("Your photos were sent")
    await take(phone.page, "handoff-sent")
