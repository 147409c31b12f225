"""Drives an installed Firefox by its own WebDriver BiDi socket: nothing is downloaded, no geckodriver.

Protocol: https://www.w3.org/TR/webdriver-bidi/. Each person gets a user context of their own: cookies,
storage and cache as in a fresh profile.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from proofing.testing.processes import end_process
from proofing_devtools.browser import FIND, PATIENCE_SECONDS, BrowserError, Tab, start_child

if TYPE_CHECKING:
    import subprocess

_START_SECONDS = 60.0
_SOCKET_BYTES = 64 * 1024 * 1024
_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
#: No connection but to this machine, no questions, no pages of its own; a camera that is made up.
_PREFERENCES = {
    "app.update.enabled": False,
    "browser.aboutConfig.showWarning": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.disable_beforeunload": False,
    # A page that still scrolls by itself moves what is to be clicked.
    "general.smoothScroll": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox:
    """A running Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        #: What scripts threw, and what the console reported as errors.
        self.errors: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do one command and return its result."""
        number = next(self._ids)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await waiting
        except (ConnectionClosed, TimeoutError) as error:
            raise BrowserError(f"{method}: {type(error).__name__}") from error
        finally:
            del self._waiting[number]
        if answer["type"] == "error":
            raise BrowserError(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    @contextlib.asynccontextmanager
    async def person(self) -> AsyncIterator["FirefoxTab"]:
        """Give a tab in a fresh user context."""
        user = (await self.call("browser.createUserContext"))["userContext"]
        try:
            yield await self.open_tab(user)
        finally:
            await self.call("browser.removeUserContext", userContext=user)

    async def open_tab(self, user: str) -> "FirefoxTab":
        """Open a tab of a user context."""
        created = await self.call("browsingContext.create", type="tab", userContext=user)
        return FirefoxTab(self, created["context"], user)

    async def close(self) -> None:
        """End the session and the browser."""
        with contextlib.suppress(BrowserError):
            await self.call("browser.close")
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        """Hand each answer to anyone who waits for it."""
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if message.get("method") == "log.entryAdded" and _is_failure(message["params"]):
                    self.errors.append(message["params"]["text"])
                waiting = self._waiting.get(message.get("id"))
                if waiting and not waiting.done():
                    waiting.set_result(message)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(BrowserError("the browser has closed the connection"))


class FirefoxTab(Tab):
    """One tab of Firefox."""

    def __init__(self, browser: Firefox, context: str, user: str) -> None:
        self._browser = browser
        self._context = context
        self._user = user

    async def goto(self, url: str) -> None:
        """Open *url* and wait until it has loaded."""
        await self._call("browsingContext.navigate", url=url, wait="complete")

    async def load_again(self) -> None:
        """Have the browser load the page again."""
        await self._call("browsingContext.reload", wait="complete")

    async def go_back(self) -> None:
        """Have the browser go back in the tab's history."""
        await self._call("browsingContext.traverseHistory", delta=-1)

    async def evaluate(self, function: str, *arguments: Any) -> Any:
        """Call *function* in the page, await its promise, and return its JSON value."""
        calling = f"async (json) => JSON.stringify(await ({function})(...JSON.parse(json)) ?? null)"
        value = await self._script(calling, {"type": "string", "value": json.dumps(arguments)})
        return json.loads(value["value"])

    async def choose_visible(self, selector: str, *paths: Path) -> None:
        """Choose files for a file field that is visible."""
        element = await self._element(selector)
        await self._call("input.setFiles", element=element, files=[str(path) for path in paths])

    async def click_visible(self, selector: str) -> None:
        """Click the middle of an element that is in view."""
        element = {"type": "element", "element": await self._element(selector)}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": element}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        await self._perform({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    async def type_keys(self, keys: str) -> None:
        """Press keys one after the other."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self._perform({"type": "key", "id": "keyboard", "actions": presses})

    async def screenshot(self) -> bytes:
        """Return what the tab shows, as PNG."""
        return base64.b64decode((await self._call("browsingContext.captureScreenshot"))["data"])

    async def resize(self, width: int, height: int) -> None:
        """Give the page's viewport this size, in CSS pixels."""
        await self._call("browsingContext.setViewport", viewport={"width": width, "height": height})

    async def new_tab(self) -> Tab:
        """Open another tab, with the same cookies."""
        return await self._browser.open_tab(self._user)

    async def clear_cookies(self) -> None:
        """Delete the cookies of this person."""
        partition = {"type": "storageKey", "userContext": self._user}
        await self._browser.call("storage.deleteCookies", partition=partition)

    async def _element(self, selector: str) -> dict[str, str]:
        """Return the reference of a visible element."""
        found = await self._script(FIND, {"type": "string", "value": selector})
        if "sharedId" not in found:
            raise BrowserError(f"{selector} is not there")
        return {"sharedId": found["sharedId"]}

    async def _script(self, function: str, *arguments: Any) -> dict[str, Any]:
        """Call a function and return the remote value of what it returns."""
        answer = await self._browser.call(
            "script.callFunction",
            functionDeclaration=function,
            arguments=arguments,
            awaitPromise=True,
            userActivation=False,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise BrowserError(answer["exceptionDetails"]["text"])
        result: dict[str, Any] = answer["result"]
        return result

    async def _perform(self, source: dict[str, Any]) -> None:
        """Do the actions of one input device."""
        await self._call("input.performActions", actions=[source])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do one command in this tab."""
        return await self._browser.call(method, context=self._context, **parameters)


def _is_failure(entry: dict[str, Any]) -> bool:
    """Return whether a script threw, or a policy was broken; some tests make connections fail."""
    return entry["level"] == "error" and "a connection to the server" not in entry["text"]


@contextlib.asynccontextmanager
async def running_firefox(program: str, directory: Path) -> AsyncIterator[Firefox]:
    """Run *program* headless with a profile and home of its own in *directory*, an empty folder."""
    profile = directory / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    kept = {name: text for name, text in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    log = directory / "firefox.log"
    with log.open("wb") as output:
        process = start_child(
            [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"],
            # Root may not use a home of somebody else's, and nobody's own profile is touched.
            environ={**kept, "HOME": str(directory), "MOZ_CRASHREPORTER_DISABLE": "1"},
            output=output,
        )
    try:
        url = await _listening(process, log)
        async with connect(f"{url}/session", max_size=_SOCKET_BYTES, proxy=None) as socket:
            firefox = Firefox(socket)
            await firefox.call(
                "session.new",
                capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}},
            )
            await firefox.call("session.subscribe", events=["log.entryAdded"])
            yield firefox
            await firefox.close()
    finally:
        end_process(process, 15)


async def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the browser says where it listens."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.poll() is None:
                if found := _LISTENING.search(log.read_bytes()):  # noqa: ASYNC240 - a few lines
                    return found[1].decode()
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    raise BrowserError(f"Firefox did not start; see {log}")
