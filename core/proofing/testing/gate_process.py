"""A process that asks a vendor which is not there (``python -m proofing.testing.gate_process``).

It makes the result store as core does (entry point, descriptor, settings), and puts questions through a
`Gatekeeper` with its own settings, several side by side, as fast as the gates let them. It writes a line for
each call when it begins: the monotonic clock of the machine, ``call`` or ``probe``, and how long it waited.
"""

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from typing import Any

from proofing.contracts.hooks import GROUP, BackendContext
from proofing.contracts.results import ProoferKind
from proofing.contracts.stores import ResultStore
from proofing.contracts.vendor_gates import GateOutcome
from proofing.routing.gates import Gatekeeper
from proofing.settings import LiveSettings, Settings
from proofing.testing.processes import start_process_async

#: Whom it asks.
PRODUCT = "acme:phone"
KIND = ProoferKind.PHONE
_JOB_SECONDS = 50.0
#: A loop that was refused tries again after this long.
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """What a process does.

    Attributes:
        plugin: that offers the result store, under this name.
        settings: of the plugin, as in settings.yaml.
        routing: the terms of the gates, as in settings.yaml.
        outcome: of every call.
        side_by_side: questions at once.
        call_seconds: how long a call takes.
        seconds: how long it asks.
    """

    plugin: str
    settings: Mapping[str, Any]
    routing: Mapping[str, Any] = field(default_factory=dict)
    outcome: GateOutcome = GateOutcome.ANSWERED
    side_by_side: int = 1
    call_seconds: float = 0.0
    seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that a process made."""

    at: float
    is_probe: bool
    waited: float


def make_results(plugin: str, settings: Mapping[str, Any]) -> ResultStore:
    """Make the result store of a plugin, as core would, from settings as in settings.yaml."""
    (entry,) = entry_points(group=GROUP, name=plugin)
    module = entry.load()
    schema = module.proofing_settings()
    (descriptor,) = [item for item in module.proofing_result_stores() if item.name == plugin]
    context = BackendContext(
        environment="test", role="worker", public_url="http://127.0.0.1", secret=lambda _label: bytes(32)
    )
    store: ResultStore = descriptor.make(schema.model_validate_json(json.dumps(settings)), context)
    return store


def make_gatekeeper(store: ResultStore, routing: Mapping[str, Any]) -> Gatekeeper:
    """Return a gatekeeper with the terms of *routing*."""
    key = "00" * 32
    settings = Settings.model_validate(
        {"session_encryption_key": key, "hmac_fingerprinter_key": key, **routing}
    )
    return Gatekeeper(store, LiveSettings(settings))


async def start_asker(asker: Asker) -> asyncio.subprocess.Process:
    """Start a process that does what *asker* says, once `go` lets it."""
    process = await start_process_async(
        sys.executable,
        "-m",
        "proofing.testing.gate_process",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    # Settings may hold a password, which must not appear in a process list.
    process.stdin.write(json.dumps(asdict(asker)).encode() + b"\n")
    assert await process.stdout.readline() == b"ready\n"
    return process


def go(process: asyncio.subprocess.Process, *, until: float) -> None:
    """Let *process* ask, *until* then by the monotonic clock; one that is late begins nothing."""
    assert process.stdin is not None
    process.stdin.write(f"{until}\n".encode())


async def ask_together(askers: Sequence[Asker]) -> list[Call]:
    """Run processes until they end, and return their calls in order of time."""
    processes = await asyncio.gather(*(start_asker(asker) for asker in askers))
    now = time.monotonic()
    for process, asker in zip(processes, askers, strict=True):
        go(process, until=now + asker.seconds)
    outputs = await asyncio.gather(*(process.communicate() for process in processes))
    assert {process.returncode for process in processes} == {0}
    return sorted(
        (read_call(line) for output, _ in outputs for line in output.splitlines()), key=lambda c: c.at
    )


def read_call(line: bytes) -> Call:
    """Read a line of a process."""
    at, what, waited = line.decode().split()
    return Call(at=float(at), is_probe=what == "probe", waited=float(waited))


async def _ask(gatekeeper: Gatekeeper, asker: Asker, until: float) -> None:
    """Put one question after the other until the time is over."""
    while (began := time.monotonic()) < until:
        with await gatekeeper.enter(KIND, [PRODUCT], seconds_left=_JOB_SECONDS) as permit:
            now = time.monotonic()
            if permit.vendor is None:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            _write(f"{now} {'probe' if permit.is_probe else 'call'} {now - began}")
            await asyncio.sleep(asker.call_seconds)
            permit.report(GateOutcome(asker.outcome))


async def _main() -> None:
    """Do what standard input says."""
    logging.getLogger("proofing").addHandler(logging.NullHandler())
    asker = Asker(**json.loads(sys.stdin.readline()))
    store = make_results(asker.plugin, asker.settings)
    await store.open()
    gatekeeper = make_gatekeeper(store, asker.routing)
    _write("ready")
    until = float(await asyncio.to_thread(sys.stdin.readline))
    await asyncio.gather(*(_ask(gatekeeper, asker, until) for _ in range(asker.side_by_side)))
    await gatekeeper.close()
    await store.close()


def _write(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
