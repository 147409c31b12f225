"""Backup and restore as the page says: on another server, a job that waited is done."""

import asyncio
import contextlib
import os
import re
import secrets
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

import proofing_postgres
from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.contracts.records import JobKind
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT
from proofing_devtools.postgres import PostgresServer
from proofing_devtools.s3_bucket import Bucket
from proofing_devtools.services import SECRET_BUCKET, SECRET_KEY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/back-up.md").read_text()
_SECOND_BUCKET = "proofing-secrets-second"


def commands(kind):
    """Return the blocks of the page for one kind of backup: to back up, and to restore."""
    blocks = re.findall(rf"^ *```sh {kind}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return [*blocks, ""][:2]


@pytest.fixture
def run(example, tmp_path):
    """Return what runs a block with the programs of the server's version."""
    server = example.services.postgres
    if not server.is_ours:
        pytest.skip("the programs of a foreign server are not here")
    # Where the page has the environment of the installation, this has a link to the package.
    package = tmp_path / "opt/venv/lib/python3/site-packages/proofing_postgres"
    package.parent.mkdir(parents=True)
    package.symlink_to(Path(proofing_postgres.__file__).parent)

    def run(block, **values):
        path = f"{server._programs}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "opt": str(tmp_path / "opt"), **values}
        command = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return run


def admit(server, line):
    """Let replication in by *line* of pg_hba.conf alone; the cluster of the tests trusts everybody."""
    path = server.data / "pg_hba.conf"
    path.write_text(f"{line}\nhost replication all all reject\n{path.read_text()}")
    server.run_sql("select pg_reload_conf()")


async def is_closed(server):
    """Return whether PostgreSQL follows what `admit` wrote."""
    try:
        parameters = {"user": "postgres", "replication": "true"}
        connection = await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True, **parameters)
    except psycopg.OperationalError:
        return True
    await connection.close()
    return False


@contextlib.asynccontextmanager
async def started(example, monkeypatch, role, **more):
    """Be a process of *role* of the example, in the test itself."""
    variables = example.variables("staging", **more)
    for name in [name for name in variables if name.startswith("AWS_")]:
        monkeypatch.setenv(name, variables[name])
    configuration = await bootstrap.configure(environ=variables, role=role)
    async with bootstrap.start(configuration, role) as process:
        yield process


def restored_server(kind, backup, run, old, folder):
    """Return a started server with the content of *backup*, and the URL of the database."""
    if kind == "base":
        server = PostgresServer(folder=backup.parent)
        server.start()
        return server, server.dsn(urlsplit(old).path.lstrip("/"))
    server = PostgresServer(folder=folder)
    server.start()
    url = server.new_database()
    run(commands(kind)[1], restored=url, backup=str(backup), owner_password="")
    return server, url


@pytest.mark.parametrize("kind", ["base", "dump"])
async def test_a_waiting_job_is_done_on_the_restored_server(example, run, tmp_path, monkeypatch, kind):
    """With the second bucket's secrets and an empty Redis; what was done before is there, too."""
    services = example.services
    kept = yaml.safe_load(services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY].body)
    old = kept["postgres"]["dsn"]
    person = PersonRef(reference=secrets.token_hex(16))
    async with started(example, monkeypatch, "web") as web:
        result_id = await web.service.submit_applicant(JobKind.PHONE, person, APPLICANT)
    backup = tmp_path / ("cluster/data" if kind == "base" else "jobs.dump")
    backup.parent.mkdir(exist_ok=True)
    values = {"database": old, "backup": str(backup), "owner_password": ""}
    block = commands(kind)[0]
    if kind == "base":
        server = services.postgres
        values |= {"admin": f"psql -d {server.dsn()}", "postgres_port": str(server.port)}
        block = commands("login")[0] + block
        (line,) = re.findall(r"^host +replication .+$", PAGE, re.MULTILINE)
        admit(server, line)
        await eventually(lambda: is_closed(server), within_seconds=60)
    run(block, **values)

    server, url = restored_server(kind, backup, run, old, tmp_path / "other")
    try:
        # What `aws s3 sync` does, and the new address.
        assert commands("secrets")[0].startswith("aws s3 sync ")
        services.s3.buckets[_SECOND_BUCKET] = Bucket(name=_SECOND_BUCKET, is_versioned=True)
        services.s3.load(
            _SECOND_BUCKET, SECRET_KEY, yaml.safe_dump({**kept, "postgres": {"dsn": url}}).encode()
        )
        services.redis.command("FLUSHALL")
        elsewhere = {"PROOFING_AWS__SECRET_BUCKET": _SECOND_BUCKET}
        assert example.run("staging", "check", **elsewhere).returncode == 0
        async with (
            started(example, monkeypatch, "worker", **elsewhere) as worker,
            started(example, monkeypatch, "web", **elsewhere) as web,
        ):
            stop = asyncio.Event()
            working = asyncio.create_task(worker.worker.work(stop))

            async def end():
                record = await web.service.status(person, result_id, JobKind.PHONE)
                return record if record is not None and record.is_done else None

            record = await eventually(end, within_seconds=60)
            stop.set()
            await working
        assert record.is_success
        shown = example.run("staging", "jobs", "show", result_id, "--json", **elsewhere)
        assert '"done"' in shown.stdout, shown.stdout + shown.stderr
        # The server of before was not touched.
        left = services.postgres.run_sql("select id from proofing.job", urlsplit(old).path.lstrip("/"))
        assert result_id in left
    finally:
        server.stop()
