"""What an adapter adds to a question: CPU time, and the longest turn of the loop, without a network.

The client in its context takes the body, piece by piece as the real one does, and answers at once. So what is
measured is the adapter's own work and the encoding of what it sends. Add a vendor's module to `ADAPTERS`.
"""

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from urllib.parse import urlsplit

from bench.adapters import lexisnexis
from bench.adapters.case import Case
from bench.report import Row, report
from bench.turns import Turns
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.outbound.client import OutboundClient
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process

#: The modules whose ``CASES`` are measured.
ADAPTERS = [lexisnexis]
RUNS = 3
QUESTIONS = 40
_WARM = 3


class LocalClient(OutboundClient):
    """Takes what it is to send, and answers without sending it."""

    def __init__(self, case: Case) -> None:
        self._case = case

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


async def ask(case: Case) -> dict[str, float]:
    """Ask again and again; return the median CPU milliseconds of a question and the longest turn."""
    plugin = import_module(case.plugin)
    descriptor = next(one for one in plugin.proofing_proofers() if one.name == case.proofer)
    settings = plugin.proofing_settings().model_validate(dict(case.section))
    proofer = descriptor.make(settings, make_process())
    request = case.request.reduce(descriptor)
    context = make_context(FakeVendor(lambda _request: None), descriptor, settings)
    context = replace(context, http=LocalClient(case))
    for _ in range(_WARM):
        await proofer.proof(request, context)
    # As in a process that has run for a while: what was imported is not looked through for garbage.
    gc.collect()
    gc.freeze()
    turns = Turns()
    await asyncio.sleep(0)  # the turn that is in progress is not measured
    spent = []
    for _ in range(QUESTIONS):
        # Each question begins a turn of its own, as a job does.
        await asyncio.sleep(0)
        started = time.thread_time()
        result = await proofer.proof(request, context)
        spent.append((time.thread_time() - started) * 1000)
        assert result.transaction_id
    return {"spent": statistics.median(spent), "stall": turns.longest * 1000}


def measure(case: Case) -> dict[str, float]:
    """Return what one case takes, in a process of its own."""
    program = [sys.executable, "-m", "bench.adapters", case.proofer]
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
                    measure=f"{case.proofer}, {what}",
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
            print(json.dumps(asyncio.run(ask(next(case for case in cases if case.proofer == name)))))
        case _:
            main()
