"""Behind PgBouncer in transaction mode the whole contract holds: workers poll, and say so."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import AsyncConnection

from proofing.contracts.queues import Queue
from proofing.testing.breaking import break_psycopg
from proofing.testing.processes import free_port, start_process
from proofing.testing.queues import QueueContract, RecordingHandler, make_message
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import PostgresServer
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings

_PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

_HINT = "no PgBouncer found: apt-get install --no-install-recommends pgbouncer"

pytestmark = pytest.mark.skipif(_PROGRAM is None and os.environ.get("REQUIRE_PGBOUNCER") != "1", reason=_HINT)


@pytest.fixture(scope="module")
def bouncer(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run PgBouncer in transaction mode before the server, and give its port."""
    if _PROGRAM is None:
        pytest.fail(_HINT)
    folder = tmp_path_factory.mktemp("pgbouncer")
    folder.chmod(0o755)
    port = free_port()
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"""[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = trust
auth_file = {folder / "users.txt"}
pool_mode = transaction
default_pool_size = 3
unix_socket_dir =
"""
    )
    command = [_PROGRAM, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        # It refuses to run as root, as the server does.
        for path in (folder, *folder.iterdir(), *_parents(folder)):
            path.chmod(path.stat().st_mode | 0o055)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    process = start_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _parents(folder: Path) -> list[Path]:
    """Return the temporary folders above *folder*, which others must be able to pass."""
    top = Path(tempfile.gettempdir())
    return [path for path in folder.parents if path.is_relative_to(top) and path != top]


class TestBehindPgBouncer(QueueContract):
    """Three server connections for everybody, none of them ours for longer than a transaction."""

    deadline_grace_seconds = 0.3

    @pytest.fixture(autouse=True)
    async def _database(self, dsn: str, bouncer: int) -> None:
        """Take an empty database, and wait for the pooler."""
        self.direct = dsn
        self.dsn = f"postgresql://postgres@127.0.0.1:{bouncer}{urlsplit(dsn).path}"

        async def answers() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                async with await AsyncConnection.connect(self.dsn):
                    return True
            return False

        await eventually(answers)

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither connect nor run statements."""
        break_psycopg(monkeypatch, error)

    def make_queue(self) -> Queue:
        """Return a queue behind the pooler."""
        return self._make()

    def _make(self, **settings: Any) -> PostgresQueue:
        values = {"dsn": self.dsn, "deadline_grace_seconds": self.deadline_grace_seconds, **settings}
        return PostgresQueue(PostgresSettings.model_validate(values))

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Open a caller's connection, through the pooler."""
        async with await AsyncConnection.connect(self.dsn, prepare_threshold=None) as connection:
            yield connection

    async def test_the_pooler_is_noticed(self, dsn: str) -> None:
        """The check says that workers poll; without a pooler, that they are woken."""
        pooled, direct = self._make(), self._make(dsn=dsn)
        await direct.migrate()
        assert "pooler" in " ".join(await pooled.check())
        assert "notifications" in " ".join(await direct.check())
        await pooled.close()
        await direct.close()

    async def test_no_session_is_left_changed(self) -> None:
        """Nothing of our settings, locks or listening stays on the shared connections."""
        queue = self._make(global_limits={"high_resolution_proofing": 2})
        await queue.migrate()
        handler = RecordingHandler()
        sent = [make_message() for _ in range(10)]
        async with self.working(queue, handler):
            await queue.enqueue(sent)
            await handler.until_ended(*sent)
        await queue.close()
        async with await AsyncConnection.connect(self.dsn, prepare_threshold=None) as connection:
            cursor = await connection.execute(
                "select current_setting('enable_seqscan'), current_setting('synchronous_commit'),"
                " (select count(*) from pg_listening_channels())"
            )
            assert await cursor.fetchone() == ("on", "off", 0)  # the server's own settings
        async with await AsyncConnection.connect(self.direct) as connection:
            cursor = await connection.execute("select count(*) from pg_locks where locktype = 'advisory'")
            assert await cursor.fetchone() == (0,)
