"""To a wallet on another origin and back, in Firefox and WebKitGTK, which have no wallet of their own."""

import pytest

from proofing.testing.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="session")
def exchange(install):
    """An installation whose document vendor asks a wallet."""
    url = f"http://127.0.0.1:{free_port()}"
    installation = install(document_vendor="mock:exchange", mock={"exchange_url": url})
    installation.start_all()
    return installation


async def test_to_the_wallet_and_back(exchange, visitor):
    """By a link, a form, and a redirect from one origin to the other."""
    await visitor.consent(exchange.url, to="Show your ID")
    await visitor.submit_visit()
    await visitor.heading("Share your digital ID")
    await visitor.tab.click("#visit")
    await visitor.heading("Share your digital ID?")
    assert await visitor.tab.evaluate("() => location.hostname") == "127.0.0.1"
    await visitor.tab.click("text=Continue")
    await visitor.give_ssn()
    assert await visitor.tab.evaluate("() => location.hostname") == "localhost"
