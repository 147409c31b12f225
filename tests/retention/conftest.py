"""The production shape with rights split by role: web and workers as processes that a test may kill."""

import contextlib
import functools
import json
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from proofing import bootstrap
from proofing.bootstrap import Runtime
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.images import Side
from proofing.testing.lines import read_lines
from proofing.testing.processes import free_port
from proofing_devtools.product import NO_AUTHORITIES
from proofing_devtools.services import IMAGE_BUCKET, SECRET_BUCKET, SECRET_KEY, running_services
from proofing_devtools.shape import ProductionShape

#: An address of the client of OpenID Connect; nobody is there.
CALLBACK = "https://rp.example/callback"
#: What PTTL says of a key that is not there.
_GONE = -2
#: Short times: a dead worker is noticed within two seconds, a result lives for two.
_FAST = {
    "result_ttl_seconds": 2,
    "selfie": "required",
    "mock": {"latency_seconds": 0.3},
    "policies": {
        "standard": {
            "steps": ["document", "selfie", "resolution", "phone"],
            "claims": ["first_name", "last_name", "phone"],
        },
    },
    "relying_parties": {
        "agency": {
            "display_name": "Agency",
            "policies": ["standard"],
            "requests_per_minute": 1_000_000,
        },
        "site": {
            "display_name": "Site",
            "policies": ["standard"],
            "oidc": {"redirect_uris": [CALLBACK], "authentication": "client_secret_basic"},
        },
    },
    "postgres": {
        "lease_seconds": 1.5,
        "renew_seconds": 0.3,
        "fence_seconds": 1.0,
        "sweep_seconds": 0.2,
        "poll_seconds": 0.5,
    },
}


class Shape(ProductionShape):
    """The production shape, with what tests ask of it.

    Attributes:
        callback: where a login of OpenID Connect ends.
    """

    callback = CALLBACK

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

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event that the processes logged."""
        return [line for line in read_lines(self.log_file) if line["name"] == event]

    def sql(self, statement: str) -> list[list[str]]:
        """Run a statement as the owner of the database."""
        kept = self.services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY]
        database = urlsplit(yaml.safe_load(kept.body)["postgres"]["dsn"]).path.lstrip("/")
        text = self.services.postgres.run_sql(statement, database)
        return [line.split("|") for line in text.splitlines()]

    @property
    def objects(self) -> dict[str, Any]:
        """The images in the bucket, without the probes that a server writes at its start."""
        objects = self.services.s3.buckets[IMAGE_BUCKET].objects
        return {key: value for key, value in list(objects.items()) if "/probe/" not in key}

    def lives(self, pattern: str = "*") -> dict[str, float]:
        """Return the keys in Redis with their lives in seconds; negative for one without end.

        A key that ended between the two questions is not there anymore.
        """
        redis = self.services.redis
        lives = {str(key): int(redis.command("PTTL", str(key))) for key in redis.command("KEYS", pattern)}
        return {key: life / 1000 for key, life in lives.items() if life != _GONE}

    @functools.cached_property
    def api_key(self) -> str:
        """The key of the relying party that uses the API."""
        return self._new_key("agency", "api_key")

    @functools.cached_property
    def client_secret(self) -> str:
        """The secret of the client of OpenID Connect, for whom web processes may make no signing key."""
        made = self.run("operator", "oidc", "rotate-key")
        assert made.returncode == 0, made.stderr
        return self._new_key("site", "client_secret")

    def _new_key(self, party: str, kind: str) -> str:
        made = self.run("operator", "relying-party", "add", party, "--kind", kind, "--json")
        assert made.returncode == 0, made.stderr
        key: str = json.loads(made.stdout)[0]["key"]
        return key

    def walk(self, client: httpx.AsyncClient, kind: type[Walk] = Walk) -> Walk:
        """Return a person's way through the pages."""
        sides = (Side.FRONT, Side.BACK, Side.SELFIE)
        documents = {side: (make_image(), "image/jpeg") for side in sides}
        # Of their own: an SSN may be tried ten times an hour.
        ssn = f"900-66-{1000 + secrets.randbelow(9000)}"
        return kind(client, Answers(documents=documents, typed={"ssn": ssn}))

    def client(self) -> httpx.AsyncClient:
        """Return a browser."""
        return httpx.AsyncClient(
            base_url=self.url,
            timeout=60.0,
            trust_env=False,
            verify=NO_AUTHORITIES,
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
            configuration = await bootstrap.configure(environ=environment, role=role)
            async with bootstrap.start(configuration, role) as started:
                yield started


@pytest.fixture(scope="session")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    """Run the production shape for the session: one server and two workers, each with its own rights."""
    directory = tmp_path_factory.mktemp("shape")
    url = f"http://localhost:{free_port()}"
    with running_services(url) as services, Shape(directory, services, url, _FAST) as shape:
        yield shape
