"""The whole product for a test: `proofing run` with settings, files and processes of its own."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from proofing.testing.keeper import descendants
from proofing.testing.processes import free_port, is_healthy, start_process

#: Settings of products whose visitors are tests, all at one address.
FROM_ONE_ADDRESS = {
    f"client_{counted}_max_attempts": 100_000
    for counted in ("code", "document", "phone", "resolution", "session")
}
#: What clients of a product verify, since it speaks HTTP without TLS: httpx would load the public authorities
#: for each of them, which takes 40 ms.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_READY_SECONDS = 180.0  # twenty times what an idle machine takes; a busy one starts processes slowly
_STOP_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class Product:
    """A running product. Use it as a context manager.

    Attributes:
        directory: everything it writes: settings, logs, stores.
        url: its origin.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        workers: int = 1,
        port: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a product in *directory*.

        Args:
            directory: made when missing.
            settings: replace those of the embedded default.
            workers: processes that work on jobs.
            port: of the server; by default a free one.
            variables: for its processes, alongside those of this one.
        """
        self.directory = directory
        self.port = port or free_port()
        self._variables = dict(variables or {})
        self.url = f"http://localhost:{self.port}"
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        base: dict[str, Any] = {
            "plugins": ["huey", "local", "mock"],
            # Of its own: a product that runs in the same checkout would take its jobs.
            "huey": {"path": str(directory / "huey.db")},
            "local": {"directory": str(directory / "local")},
            "log_directory": str(directory / "log"),
            "public_url": self.url,
            **FROM_ONE_ADDRESS,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.settings_file = directory / "settings.yaml"
        self.write_settings({**base, **(settings or {})})

    def write_settings(self, values: Mapping[str, Any]) -> None:
        """Replace the settings file; live keys are followed within a second or two."""
        self.settings = dict(values)
        self.settings_file.write_text(yaml.safe_dump({"default": self.settings}))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
        return {
            **kept,
            **self._variables,
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": str(self.settings_file),
            "PORT": str(self.port),
        }

    @property
    def log_file(self) -> Path:
        """Where its processes log."""
        return self.directory / "log" / "test.log"

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """What it printed so far."""
        return (self.directory / "output").read_text()

    def __enter__(self) -> Self:
        """Start, and wait until the server answers."""
        command = [sys.executable, "-m", "proofing.cli", "run", "--workers", str(self._workers)]
        with (self.directory / "output").open("wb") as output:
            self._process = start_process(
                command, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not is_healthy(self.url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the product did not start:\n{self.output}")
            time.sleep(_LOOK_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> int | None:
        """Stop as Ctrl-C would, and return the exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def pids(self) -> list[int]:
        """Return the ids of its processes; Linux only."""
        if self._process is None:
            return []
        return [self._process.pid, *descendants([self._process.pid])]
