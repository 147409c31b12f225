"""From a relying party's link to its return URL in a real browser, by policies of every kind."""

import re

import pytest
from playwright.async_api import expect

from proofing.cli.smoke import make_image
from proofing_devtools.agency import RETURN_URL
from proofing_devtools.page_structure import check_structure

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def start(agency, page, person, policy):
    """Use a new link of *policy* and consent; return the verification."""
    verification, link = await agency.make_link(policy, f"{policy} in chromium")
    await page.route("https://agency.example.gov/**", lambda route: route.fulfill(body="<h1>Back</h1>"))
    await page.goto(link)
    await person.heading("Verify your identity")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Continue").click()
    return verification


async def type_identity(page, person, *, with_id):
    """Type name, date of birth, and the number of a license where it is asked for."""
    await person.heading("Tell us who you are")
    await page.get_by_label("First name").fill("Fakey")
    await page.get_by_label("Last name").fill("McFakerson")
    for label, text in (("Month", "10"), ("Day", "6"), ("Year", "1938")):
        await page.get_by_label(label, exact=True).fill(text)
    await expect(page.get_by_label("Kind of ID")).to_have_count(int(with_id))
    if with_id:
        await page.get_by_label("Kind of ID").select_option("Driver’s license")
        await page.get_by_label("Number on the ID").fill("1111111111111")
        await page.get_by_label("State that issued it").select_option("North Dakota")
    await page.get_by_role("button", name="Continue").click()


async def type_address(page, person):
    """Type the home address."""
    await person.heading("Your home address")
    await page.get_by_label("Street address").fill("1 Fake Rd")
    await page.get_by_label("City").fill("Great Falls")
    await page.get_by_label("State or territory").select_option("Montana")
    await page.get_by_label("ZIP code").fill("59010")
    await page.get_by_role("button", name="Save address").click()


async def agree_to_selfie(page, person):
    """Agree to the selfie."""
    await person.heading("A photo of yourself")
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Agree and continue").click()


async def return_to_agency(page, person, verification):
    """Expect the verdict, and take the way back."""
    await person.heading("You’re verified")
    assert "/outcome" in page.url
    await page.get_by_role("link", name="Continue to The Agency").click()
    await page.wait_for_url("https://agency.example.gov/**")
    assert page.url == f"{RETURN_URL}&verification_id={verification}"


async def test_document_only(agency, page, person):
    """Photos, and nothing else."""
    verification = await start(agency, page, person, "document")
    await person.give_photos()
    await person.submit_photos()
    await return_to_agency(page, person, verification)


async def test_structure_of_the_pages_of_a_link(agency, page, person):
    """What a link shows, from its first page until the information is deleted."""
    _verification, link = await agency.make_link("resolution", "structure in chromium")
    await page.goto(link)
    await person.heading("Verify your identity")
    await check_structure(page)
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Continue").click()
    await person.heading("Tell us who you are")
    await check_structure(page)
    await page.get_by_role("button", name="Continue").click()
    await check_structure(page)
    await type_identity(page, person, with_id=True)
    await person.heading("Enter your Social Security number")
    await page.get_by_text("Cancel and exit").click()
    await page.get_by_role("button", name="Delete my information and exit").click()
    await person.heading("This identity check was canceled")
    await check_structure(page)
    await page.get_by_role("link", name="Delete my information").click()
    await person.heading("Do you want to delete your information?")
    await check_structure(page)
    await page.get_by_role("button", name="Delete my information").click()
    await person.heading("Your information is being deleted")
    await check_structure(page)


async def test_phone_and_code(agency, page, person):
    """A name, since the vendor compares it; the number; the code."""
    verification = await start(agency, page, person, "phone_and_code")
    await type_identity(page, person, with_id=False)
    await person.give_phone()
    await person.get_code()
    await person.heading("Enter your confirmation code")
    await person.return_code()
    await return_to_agency(page, person, verification)


async def test_resolution_typed(agency, page, person):
    """Errors have the focus; what was typed stays."""
    verification = await start(agency, page, person, "resolution")
    await person.heading("Tell us who you are")
    await page.get_by_label("Last name").fill("McFakerson")
    await page.get_by_role("button", name="Continue").click()
    summary = page.locator("#error-summary")
    await expect(summary).to_be_focused()
    await expect(summary.get_by_role("link")).to_have_count(4)
    await summary.get_by_role("link", name="Enter month, day, and year").click()
    await expect(page.get_by_label("Month", exact=True)).to_be_focused()
    await expect(page.get_by_label("Last name")).to_have_value("McFakerson")
    await type_identity(page, person, with_id=True)
    await page.get_by_label("Social Security number").fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await type_address(page, person)
    await person.heading("Check your information")
    await person.submit_information()
    await return_to_agency(page, person, verification)


async def test_everything(agency, page, person):
    """In the colors of the policy, with its logo."""
    verification = await start(agency, page, person, "everything")
    await expect(page.locator(".site-partner")).to_have_text("for Department of Examples")
    await agree_to_selfie(page, person)
    logo = page.locator(".site-partner img")
    assert await logo.evaluate("image => image.complete && image.naturalWidth > 0")
    await person.give("selfie", make_image())
    await person.give_photos()
    await person.ready("selfie")
    button = page.get_by_role("button", name="Submit photos")
    await expect(button).to_have_css("background-color", "rgb(139, 10, 26)")
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    await person.give_ssn()
    await person.submit_information()
    await person.heading("Enter your phone number")
    await person.give_phone()
    await person.get_code()
    await person.heading("Enter your confirmation code")
    await person.return_code()
    await person.heading("You’re verified")
    await expect(page.get_by_role("link", name="Continue to Department of Examples")).to_have_attribute(
        "href", re.compile(re.escape(f"{RETURN_URL}&verification_id={verification}"))
    )


async def test_by_keyboard_and_on_a_small_screen(agency, page, person):
    """The page of the link and that of the identity fit 320 pixels, and need no mouse."""
    await page.set_viewport_size({"width": 320, "height": 480})
    _, link = await agency.make_link("resolution", "small screen")
    fits = "document.documentElement.scrollWidth <= innerWidth"
    await page.goto(link)
    assert await page.evaluate(fits)
    await page.get_by_role("button", name="Start", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("I agree").press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await person.heading("Tell us who you are")
    assert await page.evaluate(fits)
    await page.get_by_label("First name").focus()
    for text in ("Fakey", "", "McFakerson", "10", "6", "1938"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await expect(page.get_by_label("Kind of ID")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_text("Cancel and exit").click()
    await page.get_by_role("button", name="Delete my information and exit").click()
    await person.heading("This identity check was canceled")
    assert await page.evaluate(fits)


async def test_without_script(agency, chromium):
    """Everything but photos is forms: a whole verification without JavaScript."""
    verification, link = await agency.make_link("phone_and_code", "no script")
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Last name").fill("McFakerson")
    for label, text in (("Month", "10"), ("Day", "6"), ("Year", "1938")):
        await page.get_by_label(label, exact=True).fill(text)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Phone number").fill("202-555-0143")
    await page.get_by_role("button", name="Check number").click()
    await expect(page.get_by_role("heading", name="Confirm your phone number")).to_be_visible()
    assert verification not in page.url
    await context.close()
