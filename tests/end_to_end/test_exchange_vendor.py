"""A vendor that asks the person's wallet: through the browser, by a link, and all that is not its answer."""

import re
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import expect

from proofing.testing.processes import free_port
from proofing_devtools.product import NO_AUTHORITIES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SHARE = "Share your digital ID"
CHECKED = "Enter your Social Security number"
TECHNICAL = "Something went wrong on our end"
#: Engines without a head have no wallets, and some not even the interface to them.
BROWSER_WALLET = """
window.DigitalCredential = class {};
navigator.credentials.get = async ({ digital, mediation }) => {
  if (mediation !== "required" || digital.requests.length !== 1) throw new TypeError();
  const { protocol, data } = digital.requests[0];
  const answer = await window.askWallet(data);
  if (answer === null) throw new DOMException("closed", "NotAllowedError");
  return { protocol, data: answer };
};
"""


class Wallet:
    """The wallet of an installation."""

    def __init__(self, installation, url):
        self.installation = installation
        self.url = url

    async def sent(self):
        """Return what became of the last answer."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            return (await client.get(f"{self.url}/testing")).json()["sent"][-1]

    async def answer(self, asked, choice):
        """Return what the browser's wallet answers to the request *asked*."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            answer = await client.post(f"{self.url}/testing/answers", json={**asked, "choice": choice})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def install_exchange(install):
    """Return a maker of installations whose document vendor is `mock:exchange`."""

    def make(**mock):
        url = f"http://127.0.0.1:{free_port()}"
        installation = install(document_vendor="mock:exchange", mock={"exchange_url": url, **mock})
        installation.start_all()
        return Wallet(installation, url)

    return make


@pytest.fixture(scope="session")
def wallet(install_exchange):
    """A wallet that is waited for as long as people need."""
    return install_exchange()


@pytest.fixture(scope="session")
def short(install_exchange):
    """A wallet that is waited for for seconds."""
    return install_exchange(exchange_expires_seconds=3.0)


async def send_to_wallet(person, wallet):
    """Come to the page that asks for the wallet; return the address of its link."""
    await person.consent(wallet.installation.url, to="Show your ID")
    await person.submit_visit()
    await person.heading(SHARE)
    return await person.page.locator("#visit").get_attribute("href")


async def choose(page, answer):
    """Choose in the wallet."""
    await expect(page.locator("h1")).to_have_text("Share your digital ID?")
    await page.get_by_label(answer, exact=True).check()
    await page.get_by_role("button", name="Continue").click()


@asynccontextmanager
async def another_tab(person):
    """Open another tab of the person's browser."""
    page = await person.page.context.new_page()
    yield page
    await page.close()


async def test_by_the_link(wallet, person):
    """The whole flow; the wallet fetches and posts by itself, and leads back to the session."""
    url = await send_to_wallet(person, wallet)
    assert url.startswith(f"{wallet.url}/wallet?request_uri=http%3A%2F%2Flocalhost%3A")
    await person.page.get_by_role("link", name="Open your wallet").click()
    await choose(person.page, "Share")
    await person.heading(CHECKED)
    assert (await wallet.sent())["statuses"] == [200]
    await person.finish()
    async with another_tab(person) as page:
        await page.goto(url)
        await expect(page.locator("h1")).to_have_text("This request isn’t open")


@pytest.mark.parametrize(
    ("answer", "heading"),
    [
        ("Share a digital ID that isn’t accepted", "We couldn’t accept your ID"),
        ("Don’t share", TECHNICAL),
    ],
)
async def test_other_answers(wallet, person, answer, heading):
    """A no is a no, and who shares nothing has lost no attempt."""
    await send_to_wallet(person, wallet)
    await person.page.locator("#visit").click()
    await choose(person.page, answer)
    await person.heading(heading)
    if heading == TECHNICAL:
        await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()


@pytest.mark.parametrize(
    "answer",
    [
        "Send an answer without a signature",
        "Send an answer with a forged signature",
        "Send the answer to another question",
    ],
)
async def test_what_is_not_the_wallets_answer(wallet, person, answer):
    """It is taken, since anybody may post, and believed by nobody: the page asks for the wallet again."""
    url = await send_to_wallet(person, wallet)
    async with another_tab(person) as page:
        await page.goto(url)
        await choose(page, answer)
        await expect(page.locator("p", has_text="HTTP 200")).to_be_visible()
        await page.get_by_role("link", name="Go back to where you came from").click()
        await expect(page.locator("h1:visible")).to_have_text(SHARE)
    await person.heading(SHARE)
    await person.page.locator("#visit").click()
    await choose(person.page, "Share")
    await person.heading(CHECKED)


async def test_an_answer_that_comes_twice(wallet, person):
    """The first one counts, and nobody waits for the second."""
    await send_to_wallet(person, wallet)
    await person.page.locator("#visit").click()
    await choose(person.page, "Share, and send the answer twice")
    await expect(person.page.locator("h1")).to_have_text("What was sent")
    first, second = (await wallet.sent())["statuses"]
    # Kept with a job that has not read the first one yet, or too late for one that has ended.
    assert (first, second in {200, 404}) == (200, True)
    await person.page.get_by_role("link", name="Go back to where you came from").click()
    await person.heading(CHECKED)


async def test_no_answer(short, person):
    """The check ends with its time, and who shared nothing has lost no attempt."""
    await person.consent(short.installation.url, to="Show your ID")
    await person.submit_visit()
    await person.heading(TECHNICAL)
    await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()


async def test_on_another_device(wallet, person, chromium):
    """The device that scanned the code gets no session, and the page of the first one continues."""
    url = await send_to_wallet(person, wallet)
    phone = await chromium.new_context()
    page = await phone.new_page()
    await page.goto(url)
    await choose(page, "Share")
    await expect(page.locator("h1")).to_have_text("You’re done here")
    assert await phone.cookies() == []
    await person.heading(CHECKED)
    await phone.close()


async def test_through_the_browser(wallet, person):
    """The page asks the browser's wallet and passes on its answer; one that is closed is asked again."""
    answers = [None, "approved"]

    async def ask_wallet(asked):
        choice = answers.pop(0)
        return None if choice is None else await wallet.answer(asked, choice)

    await person.page.expose_function("askWallet", ask_wallet)
    await person.page.add_init_script(BROWSER_WALLET)
    await send_to_wallet(person, wallet)
    button = person.page.get_by_role("button", name="Choose a digital ID")
    await button.click()
    await expect(person.page.get_by_text("Nothing was shared. You can try again.")).to_be_visible()
    await button.click()
    await person.heading(CHECKED)
    assert answers == []
    logs = [path.read_text() for path in (wallet.installation.directory / "log").glob("*")]
    assert any('"wallet_answered"' in text for text in logs)
    assert not any("mock-wallet" in text or "approved" in text for text in logs)


async def test_a_browser_that_does_not_know_the_protocol(wallet, person):
    """Its wallet could not answer: the page offers the link alone."""
    await person.page.add_init_script(
        "window.DigitalCredential = class { static userAgentAllowsProtocol(name) {"
        " window.askedFor = name; return false; } };"
    )
    await send_to_wallet(person, wallet)
    await person.page.wait_for_function("window.askedFor === 'mock-wallet'")
    await expect(person.page.get_by_role("button", name="Choose a digital ID")).to_be_hidden()
    await expect(person.page.get_by_role("link", name="Open your wallet")).to_be_visible()


async def test_without_script(wallet, chromium, person):
    """The way to the wallet and back needs no script."""
    url = await send_to_wallet(person, wallet)
    state = await person.page.context.storage_state()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    await page.goto(f"{wallet.installation.url}/document/wait")
    await expect(page.locator("#visit")).to_have_attribute("href", url)
    await page.locator("#visit").click()
    await choose(page, "Share")
    await expect(page).to_have_url(re.compile("/document/wait|/ssn"))
    await person.heading(CHECKED)
    await context.close()
