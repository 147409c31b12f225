"""What axe-core finds in the pages of photos and of the hand-off: nothing, dark or light, narrow or wide."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PACKAGE = "axe-core@4.14.1"
#: Of the registry. The package (MPL-2.0) is run here, and is no part of what is distributed.
PACKAGE_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
#: Widths of a telephone and of a computer.
WIDTHS = (320, 1280)
FINDINGS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
}"""


@pytest.fixture(scope="session")
def axe(read_npm_file):
    """The script of axe-core, as npm publishes it."""
    return read_npm_file(PACKAGE, "axe.min.js", sha512=PACKAGE_SHA512).decode()


@pytest.fixture
def check(axe):
    """Return a check of the page on show, by every rule of axe-core."""

    async def check_page(page):
        await page.wait_for_load_state()
        size = page.viewport_size
        # By the debugger: the page's own policy allows no foreign script.
        await page.evaluate(f"() => {{ {axe} }}")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                found = await page.evaluate(FINDINGS)
                assert found == [], f"{page.url} {scheme} {width}: {json.dumps(found, indent=1)}"
        await page.emulate_media(color_scheme="light")
        await page.set_viewport_size(size)

    return check_page


@pytest_asyncio.fixture(loop_scope="session")
async def phone(chromium, meet):
    """Somebody's phone."""
    context = await chromium.new_context(viewport={"width": 375, "height": 667}, has_touch=True)
    yield meet(await context.new_page())
    await context.close()


async def test_it_finds_what_is_wrong(proofing, page, check):
    """The check runs: a field without a name is found."""
    await page.goto(proofing.url)
    await page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    with pytest.raises(AssertionError, match="label"):
        await check(page)


async def test_photos(confirming, person, photos, check):
    """Consent, the photos in every state, the camera, the check, and what could not be accepted."""
    page = person.page
    await page.goto(f"{confirming.url}/consent")
    await check(page)
    await person.consent(confirming.url)
    await check(page)
    await person.side("front").get_by_role("button", name="Use camera").click()
    await expect(person.side("front").locator(".camera-advice")).not_to_be_empty()
    await check(page)
    await page.keyboard.press("Escape")
    await person.submit_photos()
    await expect(page.locator("#error-summary")).to_be_focused()
    await check(page)
    await person.give_photos()
    await check(page)
    for side in photos:
        form = f"document: {{}}\nimage_metrics: {{front: {{SharpnessMetric: 10}}}}\n# {side}\n"
        await person.give(side, form.encode(), "id.yaml")
    await person.ready()
    await person.submit_photos()
    await person.heading("We couldn’t accept your photos")
    await check(page)


async def test_waiting(unattended, person, check):
    """The page of a check that runs."""
    await person.consent(unattended.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("We’re checking your ID")
    await check(person.page)


async def test_errors(proofing, page, check):
    """Pages that say what does not work."""
    for path in ("/nothing", "/session-ended", "/cookies-needed", f"/handoff/{'x' * 43}", "/handoff"):
        await page.goto(f"{proofing.url}{path}")
        await check(page)


async def test_hand_off(confirming, person, phone, photos, check):
    """Every page of both devices."""
    computer = person.page
    await person.consent(confirming.url)
    await computer.get_by_role("button", name="Take the photos with your phone instead").click()
    await person.heading("Continue on your phone")
    await check(computer)
    await computer.get_by_role("link", name="Get the link by text message instead").click()
    await person.heading("Get the link by text message")
    await check(computer)
    await computer.go_back()
    await phone.page.goto(await computer.locator("main .handoff-link").inner_text())
    await check(phone.page)
    await phone.page.get_by_role("button", name="Start on this phone").click()
    await phone.heading("Check this number")
    await check(phone.page)
    await person.heading("Does your phone show this number?")
    await check(computer)
    await computer.get_by_role("button", name="Yes, my phone shows it").click()
    await person.heading("Take the photos on your phone")
    await check(computer)
    await phone.heading("Add photos of your ID")
    await check(phone.page)
    await phone.give_photos(photos)
    await phone.submit_photos()
    await phone.heading("Your photos were sent")
    await check(phone.page)
