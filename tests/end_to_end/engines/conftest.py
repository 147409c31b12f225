"""Firefox and WebKitGTK behind one way to drive them, and a person who uses one of them.

Playwright cannot drive them as Debian ships them; the folder above has all journeys in Chromium.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from proofing_devtools.browser import Tab
from proofing_devtools.firefox import running_firefox
from proofing_devtools.webkit import find_minibrowser, running_webkit

ENGINES = ("firefox", "webkit")
FIREFOX_HINT = "no Firefox found: apt-get install --no-install-recommends firefox-esr"
WEBKIT_HINT = "no WebKitGTK found: apt-get install --no-install-recommends webkit2gtk-driver xvfb"


def skip_or_fail(hint: str, variable: str) -> None:
    """Skip what needs a missing program, or fail where it is required."""
    if os.environ.get(variable) == "1":
        pytest.fail(hint)
    pytest.skip(hint)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def firefox(tmp_path_factory) -> AsyncIterator[object]:
    """A running Firefox."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        skip_or_fail(FIREFOX_HINT, "REQUIRE_FIREFOX")
    async with running_firefox(program, tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def webkit(tmp_path_factory) -> AsyncIterator[object]:
    """A running WebKitGTK."""
    driver, program = shutil.which("WebKitWebDriver"), find_minibrowser()
    if not (driver and program and shutil.which("Xvfb")):
        skip_or_fail(WEBKIT_HINT, "REQUIRE_WEBKIT")
    async with running_webkit(driver, program, tmp_path_factory.mktemp("webkit")) as browser:
        yield browser


@pytest.fixture(scope="session", params=ENGINES)
def engine(request) -> object:
    """Each engine in turn."""
    return request.getfixturevalue(request.param)


class Visitor:
    """Somebody who proofs who they are, in a tab of any engine."""

    def __init__(self, tab: Tab, folder, photos) -> None:
        self.tab = tab
        self._folder = folder
        self.photos = photos

    async def heading(self, text: str) -> None:
        """Expect the page's main heading."""
        await self.tab.see("h1", text)

    async def consent(self, url: str, to: str = "Add photos of your ID") -> None:
        """Go to the page after the consent, whose heading is *to*: that of the photos, as a rule."""
        await self.tab.goto(url)
        await self.tab.click("text=Start")
        await self.tab.click("#consent")
        await self.tab.click("text=Continue")
        await self.heading(to)

    def path_of(self, side: str, content: bytes):
        """Return a file on the person's disk."""
        path = self._folder / f"{side}.{'jpg' if content.startswith(bytes([255])) else 'yaml'}"
        path.write_bytes(content)
        return path

    async def give(self, **files: bytes) -> None:
        """Choose a file for each side, and wait until they are ready."""
        for side, content in files.items():
            # The page opens one side after the other; this one may not be its turn yet.
            await self.tab.see(f"[data-side={side}]")
            add = f"[data-side={side}] [data-open]:not([hidden])"
            await self.tab.evaluate("(add) => document.querySelector(add)?.click()", add)
            await self.tab.choose(f"#{side}", self.path_of(side, content))
        for side in files:
            await self.tab.see(f"[data-side={side}].ready")

    async def give_photos(self) -> None:
        """Choose both photos."""
        await self.give(**self.photos)

    async def give_form(self, text: str) -> None:
        """Choose the testers' file for both sides."""
        await self.give(**{side: f"{text}\n# {side}\n".encode() for side in self.photos})

    async def submit_photos(self) -> None:
        """Send the capture page."""
        await self.tab.click("text=Submit photos")

    async def submit_visit(self) -> None:
        """Send the page that stands in for the photos where a vendor takes them."""
        await self.heading("Show your ID")
        await self.tab.click("text=Continue")

    async def give_ssn(self) -> None:
        """Answer the page of the Social Security number."""
        await self.heading("Enter your Social Security number")
        await self.tab.fill("#ssn", "900661234")
        await self.tab.click("text=Continue")
        await self.heading("Check your information")

    async def give_phone(self, phone: str = "2025550123") -> None:
        """Answer the page of the phone number."""
        await self.tab.see("#phone")
        await self.tab.fill("#phone", phone)
        await self.tab.click("text=Check number")

    async def to_phone(self, url: str) -> None:
        """Come as far as the phone number."""
        await self.consent(url)
        await self.give_photos()
        await self.submit_photos()
        await self.give_ssn()
        await self.tab.click("text=Submit for checking")
        await self.tab.see("#phone")

    async def wait_for_document(self, url: str) -> None:
        """Come to the waiting page of the document."""
        await self.consent(url)
        await self.give_photos()
        await self.submit_photos()
        await self.heading("We’re checking your ID")


@pytest.fixture
def meet(photos, tmp_path) -> Callable[[Tab], Visitor]:
    """Return a maker of people, each with a tab of theirs."""
    return lambda tab: Visitor(tab, tmp_path, photos)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(engine, meet) -> AsyncIterator[Visitor]:
    """A person with a fresh tab; a script that throws fails the test, where the engine tells."""
    already = len(getattr(engine, "errors", []))
    async with engine.person() as tab:
        yield meet(tab)
    assert getattr(engine, "errors", [])[already:] == []


class Gate:
    """The network between browsers and a server, with switches.

    Attributes:
        blocked: part of the paths that do not get through.
        answers: JSON that is answered in the server's place, by path, to a request that changes nothing.
    """

    def __init__(self) -> None:
        self.blocked = ""
        self.answers: dict[str, object] = {}
        self.port = 0
        self.upstream = 0
        #: Paths that were requested, without /static.
        self.paths: list[str] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await asyncio.wait([task])

    async def cut(self) -> None:
        """End all connections."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request on, and its answer back."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, path = head.decode("latin-1").split()[:2]
            if not path.startswith("/static"):
                self.paths.append(path)
            if self.blocked and self.blocked in path:
                writer.transport.abort()
            elif method == "GET" and path in self.answers:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
                )
                writer.write(json.dumps(self.answers[path]).encode())
            else:
                await self._pass(head, reader, writer)

    async def _pass(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on a request whose connection is closed after it."""
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
        lines = head[:-4].split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        upstream.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]))

        async def copy(source, target):
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()

        sending = asyncio.create_task(copy(reader, upstream))
        try:
            await copy(upstream_reader, writer)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            upstream.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_gate() -> AsyncIterator[Gate]:
    """A gate that stays for all tests."""
    gate = Gate()
    async with await asyncio.start_server(gate.serve, "127.0.0.1", 0) as server:
        gate.port = server.sockets[0].getsockname()[1]
        yield gate
        await gate.cut()


@pytest_asyncio.fixture(loop_scope="session")
async def gate(open_gate) -> AsyncIterator[Gate]:
    """The gate, open at the start of each test."""
    open_gate.paths.clear()
    yield open_gate
    open_gate.blocked = ""
    open_gate.answers.clear()
    await open_gate.cut()


@pytest.fixture(scope="session")
def gated(install, open_gate):
    """An installation behind the gate."""
    installation = install()
    open_gate.upstream = installation.port
    installation.url = installation.environ["PROOFING_PUBLIC_URL"] = f"http://localhost:{open_gate.port}"
    installation.start_all()
    return installation


@pytest.fixture
def held(gated):
    """The installation behind the gate, whose document vendor answers when the test says so."""
    with gated.holding():
        yield gated


@pytest.fixture(scope="session")
def polled(install):
    """An installation whose document vendor needs an hour, and whose page promises two seconds."""
    bounds = {"async_wait_timeout_seconds": 2, "job_deadline_seconds": 1}
    installation = install(document_vendor="mock:polling", mock={"polling_seconds": 3600.0}, **bounds)
    installation.start_all()
    return installation
