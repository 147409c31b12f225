"""A whole process in a test: real settings, local stores, the mock vendor, and a queue to step through."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.bootstrap import Runtime
from proofing.contracts.hooks import BackendDescriptor, hookimpl
from proofing.jobs.dependencies import Deadlines
from proofing.registry.plugins import find_installed
from proofing.testing.memory_queue import MemoryQueue

PERSON = PersonRef(reference="person-1")
PLUGINS = ("huey", "local", "mock")
#: Looking for them takes half of the time of a start, and hundreds of tests start a process.
INSTALLED = find_installed()


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
            "plugins": list(PLUGINS),
            "local": {"directory": str(tmp_path / "local")},
            "huey": {"path": str(tmp_path / "local" / "huey.db")},
            "log_directory": str(tmp_path / "log"),
        }
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": {**base, **values}}))
        return path

    return write


@pytest.fixture
def odd_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """Return a function that installs a plugin named ``odd``, and returns the settings that choose it.

    Its arguments are what the plugin offers: ``proofers`` are descriptors; ``queue``, ``secret_store``,
    ``key_service`` and ``image_store`` are functions that make a backend from its `BackendContext`.
    """

    def install(proofers: object = (), **makers: Callable[[Any], object]) -> dict[str, object]:
        module = ModuleType("proofing_odd")
        hooks = {
            f"proofing_{kind}s": [
                BackendDescriptor(name="odd", make=lambda _settings, context, make=make: make(context))
            ]
            for kind, make in makers.items()
        }
        for hook, offers in {**hooks, "proofing_proofers": proofers}.items():
            setattr(module, hook, _hook(hook, offers))
        info = tmp_path / "plugins" / "proofing_odd-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: proofing-odd\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text("[proofing]\nodd = proofing_odd\n")
        monkeypatch.syspath_prepend(str(info.parent))
        monkeypatch.setitem(sys.modules, "proofing_odd", module)
        return {"plugins": [*PLUGINS, "odd"], **dict.fromkeys(makers, "odd")}

    return install


def _hook(name: str, offers: object) -> Callable[[], object]:
    """Return the implementation of the hook *name* that returns *offers*."""

    def offer() -> object:
        return offers

    return hookimpl(specname=name)(offer)


@pytest.fixture
def process(settings_file) -> Callable[..., AsyncIterator[Process]]:
    """Return a context manager that starts a process with the given settings."""

    @asynccontextmanager
    async def start(*, deadlines: Deadlines | None = None, **values: object) -> AsyncIterator[Process]:
        queue = MemoryQueue()
        configuration = await bootstrap.configure(
            settings_file(**values), {"PROOFING_ENV": "test"}, installed=INSTALLED
        )
        backends = bootstrap.make_backends(configuration, "run", queue=queue)
        async with bootstrap.start(configuration, "run", backends, deadlines=deadlines) as started:
            yield Process(started, queue)

    return start
