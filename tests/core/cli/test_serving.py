"""`proofing run`, `web` and `worker`: what they refuse and stop, and that no line of a start is lost."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from proofing.app.worker import stop_on_signals
from proofing.base.errors import ConfigurationError, QueueUnavailableError
from proofing.base.listening import close_sockets, listen_sockets
from proofing.cli import main, serving
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import Secrets
from proofing.registry.plugins import BACKEND_HOOKS
from proofing.settings import Settings
from proofing.testing.keeper import is_running
from proofing.testing.processes import free_port, start_process, start_process_async
from proofing.testing.waiting import eventually
from proofing_devtools.product import Product

_KEY = "00" * 32
#: Prints that it runs, then each signal: the first SIGTERM drains forever, the second ends.
STUBBORN = """
import os, signal, sys
told = []
def handle(*_):
    told.append(1)
    os.write(1, b"told\\n")  # a handler may interrupt a print
    if len(told) == 2:
        sys.exit(7)
signal.signal(signal.SIGTERM, handle)
os.write(1, b"runs\\n")
while True:
    signal.pause()
"""


async def stubborn(text=STUBBORN):
    """Return a child that runs, in a session of its own as `run` starts its own."""
    child = await start_process_async(sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE)
    assert await child.stdout.readline() == b"runs\n"
    return child


async def test_a_second_signal_leaves_no_process_behind():
    """After a second Ctrl-C no draining worker may keep the port."""
    child = await stubborn()
    async with asyncio.timeout(30):
        stopping = asyncio.create_task(serving._stop([child], 60.0))
        assert await child.stdout.readline() == b"told\n"
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
    assert child.returncode == 7


async def test_who_does_not_stop_in_time_is_killed():
    """Not even the impatient wait forever."""
    child = await stubborn(STUBBORN.replace("sys.exit(7)", "pass"))
    async with asyncio.timeout(30):
        await serving._stop([child], 0.01)
    assert child.returncode == -9


class Ended:
    """A process of `run`, which has ended with *returncode*; None: it runs."""

    def __init__(self, returncode=None):
        self.returncode = returncode

    async def wait(self):
        if self.returncode is None:
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("worker", "web", "code", "said"),
    [
        (3, None, 3, "a worker exited unexpectedly with status 3; see the log"),
        (None, 0, 1, "the web server exited unexpectedly with status 0; see the log"),
        (None, -9, 1, "the web server exited unexpectedly with status -9; see the log"),
        (None, None, 1, "the web server did not become ready; see the log"),
    ],
)
async def test_run_ends_with_the_first_process_that_does(capsys, worker, web, code, said):
    """And says which, so that a supervisor restarts everything and an operator knows where to look."""

    async def never_ready():
        return False

    async with asyncio.timeout(10):
        children = {Ended(worker): "a worker", Ended(web): "the web server"}
        assert await serving._watch(children, never_ready(), asyncio.Event(), "ready", 0.0) == code
    assert capsys.readouterr() == ("", f"proofing: {said}\n")


async def test_run_does_not_wait_forever_for_its_server(monkeypatch):
    """One that answers with an error is not ready; its time is over when it has been asked once."""
    asked = []

    async def refuse(reader, writer):
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        writer.close()

    clock = SimpleNamespace(monotonic=lambda: float("inf") if asked else 0.0)
    monkeypatch.setattr(serving, "time", clock)
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        assert not await serving._ready("127.0.0.1", server.sockets[0].getsockname()[1])
    assert set(asked) == {b"GET /healthz HTTP/1.1\r\n"}


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 40),
        ({"worker_drain_seconds": 60.0}, 70),
        ({"web_drain_seconds": 30.0}, 60),
        ({"ruby_workers_idv_enabled": False}, 85),
    ],
)
def test_a_drain_is_over_before_it_is_cut_off(values, seconds):
    """The longer of the worker's drain and of what a web process may still answer, and ten seconds."""
    assert (
        serving._stop_seconds(Settings(session_encryption_key=_KEY, hmac_fingerprinter_key=_KEY, **values))
        == seconds
    )


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
    output, refused = capfd.readouterr()
    assert "ready" not in output
    assert f"port: {port} is in use; choose another with PORT or --port" in refused


def unknown(*_, **__):
    """Do as a resolver that does not know the name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid"])
def test_run_listens_on_this_machine_only(monkeypatch, host):
    """An address of another machine, or none, is reported by its option."""
    if not host[0].isdigit():
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    output = f"^command line: host: {host} port 8000 cannot be listened on [(]"
    with pytest.raises(ConfigurationError, match=output):
        listen_sockets(host, 8000)


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
    sockets = listen_sockets("localhost", 8000)
    assert [one.getsockname()[0] for one in sockets] == ["::1", "127.0.0.1"]
    close_sockets(sockets)


def test_a_free_port_is_left_free():
    """Looking does not take it; every interface can be checked."""
    port = free_port()
    for host in ("127.0.0.1", "127.0.0.1", "0.0.0.0"):  # noqa: S104 - checked, not served on
        close_sockets(listen_sockets(host, port))


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
def test_the_log_begins_with_the_plugins(monkeypatch, settings_file, odd_plugin, tmp_path, capsys):
    """What happened before the settings said where the log is appears in it, too."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    away = odd_plugin(queue=lambda _: Away())
    path = settings_file(**away, log_directory=str(tmp_path / "log"), redis={"url": "x"})
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    assert main(["worker"]) == 69
    lines = [json.loads(line) for line in (tmp_path / "log" / "test.log").read_text().splitlines()]
    names = [(line["name"], line.get("plugin")) for line in lines]
    assert ("plugin_loaded", "huey") in names
    assert ("unused_settings_section", "redis") in names
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
    output = capsys.readouterr().err
    assert key in output
    assert "cannot be used" in output
    assert "letmein" not in output


def failures(directory):
    """Return the lines about failed starts."""
    lines = [json.loads(line) for line in (directory / "test.log").read_text().splitlines()]
    return [line for line in lines if line["name"] == "start_failed"]


@pytest.mark.usefixtures("bare_environment")
@pytest.mark.parametrize("command", ["web", "worker", "run", "migrate", "erase"])
def test_a_start_with_wrong_settings_is_in_the_log(monkeypatch, settings_file, tmp_path, command):
    """The place is in the settings that are refused; the line names every problem, and no value."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    path = settings_file(log_directory=str(tmp_path / "log"), quue="letmein", document_vendor="ghost")
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    assert main([command, *(["somebody"] if command == "erase" else [])]) == 78
    (line,) = failures(tmp_path / "log")
    assert line["level"] == "error"
    assert line["role"] == command
    assert [problem.split(": ")[1] for problem in line["problems"]] == ["quue", "document_vendor"]
    assert "letmein" not in str(line)


@pytest.mark.usefixtures("bare_environment")
def test_a_start_whose_queue_is_down_is_in_the_log(monkeypatch, settings_file, odd_plugin, tmp_path):
    """With the sentence that the terminal shows."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    away = odd_plugin(queue=lambda _: Away())
    path = settings_file(**away, log_directory=str(tmp_path / "log"))
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    assert main(["worker"]) == 69
    (line,) = failures(tmp_path / "log")
    assert (line["reason"], line["exception_class"]) == ("no queue", "QueueUnavailableError")


@pytest.mark.usefixtures("bare_environment")
@pytest.mark.parametrize("command", ["web", "run"])
def test_a_taken_port_is_in_the_log(monkeypatch, settings_file, tmp_path, capsys, command):
    """And costs no traceback."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(log_directory=str(tmp_path / "log"))))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main([command, "--port", str(taken.getsockname()[1])]) == 78
    (line,) = failures(tmp_path / "log")
    assert "is in use" in line["problems"][0]
    assert "is in use" in capsys.readouterr().err


@pytest.mark.usefixtures("bare_environment")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_that_cannot_be_read_is_in_the_log_of_before(monkeypatch, tmp_path, is_there):
    """Where a process that ran here wrote it; none is made in a place that nobody chose."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROOFING_ENV", "test")
    (tmp_path / "settings.yaml").write_text("default: [")
    if is_there:
        (tmp_path / "log").mkdir()
    assert main(["worker"]) == 78
    assert (tmp_path / "log").exists() is is_there
    if is_there:
        assert "is not valid YAML" in failures(tmp_path / "log")[0]["problems"][0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("default_signals")
async def test_nothing_is_left_when_run_ends(tmp_path, number):
    """A closed terminal drains web and workers; a killed parent leaves them a pipe that ends."""
    product = Product(tmp_path, played(), workers=2)
    with product:
        pids = product.pids()
        assert len(pids) == 5
        os.kill(pids[0], number)
        await eventually(lambda: not any(is_running(pid) for pid in pids), within_seconds=60)
    lines = [json.loads(line) for line in product.log_file.read_text().splitlines()]
    # Drained, and not just ended: both workers note the end of their work.
    assert sum(line["name"] == "worker_stop" for line in lines) == 2
    output = Counter((line["role"], line["name"], line.get("reason")) for line in lines)
    if number == signal.SIGHUP:
        assert output["run", "stop_requested", "SIGHUP"] == 1
        assert product.stop() == 0
    else:
        assert output["worker", "parent_gone", None] == 2
        assert output["web", "parent_gone", None] == 1
        assert output["stand-in", "parent_gone", None] == 1


def played(**mock):
    """Return settings with a vendor that is played on this machine."""
    return {
        "document_vendor": "mock:hosted",
        "mock": {"hosted_url": f"http://127.0.0.1:{free_port()}", **mock},
    }


@pytest.mark.usefixtures("bare_environment")
def test_run_plays_the_vendors_of_its_settings(monkeypatch, settings_file, capfd):
    """Once each, and it does not continue without one of them."""
    values = played()
    with socket.create_server(("127.0.0.1", int(values["mock"]["hosted_url"].rpartition(":")[2]))):
        monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**values, phone_vendors=["mock:hosted"])))
        assert main(["run", "--port", str(free_port())]) == 78
    refused = capfd.readouterr().err
    assert refused.count("mock.hosted_url: cannot be listened on") == 1
    assert "the stand-in of a vendor exited unexpectedly with status 78" in refused


@pytest.mark.parametrize("vendor", ["mock", "acme"])
@pytest.mark.usefixtures("bare_environment")
def test_a_vendor_of_its_own_is_not_played(monkeypatch, settings_file, capsys, vendor):
    """Nor one that nobody offers."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file()))
    assert main(["stand-in", vendor]) == 78
    refused = capsys.readouterr().err
    assert f"command line: vendor: no enabled plugin plays a vendor {vendor}" in refused


class Given:
    """A secret store that has the application's keys."""

    async def load(self):
        keys = {"session_encryption_key": _KEY, "hmac_fingerprinter_key": _KEY}
        return Secrets(values=keys, source="given", version="1")


@pytest.mark.usefixtures("bare_environment")
def test_no_vendor_is_played_in_production(monkeypatch, settings_file, odd_plugin, capsys):
    """Although the plugin is enabled."""
    proofers = [
        ProoferDescriptor(name="odd", kind=kind, make=lambda *_: None, maturity=Maturity.PRODUCTION)
        for kind in sorted(set(ProoferKind) - {ProoferKind.MESSENGER})
    ]
    stores = dict.fromkeys(BACKEND_HOOKS.keys() - {"secret_store"}, lambda _: None)
    odd = odd_plugin(proofers, secret_store=lambda _: Given(), **stores)
    vendors = {
        f"{kind}_vendor": "odd" for kind in ("device", "document", "passport", "resolution", "state_id")
    }
    monkeypatch.setenv("PROOFING_ENV", "production")
    path = settings_file(
        **odd,
        **vendors,
        phone_vendors=["odd"],
        public_url="https://proofing.example.gov",
        trusted_proxies=0,
    )
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    assert main(["stand-in", "mock:hosted"]) == 78
    assert "command line: vendor: is not played in production" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["web", "worker"])
@pytest.mark.usefixtures("default_signals")
async def test_web_and_worker_drain_at_a_hangup(settings_file, tmp_path, command):
    """With exit code 0, and a second one does not cut the drain short."""
    environment = {"PROOFING_SETTINGS": str(settings_file(log_directory=str(tmp_path / "log")))}
    log_file = tmp_path / "log" / "test.log"
    process = start_process(
        [sys.executable, "-m", "proofing.cli", command],
        env={**os.environ, **environment, "PROOFING_ENV": "test", "PORT": str(free_port())},
        cwd=tmp_path,
    )
    await eventually(lambda: log_file.exists() and '"started"' in log_file.read_text(), within_seconds=60)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert await asyncio.to_thread(process.wait, 60) == 0
    reasons = [json.loads(line).get("reason") for line in log_file.read_text().splitlines()]
    assert "SIGHUP" in reasons


@pytest.mark.parametrize("is_ignored", [False, True])
async def test_nohup_is_respected(is_ignored):
    """A process started with SIGHUP ignored outlives the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    try:
        stop_on_signals(stop)
        assert (signal.getsignal(signal.SIGHUP) is signal.SIG_IGN) is is_ignored
        if not is_ignored:
            signal.raise_signal(signal.SIGHUP)
            await asyncio.wait_for(stop.wait(), 10)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, before)
