"""A device profiler's scripts in a real browser: what the policy lets through, and a page that needs none."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing.testing.waiting import eventually
from proofing_devtools.device_profiler import APART

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SSN = "Enter your Social Security number"
KINDS = ("connect", "frame", "image", "script")


@pytest_asyncio.fixture(loop_scope="session")
async def vendor(device_vendor):
    """The vendor, of whom nothing is asked yet."""
    device_vendor.reset()
    yield device_vendor
    device_vendor.reset()


@pytest.fixture(scope="session")
def installation(install_profiled):
    """An installation whose page loads the vendor's script itself."""
    return install_profiled()


@pytest.fixture(scope="session")
def isolated(install_profiled):
    """An installation whose page keeps the vendor's script apart."""
    return install_profiled(isolated=True)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(chromium, meet):
    """A person whose browser may block what it has to."""
    context = await chromium.new_context()
    yield meet(await context.new_page())
    await context.close()


async def reach_ssn(visitor, installation):
    """Come to the page that profiles."""
    await visitor.consent(installation.url)
    await visitor.give_photos()
    await visitor.submit_photos()
    await visitor.heading(SSN)


async def test_exactly_the_origins_that_are_listed(installation, vendor, visitor):
    """For scripts, connections, images and frames, on this page alone; the proofer gets the session's id."""
    await reach_ssn(visitor, installation)
    await eventually(lambda: all(vendor.named(name) for name in (*KINDS, "own", "tags.js")))

    async def is_blocked():
        return sorted(await visitor.page.evaluate("window.blocked")) == sorted(
            f"{directive} {vendor.other}"
            for directive in ("connect-src", "frame-src", "img-src", "script-src-elem")
        )

    await eventually(is_blocked)
    assert vendor.asked[vendor.ports[1]] == []
    came = list(vendor.asked[vendor.ports[0]])
    (query,) = {path.partition("?")[2] for path in came}
    session_id = query.removeprefix("session_id=")
    assert len(came) == 6
    await visitor.give_ssn()
    await visitor.submit_information()
    await expect(visitor.page.get_by_label("Phone number")).to_be_visible()
    assert {"device": session_id} in [json.loads(line) for line in installation.seen.read_text().splitlines()]
    assert vendor.asked[vendor.ports[0]] == came


async def test_without_script(installation, vendor, visitor, chromium):
    """The vendor's frame is loaded in place of its script, and the form works."""
    await reach_ssn(visitor, installation)
    state = await visitor.page.context.storage_state()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    vendor.asked[vendor.ports[0]].clear()
    await page.goto(f"{installation.url}/ssn")
    await eventually(lambda: vendor.named("noscript"))
    await page.get_by_label("Social Security number").fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("Check your information")
    assert len(vendor.asked[vendor.ports[0]]) == 1
    await context.close()


async def test_a_vendor_that_hangs(installation, vendor, visitor):
    """The page waits for nobody."""
    vendor.hangs = True
    await reach_ssn(visitor, installation)
    await eventually(lambda: vendor.named("tags.js"))
    await visitor.give_ssn()


async def test_an_isolated_script(isolated, vendor, visitor):
    """It runs as it wants to, and reaches neither the page, nor cookies, storage or server of this site."""
    await reach_ssn(visitor, isolated)
    assert await eventually(vendor.told) == APART
    await visitor.give_ssn()
