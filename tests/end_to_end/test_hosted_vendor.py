"""A vendor whose page the person visits: out, back, and everything that can go wrong with its webhook."""

import json
import re
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing.testing.processes import free_port
from proofing.testing.waiting import eventually
from proofing_devtools.product import NO_AUTHORITIES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AWAY = "One more step on another website"
CHECKED = "Enter your Social Security number"
#: Shifts of what is on the page after it was first shown, as Chromium saw them.
SHIFTS = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().map((entry) => entry.value)))
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => resolve([])));
})"""


class HostedVendor:
    """What testers do at the vendor of an installation."""

    def __init__(self, installation, url):
        self.installation = installation
        self.url = url

    async def test(self, path, **values):
        """Change something; return all facts."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            answer = await client.post(f"{self.url}/testing/{path}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def facts(self):
        """Return all facts."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            return (await client.get(f"{self.url}/testing")).json()

    async def session(self, page_url):
        """Return the session of a person's page."""
        return next(one for one in (await self.facts())["sessions"] if one["url"] == page_url)

    async def sent(self, page_url, kind="session.decided"):
        """Return what was sent about a person, the last one's facts, once there is one that was answered."""
        session = await self.session(page_url)

        async def find():
            sent = (await self.facts())["sent"]
            found = [one for one in sent if (one["session"], one["type"]) == (session["id"], kind)]
            return found[-1] if found and (found[-1]["statuses"] or found[-1]["delivery"] == "lost") else None

        return await eventually(find)

    def lines(self, name):
        """Return the lines of the product's log with that name."""
        text = "".join(path.read_text() for path in (self.installation.directory / "log").glob("*"))
        return [line for line in map(json.loads, text.splitlines()) if line["name"] == name]


@pytest.fixture(scope="session")
def install_hosted(install):
    """Return a maker of installations whose document vendor is `mock:hosted`."""

    def make(**mock):
        url = f"http://127.0.0.1:{free_port()}"
        installation = install(document_vendor="mock:hosted", mock={"hosted_url": url, **mock})
        installation.start_all()
        return HostedVendor(installation, url)

    return make


@pytest.fixture(scope="session")
def echoing(install_hosted):
    """A vendor that repeats our ids, and is asked again only when something happens."""
    return install_hosted(hosted_again_seconds=3600.0, hosted_timeout_seconds=2.0)


@pytest.fixture(scope="session")
def silent(install_hosted):
    """A vendor whose webhooks name its own ids only."""
    return install_hosted(hosted_echoes=False)


@pytest.fixture(scope="session")
def short(install_hosted):
    """A vendor that waits for its person for seconds."""
    return install_hosted(hosted_expires_seconds=4.0)


@pytest_asyncio.fixture(loop_scope="session")
async def vendor(echoing):
    """The vendor, which behaves as usual before and after the test."""
    yield echoing
    await echoing.test("behavior", fetches="answered", at_creation="")


async def submit(person, vendor):
    """Agree to visit the vendor."""
    await person.consent(vendor.installation.url, to="Show your ID")
    await person.submit_visit()


async def send_away(person, vendor):
    """Come to the page that leads to the vendor; return the address there."""
    await submit(person, vendor)
    await person.heading(AWAY)
    return await person.page.locator("#visit").get_attribute("href")


async def choose(page, result="Approve", *, webhook="Now", stays=False):
    """Choose at the vendor."""
    await page.get_by_label(result, exact=True).check()
    await page.get_by_label(webhook, exact=True).check()
    if stays:
        await page.get_by_label("Stay here").check()
    await page.get_by_role("button", name="Continue").click()


@asynccontextmanager
async def another_tab(person):
    """Open another tab of the person's browser."""
    page = await person.page.context.new_page()
    yield page
    await page.close()


async def test_out_and_back(vendor, person):
    """The whole flow; each origin has its own cookie, and the session outlives the visit."""
    url = await send_away(person, vendor)
    assert url.startswith(f"{vendor.url}/")
    await person.page.get_by_role("link", name="Continue to 127.0.0.1").click()
    await person.heading("Choose a result")
    cookies = {cookie["name"]: cookie["domain"] for cookie in await person.page.context.cookies()}
    assert cookies.pop("mock_vendor_visitor") == "127.0.0.1"
    assert "proofing" in cookies
    assert set(cookies.values()) == {"localhost"}
    await choose(person.page)
    await person.heading(CHECKED)
    await person.finish()
    texts = [path.read_text() for path in (vendor.installation.directory / "log").glob("*")]
    assert not any(url.rpartition("/")[2] in text for text in texts), "the address of the page is logged"


@pytest.mark.parametrize(
    ("result", "heading"),
    [
        ("Decline", "We couldn’t accept your ID"),
        ("Send to review", "Someone needs to review your ID"),
        ("Give up", "Something went wrong on our end"),
    ],
)
async def test_other_results(vendor, person, result, heading):
    """A no is a no, a review a review, and who gives up has lost no attempt."""
    await send_away(person, vendor)
    await person.page.locator("#visit").click()
    await choose(person.page, result)
    await person.heading(heading)
    if result == "Give up":
        await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()


async def test_back_before_the_result(vendor, person):
    """The page waits as for any check; the webhook brings the result."""
    url = await send_away(person, vendor)
    await person.page.locator("#visit").click()
    await choose(person.page, "Approve 10 seconds after the person has left")
    await person.heading("We’re checking your ID")
    assert (await vendor.session(url))["state"] == "processing"
    await vendor.test("clock", seconds=10)
    await person.heading(CHECKED)


@pytest.mark.parametrize("fetches", ["answered", "unavailable"])
async def test_never_back(short, person, fetches):
    """The check ends with its time, whether the vendor answers or not; what it says later changes nothing."""
    await short.test("behavior", fetches=fetches)
    await submit(person, short)
    await person.heading("Something went wrong on our end")
    await expect(person.page.get_by_text("This didn’t count as an attempt")).to_be_visible()
    session = (await short.test("behavior", fetches="answered"))["sessions"][-1]
    await short.test(f"sessions/{session['id']}", state="approved")
    assert (await short.sent(session["url"]))["statuses"] == [204]
    await person.page.reload()
    await person.heading("Something went wrong on our end")


async def test_on_another_device(vendor, person, chromium):
    """The device that scanned the code gets no session, and the page of the first one continues."""
    url = await send_away(person, vendor)
    phone = await chromium.new_context()
    page = await phone.new_page()
    await page.goto(url)
    await choose(page)
    await expect(page.locator("h1")).to_have_text("You’re done here")
    assert [cookie["name"] for cookie in await phone.cookies()] == ["mock_vendor_visitor"]
    await person.heading(CHECKED)
    await phone.close()


async def test_a_lost_webhook(vendor, person):
    """Coming back is enough."""
    url = await send_away(person, vendor)
    await person.page.locator("#visit").click()
    await choose(person.page, webhook="Never (lost)")
    await person.heading(CHECKED)
    assert (await vendor.sent(url))["statuses"] == []


@pytest.mark.parametrize(
    ("webhook", "statuses"),
    [("Now", [204]), ("Twice", [204, 204]), ("Now, signed with the previous secret", [204])],
)
async def test_the_webhook_alone(vendor, person, webhook, statuses):
    """The waiting page continues although nobody comes back; a second delivery changes nothing."""
    url = await send_away(person, vendor)
    async with another_tab(person) as page:
        await page.goto(url)
        await choose(page, webhook=webhook, stays=True)
        await expect(page.locator("h1")).to_have_text("Your visit is over")
    await person.heading(CHECKED)

    async def has_answers():
        return (await vendor.sent(url))["statuses"] == statuses

    await eventually(has_answers)
    outcomes = [line["outcome"] for line in vendor.lines("webhook_received")]
    assert ("repeated" in outcomes[-2:]) is (webhook == "Twice")


async def test_a_late_webhook(vendor, person):
    """A day later by the vendor's clock, to a person who has not come back yet."""
    url = await send_away(person, vendor)
    async with another_tab(person) as page:
        await page.goto(url)
        await choose(page, webhook="24 hours late, by this vendor’s clock", stays=True)
        await expect(page.locator("h1")).to_have_text("Your visit is over")
    await person.heading(AWAY)
    await vendor.test("clock", hours=24)
    await person.heading(CHECKED)


async def test_a_forged_webhook(vendor, person):
    """It is refused and wakes nobody; the person's return still brings the result."""
    url = await send_away(person, vendor)
    runs = len(vendor.lines("job_parked"))
    async with another_tab(person) as page:
        await page.goto(url)
        await choose(page, webhook="Now, with a forged signature", stays=True)
        assert (await vendor.sent(url))["statuses"] == [401]
        # The page that was opened was reported, and that is what has woken the job.
        await eventually(lambda: len(vendor.lines("job_parked")) > runs)
        await person.page.reload()
        await person.heading(AWAY)
        await page.get_by_role("link", name="Go back to where you came from").click()
        await expect(page.locator("h1:visible")).to_have_text(CHECKED)
    await person.heading(CHECKED)


async def test_an_event_before_the_park(silent, person):
    """The result is there before the vendor's answer; the person is sent nowhere."""
    await silent.test("behavior", at_creation="approved")
    await submit(person, silent)
    await person.heading(CHECKED)
    await silent.test("behavior", at_creation="")
    assert "early" in [line["outcome"] for line in silent.lines("webhook_received")]


async def test_a_vendor_that_echoes_nothing(silent, person):
    """Its webhook finds the question by its own id."""
    url = await send_away(person, silent)
    assert (await silent.session(url))["customer_reference"] is None
    async with another_tab(person) as page:
        await page.goto(url)
        await choose(page, stays=True)
    await person.heading(CHECKED)


@pytest.mark.parametrize("fetches", ["unavailable", "hanging"])
async def test_a_vendor_that_is_down_at_the_fetch(vendor, person, fetches):
    """It is asked again, and the person waits."""
    await send_away(person, vendor)
    await person.page.locator("#visit").click()
    await vendor.test("behavior", fetches=fetches)
    failed = len(failed_fetches(vendor))
    await choose(person.page, webhook="Never (lost)")
    await eventually(lambda: len(failed_fetches(vendor)) > failed)
    await person.heading("We’re checking your ID")
    await vendor.test("behavior", fetches="answered")
    await person.heading(CHECKED)


def failed_fetches(vendor):
    """Return the fetches without an answer."""
    calls = [line for line in vendor.lines("outbound_call") if line["service"] == "mock:hosted"]
    return [line for line in calls if line["http_method"] == "GET" and line["status"] != 200]


async def test_the_page_that_leads_away(vendor, person):
    """It fits a small screen, moves nothing, names what it shows, and the keyboard leads on."""
    page = person.page
    await page.set_viewport_size({"width": 320, "height": 480})
    await send_away(person, vendor)
    await expect(page.locator("#away h1")).to_be_focused()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert sum(await page.evaluate(SHIFTS)) == 0
    code = page.get_by_role("img", name="QR code that opens the same page on your phone")
    box = await code.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert abs(box["width"] - box["height"]) < 1
    await expect(page.locator("#wait-status")).to_have_text("")
    await page.keyboard.press("Tab")
    await expect(page.locator("#visit")).to_be_focused()
    await page.keyboard.press("Enter")
    await person.heading("Choose a result")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(page).to_have_title(re.compile("Mock vendor"))
    await expect(page.get_by_text("Nobody’s identity is checked here")).to_be_visible()


async def test_another_link(vendor, person):
    """The page loads itself again when what it shows was replaced, and once only."""
    page = person.page
    await send_away(person, vendor)
    replaced = {"state": "away", "vendor_page": "another", "next": "/document/wait"}
    await page.route("**/api/jobs/*/events", lambda route: route.abort())
    await page.route("**/api/jobs/*", lambda route: route.fulfill(json=replaced), times=1)
    async with page.expect_response(f"{vendor.installation.url}/document/wait"):
        await page.evaluate("dispatchEvent(new Event('online'))")
    await person.heading(AWAY)
    async with page.expect_response("**/api/jobs/*") as answer:
        await page.evaluate("dispatchEvent(new Event('online'))")
    assert (await (await answer.value).json())["state"] == "away"
    await person.heading(AWAY)


async def test_without_script(vendor, chromium, meet, person):
    """The page loads itself again, as without a vendor's page; the way out and back needs no script."""
    url = await send_away(person, vendor)
    state = await person.page.context.storage_state()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    await page.goto(f"{vendor.installation.url}/document/wait")
    await expect(page.locator("#visit")).to_have_attribute("href", url)
    await page.locator("#visit").click()
    await choose(page)
    await expect(page).to_have_url(re.compile("/document/wait|/ssn"))
    await person.heading(CHECKED)
    await context.close()
