"""Short and long forms of the security tests, and a whole process to attack."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.bootstrap import Runtime
from proofing.jobs.run import JobRun
from proofing.registry.plugins import find_installed
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_server.app import make_app

ORIGIN = "http://localhost:8000"
INSTALLED = find_installed()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `cases` in a short and a long form, with the numbers of its module's CASES."""
    if "cases" in metafunc.fixturenames:
        short, long = metafunc.module.CASES[metafunc.function.__name__]
        forms = [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.security)]
        metafunc.parametrize("cases", forms)


@dataclass
class Process:
    """A running process whose queue the test steps through.

    Attributes:
        asked: names of the vendors that were asked.
    """

    runtime: Runtime
    queue: MemoryQueue
    asked: list[str] = field(default_factory=list)

    @property
    def service(self):
        """What the pages call."""
        return self.runtime.service

    async def drain(self):
        """Run what waits and return the ends."""
        return await self.queue.drain(self.runtime.runner)

    @asynccontextmanager
    async def browser(self):
        """Give an HTTP client of the application, without cookies."""
        transport = httpx.ASGITransport(app=make_app(self.service))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=30) as http:
            yield http


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AsyncIterator[Process]]:
    """Return a context manager that starts a process with the given settings."""

    @asynccontextmanager
    async def start(**values: object) -> AsyncIterator[Process]:
        queue = MemoryQueue()
        base = {
            "plugins": ["huey", "local", "mock"],
            "local": {"directory": str(tmp_path / "local")},
            **FROM_ONE_ADDRESS,
        }
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": {**base, **values}}))
        asked: list[str] = []
        ask = JobRun.ask

        async def counted(self, loaded, *arguments, **named):
            asked.append(loaded.descriptor.name)
            return await ask(self, loaded, *arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(JobRun, "ask", counted)
            configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"}, installed=INSTALLED)
            backends = bootstrap.make_backends(configuration, "run", queue=queue)
            async with bootstrap.start(configuration, "run", backends) as started:
                yield Process(started, queue, asked)

    return start
