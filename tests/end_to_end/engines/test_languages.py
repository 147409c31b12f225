"""The language switch in Firefox and WebKitGTK: by keyboard, and with what is typed."""

import pytest

from proofing_devtools.browser import Key

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VALUE = "(id) => document.getElementById(id).value"
FOCUS = "(selector) => document.querySelector(selector).focus()"


async def switch(tab, name):
    """Open the switch, at the top of the page, and choose the language by its own name."""
    await tab.evaluate("() => scrollTo(0, 0)")
    await tab.click(".languages summary")
    await tab.click(f"text={name}")


async def test_a_person_who_cannot_read_the_error_switches(proofing, visitor):
    """*Enter* sends the form, not the first button on the page; what is typed and the error stay."""
    tab = visitor.tab
    await visitor.consent(proofing.url)
    await visitor.give_photos()
    await switch(tab, "Español")
    await tab.see("h1", "Agregue fotos de su documento")
    # Both photos are still there.
    for side in visitor.photos:
        await tab.see(f"[data-side={side}].ready")
    await tab.click("text=Enviar fotos")
    await tab.see("h1", "Ingrese su número de Seguro Social")
    await tab.fill("#ssn", "900-66")
    await tab.evaluate(FOCUS, "#ssn")
    await tab.type_keys(Key.ENTER)
    await tab.see("#error-summary", "Ingrese un número de Seguro Social de 9 dígitos")
    await tab.fill("#ssn", "900-66-12")
    await switch(tab, "简体中文")
    await tab.see("#error-summary", "请输入 9 位数字的社会安全号码")
    assert await tab.evaluate(VALUE, "ssn") == "900-66-12"
    assert await tab.evaluate("() => document.documentElement.lang") == "zh-Hans"
    await tab.fill("#ssn", "900-66-1234")
    await tab.evaluate(FOCUS, "#ssn")
    await tab.type_keys(Key.ENTER)
    await tab.see("h1", "请检查您的信息")
    await tab.see("dl.summary", "1938年10月6日")
    # The page that was an answer to the switch is a plain one in the history.
    await tab.back()
    await tab.see("h1", "请输入您的社会安全号码")
