"""One small way to drive any browser: what the journeys of all engines need, and no more.

`Tab` is implemented over WebDriver BiDi for Firefox (`firefox.py`) and over WebDriver for WebKitGTK
(`webkit.py`). Selectors are CSS, or
``text=Continue`` for the visible link, button, summary or label with exactly that text.
"""

import asyncio
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from proofing.testing.processes import start_process

#: How long a page may take on a busy machine; only a test that fails waits so long.
PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05

#: A JavaScript function that returns the first visible element for a selector, else null.
FIND = """(selector) => {
  const named = selector.startsWith("text=");
  const found = document.querySelectorAll(named ? "a, button, summary, label" : selector);
  return [...found].find((element) => element.checkVisibility({ visibilityProperty: true })
    && (!named || element.textContent.trim() === selector.slice(5))) ?? null;
}"""
_HAS_LOADED = "() => document.readyState === 'complete'"
_IS_VISIBLE = f"(selector) => ({FIND})(selector) !== null"
#: Brings an element into view, and returns whether it is there and stays. Scripts move the focus, and with
#: it the page, until it has loaded; and a page scrolls to what was typed a moment after the key.
_COMES_TO_REST = f"""async (selector) => {{
  const element = ({FIND})(selector);
  if (!({_HAS_LOADED})() || !element) return false;
  const place = () => {{
    element.scrollIntoView({{ block: "center", behavior: "instant" }});
    return JSON.stringify(element.getBoundingClientRect());
  }};
  const before = place();
  await new Promise((later) => setTimeout(later, 50));
  return element.isConnected && place() === before;
}}"""
_TEXT = f"""(selector) => ({FIND})(selector)?.textContent.trim().replace(/\\s+/g, " ") ?? null"""
_HAS_TEXT = f"(selector, text) => (({_TEXT})(selector) ?? '').includes(text)"


class Key(StrEnum):
    """Keys that type no character, as WebDriver writes them (section 15.4.2)."""

    #: To the next element that can have the focus.
    TAB = "\ue004"
    #: Presses what has the focus.
    ENTER = "\ue007"
    #: Closes what is open.
    ESCAPE = "\ue00c"


class BrowserError(Exception):
    """The browser could not do what it was asked; a page that is leaving for another one is a reason, too."""


class Tab(ABC):
    """One tab of a browser. Functions are JavaScript expressions of a function, arguments are JSON."""

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open *url* and wait until it has loaded."""

    @abstractmethod
    async def load_again(self) -> None:
        """Have the browser load the page again; the old page may still be there when this returns."""

    @abstractmethod
    async def go_back(self) -> None:
        """Have the browser go back in the tab's history; the old page may be there when this returns."""

    @abstractmethod
    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """Call *function* in the page, await its promise, and return its JSON value.

        Raises:
            BrowserError: it threw, or the page went away meanwhile.
        """

    @abstractmethod
    async def choose_visible(self, selector: str, *paths: Path) -> None:
        """Choose files for a file field that is visible."""

    @abstractmethod
    async def type_keys(self, keys: str) -> None:
        """Press keys one after the other: characters, and those of `Key`."""

    @abstractmethod
    async def screenshot(self) -> bytes:
        """Return what the tab shows, as PNG."""

    @abstractmethod
    async def resize(self, width: int, height: int) -> None:
        """Give the page's viewport this size, in CSS pixels."""

    @abstractmethod
    async def new_tab(self) -> "Tab":
        """Open another tab, with the same cookies."""

    @abstractmethod
    async def clear_cookies(self) -> None:
        """Delete the cookies of the tab's origin, which scripts cannot see."""

    @abstractmethod
    async def click_visible(self, selector: str) -> None:
        """Click the middle of an element that is in view."""

    async def reload(self) -> None:
        """Load the page again, and wait until the new one has loaded."""
        # The end of a load in progress would be taken for that of the new page; and until a script has
        # made the answer to a post a plain page, the browser asks whether to send the post again.
        await self.wait_for(_HAS_LOADED)
        await self.evaluate("() => { window.isOldPage = true; }")
        await self.load_again()
        await self.wait_for(f"() => !window.isOldPage && ({_HAS_LOADED})()")

    async def back(self) -> None:
        """Go back in the tab's history, from a page that has loaded."""
        await self.wait_for(_HAS_LOADED)
        await self.go_back()

    async def click(self, selector: str) -> None:
        """Click the middle of an element, when the page has loaded and it stays where it is."""
        await self.wait_for(_COMES_TO_REST, selector)
        await self.click_visible(selector)

    async def choose(self, selector: str, *paths: Path) -> None:
        """Choose files for a file field, when it is visible."""
        await self.wait_for(_IS_VISIBLE, selector)
        await self.choose_visible(selector, *paths)

    async def fill(self, selector: str, text: str) -> None:
        """Type *text* in the place of what a field holds."""
        await self.click(selector)
        await self.evaluate(
            f"(selector) => {{ const field = ({FIND})(selector); field.focus(); field.select(); }}", selector
        )
        await self.type_keys(text)

    async def is_visible(self, selector: str) -> bool:
        """Return whether there is a visible element for *selector* now."""
        return bool(await self.evaluate(_IS_VISIBLE, selector))

    async def text(self, selector: str) -> str:
        """Return the text of the first visible element."""
        await self.wait_for(_IS_VISIBLE, selector)
        return str(await self.evaluate(_TEXT, selector))

    async def see(self, selector: str, text: str = "") -> None:
        """Wait until an element is visible and contains *text*."""
        await self.wait_for(_HAS_TEXT if text else _IS_VISIBLE, selector, *([text] if text else []))

    async def path(self) -> str:
        """Return the path of the page's address."""
        return str(await self.evaluate("() => location.pathname"))

    async def wait_for(self, function: str, *arguments: Any, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until *function* returns something true, on this page or one it leads to, and return that."""
        seen: object = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        seen = await self.evaluate(function, *arguments)
                    except BrowserError as error:
                        seen = error
                    else:
                        if seen:
                            return seen
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            shown = await self._shown()
            raise AssertionError(
                f"not within {seconds} s: {function} {arguments}: {seen!r}\n{shown}"
            ) from None

    async def _shown(self) -> str:
        """Return the address and text of the page, for the message of a failure."""
        try:
            return str(await self.evaluate("() => location.href + '\\n' + document.body.innerText"))
        except BrowserError as error:
            return repr(error)


def start_child(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    output: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a browser's process; its input is empty and its errors go where its output goes."""
    return start_process(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds,
    )
