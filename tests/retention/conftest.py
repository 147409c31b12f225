"""The production shape with rights split by role: web and workers as processes that a test may kill."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from proofing import runtime
from proofing.cli.smoke import Answers, Walk, _picture
from proofing.images import Side
from proofing.runtime import Runtime
from proofing.testing.processes import free_port
from proofing.testing.rights import read_roles, split_rights
from proofing.testing.services import IMAGE_BUCKET, SECRET_BUCKET, SECRET_KEY, Services, running_services

_START_SECONDS = 60.0
#: Short times: a dead worker is noticed within two seconds, a result lives for two.
_FAST = {
    "result_life_seconds": 2,
    "mock": {"latency_seconds": 0.3},
    "postgres": {
        "lease_seconds": 1.5,
        "renew_seconds": 0.3,
        "fence_seconds": 1.0,
        "sweep_seconds": 0.2,
        "poll_seconds": 0.5,
    },
}


@dataclass
class Shape:
    """Services, and processes of ours on them.

    Attributes:
        rights: role to the variables of its processes.
        workers: those that run.
    """

    directory: Path
    services: Services
    url: str
    rights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    web: subprocess.Popen[bytes] | None = None

    def environment(self, role: str) -> dict[str, str]:
        """Return the variables of a process of *role*."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PROOFING_", "AWS_"))
        }
        return {
            **kept,
            **self.rights.get(role, self.services.variables),
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": str(self.directory / "settings.yaml"),
        }

    def run(self, role: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
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
        """Start the server and wait until it answers."""
        self.web = self._start("web", "--port", str(urlsplit(self.url).port))
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", trust_env=False).is_success:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not start: " + (self.directory / "output").read_text())

    def kill_worker(self) -> None:
        """Kill a worker as a crash would, one that runs a job if there is any, and start another."""
        rows = self.sql(
            "select distinct w.name from proofing.job j join proofing.worker w on w.id = j.worker"
            " where j.state = 'executing'"
        )
        busy = {int(name.rpartition(":")[2]) for (name,) in rows}
        worker = next((worker for worker in self.workers if worker.pid in busy), self.workers[0])
        self.workers.remove(worker)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.start_worker()

    def stop(self) -> None:
        """End every process."""
        running = [*self.workers, *([self.web] if self.web else [])]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event that the processes logged."""
        text = (self.directory / "log" / "test.log").read_text()
        return [line for line in map(json.loads, text.splitlines()) if line["name"] == event]

    def sql(self, statement: str) -> list[list[str]]:
        """Run a statement as the owner of the database."""
        kept = self.services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY]
        database = urlsplit(yaml.safe_load(kept.body)["postgres"]["dsn"]).path.lstrip("/")
        text = self.services.postgres.run_sql(statement, database)
        return [line.split("|") for line in text.splitlines()]

    @property
    def objects(self) -> dict[str, Any]:
        """The pictures in the bucket, without the probes that a server writes at its start."""
        objects = self.services.s3.buckets[IMAGE_BUCKET].objects
        return {key: value for key, value in list(objects.items()) if "/probe/" not in key}

    def lives(self) -> dict[str, float]:
        """Return every key in Redis with its life in seconds; negative for one without end."""
        redis = self.services.redis
        return {str(key): int(redis.command("PTTL", str(key))) / 1000 for key in redis.command("KEYS", "*")}

    def walk(self, client: httpx.AsyncClient, kind: type[Walk] = Walk) -> Walk:
        """Return a person's way through the pages."""
        documents = {side: (_picture(), "image/jpeg") for side in (Side.FRONT, Side.BACK)}
        # Of their own: an SSN may be tried ten times an hour.
        ssn = f"900-66-{1000 + secrets.randbelow(9000)}"
        return kind(client, Answers(documents=documents, ssn=ssn))

    def client(self) -> httpx.AsyncClient:
        """Return a browser."""
        return httpx.AsyncClient(
            base_url=self.url,
            timeout=60.0,
            trust_env=False,
            headers={"origin": self.url},
            follow_redirects=True,
        )

    @contextlib.asynccontextmanager
    async def runtime(self, role: str) -> AsyncIterator[Runtime]:
        """Be a process of *role* in the test itself."""
        environment = self.environment(role)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                if name.startswith("AWS_"):
                    patch.setenv(name, value)
            configuration = await runtime.configure(environ=environment, role=role)
            async with runtime.start(configuration, role) as started:
                yield started

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one process; what it prints goes to a file."""
        with (self.directory / "output").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "proofing.cli", *words],
                env=self.environment(words[0]),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@pytest.fixture(scope="session")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    """Run the production shape for the session: one server and two workers, each with its own rights."""
    directory = tmp_path_factory.mktemp("shape")
    url = f"http://localhost:{free_port()}"
    with running_services(url) as services:
        settings = {**services.settings, **_FAST, "log_directory": str(directory / "log")}
        (directory / "settings.yaml").write_text(yaml.safe_dump({"default": settings}))
        shape = Shape(directory, services, url)
        migrated = shape.run("migrate", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        shape.rights = split_rights(services, read_roles())
        try:
            for _ in range(2):
                shape.start_worker()
            shape.start_web()
            yield shape
        finally:
            shape.stop()
