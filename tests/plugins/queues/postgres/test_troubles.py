"""What keeps PostgreSQL from serving is told apart, by a real server and real sockets."""

from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from proofing.base.errors import QueueUnavailableError, Trouble
from proofing.testing.processes import free_port
from proofing.testing.unreachable import UNKNOWN_HOST, silent_server, talkative_server
from proofing_devtools.postgres import PostgresServer
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

SECRET = "letmein-synthetic"


async def failure(dsn: str) -> QueueUnavailableError:
    """Return the error with which a queue on *dsn* does not open."""
    queue = PostgresQueue(PostgresSettings.model_validate({"dsn": dsn, "timeout_seconds": 3}))
    with pytest.raises(QueueUnavailableError) as caught:
        await queue.open()
    await queue.close()
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("dsn", "trouble"),
    [
        ("postgresql://127.0.0.1:{free}/x", Trouble.CONNECTION_REFUSED),
        ("postgresql://localhost:{free}/x", Trouble.CONNECTION_REFUSED),
        ("host=/nowhere-synthetic dbname=x", Trouble.CONNECTION_REFUSED),
        (f"postgresql://{UNKNOWN_HOST}/x", Trouble.UNKNOWN_HOST),
        ("postgresql://127.0.0.1:{silent}/x", Trouble.TIMEOUT),
        # What is asked first is whether it speaks TLS: N is no.
        ("postgresql://127.0.0.1:{plain}/x?sslmode=require", Trouble.TLS),
    ],
)
async def test_ways_that_lead_nowhere(dsn: str, trouble: Trouble) -> None:
    """Refused port, no socket, unknown host, silence, and a server without TLS."""
    with silent_server() as silent, talkative_server(b"N") as plain:
        error = await failure(dsn.format(free=free_port(), silent=silent, plain=plain))
    assert error.trouble is trouble, str(error)


async def test_a_server_that_does_not_let_us_in(server: PostgresServer, dsn: str) -> None:
    """A role or database that does not exist, tables that are missing, a role without rights."""
    options = conninfo_to_dict(dsn)
    assert (await failure(make_conninfo("", **{**options, "dbname": "gone"}))).trouble is Trouble.NOT_FOUND
    assert (await failure(make_conninfo("", **{**options, "user": "nobody"}))).trouble is Trouble.CREDENTIALS
    missing = await failure(dsn)
    assert (missing.trouble, "proofing migrate" in str(missing)) == (Trouble.NOT_FOUND, True)
    assert urlsplit(dsn)


async def test_a_wrong_password(server: PostgresServer, dsn: str, sql) -> None:
    """Reported as such, wherever the server asks for one."""
    ((path,),) = await sql("show hba_file")
    with open(path) as file:  # noqa: ASYNC230, PTH123 - of the test's own server
        before = file.read()
    try:
        with open(path, "w") as file:  # noqa: ASYNC230, PTH123
            file.write("local all locked scram-sha-256\nhost all locked all scram-sha-256\n" + before)
        await sql("select pg_reload_conf()")
        await sql("create role locked login password 'right-synthetic'")
        options = {**conninfo_to_dict(dsn), "user": "locked", "password": SECRET}
        assert (await failure(make_conninfo("", **options))).trouble is Trouble.CREDENTIALS
    finally:
        with open(path, "w") as file:  # noqa: ASYNC230, PTH123
            file.write(before)
        await sql("drop role if exists locked")
        await sql("select pg_reload_conf()")


async def test_a_ping_asks_the_database(make_queue) -> None:
    """Nobody made the job that it looks for."""
    queue = make_queue()
    await queue.open()
    await queue.ping()
