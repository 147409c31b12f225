"""What every page owes people who use a screen reader, a keyboard, or a small telephone."""

from typing import Any

#: What can be tapped and is lower than 44 CSS pixels (WCAG 2.5.5); a box counts with its label.
SMALL_TARGETS = """[...document.querySelectorAll("a, button, summary, select, input:not([type=hidden])")]
  .filter(target => target.checkVisibility({ visibilityProperty: true }))
  .filter(target => !target.matches(".skip, [aria-hidden=true]"))
  .filter(target => (target.closest("label") ?? target).getBoundingClientRect().height < 43.9)
  .map(target => target.outerHTML)"""

#: What sticks out of the page, or has text that is cut, in any direction of reading.
OVERFLOWING = """[...document.querySelectorAll("body, body *")]
  .filter(one => one.checkVisibility({ visibilityProperty: true }))
  .filter(one => !one.closest(".visually-hidden, .skip, svg, input, select"))
  .filter(one => {
    const { left, right, width } = one.getBoundingClientRect();
    const hides = getComputedStyle(one).overflowX !== "visible" && one.textContent.trim() !== "";
    const isCut = hides && one.scrollWidth > one.clientWidth + 1;
    return width > 0 && (left < -1 || right > innerWidth + 1 || isCut);
  })
  .map(one => one.outerHTML.slice(0, 200))"""

_FIELDS = "[...document.querySelectorAll('input:not([type=hidden]), select')]"
_UNLABELED = f"{_FIELDS}.filter(field => !field.labels.length).map(field => field.outerHTML)"


async def check_structure(page: Any, *, language: str = "en") -> None:
    """Expect of a page of Playwright: one main heading, the *language*, labeled fields, and that it fits.

    It fits a telephone of 320 pixels without sideways scrolling, and a finger finds what it aims at.
    """
    assert await page.get_by_role("heading", level=1).count() == 1, page.url
    assert await page.locator("html").get_attribute("lang") == language, page.url
    assert await page.evaluate(_UNLABELED) == [], page.url
    before = page.viewport_size
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
    assert await page.evaluate(SMALL_TARGETS) == [], page.url
    await page.set_viewport_size(before)
