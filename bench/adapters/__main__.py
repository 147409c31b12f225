"""What an adapter adds to a question: CPU time, and the longest turn of the loop, without a network.

The client in its context takes the body, piece by piece as the real one does, and answers at once. So what is
measured is the adapter's own work and the encoding of what it sends. Add a vendor's module to `ADAPTERS`.
CPU time is that of all threads. Of adapters that are plain functions, which run in a thread, the longest turn
is how long that thread kept the loop waiting, in the better quarter of the questions: see `Gaps`.
"""

import asyncio
import gc
import inspect
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from urllib.parse import urlsplit

from bench.adapters import lexisnexis, sandboxed
from bench.adapters.case import AnsweringClient, Case
from bench.adapters.sandboxed import SandboxClient
from bench.report import Row, quantile, report
from bench.turns import Gaps, Turns
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.continuation import Due, Pending
from proofing.contracts.http import VendorResponse
from proofing.contracts.proofers import ProofingContext
from proofing.contracts.results import VendorResult
from proofing.outbound.blocking import ClientTwins
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process, open_proofer

#: The modules whose ``CASES`` are measured.
ADAPTERS = [lexisnexis, sandboxed]
RUNS = 3
QUESTIONS = 40
_WARM = 3


class LocalClient(AnsweringClient):
    """Gives the answers of the case."""

    async def request(
        self, _method: str, url: str, *, content=None, json_body=None, **_options
    ) -> VendorResponse:
        """Return the case's answer to *url*."""
        body = StreamedBody.json(json_body) if json_body is not None else content
        if isinstance(body, StreamedBody):
            async for _piece in body:
                pass
        last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        answer = self._case.answers.get(last) or self._case.answers["*"]
        return VendorResponse(200, {"content-type": "application/json"}, answer, self._case.proofer)


class Asker:
    """Asks the question of a case."""

    def __init__(self, case: Case) -> None:
        plugin = import_module(case.plugin)
        self.descriptor = next(one for one in plugin.proofing_proofers() if one.name == case.proofer)
        self._settings = plugin.proofing_settings().model_validate(dict(case.section))
        self._case = case
        self._request = case.request.reduce(self.descriptor)
        self.client = LocalClient(case) if case.answers is not None else SandboxClient(case)
        self.proofer = self.descriptor.make(self._settings, make_process())
        self.is_plain = not inspect.iscoroutinefunction(self.proofer.proof)
        self._context = self._make_context()

    def _make_context(self) -> ProofingContext:
        made = make_context(FakeVendor(lambda _request: None), self.descriptor, self._settings)
        twins = ClientTwins(self.client, made.cache, self.descriptor.name)
        return replace(made, http=self.client, sync=twins)

    async def open(self) -> None:
        """Do what a worker does before the first question."""
        await open_proofer(self.proofer, self._context)

    async def ask(self) -> VendorResult:
        """Ask once."""
        await self.client.begin()
        context = self._make_context() if self._case.is_forgetful else self._context
        answer = await self._call(self.proofer.proof, self._request, context)
        if isinstance(answer, Pending):
            await self.client.visit(answer.then.url)
            request = replace(self._request, images={})
            answer = await self._call(self.proofer.resume, request, answer, Due(), context)
        assert isinstance(answer, VendorResult)
        return answer

    async def _call(self, method, *arguments):
        if self.is_plain:
            return await asyncio.to_thread(method, *arguments)
        return await method(*arguments)


async def ask(case: Case) -> dict[str, float]:
    """Ask again and again; return the median CPU milliseconds of a question and the longest turn."""
    asker = Asker(case)
    await asker.open()
    for _ in range(_WARM):
        await asker.ask()
    await asker.client.end_recording()
    # As in a process that has run for a while: what was imported is not looked through for garbage.
    gc.collect()
    gc.freeze()
    turns = Gaps() if asker.is_plain else Turns()
    spent, stalls = [], []
    for number in range(-_WARM, QUESTIONS):
        # Each question begins a turn of its own, as a job does.
        await asyncio.sleep(0)
        if number == 0:
            spent.clear()
            stalls.clear()
        turns.longest = 0.0
        started = time.process_time()
        await asker.ask()
        spent.append((time.process_time() - started) * 1000)
        await asyncio.sleep(0)
        stalls.append(turns.longest * 1000)
    stall = quantile(stalls, 0.25) if asker.is_plain else max(stalls)
    return {"spent": statistics.median(spent), "stall": stall}


def measure(case: Case) -> dict[str, float]:
    """Return what one case takes, in a process of its own."""
    program = [sys.executable, "-m", "bench.adapters", case.title]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure every case and print the table."""
    rows = []
    for case in (case for adapter in ADAPTERS for case in adapter.CASES):
        found = [measure(case) for _ in range(RUNS)]
        for key, what, limit in (
            ("spent", "CPU time of a question", case.limit_milliseconds),
            ("stall", "longest turn of the loop", 5),
        ):
            runs = [one[key] for one in found]
            median = statistics.median(runs)
            rows.append(
                Row(
                    measure=f"{case.title}, {what}",
                    unit="ms",
                    ours=median,
                    limit=f"<= {limit:g}",
                    runs=runs,
                )
            )
    report("adapters", rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [name]:
            cases = (case for adapter in ADAPTERS for case in adapter.CASES)
            print(json.dumps(asyncio.run(ask(next(case for case in cases if case.title == name)))))
        case _:
            main()
