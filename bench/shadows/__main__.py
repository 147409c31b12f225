"""What a shadow costs a person: ``python -m bench.shadows [--seconds N]``; 330 s decide about 2 %.

Resolution jobs arrive at one process by chance, and ask a vendor that takes 0.3 s. Short blocks alternate, in
another order each round, with the same arrivals in all blocks of a round: no shadow (twice), a shadow that is
wanted for every question and crashes, hangs, blocks its loop or answers at once (a flood), and a control
without a shadow, whose vendor is 5 % slower. Each change of the 99th percentile has an interval, from a
bootstrap over the rounds. The run says by itself whether it could have shown 2 %: the two that are alike must
not differ by 2 %, and the control must.
"""

import argparse
import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from bench.report import Row, quantile, report
from bench.shadows.intervals import Change, change_of
from proofing import bootstrap
from proofing.base.metrics import SHADOW_ANSWERS
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.proofers import Maturity, ProoferDescriptor, ProofingRequest
from proofing.contracts.records import JobKind
from proofing.contracts.results import Outcome, ProoferKind, ResolutionResult
from proofing.jobs.arguments import PIIArguments
from proofing.jobs.asked_questions import AskedQuestion
from proofing.jobs.attempts import Submission, constant, new_result_id
from proofing.jobs.runner import JobRunner
from proofing.jobs.shadow import VendorShadows
from proofing.jobs.submissions import Submitter
from proofing.registry.proofers import LoadedProofer
from proofing.settings.vendor_values import VendorShadow
from proofing.testing.vendor_fakes import make_process
from proofing_devtools.capture import APPLICANT

_COMPANY = "Shadow Inc."
_VENDOR_SECONDS = 0.3
#: Of the control: more than the 2 % that are to be told from nothing.
_CONTROL = 1.05
_LIMIT_PERCENT = 2.0
_SHARE = 0.99
#: Jobs a second. Above what one process of the product should get, below what keeps a core busy.
_RATE = 80.0
#: The beginning of a block is not measured: a shadow makes its thread and its connections then.
_WARM_SECONDS, _BLOCK_SECONDS = 0.6, 2.4
_SETTINGS = {
    "plugins": ["huey", "local", "mock"],
    "ruby_workers_idv_enabled": False,
    "device_profiling_enabled": False,
    "state_id_vendor": None,
}
_AGREED = Circumstances(locale="en", compared_by=(_COMPANY,))


class Primary:
    """The vendor whose answers count.

    Attributes:
        seconds: how long it takes.
    """

    def __init__(self) -> None:
        self.seconds = _VENDOR_SECONDS

    async def proof(self, _request: object, _context: object) -> ResolutionResult:
        """Say yes, after its time."""
        await asyncio.sleep(self.seconds)
        return ResolutionResult(vendor_name="mock", outcome=Outcome.PASSED)


async def crash(_request: object, _context: object) -> ResolutionResult:
    """End the process, as far as it is let."""
    raise SystemExit


async def hang(_request: object, _context: object) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def block(_request: object, _context: object) -> None:
    """Block the loop of the shadows."""
    time.sleep(1)  # noqa: ASYNC251 - what is measured


async def answer(_request: object, _context: object) -> ResolutionResult:
    """Answer at once."""
    return ResolutionResult(vendor_name="other", outcome=Outcome.PASSED)


@dataclass(frozen=True, slots=True)
class Case:
    """What one kind of block has.

    Attributes:
        shadow: how it answers; None for none.
        slower: factor of the vendor's time.
    """

    shadow: Callable[[object, object], Awaitable[Any]] | None = None
    slower: float = 1.0


_CASES: Mapping[str, Case] = {
    "none": Case(),
    "none again": Case(),
    "control, vendor 5 % slower": Case(slower=_CONTROL),
    "crash": Case(crash),
    "hang": Case(hang),
    "block": Case(block),
    "flood": Case(answer),
}


@dataclass(slots=True)
class Found:
    """What one case came to.

    Attributes:
        latencies: milliseconds of each job, by round.
        cpu: milliseconds of processor time of the main thread for a job, by round.
    """

    latencies: list[list[float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


class Bench:
    """One process with a vendor, and a shadow of each block's own."""

    def __init__(self, runtime: bootstrap.Runtime) -> None:
        self.primary = Primary()
        self._runtime = runtime
        self._shadows: VendorShadows | None = None
        self._install("mock", self.primary.proof)
        parts = replace(runtime.parts, shadow=self._shadow)
        self._submitter = Submitter(parts, JobRunner(parts))

    def _shadow(self, question: AskedQuestion, request: ProofingRequest) -> None:
        if self._shadows is not None:
            self._shadows(question, request)

    def _install(self, name: str, proof: Callable[..., Awaitable[Any]]) -> None:
        """Have *proof* be the resolution vendor *name*."""
        descriptor = ProoferDescriptor(
            name=name,
            kind=ProoferKind.RESOLUTION,
            make=lambda *_: SimpleNamespace(proof=proof),
            company=_COMPANY,
            maturity=Maturity.MOCK,
        )
        proofers = self._runtime.configuration.plugins.proofers
        proofers[ProoferKind.RESOLUTION, name] = LoadedProofer("mock", descriptor, None, make_process)

    def _settle(self, case: Case) -> None:
        """Have a shadow, or none, for the next block."""
        self.primary.seconds = _VENDOR_SECONDS * case.slower
        live, wanted = self._runtime.configuration.live, None
        if case.shadow is not None:
            self._install("other", case.shadow)
            wanted = VendorShadow(vendor="other", percentage=100.0, per_hour=1_000_000)
            parts = self._runtime.parts
            self._shadows = VendorShadows(
                parts.results, live, parts.router, bootstrap.make_clients, parts.recorder
            )
        live.current = live.current.model_copy(update={"resolution_vendor_shadow": wanted})

    async def run(self, case: Case, arrivals: Sequence[float]) -> tuple[list[float], float]:
        """Return the latencies of one block in milliseconds, and the processor time of a job in its thread.

        Args:
            case: of the block.
            arrivals: of the jobs, in seconds after its beginning.
        """
        self._settle(case)
        gc.collect()
        begin, cpu = time.perf_counter(), time.thread_time()
        jobs = [self._job(begin, after) for after in arrivals]
        found = await asyncio.gather(*jobs)
        cpu = (time.thread_time() - cpu) * 1000 / len(arrivals)
        # What hangs or blocks must not reach into the next block.
        shadows, self._shadows = self._shadows, None
        if shadows is not None:
            await shadows.close()
        measured = zip(arrivals, found, strict=True)
        return [one for after, one in measured if after >= _WARM_SECONDS], cpu

    async def _job(self, begin: float, after: float) -> float:
        """Return how long a job took from when its person wanted it, late starts of a busy loop included."""
        due = begin + after
        await asyncio.sleep(due - time.perf_counter())
        await self._submitter.submit(
            Submission(
                result_id=new_result_id(),
                owner=new_result_id(),
                partner=None,
                verification=None,
                kind=JobKind.RESOLUTION,
                ready=constant(PIIArguments(applicant=APPLICANT, circumstances=_AGREED)),
                counters=[],
                inline=True,
            )
        )
        return (time.perf_counter() - due) * 1000


def arrivals_of(chance: random.Random) -> list[float]:
    """Return the arrivals of one block: independent of each other, as people are."""
    found, at = [], chance.expovariate(_RATE)
    while at < _WARM_SECONDS + _BLOCK_SECONDS:
        found.append(at)
        at += chance.expovariate(_RATE)
    return found


async def measure(directory: Path, seconds: float) -> dict[str, Found]:
    """Return what each case came to within so many *seconds*; at least two rounds."""
    path = directory / "settings.yaml"
    local = {"directory": str(directory / "local")}
    path.write_text(yaml.safe_dump({"default": {**_SETTINGS, "local": local}}))
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"}, role="web")
    chance, order = random.Random(7), list(_CASES.items())  # noqa: S311 - no secret
    found = {name: Found() for name in _CASES}
    async with bootstrap.start(configuration, "web") as runtime:
        bench = Bench(runtime)
        await bench.run(_CASES["none"], arrivals_of(chance))  # warm
        begin, longest, rounds = time.monotonic(), 0.0, 0
        while rounds < 2 or time.monotonic() + longest < begin + seconds:
            started, arrivals = time.monotonic(), arrivals_of(chance)
            chance.shuffle(order)
            for name, case in order:
                latencies, cpu = await bench.run(case, arrivals)
                found[name].latencies.append(latencies)
                found[name].cpu.append(cpu)
            longest, rounds = max(longest, time.monotonic() - started), rounds + 1
    return found


def verdict(changes: Mapping[str, Change]) -> str:
    """Say what the run has shown, in one line."""
    alike, control = changes["none again"], changes["control, vendor 5 % slower"]
    if alike.is_at_most(_LIMIT_PERCENT) is not True or alike.low < -_LIMIT_PERCENT:
        return "Not decided: two blocks that are alike differ too much. Repeat it on a quiet machine."
    if control.is_at_most(_LIMIT_PERCENT) is not False:
        return "Not decided: a vendor that is 5 % slower was not noticed. Repeat it for longer."
    shadows = {name: changes[name] for name, case in _CASES.items() if case.shadow}
    worse = [name for name, one in shadows.items() if one.is_at_most(_LIMIT_PERCENT) is False]
    unknown = [name for name, one in shadows.items() if one.is_at_most(_LIMIT_PERCENT) is None]
    if worse:
        return f"Refuted: more than 2 % by {', '.join(worse)}."
    if unknown:
        return f"Not decided for {', '.join(unknown)}: 2 % lies within the interval. Repeat it for longer."
    return "Shown: no shadow changes the 99th percentile by more than 2 %, with 95 % confidence each."


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=330.0)
    options = parser.parse_args()
    # In memory where there is a place for it: the disk is not what is measured.
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        found = asyncio.run(measure(Path(directory), options.seconds))
    rows, changes = [], {}
    without = found["none"].latencies
    for name, each in found.items():
        every = [one for latencies in each.latencies for one in latencies]
        runs = [quantile(latencies, _SHARE) for latencies in each.latencies]
        row = Row(
            measure=f"99th percentile of a job, shadow: {name}",
            unit="ms",
            ours=quantile(every, _SHARE),
            runs=runs,
        )
        if name != "none":
            # Both of those without a shadow are what shadows are compared with.
            base = without if name == "none again" else _joined(without, found["none again"].latencies)
            one = changes[name] = change_of(each.latencies, base, share=_SHARE)
            peers = {"change in %": one.percent, "from": one.low, "to": one.high}
            row = replace(row, peers=peers, limit="<= 2 %" if _CASES[name].shadow else "")
        rows.append(row)
        print(f"  {name}: {len(every)} jobs in {len(runs)} rounds")
    for name, each in found.items():
        ours, theirs = (quantile(one.cpu, 0.5) for one in (each, found["none"]))
        rows.append(
            Row(
                measure=f"CPU time of a job in its thread, shadow: {name}",
                unit="ms",
                ours=ours,
                peers={"change in %": (ours / theirs - 1) * 100},
                runs=each.cpu,
            )
        )
    asked = sum(
        sample.value
        for family in SHADOW_ANSWERS.collect()
        for sample in family.samples
        if "_total" in sample.name
    )
    rows.append(Row(measure="shadows begun or dropped meanwhile", unit="", ours=asked))
    report("shadows", rows)
    print(verdict(changes))


def _joined(first: Sequence[list[float]], second: Sequence[list[float]]) -> list[list[float]]:
    """Return the latencies of two cases, round by round."""
    return [[*one, *other] for one, other in zip(first, second, strict=True)]


main()
