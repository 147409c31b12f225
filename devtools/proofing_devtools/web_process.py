"""One web process without workers, for tests and benches of the server itself."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.contracts.records import JobKind
from proofing.testing.processes import end_process, free_port, is_healthy, start_process
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.sessions import make_session, waits_for

_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProcess:
    """A running `proofing web`.

    Attributes:
        settings_file: that it was started with; another process of the test may connect to the same stores.
    """

    process: "subprocess.Popen[bytes]"
    port: int
    probe_port: int
    settings_file: Path
    log_file: Path

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://localhost:{self.port}"

    def resident_bytes(self) -> int:
        """Return how much memory it holds now; Linux only."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


@contextlib.contextmanager
def running_web(directory: Path, settings: Mapping[str, Any] | None = None) -> Iterator[WebProcess]:
    """Run `proofing web` on local stores below *directory*, with *settings* over the defaults."""
    port, probe_port = free_port(), free_port()
    directory.mkdir(parents=True, exist_ok=True)
    values = {
        "plugins": ["huey", "local", "mock"],
        "local": {"directory": str(directory / "local")},
        "log_directory": str(directory / "log"),
        "public_url": f"http://localhost:{port}",
        "web_probe_port": probe_port,
        **FROM_ONE_ADDRESS,
        **(settings or {}),
    }
    path = directory / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": values}))
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    environ = {**kept, "PROOFING_ENV": "test", "PROOFING_SETTINGS": str(path)}
    command = [sys.executable, "-m", "proofing.cli"]
    subprocess.run([*command, "migrate"], env=environ, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    with (directory / "output").open("wb") as output:
        process = start_process(
            [*command, "web", "--port", str(port)], env=environ, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not is_healthy(f"http://localhost:{port}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the web process did not start:\n{(directory / 'output').read_text()}")
            time.sleep(_LOOK_SECONDS)
        yield WebProcess(
            process=process,
            port=port,
            probe_port=probe_port,
            settings_file=path,
            log_file=directory / "log" / "test.log",
        )
    finally:
        end_process(process, signal.SIGTERM, patience_seconds=20)


async def pending_session(web: WebProcess, **data: Any) -> tuple[str, str]:
    """Make a session whose resolution job is in progress forever; return the ids of session and job.

    Args:
        web: the process whose stores are used.
        data: of the session, alongside what its job needs.
    """
    configuration = await bootstrap.configure(web.settings_file, {"PROOFING_ENV": "test"})
    session_id, person = secrets.token_urlsafe(32), secrets.token_hex(16)
    async with bootstrap.start(configuration, "web") as started:
        job = await started.service.submit_applicant(
            JobKind.RESOLUTION, PersonRef(reference=person), APPLICANT, **DEVICE
        )
        values = {"consented_at": 1.0, **waits_for(JobKind.RESOLUTION, job, at=time.time()), **data}
        await started.service.sessions.save(session_id, make_session(person, **values))
    return session_id, job


async def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask a server on the loopback for *path*, over a new connection; return status and what it sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer
