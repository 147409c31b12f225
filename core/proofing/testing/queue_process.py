"""A worker in a process of its own (``python -m proofing.testing.queue_process``), to be killed and frozen.

The process makes the queue as core does (entry point, descriptor, settings), runs jobs that wait, note an
intent, "call" and publish, and writes each step into a `History`. Publishing is first-end-wins over all
processes, as in a result store: a file by result id that only one can make. SIGTERM drains.

A job's metadata steer its run: ``before`` and ``during`` are seconds before the intent and during the call;
``crash_at`` names the step at which the process kills itself, once: ``before_intent``, ``after_intent``,
``after_call`` or ``after_publish``. A job that ``parks`` does so in its first run, until it is woken.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofing.contracts.hooks import GROUP, BackendContext
from proofing.contracts.queues import ClaimedJob, JobMessage, Parked, Queue
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.testing.history import History
from proofing.testing.processes import start_process
from proofing.testing.queue_handlers import make_parked, make_record

_END_SECONDS = 30.0


class WorkerProcess:
    """One worker process.

    Args:
        plugin: entry point of the queue's plugin, which must offer a queue of the same name.
        settings: of the plugin, as in settings.yaml.
        folder: shared by all processes of a test: history and published ends.
        slots: for each kind.
        drain_seconds: after SIGTERM.
    """

    def __init__(
        self,
        plugin: str,
        settings: Mapping[str, Any],
        folder: Path,
        *,
        slots: int = 50,
        drain_seconds: float = 5.0,
    ) -> None:
        spec = {
            "plugin": plugin,
            "settings": dict(settings),
            "folder": str(folder),
            "slots": slots,
            "drain_seconds": drain_seconds,
        }
        self._process = start_process(
            [sys.executable, "-m", "proofing.testing.queue_process"], stdin=subprocess.PIPE
        )
        if self._process.stdin is not None:
            # Settings may hold a password, which must not appear in a process list.
            self._process.stdin.write(json.dumps(spec).encode())
            self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()
        self._process.wait(_END_SECONDS)

    def terminate(self) -> None:
        """Ask it to drain (SIGTERM)."""
        self._process.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float = _END_SECONDS) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait(seconds)


def make_backend(plugin: str, settings: Mapping[str, Any]) -> Queue:
    """Make the queue of a plugin, as core would, from settings as in settings.yaml."""
    (entry,) = entry_points(group=GROUP, name=plugin)
    module = entry.load()
    schema = module.proofing_settings()
    (descriptor,) = [item for item in module.proofing_queues() if item.name == plugin]
    context = BackendContext(
        environment="test", role="worker", public_url="http://127.0.0.1", secret=lambda _label: bytes(32)
    )
    queue: Queue = descriptor.make(schema.model_validate_json(json.dumps(settings)), context)
    return queue


class ChronicleHandler:
    """Runs jobs and writes down every step."""

    def __init__(self, folder: Path) -> None:
        """Write into *folder*."""
        self._history = History(folder / "history.jsonl")
        self._published = folder / "published"
        self._crashed = folder / "crashed"
        self._published.mkdir(exist_ok=True)
        self._crashed.mkdir(exist_ok=True)

    async def run(self, job: ClaimedJob) -> StatusRecord | Parked:
        """Wait, note, call, publish. See `proofing.contracts.queues.JobHandler`."""
        message = job.message
        history, plan = self._history, message.metadata
        notes = [note.hex() for note in message.notes]
        history.write("run", job=message.result_id, attempt=job.attempt, notes=notes)
        if plan.get("parks") and not message.is_parked:
            return make_parked()
        if job.age_seconds > message.stale_after_seconds:
            return self._publish(message, EndState.STALE)
        if message.intents:
            # As core ends a job whose only question was interrupted.
            return self._publish(message, EndState.UNKNOWN_OUTCOME)
        await asyncio.sleep(plan.get("before", 0))
        self._crash_point(message, "before_intent")
        # Written before and not after: the intent may be recorded although nobody lived to hear of it.
        history.write("intent", job=message.result_id)
        await job.record_intent("mock", question=1)
        self._crash_point(message, "after_intent")
        history.write("call", job=message.result_id)
        await asyncio.sleep(plan.get("during", 0))
        self._crash_point(message, "after_call")
        record = self._publish(message, EndState.DONE)
        self._crash_point(message, "after_publish")
        return record

    async def discard(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Publish *end*. See `proofing.contracts.queues.JobHandler`."""
        return self._publish(message, end)

    def _publish(self, message: JobMessage, end: EndState) -> StatusRecord:
        """Publish an end unless there is one, and return the effective one."""
        target = self._published / message.result_id
        record = make_record(message, end)
        with tempfile.NamedTemporaryFile(dir=self._published, prefix=".", delete=False) as file:
            file.write(record.to_json().encode())
        try:
            # Atomic, and only one can do it.
            os.link(file.name, target)
            accepted = True
        except FileExistsError:
            accepted = False
            record = StatusRecord.from_json(target.read_bytes())
        os.unlink(file.name)  # noqa: PTH108 - the counterpart of link
        self._history.write("end", job=message.result_id, end_state=end.value, accepted=accepted)
        return record

    def _crash_point(self, message: JobMessage, step: str) -> None:
        """Die here, if the job says so and nobody did before."""
        if message.metadata.get("crash_at") != step:
            return
        try:
            (self._crashed / message.result_id).touch(exist_ok=False)
        except FileExistsError:
            return
        self._history.write("kill", step=step)
        os.kill(os.getpid(), signal.SIGKILL)


def published_ends(folder: Path) -> dict[str, EndState]:
    """Return the published ends by result id."""
    ends = {}
    for file in (folder / "published").glob("[!.]*"):
        record = StatusRecord.from_json(file.read_bytes())
        if record.end_state is not None:
            ends[file.name] = record.end_state
    return ends


def whole_history(folder: Path) -> list[dict[str, Any]]:
    """Return every event, with the ends added that were published by a process killed before it wrote so."""
    events = History(folder / "history.jsonl").read()
    accepted = {event["job"] for event in events if event["event"] == "end" and event["accepted"]}
    return events + [
        {"event": "end", "job": job, "end_state": end.value, "accepted": True}
        for job, end in published_ends(folder).items()
        if job not in accepted
    ]


async def _work(spec: Mapping[str, Any]) -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    queue = make_backend(spec["plugin"], spec["settings"])
    slots = {kind.queue_name: int(spec["slots"]) for kind in JobKind}
    handler = ChronicleHandler(Path(spec["folder"]))
    try:
        await queue.work(handler, slots=slots, stop=stop, drain_seconds=spec["drain_seconds"])
    finally:
        await queue.close()


if __name__ == "__main__":
    asyncio.run(_work(json.load(sys.stdin)))
