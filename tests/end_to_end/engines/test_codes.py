"""The confirmation code in Firefox and WebKitGTK: sent, mistyped, returned, on a small phone."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="session")
def confirming(install):
    """An installation whose page shows the codes."""
    installation = install(messenger_vendor="mock", phone_code_pause_seconds=0)
    installation.start_all()
    return installation


async def test_code(confirming, visitor):
    """A wrong code is reported at its field with the focus; a call brings another one, which is right."""
    tab = visitor.tab
    await visitor.to_phone(confirming.url)
    await visitor.give_phone()
    await visitor.heading("Confirm your phone number")
    await tab.resize(320, 480)
    assert await tab.evaluate("() => document.documentElement.scrollWidth") <= 320
    await tab.click("text=Send a text message")
    await visitor.heading("Enter your confirmation code")
    assert await tab.evaluate("() => document.documentElement.scrollWidth") <= 320
    first = await tab.evaluate("() => document.querySelector('#test-code').textContent")
    await tab.fill("#code", f"{(int(first) + 1) % 1_000_000:06d}")
    await tab.click("text=Confirm")
    await tab.see("#code-error", "isn’t the code")
    await tab.wait_for("() => document.activeElement.id === 'error-summary'")
    await tab.click("text=Get a call")
    await tab.wait_for("(old) => document.querySelector('#test-code')?.textContent !== old", first)
    await visitor.heading("Enter your confirmation code")
    await tab.fill("#code", await tab.evaluate("() => document.querySelector('#test-code').textContent"))
    await tab.click("text=Confirm")
    await visitor.heading("You’re verified")
