"""What the engines do differently while a person waits: connections, hidden tabs, dialogs and focus."""

import pytest

from proofing_devtools.browser import Key

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

#: As when the person comes back to a tab; the session is asked about at once.
LOOK_AGAIN = "() => { document.dispatchEvent(new Event('visibilitychange')); }"
FOCUS = "(selector) => { document.querySelector(selector).focus(); }"
HAS_FOCUS = "(selector) => document.activeElement.matches(selector)"
FOCUSED = """() => {
  const { tagName } = document.activeElement;
  return document.activeElement.closest("dialog *") ? `${tagName} in DIALOG` : tagName;
}"""
FITS = """() => {
  const dialog = document.querySelector("dialog");
  const box = dialog.getBoundingClientRect();
  return box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight
    && dialog.scrollWidth <= dialog.clientWidth && dialog.scrollHeight <= dialog.clientHeight;
}"""


async def test_seven_tabs(unattended, visitor):
    """More tabs wait than a browser opens connections; other pages load meanwhile, and all tabs continue."""
    await visitor.wait_for_document(unattended.url)
    tabs = [visitor.tab]
    for _ in range(7):
        tabs.append(await visitor.tab.new_tab())
        await tabs[-1].goto(f"{unattended.url}/document/wait")
        await tabs[-1].see("h1", "We’re checking your ID")
    other = await visitor.tab.new_tab()
    await other.goto(unattended.url)
    await other.see("h1")
    worker = unattended.start("worker")
    try:
        for tab in tabs:
            await tab.see("h1", "Enter your Social Security number")
    finally:
        worker.terminate()
        worker.wait()


async def test_connection_that_was_lost(held, gate, visitor):
    """Trouble is announced, then that it is over; the answer comes without a reload."""
    gate.blocked = "/api/jobs/"
    await visitor.wait_for_document(held.url)
    await visitor.tab.see("#wait-status", "can’t reach the server")
    gate.blocked = ""
    held.answer()
    await visitor.heading("Enter your Social Security number")


async def test_stop_asks(held, gate, visitor):
    """The question opens in the page, and only its answer stops the check."""
    await visitor.wait_for_document(held.url)
    assert not await visitor.tab.is_visible("text=Stop this check")
    await visitor.tab.click("text=Stop and go back")
    await visitor.tab.click("text=Stop this check")
    await visitor.heading("Add photos of your ID")


async def test_a_vendor_that_answers_later(polled, visitor):
    """The page says so after the promised time, also after a reload, and stopping is all that it offers."""
    tab = visitor.tab
    await visitor.wait_for_document(polled.url)
    await tab.see("#pending h1", "This check needs more time")
    await tab.wait_for(HAS_FOCUS, "#pending h1")
    await tab.goto(f"{polled.url}/document/wait")
    await tab.see("#pending h1", "This check needs more time")
    assert not await tab.is_visible("text=Try again")
    await tab.click("#stop summary")
    await tab.click("#stop button")
    await visitor.heading("Add photos of your ID")


async def test_session_dialog(gated, gate, visitor):
    """It takes the focus and gives it back, keeps it meanwhile, fits a telephone, extends and leaves."""
    tab = visitor.tab
    await visitor.consent(gated.url)
    await tab.resize(320, 480)

    async def warn():
        gate.answers["/api/session"] = {"idle_seconds": 95}
        await tab.evaluate(LOOK_AGAIN)
        await tab.see("dialog", "session ends in 1 minute")
        await tab.wait_for(HAS_FOCUS, "[data-stay]")
        gate.answers.clear()

    await tab.see("#front")
    await tab.evaluate(FOCUS, "#front")
    await warn()
    assert await tab.evaluate(FITS)
    for _ in range(4):
        await tab.type_keys(Key.TAB)
        # Between its last button and its first the browser's own bar may have it; the page never has.
        assert await tab.evaluate(FOCUSED) in ("DIALOG", "BUTTON in DIALOG", "BODY", "HTML")
    await tab.type_keys(Key.ESCAPE)
    await tab.wait_for("() => !document.querySelector('dialog').open")
    await tab.wait_for(HAS_FOCUS, "#front")
    await warn()
    await tab.click("text=Yes, continue")
    await tab.wait_for("() => !document.querySelector('dialog').open")
    await tab.wait_for(HAS_FOCUS, "#front")
    await warn()
    await tab.click("text=Delete my information and exit")
    await visitor.heading("You’ve left the identity check")
