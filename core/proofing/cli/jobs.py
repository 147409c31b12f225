"""`proofing jobs` and `proofing queue`: what operators see of jobs, and do with them. Never personal data."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from proofing.cli import exits
from proofing.cli.stores import open_backends
from proofing.contracts.queues import JobSummary, Queue
from proofing.contracts.records import JobState

#: The beginning of a result id that is enough to look for one job.
_LEAST_PREFIX = 4


async def count(options: argparse.Namespace) -> int:
    """Print counts and ages."""
    async with _queue() as queue:
        stats = await queue.stats()
    if options.json:
        print(json.dumps({name: _plain(value) for name, value in asdict(stats).items()}))
        return 0
    workers = "unknown" if stats.workers is None else stats.workers
    for name in sorted({*stats.waiting, *stats.running, *stats.parked, *stats.paused}):
        # A backend that does not know its workers knows only what runs in this process: nothing.
        running = "unknown" if stats.workers is None else stats.running.get(name, 0)
        paused = f"  paused for {stats.paused[name]:.0f} s" if name in stats.paused else ""
        parked = stats.parked.get(name, 0)
        waiting = stats.waiting.get(name, 0)
        print(f"{name:<28} waiting {waiting:>6}  running {running:>7}  parked {parked:>6}{paused}")
    print(f"oldest ready job: {stats.oldest_seconds:.1f} s; workers: {workers}")
    for end, number in stats.ended.items():
        print(f"ended {end:<22} {number:>6}")
    for name, detail in {**stats.totals, **stats.details}.items():
        print(f"{name:<28} {detail:g}")
    return 0


async def list_jobs(options: argparse.Namespace) -> int:
    """Print one line for each job."""
    state = None if options.state is None else JobState(options.state)
    async with _queue() as queue:
        found = await queue.jobs(state=state, queue_name=options.queue, limit=options.limit)
    if options.json:
        print(json.dumps([asdict(job) for job in found]))
        return 0
    if not found:
        # Not among the lines, which a script may count.
        print("no jobs", file=sys.stderr)
    for job in found:
        print(_line(job))
    return 0


async def show(options: argparse.Namespace) -> int:
    """Print everything that an operator may know of one job."""
    async with _queue() as queue:
        found = await _find(queue, options.id)
    if (job := _only_one(found, options.id)) is None:
        return exits.NOT_FOUND
    if options.json:
        print(json.dumps(asdict(job)))
        return 0
    for name, value in asdict(job).items():
        shown = f"{value:.1f}" if isinstance(value, float) else value
        print(f"{name:<14} {'-' if shown in {None, ''} else shown}")
    return 0


async def cancel(options: argparse.Namespace) -> int:
    """Cancel one job: its page shows that it was canceled; 1 when it cannot be canceled anymore."""
    async with _queue() as queue:
        job = _only_one(await _find(queue, options.id), options.id)
        if job is None:
            return exits.NOT_FOUND
        is_canceled = job.state is not JobState.ENDED and await queue.cancel(job.result_id)
    if options.json:
        print(json.dumps({"result_id": job.result_id, "canceled": is_canceled}))
    elif is_canceled:
        print(f"canceled {job.result_id}")
    else:
        print(f"{job.result_id} cannot be canceled: it is {job.state}", file=sys.stderr)
    return 0 if is_canceled else 1


async def pause(options: argparse.Namespace) -> int:
    """Pause a queue: waiting jobs stay, and their clocks stop."""
    async with _queue() as queue:
        is_new = await queue.pause(options.name)
    _report(options, f"{options.name} {'is paused' if is_new else 'was paused already'}", changed=is_new)
    return 0


async def resume(options: argparse.Namespace) -> int:
    """Resume a queue; its jobs start within seconds."""
    async with _queue() as queue:
        was_paused = await queue.resume(options.name)
    _report(options, f"{options.name} {'is resumed' if was_paused else 'was not paused'}", changed=was_paused)
    return 0


@asynccontextmanager
async def _queue() -> AsyncIterator[Queue]:
    """Give the open queue of the settings, and nothing else that they name."""
    async with open_backends("jobs", "queue") as (_configuration, backends):
        yield backends.queue


async def _find(queue: Queue, prefix: str) -> Sequence[JobSummary]:
    """Return jobs whose id begins with *prefix*; the first ones are enough to show that it is not enough."""
    if len(prefix.replace("-", "")) < _LEAST_PREFIX:
        return []
    return await queue.jobs(prefix=prefix, limit=10)


def _only_one(found: Sequence[JobSummary], prefix: str) -> JobSummary | None:
    """Return the job that was looked for, or print why there is none."""
    if not found:
        print(
            f"no job found for {prefix}: give the result id, or at least its first {_LEAST_PREFIX} digits",
            file=sys.stderr,
        )
        return None
    if len(found) > 1:
        print(f"several jobs begin with {prefix}:", file=sys.stderr)
        for job in found:
            print(f"  {_line(job)}", file=sys.stderr)
        return None
    return found[0]


def _line(job: JobSummary) -> str:
    """Return one line about a job."""
    return (
        f"{job.result_id}  {job.state:<9}  {job.queue_name:<28}  age {job.age_seconds:>8.1f} s"
        f"  executions {job.executions}  {_end_or_vendor(job)}"
    ).rstrip()


def _end_or_vendor(job: JobSummary) -> str:
    """Return how a job ended, or whom one that is parked waits for."""
    return job.vendor or "" if job.state is JobState.PARKED else job.end_state or ""


def _report(options: argparse.Namespace, sentence: str, *, changed: bool) -> None:
    """Print what was done to a queue."""
    print(json.dumps({"queue": options.name, "changed": changed}) if options.json else sentence)


def _plain(value: Any) -> Any:
    """Return maps as plain ones."""
    return dict(value) if isinstance(value, Mapping) else value
