"""The phone job: does the phone belong to the applicant? Vendors in order until a yes."""

from typing import Any

from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import EndState
from proofing.contracts.results import Check, Outcome, ProoferKind
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun

NO_VENDOR = "no_phone_vendor"
#: The timer's name in the logs of the original system; ``phone`` is the pre-check of the resolution job.
_STEP = "address"


async def proof_phone(run: JobRun, arguments: PIIArguments, tools: Tools) -> JobResult:
    """Ask the phone vendors; the last answer counts."""
    last: Check[Any] | None = None
    request = ProofingRequest(applicant=arguments.applicant, circumstances=arguments.circumstances)
    for loaded in tools.vendors_in_order(run, _STEP, ProoferKind.PHONE):
        last = await run.ask(loaded, request, step=_STEP)
        if last.passed:
            break
    if last is None:
        return JobResult(end_state=EndState.VENDOR_EXCEPTION, reasons=(NO_VENDOR,))
    if last.result is None or last.result.outcome is Outcome.UNKNOWN:
        return JobResult(end_state=EndState.VENDOR_EXCEPTION, timed_out=last.timed_out)
    return JobResult(outcome=last.result.outcome, reasons=last.result.reasons)


JOB = JobType(arguments=PIIArguments, work=proof_phone, required=("phone",))
