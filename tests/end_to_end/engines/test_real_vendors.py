"""The whole flow with real vendors' adapters by a forward proxy, in Firefox and WebKitGTK."""

import pytest
import pytest_asyncio

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(install_sandboxed):
    """An installation whose document vendor has pages of its own."""
    return await install_sandboxed("stripe", proof_ssn_max_attempts=1000)


async def test_whole_flow(site, visitor):
    """From welcome to done: out to the vendor's page and back, profiled, and by the proxy alone."""
    await site.vendors.reset()
    await visitor.consent(site.url, to="Enter your email address")
    await visitor.tab.fill("#email", "ada@example.org")
    await visitor.tab.click("text=Continue")
    await visitor.submit_visit()
    await visitor.heading("One more step on another website")
    await visitor.tab.click("#visit")
    await visitor.heading("Stripe sandbox")
    await visitor.tab.click("button[value=verified]")
    await visitor.give_ssn()
    await visitor.tab.click("text=Submit for checking")
    await visitor.give_phone()
    await visitor.heading("You’re verified")
    calls = await site.vendors.calls()
    assert {"stripe:create", "stripe:fetch", "lexisnexis:threat_metrix", "lexisnexis:instant_verify"} <= set(
        calls
    )
    assert {"aamva:state_id", "lexisnexis:phone_finder"} <= set(calls)
    assert any(one.path.startswith("/fp/tags.js?") for one in site.vendors.front.carried)
