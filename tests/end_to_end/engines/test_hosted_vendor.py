"""Out to a vendor's page on another origin and back, in Firefox and WebKitGTK: the session is still there."""

import pytest

from proofing.testing.processes import free_port

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="session")
def hosted(install):
    """An installation whose document vendor has pages of its own."""
    url = f"http://127.0.0.1:{free_port()}"
    installation = install(document_vendor="mock:hosted", mock={"hosted_url": url})
    installation.start_all()
    return installation


async def test_out_and_back(hosted, visitor):
    """By a link, a form, and a redirect from one origin to the other."""
    await visitor.consent(hosted.url, to="Show your ID")
    await visitor.submit_visit()
    await visitor.heading("One more step on another website")
    await visitor.tab.click("#visit")
    await visitor.heading("Choose a result")
    assert await visitor.tab.evaluate("() => location.hostname") == "127.0.0.1"
    await visitor.tab.click("text=Continue")
    await visitor.give_ssn()
    assert await visitor.tab.evaluate("() => location.hostname") == "localhost"


async def test_the_page_that_leads_away(hosted, visitor):
    """It fits a small screen, the heading has the focus, and the code is square."""
    await visitor.tab.resize(320, 480)
    await visitor.consent(hosted.url, to="Show your ID")
    await visitor.submit_visit()
    await visitor.heading("One more step on another website")
    await visitor.tab.wait_for("() => document.activeElement.matches('#away h1')")
    assert await visitor.tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    width, height = await visitor.tab.evaluate(
        "() => { const box = document.querySelector('.qr-code svg').getBoundingClientRect();"
        " return [box.width, box.height]; }"
    )
    assert width > 100
    assert abs(width - height) < 1
