"""The language switch in Chromium: keyboard, time left, agreement, and a browser without script."""

import re

import pytest
from playwright.async_api import expect

from proofing_server.headings import unbroken
from proofing_server.texts import languages, load_texts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def switch(page, name):
    """Open the switch and choose the language by its own name."""
    await page.locator(".languages summary").click()
    await page.get_by_role("button", name=name, exact=True).click()


async def test_enter_sends_the_form(proofing, page, person):
    """It presses the first button of a form, not one of the switch; what is typed and the error stay."""
    await person.consent(proofing.url)
    await person.give_photos()
    await person.submit_photos()
    field = page.locator("#ssn")
    await field.fill("900-66")
    await field.press("Enter")
    await expect(page.locator("#error-summary")).to_contain_text("9 digits")
    await field.fill("900-66-12")
    await switch(page, "Français")
    await expect(page.locator("#error-summary")).to_contain_text("9 chiffres")
    await expect(page.locator("#error-summary")).to_be_focused()
    await expect(field).to_have_value("900-66-12")
    await field.fill("900-66-1234")
    await field.press("Enter")
    await person.heading("Vérifiez vos informations")
    await expect(page.locator("dl.summary")).to_contain_text("6 octobre 1938")
    # The answer to the switch is a plain page in the history.
    await page.go_back()
    await person.heading("Saisissez votre numéro de sécurité sociale")
    await expect(page.locator("#error-summary")).to_have_count(0)


async def test_the_switch_by_keyboard(proofing, page):
    """It opens, is walked through and chosen from without a mouse; the choice is marked."""
    await page.goto(proofing.url)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.locator(".languages summary")).to_be_focused()
    await expect(page.locator(".languages summary")).to_have_accessible_name("Language: English")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Español")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Verifique su identidad")
    await expect(page.locator(".languages [aria-current=true]")).to_have_text("Español")


async def test_nobody_agrees_to_a_text_that_they_have_not_read(proofing, page, person):
    """The box of the consent is empty in the other language."""
    await page.goto(f"{proofing.url}/consent")
    await page.get_by_label("I agree").check()
    await switch(page, "Español")
    await person.heading("Cómo usamos su información")
    await expect(page.get_by_role("checkbox")).not_to_be_checked()


async def test_the_time_left_is_in_the_language(proofing, page, person):
    """The browser writes minutes and seconds, the catalog the sentence around them."""
    await page.goto(proofing.url)
    await switch(page, "Español")
    await page.route("**/api/session", lambda route: route.fulfill(json={"idle_seconds": 119}))
    await page.clock.install()
    await page.goto(f"{proofing.url}/consent")
    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Continuar").click()
    await person.heading("Agregue fotos de su documento")
    await person.later("13:01")
    await expect(page.locator("#session-warning-text")).to_contain_text("1 minuto")
    await expect(page.locator("#session-warning-text")).to_contain_text("segundo")


async def test_without_script(proofing, chromium):
    """The switch is a form: what is typed stays in a browser without script, too."""
    context = await chromium.new_context(java_script_enabled=False, locale="zh-TW")
    page = await context.new_page()
    await page.goto(f"{proofing.url}/consent?x=1")
    await expect(page.locator("h1")).to_have_text("我们如何使用您的信息")
    await switch(page, "English")
    await expect(page.locator("h1")).to_have_text("How we use your information")
    assert page.url.endswith("/consent?x=1")
    await context.close()


#: Returns the words of headings that are on two lines, of those that fit one.
BROKEN_WORDS = """(headings) => headings.flatMap((html) => {
    const heading = document.querySelector("h1");
    heading.innerHTML = html;
    const walker = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
    const broken = [];
    while (walker.nextNode()) {
        for (const { 0: word, index } of walker.currentNode.data.matchAll(/[^ ]+/g)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, index);
            range.setEnd(walker.currentNode, index + word.length);
            const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
            if (lines.size > 1 && /[a-z]-[a-z]/i.test(word)) broken.push(word);
        }
    }
    return broken;
})"""


async def test_headings_break_between_words(proofing, chromium):
    """At any width, in every language: "affiche-t-il" is one word."""
    context = await chromium.new_context(bypass_csp=True)  # Pages take no HTML from scripts.
    page = await context.new_page()
    await page.goto(proofing.url)
    titles = sorted(
        unbroken(texts(key))
        for texts in map(load_texts, languages())
        for key in filter(re.compile("title$").search, texts.keys())
    )
    assert any("affiche-t-il" in title for title in titles)
    for width in range(320, 1000, 20):
        await page.set_viewport_size({"width": width, "height": 640})
        assert await page.evaluate(BROKEN_WORDS, titles) == [], width
    await context.close()
