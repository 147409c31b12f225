"""A real Prometheus for tests: a private process on loopback that scrapes our processes and judges rules.

    with running_prometheus("/usr/bin/prometheus", rules, ports=[9101]) as server:
        server.firing()

Its data lie in a temporary folder. Without the program there is nothing: tests look for it, and skip.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from proofing.testing.processes import end_process, free_port, start_process

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_STOP_SIGNAL = 15


class PrometheusServer:
    """A running Prometheus; see `running_prometheus`.

    Attributes:
        url: of its API.
    """

    def __init__(self, url: str) -> None:
        """Ask the server at *url*."""
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of one answer of the API, such as ``/api/v1/alerts``."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=30) as answer:  # noqa: S310 - ours
            return json.load(answer)["data"]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire now, each with its labels and annotations."""
        found: list[dict[str, Any]] = self.get("/api/v1/alerts")["alerts"]
        return [alert for alert in found if alert["state"] == "firing"]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in self.alerts()}

    def fired_since(self, since: float) -> set[str]:
        """Return the names of all alerts that fired at any time since *since*, seconds since the epoch."""
        query = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{_since(since)}]))'
        found = self.get("/api/v1/query", query=query)["result"]
        return {sample["metric"]["alertname"] for sample in found}

    def scrapes_since(self, since: float) -> int:
        """Return how many scrapes of one target there were since *since*, seconds since the epoch."""
        found = self.get("/api/v1/query", query=f"max(count_over_time(up[{_since(since)}]))")["result"]
        return int(found[0]["value"][1]) if found else 0


def _since(since: float) -> str:
    """Return the window that began at *since*."""
    return f"{max(1000, int((time.time() - since) * 1000))}ms"


@contextlib.contextmanager
def running_prometheus(
    program: str, rules: str, *, ports: Sequence[int], interval_seconds: float = 0.5
) -> Iterator[PrometheusServer]:
    """Run a Prometheus for the length of the ``with`` block.

    Args:
        program: its path.
        rules: text of a rule file.
        ports: of /metrics on loopback, under the job ``proofing``.
        interval_seconds: between scrapes, and between evaluations.

    Raises:
        RuntimeError: it does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="proofing-prometheus-"))
    interval = f"{round(interval_seconds * 1000)}ms"
    (folder / "rules.yaml").write_text(rules)
    configuration = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "proofing",
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "output").open("wb") as output:
        process = start_process(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "output").read_text()
                raise RuntimeError(f"prometheus does not come up:\n{text}")
            time.sleep(_LOOK_SECONDS)
        yield PrometheusServer(url)
    finally:
        end_process(process, _STOP_SIGNAL)
        shutil.rmtree(folder, ignore_errors=True)


def _is_ready(url: str) -> bool:
    """Return whether the server answers."""
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2):  # noqa: S310 - our own server
            return True
    except (urllib.error.URLError, OSError):
        return False
