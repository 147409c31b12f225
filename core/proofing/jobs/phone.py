"""The phone job: does the phone belong to the applicant? Vendors in order until a yes, or a sign of fraud."""

from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import EndState
from proofing.contracts.results import Check, CheckState, Outcome, PhoneResult, ProoferKind
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun
from proofing.rules.phone import asks_next, judge_phone

NO_VENDOR = "no_phone_vendor"
#: The timer's name in the logs of the original system; ``phone`` is the pre-check of the resolution job.
_STEP = "address"


async def proof_phone(run: JobRun, arguments: PIIArguments, tools: Tools) -> JobResult:
    """Ask the phone vendors; the last answer counts."""
    checks: list[Check[PhoneResult]] = []
    request = ProofingRequest(applicant=arguments.applicant, circumstances=arguments.circumstances)
    for loaded in tools.vendors_in_order(run, _STEP, ProoferKind.PHONE):
        checks.append(await run.ask(loaded, request, step=_STEP))
        if not asks_next(checks[-1]):
            break
    verdict = judge_phone(checks)
    facts = {"checks": {"phone": checks[-1].state if checks else CheckState.NOT_CHECKED}}
    if verdict.outcome is Outcome.UNKNOWN:
        reasons = verdict.reasons if checks else (NO_VENDOR,)
        return JobResult(
            end_state=EndState.VENDOR_EXCEPTION, reasons=reasons, timed_out=verdict.timed_out, facts=facts
        )
    return JobResult(outcome=verdict.outcome, reasons=verdict.reasons, facts=facts)


JOB = JobType(arguments=PIIArguments, work=proof_phone, required=("phone",))
