"""The machine of a bench run: one durable PostgreSQL, databases, and processes that play roles."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from proofing.testing.processes import start_process
from proofing_devtools.postgres import PostgresServer

_ANSWER_SECONDS = 300
_START_SECONDS = 2.0
#: The systems that are libraries, which are imported by the same names.
_LIBRARIES = ("pgqueuer", "oban", "procrastinate", "huey")


class Worker:
    """A process that works until told to finish."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answer: dict[str, Any] | None = None

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def finish(self) -> dict[str, Any]:
        """Have it leave, and return its answer."""
        if self._answer is None:
            out, _ = self._process.communicate(timeout=_ANSWER_SECONDS)
            self._answer = json.loads(out)
        return self._answer


class Machine:
    """Runs measures.

    Args:
        runs: how often each measure is taken.
        shrink: divides the numbers of jobs.
    """

    def __init__(self, *, runs: int, shrink: int) -> None:
        self.runs = runs
        self.shrink = shrink
        self._server = PostgresServer(durable=True)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @staticmethod
    def has(name: str) -> bool:
        """Return whether the libraries of a system are installed."""
        return name not in _LIBRARIES or importlib.util.find_spec(name) is not None

    def new_database(self, name: str) -> str:
        """Return an empty database with the tables of a system."""
        dsn = self._server.new_database()
        self.ask(name, "install", dsn)
        return dsn

    def ask(self, name: str, role: str, dsn: str, *numbers: int) -> dict[str, Any]:
        """Have a process play *role* and return its answer."""
        (answer,) = self.ask_together(1, name, role, dsn, *numbers)
        return answer

    def ask_together(
        self, processes: int, name: str, role: str, dsn: str, *numbers: int
    ) -> list[dict[str, Any]]:
        """Have several processes play the same role at once."""
        started = [_start(name, role, dsn, *numbers) for _ in range(processes)]
        answers = []
        for process in started:
            out, _ = process.communicate(timeout=_ANSWER_SECONDS)
            if process.returncode:
                raise SystemExit(f"{name} failed as {role}")
            answers.append(json.loads(out))
        return answers

    @contextlib.contextmanager
    def serving(self, name: str, dsn: str, slots: int) -> Iterator[Worker]:
        """Run a worker for the length of the block."""
        worker = Worker(_start(name, "serve", dsn, slots))
        self.rest(_START_SECONDS)
        try:
            yield worker
        finally:
            worker.finish()

    def watch_connections(self, name: str, role: str, dsn: str, *numbers: int) -> tuple[int, dict[str, Any]]:
        """Play *role*, and count the most connections that it had meanwhile."""
        most = 0
        over = threading.Event()
        database = urlsplit(dsn).path.lstrip("/")
        statement = (
            "select count(*) from pg_stat_activity "  # noqa: S608 - our own name
            f"where datname = '{database}' and backend_type = 'client backend'"
        )

        def watch() -> None:
            nonlocal most
            while not over.wait(0.2):
                most = max(most, int(self._server.run_sql(statement)))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            answer = self.ask(name, role, dsn, *numbers)
        finally:
            over.set()
            thread.join()
        return most, answer

    @contextlib.contextmanager
    def old_transaction(self, dsn: str, *, on: bool) -> Iterator[None]:
        """Keep a transaction with a snapshot open for the length of the block, if *on*."""
        if not on:
            yield
            return
        import psycopg  # noqa: PLC0415 - only this measure needs it here

        with psycopg.connect(dsn) as connection:
            connection.execute("set transaction isolation level repeatable read")
            connection.execute("select count(*) from pg_class")
            yield
            connection.rollback()

    @contextlib.contextmanager
    def listening(self, dsn: str, channel: str) -> Iterator[None]:
        """Have somebody listen on *channel* for the length of the block."""
        import psycopg  # noqa: PLC0415 - only this measure needs it here

        def listen() -> None:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f'listen "{channel}"')
                while not over.is_set():
                    for _ in connection.notifies(timeout=0.2):
                        pass

        over = threading.Event()
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def transactions(self, dsn: str) -> int:
        """Return how many transactions the database has seen."""
        database = urlsplit(dsn).path.lstrip("/")
        time.sleep(1.1)  # the server publishes its counts once a second
        return int(
            self._server.run_sql(
                f"select xact_commit + xact_rollback from pg_stat_database where datname = '{database}'"  # noqa: S608 - our own name
            )
        )

    @staticmethod
    def rest(seconds: float) -> None:
        """Let time go by."""
        time.sleep(seconds)


def _start(name: str, role: str, dsn: str, *numbers: int) -> "subprocess.Popen[str]":
    """Start a process that plays *role*; its standard input stays open until it is to finish."""
    command = [
        sys.executable,
        "-m",
        "bench.queue.child",
        name,
        role,
        dsn,
        *(str(number) for number in numbers),
    ]
    return start_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
