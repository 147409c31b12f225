"""The real application on the local stores and the mock vendor, with a queue whose jobs the test lets go."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from proofing import bootstrap
from proofing.base.errors import QueueUnavailableError
from proofing.bootstrap import Runtime
from proofing.contracts.queues import (
    Capability,
    JobHandler,
    JobMessage,
    OwnerPurge,
    Parked,
    QueueStats,
    Wake,
    parked_message,
)
from proofing.registry.plugins import find_installed
from proofing_server.app import make_app
from proofing_server.texts import FOLDER

#: Looking for them takes half of the time of a start, and each test starts an application.
INSTALLED = find_installed()
ORIGIN = "http://localhost:8000"
SETTINGS = """
default:
  local:
    directory: {directory}/local
  log_directory: {directory}/log
  plugins: [huey, local, mock]
test: {{}}
"""


class HeldJob:
    """One start of a held job."""

    attempt = 1
    age_seconds = 0.0

    def __init__(self, message: JobMessage) -> None:
        self.message = message

    async def record_intent(self, vendor_name, *, question, answers=None) -> None:
        """Note nothing: the process of a test does not die."""

    async def record_answers(self, answers) -> None:
        """Keep nothing."""


class HeldQueue:
    """A queue in memory; `release` runs what waits."""

    capabilities = frozenset({Capability.CANCEL_WAITING, Capability.PARK})

    def __init__(self) -> None:
        self.waiting: list[JobMessage] = []
        self.handler: JobHandler | None = None
        self.broken = False

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def migrate(self) -> Sequence[str]:
        """There is no schema."""
        return []

    async def enqueue(self, messages: Sequence[JobMessage], *, connection: object | None = None) -> int:
        """Keep the messages, or be broken."""
        if self.broken:
            raise QueueUnavailableError("the queue is down")
        self.waiting.extend(messages)
        return len(messages)

    async def cancel(self, result_id: str) -> bool:
        """Drop a waiting message."""
        before = len(self.waiting)
        self.waiting = [message for message in self.waiting if message.result_id != result_id]
        return len(self.waiting) < before

    async def wake(self, result_id: str, note: bytes, *, is_event: bool = True) -> Wake:
        """Keep the note with a waiting message, or be broken."""
        if self.broken:
            raise QueueUnavailableError("the queue is down")
        for place, message in enumerate(self.waiting):
            if message.result_id == result_id:
                self.waiting[place] = replace(message, notes=(*message.notes, note))
                return Wake.KEPT
        return Wake.GONE

    async def purge_owner(self, owner: str) -> OwnerPurge:
        """Forget nobody."""
        return OwnerPurge(removed=0)

    async def final_status(self, result_id: str) -> None:
        """Keep no final status."""

    async def work(
        self, handler: JobHandler, *, slots: Mapping[str, int], stop: asyncio.Event, drain_seconds: float
    ) -> None:
        """Wait for the end."""
        await stop.wait()

    async def stats(self) -> QueueStats:
        """Count what waits."""
        return QueueStats(waiting={"all": len(self.waiting)}, running={}, oldest_seconds=0.0)

    async def release(self) -> None:
        """Run every job that waits; one that is parked waits again."""
        assert self.handler
        waiting, self.waiting = self.waiting, []
        for message in waiting:
            found = await self.handler.run(HeldJob(message))
            if isinstance(found, Parked):
                self.waiting.append(parked_message(message, found))


class Browser:
    """A browser without script: cookies, forms, hidden fields, and the headers that browsers send."""

    def __init__(self, site: "RunningSite") -> None:
        self.site = site
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=site.app), base_url=ORIGIN, timeout=20, trust_env=False
        )
        self.page: httpx.Response

    @property
    def path(self) -> str:
        """The path of the page on show."""
        return self.page.url.path

    @property
    def open_parts(self) -> set[str]:
        """The parts of the waiting page on show that are not hidden."""
        tags = re.findall(r'<(?:section|details|div)[^>]* id="([a-z-]+)"( hidden)?', self.page.text)
        return {name for name, hidden in tags if not hidden}

    @property
    def csrf(self) -> str:
        """The token in the forms of the page on show."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text)
        assert found, self.page.text
        return found[1]

    async def get(self, path: str) -> httpx.Response:
        """Open a page, following redirects."""
        self.page = await self.http.get(path, follow_redirects=True)
        return self.page

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page on show."""
        self.page = await self.http.post(
            path,
            data={"csrf_token": self.csrf, **fields},
            headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )
        return self.page

    async def post_files(self, path: str, files: Mapping[str, tuple[str, bytes]]) -> httpx.Response:
        """Send a form with files."""
        self.page = await self.http.post(
            path,
            data={"csrf_token": self.csrf},
            files=dict(files),
            headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )
        return self.page

    async def api(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Call the JSON API as the page's script does."""
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self.csrf, **headers}
        return await self.http.post(path, json=body, headers=sent)

    async def consent(self) -> None:
        """Go from the start to the capture page."""
        await self.get("/consent")
        await self.post("/consent", consent="yes")
        assert self.path == "/document"


class RunningSite:
    """The application with everything behind it."""

    def __init__(self, started: Runtime, queue: HeldQueue, texts_folder: Path = FOLDER) -> None:
        self.runtime = started
        self.service = started.service
        self.queue = queue
        self.app = make_app(started.service, texts_folder=texts_folder)
        self._stack = AsyncExitStack()

    def browser(self) -> Browser:
        """Return a new browser without cookies."""
        browser = Browser(self)
        self._stack.push_async_callback(browser.http.aclose)
        return browser

    async def close(self) -> None:
        """Close the browsers."""
        await self._stack.aclose()


@asynccontextmanager
async def start_site(
    directory: Path, *, texts_folder: Path = FOLDER, **settings: str
) -> AsyncIterator[RunningSite]:
    """Start the application with *settings* over the defaults."""
    queue = HeldQueue()
    path = directory / "settings.yaml"
    path.write_text(SETTINGS.format(directory=directory))
    environ = {
        "PROOFING_ENV": "test",
        **{f"PROOFING_{name.upper()}": text for name, text in settings.items()},
    }
    configuration = await bootstrap.configure(path, environ, role="web", installed=INSTALLED)
    backends = bootstrap.make_backends(configuration, "web", queue=queue)
    async with bootstrap.start(configuration, "web", backends) as started:
        queue.handler = started.runner
        site = RunningSite(started, queue, texts_folder)
        yield site
        await site.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[RunningSite]:
    """The application in its default, asynchronous, mode."""
    async with start_site(tmp_path) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Return the starter, for tests with settings of their own."""
    return lambda **given: start_site(tmp_path, **given)


@pytest.fixture
async def sync_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSite]:
    """The application with both switches off."""
    switches = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
    async with start_site(tmp_path, **switches) as running:
        yield running


@pytest.fixture(autouse=True)
def no_crash(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which a request ended in the last seam, and say where."""
    yield
    crashes = [
        record.proofing_fields
        for record in caplog.get_records("call")
        if record.getMessage() == "request_failed"
    ]
    assert not crashes
