"""Services for what is installed by hand: the example settings lead to them by variables."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from proofing_devtools.services import Services, running_services

ROOT = Path(__file__).parents[2]
#: What differs from the example on this machine: names, and the stand-ins for S3 and KMS.
_MACHINE = (
    "image_bucket",
    "kms_deadline_seconds",
    "kms_endpoint_url",
    "kms_key_id",
    "s3_addressing",
    "s3_endpoint_url",
    "secret_bucket",
    "secret_object_key",
)


class ExampleInstallation:
    """The example settings on running services."""

    settings_file = ROOT / "deploy/settings.production.yaml"

    def __init__(self, services: Services, directory: Path) -> None:
        self.services = services
        self.directory = directory

    def variables(self, environment: str, **more: str) -> dict[str, str]:
        """Return the variables of a process in *environment*."""
        section: Mapping[str, object] = self.services.settings["aws"]
        kept = {key: text for key, text in os.environ.items() if not key.startswith(("PROOFING_", "AWS_"))}
        return {
            **kept,
            **self.services.variables,
            **{f"PROOFING_AWS__{key.upper()}": str(section[key]) for key in _MACHINE},
            "PROOFING_ENV": environment,
            "PROOFING_SETTINGS": str(self.settings_file),
            "PROOFING_LOG_DIRECTORY": str(self.directory / "log"),
            # The services share the machine with everything else.
            "PROOFING_AWS__DEADLINE_SECONDS": "30",
            "PROOFING_REDIS__DEADLINE_SECONDS": "30",
            # There is no balancer that has to notice.
            "PROOFING_WEB_DRAIN_SECONDS": "0",
            "PROOFING_WEB_PROBE_PORT": "0",
            "PROOFING_WORKER_PROBE_PORT": "0",
            **more,
        }

    def run(self, environment: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "proofing.cli", *words],
            env=self.variables(environment, **more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleInstallation]:
    """Run the services, with an up-to-date schema."""
    with running_services("https://localhost:8443") as services:
        example = ExampleInstallation(services, tmp_path_factory.mktemp("example"))
        migrated = example.run("staging", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield example
