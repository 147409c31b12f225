"""A process that adds call records (``python -m proofing.testing.call_process``), to be killed.

It makes the store as core does (entry point, descriptor, settings), and adds one record and one decision at a
time. It writes the id of the record after each `CallStore.add` that returned.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from proofing.contracts.call_records import CallStore
from proofing.contracts.hooks import GROUP, BackendContext
from proofing.testing.call_basis import make_call, make_decision
from proofing.testing.processes import start_process_async


async def start_adder(spec: Mapping[str, Any]) -> asyncio.subprocess.Process:
    """Start a process that adds records until it is killed; *spec* says to which store."""
    process = await start_process_async(
        sys.executable,
        "-m",
        "proofing.testing.call_process",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    # Settings may hold a password, which must not appear in a process list.
    process.stdin.write(json.dumps(spec).encode())
    process.stdin.close()
    return process


def make_backend(plugin: str, settings: Mapping[str, Any]) -> CallStore:
    """Make the call store of a plugin, as core would, from settings as in settings.yaml."""
    (entry,) = entry_points(group=GROUP, name=plugin)
    module = entry.load()
    schema = module.proofing_settings()
    (descriptor,) = [item for item in module.proofing_call_stores() if item.name == plugin]
    context = BackendContext(
        environment="test", role="worker", public_url="http://127.0.0.1", secret=lambda _label: bytes(32)
    )
    store: CallStore = descriptor.make(schema.model_validate_json(json.dumps(settings)), context)
    return store


async def _main() -> None:
    spec = json.loads(sys.stdin.read())
    store = make_backend(spec["plugin"], spec["settings"])
    await store.open()
    while True:
        call = make_call()
        await store.add([call], [make_decision(job=call.id)])
        sys.stdout.write(f"{call.id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
