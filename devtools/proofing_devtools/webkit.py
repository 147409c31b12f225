"""Drives an installed WebKitGTK: MiniBrowser under Xvfb, by WebKitWebDriver. Nothing is downloaded.

Protocol: https://www.w3.org/TR/webdriver2/. WebKitGTK is the engine that Safari shares, not Safari: media
and system dialogs are others, and its camera here is the engine's own made-up one. One session serves all
tests; its cookies are deleted between them.
"""

import asyncio
import base64
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from proofing.testing.processes import end_process, free_port
from proofing_devtools.browser import FIND, PATIENCE_SECONDS, BrowserError, Tab, start_child

if TYPE_CHECKING:
    import subprocess

_START_SECONDS = 60.0
_SILENT_SECONDS = 10.0
_NEW_WINDOWS = 3
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.2
_BROWSERS = "webkit2gtk-4.*/MiniBrowser", "webkitgtk-6.*/MiniBrowser"
#: A camera that is made up; under automation nobody is asked for it.
_ARGUMENTS = "--automation", "--enable-media-stream=true", "--enable-mock-capture-devices=true"
_SCREEN = "1400x1100x24"
#: The browser's own tools are as small as can be, so that a page can be as narrow as on a telephone.
_TOOLS_STYLE = "* { font-size: 1px; margin: 0; padding: 0; min-width: 0; min-height: 0; }"


def find_minibrowser() -> str | None:
    """Return the path of MiniBrowser, which Debian keeps off the PATH."""
    found = (path for pattern in _BROWSERS for path in Path("/usr/lib").glob(f"*/{pattern}"))
    return next((str(path) for path in found if os.access(path, os.X_OK)), None)


class WebKit:
    """A session of WebKitWebDriver."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._session = ""
        self._current = ""
        # One window at a time has the driver's attention.
        self.lock = asyncio.Lock()

    async def start(self, program: str) -> None:
        """Start the browser."""
        options = {"binary": program, "args": [*_ARGUMENTS]}
        capabilities = {"webkitgtk:browserOptions": options, "unhandledPromptBehavior": "accept"}
        answer = await self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{answer['sessionId']}"

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Do one command of the session and return its value."""
        return await self._send(method, self._session + path, body)

    async def switch_to(self, window: str) -> None:
        """Make *window* the one that commands are for; its tab is in front."""
        if window != self._current:
            await self.call("POST", "/window", {"handle": window})
            self._current = window

    @contextlib.asynccontextmanager
    async def person(self) -> AsyncIterator["WebKitTab"]:
        """Give a tab without cookies; it and those it opened are closed afterward."""
        first: str = (await self.call("GET", "/window/handles"))[0]
        tab = await self.open_tab("window")
        try:
            yield tab
        finally:
            with contextlib.suppress(BrowserError):
                await tab.clear_cookies()
            for window in await self.call("GET", "/window/handles"):
                if window != first:
                    await self.switch_to(window)
                    await self.call("DELETE", "/window")
            self._current = ""
            await self.switch_to(first)

    async def open_tab(self, kind: str) -> "WebKitTab":
        """Open a tab or window."""
        return WebKitTab(self, await self._open(kind))

    async def replace(self, window: str) -> str:
        """Open a window in the place of *window* and return its handle."""
        opened = await self._open("window")
        await self.switch_to(window)
        await self.call("DELETE", "/window")
        self._current = ""
        return opened

    async def _open(self, kind: str) -> str:
        """Open a tab or window and return its handle."""
        handle: str = (await self.call("POST", "/window/new", {"type": kind}))["handle"]
        return handle

    async def close(self) -> None:
        """End the session, and with it the browser."""
        with contextlib.suppress(BrowserError):
            await self.call("DELETE", "")

    async def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """Do one command and return its value."""
        json = body if body is not None else ({} if method == "POST" else None)
        try:
            answer = await self._http.request(method, path, json=json)
        except httpx.HTTPError as error:
            raise BrowserError(f"{method} {path}: {type(error).__name__}") from error
        value = answer.json()["value"]
        if answer.is_error:
            raise BrowserError(f"{method} {path}: {value['error']}: {value.get('message')}")
        return value


class WebKitTab(Tab):
    """One tab of WebKitGTK."""

    def __init__(self, browser: WebKit, window: str) -> None:
        self._browser = browser
        self._window = window
        self._is_new = True

    async def goto(self, url: str) -> None:
        """Open *url* and wait until it has loaded."""
        await self._call("POST", "/url", {"url": url})
        # The process behind a new window's first page sometimes never runs a script; nothing is lost with it.
        for _ in range(_NEW_WINDOWS if self._is_new else 0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENT_SECONDS):
                    await self.wait_for("() => true")
                break
            async with self._browser.lock:
                self._window = await self._browser.replace(self._window)
            await self._call("POST", "/url", {"url": url})
        self._is_new = False

    async def load_again(self) -> None:
        """Have the browser load the page again."""
        await self._call("POST", "/refresh")

    async def go_back(self) -> None:
        """Have the browser go back in the tab's history."""
        await self._call("POST", "/back")

    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """Call *function* in the page, await its promise, and return its JSON value."""
        script = (
            f"const done = arguments[arguments.length - 1]; (async () => ({function})(...arguments[0]))()"
            ".then((value) => done({ value }), (error) => done({ error: String(error) }))"
        )
        answer = await self._call("POST", "/execute/async", {"script": script, "args": [list(arguments)]})
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer.get("value")

    async def choose_visible(self, selector: str, *paths: Path) -> None:
        """Choose files for a file field that is visible."""
        element = await self._element(selector)
        text = "\n".join(str(path) for path in paths)
        await self._call("POST", f"/element/{element}/value", {"text": text})

    async def click_visible(self, selector: str) -> None:
        """Click the middle of an element that is in view."""
        await self._call("POST", f"/element/{await self._element(selector)}/click")

    async def type_keys(self, keys: str) -> None:
        """Press keys one after the other."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": presses}
        await self._call("POST", "/actions", {"actions": [source]})

    async def screenshot(self) -> bytes:
        """Return what the tab shows, as PNG."""
        return base64.b64decode(await self._call("GET", "/screenshot"))

    async def resize(self, width: int, height: int) -> None:
        """Give the page's viewport this size, in CSS pixels: the window has a frame of its own."""
        frame = "() => [outerWidth - innerWidth, outerHeight - innerHeight]"
        await self._call("POST", "/window/rect", {"x": 0, "y": 0, "width": width, "height": height})
        wide, high = await self.evaluate(frame)
        await self._call("POST", "/window/rect", {"width": width + wide, "height": height + high})
        # The page is laid out, and drawn, a while after the window has its size.
        await self.wait_for(
            "(width, height) => innerWidth === width && innerHeight === height", width, height
        )
        await self.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")

    async def new_tab(self) -> Tab:
        """Open another tab, with the same cookies."""
        return await self._browser.open_tab("tab")

    async def clear_cookies(self) -> None:
        """Delete the cookies of the tab's origin."""
        await self._call("DELETE", "/cookie")

    async def _element(self, selector: str) -> str:
        """Return the reference of a visible element."""
        body = {"script": f"return ({FIND})(arguments[0])", "args": [selector]}
        found = await self._call("POST", "/execute/sync", body)
        if not found:
            raise BrowserError(f"{selector} is not there")
        element: str = found[_ELEMENT]
        return element

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Do one command in this tab."""
        async with self._browser.lock:
            await self._browser.switch_to(self._window)
            return await self._browser.call(method, path, body)


@contextlib.asynccontextmanager
async def running_webkit(driver: str, program: str, directory: Path) -> AsyncIterator[WebKit]:
    """Run MiniBrowser, its driver and a display for it, with a home in *directory*, an empty folder."""
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    style = directory / ".config" / "gtk-3.0" / "gtk.css"
    style.parent.mkdir(parents=True)
    style.write_text(_TOOLS_STYLE)
    with _display() as display, (directory / "webkit.log").open("wb") as output:
        port = free_port()
        environ = {
            **kept,
            "DISPLAY": display,
            "HOME": str(directory),
            # No desktop's services: no bus, no accessibility bus, no graphics card, no outside network.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "GDK_BACKEND": "x11",
            "GSETTINGS_BACKEND": "memory",
            "GTK_A11Y": "none",
            "NO_AT_BRIDGE": "1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_RUNTIME_DIR": str(directory),
        }
        process = start_child([driver, f"--port={port}"], environ=environ, output=output)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS, trust_env=False
            ) as http:
                await _answering(process, http)
                webkit = WebKit(http)
                await webkit.start(program)
                yield webkit
                await webkit.close()
        finally:
            end_process(process, 15)


@contextlib.contextmanager
def _display() -> Any:
    """Run a display that is nobody's screen; it chooses its number and tells it."""
    program = shutil.which("Xvfb")
    if program is None:
        raise BrowserError("Xvfb is not installed")
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", _SCREEN, "-nolisten", "tcp"]
    process = start_child(command, pass_fds=(writing,))
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as printed:
            number = printed.readline()
        if not re.fullmatch(rb"\d+\n", number):
            raise BrowserError("Xvfb did not start")
        yield f":{number.decode().strip()}"
    finally:
        end_process(process, 15)


async def _answering(process: "subprocess.Popen[bytes]", http: httpx.AsyncClient) -> None:
    """Wait until the driver answers."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            while process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    await http.get("/status")
                    return
                await asyncio.sleep(0.05)
    raise BrowserError("WebKitWebDriver did not start")
