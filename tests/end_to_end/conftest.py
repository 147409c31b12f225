"""Web and worker as real processes on the embedded default, and a person in a real browser."""

import asyncio
import base64
import contextlib
import copy
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
import pytest_asyncio
import yaml
from PIL import Image
from playwright.async_api import Browser, Locator, Page, expect

from proofing.testing.processes import free_port, is_healthy, start_process
from proofing_devtools import agency as relying_party
from proofing_devtools.agency import Agency
from proofing_devtools.device_profiler import DeviceVendor, install_plugin
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.vendor_sandbox import VendorSandbox

START_SECONDS = 60
#: How long a page may take on a busy machine; only a test that fails waits so long.
PATIENCE_MILLISECONDS = 20_000
CLOSE_SECONDS = 5
expect.set_options(timeout=PATIENCE_MILLISECONDS)
SPY = '''
"""The mock document vendor, which writes down the hash of every image, and answers when it may."""

import asyncio
import hashlib
import json
import os

from proofing.contracts.hooks import hookimpl
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing_mock import MockSettings
from proofing_mock.documents import DocumentMock


class Spy(DocumentMock):
    async def proof(self, request, context):
        with open(os.environ["SPY_FILE"], "a") as file:
            for side, image in request.images.items():
                digest = hashlib.sha256(image.content).hexdigest()
                facts = {"side": side, "sha256": digest, "type": image.media_type}
                file.write(json.dumps(facts) + "\\n")
        while os.path.exists(os.environ["SPY_HOLD"]):
            await asyncio.sleep(0.05)
        return await super().proof(request, context)


def make(settings, process):
    return Spy(MockSettings())


@hookimpl
def proofing_proofers():
    return [
        ProoferDescriptor(
            name="spy",
            kind=ProoferKind.DOCUMENT,
            make=make,
            takes_selfie=True,
            company="Spy Inc.",
            accepts_test_documents=True,
            maturity=Maturity.MOCK,
        )
    ]
'''


class Installation:
    """One machine with Proofing on it: a directory, settings, and the processes started there."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.directory = directory
        self.seen = directory / "seen.jsonl"
        self.seen.touch()
        self._hold = directory / "hold"
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        values = {
            "plugins": ["huey", "local", "mock", "spy"],
            "document_vendor": "spy",
            "local": {"directory": str(directory / "local")},
            "log_directory": str(directory / "log"),
            **FROM_ONE_ADDRESS,
            **settings,
        }
        (directory / "settings.yaml").write_text(yaml.safe_dump({"default": values}))
        self._install_spy()
        self.environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")},
            "PROOFING_PUBLIC_URL": self.url,
            "PYTHONPATH": str(directory / "plugins"),
            "SPY_FILE": str(self.seen),
            "SPY_HOLD": str(self._hold),
        }
        self.processes: list[subprocess.Popen[str]] = []

    def _install_spy(self) -> None:
        """Install a plugin as any distribution would: a module and its entry point."""
        plugins = self.directory / "plugins"
        facts = plugins / "spy-1.0.dist-info"
        facts.mkdir(parents=True)
        (plugins / "proofing_spy.py").write_text(SPY)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[proofing]\nspy = proofing_spy\n")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start one `proofing` command."""
        process = start_process(
            [sys.executable, "-m", "proofing.cli", *command],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *command: str) -> None:
        """Run one `proofing` command to its end."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=START_SECONDS)
        assert process.returncode == 0, output

    def start_web(self) -> None:
        """Start the web server and wait until it answers."""
        process = self.start("web", "--port", str(self.port))
        ready = threading.Event()
        deadline = START_SECONDS * 10
        for _ in range(deadline):
            if is_healthy(self.url):
                return
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            ready.wait(0.1)
        raise AssertionError("the web server did not answer")

    def start_all(self) -> None:
        """Start web and worker with the one command."""
        process = self.start("run", "--port", str(self.port))
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "is ready" in line:
                # What comes later is read, so that the pipe never fills.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return
        raise AssertionError("".join(lines))

    @contextmanager
    def holding(self) -> Iterator[Self]:
        """Have the document vendor answer nobody before `answer` is called, or this ends."""
        self._hold.touch()
        try:
            yield self
        finally:
            self.answer()

    def answer(self) -> None:
        """Have the document vendor answer, those who wait too."""
        self._hold.unlink(missing_ok=True)

    def stop(self) -> None:
        """End every process that was started here."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout:
                process.stdout.close()


@pytest.fixture(scope="session")
def install(
    tmp_path_factory: pytest.TempPathFactory, chromium_path: str
) -> Iterator[Callable[..., Installation]]:
    """Return a maker of installations; all of them end with the tests."""
    made: list[Installation] = []

    def make(**settings: object) -> Installation:
        installation = Installation(tmp_path_factory.mktemp("installation"), **settings)
        made.append(installation)
        return installation

    yield make
    for installation in made:
        installation.stop()


@pytest.fixture(scope="session")
def proofing(install: Callable[..., Installation]) -> Installation:
    """The embedded default, with both switches on."""
    installation = install()
    installation.start_all()
    return installation


@pytest.fixture(scope="session")
def confirming(install: Callable[..., Installation]) -> Installation:
    """An installation whose page shows what the messenger would send."""
    installation = install(messenger_vendor="mock", phone_code_pause_seconds=0, **FROM_ONE_ADDRESS)
    installation.start_all()
    return installation


@pytest.fixture(scope="session")
def asking(install: Callable[..., Installation]) -> Installation:
    """An installation that asks everybody for a selfie; who takes none is sent to the organization."""
    installation = install(selfie="required", selfie_other_way="Come to any of our offices.")
    installation.start_all()
    return installation


#: Policies of every kind, by name.
POLICIES = {
    "document": {"steps": ["document"]},
    "phone_and_code": {"steps": ["phone", "code"]},
    "resolution": {"steps": ["resolution"]},
    "everything": {
        "steps": ["document", "selfie", "resolution", "phone", "code"],
        "branding": {"name": "Department of Examples", "color": "#8b0a1a"},
    },
}


@pytest.fixture(scope="session")
def agency(install: Callable[..., Installation]) -> Agency:
    """A relying party that asks for policies of every kind."""
    file = io.BytesIO()
    Image.new("RGB", (96, 32), "#8b0a1a").save(file, "PNG")
    logo = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    policies = copy.deepcopy(POLICIES)
    policies["everything"]["branding"]["logo"] = logo
    installation = install(
        messenger_vendor="mock", phone_code_pause_seconds=0, **relying_party.settings_for(**policies)
    )
    installation.start_all()
    return Agency(
        settings_file=installation.directory / "settings.yaml",
        environment=installation.environ,
        url=installation.url,
    )


@pytest.fixture(scope="session")
def unattended(install: Callable[..., Installation]) -> Installation:
    """An installation without a worker: anyone who waits there waits until the end of the test."""
    installation = install(async_wait_timeout_seconds=300)
    installation.run("migrate")
    installation.start_web()
    return installation


class SandboxInstallation:
    """An installation whose vendors are those of `proofing sandbox`, behind a forward proxy."""

    def __init__(self, installation: Installation, vendors: VendorSandbox, document_vendor: str) -> None:
        self.installation = installation
        self.document_vendor = document_vendor
        self.url = installation.url
        self.vendors = vendors

    def lines(self, name: str) -> list[dict[str, object]]:
        """Return the lines of the product's log with that name."""
        text = "".join(path.read_text() for path in (self.installation.directory / "log").glob("*"))
        return [line for line in map(json.loads, text.splitlines()) if line["name"] == name]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def install_sandboxed(install: Callable[..., Installation]) -> AsyncIterator[object]:
    """Return a maker of installations with real vendors' adapters, by the name of the document vendor."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(document_vendor: str, **settings: object) -> SandboxInstallation:
            vendors = await stack.enter_async_context(VendorSandbox())
            names = {
                "device_vendor": "lexisnexis:threat_metrix",
                "passport_vendor": "dos:passport",
                "phone_vendors": ["lexisnexis:phone_finder", "twilio"],
                "resolution_vendor": "lexisnexis:instant_verify",
                "state_id_vendor": "aamva:state_id",
            }
            installation = install(
                **{**vendors.settings, **names, "document_vendor": document_vendor, **settings}
            )
            installation.start_all()
            vendors.start(installation.url)
            return SandboxInstallation(installation, vendors, document_vendor)

        yield make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def device_vendor() -> AsyncIterator[DeviceVendor]:
    """A vendor whose scripts profile the browser."""
    vendor = DeviceVendor()
    async with vendor.serving():
        yield vendor


@pytest.fixture(scope="session")
def install_profiled(
    install: Callable[..., Installation], device_vendor: DeviceVendor
) -> Callable[..., Installation]:
    """Return a maker of installations with the plugin of that vendor."""

    def make(*, isolated: bool = False) -> Installation:
        plugins = ["huey", "local", "mock", "spy", "profiler"]
        installation = install(plugins=plugins, **device_vendor.settings(isolated=isolated))
        install_plugin(installation.directory / "plugins")
        installation.start_all()
        return installation

    return make


class Person:
    """Somebody who proofs who they are, on one page of a browser."""

    def __init__(self, page: Page, photos: Mapping[str, bytes]) -> None:
        self.page = page
        self.photos = photos

    @staticmethod
    def file(content: bytes, name: str = "photo.jpg", mime: str = "image/jpeg") -> dict[str, object]:
        """Return what Playwright puts into a file field."""
        return {"name": name, "mimeType": mime, "buffer": content}

    def side(self, name: str) -> Locator:
        """Return the field of one side."""
        return self.page.locator(f"[data-side={name}]")

    async def heading(self, text: str) -> None:
        """Expect the page's main heading."""
        await expect(self.page.locator("h1:visible")).to_have_text(text)

    async def later(self, time: str) -> None:
        """Set the installed clock forward, "minutes:seconds"; a page that loads has set no timers yet."""
        await self.page.wait_for_load_state()
        await self.page.clock.fast_forward(time)

    async def consent(self, url: str, to: str = "Add photos of your ID") -> None:
        """Go to the page after the consent, whose heading is *to*: that of the photos, as a rule."""
        await self.page.goto(url)
        await self.page.get_by_role("link", name="Start", exact=True).click()
        await self.page.get_by_label("I agree").check()
        await self.page.get_by_role("button", name="Continue").click()
        await self.heading(to)

    async def give(self, side: str, content: bytes, name: str = "photo.jpg") -> None:
        """Choose a file for one side."""
        field, replace = self.page.locator(f"#{side}"), self.side(side).locator("[data-replace]")
        open_side = self.side(side).locator("[data-open]")
        # As for people: there is no field before the script listens to it, nor one for a photo that is ready,
        # nor one for a side that is not its turn yet.
        await expect(field.or_(replace).or_(open_side).filter(visible=True).first).to_be_visible()
        if await open_side.is_visible():
            # By the script: the page may open it by itself at this moment.
            await open_side.evaluate("button => button.click()")
        if await replace.is_visible():
            async with self.page.expect_file_chooser() as choosing:
                await replace.click()
            await (await choosing.value).set_files(self.file(content, name))
        else:
            await field.set_input_files(self.file(content, name))

    async def ready(self, *sides: str) -> None:
        """Expect sides to be ready."""
        for side in sides or ("front", "back"):
            await expect(self.page.locator(f"[data-side={side}]")).to_have_class(re.compile("ready"))

    async def give_photos(self, photos: Mapping[str, bytes] | None = None) -> None:
        """Choose both photos and wait until each is ready."""
        for side, content in (photos or self.photos).items():
            await self.give(side, content)
        await self.ready()

    async def give_form(self, text: str) -> None:
        """Choose the testers' file for both sides."""
        for side in self.photos:
            await self.give(side, f"{text}\n# {side}\n".encode(), "id.yaml")
        await self.ready()

    async def submit_photos(self) -> None:
        """Send the capture page."""
        await self.page.get_by_role("button", name="Submit photos").click()

    async def submit_visit(self) -> None:
        """Send the page that stands in for the photos where a vendor takes them."""
        await self.heading("Show your ID")
        await self.page.get_by_role("button", name="Continue").click()

    async def give_ssn(self, ssn: str = "900-66-1234") -> None:
        """Answer the page of the Social Security number."""
        await self.page.get_by_label("Social Security number").fill(ssn)
        await self.page.get_by_role("button", name="Continue").click()
        await self.heading("Check your information")

    async def submit_information(self) -> None:
        """Send the summary."""
        await self.page.get_by_role("button", name="Submit for checking").click()

    async def give_phone(self, phone: str = "202-555-0123") -> None:
        """Answer the page of the phone number."""
        await self.page.get_by_label("Phone number").fill(phone)
        await self.page.get_by_role("button", name="Check number").click()

    async def get_code(self, how: str = "Send a text message") -> None:
        """Have a confirmation code sent."""
        await self.heading("Confirm your phone number")
        await self.page.get_by_role("button", name=how).click()

    async def return_code(self) -> None:
        """Enter the code that the page of the mock messenger shows."""
        code = await self.page.locator("#test-code").inner_text()
        await self.page.get_by_label("Confirmation code").fill(code)
        await self.page.get_by_role("button", name="Confirm").click()

    async def finish(self) -> None:
        """Answer everything after the photos."""
        await self.give_ssn()
        await self.submit_information()
        await self.give_phone()
        await self.heading("You’re verified")


@pytest.fixture(scope="session")
def photos() -> dict[str, bytes]:
    """Photographs as a camera makes them: noise that does not compress away, one megapixel each."""
    made = {}
    for seed, side in enumerate(("front", "back")):
        pixels = random.Random(seed).randbytes(1200 * 800 * 3)  # noqa: S311 - noise, no secret
        file = io.BytesIO()
        Image.frombytes("RGB", (1200, 800), pixels).save(file, "JPEG", quality=75)
        made[side] = file.getvalue()
        assert len(made[side]) > 384 * 1024
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page that fails the test when our script fails or the content security policy is broken."""
    context = await chromium.new_context()
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def listen(text: str) -> None:
        if "Content Security Policy" in text or "Trusted" in text:
            wrong.append(text)

    page.on("console", lambda message: listen(message.text))
    # Caught from the beginning: a key that opens a chooser can be faster than the wish to catch it.
    page.on("filechooser", lambda _: None)
    yield page
    # Chromium may never answer the close of a page that is leaving for another one at that moment (seen on a
    # busy machine). It is closed with the browser then.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await context.close()
    assert not wrong


@pytest.fixture
def person(page: Page, photos: dict[str, bytes]) -> Person:
    """A person with their page."""
    return Person(page, photos)


@pytest.fixture
def meet(photos: dict[str, bytes]) -> Callable[[Page], Person]:
    """Return a maker of people for further pages."""
    return lambda page: Person(page, photos)
