"""People whom a relying party sent, for docs/reference/screens.md, and what fills in any form."""

from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Page

from proofing.sessions.steps import STEP_OF, Step, make_sample
from proofing.sessions.steps import Page as PageOf
from proofing_devtools.agency import Agency

#: What the relying party asks for.
POLICIES: dict[str, Any] = {
    "typed": {"steps": ["resolution"]},
    "phone": {"steps": ["phone"], "attempts": 1},
    "branded": {
        "steps": ["document", "selfie", "resolution", "phone", "code"],
        "branding": {"name": "Department of Examples", "color": "#8b0a1a", "support_phone": "202-555-0143"},
    },
}


class PeopleSent:
    """People who come by links, and are photographed on the way."""

    def __init__(self, agency: Agency, take: Callable[[Page, str], Awaitable[None]]) -> None:
        """Send people by *agency*; *take* photographs a page by name."""
        self._agency, self._take = agency, take

    async def verified(self, person: Any) -> None:
        """Look at links, type everything after a mistake, and be verified."""
        page: Page = person.page
        await page.goto(self._agency.url)
        await self._take(page, "link-needed")
        _, branded = await self._agency.make_link("branded", "branded")
        await page.goto(branded)
        await self._take(page, "start-branded")
        _, link = await self._agency.make_link("typed", "verified")
        await self._begin(person, link)
        await self._take(page, "identity")
        await page.get_by_label("First name").fill("Fakey")
        await page.get_by_label("Year").fill("38")
        await page.get_by_role("button", name="Continue").click()
        await page.locator("#error-summary").wait_for()
        await self._take(page, "identity-problem")
        for step in (PageOf.IDENTITY, PageOf.SSN, PageOf.ADDRESS):
            await page.wait_for_url(f"**{step}")
            await fill_in(page, STEP_OF[step])
        await person.heading("Check your information")
        await person.submit_information()
        await person.heading("You’re verified")
        await self._take(page, "outcome-verified")
        await page.goto(link)
        await self._take(page, "link-used")

    async def failed(self, person: Any, phone: str) -> None:
        """Use up the attempts of a policy with a *phone* that fails."""
        _, link = await self._agency.make_link("phone", "failed")
        await self._begin(person, link)
        await fill_in(person.page, STEP_OF[PageOf.IDENTITY])
        await person.give_phone(phone)
        await person.heading("We couldn’t verify your identity")
        await self._take(person.page, "outcome-failed")

    async def _begin(self, person: Any, link: str) -> None:
        """Use a link of a policy without a document, and consent."""
        page: Page = person.page
        await page.goto(link)
        await page.get_by_role("button", name="Start", exact=True).click()
        await page.get_by_label("I agree").check()
        await page.get_by_role("button", name="Continue").click()
        await person.heading("Tell us who you are")


async def fill_in(page: Page, step: Step) -> None:
    """Enter the sample of *step*, as far as the page asks for it, and send the form."""
    for name, value in make_sample(step).items():
        field = page.locator(f"form[action='{step.page}'] [name={name}]")
        if not await field.count():
            continue  # Only some people are asked for it.
        if await field.get_attribute("type") == "checkbox":
            await field.check()
        elif await field.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await page.locator(f"form[action='{step.page}'] [type=submit]").first.click()
