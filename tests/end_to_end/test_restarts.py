"""Web processes and workers are restarted under load, one after the other, two versions concurrently.

The other version is the release before this one (a tag, or what PROOFING_PREVIOUS names for git), in the
short form a copy of this one: what one writes - sessions, slots, job rows, sealed messages, results - is read
by the other.
"""

import asyncio
import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from bench.report import Row, report

from proofing.cli.smoke import Answers, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing.testing.processes import free_port, start_process
from proofing_devtools.balancer import ReadinessBalancer
from proofing_devtools.postgres import running_postgres
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.redis import running_redis
from proofing_devtools.web_process import get

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("core", "plugins/vendors", "plugins/queues", "plugins/stores", "server")
#: Long enough for workers to be stopped in the middle of a call.
VENDOR_SECONDS = 0.5
#: Longer than the balancer needs to notice.
DRAIN_SECONDS = 1.0
STOP_SECONDS = 60
RESTARTS = int(os.environ.get("CHAOS_RESTARTS", "50"))


def copy_of_ours(directory):
    """Make a copy of this version, which does not change while somebody edits it."""
    for name in ("core", "plugins", "server"):
        shutil.copytree(ROOT / name, directory / name)
    return directory


def marked(directory):
    """Change a static file of a version, and with it the paths of all, by which versions are told apart."""
    style = directory / "server/proofing_server/static/style.css"
    style.write_text(style.read_text() + "\n/* another version */\n")
    return directory


def previous_version(directory):
    """Make the version that PROOFING_PREVIOUS names, else the newest tag, else the parent commit."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True)

    try:
        name = os.environ.get("PROOFING_PREVIOUS")
        if name is None:
            tags = git("tag", "--merged", "HEAD^", "--sort=-creatordate").stdout.decode().split()
            name = tags[0] if tags else "HEAD^"
        directory.mkdir()
        archive = directory / "version.tar"
        git("archive", "--output", str(archive), name, "core", "plugins", "server")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git history with a version before this one")
    with tarfile.open(archive) as file:
        # Python before 3.11.4 has no filters, and reads this name for nothing.
        file.extraction_filter = getattr(tarfile, "data_filter", None)
        file.extractall(directory)  # noqa: S202 - git wrote it
    return marked(directory)


def variables_of(version):
    """Return the variables by which Python finds *version* in place of the installed one."""
    return {
        **{name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")},
        "PYTHONPATH": os.pathsep.join(str(version / root) for root in SOURCE_ROOTS),
    }


@functools.cache
def known_keys(version):
    """Return the keys of the settings of *version*."""
    program = "from proofing.settings import Settings; print(*Settings.model_fields)"
    command = [sys.executable, "-c", program]
    known = subprocess.run(command, env=variables_of(version), capture_output=True, text=True, check=True)
    return set(known.stdout.split())


class Fleet:
    """Processes on one PostgreSQL and one Redis; each start is of the other version than the one before."""

    def __init__(self, directory, url, settings, versions):
        self.directory = directory
        self.url = url
        self.settings = settings
        self.processes = {}
        self.versions = {}
        self._versions = versions
        self._output = (directory / "output").open("wb")

    @property
    def log_file(self):
        """Where all of them log."""
        return self.directory / "log" / "test.log"

    def environment(self, name, version, **values):
        """Return the variables of a process of *version*, whose settings file has no keys of a later one."""
        path = self.directory / f"{name}.yaml"
        known = known_keys(version)
        settings = {
            key: value
            for key, value in {**self.settings, **values}.items()
            if key in known or key in self.settings["plugins"]
        }
        path.write_text(yaml.safe_dump({"default": settings}))
        return {**variables_of(version), "PROOFING_ENV": "test", "PROOFING_SETTINGS": str(path)}

    def start(self, name, *words, **values):
        """Start a process called *name*."""
        turns = self.versions.setdefault(name, itertools.cycle(self._versions))
        if name[-1] in "13579" and name not in self.processes:
            next(turns)  # both versions from the beginning
        self.processes[name] = start_process(
            [sys.executable, "-m", "proofing.cli", *words],
            env=self.environment(name, next(turns), **values),
            stdout=self._output,
            stderr=self._output,
        )

    async def stop(self, name):
        """Stop a process as a deployment does, and wait for its end."""
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, STOP_SECONDS) == 0

    def close(self):
        """End whatever runs."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._output.close()


@contextlib.contextmanager
def running_fleet(directory, versions):
    """Give a fleet whose schema is there; no process of it runs yet."""
    with running_postgres() as postgres, running_redis(password="synthetic") as redis:
        url = f"http://localhost:{free_port()}"
        settings = {
            "plugins": ["local", "mock", "postgres", "redis"],
            "queue": "postgres",
            "require_crash_recovery": True,
            "postgres": {"dsn": postgres.new_database()},
            "result_store": "redis",
            # As many as the load needs: the machine may be busy.
            "redis": {"url": redis.url, "deadline_seconds": 20.0},
            "local": {"directory": str(directory / "local")},
            "log_directory": str(directory / "log"),
            "mock": {"latency_seconds": VENDOR_SECONDS},
            "public_url": url,
            "web_drain_seconds": DRAIN_SECONDS,
            **FROM_ONE_ADDRESS,
        }
        fleet = Fleet(directory, url, settings, versions)
        subprocess.run(
            [sys.executable, "-m", "proofing.cli", "migrate"],
            env=fleet.environment("migrate", versions[0]),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield fleet
        finally:
            fleet.close()


async def restart(directory, versions, *, restarts, web, workers, people):
    """Restart processes under load; return counts, what went wrong, and the log."""
    with running_fleet(directory, versions) as fleet:
        servers = {f"web{number}": (free_port(), free_port()) for number in range(web)}
        names = [*servers, *(f"worker{number}" for number in range(workers))]

        async def start(name):
            if name in servers:
                port, probe_port = servers[name]
                fleet.start(name, "web", "--port", str(port), web_probe_port=probe_port)
                await balancer.until_ready(port)
            else:
                fleet.start(name, "worker")

        async with ReadinessBalancer(list(servers.values())) as balancer:
            await asyncio.gather(*map(start, names))
            assert len(await static_versions(servers.values())) == 2
            over, walks, troubles = asyncio.Event(), Counter(), Counter()

            async def person():
                while not over.is_set():
                    documents = {
                        side: (make_jpeg(comment=os.urandom(16)), "image/jpeg")
                        for side in (Side.FRONT, Side.BACK)
                    }
                    async with balancer.client(fleet.url) as http:
                        result = await Walk(http, Answers(documents=documents)).run()
                    walks[result["passed"]] += 1
                    troubles.update(step["detail"] for step in result["steps"] if "detail" in step)

            load = [asyncio.create_task(person()) for _ in range(people)]
            for name in itertools.islice(itertools.cycle(reversed(names)), restarts):
                await fleet.stop(name)
                await start(name)
            over.set()
            await asyncio.gather(*load)
            for name in names:
                await fleet.stop(name)
        lines = [json.loads(line) for line in fleet.log_file.read_text().splitlines()]
    return walks, troubles, balancer.errors, lines


async def static_versions(servers):
    """Return what the paths of static files begin with, over all servers."""
    found = set()
    for port, _ in servers:
        _, page = await get(port, "/")
        found |= set(re.findall(rb"/static/([^/]+)/", page))
    return found


def check(walks, troubles, errors, lines):
    """Nobody was refused or lost, and every job was performed to its end."""
    refused = Counter(
        (line["route"], line["key"], line["reason"]) for line in lines if line["name"] == "step_refused"
    )
    assert (troubles, errors, refused) == (Counter(), Counter(), Counter())
    assert walks[True] > 0
    assert walks[False] == 0
    ends = Counter(line.get("end_state") for line in lines if line["name"] == "perform")
    # Three jobs each; people who came last have theirs, too.
    assert ends == {"done": 3 * walks[True]}
    wrong = {line["name"] for line in lines if line["level"] == "error"}
    assert wrong == set()


async def test_restarts_in_short(tmp_path):
    """A worker and two web processes, each replaced by the other version."""
    versions = [ROOT, marked(copy_of_ours(tmp_path / "other"))]
    check(*await restart(tmp_path, versions, restarts=3, web=2, workers=1, people=1))


@pytest.mark.chaos
async def test_restarts_in_full(tmp_path):
    """Fifty, with the previous release alongside this one; the numbers go into a report."""
    versions = [copy_of_ours(tmp_path / "ours"), previous_version(tmp_path / "other")]
    walks, troubles, errors, lines = await restart(
        tmp_path, versions, restarts=RESTARTS, web=3, workers=2, people=3
    )
    ends = Counter(line.get("end_state") for line in lines if line["name"] == "perform")
    report(
        "restarts",
        [
            Row(measure="restarts by SIGTERM", unit="", ours=RESTARTS),
            Row(measure="proofings that passed meanwhile", unit="", ours=walks[True]),
            Row(measure="proofings that failed", unit="", ours=walks[False], limit="0"),
            Row(measure="jobs done", unit="", ours=ends["done"]),
            Row(measure="jobs that ended otherwise", unit="", ours=ends.total() - ends["done"], limit="0"),
            Row(measure="answers from 500 on", unit="", ours=errors.total(), limit="0"),
        ],
    )
    check(walks, troubles, errors, lines)
