"""The hand-off in two browsers: a computer shows a code, a phone takes the photos, the computer continues."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing_devtools.page_structure import check_structure

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}
OFFER, NUMBER = "Take the photos with your phone instead", ".handoff-number"


@pytest_asyncio.fixture(loop_scope="session")
async def phone(chromium, meet):
    """A person's phone, with a browser of its own."""
    context = await chromium.new_context(**PHONE)
    page = await context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield meet(page)
    await context.close()
    assert not wrong


async def show_link(proofing, person):
    """Have the computer show the link, and return it."""
    await person.consent(proofing.url)
    await person.page.get_by_role("button", name=OFFER).click()
    await person.heading("Continue on your phone")
    await expect(person.page.get_by_role("img", name="QR code with the link")).to_be_visible()
    return await person.page.locator(".handoff-link").inner_text()


async def connect(proofing, person, phone):
    """Have the phone open the link, and the computer confirm the number."""
    await phone.page.goto(await show_link(proofing, person))
    await phone.page.get_by_role("button", name="Start on this phone").click()
    await phone.heading("Check this number")
    await person.heading("Does your phone show this number?")
    number = await phone.page.locator(NUMBER).inner_text()
    await expect(person.page.locator(NUMBER)).to_have_text(number)
    await person.page.get_by_role("button", name="Yes, my phone shows it").click()
    await person.heading("Take the photos on your phone")
    await phone.heading("Add photos of your ID")


async def test_a_phone_takes_the_photos(proofing, person, phone, photos):
    """The computer hears of each step by itself, and continues; what the phone sends is ciphertext."""
    already = len(proofing.seen.read_text().splitlines())
    puts = []
    phone.page.on("request", lambda request: puts.append(request) if request.method == "PUT" else None)
    await connect(proofing, person, phone)
    await expect(phone.page.get_by_role("button", name=OFFER)).to_have_count(0)
    await phone.give_photos()
    await phone.page.reload()
    await phone.ready()
    await phone.submit_photos()
    await phone.heading("Your photos were sent")
    await person.heading("Enter your Social Security number")
    seen = [json.loads(line) for line in proofing.seen.read_text().splitlines()[already:]]
    assert {facts["side"] for facts in seen} == {"front", "back"}
    assert len(puts) == len(photos)
    assert not any(put.post_data_buffer.startswith(b"\xff\xd8\xff") for put in puts)
    assert await phone.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
        0,
        0,
        "",
    ]


@pytest.mark.parametrize("who", ["computer", "phone"])
async def test_either_side_cancels(proofing, person, phone, who):
    """The other one says so by itself, and the computer takes the photos."""
    await connect(proofing, person, phone)
    if who == "computer":
        await person.page.get_by_role("button", name="Use this computer instead").click()
        await person.heading("Add photos of your ID")
        await phone.heading("Continue on your computer")
    else:
        await phone.page.get_by_role("button", name="Stop on this phone").click()
        await person.heading("You stopped on your phone")
        await person.page.get_by_role("button", name="Use this computer instead").click()
        await person.heading("Add photos of your ID")
    await person.give_photos()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")


async def test_pages_of_both_devices(proofing, person, phone):
    """One heading, labels, targets, 320 pixels: on each page of the link, the number and the photos."""
    link = await show_link(proofing, person)
    await check_structure(person.page)
    await phone.page.goto(link)
    await check_structure(phone.page)
    await phone.page.get_by_role("button", name="Start on this phone").click()
    await phone.heading("Check this number")
    await check_structure(phone.page)
    await person.heading("Does your phone show this number?")
    await expect(person.page.locator("h1")).to_be_focused()
    await check_structure(person.page)
    await person.page.get_by_role("button", name="Yes, my phone shows it").click()
    await phone.heading("Add photos of your ID")
    await check_structure(phone.page)


async def test_the_link_comes_by_text_message(confirming, person, phone):
    """A worker sends it, and the computer's page says so by itself; its link opens on the phone."""
    await show_link(confirming, person)
    page = person.page
    await page.get_by_role("link", name="Get the link by text message instead").click()
    await person.heading("Get the link by text message")
    await check_structure(page)
    field = page.get_by_label("Phone number")
    await field.fill("416-555-0123")
    await field.press("Enter")
    await expect(page.locator("#error-summary")).to_be_focused()
    await expect(field).to_have_value("416-555-0123")
    await field.fill("202-555-0123")
    await field.press("Enter")
    await person.heading("Continue on your phone")
    await expect(page.get_by_text("We sent the link to your phone.")).to_be_visible()
    await check_structure(page)
    message = await page.locator("#test-message").inner_text()
    assert await page.locator(".handoff-link").last.inner_text() in message
    await phone.page.goto(message.split()[-1])
    await phone.page.get_by_role("button", name="Start on this phone").click()
    await phone.heading("Check this number")
    await person.heading("Does your phone show this number?")
