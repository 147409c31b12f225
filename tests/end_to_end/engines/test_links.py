"""From a relying party's link to its outcome in Firefox and WebKitGTK."""

import pytest

from proofing.cli.smoke import make_image
from proofing_devtools.agency import RETURN_URL

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
WAY_BACK = "() => document.querySelector('main a.button').href"


async def start(agency, engine, visitor, policy):
    """Use a new link of *policy* and consent; return the verification."""
    verification, link = await agency.make_link(policy, f"{policy} in {type(engine).__name__}")
    await visitor.tab.goto(link)
    await visitor.heading("Verify your identity")
    await visitor.tab.click("text=Start")
    await visitor.tab.click("#consent")
    await visitor.tab.click("text=Continue")
    return verification


async def type_identity(visitor, *, with_id=False):
    """Type who one is."""
    tab = visitor.tab
    await visitor.heading("Tell us who you are")
    await tab.fill("#first_name", "Fakey")
    await tab.fill("#last_name", "McFakerson")
    for field, text in (("month", "10"), ("day", "6"), ("year", "1938")):
        await tab.fill(f"#dob_{field}", text)
    if with_id:
        await choose(tab, "document_type_received", "drivers_license")
        await tab.fill("#state_id_number", "1111111111111")
        await choose(tab, "state_id_jurisdiction", "ND")
    await tab.click("text=Continue")


async def choose(tab, field, value):
    """Choose one of a list, as no engine lets a test do it by hand alike."""
    await tab.evaluate("(id, value) => { document.getElementById(id).value = value; }", field, value)


async def confirm_phone(visitor):
    """Have a code sent and enter it."""
    tab = visitor.tab
    await visitor.heading("Confirm your phone number")
    await tab.click("text=Send a text message")
    await visitor.heading("Enter your confirmation code")
    await tab.fill("#code", await tab.evaluate("() => document.querySelector('#test-code').textContent"))
    await tab.click("text=Confirm")


async def expect_way_back(visitor, verification):
    """Expect the verdict and the way back."""
    await visitor.heading("You’re verified")
    assert await visitor.tab.evaluate(WAY_BACK) == f"{RETURN_URL}&verification_id={verification}"


async def test_document_only(agency, engine, visitor):
    """Photos, and nothing else."""
    verification = await start(agency, engine, visitor, "document")
    await visitor.give_photos()
    await visitor.submit_photos()
    await expect_way_back(visitor, verification)


async def test_phone_and_code(agency, engine, visitor):
    """The name that the vendor compares, the number, the code."""
    verification = await start(agency, engine, visitor, "phone_and_code")
    await type_identity(visitor)
    await visitor.give_phone()
    await confirm_phone(visitor)
    await expect_way_back(visitor, verification)


async def test_resolution_typed(agency, engine, visitor):
    """A missing year is reported at its field, which the summary leads to."""
    verification = await start(agency, engine, visitor, "resolution")
    tab = visitor.tab
    await visitor.heading("Tell us who you are")
    await tab.click("text=Continue")
    await tab.wait_for("() => document.activeElement.id === 'error-summary'")
    await type_identity(visitor, with_id=True)
    await tab.see("#ssn")
    await tab.fill("#ssn", "900661234")
    await tab.click("text=Continue")
    await visitor.heading("Your home address")
    for field, text in (("address1", "1 Fake Rd"), ("city", "Great Falls"), ("zipcode", "59010")):
        await tab.fill(f"#{field}", text)
    await choose(tab, "state", "MT")
    await tab.click("text=Save address")
    await visitor.heading("Check your information")
    await tab.click("text=Submit for checking")
    await expect_way_back(visitor, verification)


async def test_everything(agency, engine, visitor):
    """With a selfie, in the colors of the policy."""
    verification = await start(agency, engine, visitor, "everything")
    tab = visitor.tab
    await visitor.heading("A photo of yourself")
    color = "() => getComputedStyle(document.querySelector('main .button')).backgroundColor"
    assert await tab.evaluate(color) == "rgb(139, 10, 26)"
    await tab.click("#consent")
    await tab.click("text=Agree and continue")
    await visitor.heading("Add photos of your ID")
    await visitor.give(**visitor.photos, selfie=make_image())
    await visitor.submit_photos()
    await visitor.give_ssn()
    await tab.click("text=Submit for checking")
    await visitor.give_phone()
    await confirm_phone(visitor)
    await expect_way_back(visitor, verification)
