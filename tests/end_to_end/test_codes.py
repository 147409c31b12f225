"""The confirmation code in Chromium: by keyboard, without script, and how its pages are built."""

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def reach_code(person, url, phone="202-555-0123"):
    """Go to the confirmation of the phone."""
    await person.consent(url)
    await person.give_photos()
    await person.submit_photos()
    await person.give_ssn()
    await person.submit_information()
    await person.heading("Enter your phone number")
    await person.give_phone(phone)
    await person.heading("Confirm your phone number")


async def test_pages_of_the_code(confirming, page, person):
    """Small phones, fingers, labels and descriptions; browsers may fill in the code; a keyboard is enough."""
    await reach_code(person, confirming.url)
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.get_by_role("button", name="Send a text message").press("Enter")
    await person.heading("Enter your confirmation code")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    field = page.get_by_label("Confirmation code")
    assert await field.get_attribute("autocomplete") == "one-time-code"
    assert await field.get_attribute("inputmode") == "numeric"
    await expect(field).to_have_accessible_description("6 digits. The code is valid for 10 minutes.")
    await field.press("Enter")
    await expect(page.locator("#error-summary")).to_be_focused()
    await expect(field).to_have_accessible_description(
        "6 digits. The code is valid for 10 minutes. Error: Enter the code that we sent you"
    )
    assert await field.get_attribute("aria-invalid") == "true"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(field).to_be_focused()
    await page.keyboard.type(await page.locator("#test-code").inner_text())
    await page.keyboard.press("Enter")
    await person.heading("You’re verified")


async def test_who_opted_out_takes_a_call(confirming, page, person):
    """The screen says what to do, and the call brings the code."""
    await reach_code(person, confirming.url, "703-555-0181")
    await person.get_code()
    await person.heading("This number doesn’t accept our text messages")
    await page.get_by_role("link", name="Get a code another way").click()
    await person.get_code("Get a call")
    await person.heading("Enter your confirmation code")
    await person.return_code()
    await person.heading("You’re verified")


async def test_without_script(confirming, chromium, page, person):
    """The waiting page refreshes itself, or is asked again; both forms work."""
    await reach_code(person, confirming.url)
    state = await page.context.storage_state()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    plain = type(person)(await context.new_page(), person.photos)
    await plain.page.goto(f"{confirming.url}/code")
    await plain.get_code()
    again = plain.page.get_by_role("button", name="Check again")
    field = plain.page.get_by_label("Confirmation code")
    await expect(again.or_(field).first).to_be_visible()
    while not await field.is_visible():
        await again.click()
    await plain.return_code()
    await plain.heading("You’re verified")
    await context.close()
