"""What tests of all kinds share: the record of what held, and a real Chromium for those marked `browser`."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from _pytest.capture import CaptureManager
from _pytest.terminal import TerminalReporter
from coverage import Coverage
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from proofing_devtools.npm_packages import PackageUnavailableError, read_packed

ROOT = Path(__file__).resolve().parent.parent
#: Chromium makes connections of its own unless these flags prevent it.
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
#: Tests that start whole products and servers begin first; else the end of a run is one long file alone.
_LONGEST = (
    "/end_to_end/engines/",
    "/end_to_end/",
    "/deploy/",
    "/terraform/",
    "/queues/postgres/",
    "/retention/",
    "/security/",
)
#: Folders whose tests share what is costly to start: browsers, a production shape, an apply of Terraform.
_TOGETHER = ("tests/end_to_end/engines/", "tests/deploy/", "tests/terraform/", "tests/retention/")
_CLOSE_SECONDS = 10
_PROGRESS_SECONDS = 30
INSTALL_HINT = (
    "no Chromium found: apt-get install --no-install-recommends chromium-headless-shell, or set E2E_BROWSER"
)

# How long one example takes says how busy the machine is.
settings.register_profile("proofing", deadline=None)
settings.load_profile("proofing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the folders by how long they take; within a folder nothing changes."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((number for number, folder in enumerate(_LONGEST) if folder in path), len(_LONGEST))

    items.sort(key=place)


class FolderScheduling(LoadFileScheduling):
    """Gives each file to one process, and each folder of `_TOGETHER`, so that it starts these things once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FolderScheduling | None:
    """Have `--dist loadfile` keep folders together, too."""
    return FolderScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


class SharedByFolder:
    """Ends what the tests of a folder or file share (fixtures of the session) with the last of these tests.

    Else all of it would run alongside all later tests; an idle product takes more than a hundredth of a core.
    """

    def __init__(self) -> None:
        self._shared: list[tuple[pytest.FixtureDef[object], pytest.FixtureRequest]] = []

    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> None:
        """Note it, and leave the rest to pytest."""
        if fixturedef.scope == "session" and fixturedef.node is not None:
            self._shared.append((fixturedef, request))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """End what the next test cannot ask for; should a later one do so, pytest starts it again."""
        if nextitem is None:
            return  # the session ends, and everything with it
        known = nextitem.listchain()
        over = [one for one in self._shared if one[0].node not in known]
        self._shared = [one for one in self._shared if one not in over]
        for fixturedef, request in reversed(over):
            fixturedef.finish(request)


def pytest_configure(config: pytest.Config) -> None:
    """Have pytest call `SharedByFolder` for fixtures of the session, of which it tells no conftest.py."""
    config.pluginmanager.register(SharedByFolder())


def pytest_sessionfinish() -> None:
    """Save what coverage.py measured: xdist kills a process that takes more than 10 s to end."""
    if measured := Coverage.current():
        measured.save()


def find_chromium() -> str | None:
    """Return the path of an installed Chromium: E2E_BROWSER, else one on the PATH."""
    if chosen := os.environ.get("E2E_BROWSER"):
        return chosen if Path(chosen).exists() else None
    # The headless shell is the same engine without the windows, and takes half the CPU time.
    names = (
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "chrome",
    )
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    found = next((path for name in names if (path := shutil.which(name))), None)
    return found or (mac if Path(mac).exists() else None)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Have what the test starts ignore no signal, also when we were started in the background or by nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def claim(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what notes that a claim held, for docs/claims.md, and prints it.

    Written by the long form, and by any form when PROOFING_CLAIMS names a file.
    """
    is_long = any(request.node.get_closest_marker(name) for name in ("chaos", "security"))
    name = os.environ.get(
        "PROOFING_CLAIMS", str(ROOT / "bench" / "results" / "claims.json") if is_long else ""
    )

    def note(identifier: str, text: str, held: str) -> None:
        if not name:
            return
        _print(request.config, f"{identifier} {text}: {held}")
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        kept = {(line["id"], line["claim"]): line for line in map(json.loads, lines)}
        test = request.node.nodeid
        kept[identifier, text] = {"id": identifier, "claim": text, "held": held, "test": test}
        order = sorted(kept, key=lambda key: (key[0][0] != "S", int(key[0][1:]), key[1]))
        path.write_text("".join(json.dumps(kept[key]) + "\n" for key in order))

    return note


@pytest.fixture
def count_up(request: pytest.FixtureRequest) -> Callable[[int, int], None]:
    """Return what prints how far a long test has come, each half a minute."""
    printed = time.monotonic()

    def count(done: int, total: int) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _PROGRESS_SECONDS:
            printed = time.monotonic()
            _print(request.config, f"{request.node.name}: {done:,} of {total:,}")

    return count


def _print(config: pytest.Config, text: str) -> None:
    """Print a line at once, also where output is captured; a process of xdist has no place for it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if isinstance(reporter, TerminalReporter) and isinstance(capture, CaptureManager):
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text)
            reporter.flush()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser's path; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    path = find_chromium()
    if path is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(INSTALL_HINT)
        pytest.skip(INSTALL_HINT)
    return path


@pytest.fixture(scope="session")
def read_npm_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return `read_packed` for tests that need npm and its registry; with REQUIRE_NPM=1 they fail without."""

    def read(package: str, path: str, *, sha512: str) -> bytes:
        try:
            return read_packed(package, path, sha512=sha512, folder=tmp_path_factory.mktemp("npm"))
        except PackageUnavailableError as error:
            if os.environ.get("REQUIRE_NPM") == "1":
                pytest.fail(str(error))
            pytest.skip(str(error))

    return read


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[object]:
    """A running Chromium, for Playwright's async API. Tests that use it share the session's event loop."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - 0.3 s that other tests do not need

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=CHROMIUM_FLAGS, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        # One that does not close is ended with Playwright.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await browser.close()
