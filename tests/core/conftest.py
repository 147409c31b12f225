"""A whole process in a test: real settings, local stores, the mock vendor, and a queue to step through."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from proofing import bootstrap
from proofing.app.service import Person
from proofing.bootstrap import Runtime
from proofing.jobs.dependencies import Deadlines
from proofing.testing.memory_queue import MemoryQueue

PERSON = Person(reference="person-1")


@dataclass
class Process:
    """A running process whose queue the test steps through."""

    runtime: Runtime
    queue: MemoryQueue

    @property
    def service(self):
        """What the pages call."""
        return self.runtime.service

    async def drain(self):
        """Run what waits and return the ends."""
        return await self.queue.drain(self.runtime.runner)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings from the test."""
    for variable in [name for name in os.environ if name.startswith("PROOFING_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def settings_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a settings file for this test and returns its path."""

    def write(**values: object) -> Path:
        base = {
            "plugins": ["huey", "local", "mock"],
            "local": {"directory": str(tmp_path / "local")},
            "huey": {"path": str(tmp_path / "local" / "huey.db")},
            "log_directory": str(tmp_path / "log"),
        }
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": {**base, **values}}))
        return path

    return write


@pytest.fixture
def process(settings_file) -> Callable[..., AsyncIterator[Process]]:
    """Return a context manager that starts a process with the given settings."""

    @asynccontextmanager
    async def start(*, deadlines: Deadlines | None = None, **values: object) -> AsyncIterator[Process]:
        queue = MemoryQueue()
        configuration = await bootstrap.configure(settings_file(**values), {"PROOFING_ENV": "test"})
        backends = bootstrap.make_backends(configuration, "run", queue=queue)
        async with bootstrap.start(configuration, "run", backends, deadlines=deadlines) as started:
            yield Process(started, queue)

    return start
