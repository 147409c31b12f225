"""The hand-off in Firefox and WebKitGTK; here the phone is another tab, with a cookie of its own."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_another_tab_takes_the_photos(proofing, visitor, meet):
    """Both devices hear of each step by themselves, and the computer continues."""
    await visitor.consent(proofing.url)
    await visitor.tab.click("text=Take the photos with your phone instead")
    await visitor.heading("Continue on your phone")
    link = await visitor.tab.text(".handoff-link")
    phone = meet(await visitor.tab.new_tab())
    await phone.tab.goto(link)
    await phone.tab.click("text=Start on this phone")
    await phone.heading("Check this number")
    number = await phone.tab.text(".handoff-number")
    await visitor.tab.see(".handoff-number", number)
    await visitor.tab.click("text=Yes, my phone shows it")
    await phone.heading("Add photos of your ID")
    await phone.give_photos()
    await phone.submit_photos()
    await phone.heading("Your photos were sent")
    await visitor.heading("Enter your Social Security number")
