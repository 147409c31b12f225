"""A real Chromium for the tests that are marked `browser`."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

#: Chromium makes connections of its own unless it is told not to.
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
_LONGEST = ("/end_to_end/", "/queues/postgres/", "/retention/", "/security/")
INSTALL_HINT = "no Chromium found: apt-get install --no-install-recommends chromium, or set E2E_BROWSER"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the folders by how long they take; within a folder nothing changes."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((number for number, folder in enumerate(_LONGEST) if folder in path), len(_LONGEST))

    items.sort(key=place)


def find_chromium() -> str | None:
    """Return the path of an installed Chromium: E2E_BROWSER, else one on the PATH."""
    if chosen := os.environ.get("E2E_BROWSER"):
        return chosen if Path(chosen).exists() else None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    found = next((path for name in names if (path := shutil.which(name))), None)
    return found or (mac if Path(mac).exists() else None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser's path; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    path = find_chromium()
    if path is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(INSTALL_HINT)
        pytest.skip(INSTALL_HINT)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[object]:
    """A running Chromium, for Playwright's async API. Tests that use it share the session's event loop."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - 0.3 s that other tests do not need

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=CHROMIUM_FLAGS, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        await browser.close()
