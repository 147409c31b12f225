"""`proofing run`, `web`, `worker`, `migrate` and `stand-in`: the processes that do the work."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from proofing import __version__
from proofing.app.probes import serve_probes
from proofing.app.readiness import Readiness
from proofing.app.worker import stop_on_signals
from proofing.base.errors import ConfigurationError, PluginError, Problem
from proofing.base.listening import close_sockets, listen_sockets
from proofing.base.logs import get_logger, log
from proofing.base.tracing import start_tracing, stop_tracing
from proofing.bootstrap import Configuration, Runtime, configure, make_backends, start
from proofing.cli import demo
from proofing.cli.argument_types import port_number
from proofing.cli.parent import stop_with_parent
from proofing.cli.startup import failed_starts_logged, start_logs
from proofing.routing.vendors import with_stand_ins
from proofing.settings import Settings

_logger = get_logger(__name__)

_DEFAULT_PORT = 8000
#: How long `run` waits for a process of its own to become ready, to end after its drain, and to stop right
#: away.
_READY_SECONDS = 60.0
_END_SECONDS = 10.0
_HURRY_SECONDS = 10.0
#: How long a web process receives a form, and answers it without a job, once its drain is over.
_FORM_SECONDS = 20.0
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
    async with _started("web", options) as (runtime, stop):
        port = chosen_port(options.port)
        with failed_starts_logged("web"):
            listeners = listen_sockets(options.host, port)
        settings = runtime.configuration.settings
        async with serve_probes(_readiness(runtime, stop), settings.probe_host, settings.web_probe_port):
            await serve(runtime.service, listeners, stop=stop)
    return 0


async def worker(options: argparse.Namespace) -> int:
    """Work on jobs until told to stop."""
    async with _started("worker", options) as (runtime, stop):
        settings = runtime.configuration.settings
        probe_host, probe_port = settings.probe_host, settings.worker_probe_port
        async with serve_probes(_readiness(runtime, stop), probe_host, probe_port):
            # What was made until here lives as long as the process: no collection need look at it again.
            gc.collect()
            gc.freeze()
            await runtime.worker.work(stop)
    return 0


async def deliver(options: argparse.Namespace) -> int:
    """Deliver events, with the rights of a worker, until told to stop."""
    async with _started("worker", options) as (runtime, stop):
        settings = runtime.configuration.settings
        probe_host, probe_port = settings.probe_host, settings.worker_probe_port
        async with serve_probes(_readiness(runtime, stop), probe_host, probe_port):
            await runtime.deliverer.run(stop)
    return 0


def _readiness(runtime: Runtime, stop: asyncio.Event) -> Readiness:
    """Return what asks the backends of *runtime*, until *stop* is set.

    The call store is not among them: while it is down, people are served, and nothing of theirs is lost.
    """
    asked = [(key, backend) for key, backend in runtime.backends.in_order() if key != "call_store"]
    router, gates = runtime.configuration.router, runtime.parts.gates
    return Readiness(
        asked, runtime.configuration.live, stop, read_gates=lambda: gates.read(router.products())
    )


async def migrate(_options: argparse.Namespace) -> int:
    """Bring the queue's schema up to date."""
    with failed_starts_logged("migrate"):
        configuration = await configure(role="migrate")
        start_logs(configuration, "migrate")
        done = await _migrate(configuration)
    print("\n".join(done) if done else "The schema is up to date.")
    return 0


async def stand_in(options: argparse.Namespace) -> int:
    """Play a vendor on this machine until told to stop."""
    with failed_starts_logged("stand-in"):
        configuration = await configure(role="stand-in")
        start_logs(configuration, "stand-in")
        if configuration.settings.is_production:
            raise ConfigurationError([Problem("command line", "vendor", "is not played in production")])
        proofers = configuration.plugins.proofers.values()
        found = [one for one in proofers if one.descriptor.name == options.vendor]
        loaded = next((one for one in found if one.descriptor.stand_in is not None), None)
        if loaded is None:
            rule = f"no enabled plugin plays a vendor {options.vendor}"
            raise ConfigurationError([Problem("command line", "vendor", rule)])
        stop = asyncio.Event()
        stop_on_signals(stop)
        if options.with_parent:
            stop_with_parent(stop, kill_after_seconds=_END_SECONDS)
        await loaded.play(stop)
    return 0


async def run(options: argparse.Namespace) -> int:
    """Start web, workers and stand-ins of vendors as processes of their own, and stop them together."""
    with failed_starts_logged("run"):
        configuration = await configure(role="run")  # wrong settings are reported once, here
        port = chosen_port(options.port)
        # Anyone who listens there already would be asked whether the new server is ready.
        close_sockets(listen_sockets(options.host, port))
        start_logs(configuration, "run")
        await _migrate(configuration)
    url = f"http://localhost:{port}"
    environ = dict(os.environ)
    if configuration.settings.public_url == f"http://localhost:{_DEFAULT_PORT}":
        environ["PROOFING_PUBLIC_URL"] = url
    stop = asyncio.Event()
    stop_on_signals(stop)
    started = time.monotonic()
    played = with_stand_ins(configuration.settings, configuration.plugins)
    places = {host for one in played for host in one.policy().hosts}
    greeting = f"Proofing is ready at {url}"
    samples: list[tuple[str, list[str]]] = []
    if demo.has_site(configuration.settings):
        demo_port = _free_port(options.host, port + 1)
        environ |= demo.variables_for(configuration.settings, demo_port)
        samples.append(("the sample site", ["demo", "--host", options.host, "--port", str(demo_port)]))
        places.add(f"{_EVERYWHERE.get(options.host, options.host)}:{demo_port}")
        greeting += f", and a sample site that uses it at {demo.site_url(demo_port)}"
    commands = [
        *(("the stand-in of a vendor", ["stand-in", one.descriptor.name]) for one in played),
        *[("a worker", ["worker"])] * options.workers,
        *samples,
        ("the web server", ["web", "--host", options.host, "--port", str(port)]),
    ]
    # By what each is, for people.
    processes: dict[asyncio.subprocess.Process, str] = {}
    try:
        for name, command in commands:
            # One by one, so that those of before are stopped when a later one cannot be started.
            processes[await _spawn(command, environ)] = name
        code = await _watch(processes, _ready(options.host, port, places), stop, greeting, started)
    finally:
        await _stop(list(processes), _stop_seconds(configuration.settings))
    return code


def _free_port(host: str, wanted: int) -> int:
    """Return *wanted*, or another port where somebody listens there."""
    for port in (wanted, 0):
        with contextlib.suppress(ConfigurationError, OSError, OverflowError):
            listeners = listen_sockets(host, port)
            found: int = listeners[0].getsockname()[1]
            close_sockets(listeners)
            return found
    raise ConfigurationError([Problem("command line", "host", "has no free port")])


async def _migrate(configuration: Configuration) -> Sequence[str]:
    """Bring the tables of the queue and of durable stores up to date and return what was done."""
    backends = make_backends(configuration, "migrate")
    async with contextlib.AsyncExitStack() as stack:
        done: list[str] = []
        for backend in (backends.queue, backends.verifications, backends.calls):
            stack.push_async_callback(backend.close)
            done += await backend.migrate()
        return done


@contextlib.asynccontextmanager
async def _started(role: str, options: argparse.Namespace) -> AsyncIterator[tuple[Runtime, asyncio.Event]]:
    """Configure and connect a process of *role*, and stop it on signals, or with its parent."""
    async with contextlib.AsyncExitStack() as stack:
        with failed_starts_logged(role):
            configuration = await configure(role=role)
            start_logs(configuration, role)
            start_tracing(role, __version__)
            stack.push_async_callback(asyncio.to_thread, stop_tracing)
            stop = asyncio.Event()
            stop_on_signals(stop)
            if options.with_parent:
                stop_with_parent(stop, kill_after_seconds=_stop_seconds(configuration.settings))
            runtime = await stack.enter_async_context(start(configuration, role))
        yield runtime, stop


async def _spawn(command: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start one subcommand in a session of its own, so that Ctrl-C reaches only us.

    Its standard input is a pipe that ends when we do, by whatever signal.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proofing.cli", *command, "--with-parent"),
        env=dict(environ),
        start_new_session=True,
        stdin=asyncio.subprocess.PIPE,
    )


async def _watch(
    processes: Mapping[asyncio.subprocess.Process, str],
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
        print(
            f"proofing: {processes[ended]} exited unexpectedly with status {ended.returncode}; see the log",
            file=sys.stderr,
        )
        # A signal, which is a negative number here, is not an exit code of its own.
        return max(ended.returncode or 0, 1)
    finally:
        for task in (*ends, stopped, ready):
            task.cancel()


async def _ready(host: str, port: int, places: Collection[str] = ()) -> bool:
    """Wait until the server that listens on *host* answers; False when it does not.

    Vendors that are played at *places* must take connections, too: who asks them asks once.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, TimeoutError, IndexError):
            async with asyncio.timeout(2):
                for place in places:
                    (await asyncio.open_connection(*place.rsplit(":", 1)))[1].close()
                reader, writer = await asyncio.open_connection(_EVERYWHERE.get(host, host), port)
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                status = await reader.readline()
                writer.close()
                if status.split()[1] == b"200":
                    return True
        await asyncio.sleep(0.05)
    return False


def _stop_seconds(settings: Settings) -> float:
    """Return how long processes may take to stop: the longer of their drains, and some to end."""
    answers = _FORM_SECONDS
    if not settings.ruby_workers_idv_enabled:
        answers += settings.job_deadline_seconds
    return max(settings.worker_drain_seconds, settings.web_drain_seconds + answers) + _END_SECONDS


async def _stop(processes: Sequence[asyncio.subprocess.Process], seconds: float) -> None:
    """Stop *processes*: politely, at a second signal without drain, and by force when that takes too long.

    None is left behind, as it would hold its port and its jobs.
    """
    try:
        _terminate(processes)
        try:
            await _ended(processes, seconds)
        except asyncio.CancelledError:
            _terminate(processes)
            await _ended(processes, _HURRY_SECONDS)
            raise
    finally:
        left = [process for process in processes if process.returncode is None]
        for process in left:
            log(_logger, "process_killed", level=logging.WARNING, pid=process.pid)
            process.kill()
        await asyncio.gather(*(process.wait() for process in left))


def _terminate(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Ask those that run to stop, the web server first, stand-ins of vendors last."""
    for process in reversed(processes):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)


async def _ended(processes: Sequence[asyncio.subprocess.Process], seconds: float) -> None:
    """Wait until all have ended, at most *seconds*."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(process.wait() for process in processes))
