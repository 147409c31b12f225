"""`proofing run` and its kin: what they refuse, whom they stop, and that no line of a start is lost."""

import asyncio
import json
import socket
import sys

import pytest

from proofing.cli import main, serving
from proofing.errors import ConfigurationError, QueueUnavailableError
from proofing.plugins import PluginManager
from proofing.testing.processes import free_port

#: Says that it runs, then what it was told: the first SIGTERM drains for ever, the second ends.
STUBBORN = """
import signal, sys
told = []
def handle(*_):
    told.append(1)
    print("told", flush=True)
    if len(told) == 2:
        sys.exit(7)
signal.signal(signal.SIGTERM, handle)
print("runs", flush=True)
while True:
    signal.pause()
"""


async def stubborn(text=STUBBORN):
    """Return a child that runs, in a session of its own as `run` starts its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert await child.stdout.readline() == b"runs\n"
    return child


async def test_a_second_signal_leaves_no_process_behind():
    """Who is impatient must not find the port taken by a worker that still drains."""
    child = await stubborn()
    async with asyncio.timeout(30):
        stopping = asyncio.create_task(serving._stop([child]))
        assert await child.stdout.readline() == b"told\n"
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
    assert child.returncode == 7


async def test_who_does_not_stop_in_time_is_killed(monkeypatch):
    """Not even the impatient wait for ever."""
    monkeypatch.setattr(serving, "_STOP_SECONDS", 0.01)
    child = await stubborn(STUBBORN.replace("sys.exit(7)", "pass"))
    async with asyncio.timeout(30):
        await serving._stop([child])
    assert child.returncode == -9


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--workers", "0"],
        ["run", "--workers", "many"],
        ["run", "--port", "99999"],
        ["web", "--port", "0"],
    ],
)
def test_numbers_that_start_nothing_are_refused(arguments, capsys):
    """By the parser, with the option's name."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert f"argument {arguments[1]}: must be a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["99999", "0", "http", "²"])
@pytest.mark.usefixtures("bare_environment")
def test_the_variable_port_is_held_to_the_same(monkeypatch, settings_file, capsys, port):
    """Exit code 78, and the variable's name."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))
    monkeypatch.setenv("PORT", port)
    assert main(["run"]) == 78
    assert "environment variable: PORT: must be a whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["option", "variable"])
@pytest.mark.usefixtures("bare_environment")
def test_run_starts_nothing_on_a_port_that_is_taken(monkeypatch, settings_file, capfd, named):
    """Another server's answer would be taken for our own; told before any process starts."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert main(["run", *(["--port", str(port)] if named == "option" else [])]) == 78
    told, refused = capfd.readouterr()
    assert "ready" not in told
    assert f"port: {port} is in use; choose another with PORT or --port" in refused


def unknown(*_, **__):
    """Do as a resolver that does not know the name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid"])
def test_run_listens_on_this_machine_only(monkeypatch, host):
    """An address of another machine, or none, is told by its option."""
    if not host[0].isdigit():
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = f"^command line: host: {host} port 8000 cannot be listened on [(]"
    with pytest.raises(ConfigurationError, match=told):
        serving._require_free(host, 8000)


def test_one_address_of_a_name_is_enough(monkeypatch):
    """As for servers: a machine may know localhost by an address that it does not have."""
    places = [
        (family, socket.SOCK_STREAM, 0, "", (address, free_port()))
        for family, address in (
            (socket.AF_INET, "192.0.2.7"),
            (socket.AF_INET6, "::1"),
            (socket.AF_INET, "127.0.0.1"),
        )
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
    serving._require_free("localhost", 8000)


def test_a_free_port_is_left_free():
    """Looking does not take it; every interface can be looked at."""
    port = free_port()
    for host in ("127.0.0.1", "127.0.0.1", "0.0.0.0"):  # noqa: S104 - looked at, not served on
        serving._require_free(host, port)


@pytest.mark.parametrize(
    ("host", "asked"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.7", "192.0.2.7")],  # noqa: S104
)
async def test_run_asks_where_its_server_listens(monkeypatch, host, asked):
    """A server on one address of the machine answers nowhere else."""
    seen = []

    async def connect(*place):
        seen.append(place)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "open_connection", connect)
    with pytest.raises(asyncio.CancelledError):
        await serving._ready(host, 8000)
    assert seen == [(asked, 8000)]


class Away:
    """A queue that does not answer."""

    capabilities = frozenset()

    async def open(self):
        raise QueueUnavailableError("no queue")

    async def close(self):
        pass


@pytest.mark.usefixtures("bare_environment")
def test_the_log_begins_with_the_plugins(monkeypatch, settings_file, tmp_path, capsys):
    """What happened before the settings said where the log is stands in it, too."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    path = settings_file(log_directory=str(tmp_path / "log"), redis={"url": "x"})
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    monkeypatch.setattr(PluginManager, "queue", lambda *_: Away())
    assert main(["worker"]) == 69
    lines = [json.loads(line) for line in (tmp_path / "log" / "test.log").read_text().splitlines()]
    names = [(line["name"], line.get("plugin")) for line in lines]
    assert ("plugin_loaded", "huey") in names
    assert ("section_of_disabled_plugin", "redis") in names
    assert ("secrets_loaded", None) in names
    assert {line["role"] for line in lines} == {"worker"}
    assert capsys.readouterr().err == "proofing: no queue\n"


@pytest.mark.parametrize(
    ("key", "environ"),
    [
        ("log_directory", "PROOFING_LOG_DIRECTORY"),
        ("local.directory", "PROOFING_LOCAL__DIRECTORY"),
        ("huey.path", "PROOFING_HUEY__PATH"),
    ],
)
@pytest.mark.usefixtures("bare_environment")
def test_a_path_that_cannot_be_used_is_named_by_its_key(monkeypatch, settings_file, capsys, key, environ):
    """One line that says which key and why, without the path itself; no traceback."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))
    file = settings_file().with_name("letmein-synthetic")
    file.write_text("")
    monkeypatch.setenv(environ, str(file / "x" / "y"))
    assert main(["worker"]) in {69, 78}
    told = capsys.readouterr().err
    assert key in told
    assert "cannot be used" in told
    assert "letmein" not in told
