"""The production shape as our processes on running services, each with the rights of its role alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from proofing.testing.processes import is_healthy, start_process
from proofing_devtools.rights import owner_rights, split_rights
from proofing_devtools.services import ENVIRONMENT, Services

_START_SECONDS = 180.0
_STOP_SECONDS = 45.0
_LOOK_SECONDS = 0.05


class ProductionShape:
    """One server and some workers. Use it as a context manager.

    Args:
        directory: for settings, log and output; made when missing.
        services: running ones.
        url: origin of the pages; its port is the server's.
        settings: on top of those that lead to the services.
        workers: how many there are at the start.

    Attributes:
        rights: role to the variables of its processes.
        workers: those that run.
        web: the server.
    """

    def __init__(
        self,
        directory: Path,
        services: Services,
        url: str,
        settings: Mapping[str, Any] | None = None,
        *,
        workers: int = 2,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.services = services
        self.url = url
        self.rights: dict[str, Mapping[str, str]] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None
        self._first = workers
        values = {**services.settings, "log_directory": str(directory / "log"), **(settings or {})}
        self.settings_file = directory / "settings.yaml"
        self.settings_file.write_text(yaml.safe_dump({"default": values}))

    def __enter__(self) -> Self:
        """Bring the schema up to date, split the rights, start the workers and the server."""
        self.rights = {"migrate": owner_rights(self.services, "migrate")}
        migrated = self.run("migrate", "migrate")
        if migrated.returncode:
            raise RuntimeError(f"the schema was not made:\n{migrated.stderr}")
        self.rights |= split_rights(self.services)
        # Who makes keys of relying parties by hand; the login is the owner's.
        self.rights["operator"] = owner_rights(self.services, "operator")
        try:
            for _ in range(self._first):
                self.start_worker()
            self.start_web()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop every process."""
        self.stop()

    @property
    def log_file(self) -> Path:
        """Where the processes log."""
        return self.directory / "log" / f"{ENVIRONMENT}.log"

    @property
    def output(self) -> str:
        """What the processes printed so far."""
        return (self.directory / "output").read_text()

    @property
    def is_running(self) -> bool:
        """Whether every process still runs."""
        return self.web is not None and all(one.poll() is None for one in (self.web, *self.workers))

    def environment(self, role: str) -> dict[str, str]:
        """Return the variables of a process of *role*, and none that could give it more rights."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PROOFING_", "AWS_"))
        }
        return {
            **kept,
            **self.rights[role],
            "PROOFING_ENV": ENVIRONMENT,
            "PROOFING_SETTINGS": str(self.settings_file),
        }

    def run(self, role: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the command line to its end, with the rights of *role*."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "proofing.cli", *words],
            env=self.environment(role),
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )

    def start_worker(self) -> None:
        """Start one more worker."""
        self.workers.append(self._start("worker"))

    def start_web(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RuntimeError: it does not.
        """
        self.web = self._start("web", "--port", str(urlsplit(self.url).port))
        deadline = time.monotonic() + _START_SECONDS
        while self.web.poll() is None and time.monotonic() < deadline:
            if is_healthy(self.url):
                return
            time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the server did not start:\n{self.output}")

    def stop(self) -> None:
        """End every process: politely, all at once, then by force."""
        running = [*self.workers, *([self.web] if self.web else [])]
        self.workers, self.web = [], None
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start one process; what it prints goes to a file."""
        with (self.directory / "output").open("ab") as output:
            return start_process(
                [sys.executable, "-m", "proofing.cli", *words],
                env=self.environment(words[0]),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
