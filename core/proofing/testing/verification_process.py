"""A process that changes verifications (``python -m proofing.testing.verification_process``), to be killed.

It makes the store as core does (entry point, descriptor, settings), and takes verifications, one after the
other, through three changes: created, a job begun, its end. It writes ``ID SEQUENCE`` after each that
returned.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from proofing.contracts.hooks import GROUP, BackendContext
from proofing.contracts.verification_store import VerificationStore
from proofing.contracts.verifications import EventType, Sealed, VerificationState
from proofing.testing.processes import start_process_async
from proofing.testing.verification_basis import (
    SEALED,
    make_answer,
    make_begun,
    make_end,
    make_event,
    make_verification,
)

ENDPOINT = "hook"


async def start_writer(spec: Mapping[str, Any], *, count: int) -> asyncio.subprocess.Process:
    """Start a process that takes *count* verifications through their changes; *spec* says on which store."""
    process = await start_process_async(
        sys.executable,
        "-m",
        "proofing.testing.verification_process",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    # Settings may hold a password, which must not appear in a process list.
    process.stdin.write(json.dumps({**spec, "count": count}).encode())
    process.stdin.close()
    return process


def make_backend(plugin: str, settings: Mapping[str, Any]) -> VerificationStore:
    """Make the verification store of a plugin, as core would, from settings as in settings.yaml."""
    (entry,) = entry_points(group=GROUP, name=plugin)
    module = entry.load()
    schema = module.proofing_settings()
    (descriptor,) = [item for item in module.proofing_verification_stores() if item.name == plugin]
    context = BackendContext(
        environment="test", role="worker", public_url="http://127.0.0.1", secret=lambda _label: bytes(32)
    )
    store: VerificationStore = descriptor.make(schema.model_validate_json(json.dumps(settings)), context)
    return store


async def take_through(store: VerificationStore) -> None:
    """Create a verification, begin a job of it, end it; report each change that returned."""
    record = make_verification()
    created = await store.create(
        record,
        sealed=SEALED,
        events=[make_event(EventType.CREATED, endpoints=[ENDPOINT])],
        idempotency=make_answer(record.id),
    )
    assert created.record is not None
    _report(record.id, 1)
    begun = make_begun(record)
    record = record.changed(at=time.time(), state=VerificationState.PROCESSING)
    event = make_event(EventType.PROCESSING, endpoints=[ENDPOINT])
    assert (await store.change(record, begun=begun, events=[event])).is_kept
    _report(record.id, 2)
    record = record.changed(at=time.time(), state=VerificationState.VERIFIED)
    event = make_event(EventType.VERIFIED, endpoints=[ENDPOINT])
    ended = await store.change(
        record, end=make_end(begun), sealed={Sealed.CLAIMS: b"claims", Sealed.CONTEXT: None}, events=[event]
    )
    assert ended.is_kept
    _report(record.id, 3)


def _report(verification_id: str, sequence: int) -> None:
    sys.stdout.write(f"{verification_id} {sequence}\n")
    sys.stdout.flush()


async def _main() -> None:
    spec = json.loads(sys.stdin.read())
    store = make_backend(spec["plugin"], spec["settings"])
    await store.open()
    for _ in range(spec["count"]):
        await take_through(store)
    await store.close()


if __name__ == "__main__":
    asyncio.run(_main())
