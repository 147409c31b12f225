"""How long `/v1` takes over HTTP, and whether its time tells a foreign id from an unknown one.

One `proofing web` on the local stores (SQLite, every write synced), one client on one connection, one request
after the other. Unknown and foreign ids are asked for in turn, so that both meet the same machine.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

from bench.report import Row, quantile, report
from proofing.contracts.verifications import new_id
from proofing_devtools.web_process import WebProcess, running_web

RUNS = int(os.environ.get("API_RUNS", "3"))
REQUESTS = int(os.environ.get("API_REQUESTS", "400"))
SETTINGS = {
    "policies": {"standard": {"steps": ["document"]}},
    "relying_parties": {
        name: {"display_name": name, "policies": ["standard"], "requests_per_minute": 1_000_000}
        for name in ("agency", "bureau")
    },
}
#: Measure to its bar, in the order of the table.
MEASURES = {
    "create, p95": "≤ 15",
    "create with an idempotency key, p95": "≤ 15",
    "get, p95": "≤ 5",
    "list of 20, p95": "",
    "foreign id, median": "",
    "unknown id, median": "",
}


class Caller:
    """One connection with one key."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[float, int, bytes]:
        """Send one request; return milliseconds, status and body of the answer."""
        content = None if body is None else json.dumps(body)
        began = time.perf_counter()
        self._connection.request(method, path, content, {**self._headers, **headers})
        response = self._connection.getresponse()
        answer = response.read()
        return (time.perf_counter() - began) * 1000, response.status, answer

    def refused(self, verification_id: str) -> float:
        """Return the milliseconds of a request for a verification that is not there for this caller."""
        milliseconds, status, body = self.call(*_get(verification_id))
        assert status == 404, body
        return milliseconds

    def timed(
        self, count: int, request: Callable[[int], tuple[str, str, object]], status: int
    ) -> list[float]:
        """Return the milliseconds of *count* requests, all of which are answered with *status*."""
        times = []
        for number in range(count):
            milliseconds, answered, body = self.call(*request(number))
            assert answered == status, body
            times.append(milliseconds)
        return times


def main() -> None:
    """Measure and print the table."""
    runs = [measure() for _ in range(RUNS)]
    report(
        "api",
        [
            Row(
                measure=name,
                unit="ms",
                ours=statistics.median(run[name] for run in runs),
                limit=limit,
                runs=[run[name] for run in runs],
            )
            for name, limit in MEASURES.items()
        ],
    )


def measure() -> dict[str, float]:
    """Return the times of one fresh server."""
    with callers() as (agency, bureau):
        create = agency.timed(REQUESTS, lambda number: _create(f"s{number}"), 201)
        keyed = [
            agency.call(*_create(f"k{number}"), **{"Idempotency-Key": str(uuid.uuid4())})[0]
            for number in range(REQUESTS)
        ]
        ids = [one["id"] for one in json.loads(agency.call("GET", "/v1/verifications?limit=100")[2])["data"]]
        got = agency.timed(REQUESTS, lambda number: _get(ids[number % len(ids)]), 200)
        listed = agency.timed(REQUESTS // 4, lambda _number: ("GET", "/v1/verifications", None), 200)
        foreign, unknown = [], []
        for number in range(REQUESTS):
            foreign.append(bureau.refused(ids[number % len(ids)]))
            unknown.append(bureau.refused(new_id("ver")))
    return {
        "create, p95": quantile(create, 0.95),
        "create with an idempotency key, p95": quantile(keyed, 0.95),
        "get, p95": quantile(got, 0.95),
        "list of 20, p95": quantile(listed, 0.95),
        "foreign id, median": statistics.median(foreign),
        "unknown id, median": statistics.median(unknown),
    }


@contextlib.contextmanager
def callers() -> Iterator[tuple[Caller, Caller]]:
    """Run a server, and call it as two relying parties."""
    with tempfile.TemporaryDirectory() as directory, running_web(Path(directory), SETTINGS) as web:
        yield Caller(web.port, _key(web, "agency")), Caller(web.port, _key(web, "bureau"))


def _key(web: WebProcess, party: str) -> str:
    command = [
        sys.executable,
        "-m",
        "proofing.cli",
        "relying-party",
        "add",
        party,
        "--mode",
        "test",
        "--json",
    ]
    environ = {**os.environ, "PROOFING_ENV": "test", "PROOFING_SETTINGS": str(web.settings_file)}
    made = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    found: str = json.loads(made.stdout)[0]["key"]
    return found


def _create(subject: str) -> tuple[str, str, object]:
    return "POST", "/v1/verifications", {"subject": subject, "metadata": {"case": "7"}}


def _get(verification_id: str) -> tuple[str, str, object]:
    return "GET", f"/v1/verifications/{verification_id}", None


if __name__ == "__main__":
    main()
