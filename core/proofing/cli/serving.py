"""`proofing run`, `web`, `worker` and `migrate`: the processes that do the work."""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from proofing.cli import port_number
from proofing.errors import ConfigurationError, PluginError, Problem, why
from proofing.logs import get_logger, log
from proofing.probes import serve_probes
from proofing.runtime import Configuration, Runtime, configure, make_backends, start, start_logs
from proofing.worker import stop_on_signals

_logger = get_logger("proofing.cli")

_DEFAULT_PORT = 8000
#: How long `run` waits for a process of its own to become ready, to stop, and to stop at once.
_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0
_HURRY_SECONDS = 10.0
#: Where a server that listens everywhere is asked.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an operator's choice, not ours


def chosen_port(option: int | None = None) -> int:
    """Return the port: *option*, else the variable PORT's, else 8000."""
    if option is not None:
        return option
    try:
        return port_number(os.environ.get("PORT", str(_DEFAULT_PORT)))
    except argparse.ArgumentTypeError as error:
        raise ConfigurationError([Problem("environment variable", "PORT", str(error))]) from None


async def web(options: argparse.Namespace) -> int:
    """Serve the pages until told to stop."""
    servers = list(entry_points(group="proofing.server", name="web"))
    if not servers:
        raise PluginError("no web server is installed")
    serve = servers[0].load()
    async with _started("web") as (runtime, stop):
        probe_port = runtime.configuration.settings.web_probe_port
        async with serve_probes(runtime.backends.queue, options.host, probe_port):
            await serve(runtime.service, host=options.host, port=chosen_port(options.port), stop=stop)
    return 0


async def worker(options: argparse.Namespace) -> int:
    """Work on jobs until told to stop."""
    async with _started("worker") as (runtime, stop):
        probe_port = runtime.configuration.settings.worker_probe_port
        async with serve_probes(runtime.backends.queue, options.host, probe_port):
            await runtime.worker.work(stop)
    return 0


async def migrate(_options: argparse.Namespace) -> int:
    """Bring the queue's schema up to date."""
    configuration = await configure(role="migrate")
    start_logs(configuration, "migrate")
    done = await _migrate(configuration)
    print("\n".join(done) if done else "The schema is up to date.")
    return 0


async def run(options: argparse.Namespace) -> int:
    """Start web and workers as processes of their own, and stop them together."""
    configuration = await configure(role="run")  # wrong settings are told once, here
    port = chosen_port(options.port)
    _require_free(options.host, port)
    start_logs(configuration, "run")
    await _migrate(configuration)
    url = f"http://localhost:{port}"
    environ = dict(os.environ)
    if configuration.settings.public_url == f"http://localhost:{_DEFAULT_PORT}":
        environ["PROOFING_PUBLIC_URL"] = url
    stop = asyncio.Event()
    stop_on_signals(stop)
    started = time.monotonic()
    commands = [["worker"]] * options.workers + [["web", "--host", options.host, "--port", str(port)]]
    processes: list[asyncio.subprocess.Process] = []
    try:
        for command in commands:
            # One by one, so that those of before are stopped when a later one cannot be started.
            processes.append(await _spawn(command, environ))  # noqa: PERF401 - see above
        ready = _ready(options.host, port)
        code = await _watch(processes, ready, stop, f"Proofing is ready at {url}", started)
    finally:
        await _stop(processes)
    return code


def _require_free(host: str, port: int) -> None:
    """Refuse a place that is taken: whoever listens there would be asked whether our server is ready.

    Raises:
        ConfigurationError: nobody can listen there now; the rule says why.
    """
    errors: list[OSError] = []
    bound = 0
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        places, errors = [], [error]
    for family, kind, protocol, _, address in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                # As servers do it, so that connections of before, and the other family, hold nothing.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
            bound += 1
        except OSError as error:
            errors.append(error)
    if any(error.errno == errno.EADDRINUSE for error in errors):
        rule = f"{port} is in use; choose another with PORT or --port"
        raise ConfigurationError([Problem("command line", "port", rule)])
    if not bound:
        rule = f"{host} port {port} cannot be listened on ({why(errors[0])})"
        raise ConfigurationError([Problem("command line", "host", rule)])


async def _migrate(configuration: Configuration) -> Sequence[str]:
    """Bring the queue's schema up to date and return what was done."""
    queue = make_backends(configuration, "migrate").queue
    try:
        return await queue.migrate()
    finally:
        await queue.close()


@contextlib.asynccontextmanager
async def _started(role: str) -> AsyncIterator[tuple[Runtime, asyncio.Event]]:
    """Configure and connect a process of *role*, and stop it on signals."""
    configuration = await configure(role=role)
    start_logs(configuration, role)
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with start(configuration, role) as runtime:
        yield runtime, stop


async def _spawn(command: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start one subcommand in a session of its own, so that Ctrl-C reaches only us."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proofing.cli", *command, env=dict(environ), start_new_session=True
    )


async def _watch(
    processes: Sequence[asyncio.subprocess.Process],
    becoming_ready: Coroutine[Any, Any, bool],
    stop: asyncio.Event,
    greeting: str,
    started: float,
) -> int:
    """Say when the server is ready, then wait for the stop signal or for a process that ends by itself."""
    ends = [asyncio.create_task(process.wait()) for process in processes]
    stopped = asyncio.create_task(stop.wait())
    ready = asyncio.create_task(becoming_ready)
    try:
        await asyncio.wait([*ends, stopped, ready], return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and ready.result():
            print(f"{greeting} ({time.monotonic() - started:.1f} s). Ctrl-C stops it.", flush=True)
            await asyncio.wait([*ends, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 0
        ended = next((process for process in processes if process.returncode is not None), None)
        if ended is None:
            print("proofing: the web server did not become ready; see the log", file=sys.stderr)
            return 1
        name = "the web server" if ended is processes[-1] else "a worker"
        print(f"proofing: {name} ended by itself with code {ended.returncode}; see the log", file=sys.stderr)
        return ended.returncode or 1
    finally:
        for task in (*ends, stopped, ready):
            task.cancel()


async def _ready(host: str, port: int) -> bool:
    """Wait until the server that listens on *host* answers; False when it does not."""
    give_up = time.monotonic() + _READY_SECONDS
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError, TimeoutError, IndexError):
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(_EVERYWHERE.get(host, host), port)
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                status = await reader.readline()
                writer.close()
                if status.split()[1] == b"200":
                    return True
        await asyncio.sleep(0.05)
    return False


async def _stop(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Stop *processes*: politely, at a second signal without drain, and by force when that takes too long.

    None is left behind, as it would hold its port and its jobs.
    """
    try:
        _terminate(processes)
        try:
            await _ended(processes, _STOP_SECONDS)
        except asyncio.CancelledError:
            _terminate(processes)
            await _ended(processes, _HURRY_SECONDS)
            raise
    finally:
        left = [process for process in processes if process.returncode is None]
        for process in left:
            log(_logger, "process_killed", pid=process.pid)
            process.kill()
        await asyncio.gather(*(process.wait() for process in left))


def _terminate(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Ask those that run to stop, the web server first."""
    for process in reversed(processes):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)


async def _ended(processes: Sequence[asyncio.subprocess.Process], seconds: float) -> None:
    """Wait until all have ended, at most *seconds*."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(process.wait() for process in processes))
